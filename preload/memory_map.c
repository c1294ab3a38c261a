/*
 * memory_map.c - what is mapped and readable in the walker: its own /proc/self/maps, read once, first thing. Where
 * there is no /proc (a changed root), each page is probed instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "sys.h"
#include "walk.h"

#define PAGE ((uintptr_t)4096)

static bool map_add(struct memory_map *m, struct pool *pool, const struct mapping *one)
{
	if (m->count == m->capacity) {
		size_t capacity = m->capacity ? m->capacity * 2 : 1024;
		struct mapping *bigger = pool_map(pool, capacity * sizeof *bigger);
		if (!bigger)
			return false;
		if (m->maps) {
			memcpy(bigger, m->maps, m->count * sizeof *bigger);
			pool_unmap(pool, m->maps, m->capacity * sizeof *bigger);
		}
		m->maps = bigger;
		m->capacity = capacity;
	}
	m->maps[m->count++] = *one;
	return true;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* "7f00-7f10 rw-p 00000000 00:00 0    [name]" */
static void map_line(struct memory_map *m, struct pool *pool, const char *line)
{
	struct mapping one = {0};
	const char *end = line + strlen(line), *p = sys_number(line, end, 16, &one.low);
	if (*p++ != '-')
		return;
	p = sys_number(p, end, 16, &one.high);
	if (*p++ != ' ' || end - p < 4)
		return;
	one.readable = p[0] == 'r';
	one.writable = p[1] == 'w';
	for (unsigned fields = 0; *p && fields < 4; p++)
		fields += *p == ' ';
	while (*p == ' ')
		p++;
	one.anonymous = !*p || *p == '[';
	one.heap = starts(p, "[heap]");
	one.stack = starts(p, "[stack");
	/* device memory may fault or have side effects when it is read */
	one.special = starts(p, "[v") ||
		      (starts(p, "/dev/") && !starts(p, "/dev/shm/") && !starts(p, "/dev/zero"));
	map_add(m, pool, &one);
}

/* Lines end with '\n'; a line that is cut by the buffer is moved to its front. */
static void maps_parse(struct memory_map *m, struct pool *pool, long fd, char *buffer, size_t size)
{
	size_t have = 0;
	for (;;) {
		long got = sys(SYS_read, fd, buffer + have, size - 1 - have);
		char *line = buffer, *end;
		if (got <= 0)
			return;
		have += (size_t)got;
		buffer[have] = 0;
		while ((end = memchr(line, '\n', have - (size_t)(line - buffer)))) {
			*end = 0;
			map_line(m, pool, line);
			line = end + 1;
		}
		have -= (size_t)(line - buffer);
		memmove(buffer, line, have);
		if (have + 1 >= size)
			have = 0; /* a path longer than the buffer: its mapping was not parsed */
	}
}

void memory_map_read(struct memory_map *m, struct pool *pool)
{
	size_t size = 64u << 10;
	char *buffer = pool_map(pool, size);
	long fd = sys(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0 || !buffer)
		return;
	maps_parse(m, pool, fd, buffer, size);
	sys(SYS_close, fd);
	pool_unmap(pool, buffer, size);
	m->known = m->count > 0;
}

/* Index of the first mapping that ends above address. */
static size_t map_at(struct memory_map *m, uintptr_t address)
{
	size_t low = 0, high = m->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (m->maps[middle].high <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct mapping *mapping_at(struct memory_map *m, uintptr_t address)
{
	size_t i = m->last;
	if (!m->known)
		return NULL;
	if (i >= m->count || address < m->maps[i].low || address >= m->maps[i].high) {
		i = map_at(m, address);
		if (i == m->count || address < m->maps[i].low)
			return NULL;
		m->last = i;
	}
	return &m->maps[i];
}

const struct mapping *memory_mapping(struct memory_map *m, uintptr_t address)
{
	return mapping_at(m, address);
}

static bool probe_page(struct memory_map *m, uintptr_t page)
{
	if (page == m->page)
		return m->page_readable;
	m->page = page;
	m->page_readable = sys_can_read(page);
	return m->page_readable;
}

/*
 * A file may have been cut short after it was mapped: then the pages behind its new end, and only those, raise SIGBUS. One
 * probe of the last page tells for nearly all mappings that there are none.
 */
static uintptr_t usable_end(struct memory_map *m, struct mapping *one)
{
	uintptr_t good = one->low,
		  bad = one->high; /* below good all can be read, from bad on none */

	if (one->anonymous)
		return one->high;
	if (one->usable)
		return one->usable;
	if (probe_page(m, bad - PAGE))
		good = bad;
	while (good < bad) {
		uintptr_t middle = good + ((bad - good) / PAGE / 2) * PAGE;

		if (probe_page(m, middle))
			good = middle + PAGE;
		else
			bad = middle;
	}
	return one->usable = good;
}

static size_t readable_by_probe(struct memory_map *m, uintptr_t address, size_t size)
{
	uintptr_t at = address, end = address + size;
	while (at < end && probe_page(m, at & ~(PAGE - 1)))
		at = (at & ~(PAGE - 1)) + PAGE;
	return at < end ? at - address : size;
}

size_t memory_readable(struct memory_map *m, uintptr_t address, size_t size)
{
	uintptr_t at = address, end = address + size;
	struct mapping *one;
	uintptr_t usable;
	if (end < address)
		return 0;
	if (!m->known)
		return readable_by_probe(m, address, size);
	while (at < end) {
		one = mapping_at(m, at);
		if (!one || !one->readable || one->special)
			break;
		usable = usable_end(m, one);
		at = at < usable ? usable : at;
		if (usable < one->high)
			break;
	}
	return at < end ? at - address : size;
}

uintptr_t memory_next(struct memory_map *m, uintptr_t address, uintptr_t end)
{
	size_t i;
	if (!m->known) {
		uintptr_t at = (address + PAGE) & ~(PAGE - 1);
		return at < end ? at : end;
	}
	for (i = map_at(m, address); i < m->count && m->maps[i].low < end; i++) {
		uintptr_t low = m->maps[i].low > address ? m->maps[i].low : address;
		if (m->maps[i].readable && !m->maps[i].special && low > address)
			return low;
	}
	return end;
}
