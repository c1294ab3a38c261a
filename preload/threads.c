/*
 * threads.c - one record per thread that ever entered a hook.
 *
 * A thread that pthread_create() makes begins with one: its start is a routine of ours that takes the record and jumps to the program's,
 * so that no frame of ours lies under it. All others (the first, libc's own, raw clone()) make theirs in their first hook. They
 * are given back by a destructor of a pthread key in its last round, so that the destructors of the program still find the record.
 * What a thread does after that (libc frees its own per-thread memory) gets a fresh record, marked late; it is taken back when the
 * kernel no longer knows the thread. Totals stay in a record when its owner goes: they are sums over all records.
 */
#include <limits.h>
#include <pthread.h>

#include "glue.h"
#include "guard.h"
#include "hooks/around.h"
#include "hooks/rules.h"
#include "park_signal.h"
#include "wake.h"

__thread struct thread *thread_current TLS_FAST;
__thread bool thread_is_ours TLS_FAST;
static __thread bool thread_ended TLS_FAST;

static struct thread *_Atomic threads_list;
trylock_t threads_lock; /* spare, late */
static struct thread *threads_spare, *threads_late;
static _Atomic uint64_t orphans_made, orphans_made_bytes, orphans_gone, orphans_gone_bytes;
static pthread_key_t threads_key;
static bool threads_key_made;

extern void *__libc_stack_end; /* ld.so: where the kernel left the initial stack */

struct thread *threads_first(void)
{
	return atomic_load_explicit(&threads_list, memory_order_acquire);
}

static void record_release(struct thread *t)
{
	__atomic_store_n(&t->state, THREAD_FREE, __ATOMIC_RELEASE);
	if (!trylock(&threads_lock))
		return; /* never used again: one record is lost */
	t->spare = threads_spare;
	threads_spare = t;
	trylock_release(&threads_lock);
}

/* Runs in each of glibc's rounds of destructors; the others' may still allocate after ours. */
static void record_owner_ends(void *value)
{
	struct thread *t = value;

	if (thread_current != t)
		return;
	/* a freezer that found this thread asleep may write to its memory: it shall not be gone by then */
	if (unlikely(__atomic_load_n(&t->park_pending, __ATOMIC_RELAXED)))
		freeze_park_here(t);
	if (++t->end_rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
		pthread_setspecific(threads_key, t);
		return;
	}
	thread_ended = true;
	around_thread_ends((uintptr_t)__builtin_frame_address(0), t->stack_top);
	thread_current = NULL;
	record_release(t);
}

static bool thread_is_gone(uint32_t tid)
{
	return sys(SYS_tgkill, glue_pid(), tid, 0) == -ESRCH;
}

/* Under the lock: late records whose owners are gone become spare. A few at a time. */
static void records_reclaim(void)
{
	struct thread **link = &threads_late;

	for (int probes = 0; *link && probes < 8; probes++) {
		struct thread *t = *link;

		if (!thread_is_gone(t->tid)) {
			link = &t->spare;
			continue;
		}
		*link = t->spare;
		__atomic_store_n(&t->state, THREAD_FREE, __ATOMIC_RELEASE);
		t->spare = threads_spare;
		threads_spare = t;
	}
}

static struct thread *record_spare(void)
{
	struct thread *t;

	if (!trylock(&threads_lock))
		return NULL;
	if (!threads_spare)
		records_reclaim();
	t = threads_spare;
	if (t)
		threads_spare = t->spare;
	trylock_release(&threads_lock);
	return t;
}

static struct thread *record_fresh(void)
{
	/* what its owner writes all the time shares no cache line with another's */
	uintptr_t memory = (uintptr_t)arena_alloc(sizeof(struct thread) + 63);
	struct thread *t = (struct thread *)((memory + 63) & ~(uintptr_t)63);

	if (!memory)
		return NULL;
	t->wake = wake_make();
	t->next = threads_first();
	while (!atomic_compare_exchange_weak_explicit(&threads_list, &t->next, t,
						      memory_order_release, memory_order_relaxed))
		;
	return t;
}

