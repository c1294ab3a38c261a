/*
 * modules.c - the loaded objects, and those that are gone: frames and globals of old snapshots still refer to them.
 *
 * How we learn of libraries that come and go: dlopen cannot be wrapped, since the loader looks at its caller's address for
 * RUNPATH, $ORIGIN and the namespace, and a wrapper would be that caller. So the loader's own counters of objects
 * added and removed are compared, which is cheap, at ticks, at setlocale and before each snapshot. dlclose has no such
 * dependence and is wrapped (entry_process.c), because frames must be bound to a module before its addresses serve another.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>

#include "glue.h"

#define MODULES_MAX 8192u
#define NOTE_GNU_BUILD_ID 3u

trylock_t modules_lock;
static struct module *modules[MODULES_MAX];
static bool module_seen[MODULES_MAX];
static _Atomic uint32_t modules_used;
static _Atomic uint64_t loader_adds, loader_subs;

static void read_build_id(struct module *m, const char *note, const char *end)
{
	while (note + sizeof(ElfW(Nhdr)) <= end) {
		const ElfW(Nhdr) *header = (const void *)note;
		const char *name = note + sizeof(*header);
		const uint8_t *id = (const uint8_t *)name + ((header->n_namesz + 3) & ~3u);

		if ((const char *)id + header->n_descsz > end)
			return;
		if (header->n_type == NOTE_GNU_BUILD_ID && header->n_namesz == 4 &&
		    !memcmp(name, "GNU", 4)) {
			for (uint32_t i = 0; i < header->n_descsz && i < 20; i++) {
				m->build_id[2 * i] = "0123456789abcdef"[id[i] >> 4];
				m->build_id[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
			}
			return;
		}
		note = (const char *)id + ((header->n_descsz + 3) & ~3u);
	}
}

static const char *copy_text(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = arena_alloc(n);

	return copy ? memcpy(copy, text, n) : "";
}

/* dlopen("./plugin.so"), or LD_LIBRARY_PATH=lib: the dump is read in another folder. */
static bool from_here(const char *path, char *ret, size_t size)
{
	size_t length = strlen(path) + 1;
	long n;

	if (*path == '/' || !strchr(path, '/') || shim_sandboxed)
		return false;
	n = sys(SYS_getcwd, ret, size); /* with its zero */
	if (n <= 0 || *ret != '/' || (size_t)n + length > size)
		return false;
	ret[n - 1] = '/';
	memcpy(ret + n, path, length);
	return sys(SYS_faccessat, AT_FDCWD, ret, 0) == 0;
}

static const char *copy_path(const char *path)
{
	char program[4096];

	if (!*path) { /* the program itself has no name in the list */
		long length = sys(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program,
				  sizeof(program) - 1);
		program[length > 0 ? length : 0] = 0;
		path = program;
	} else if (from_here(path, program, sizeof program)) {
		path = program;
	}
	return copy_text(path);
}

/* What adapters/php.c loaded from beside us. */
static bool is_adapter(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && strncmp(slash, "/refgraph-php-", 14) == 0;
}

static void read_bounds(struct module *m, const struct dl_phdr_info *info)
{
	m->base = info->dlpi_addr;
	m->low = UINTPTR_MAX;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t low = m->base + p->p_vaddr, high = low + p->p_memsz;

		if (p->p_type == PT_DYNAMIC)
			m->dynamic = low;
		if (p->p_type == PT_TLS) {
			m->tls_id = info->dlpi_tls_modid;
			m->tls_size = p->p_memsz;
		}
		if (p->p_type != PT_LOAD)
			continue;
		if ((low & ~(uintptr_t)4095) < m->low)
			m->low = low & ~(uintptr_t)4095;
		if (high > m->high)
			m->high = (high + 4095) & ~(uintptr_t)4095;
		if (p->p_flags & PF_W &&
		    m->nwritable < sizeof(m->writable) / sizeof(m->writable[0])) {
			m->writable[m->nwritable].low = low;
			m->writable[m->nwritable++].high = high;
		}
	}
	if (m->low > m->high)
		m->low = m->high = m->base;
	m->own = ((uintptr_t)modules_refresh >= m->low && (uintptr_t)modules_refresh < m->high) ||
		 is_adapter(info->dlpi_name);
}

