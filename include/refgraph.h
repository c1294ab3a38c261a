/*
 * refgraph.h - what a program may say to librefgraph.so. All of it does nothing, at the price of one test, when the program
 * runs without the shim: the symbols are weak, nothing is linked.
 *
 * From a language without this header call the functions by name: from Python
 *	ctypes.CDLL(None).refgraph_snapshot(b"label")
 * finds refgraph_snapshot only under the shim (AttributeError without it).
 */
#ifndef REFGRAPH_H
#define REFGRAPH_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Takes a snapshot now and waits until the dump is written (the other threads wait only for the fork). `label` is kept
 * in the dump; NULL or "" for none. 0, or an errno: ENOTSUP without the shim. Not from a signal handler.
 */
int refgraph_snapshot(const char *label) __attribute__((weak));

/* Advances the epoch: what is allocated from here on can be told from what was there. Returns the new epoch. */
unsigned refgraph_mark(const char *label) __attribute__((weak));

/*
 * A task, request or job of this name was done: counts it. `refgraph workers` divides what grew by it, so that a leak is told in
 * objects for each request. Returns how many there are. (Workers of multiprocessing.Pool, celery and gunicorn are counted without.)
 */
unsigned long refgraph_task_done(const char *name) __attribute__((weak));

/* 1 under a shim that follows this process, else 0. */
int refgraph_active(void) __attribute__((weak));

#ifndef REFGRAPH_NO_WRAPPERS
static inline int refgraph_snapshot_(const char *label)
{
	return refgraph_snapshot ? refgraph_snapshot(label) : 95; /* ENOTSUP */
}
static inline unsigned refgraph_mark_(const char *label)
{
	return refgraph_mark ? refgraph_mark(label) : 0;
}
static inline unsigned long refgraph_task_done_(const char *name)
{
	return refgraph_task_done ? refgraph_task_done(name) : 0;
}
static inline int refgraph_active_(void)
{
	return refgraph_active ? refgraph_active() : 0;
}
/* A program calls refgraph_snapshot(...) and gets the test with it. */
#define refgraph_snapshot(label) refgraph_snapshot_(label)
#define refgraph_mark(label) refgraph_mark_(label)
#define refgraph_task_done(name) refgraph_task_done_(name)
#define refgraph_active() refgraph_active_()
#endif

#ifdef __cplusplus
}
#endif

#endif
