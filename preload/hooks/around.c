/*
 * around.c - calls that we stand around.
 *
 * The thunk puts its own return address in the place of the caller's, and keeps that one here. Which call comes back is told by rbx, which is
 * set to the record when the function begins: so records need no order, and stacks that are switched, copied away and back (coroutines,
 * greenlets) or left need no care. Unwinders find the way through by the same register (the thunk's call frame information), and
 * when an exception passes by, our personality routine gives the record back, or has the thunk do it (see thunk.c). A call that longjmp leaves is marked (entry_process.c hooks
 * that): its record is taken again when no other is left, for who copies stacks may still come back by it. What is left by other jumps keeps its
 * record until the thread ends. When all of a thread's are taken its calls have an enter() and no leave().
 *
 * A thread's records belong to its struct thread, and go with that to the next thread: who makes a thread for each request makes many.
 *
 * The call that leads into the function is a real one, and so is the return behind leave(): they are foreseen by the processor, and
 * a shadow stack (CET) agrees with all of it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "../entry.h"
#include "around.h"
#include "image.h"
#include "outside.h"
#include "thunk.h"

#define CALLS_MAX ((uint32_t)AROUND_CALLS) /* of a thread, that have not returned */
#define STUB_CALL 3u			   /* bytes of the call in a stub */

struct around_pool {
	struct around calls[CALLS_MAX];
	uint32_t hint;
	uint32_t top; /* none beyond was ever claimed */
	struct around_pool *next;
};
static __thread struct around_pool *own_pool TLS_FAST;
static struct around_pool *_Atomic pools;
static _Atomic uint64_t lost;
static _Atomic bool other_unwinder;

void hook_thunk_left(struct around *around);
struct around *hook_thunk_around_entered(const struct hook_call *call, const struct hook *hook,
					 uintptr_t rbx);
int hook_personality(int version, int actions, uint64_t class, void *exception, void *context);

void around_other_unwinder(void)
{
	atomic_store_explicit(&other_unwinder, true, memory_order_relaxed);
}

uint64_t around_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}

static struct around_pool *pool_make(void)
{
	struct around_pool *pool = (struct around_pool *)OUTSIDE(arena_map, sizeof(*pool));

	if (!pool)
		return NULL;
	for (uint32_t i = 0; i < CALLS_MAX; i++)
		pool->calls[i].stub = (uintptr_t)hook_thunk_return - STUB_CALL + i * AROUND_STEP;
	pool->next = atomic_load_explicit(&pools, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&pools, &pool->next, pool,
						      memory_order_release, memory_order_relaxed))
		;
	return pool;
}

/* Of the calling thread, at its first such call; a signal's handler may make its own meanwhile. */
static __attribute__((noinline)) struct around_pool *pool_own(void)
{
	struct thread *t = thread_current;
	struct around_pool *pool;

	if (!t)
		t = (struct thread *)OUTSIDE(thread_self, 0);
	pool = t ? t->around : NULL;
	if (!pool)
		pool = pool_make();
	if (t && !t->around)
		t->around = pool;
	return own_pool = pool;
}