/* Bytes of a note that lies in memory, that is inside a readable segment. */
static void read_notes(struct module *m, const struct dl_phdr_info *info)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const char *note = (const char *)(m->base + p->p_vaddr);

		if (p->p_type != PT_NOTE || (uintptr_t)note < m->low ||
		    (uintptr_t)note + p->p_memsz > m->high)
			continue;
		read_build_id(m, note, note + p->p_memsz);
		if (m->build_id[0])
			return;
	}
}

static bool same_module(const struct module *m, const struct module *other, const char *path)
{
	return m->base == other->base && m->low == other->low && m->high == other->high &&
	       (!*path || !strcmp(m->name, path));
}

/* A library that is loaded again where it was is the same module: plug-ins come and go thousands of times. */
static bool module_revive(const struct module *found, const char *path)
{
	for (uint32_t i = 0; i < modules_used; i++) {
		struct module *m = modules[i];

		if (!same_module(m, found, path))
			continue;
		if (m->unloaded) {
			if (strcmp(m->build_id, found->build_id) != 0)
				continue;
			m->unloaded = 0;
			m->tls_id = found->tls_id;
			stack_recall(i);
		}
		module_seen[i] = true;
		return true;
	}
	return false;
}

static void module_add(const struct module *found, const char *path)
{
	uint32_t used = atomic_load_explicit(&modules_used, memory_order_relaxed);
	struct module *m = used < MODULES_MAX ? arena_alloc(sizeof(*m)) : NULL;

	if (!m) {
		counter_add(COUNTER_LOST_MODULES, 1);
		return;
	}
	*m = *found;
	m->path = copy_path(path);
	m->name = *path == '/' ? m->path : copy_text(path);
	m->loaded = atomic_load_explicit(&epoch_now, memory_order_relaxed);
	modules[used] = m;
	module_seen[used] = true;
	atomic_store_explicit(&modules_used, used + 1, memory_order_release);
}

/* The loader's list is locked by the loader around this; we take nothing but our own memory. */
static int on_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct module found = {0};
	const char *path = info->dlpi_name ? info->dlpi_name : "";

	atomic_store_explicit(&loader_adds, info->dlpi_adds, memory_order_relaxed);
	atomic_store_explicit(&loader_subs, info->dlpi_subs, memory_order_relaxed);
	read_bounds(&found, info);
	read_notes(&found, info);
	if (!module_revive(&found, path))
		module_add(&found, path);
	return 0;
}

static void module_gone(uint32_t index)
{
	struct module *m = modules[index];

	m->unloaded = atomic_load_explicit(&epoch_now, memory_order_relaxed) + 1;
	stack_forget_range(m->low, m->high, index);
	if (unwinder && unwinder->forget)
		unwinder->forget(m->low, m->high);
}

/* New code may lie where a module that we never saw had been. */
static void module_came(const struct module *m)
{
	if (unwinder && unwinder->forget)
		unwinder->forget(m->low, m->high);
}

void modules_refresh(void)
{
	uint32_t before;

	if (!trylock(&modules_lock))
		return;
	before = atomic_load_explicit(&modules_used, memory_order_relaxed);
	memset(module_seen, 0, sizeof(module_seen));
	dl_iterate_phdr(on_object, NULL);
	for (uint32_t i = 0; i < before; i++) {
		if (!module_seen[i] && !modules[i]->unloaded)
			module_gone(i);
	}
	for (uint32_t i = before; before && i < modules_used; i++)
		module_came(modules[i]);
	trylock_release(&modules_lock);
}

struct loader_counters {
	uint64_t adds, subs;
};

static int first_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct loader_counters *now = context;

	now->adds = info->dlpi_adds;
	now->subs = info->dlpi_subs;
	return 1;
}

bool modules_poll(void)
{
	struct loader_counters now = {0, 0};

	dl_iterate_phdr(first_object, &now);
	if (now.adds == atomic_load_explicit(&loader_adds, memory_order_relaxed) &&
	    now.subs == atomic_load_explicit(&loader_subs, memory_order_relaxed))
		return false;
	modules_refresh();
	return true;
}

void modules_init(void)
{
	modules_refresh();
}

size_t modules_count(void)
{
	return atomic_load_explicit(&modules_used, memory_order_acquire);
}

const struct module *modules_get(size_t index)
{
	return modules[index];
}

uint32_t modules_find(uintptr_t address)
{
	uint32_t used = atomic_load_explicit(&modules_used, memory_order_acquire);

	for (uint32_t i = 0; i < used; i++) {
		if (address >= modules[i]->low && address < modules[i]->high &&
		    !modules[i]->unloaded)
			return i + 1;
	}
	return 0;
}
