/*
 * entry_malloc.c - the C allocator's hooks, and how the real functions are found.
 *
 * The first hook is often called by ld.so or by another library's constructor, long before ours. `real` therefore starts with
 * functions that find the real ones first; what dlsym itself asks for meanwhile comes from a small static arena, whose
 * blocks are never freed.
 *
 * A block leaves the table before the real free: afterwards another thread may own the address. It enters after the real
 * malloc. A hook that passes through (re-entry) does not record but still forgets: a signal handler may free.
 */
#include <dlfcn.h>
#include <link.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "entry.h"
#include "hooks/elf_symbols.h"
#include "hooks/quarantine.h"
#include "site_counts.h"

size_t request_min;
size_t request_min_inside;
bool native_followed;
uint32_t entry_mode;
uint32_t entry_end_flags = LIVE_START | LIVE_SAMPLED | LIVE_COUNTED;
const char *native_note = "not started";

/* ---- before the real functions are known ---------------------------------------------------------------------------- */

#define BOOT_SIZE (64u << 10)
static _Alignas(16) char boot_memory[BOOT_SIZE];
static _Atomic size_t boot_used;
struct boot_header {
	size_t size, pad;
};

bool boot_owns(const void *block)
{
	return (uintptr_t)block - (uintptr_t)boot_memory < BOOT_SIZE;
}

static void *boot_take(size_t alignment, size_t size)
{
	size_t need, at, start;

	if (alignment < 16)
		alignment = 16;
	if (size > BOOT_SIZE || alignment > 4096)
		return NULL;
	need = size + sizeof(struct boot_header) + alignment;
	at = atomic_fetch_add_explicit(&boot_used, (need + 15) & ~(size_t)15, memory_order_relaxed);
	if (at + need > BOOT_SIZE)
		return NULL;
	start = ((uintptr_t)boot_memory + at + sizeof(struct boot_header) + alignment - 1) &
		~(alignment - 1);
	((struct boot_header *)start - 1)->size = size;
	return (void *)start;
}

static size_t boot_size(const void *block)
{
	return ((const struct boot_header *)block - 1)->size;
}

/* True when the real functions are there now. */
static bool boot_ready(void)
{
	return shim_start() != SHIM_STARTING;
}

static void *boot_malloc(size_t size)
{
	return boot_ready() ? real.malloc(size) : boot_take(16, size);
}

static void *boot_calloc(size_t n, size_t size)
{
	/* the arena is zero and used once */
	size_t total;

	if (boot_ready())
		return real.calloc(n, size);
	return __builtin_mul_overflow(n, size, &total) ? NULL : boot_take(16, total);
}

static void *boot_realloc(void *block, size_t size)
{
	return boot_ready() ? real.realloc(block, size) : boot_take(16, size); /* of NULL only */
}

static void boot_free(void *block)
{
	if (boot_ready())
		real.free(block);
}

static void *boot_memalign(size_t alignment, size_t size)
{
	return boot_ready() ? real.memalign(alignment, size) : boot_take(alignment, size);
}

static void *boot_aligned_alloc(size_t alignment, size_t size)
{
	return boot_ready() ? real.aligned_alloc(alignment, size) : boot_take(alignment, size);
}

static int boot_posix_memalign(void **block, size_t alignment, size_t size)
{
	if (boot_ready())
		return real.posix_memalign(block, alignment, size);
	*block = boot_take(alignment, size);
	return *block ? 0 : ENOMEM;
}

static size_t boot_usable_size(void *block)
{
	return boot_ready() ? real.usable_size(block) : 0;
}

static void *boot_mmap(void *address, size_t size, int protection, int flags, int fd, long offset)
{
	long p;

	if (boot_ready())
		return real.mmap(address, size, protection, flags, fd, offset);
	p = sys(SYS_mmap, address, size, protection, flags, fd, offset);
	if (p < 0 && p > -4096) {
		errno = (int)-p;
		return (void *)-1;
	}
	return (void *)p;
}

static int boot_munmap(void *address, size_t size)
{
	long r;

	if (boot_ready())
		return real.munmap(address, size);
	r = sys(SYS_munmap, address, size);
	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : 0;
}

