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

#include <stddef.h>

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

/*
 * Looks for leaks now, and says on standard error what `refgraph leaks` says. 1: blocks are lost, definitely or possibly; 0: none,
 * or there is no shim; negative, an error number: it could not be told (-ENOSYS: the program was not started by
 * `refgraph run`, so nobody is there to judge; the dump is kept). Other threads wait only for the fork. Not from a signal handler.
 */
int refgraph_leak_check(const char *label) __attribute__((weak));

/* Between the two, what this thread allocates is meant to stay: neither it nor what it leads to is a leak. They nest. */
void refgraph_leaks_disable(void) __attribute__((weak));
void refgraph_leaks_enable(void) __attribute__((weak));

/* The block that contains this address is meant to stay, until it is freed or reallocated. */
void refgraph_ignore(const void *address) __attribute__((weak));

/*
 * The block that contains this address is of this type, until it is freed or reallocated: "session", "struct session", "item[]". `refgraph
 * types` names the source `annotation`; with debug information of a type of this name its fields have their names. The text is copied.
 */
void refgraph_type(const void *address, const char *type) __attribute__((weak));

/*
 * Memory that holds references and that the shim cannot know: shared memory, a device's, what was mapped around libc. It must
 * stay mapped until it ends; the same address and size end it.
 */
void refgraph_root_region(const void *address, size_t size) __attribute__((weak));
void refgraph_root_region_end(const void *address, size_t size) __attribute__((weak));

/*
 * Pools: memory that the program hands out itself, from inside a superblock that it got from malloc(), mmap() or its own data. A pool is
 * known by an address of the program's choice, most often its own struct's. Each block is then an object of its own; the superblock is none
 * any more, as long as one of the pool's blocks is in it. This is what valgrind's programs say by VALGRIND_CREATE_MEMPOOL,
 * VALGRIND_MEMPOOL_ALLOC and so on. Blocks lie at least 8 bytes apart. `name` ("request", "strings") is shown; NULL none.
 * From any thread; who allocates from one pool in several threads has a lock of its own.
 */
void refgraph_pool_create(const void *pool, const char *name) __attribute__((weak));
/* And all its blocks. */
void refgraph_pool_destroy(const void *pool) __attribute__((weak));
void refgraph_pool_alloc(const void *pool, const void *address, size_t size) __attribute__((weak));
void refgraph_pool_free(const void *pool, const void *address) __attribute__((weak));
/* The block at `from` is now at `address`, perhaps the same, and has `size` bytes. */
void refgraph_pool_change(const void *pool, const void *from, const void *address, size_t size)
	__attribute__((weak));
/* Of the pool only what lies in [address, address + size) stays allocated: for pools that free back to a mark. Size 0: nothing. */
void refgraph_pool_trim(const void *pool, const void *address, size_t size) __attribute__((weak));
/* The pool is known by another address from here on. */
void refgraph_pool_move(const void *from, const void *to) __attribute__((weak));

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
static inline int refgraph_leak_check_(const char *label)
{
	return refgraph_leak_check ? refgraph_leak_check(label) : 0;
}
static inline void refgraph_leaks_disable_(void)
{
	if (refgraph_leaks_disable)
		refgraph_leaks_disable();
}
static inline void refgraph_leaks_enable_(void)
{
	if (refgraph_leaks_enable)
		refgraph_leaks_enable();
}
static inline void refgraph_ignore_(const void *address)
{
	if (refgraph_ignore)
		refgraph_ignore(address);
}
static inline void refgraph_type_(const void *address, const char *type)
{
	if (refgraph_type)
		refgraph_type(address, type);
}
static inline void refgraph_root_region_(const void *address, size_t size)
{
	if (refgraph_root_region)
		refgraph_root_region(address, size);
}
static inline void refgraph_root_region_end_(const void *address, size_t size)
{
	if (refgraph_root_region_end)
		refgraph_root_region_end(address, size);
}
/* What stands for the pools' functions when they are not there: so the call itself is where the program has it. */
static inline void refgraph_no_pool_(const void *pool)
{
	(void)pool;
}
static inline void refgraph_no_create_(const void *pool, const char *name)
{
	(void)pool;
	(void)name;
}
static inline void refgraph_no_alloc_(const void *pool, const void *address, size_t size)
{
	(void)pool;
	(void)address;
	(void)size;
}
static inline void refgraph_no_free_(const void *pool, const void *address)
{
	(void)pool;
	(void)address;
}
static inline void refgraph_no_change_(const void *pool, const void *from, const void *address,
				       size_t size)
{
	refgraph_no_alloc_(pool, address, size);
	(void)from;
}
static inline int refgraph_active_(void)
{
	return refgraph_active ? refgraph_active() : 0;
}
/* A program calls refgraph_snapshot(...) and gets the test with it. */
#define refgraph_snapshot(label) refgraph_snapshot_(label)
#define refgraph_mark(label) refgraph_mark_(label)
#define refgraph_task_done(name) refgraph_task_done_(name)
#define refgraph_leak_check(label) refgraph_leak_check_(label)
#define refgraph_leaks_disable() refgraph_leaks_disable_()
#define refgraph_leaks_enable() refgraph_leaks_enable_()
#define refgraph_ignore(address) refgraph_ignore_(address)
#define refgraph_type(address, type) refgraph_type_(address, type)
#define refgraph_root_region(address, size) refgraph_root_region_(address, size)
#define refgraph_root_region_end(address, size) refgraph_root_region_end_(address, size)
#define refgraph_pool_create(pool, name)                                                           \
	(refgraph_pool_create ? refgraph_pool_create : refgraph_no_create_)(pool, name)
#define refgraph_pool_destroy(pool)                                                                \
	(refgraph_pool_destroy ? refgraph_pool_destroy : refgraph_no_pool_)(pool)
#define refgraph_pool_alloc(pool, address, size)                                                   \
	(refgraph_pool_alloc ? refgraph_pool_alloc : refgraph_no_alloc_)(pool, address, size)
#define refgraph_pool_free(pool, address)                                                          \
	(refgraph_pool_free ? refgraph_pool_free : refgraph_no_free_)(pool, address)
#define refgraph_pool_change(pool, from, address, size)                                            \
	(refgraph_pool_change ? refgraph_pool_change : refgraph_no_change_)(pool, from, address,   \
									    size)
#define refgraph_pool_trim(pool, address, size)                                                    \
	(refgraph_pool_trim ? refgraph_pool_trim : refgraph_no_alloc_)(pool, address, size)
#define refgraph_pool_move(from, to)                                                               \
	(refgraph_pool_move ? refgraph_pool_move : refgraph_no_free_)(from, to)
#define refgraph_active() refgraph_active_()
#endif

#ifdef __cplusplus
}

#ifndef REFGRAPH_NO_WRAPPERS
namespace refgraph
{
/* refgraph_leaks_disable() for as long as it lives. */
struct leaks_disabled {
	leaks_disabled()
	{
		refgraph_leaks_disable();
	}
	~leaks_disabled()
	{
		refgraph_leaks_enable();
	}
	leaks_disabled(const leaks_disabled &) = delete;
	leaks_disabled &operator=(const leaks_disabled &) = delete;
};
} // namespace refgraph
#endif
#endif

#endif
