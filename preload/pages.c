/*
 * pages.c - which pages of a forked process are still shared with another one, and which are its own.
 *
 * /proc/self/pagemap tells for each page whether it is mapped by this process alone (bit 56). That needs no privilege,
 * other than the number of the page frame, which is hidden from all but root; so nobody is told apart among those who share.
 * It is read in the program's own process, ahead of the clone: the walker is a copy that shares everything once more.
 */
#include <fcntl.h>
#include <string.h>

#include "glue.h"
#include "sys.h"

#define PAGE 4096u
#define PRESENT (1ull << 63)
#define OF_A_FILE (1ull << 61) /* or shared memory */
#define EXCLUSIVE (1ull << 56)

#define BATCH 8192u		 /* entries read at a time */
#define MOST_RUNS (1u << 20)	 /* 16 MiB */
#define MOST_ENTRIES (16u << 20) /* 64 GiB of address space: some 100 ms */

struct reader {
	long fd;
	uint64_t *entries;
	struct page_runs *runs;
	size_t room, left; /* left: entries that may still be read */
};

static bool runs_grow(struct reader *r)
{
	size_t room = r->room ? r->room * 4 : 4096;
	struct page_run *bigger;

	if (room > MOST_RUNS || !(bigger = arena_map(room * sizeof *bigger)))
		return false;
	if (r->runs->list)
		memcpy(bigger, r->runs->list, r->runs->n * sizeof *bigger);
	page_runs_free(r->runs);
	r->runs->list = bigger;
	r->runs->mapped = room * sizeof *bigger;
	r->room = room;
	return true;
}

static void page_seen(struct reader *r, uintptr_t address, uint32_t state)
{
	struct page_runs *runs = r->runs;
	struct page_run *last = runs->n ? &runs->list[runs->n - 1] : NULL;

	if (last && last->state == state && last->address + (uint64_t)last->pages * PAGE == address)
		last->pages++;
	else if (runs->n < r->room || runs_grow(r))
		runs->list[runs->n++] = (struct page_run){address, 1, state};
	else
		runs->lost++;
}

static uint32_t state_of(uint64_t entry, uintptr_t address)
{
	if (arena_owns(address))
		return RGD_PAGES_SHIM;
	return entry & EXCLUSIVE ? RGD_PAGES_PRIVATE : RGD_PAGES_SHARED;
}

static void read_range(struct reader *r, uintptr_t low, uintptr_t high)
{
	while (low < high) {
		size_t want = (high - low) / PAGE;
		long got;

		if (want > BATCH)
			want = BATCH;
		if (want > r->left) {
			r->runs->lost += (high - low) / PAGE;
			return;
		}
		got = sys(SYS_pread64, r->fd, r->entries, want * 8, low / PAGE * 8);
		if (got < 8)
			return;
		r->left -= want;
		for (size_t i = 0; i < (size_t)got / 8; i++)
			if (r->entries[i] & PRESENT && !(r->entries[i] & OF_A_FILE))
				page_seen(r, low + i * PAGE,
					  state_of(r->entries[i], low + i * PAGE));
		low += (size_t)got / 8 * PAGE;
	}
}

/* "low-high rw-p ...": memory that a fork shares until it is written. */
static bool is_head(const char *line, const char *end, uintptr_t *low, uintptr_t *high)
{
	const char *p = sys_number(line, end, 16, low);

	if (p == line || *p != '-')
		return false;
	p = sys_number(p + 1, end, 16, high);
	return *p == ' ' && p[1] && p[2] == 'w' && p[3] && p[4] == 'p' && *high > *low;
}

/* A mapping without resident pages is not looked at: reservations are large. */
static void each_mapping(struct reader *r, const char *smaps, size_t size)
{
	uintptr_t low = 0, high = 0;

	for (const char *p = smaps, *end; p < smaps + size; p = end + 1) {
		end = memchr(p, '\n', size - (size_t)(p - smaps));
		if (!end)
			return;
		if ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')) {
			if (!is_head(p, end, &low, &high))
				low = high = 0;
		} else if (low < high && end - p > 10 && !memcmp(p, "Anonymous:", 10)) {
			p += 10;
			while (*p == ' ')
				p++;
			if (*p != '0')
				read_range(r, low, high);
			low = high = 0;
		}
	}
}

void page_runs_read(const char *smaps, size_t size, struct page_runs *ret)
{
	struct reader r = {.runs = ret, .left = MOST_ENTRIES};

	memset(ret, 0, sizeof *ret);
	r.fd = sys(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	if (r.fd < 0)
		return;
	r.entries = arena_map(BATCH * sizeof *r.entries);
	if (r.entries)
		each_mapping(&r, smaps, size);
	arena_unmap(r.entries, BATCH * sizeof *r.entries);
	sys(SYS_close, r.fd);
}

void page_runs_free(struct page_runs *runs)
{
	arena_unmap(runs->list, runs->mapped);
	runs->list = NULL;
	runs->mapped = 0;
}
