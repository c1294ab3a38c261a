/*
 * single.c - libc's belief that the program has one thread.
 *
 * glibc locks nothing while it has made no thread: malloc() and free() skip the arena's lock and change free lists by plain stores, a
 * pthread mutex is a plain store, too, and so are the counts of std::shared_ptr. Our helper ends that for every program; a program
 * that builds and frees trees took twice its time for nothing but that. So libc is told again that there is one thread, as long as
 * this is true for all that libc does: the helper sleeps in a system call, and enters libc for a snapshot or another mode; marks and
 * questions it answers by itself.
 *
 * Ahead of those it takes the belief back, for good, and then must not meet the program's thread in the middle of something that was
 * begun without locks. There are two kinds of it:
 *   - a call of the allocator, which lies inside a bracket of ours;
 *   - a mutex, a few instructions between the question and the store: they are over when the thread has run a moment
 *     longer, or is blocked in the kernel, where nothing of it happens.
 * Where the first does not end (a debugger holds the program there, a handler of a signal blocks on top of it), the work is refused.
 * A signal handler that interrupts those few instructions and then stays is not noticed. What could meet there are two who read the
 * loader's list.
 *
 * libc before 2.35 asks another word, in each thread's descriptor: that one stays as pthread_create() left it.
 */
#include <dlfcn.h>
#include <time.h>

#include "control.h"
#include "entry.h"

/* As the program sees it, which may be a copy in the executable, and libc's own. NULL: libc has none. */
static volatile char *programs, *libcs;
/* Who made the helper, while libc believes it to be alone. */
static struct thread *_Atomic alone;
static _Atomic bool making; /* it is not decided yet */
static bool ending; /* it was taken back, the thread is not known to be past: in the helper */

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
	ending = false;
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
/*
 * Has the thread left behind what it began before it had run for so long? A handler of a signal that came in the middle of malloc()
 * may block for as long as it likes: what counts is the bracket. Only a thread that waits for this very snapshot cannot leave it.
 */
static bool is_past(const struct thread *t, uint64_t ran_before, bool waits_for_us)
{
	bool outside = waits_for_us || __atomic_load_n(&t->hook_frame, __ATOMIC_RELAXED) == 0;
	uint64_t ran, times;
	long call;

	if (!outside)
		return false;
	if (freeze_thread_blocked(t->tid, &call, &times))
		return !asks_for_memory(call);
	return !freeze_thread_ran(t->tid, &ran) || ran - ran_before > MOMENT_NS;
}

#define NAPS_MAX 2000u
bool single_end(bool waits_for_us)
{
	struct timespec nap = {0, 1000000};
	struct thread *t;
	uint64_t ran = 0;

	while (atomic_load(&making))
		sys(SYS_nanosleep, &nap, NULL);
	t = atomic_load(&alone);
	if (!t)
		return true;
	if (believed()) {
		*programs = *libcs = 0;
		/* a nap first: what the thread stored before it read the words is to be seen, too */
		sys(SYS_nanosleep, &nap, NULL);
		ending = true;
	}
	/* else pthread_create() took it back, and the thread is in there, or was; or we did, and it was not past then */
	freeze_thread_ran(t->tid, &ran);
	for (unsigned i = 0; ending && !is_past(t, ran, waits_for_us); i++) {
		if (i == NAPS_MAX || helper_stopping())
			return false;
		sys(SYS_nanosleep, &nap, NULL);
	}
	ending = false;
	atomic_store(&alone, NULL);
	return true;
}
