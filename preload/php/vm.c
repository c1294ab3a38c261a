/*
 * vm.c - a moment at which PHP's heap may be read.
 *
 * The helper asks by EG(vm_interrupt); the engine then calls zend_interrupt_function between two opcodes (at loops, calls and
 * returns; the JIT's code looks too), where every structure is whole and every temporary has its place in a frame. PHP's
 * thread waits there until the walker has its copy.
 *
 * It does not come by while an internal function works or waits. One that waits is as good: a thread that is blocked in a
 * system call by which programs wait (read, poll, nanosleep, ...) is inside none of ZendMM's functions nor of the collector's, which
 * make no such calls. It is left where it is; still() sees, once the world stands, whether it has not moved since. FPM's
 * workers between two requests are found like that. An internal function that computes is waited for, until the deadline.
 */
#include "php.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum phase { VM_RUNS, VM_ASKED, VM_STANDS };

static struct {
	void (*next)(zend_execute_data *execute_data);
	_Atomic uint32_t phase; /* futex word */
	bool own;		/* the snapshot is taken by PHP's own thread */
	_Atomic bool waits;	/* PHP's thread waits for one, and touches nothing meanwhile */
	bool rests;		/* it was found blocked, here: */
	long call;
	uint64_t runs; /* how often it had run */
} vm;

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *t)
{
	return syscall(SYS_futex, word, operation, value, t, NULL, 0);
}

/* ---- in PHP's thread --------------------------------------------------------------------------------------------------- */

static void stand(void)
{
	uint32_t asked = VM_ASKED;
	int saved = errno;

	if (!atomic_compare_exchange_strong(&vm.phase, &asked, VM_STANDS))
		return;
	futex(&vm.phase, FUTEX_WAKE_PRIVATE, 1, NULL);
	while (atomic_load(&vm.phase) == VM_STANDS)
		futex(&vm.phase, FUTEX_WAIT_PRIVATE, VM_STANDS, NULL);
	errno = saved;
}

static void on_interrupt(zend_execute_data *execute_data)
{
	if (!php_thread())
		events_note_thread();
	stand();
	if (vm.next)
		vm.next(execute_data);
}

static void startup(bool late)
{
	vm.next = zend_interrupt_function;
	zend_interrupt_function = on_interrupt;
}

static bool wants_end(void)
{
	return host->on_exit;
}

/* A script of the command line that ends: its objects are there now, and not any more when the process exits. */
static void request_end(void)
{
	if (strcmp(sapi_module.name, "cli") == 0 || strcmp(sapi_module.name, "embed") == 0)
		host->exiting();
}

static void after_fork(void)
{
	atomic_store(&vm.phase, VM_RUNS);
	vm.rests = vm.own = false;
	atomic_store(&vm.waits, false);
}

const struct event_handlers vm_events = {
	.startup = startup,
	.wants_end = wants_end,
	.request_end = request_end,
	.after_fork = after_fork,
};

/* ---- in the helper -------------------------------------------------------------------------------------------------------- */

/* Calls by which programs wait, and ZendMM never makes. */
static bool waits(long call)
{
	static const short calls[] = {
		SYS_read,	  SYS_readv,	       SYS_pread64,	  SYS_preadv,
		SYS_write,	  SYS_writev,	       SYS_pwrite64,	  SYS_accept,
		SYS_accept4,	  SYS_connect,	       SYS_recvfrom,	  SYS_recvmsg,
		SYS_recvmmsg,	  SYS_sendto,	       SYS_sendmsg,	  SYS_sendmmsg,
		SYS_ppoll,	  SYS_pselect6,	       SYS_nanosleep,	  SYS_clock_nanosleep,
		SYS_epoll_pwait,  SYS_wait4,	       SYS_waitid,	  SYS_flock,
		SYS_fcntl,	  SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_futex,
		SYS_semtimedop,	  SYS_msgrcv,	       SYS_msgsnd,	  SYS_fsync,
		SYS_fdatasync,	  SYS_sendfile,	       SYS_splice,	  SYS_openat,
		SYS_io_getevents,
#ifdef SYS_semop
		SYS_semop,
#endif
#ifdef SYS_poll
		SYS_poll,	  SYS_select,	       SYS_epoll_wait,	  SYS_pause,
		SYS_open,
#endif
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i] == call)
			return true;
	return false;
}

/* Where it sleeps is not to be known in a process that changed its user; interruptibly at least, as ZendMM's calls do not. */
#define SLEEPS (-2)
/* Seen in the same call in two looks, not having run between; in many, where it may be a lock of malloc's. */
static bool at_rest(unsigned *looks)
{
	long call = -1;
	uint64_t runs = 0;

	if (!php_thread() || !host->thread_blocked(php_thread(), &call, &runs) ||
	    (call != SLEEPS && !waits(call))) {
		*looks = 0;
		return false;
	}
	if (call != vm.call || runs != vm.runs)
		*looks = 0;
	vm.call = call;
	vm.runs = runs;
	return ++*looks > (call == SYS_futex || call == SLEEPS ? 15 : 1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void withdraw(void)
{
	atomic_store(&vm.phase, VM_RUNS);
	futex(&vm.phase, FUTEX_WAKE_PRIVATE, 1, NULL);
}

/* True when PHP's thread stands or rests. */
static bool wait_for_moment(unsigned deadline_ms)
{
	uint64_t end = now_ms() + deadline_ms;
	struct timespec nap = {0, 200000};
	unsigned looks = 0;

	atomic_store(&vm.phase, VM_ASKED);
	while (now_ms() < end && !(host->cancelled && host->cancelled())) {
		/* again and again: the engine clears it at the start of a request */
		if (EG(current_execute_data))
			zend_atomic_bool_store(&EG(vm_interrupt), true);
		futex(&vm.phase, FUTEX_WAIT_PRIVATE, VM_ASKED, &nap);
		if (atomic_load(&vm.phase) == VM_STANDS)
			return true;
		if (at_rest(&looks)) {
			/* it may have come to stand in this very moment */
			vm.rests = atomic_load(&vm.phase) != VM_STANDS;
			return true;
		}
		if (nap.tv_nsec < 800000)
			nap.tv_nsec *= 2;
	}
	return false;
}

int vm_enter(unsigned deadline_ms, char *note, size_t note_size)
{
	vm.own = vm.rests = false;
	if ((!php_thread() && !EG(active)) || !php_get_module_initialized())
		return ENXIO; /* not begun, or over: there is nothing to see */
	if (php_thread() == (uint32_t)syscall(SYS_gettid)) {
		vm.own = true;
		return 0;
	}
	if (atomic_load(&vm.waits))
		return 0;
	if (wait_for_moment(deadline_ms))
		return 0;
	withdraw();
	snprintf(note, note_size,
		 "PHP did not come to rest within %u ms: an internal function works", deadline_ms);
	return ETIMEDOUT;
}

bool vm_still(void)
{
	return !vm.rests || host->thread_rests(php_thread(), vm.runs);
}

/* PHP's thread waits for a snapshot that the helper takes: at a place where it chose to, so the heap is whole. */
void *vm_let_go(void)
{
	if (php_thread() != (uint32_t)syscall(SYS_gettid))
		return NULL;
	atomic_store(&vm.waits, true);
	return &vm;
}

void vm_take_back(void *token)
{
	atomic_store(&vm.waits, false);
}

void vm_leave(void)
{
	withdraw();
}