struct real real = {
	.malloc = boot_malloc,
	.calloc = boot_calloc,
	.realloc = boot_realloc,
	.free = boot_free,
	.memalign = boot_memalign,
	.aligned_alloc = boot_aligned_alloc,
	.posix_memalign = boot_posix_memalign,
	.usable_size = boot_usable_size,
	.mmap = boot_mmap,
	.munmap = boot_munmap,
};

/* real.malloc(request(size)), without asking each time whether there is anything to round. */
static void *(*requested_malloc)(size_t) = boot_malloc;

static void *rounded_malloc(size_t size)
{
	return real.malloc(request(size));
}

/* ---- the real functions ------------------------------------------------------------------------------------------------- */

/*
 * A failed question leaves a message for dlerror() behind; the next success takes it away. Never dlerror() itself: it
 * translates the message, under a lock that newlocale() or setlocale() may hold when they allocate and the shim starts.
 */
void entry_forget_error(void)
{
	(void)dlsym(RTLD_DEFAULT, "free");
}

/*
 * That message is allocated and freed by whose malloc() stands first, and that of a program such as GCL is none before its main()
 * ran. So what no module has is not asked for.
 */
static bool nobody_has(void *handle, const char *name)
{
	return handle == RTLD_DEFAULT &&
	       atomic_load_explicit(&shim_state, memory_order_relaxed) == SHIM_ON &&
	       !exports_anywhere(name);
}

void *entry_symbol(void *handle, const char *name)
{
	struct hook_own own = hook_own_begin();
	void *p = nobody_has(handle, name) ? NULL : dlsym(handle, name);

	if (!p)
		entry_forget_error();
	hook_own_end(own);
	return p;
}

/*
 * In an executable at a fixed address (no PIE), dlsym() may answer with the executable's own PLT entry: that is a way to the
 * first definition, not a definition. Then NULL: what the program calls is what stands first behind it.
 */
