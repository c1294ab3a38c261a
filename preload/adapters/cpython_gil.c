/*
 * cpython_gil.c - the interpreter's lock, taken with a deadline.
 *
 * PyGILState_Ensure() cannot be given up once it waits, and in an interpreter that finalizes it ends its thread. So a thread
 * of our own, the locker, waits for it and holds it for us; when it takes too long it is left behind and lets go as soon as
 * it gets the lock. It exists only during a snapshot: 3.12+ warns at fork() about threads that it does not know.
 *
 * When the thread that takes the snapshot holds the lock itself (a snapshot from inside os._exit(), a C extension's call),
 * there is nothing to wait for.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "cpython.h"

enum locker_state {
	LOCKER_NONE,
	LOCKER_WAITS,
	LOCKER_HOLDS,
	LOCKER_COLLECTING,
	LOCKER_LEAVES,
	LOCKER_DIED
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum locker_state state;
	bool abandoned;	  /* nobody waits for it any more */
	bool own;	  /* the lock is held by the thread that takes the snapshot */
	uintptr_t tstate; /* of the thread that holds the lock */
	uintptr_t
		tls_offset; /* 3.12+: of the current thread state in libpython's thread-local block, +1; 0 unknown */
	uintptr_t tls_slot; /* the same in the thread that takes the snapshot */
} locker = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- the collector's state -------------------------------------------------------------------------------------- */

static bool list_head_valid(uintptr_t head)
{
	uintptr_t next = word_at(head, 0) & ~(uintptr_t)3;
	uintptr_t previous = word_at(head, 8) & ~(uintptr_t)3;
	return next && previous && (word_at(next, 8) & ~(uintptr_t)3) == head &&
	       (word_at(previous, 0) & ~(uintptr_t)3) == head;
}

/*
 * `generation0` points to the first of three list heads that lie just before it: a word that no other word resembles. So the
 * state is found wherever a patch release put it. Returns the address of generations[0].
 */
static uintptr_t find_generations(uintptr_t low, size_t size)
{
	const uintptr_t distance = GC_GENERATION0 - GC_GENERATIONS;
	for (uintptr_t at = low + distance; at + 8 <= low + size; at += 8) {
		uintptr_t heads = at - distance;
		if (word_at(at, 0) != heads)
			continue;
		if (list_head_valid(heads) && list_head_valid(heads + 24) &&
		    list_head_valid(heads + 48) && list_head_valid(at + 8))
			return heads;
	}
	return 0;
}

uintptr_t gc_state_of(uintptr_t interpreter)
{
	static uintptr_t offset; /* +1, found once: the same for all interpreters */
	if (python.minor == 8)	 /* one for the process */
		interpreter = python.runtime;
	if (!interpreter)
		return 0;
	if (offset) {
		uintptr_t heads = interpreter + offset - 1;
		return word_at(heads, GC_GENERATION0 - GC_GENERATIONS) == heads ? heads : 0;
	}
	size_t size =
		(size_t)(python.minor == 8 ? python.at->runtime_size : python.at->interp_size);
	uintptr_t heads = find_generations(interpreter, size);
	if (heads)
		offset = heads - interpreter + 1;
	return heads;
}

static bool collecting(uintptr_t interpreter)
{
	uintptr_t heads = gc_state_of(interpreter);
	return heads && half_at(heads, GC_COLLECTING - GC_GENERATIONS) != 0;
}

bool has_own_gil(uintptr_t interpreter)
{
	if (python.at->interp_own_gil < 0 || interpreter == python.api.interpreter_main())
		return false;
	return half_at(interpreter, python.at->interp_own_gil) != 0;
}

/* 3.8 has one state for all; later each interpreter that shares our lock may be in the middle of a collection. */
static bool anyone_collects(void)
{
	for (uintptr_t i = python.api.interpreter_head(); i; i = python.api.interpreter_next(i)) {
		if (!has_own_gil(i) && collecting(i))
			return true;
	}
	return false;
}

/* ---- 3.12+: the current thread state is thread-local ------------------------------------------------------------- */

struct tls_search {
	uintptr_t inside; /* an address of libpython */
	uintptr_t block;
	size_t size;
};

