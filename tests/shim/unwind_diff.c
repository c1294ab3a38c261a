/*
 * unwind_diff.c - a preload of its own for the unwinder's tests: at allocations of any program it takes the stack by the
 * memo, by the plain walk, by libunwind and by glibc's backtrace(), and compares them frame by frame. Built from the unwinder's own
 * sources; it has just enough of the shim around them. Counts go to the file in UNWIND_DIFF_OUT, one line a process:
 *
 *   stacks walked, compared, frames, differ-libunwind, differ-backtrace, differ-memo, deepest
 *
 * UNWIND_DIFF_EVERY=N compares every Nth allocation (all are walked by the memo). UNWIND_DIFF_BACKTRACE=0 leaves glibc out.
 */
#include <execinfo.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../preload/hooks/around.h"
#include "../../preload/hooks/thunk.h"
#include "../../preload/shim.h"

/* ---- the shim around the unwinder -------------------------------------------------------------------------------------- */

struct config config = {.stack_depth = 64};
const struct unwinder *unwinder = &unwinder_fast;
__thread struct thread *thread_current TLS_FAST;
_Atomic bool shim_sandboxed;

const char hook_thunk_return[1]; /* no call is hooked here */
uint64_t hook_outside(const void *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return ((uint64_t(*)(uint64_t, uint64_t, uint64_t, uint64_t))(uintptr_t)function)(a, b, c, d);
}
const struct around *around_find(uintptr_t pc, uintptr_t cfa)
{
	return NULL;
}

void *arena_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

#define NODES (1u << 20)
struct node {
	uintptr_t pc;
	uint32_t parent, next;
};
static struct node *nodes;
static uint32_t *buckets, nnodes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