void *entry_definition(const char *name)
{
	void *p = entry_symbol(RTLD_DEFAULT, name);
	ElfW(Sym) *symbol = NULL;
	Dl_info info;

	if (p && dladdr1(p, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
	    symbol->st_shndx == SHN_UNDEF)
		return NULL;
	return p;
}

void *entry_next(const char *name)
{
	return entry_symbol(RTLD_NEXT, name);
}

/* Hidden names of our own, since `malloc` in this library may mean the program's. */
extern __typeof__(boot_malloc) own_malloc __attribute__((visibility("hidden")));

static const void *module_of(const void *function)
{
	Dl_info info;

	return dladdr(function, &info) ? info.dli_fbase : NULL;
}

/* Set when another malloc stands before ours: libc's reallocarray, which calls that one's realloc. */
static void *(*foreign_reallocarray)(void *, size_t, size_t);

static void judge_allocator(void)
{
	void *first = entry_definition("malloc");

	if (!config.native) {
		native_note = "off by REFGRAPH_NATIVE";
	} else if (first && first != (void *)own_malloc) {
		*(void **)&foreign_reallocarray = entry_next("reallocarray");
		native_note = "the program brings its own malloc, which is called instead of ours: "
			      "its heap is not followed";
		if (config.verbose)
			log_line(native_note);
	} else {
		native_note = "followed";
		native_followed = true;
	}
	entry_mode_set();
	/* glibc's blocks are 32 bytes apart; of others we do not know */
	if (native_followed &&
	    module_of((void *)real.malloc) != module_of((void *)gnu_get_libc_version))
		request_min = 32;
	requested_malloc = request_min ? rounded_malloc : real.malloc;
}

#define NEXT(field, name) *(void **)&found.field = entry_next(name)

void entry_init(void)
{
	struct real found = {0};

	NEXT(malloc, "malloc");
	NEXT(calloc, "calloc");
	NEXT(realloc, "realloc");
	NEXT(free, "free");
	NEXT(memalign, "memalign");
	NEXT(aligned_alloc, "aligned_alloc");
	NEXT(posix_memalign, "posix_memalign");
	NEXT(usable_size, "malloc_usable_size");
	NEXT(mmap, "mmap");
	NEXT(munmap, "munmap");
	NEXT(mremap, "mremap");
	NEXT(dlopen, "dlopen");
	NEXT(dlclose, "dlclose");
	NEXT(pthread_create, "pthread_create");
	NEXT(fork, "fork");
	NEXT(exit_now, "_exit");
	real = found;
	judge_allocator();
	if (native_followed)
		entry_new_init();
}

/* ---- hooks ----------------------------------------------------------------------------------------------------------------- */

void entry_mode_set(void)
{
	static const uint32_t modes[] = {
		[STACKS_NONE] = ENTRY_NONE,	  [STACKS_CALLER] = ENTRY_SITE,
		[STACKS_SAMPLED] = ENTRY_SAMPLED, [STACKS_HYBRID] = ENTRY_SITE,
		[STACKS_EXACT] = ENTRY_EXACT,
	};

	entry_mode = native_followed ? modes[stacks_mode] : ENTRY_NOTHING;
	if (config.peaks && (entry_mode == ENTRY_SITE || entry_mode == ENTRY_EXACT))
		entry_mode = ENTRY_COUNTED;
	if (!config.peaks && !config.tombstones)
		entry_end_flags &= ~LIVE_COUNTED;
}

/* The whole native stack by the unwinder in force, or the site alone when there is none yet. */
static inline uint32_t stack_at(struct thread *t, uintptr_t caller, uintptr_t cfa,
				uintptr_t frame_pointer)
{
	uintptr_t pcs[STACK_MAX_DEPTH];
	size_t n;

	if (!unwinder)
		return stack_site_cached(t, caller);
	if (config.mixed) {
		uint32_t stack;

		n = unwinder->walk(caller, cfa, frame_pointer, pcs, STACK_MAX_DEPTH);
		stack = adapters_mix(pcs, n, n < STACK_MAX_DEPTH);
		return stack ? stack
			     : stack_intern(pcs, n < config.stack_depth ? n : config.stack_depth);
	}
	if (unwinder->stack)
		return unwinder->stack(caller, cfa, frame_pointer);
	n = unwinder->walk(caller, cfa, frame_pointer, pcs, config.stack_depth);
	return stack_intern(pcs, n);
}

static uint32_t full_stack(struct thread *t, uintptr_t caller, uintptr_t frame)
{
	return stack_at(t, caller, frame + 2 * sizeof(uintptr_t), *(const uintptr_t *)frame);
}

uint32_t entry_full_stack(struct thread *t, uintptr_t caller, uintptr_t cfa,
			  uintptr_t frame_pointer)
{
	return stack_at(t, caller, cfa, frame_pointer);
}

/* The site, or when its countdown is over, the full stack. */
static uint32_t hybrid_stack(struct thread *t, uintptr_t caller, uintptr_t frame)
{
	struct site *site = stack_site_slot(t, caller);
	uint32_t alone = stack_site_cached(t, caller), stack;
	bool first;

	if (!alone || !unwinder || site->stack != alone)
		return alone;
	if (site->left && --site->left)
		return alone;
	first = stack_site_taken(alone, true) < HYBRID_FIRST;
	site->left = tracking_wait(t, alone);
	stack = full_stack(t, caller, frame);
	if (!stack)
		return alone;
	return first ? stack : stack | LIVE_SHARE;
}

uint32_t entry_stack(struct thread *t, uintptr_t caller, uintptr_t frame)
{
	switch (atomic_load_explicit(&stacks_mode, memory_order_relaxed)) {
	case STACKS_NONE:
		return 0;
	case STACKS_CALLER:
		return stack_site_cached(t, caller);
	case STACKS_HYBRID:
		return hybrid_stack(t, caller, frame);
	default:
		return full_stack(t, caller, frame);
	}
}

uint32_t entry_stack_rare(struct thread *t, uintptr_t caller, uintptr_t frame)
{
	bool hybrid = atomic_load_explicit(&stacks_mode, memory_order_relaxed) == STACKS_HYBRID;

	return hybrid ? full_stack(t, caller, frame) : entry_stack(t, caller, frame);
}

void entry_count_made(struct thread *t, uint32_t stack, uint64_t size)
{
	uint64_t blocks = 1, bytes = size;

	if (unlikely(stack & LIVE_SAMPLED))
		tracking_weight(size, &blocks, &bytes);
	threads_count_made(t, blocks, bytes);
}

void entry_count_gone(struct thread *t, uint32_t stack, uint64_t size)
{
	uint64_t blocks = 1, bytes = size;

	if (unlikely(stack & LIVE_SAMPLED))
		tracking_weight(size, &blocks, &bytes);
	threads_count_gone(t, blocks, bytes);
}

/* A thread begins with no distance to its first sample: it is drawn here. */
void entry_record_sample(struct thread *t, void *block, size_t size, uint32_t epoch,
			 uintptr_t caller, uintptr_t frame)
{
	uint32_t stack;

	if (t->sample_left + (int64_t)size == 0) {
		t->sample_left = (int64_t)(tracking_exponential(t) * (double)config.sample) + 1 -
				 (int64_t)size;
		if (t->sample_left > 0)
			return;
	}
	t->sample_left = (int64_t)(tracking_exponential(t) * (double)config.sample) + 1;
	stack = full_stack(t, caller, frame) | LIVE_SAMPLED;
	if (live_put((uintptr_t)block, size, stack, epoch))
		entry_count_made(t, stack, size);
	if (t->made_bytes >= t->next_tick)
		thread_tick(t);
}

void entry_record_any(struct thread *t, void *block, size_t size, uint32_t epoch, uintptr_t caller,
		      uintptr_t frame)
{
	uint32_t stack;

	if (!native_followed)
		return;
	if (entry_mode == ENTRY_SAMPLED) {
		t->sample_left -= (int64_t)size;
		if (t->sample_left <= 0)
			entry_record_sample(t, block, size, epoch, caller, frame);
		return;
	}
	stack = entry_stack(t, caller, frame);
	if (unlikely(t->ignoring))
		stack |= LIVE_IGNORED;
	if (entry_mode == ENTRY_COUNTED)
		stack |= LIVE_COUNTED;
	if (live_put((uintptr_t)block, size, stack, epoch)) {
		entry_count_made(t, stack, size);
		if (stack & LIVE_COUNTED)
			site_count_made(t,
					&(struct live_block){(uintptr_t)block, size, stack, epoch});
	}
	if (t->made_bytes >= t->next_tick)
		thread_tick(t);
}

bool entry_forget_any(struct thread *t, void *block, struct live_block *was)
{
	if (!live_take((uintptr_t)block, was))
		return false;
	entry_count_gone(t, was->stack, was->size);
	if (unlikely(was->stack & LIVE_COUNTED) && config.peaks)
		site_count_gone(t, was);
	return true;
}

void entry_put_back(struct thread *t, const struct live_block *was)
{
	live_put_back(was);
	entry_count_made(t, was->stack, was->size);
	if (was->stack & LIVE_COUNTED && config.peaks)
		site_count_back(was);
}

__attribute__((noinline)) void *entry_made_parked(struct thread *t, void *block)
{
	freeze_park_here(t);
	return block;
}

__attribute__((noinline)) void *entry_made_tick(struct thread *t, void *block)
{
	thread_tick(t);
	hook_leave(t);
	return block;
}

static __attribute__((noinline)) void *made_any(struct thread *t, void *block, size_t size,
						uintptr_t caller, uintptr_t frame)
{
	if (block)
		entry_record_any(t, block, size, entry_epoch(), caller, frame);
	hook_leave(t);
	return block;
}

static __attribute__((noinline)) void *made_sample(struct thread *t, void *block, size_t size,
						   uintptr_t caller, uintptr_t frame)
{
	if (block)
		entry_record_sample(t, block, size, entry_epoch(), caller, frame);
	hook_leave(t);
	return block;
}

/* Mode none: where the block alone can be put down in two words; false otherwise. */
static inline __attribute__((always_inline)) bool none_usual(struct thread *t, void *block,
							     size_t size)
{
	uintptr_t address = (uintptr_t)block;
	live_word *w;

	if (unlikely(t->ignoring) || unlikely(live_is_odd(address)) ||
	    unlikely(size >= LIVE_SIZE_FAR))
		return false;
	w = live_leaf(address);
	if (unlikely(!w) || unlikely(!live_is_touched(w, live_index(address))))
		return false;
	live_put_small(w + live_index(address), (uint32_t)size, 0, entry_epoch());
	counted(&t->made, 1);
	counted(&t->made_bytes, size);
	return true;
}

/* As the usual case: each way out is a last call. */
void *entry_made_other(struct thread *t, void *block, size_t size, uintptr_t caller,
		       uintptr_t frame)
{
	if (entry_mode == ENTRY_SAMPLED) {
		t->sample_left -= block ? (int64_t)size : 0;
		if (unlikely(t->sample_left <= 0))
			return made_sample(t, block, size, caller, frame);
	} else if (entry_mode != ENTRY_NONE || unlikely(!none_usual(t, block, size))) {
		return made_any(t, block, size, caller, frame);
	} else if (unlikely(t->made_bytes >= t->next_tick)) {
		return entry_made_tick(t, block);
	}
	if (hook_close(t))
		return entry_made_parked(t, block);
	return block;
}

static __attribute__((noinline)) void *malloc_any(size_t size, uintptr_t caller, uintptr_t frame)
{
	struct thread *t = hook_enter(frame);

	if (!t)
		return real.malloc(request_inside(size));
	return entry_made_other(t, requested_malloc(size), size, caller, frame);
}

EXPORT void *malloc(size_t size)
{
	struct thread *t = thread_current;
	void *block;

	if (unlikely(!t) || unlikely(hook_inside(t, FRAME)))
		return malloc_any(size, CALLER, FRAME);
	hook_open(t, FRAME);
	block = requested_malloc(size);
	return entry_made(t, block, size, CALLER, FRAME);
}
extern __typeof__(boot_malloc) own_malloc __attribute__((alias("malloc"), copy(malloc)));

static void *real_calloc(size_t n, size_t size, size_t min)
{
	size_t total;

	if (unlikely(min) && !__builtin_mul_overflow(n, size, &total) && total < min)
		return real.calloc(1, min);
	return real.calloc(n, size);
}

EXPORT void *calloc(size_t n, size_t size)
{
	struct thread *t = hook_enter(FRAME);
	void *block;

	if (unlikely(!t))
		return real_calloc(n, size, request_inside(0));
	block = real_calloc(n, size, request_min);
	if (unlikely(n * size >= DEEPBIND_NODE) && unlikely(deepbind_is_loader(CALLER)))
		deepbind_expect(t);
	return entry_made(t, block, n * size, CALLER, FRAME);
}

void entry_free_unknown(void *block, bool counted)
{
	if (boot_owns(block))
		return;
	if (counted && native_followed && !tracking_was_sampled)
		counter_add(COUNTER_UNKNOWN_FREES, 1);
	if (unlikely(config.tombstones) && quarantine_drop(block))
		real.free(block);
	real.free(block);
}

/* What was in the table. */
static void free_known(void *block, const struct live_block *was)
{
	if (unlikely(was->stack & LIVE_COUNTED) && config.tombstones &&
	    quarantine_take(block, was->size, NULL))
		return;
	real.free(block);
}

void entry_free_passing(void *block)
{
	struct live_block was;

	if (entry_forget_any(thread_current, block, &was))
		free_known(block, &was);
	else
		entry_free_unknown(block, false);
}

__attribute__((noinline)) void entry_free_other(struct thread *t, void *block)
{
	live_word *w = live_is_odd((uintptr_t)block) ? NULL : live_slot((uintptr_t)block);
	struct live_block was;

	/* most blocks of a sample are in no table */
	if (w && !(live_word_get(w) & LIVE_START))
		entry_free_unknown(block, true);
	else if (entry_forget_any(t, block, &was))
		free_known(block, &was);
	else
		entry_free_unknown(block, true);
	hook_leave(t);
}

__attribute__((noinline)) void entry_free_any(void *block, uintptr_t frame)
{
	struct thread *t = hook_enter(frame);

	if (t)
		entry_free_other(t, block);
	else
		entry_free_passing(block);
}

EXPORT void free(void *block)
{
	entry_free(block, FRAME_PLACE);
}

/* C23. The sizes are promises of the caller that the real allocator, which may be older, need not hear. */
EXPORT void free_sized(void *block, size_t size);
EXPORT void free_sized(void *block, size_t size)
{
	entry_free(block, FRAME_PLACE);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size);
EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
	entry_free(block, FRAME_PLACE);
}