static void record_mark_late(struct thread *t)
{
	__atomic_store_n(&t->state, THREAD_LATE, __ATOMIC_RELEASE);
	if (!trylock(&threads_lock))
		return;
	t->spare = threads_late;
	threads_late = t;
	trylock_release(&threads_lock);
}

/* The kernel leaves at least this much below the main stack for its growth. */
#define MAIN_STACK_ROOM (128ul << 20)

/*
 * An address in the calling thread's own stack, above its frames. glibc keeps a thread's control block at the top of the
 * stack; the main thread's lies elsewhere. libc is not asked: pthread_getattr_np() takes a lock of the thread and allocates while
 * it holds it, so a hook that called it would wait for itself.
 */
static uintptr_t stack_top(void)
{
	uintptr_t end = (uintptr_t)__libc_stack_end, here = (uintptr_t)__builtin_frame_address(0);

	return here < end && end - here < MAIN_STACK_ROOM ? end
							  : (uintptr_t)__builtin_thread_pointer();
}

/* Everything but the totals, the links and what belongs to the unwinder. */
static void record_reset(struct thread *t)
{
	__atomic_store_n(&t->park_pending, 0, __ATOMIC_RELAXED);
	t->hook_frame = 0;
	t->ignoring = 0;
	t->tid = glue_tid();
	t->end_rounds = 0;
	t->stack_top = stack_top();
	t->thread_pointer = (uintptr_t)__builtin_thread_pointer();
	t->next_tick = t->made_bytes + TICK_BYTES;
	t->parked_sp = t->parked_pc = 0;
	__atomic_store_n(&t->parked_in, 0, __ATOMIC_RELAXED);
	t->internal = thread_is_ours;
}

static struct thread *record_take(void)
{
	struct thread *t = record_spare();

	return t ? t : record_fresh();
}

/* It is the calling thread's from now on. Returns the one that is. */
static struct thread *record_own(struct thread *t)
{
	record_reset(t);
	if (thread_current) { /* a signal handler was faster on this very thread */
		record_release(t);
		return thread_current;
	}
	thread_current = t;
	wake_own(t->wake);
	if (!thread_is_ours && t->tid != shim_pid)
		park_signal_give_back();
	if (thread_ended) {
		record_mark_late(t);
		return t;
	}
	__atomic_store_n(&t->state, THREAD_USED, __ATOMIC_RELEASE);
	if (threads_key_made) {
		t->hook_frame = UINTPTR_MAX; /* pthread_setspecific may allocate */
		ERRNO_KEPT(pthread_setspecific(threads_key, t));
		t->hook_frame = 0;
	}
	return t;
}

static struct thread *record_make(void)
{
	struct thread *t = record_take();

	return t ? record_own(t) : NULL;
}

struct thread *thread_self(void)
{
	if (thread_current)
		return thread_current;
	if (atomic_load_explicit(&shim_state, memory_order_acquire) == SHIM_OFF || shim_sandboxed)
		return NULL;
	if (unlikely(atomic_load_explicit(&shim_state, memory_order_acquire) != SHIM_ON) &&
	    shim_start() != SHIM_ON)
		return NULL;
	return record_make();
}

/* ---- at birth ------------------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
/* The record is still free for all who look: its fields are nobody's yet. */
struct thread *thread_unborn(void *(*run)(void *), void *argument)
{
	struct thread *t = shim_sandboxed || !thread_self() ? NULL : record_take();

	if (t) {
		t->run = run;
		t->argument = argument;
	}
	return t;
}

void thread_stillborn(struct thread *t)
{
	record_release(t);
}

/* Called by thread_begin: where to go on. */
void *thread_born(struct thread *t, void **argument);
__attribute__((used, visibility("hidden"))) void *thread_born(struct thread *t, void **argument)
{
	void *run = (void *)t->run;

	*argument = t->argument;
	if (likely(!shim_sandboxed))
		ERRNO_KEPT(thread_current ? record_release(t) : (void)record_own(t));
	return run;
}