uint32_t stack_child(uint32_t parent, uintptr_t pc)
{
	uint32_t bucket = (uint32_t)((pc ^ parent * 0x9e3779b97f4a7c15ull) % NODES), i;
	pthread_mutex_lock(&lock);
	for (i = buckets[bucket]; i && (nodes[i].pc != pc || nodes[i].parent != parent);
	     i = nodes[i].next)
		;
	if (!i && nnodes < NODES - 1) {
		i = ++nnodes;
		nodes[i] = (struct node){pc, parent, buckets[bucket]};
		buckets[bucket] = i;
	}
	pthread_mutex_unlock(&lock);
	return i;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------- */

#define DEPTH 256
static struct {
	unsigned long walked, compared, frames, differ_libunwind, differ_backtrace, differ_memo,
		deepest;
} count;
static bool ready, with_backtrace, with_libunwind;
static unsigned long every = 1;
static __thread int busy TLS_FAST;
static int report = -1;

static void add(unsigned long *to, unsigned long n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

static void describe(const char *title, const uintptr_t *pcs, size_t n)
{
	dprintf(report, "  %s:", title);
	for (size_t i = 0; i < n; i++) {
		Dl_info info;
		if (dladdr((void *)pcs[i], &info) && info.dli_fname) {
			const char *slash = strrchr(info.dli_fname, '/');
			dprintf(report, " %s+%lx", slash ? slash + 1 : info.dli_fname,
				pcs[i] - (uintptr_t)info.dli_fbase);
			if (info.dli_sname)
				dprintf(report, "(%s)", info.dli_sname);
		} else {
			dprintf(report, " %lx", pcs[i]);
		}
	}
	dprintf(report, "\n");
}

static void differ(const char *with, const uintptr_t *a, size_t na, const uintptr_t *b, size_t nb)
{
	static unsigned long told;
	if (report < 0 || __atomic_fetch_add(&told, 1, __ATOMIC_RELAXED) >= 10)
		return;
	dprintf(report, "differs from %s: %zu and %zu frames\n", with, na, nb);
	describe("ours", a, na);
	describe(with, b, nb);
}

/* The memo may keep a quarter more than the limit; up to there it must be the same. */
static bool same_memo(const uintptr_t *pcs, size_t n, uint32_t stack)
{
	uintptr_t kept[DEPTH];
	size_t depth = 0, limit = config.stack_depth;
	for (; stack && depth < DEPTH; stack = nodes[stack].parent)
		kept[depth++] = nodes[stack].pc;
	bool same = depth <= n && (depth == n || depth >= limit) &&
		    !memcmp(kept, pcs, depth * sizeof(*pcs));
	if (!same)
		differ("memo", pcs, n, kept, depth);
	return same;
}

static __attribute__((noinline)) void compare(uintptr_t pc, uintptr_t cfa, uintptr_t rbp,
					      uint32_t stack)
{
	uintptr_t fast[DEPTH], other[DEPTH];
	size_t n = unwinder_fast.walk(pc, cfa, rbp, fast, DEPTH), m;
	add(&count.compared, 1);
	add(&count.frames, n);
	if (n > count.deepest)
		count.deepest = n;
	if (!same_memo(fast, n, stack))
		add(&count.differ_memo, 1);
	if (with_libunwind) {
		m = unwinder_libunwind.walk(pc, cfa, rbp, other, DEPTH);
		if (m != n || memcmp(fast, other, n * sizeof(*fast))) {
			add(&count.differ_libunwind, 1);
			differ("libunwind", fast, n, other, m);
		}
	}
	if (with_backtrace) {
		void *all[DEPTH + 8];
		m = (size_t)backtrace(all, DEPTH + 8);
		size_t skip = 0;
		while (skip < m && (uintptr_t)all[skip] != pc)
			skip++;
		m -= skip;
		m = m < DEPTH ? m : DEPTH;
		if (m != n || memcmp(fast, all + skip, n * sizeof(*fast))) {
			add(&count.differ_backtrace, 1);
			differ("backtrace", fast, n, (uintptr_t *)all + skip, m);
		}
	}
}

static void sample(uintptr_t pc, uintptr_t cfa, uintptr_t rbp)
{
	if (!ready || busy)
		return;
	int saved = errno;
	busy = 1;
	if (!thread_current)
		thread_current = arena_map(sizeof(*thread_current));
	/* what hooked calls ask first: 0 where it must not look further */
	uint32_t stack = memo_stack_quick(pc, cfa, rbp);

	if (!stack)
		stack = unwinder_fast.stack(pc, cfa, rbp);
	unsigned long n = __atomic_fetch_add(&count.walked, 1, __ATOMIC_RELAXED);
	if (n % every == 0)
		compare(pc, cfa, rbp, stack);
	busy = 0;
	errno = saved;
}

/* ---- hooks -------------------------------------------------------------------------------------------------------------------- */

#define HERE                                                                                       \
	({                                                                                         \
		uintptr_t *frame = __builtin_frame_address(0);                                     \
		sample(frame[1], (uintptr_t)(frame + 2), frame[0]);                                \
	})

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);

EXPORT void *malloc(size_t size)
{
	void *p = __libc_malloc(size);
	HERE;
	return p;
}

EXPORT void *calloc(size_t n, size_t size)
{
	void *p = __libc_calloc(n, size);
	HERE;
	return p;
}

EXPORT void *realloc(void *old, size_t size)
{
	void *p = __libc_realloc(old, size);
	HERE;
	return p;
}

/* Programs of the tests ask for a stack wherever they like. */
EXPORT __attribute__((noinline)) void unwind_diff_here(void)
{
	HERE;
	__asm__ volatile("" ::: "memory");
}

EXPORT int dlclose(void *handle)
{
	static int (*real)(void *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "dlclose");
	int result = real(handle);
	if (ready)
		unwinder_fast.forget(0, UINTPTR_MAX), unwinder_libunwind.forget(0, UINTPTR_MAX);
	return result;
}

/* ---- begin and end -------------------------------------------------------------------------------------------------------------- */

static __attribute__((constructor)) void begin(void)
{
	const char *out = getenv("UNWIND_DIFF_OUT"), *n = getenv("UNWIND_DIFF_EVERY");
	const char *glibc = getenv("UNWIND_DIFF_BACKTRACE"), *depth = getenv("UNWIND_DIFF_DEPTH");
	void *some[4];
	if (n && atol(n) > 0)
		every = (unsigned long)atol(n);
	if (depth)
		config.stack_depth = (unsigned)atoi(depth);
	if (out)
		report = fcntl(open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
			       F_DUPFD_CLOEXEC, 500);
	nodes = arena_map(NODES * sizeof(*nodes));
	buckets = arena_map(NODES * sizeof(*buckets));
	if ((with_backtrace = !glibc || strcmp(glibc, "0") != 0))
		backtrace(some, 4); /* loads libgcc now */
	with_libunwind = unwinder_libunwind.init();
	ready = nodes && buckets && unwinder_fast.init();
}

static __attribute__((destructor)) void end(void)
{
	ready = false;
	if (report >= 0)
		dprintf(report, "%s %lu %lu %lu %lu %lu %lu %lu\n", program_invocation_short_name,
			count.walked, count.compared, count.frames, count.differ_libunwind,
			count.differ_backtrace, count.differ_memo, count.deepest);
}