static void *realloc_boot(void *block, size_t size)
{
	void *moved = real.malloc(request(size));

	if (moved)
		memcpy(moved, block, boot_size(block) < size ? boot_size(block) : size);
	return moved;
}

/* realloc(p, 0) frees in glibc; where it yields a block instead, that one is made large enough for the table too. */
static void *real_realloc(void *block, size_t size)
{
	void *moved;

	if (unlikely(boot_owns(block)))
		return realloc_boot(block, size);
	if (likely(size || !block))
		return real.realloc(block, request(size));
	moved = real.realloc(block, 0);
	if (moved && request_min) {
		void *larger = real.realloc(moved, request_min);
		moved = larger ? larger : moved;
	}
	return moved;
}

/* A block that stays where it is stays the same object, of the same birth, now with the site of its last change. */
static uint32_t birth_after_realloc(const struct live_block *was, const void *moved)
{
	return was->address && was->address == (uintptr_t)moved ? was->epoch : entry_epoch();
}

static inline __attribute__((always_inline)) void *realloc_hook(void *block, size_t size,
								uintptr_t caller, uintptr_t frame)
{
	struct thread *t = hook_enter(frame);
	struct live_block was = {0};
	void *moved;
	bool known;

	if (unlikely(!t)) {
		/* nobody else may touch this block meanwhile, so it can go back as it was */
		known = block && entry_forget_any(thread_current, block, &was);
		moved = real_realloc(block, size ? request_inside(size) : 0);
		if (known && !moved && size) {
			entry_put_back(thread_current, &was);
		}
		return moved;
	}
	known = block && entry_forget_any(t, block, &was);
	if (block && !known && native_followed && !tracking_was_sampled && !boot_owns(block))
		counter_add(COUNTER_UNKNOWN_FREES, 1);
	moved = real_realloc(block, size);
	if (likely(moved) && likely(birth_after_realloc(&was, moved) == entry_epoch()))
		return entry_made(t, moved, size, caller, frame);
	if (likely(moved)) {
		entry_record_any(t, moved, size, birth_after_realloc(&was, moved), caller, frame);
	} else if (known && size) {
		entry_put_back(t, &was);
	}
	hook_leave(t);
	return moved;
}

