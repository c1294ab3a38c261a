/*
 * single.c - libc's belief that the program has one thread.
 *
 * glibc locks nothing while it has made no thread: malloc() and free() skip the arena's lock and change free lists by plain stores, a
 * pthread mutex is a plain store, too, and so are the counts of std::shared_ptr. Our helper ends that for every program; a program
 * that builds and frees trees took twice its time for nothing but that. So libc is told again that there is one thread, as long as
 * this is true for all that libc does: the helper sleeps in a system call, and enters libc for a snapshot or another mode; marks and questions it answers by itself.
 *
 * Ahead of those it takes the belief back, for good, and then must not meet the program's thread in the middle of something that was
 * begun without locks. There are two kinds of it:
 *   - a call of the allocator, which lies inside a bracket of ours;
 *   - a mutex, a few instructions between the question and the store: they are over when the thread has run a moment
 *     longer, or is blocked in the kernel, where nothing of it happens.
 * A signal handler that interrupts those few instructions and then stays is not noticed. What could meet there are two who read the
 * loader's list.
 *
 * libc before 2.35 asks another word, in each thread's descriptor: that one stays as pthread_create() left it.
 */
#include <dlfcn.h>
#include <time.h>

#include "entry.h"

/* As the program sees it, which may be a copy in the executable, and libc's own. NULL: libc has none. */
static volatile char *programs, *libcs;
/* Who made the helper, while libc believes it to be alone. */
static struct thread *_Atomic alone;
static _Atomic bool making; /* it is not decided yet */

void single_init(void)
{
	programs = entry_symbol(RTLD_DEFAULT, "__libc_single_threaded");
	libcs = entry_next("__libc_single_threaded");
}

static bool believed(void)
{
	return programs && libcs && *programs == 1 && *libcs == 1;
}

bool single_ahead(void)
{
	bool yes = believed();

	atomic_store(&making, yes);
	return yes;
}

void single_keep(struct thread *t, bool ahead)
{
	/* only a word that pthread_create() cleared is the one */
	bool kept = t && ahead && !*programs && !*libcs;

	if (kept)
		*programs = *libcs = 1;
	atomic_store(&alone, kept ? t : NULL);
	atomic_store(&making, false);
}

/* Blocked in what the allocator may ask of the kernel? */
static bool asks_for_memory(long call)
{
	return call == SYS_brk || call == SYS_mmap || call == SYS_munmap || call == SYS_mremap ||
	       call == SYS_madvise || call == SYS_mprotect;
}

#define MOMENT_NS 50000u
/* Has the thread left behind what it began before it had run for so long? */
static bool is_past(const struct thread *t, uint64_t ran_before)
{
	bool outside = __atomic_load_n(&t->hook_frame, __ATOMIC_RELAXED) == 0;
	uint64_t ran, times;
	long call;

	if (freeze_thread_blocked(t->tid, &call, &times))
		return call >= 0 ? !asks_for_memory(call) : outside;
	return outside && (!freeze_thread_ran(t->tid, &ran) || ran - ran_before > MOMENT_NS);
}

#define NAPS_MAX 2000u
void single_end(void)
{
	struct timespec nap = {0, 1000000};
	struct thread *t;
	uint64_t ran = 0;

	while (atomic_load(&making))
		sys(SYS_nanosleep, &nap, NULL);
	t = atomic_exchange(&alone, NULL);
	if (!t || !believed())
		return; /* pthread_create() took it back: the thread is in there, or was */
	*programs = *libcs = 0;
	/* a nap first: what the thread stored before it read the words is to be seen, too */
	sys(SYS_nanosleep, &nap, NULL);
	freeze_thread_ran(t->tid, &ran);
	for (unsigned i = 0; i < NAPS_MAX && !is_past(t, ran); i++)
		sys(SYS_nanosleep, &nap, NULL);
}