static int find_tls(struct dl_phdr_info *info, size_t size, void *data)
{
	struct tls_search *search = data;
	bool ours = false;
	size_t tls = 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t low = info->dlpi_addr + p->p_vaddr;
		if (p->p_type == PT_LOAD && search->inside >= low &&
		    search->inside < low + p->p_memsz)
			ours = true;
		if (p->p_type == PT_TLS)
			tls = p->p_memsz;
	}
	if (!ours)
		return 0;
	if (size >= offsetof(struct dl_phdr_info, dlpi_tls_data) + sizeof(void *)) {
		search->block = (uintptr_t)info->dlpi_tls_data;
		search->size = tls;
	}
	return 1;
}

/* libpython's thread-local block of the calling thread. */
static struct tls_search own_tls(void)
{
	struct tls_search search = {.inside = python.runtime};
	python.api.thread_state(); /* makes the block exist */
	dl_iterate_phdr(find_tls, &search);
	return search;
}

/* In the locker, which holds the lock: where is its thread state in that block? */
static void learn_tls_offset(uintptr_t tstate)
{
	if (python.minor < 12 || locker.tls_offset)
		return;
	struct tls_search tls = own_tls();
	for (size_t at = 0; tls.block && at + 8 <= tls.size; at += 8) {
		if (word_at(tls.block, (long)at) == tstate) {
			locker.tls_offset = at + 1;
			return;
		}
	}
}

void gil_adopt(void)
{
	if (locker.tls_slot)
		*(uintptr_t *)locker.tls_slot = locker.tstate;
}

/* ---- the locker ---------------------------------------------------------------------------------------------------- */

static void set_state(enum locker_state state)
{
	pthread_mutex_lock(&locker.mutex);
	locker.state = state;
	pthread_cond_broadcast(&locker.changed);
	pthread_mutex_unlock(&locker.mutex);
}

/* A finalizing interpreter ends threads that ask for its lock. */
static void locker_died(void *unused)
{
	set_state(LOCKER_DIED);
}

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/*
 * 3.11 and 3.12 keep the first thread state in the interpreter, and abort when it is to be used a second time. That happens to who asks
 * for a thread state when none is left: a child of fork() whose only thread was not the main one, and has ended.
 */
static bool no_thread_state_left(void)
{
	return (python.minor == 11 || python.minor == 12) &&
	       !python.api.thread_head(python.api.interpreter_main());
}

/* Takes the lock at a moment when no collection is under way. False when nobody wants it any more. */
static bool lock_quiet_heap(int *token)
{
	for (long wait = 1; !locker.abandoned && !no_thread_state_left();
	     wait = wait < 20 ? wait * 2 : wait) {
		*token = python.api.gil_ensure();
		if (!anyone_collects())
			return true;
		/* A finalizer that the collection called let go of the lock; it must be allowed to finish. */
		python.api.gil_release(*token);
		pause_ms(wait);
	}
	return false;
}

static void locker_main(void *unused)
{
	int token = 0;
	pthread_cleanup_push(locker_died, NULL);
	if (!python.api.is_finalizing() && lock_quiet_heap(&token)) {
		locker.tstate = python.api.thread_state();
		learn_tls_offset(locker.tstate);
		pthread_mutex_lock(&locker.mutex);
		if (!locker.abandoned) {
			locker.state = LOCKER_HOLDS;
			pthread_cond_broadcast(&locker.changed);
		}
		while (locker.state == LOCKER_HOLDS)
			pthread_cond_wait(&locker.changed, &locker.mutex);
		pthread_mutex_unlock(&locker.mutex);
		python.api.gil_release(token);
	}
	pthread_cleanup_pop(0);
	set_state(LOCKER_NONE);
}

static struct timespec deadline_after(unsigned ms)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

#define SLICE_MS 10u /* how long somebody who wants us to stop may have to wait */

/* ---- entering and leaving -------------------------------------------------------------------------------------------- */

/* Does the calling thread hold the lock? */
static bool held_by_caller(void)
{
	uintptr_t now = python.api.thread_state();
	if (!now)
		return false;
	/* Until 3.11 "the current thread state" is the process's, whichever thread asks. */
	return python.minor >= 12 ||
	       word_at(now, python.at->tstate_thread_id) == (uintptr_t)pthread_self();
}