EXPORT void *realloc(void *block, size_t size)
{
	return realloc_hook(block, size, CALLER, FRAME);
}

EXPORT void *reallocarray(void *block, size_t n, size_t size)
{
	size_t total;

	if (unlikely(foreign_reallocarray))
		return foreign_reallocarray(block, n, size);
	if (unlikely(__builtin_mul_overflow(n, size, &total))) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc_hook(block, total, CALLER, FRAME);
}

static inline __attribute__((always_inline)) void *aligned_hook(void *(*allocate)(size_t, size_t),
								size_t alignment, size_t size,
								uintptr_t caller, uintptr_t frame)
{
	struct thread *t = hook_enter(frame);
	void *block;

	if (unlikely(!t))
		return allocate(alignment, request(size));
	block = allocate(alignment, request(size));
	return entry_made(t, block, size, caller, frame);
}

EXPORT void *memalign(size_t alignment, size_t size)
{
	return aligned_hook(real.memalign, alignment, size, CALLER, FRAME);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	return aligned_hook(real.aligned_alloc, alignment, size, CALLER, FRAME);
}

EXPORT void *valloc(size_t size)
{
	return aligned_hook(real.memalign, getauxval(AT_PAGESZ), size, CALLER, FRAME);
}

EXPORT void *pvalloc(size_t size)
{
	size_t page = getauxval(AT_PAGESZ), rounded;

	if (unlikely(__builtin_add_overflow(size, page - 1, &rounded))) {
		errno = ENOMEM;
		return NULL;
	}
	rounded &= ~(page - 1);
	/* nothing asked for still gets a page */
	return aligned_hook(real.memalign, page, rounded ? rounded : page, CALLER, FRAME);
}

EXPORT int posix_memalign(void **block, size_t alignment, size_t size)
{
	struct thread *t = hook_enter(FRAME);
	int failed;

	if (unlikely(!t))
		return real.posix_memalign(block, alignment, request(size));
	failed = real.posix_memalign(block, alignment, request(size));
	if (likely(!failed))
		entry_made(t, *block, size, CALLER, FRAME);
	else
		hook_leave(t);
	return failed;
}

EXPORT size_t malloc_usable_size(void *block)
{
	return unlikely(boot_owns(block)) ? boot_size(block) : real.usable_size(block);
}