/* As called by libc: the stack is as it was when the program's routine begins. */
__asm__(".pushsection .text\n"
	"	.balign 16\n"
	"	.globl thread_begin\n"
	"	.hidden thread_begin\n"
	"	.type thread_begin, @function\n"
	"thread_begin:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	sub $24, %rsp\n"
	"	.cfi_adjust_cfa_offset 24\n"
	"	lea 8(%rsp), %rsi\n"
	"	call thread_born\n"
	"	mov 8(%rsp), %rdi\n"
	"	add $24, %rsp\n"
	"	.cfi_adjust_cfa_offset -24\n"
	"	jmp *%rax\n"
	"	.cfi_endproc\n"
	"	.size thread_begin, . - thread_begin\n"
	"	.popsection\n");
#else
struct thread *thread_unborn(void *(*run)(void *), void *argument)
{
	return NULL;
}

void thread_stillborn(struct thread *t)
{
}

void *thread_begin(void *t)
{
	return NULL;
}
#endif

bool threads_init(void)
{
	/* one of the first keys: its values lie in the thread itself, so setting one allocates nothing */
	wake_init();
	threads_key_made = pthread_key_create(&threads_key, record_owner_ends) == 0;
	return record_make() != NULL;
}

void threads_count_made(struct thread *t, uint64_t blocks, uint64_t bytes)
{
	if (likely(t)) {
		counted(&t->made, blocks);
		counted(&t->made_bytes, bytes);
		return;
	}
	atomic_fetch_add_explicit(&orphans_made, blocks, memory_order_relaxed);
	atomic_fetch_add_explicit(&orphans_made_bytes, bytes, memory_order_relaxed);
}

void threads_count_gone(struct thread *t, uint64_t blocks, uint64_t bytes)
{
	if (likely(t)) {
		counted(&t->gone, blocks);
		counted(&t->gone_bytes, bytes);
		return;
	}
	atomic_fetch_add_explicit(&orphans_gone, blocks, memory_order_relaxed);
	atomic_fetch_add_explicit(&orphans_gone_bytes, bytes, memory_order_relaxed);
}

void threads_sum(int64_t *objects, int64_t *bytes)
{
	uint64_t n = orphans_made - orphans_gone, size = orphans_made_bytes - orphans_gone_bytes;

	for (struct thread *t = threads_first(); t; t = t->next) {
		n += __atomic_load_n(&t->made, __ATOMIC_RELAXED) -
		     __atomic_load_n(&t->gone, __ATOMIC_RELAXED);
		size += __atomic_load_n(&t->made_bytes, __ATOMIC_RELAXED) -
			__atomic_load_n(&t->gone_bytes, __ATOMIC_RELAXED);
	}
	*objects = (int64_t)n;
	*bytes = (int64_t)size;
}

/* Only the thread that forked is there: all other records are free. */
void threads_after_fork_child(void)
{
	threads_spare = threads_late = NULL;
	for (struct thread *t = threads_first(); t; t = t->next) {
		if (t == thread_current)
			continue;
		t->hook_frame = 0;
		__atomic_store_n(&t->state, THREAD_FREE, __ATOMIC_RELAXED);
		t->spare = threads_spare;
		threads_spare = t;
	}
	if (thread_current) {
		thread_current->tid = glue_tid();
		__atomic_store_n(&thread_current->park_pending, 0, __ATOMIC_RELAXED);
	}
}

/* ---- the tick ------------------------------------------------------------------------------------------------------- */

void thread_tick(struct thread *t)
{
	t->next_tick = t->made_bytes + TICK_BYTES;
	ERRNO_KEPT({
		modules_poll();
		rules_modules();
		control_tick();
		if (unlikely(deepbind_look()))
			t->next_tick = 0;
	});
}