/* One instruction, so that a signal's handler sees it done or not begun; other threads only ever set it to 0. */
static inline bool claim(struct around *around, uint32_t expected)
{
	bool done;

#if defined(__x86_64__)
	__asm__ volatile("cmpxchgl %3, %1\n\tsete %0"
			 : "=q"(done), "+m"(around->busy), "+a"(expected)
			 : "r"((uint32_t)AROUND_BUSY)
			 : "cc", "memory");
#else
	done = __atomic_compare_exchange_n(&around->busy, &expected, AROUND_BUSY, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
#endif
	return done;
}

static struct around *around_claim(void)
{
	struct around_pool *pool = own_pool;

	if (unlikely(!pool) && !(pool = pool_own()))
		return NULL;
	for (uint32_t i = 0; i < 2 * CALLS_MAX; i++) {
		uint32_t at = (pool->hint + i) % CALLS_MAX;

		if (!claim(&pool->calls[at], i < CALLS_MAX ? AROUND_FREE : AROUND_JUMPED))
			continue;
		pool->hint = at + 1;
		if (unlikely(at >= pool->top))
			pool->top = at + 1;
		return &pool->calls[at];
	}
	return NULL;
}

void around_jump(uintptr_t from, uintptr_t to)
{
	struct around_pool *pool = own_pool;

	for (uint32_t i = 0; pool && i < pool->top; i++) {
		struct around *a = &pool->calls[i];

		/* at `to` itself lies what setjmp's caller passed on */
		if (a->busy == AROUND_BUSY && a->call.frame > from && a->call.frame <= to)
			__atomic_store_n(&a->busy, AROUND_JUMPED, __ATOMIC_RELEASE);
	}
}

void around_thread_ends(uintptr_t from, uintptr_t to)
{
	struct around_pool *pool = own_pool;

	for (uint32_t i = 0; pool && i < pool->top; i++) {
		struct around *a = &pool->calls[i];

		if (a->busy && a->call.frame > from && a->call.frame <= to)
			__atomic_store_n(&a->busy, AROUND_FREE, __ATOMIC_RELEASE);
	}
	own_pool = NULL;
}

/* Is there one (CET)? Its words are the return addresses as they were called: two calls cannot come back as one. */
static bool shadow_stack(void)
{
	uint64_t pointer = 0;

#if defined(__x86_64__)
	__asm__ volatile("rdsspq %0" : "+r"(pointer)); /* a nop when there is none */
#endif
	return pointer != 0;
}

/* NULL: the call is not to come back to us. */
__attribute__((used, visibility("hidden"))) struct around *
hook_thunk_around_entered(const struct hook_call *call, const struct hook *hook, uintptr_t rbx)
{
	struct around *outer = NULL, *around = NULL;
	struct hook_call alone;
	int kept = hook->light ? 0 : errno;

	/* a function around which we stand ends with a jump to this one: rbx is that call's record again */
	if (unlikely(hook_thunk_returns(call->return_address)))
		outer = (struct around *)rbx;
	if (likely(!outer || !shadow_stack()))
		around = around_claim();

	if (unlikely(!around)) {
		atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
		alone = *call;
		alone.context = hook->context;
		hook->enter(&alone);
		if (!hook->light)
			errno = kept;
		return NULL;
	}
	around->call = *call;
	around->call.context = hook->context;
	around->outer = outer;
	around->return_address = outer ? outer->return_address : call->return_address;
	around->rbx = outer ? outer->rbx : rbx;
	around->call.return_address = around->return_address;
	around->body = hook->trampoline;
	around->hook = hook;
	around->claims = !atomic_load_explicit(&other_unwinder, memory_order_relaxed);
	hook->enter(&around->call);
	if (unlikely(!hook->light))
		errno = kept;
	return around;
}

__attribute__((used, visibility("hidden"))) void hook_thunk_left(struct around *around)
{
	struct around_pool *pool = own_pool;
	bool light = around->hook->light && !around->outer;
	int kept = light ? 0 : errno;

	if (likely(pool && around >= pool->calls && around < pool->calls + CALLS_MAX))
		pool->hint = (uint32_t)(around - pool->calls);
	around->hook->leave(&around->call);
	for (struct around *outer = around->outer, *next; outer; outer = next) {
		next = outer->outer;
		outer->call.result = around->call.result;
		outer->hook->leave(&outer->call);
		__atomic_store_n(&outer->busy, AROUND_FREE, __ATOMIC_RELEASE);
	}
	if (unlikely(!light))
		errno = kept;
}

const struct around *around_find(uintptr_t pc, uintptr_t cfa)
{
	uint32_t i = (uint32_t)((pc - (uintptr_t)hook_thunk_return) / AROUND_STEP);
	const struct around *a = own_pool ? &own_pool->calls[i] : NULL;

	if (likely(a && a->busy && a->call.frame == cfa))
		return a;
	for (struct around_pool *pool = atomic_load_explicit(&pools, memory_order_acquire); pool;
	     pool = pool->next)
		if (pool->calls[i].busy && pool->calls[i].call.frame == cfa)
			return &pool->calls[i];
	return NULL;
}

/* ---- exceptions, and threads that end ---------------------------------------------------------------------------------- */

/* The C++ ABI's exception handling, section 1.6.1. <unwind.h> has the name of one of our own headers. */
#define CLEANUP_PHASE 2
#define HANDLER_FRAME 4
#define INSTALL_CONTEXT 7
#define CONTINUE_UNWIND 8

/* Of the unwinder that asks, and no other: their contexts differ, and a process may have several. */
struct unwinder_calls {
	uintptr_t (*get_register)(void *, int);
	void (*set_pc)(void *, uintptr_t);
	const void *resume;
};

static const void *exported(const struct image *image, const char *name)
{
	for (size_t i = 1; image->symbols && image->strings && i < image->nsymbols; i++) {
		const ElfW(Sym) *s = &image->symbols[i];

		if (s->st_shndx != SHN_UNDEF && !strcmp(image->strings + s->st_name, name))
			return (const void *)(image->base + s->st_value);
	}
	return NULL;
}

static struct unwinder_calls unwinder_of(uintptr_t caller)
{
	struct unwinder_calls ret = {0};
	struct image image;

	if (!image_find(&image, caller))
		return ret;
	*(const void **)&ret.get_register = exported(&image, "_Unwind_GetGR");
	*(const void **)&ret.set_pc = exported(&image, "_Unwind_SetIP");
	ret.resume = exported(&image, "_Unwind_Resume");
	return ret;
}

/* libgcc's context begins with places of 18 registers, the CFA of the frame below and its return address: which fit one of our calls, or it is
 * another's. So also where libgcc is linked into the program. */
static struct around *by_layout(const void *context)
{
	const uintptr_t *words = context;

	return hook_thunk_returns(words[19]) ? (struct around *)around_find(words[19], words[18])
					     : NULL;
}

static void around_free(struct around *around)
{
	for (struct around *next; around; around = next) {
		next = around->outer;
		__atomic_store_n(&around->busy, AROUND_FREE, __ATOMIC_RELEASE);
	}
}

/* Called by an unwinder that goes through our frame: with an exception, or at the end of a thread. */
__attribute__((used, visibility("hidden"))) int
hook_personality(int version, int actions, uint64_t class, void *exception, void *context)
{
	struct unwinder_calls calls = {0};
	struct around *around;

	if (!(actions & CLEANUP_PHASE))
		return CONTINUE_UNWIND;
	around = by_layout(context);
	if (!around || actions & HANDLER_FRAME)
		calls = unwinder_of((uintptr_t)__builtin_return_address(0));
	if (!around && calls.get_register)
		around = (struct around *)calls.get_register(context, 3);
	if (!around || !(actions & HANDLER_FRAME) || !calls.set_pc || !calls.resume) {
		around_free(around);
		return CONTINUE_UNWIND;
	}
	/* our frame is taken for its caller's: we have no handler, but take part as a cleanup does, which leaves it and goes on from there */
	around_free(around->outer);
	around->call.result = (uintptr_t)exception;
	around->body = calls.resume;
	calls.set_pc(context, (uintptr_t)hook_thunk_unwound);
	return INSTALL_CONTEXT;
}
