/*
 * control.h - what control.c (who asks, and when there is a helper), helper.c (the thread) and jobs.c (what it does) have in common.
 * What the rest of the shim calls is declared in shim.h, glue.h and snapshot.h.
 *
 * Locks: helper_lock (starting and stopping) > gate; the lock of jobs_local(). The helper takes the gate only.
 */
#pragma once

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#include "glue.h"
#include "snapshot.h"

/* ---- control.c ---------------------------------------------------------------------------------------------------------------------- */

/* The gate: the helper works only inside of it. Its owner may enter again. False: not within `ms` (0: waits for ever). */
bool control_gate_enter(uint32_t ms);
void control_gate_leave(void);
/* There is no helper now, but one will come back: a pause, or a start at the next tick. */
bool control_helper_returns(void);

/* ---- helper.c ----------------------------------------------------------------------------------------------------------------------- */

enum helper_state {
	HELPER_NONE,
	HELPER_RUNNING,
	HELPER_GONE /* it ended by itself: pthread_exit in a runtime */
};

void helper_init(void);
bool helper_is(enum helper_state state);
/* The calling thread is it. */
bool helper_self(void);
/* Both under helper_lock. Nothing to do is no error. _start: `wait` until it listens. _stop: ends it and waits until the kernel has
 * no such thread any more. */
void helper_start(bool wait);
void helper_stop(void);
/* It was asked to end. */
bool helper_stopping(void);
/* After a mark was left: wakes it. In any thread, takes no lock. */
void helper_ring(void);
void helper_after_fork_child(void);

/* ---- jobs.c ------------------------------------------------------------------------------------------------------------------------- */

/* A futex word: what triggers and the program's threads ask for. Whoever sets a bit rings. */
extern _Atomic uint32_t jobs_marks;
uint32_t jobs_page_request(void);
/* Somebody asks; _wait: or the timer is due. */
bool jobs_asked(void);
bool jobs_wait(void);
void jobs_step(void);
/* A walker that is still writing gets `ms`. */
void jobs_abandon(unsigned ms);
/* Whoever waits for the job under way hears that it ended without a result. */
void jobs_given_up(const char *why);
/* Whoever waits at the page, if anybody, gets this answer. */
void jobs_refuse(int status, const char *why);
/* The helper takes a snapshot for the calling thread, which waits for at most `limit_ms`. */
void jobs_local(const char *reason, const char *label, const char *path, unsigned limit_ms,
		struct snapshot_result *result);
void jobs_after_fork_child(void);

/* ---- small things ------------------------------------------------------------------------------------------------------------------- */

static inline uint64_t control_now_ms(void)
{
	struct timespec t = {0, 0};
	sys(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* The words of the page are shared with the tool: no FUTEX_PRIVATE there. */
static inline long control_futex_wait(_Atomic uint32_t *word, uint32_t value, long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	return sys(SYS_futex, word, FUTEX_WAIT, value, ms < 0 ? NULL : &t);
}

static inline long control_futex_wake(_Atomic uint32_t *word)
{
	return sys(SYS_futex, word, FUTEX_WAKE, 0x7fffffff);
}

/* A lock that waits; a holder runs for a bounded time. */
static inline void control_lock(_Atomic uint32_t *word)
{
	uint32_t free_value = 0;
	while (!atomic_compare_exchange_strong(word, &free_value, 1)) {
		control_futex_wait(word, free_value, 10);
		free_value = 0;
	}
}

static inline void control_unlock(_Atomic uint32_t *word)
{
	atomic_store(word, 0);
	control_futex_wake(word);
}
