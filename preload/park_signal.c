/* park_signal.c - borrowing a signal from libc, and giving it back as it was. The kernel is asked directly: libc's own functions
 * do not let anybody near it. */
#include <fcntl.h>
#include <sys/stat.h>

#include "glue.h"
#include "park_signal.h"

struct kernel_sigaction {
	uintptr_t handler; /* 0 default, 1 ignored */
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};
#define IGNORED ((uintptr_t)SIG_IGN)

#if defined(__x86_64__)
/* The kernel returns from a handler through this; libc's own is not exported. */
__asm__(".text\n.type refgraph_sigreturn,@function\nrefgraph_sigreturn:\n"
	"mov $15, %eax\nsyscall\n.size refgraph_sigreturn, .-refgraph_sigreturn\n");
extern char refgraph_sigreturn[] __attribute__((visibility("hidden")));
#define FLAGS (SA_RESTART | SA_ONSTACK | SA_SIGINFO | 0x04000000 /* SA_RESTORER */)
#define RESTORER ((uintptr_t)refgraph_sigreturn)
#else
#define FLAGS (SA_RESTART | SA_ONSTACK | SA_SIGINFO)
#define RESTORER 0
#endif

/* Under the lock. `borrowed`: ours is in force, and `before` is what was. `withheld`: the program ignores the signal, and libc's
 * handler waits in `libc` for the program's first thread. */
static trylock_t lock;
static bool borrowed;
static _Atomic bool withheld, left_to_libc;
static struct kernel_sigaction before, libc;

static bool action(const struct kernel_sigaction *set, struct kernel_sigaction *get)
{
	return sys(SYS_rt_sigaction, PARK_SIGNAL, set, get, SYS_SIGSET_SIZE) >= 0;
}

bool park_signal_install(park_handler *handler)
{
	struct kernel_sigaction ours = {(uintptr_t)handler, FLAGS, RESTORER, ~0ull};
	bool done;

	if (borrowed)
		return true;
	if (!trylock(&lock))
		return false;
	done = borrowed = action(&ours, &before);
	trylock_release(&lock);
	return done;
}

void park_signal_remove(void)
{
	if (!borrowed || !trylock(&lock))
		return; /* next time */
	action(&before, NULL);
	borrowed = false;
	trylock_release(&lock);
}

void park_signal_pass_on(int signal, siginfo_t *info, void *context)
{
	if (before.handler > IGNORED)
		((park_handler *)before.handler)(signal, info, context);
}

int park_signal_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
		       void *argument)
{
	struct kernel_sigaction then, now;
	bool ignored = !borrowed && !atomic_load(&left_to_libc) && action(NULL, &then) &&
		       then.handler == IGNORED;
	int status = real.pthread_create(thread, attributes, run, argument);

	if (!ignored || !trylock(&lock))
		return status;
	if (!borrowed && action(NULL, &now) && now.handler > IGNORED && action(&then, NULL)) {
		libc = now;
		atomic_store(&withheld, true);
	}
	trylock_release(&lock);
	return status;
}

void park_signal_give_back(void)
{
	if (likely(!atomic_load_explicit(&withheld, memory_order_relaxed)) || !trylock(&lock))
		return;
	if (borrowed)
		before = libc;
	else
		action(&libc, NULL);
	atomic_store(&withheld, false);
	trylock_release(&lock);
}

void park_signal_leave_to_libc(void)
{
	atomic_store(&left_to_libc, true);
	park_signal_give_back();
}

void park_signal_ahead_of_setxid(void)
{
	struct stat tasks;

	if (likely(!atomic_load_explicit(&withheld, memory_order_relaxed)))
		return;
	/* one link a folder: ".", ".." and the threads */
	if (sys(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &tasks, 0) < 0 || tasks.st_nlink != 3)
		park_signal_give_back();
}

/* Forked through the gate: nothing was borrowed then but for signals that never arrived, and here none is on its way. */
void park_signal_after_fork_child(void)
{
	atomic_store(&lock, 0);
	park_signal_remove();
}
