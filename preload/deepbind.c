/*
 * deepbind.c - libraries that look for functions among their own dependencies first (RTLD_DEEPBIND: samba's modules, PHP's extensions): they
 * find libc's malloc() and free() ahead of ours. What they make is not seen then, and what they free, and strdup() or the program made,
 * seems to stay. So their imports are led to us. Under it lies the same allocator, so it does not matter when.
 *
 * When: the loader asks for the memory of its list's next node, by calloc(). From then on each hook that this thread enters looks at
 * the loader's counters, until all that came is relocated. What the library's constructors do goes by.
 *
 * Not where the program's allocator is another than libc's: the two would get each other's blocks.
 */
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "entry.h"
#include "hooks/got.h"

#define SEEN_MAX 4096u
/* Hooks that look, after the loader's last calloc(), before we give up: it failed to load. */
#define LOOKS 256u

static struct import {
	const char *name;
	uintptr_t ours, next;
} imports[] = {
#define IMPORT(f)                                                                                  \
	{                                                                                          \
#f, (uintptr_t)(f), 0                                                              \
	}
	IMPORT(malloc),		IMPORT(free),	      IMPORT(calloc),  IMPORT(realloc),
	IMPORT(memalign),	IMPORT(valloc),	      IMPORT(pvalloc), IMPORT(aligned_alloc),
	IMPORT(posix_memalign), IMPORT(reallocarray),
};
#define IMPORTS (sizeof imports / sizeof *imports)

/* Who cannot get it leaves it to the next. */
static trylock_t lock;
static uintptr_t seen[SEEN_MAX]; /* modules that are done, by base */
static size_t nseen;
static struct counters {
	uint64_t adds, subs;
} then;		   /* the loader's, when all was looked at */
static bool fresh; /* some were not relocated yet */
static uintptr_t loader_low, loader_high;
static _Atomic uint32_t looks;

static int read_counters(struct dl_phdr_info *info, size_t size, void *context)
{
	*(struct counters *)context = (struct counters){info->dlpi_adds, info->dlpi_subs};
	return 1;
}

/* What came with the program is bound to us already. */
static int on_first_object(struct dl_phdr_info *info, size_t size, void *context)
{
	if (nseen < SEEN_MAX)
		seen[nseen++] = info->dlpi_addr;
	return 0;
}

void deepbind_init(void)
{
	struct image loader, libc;

	if (!native_followed || !image_find(&libc, (uintptr_t)gnu_get_libc_version) ||
	    (uintptr_t)real.malloc < libc.low || (uintptr_t)real.malloc >= libc.high ||
	    !image_find(&loader, getauxval(AT_BASE)))
		return;
	for (size_t i = 0; i < IMPORTS; i++)
		imports[i].next = (uintptr_t)entry_next(imports[i].name);
	dl_iterate_phdr(read_counters, &then);
	dl_iterate_phdr(on_first_object, NULL);
	loader_low = loader.low;
	loader_high = loader.high;
}

bool deepbind_is_loader(uintptr_t caller)
{
	return caller >= loader_low && caller < loader_high;
}

void deepbind_expect(struct thread *t)
{
	t->next_tick = 0;
	atomic_store_explicit(&looks, LOOKS, memory_order_relaxed);
}

static bool is_seen(uintptr_t base)
{
	for (size_t i = nseen; i-- > 0;)
		if (seen[i] == base)
			return true;
	return false;
}

/* Where the import should lead; 0: as it does. */
static uintptr_t better(const struct image *image, const ElfW(Rela) * r, uintptr_t value)
{
	const ElfW(Sym) *symbol = &image->symbols[ELF64_R_SYM(r->r_info)];
	bool lazy = ELF64_R_TYPE(r->r_info) == R_X86_64_JUMP_SLOT && image_code(image, value) >= 0;

	if (symbol->st_shndx != SHN_UNDEF)
		return 0;
	for (size_t i = 0; i < IMPORTS; i++)
		if (imports[i].next &&
		    (lazy ? !strcmp(image->strings + symbol->st_name, imports[i].name)
			  : value == imports[i].next))
			return imports[i].ours;
	return 0;
}

static void lead(const struct image *image, const ElfW(Rela) * rela, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uintptr_t slot = image->base + rela[i].r_offset, value, to;
		unsigned type = ELF64_R_TYPE(rela[i].r_info);

		if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || slot % 8 ||
		    slot < image->low || slot + 8 > image->high)
			continue;
		value = *(const uintptr_t *)slot;
		to = value ? better(image, &rela[i], value) : 0;
		if (to && to != value)
			got_store(image, slot, to);
	}
}

static int on_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct image image;

	if (is_seen(info->dlpi_addr))
		return 0;
	if (image_read(&image, info) && image.symbols && image.strings &&
	    ((uintptr_t)on_object < image.low || (uintptr_t)on_object >= image.high)) {
		if (image_fresh(&image)) {
			fresh = true;
			return 0;
		}
		lead(&image, image.rela, image.nrela);
		lead(&image, image.plt_rela, image.nplt_rela);
	}
	if (nseen < SEEN_MAX)
		seen[nseen++] = info->dlpi_addr;
	return 0;
}

bool deepbind_look(void)
{
	uint32_t left = atomic_load_explicit(&looks, memory_order_relaxed);
	struct counters now = then;

	if (!loader_high || !trylock(&lock))
		return false;
	dl_iterate_phdr(read_counters, &now);
	if (now.subs != then.subs)
		nseen = 0; /* another may have come to the same place */
	if (now.adds != then.adds || now.subs != then.subs || fresh) {
		then = now;
		fresh = false;
		dl_iterate_phdr(on_object, NULL);
		left = fresh ? LOOKS : 0;
	} else if (left) {
		left--;
	}
	atomic_store_explicit(&looks, left, memory_order_relaxed);
	trylock_release(&lock);
	return left > 0;
}

void deepbind_after_fork_child(void)
{
	atomic_store(&lock, 0);
}