static int say(char *note, size_t size, const char *text, int error)
{
	if (size) {
		size_t n = strlen(text);
		n = n < size ? n : size - 1;
		memcpy(note, text, n);
		note[n] = 0;
	}
	return error;
}

/* Waits until the locker holds the lock. */
static int wait_for_locker(unsigned deadline_ms)
{
	bool (*cancelled)(void) = python.host->cancelled;
	int error = 0;
	pthread_mutex_lock(&locker.mutex);
	for (unsigned waited = 0; locker.state == LOCKER_WAITS && waited < deadline_ms;
	     waited += SLICE_MS) {
		struct timespec until = deadline_after(SLICE_MS);
		while (locker.state == LOCKER_WAITS && error != ETIMEDOUT)
			error = pthread_cond_timedwait(&locker.changed, &locker.mutex, &until);
		error = 0;
		if (cancelled && cancelled())
			break;
	}
	error = locker.state == LOCKER_HOLDS ? 0 : locker.state == LOCKER_WAITS ? ETIMEDOUT : EBUSY;
	if (error)
		locker.abandoned = true;
	pthread_mutex_unlock(&locker.mutex);
	return error;
}

/* A locker that was left behind earlier may still wait. */
static bool start_locker(void)
{
	pthread_mutex_lock(&locker.mutex);
	bool free = locker.state == LOCKER_NONE || locker.state == LOCKER_DIED;
	bool waits = locker.state == LOCKER_WAITS;
	if (free)
		locker.state = LOCKER_WAITS;
	if (free || waits)
		locker.abandoned = false;
	pthread_mutex_unlock(&locker.mutex);
	if (free && !python.host->thread(locker_main, NULL)) {
		set_state(LOCKER_NONE);
		return false;
	}
	return free || waits;
}

int gil_enter(unsigned deadline_ms, char *note, size_t note_size)
{
	if (!python.minor)
		return ENODEV;
	if (python.api.is_finalizing()) /* first: then it is no longer initialized either */
		return say(note, note_size, "the interpreter is finalizing: no Python objects",
			   EBUSY);
	if (!python.api.is_initialized())
		return say(note, note_size, "the interpreter is not initialized: no Python objects",
			   ENXIO);
	locker.tls_slot = 0;
	locker.own = held_by_caller();
	if (locker.own) {
		if (anyone_collects())
			return say(note, note_size,
				   "a collection is under way in this thread: no Python objects",
				   EBUSY);
		return 0;
	}
	if (no_thread_state_left())
		return say(note, note_size, "the interpreter has no thread left: no Python objects",
			   EBUSY);
	if (!start_locker())
		return say(note, note_size, "no thread to wait for the interpreter's lock", EAGAIN);
	int error = wait_for_locker(deadline_ms);
	if (error == ETIMEDOUT)
		return say(note, note_size,
			   "the interpreter's lock was not free in time: no Python objects", error);
	if (error)
		return say(note, note_size,
			   "the interpreter ended while we waited for its lock: no Python objects",
			   error);
	if (locker.tls_offset) {
		struct tls_search tls = own_tls();
		if (tls.block && locker.tls_offset - 1 + 8 <= tls.size)
			locker.tls_slot = tls.block + locker.tls_offset - 1;
	}
	return 0;
}

void gil_leave(void)
{
	if (locker.own) {
		locker.own = false;
		return;
	}
	struct timespec until = deadline_after(1000);
	pthread_mutex_lock(&locker.mutex);
	if (locker.state == LOCKER_HOLDS) {
		locker.state = LOCKER_LEAVES;
		pthread_cond_broadcast(&locker.changed);
	}
	while (locker.state == LOCKER_LEAVES &&
	       pthread_cond_timedwait(&locker.changed, &locker.mutex, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&locker.mutex);
}

void *gil_let_go(void)
{
	if (!python.minor || !python.api.is_initialized() || python.api.is_finalizing() ||
	    !held_by_caller())
		return NULL;
	return python.api.save_thread();
}

void gil_take_back(void *token)
{
	if (token)
		python.api.restore_thread(token);
}

void gil_after_fork(void)
{
	/* The locker is not in the child; what it held is. */
	pthread_mutex_init(&locker.mutex, NULL);
	pthread_cond_init(&locker.changed, NULL);
	locker.state = LOCKER_NONE;
	locker.abandoned = locker.own = false;
	locker.tls_slot = 0;
}
