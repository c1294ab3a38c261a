/*
 * entry_process.c - what changes the process as a whole: libraries that go, identity, exit.
 *
 * What is deliberately not hooked
 *   dlopen, dlmopen  The loader takes its caller's address for RUNPATH, $ORIGIN and the namespace: a wrapper would be that
 *                    caller and change which library is found. modules.c learns of new ones from the loader's counters.
 *   fork             pthread_atfork also covers forkpty, daemon and libc's inner calls (init.c).
 *   _Fork, clone     What a child of these may do until it execs is so little that there is nothing to follow; a wrapper that
 *                    returns twice, or on another stack, cannot be written soundly. Such a child has another pid than shim_pid.
 *   vfork            As clone. It shares our memory: what it allocates, its parent owns, and the records say just that.
 */
#include <dlfcn.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "entry.h"
#include "hooks/around.h"
#include "hooks/record.h"
#include "mempool.h"
#include "park_signal.h"

/* A real function that is found when first called. */
#define REAL(result, name, ...)                                                                    \
	static result (*next)(__VA_ARGS__);                                                        \
	if (unlikely(!next))                                                                       \
	*(void **)&next = entry_next(name)

/* ---- threads -------------------------------------------------------------------------------------------------------- */

/* The thread begins with its record, if it can be had (threads.c). A library may start one in its constructor, ahead of ours, and hooks
 * go to where nobody can be running: now. */
EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
			  void *argument)
{
	struct thread *t;
	int status;

	if (!real.pthread_create)
		shim_start();
	shim_before_threads();
	t = thread_unborn(run, argument);
	if (!t)
		return real.pthread_create(thread, attributes, run, argument);
	status = real.pthread_create(thread, attributes, thread_begin, t);
	if (status)
		thread_stillborn(t);
	return status;
}

/* ---- libraries ------------------------------------------------------------------------------------------------------- */

EXPORT int dlclose(void *handle)
{
	int result;

	if (thread_self() == NULL) {
		if (!real.dlclose)
			shim_start();
		return real.dlclose(handle);
	}
	/* What is loaded now must be known, so that its frames can be bound to it when it is gone. Not inside a hook: the
	 * library's destructors are the program's code. */
	ERRNO_KEPT(modules_poll());
	result = real.dlclose(handle);
	ERRNO_KEPT({
		modules_poll();
		rules_modules();
	});
	return result;
}

/* CPython calls this early in its start, right after it may have dropped our allocator hooks; and whoever loads a runtime by
 * dlopen comes by here before the runtime's first object. */
EXPORT char *setlocale(int category, const char *locale)
{
	REAL(char *, "setlocale", int, const char *);

	if (thread_self())
		ERRNO_KEPT({
			adapters_loaded();
			adapters_recheck();
		});
	return next(category, locale);
}

/* ---- what must not see a second thread ----------------------------------------------------------------------------------- */

/* The helper is stopped around the call, so that it neither makes the call fail nor is half reached by it. */
#define ALONE(call)                                                                                \
	do {                                                                                       \
		__typeof__(call) result_alone;                                                     \
		bool paused_alone = alone_begin();                                                 \
		result_alone = call;                                                               \
		alone_end(paused_alone);                                                           \
		return result_alone;                                                               \
	} while (0)

bool alone_begin(void)
{
	if (shim_sandboxed || !thread_self() || glue_pid() != shim_pid)
		return false;
	ERRNO_KEPT(control_pause());
	park_signal_ahead_of_setxid();
	return true;
}

void alone_end(bool paused)
{
	if (paused)
		ERRNO_KEPT(control_resume(true));
}

EXPORT int unshare(int flags)
{
	REAL(int, "unshare", int);
	ALONE(next(flags));
}

EXPORT int setns(int fd, int type)
{
	REAL(int, "setns", int, int);
	ALONE(next(fd, type));
}

EXPORT int setuid(uid_t uid)
{
	REAL(int, "setuid", uid_t);
	ALONE(next(uid));
}

EXPORT int setgid(gid_t gid)
{
	REAL(int, "setgid", gid_t);
	ALONE(next(gid));
}

EXPORT int seteuid(uid_t uid)
{
	REAL(int, "seteuid", uid_t);
	ALONE(next(uid));
}

EXPORT int setegid(gid_t gid)
{
	REAL(int, "setegid", gid_t);
	ALONE(next(gid));
}

EXPORT int setreuid(uid_t ruid, uid_t euid)
{
	REAL(int, "setreuid", uid_t, uid_t);
	ALONE(next(ruid, euid));
}

EXPORT int setregid(gid_t rgid, gid_t egid)
{
	REAL(int, "setregid", gid_t, gid_t);
	ALONE(next(rgid, egid));
}

EXPORT int setresuid(uid_t ruid, uid_t euid, uid_t suid)
{
	REAL(int, "setresuid", uid_t, uid_t, uid_t);
	ALONE(next(ruid, euid, suid));
}

EXPORT int setresgid(gid_t rgid, gid_t egid, gid_t sgid)
{
	REAL(int, "setresgid", gid_t, gid_t, gid_t);
	ALONE(next(rgid, egid, sgid));
}

EXPORT int setgroups(size_t n, const gid_t *groups)
{
	REAL(int, "setgroups", size_t, const gid_t *);
	ALONE(next(n, groups));
}

/* libc's own call of setgroups() does not come by here. */
EXPORT int initgroups(const char *user, gid_t group)
{
	REAL(int, "initgroups", const char *, gid_t);
	ALONE(next(user, group));
}

/*
 * A sandbox: from now on a system call that the program does not make itself may kill it. The helper goes for good. A filter that
 * is no filter is a question (libseccomp, systemd and browsers ask so): nothing follows from it.
 */
static void sandbox_ahead(void)
{
	if (shim_sandboxed || !thread_self() || glue_pid() != shim_pid)
		return;
	ERRNO_KEPT(control_sandboxed());
	shim_sandboxed = true;
}

static int sandbox_result(int result)
{
	if (result < 0)
		shim_sandboxed = false; /* it was refused: the tables go on, without the helper */
	return result;
}

EXPORT int prctl(int option, ...)
{
	unsigned long a[4];
	va_list args;
	REAL(int, "prctl", int, unsigned long, unsigned long, unsigned long, unsigned long);

	/* as libc's own: what was not passed is rubbish that the kernel does not look at */
	va_start(args, option);
	for (unsigned i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	if (option == PR_SET_SECCOMP && (a[0] == SECCOMP_MODE_STRICT || a[1])) {
		sandbox_ahead();
		return sandbox_result(next(option, a[0], a[1], a[2], a[3]));
	}
	return next(option, a[0], a[1], a[2], a[3]);
}

/*
 * syscall() reaches the same by number; seccomp(2) has no other way. All numbers but a few go straight to libc's function, by
 * a jump, so that even those that return twice or to another stack work as without us.
 */
#if defined(__x86_64__)
static long (*real_syscall)(long, ...);

static __attribute__((used)) void *syscall_target(void)
{
	if (!real_syscall)
		*(void **)&real_syscall = entry_next("syscall");
	return (void *)real_syscall;
}

static __attribute__((used)) long syscall_alone(long number, long a, long b, long c, long d, long e)
{
	syscall_target();
	if (number == SYS_seccomp) {
		if (a != SECCOMP_SET_MODE_STRICT && (a != SECCOMP_SET_MODE_FILTER || !c))
			return real_syscall(number, a, b, c, d, e);
		sandbox_ahead();
		return sandbox_result((int)real_syscall(number, a, b, c, d, e));
	}
	if (number == SYS_execve) /* our own: see entry_exec.c */
		return execve((const char *)a, (char *const *)b, (char *const *)c);
	if (number == SYS_execveat)
		return execveat((int)a, (const char *)b, (char *const *)c, (char *const *)d,
				(int)e);
	ALONE(real_syscall(number, a, b, c, d, e));
}

_Static_assert(SYS_unshare == 272 && SYS_setns == 308 && SYS_seccomp == 317 && SYS_execve == 59 &&
		       SYS_execveat == 322,
	       "the numbers below");
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, @function\n"
	".p2align 4\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	cmp $59, %rdi\n"
	"	je syscall_alone\n"
	"	cmp $322, %rdi\n"
	"	je syscall_alone\n"
	"	cmp $272, %rdi\n"
	"	je syscall_alone\n"
	"	cmp $308, %rdi\n"
	"	je syscall_alone\n"
	"	cmp $317, %rdi\n"
	"	je syscall_alone\n"
	"	mov real_syscall(%rip), %r11\n"
	"	test %r11, %r11\n"
	"	je 1f\n"
	"	jmp *%r11\n"
	"1:	push %rdi\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %rsi\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %rdx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %rcx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %r8\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %r9\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %rax\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	call syscall_target\n"
	"	mov %rax, %r11\n"
	"	pop %rax\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %r9\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %r8\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %rcx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %rdx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %rsi\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %rdi\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	jmp *%r11\n"
	"	.cfi_endproc\n"
	".size syscall, . - syscall\n");
#endif

/* ---- jumps out of signal handlers ------------------------------------------------------------------------------------ */

/* Hooked calls that the jump leaves do not return to us. Where it leads is told by glibc's jmp_buf, on a stack that is the thread's own. */
static void calls_jump(const void *where)
{
#if defined(__x86_64__)
	uintptr_t from = FRAME, to = ((const uintptr_t *)where)[6], guard;

	__asm__("mov %%fs:0x30, %0\n\tror $17, %1" : "=r"(guard), "+r"(to));
	to ^= guard;
	if (to > from && memo_own_stack(from, to))
		around_jump(from, to);
#endif
}

/*
 * A jump while this thread is inside a hook comes from a signal handler that interrupted it. The hook will not be finished:
 * its bracket is closed and its locks are given back.
 */
static void jump_ahead(const void *where)
{
	static trylock_t *const locks[] = {&threads_lock, &epoch_lock, &modules_lock,
					   &regions_lock, &stack_lock, &live_odd_lock};
	struct thread *t = thread_current;

	if (rules_on())
		calls_jump(where);
	if (likely(!t || !t->hook_frame || t->hook_frame == UINTPTR_MAX))
		return;
	for (unsigned i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		if (trylock_is_mine(locks[i]))
			trylock_release(locks[i]);
	}
	for (unsigned i = 0; i < MEMPOOL_SHARDS; i++) {
		if (trylock_is_mine(&mempool_locks[i]))
			trylock_release(&mempool_locks[i]);
	}
	record_jump();
	hook_leave(t);
}

#define JUMP(name)                                                                                 \
	EXPORT __attribute__((noreturn)) void name(void *where, int value);                        \
	EXPORT __attribute__((noreturn)) void name(void *where, int value)                         \
	{                                                                                          \
		static __attribute__((noreturn)) void (*next)(void *, int);                        \
		jump_ahead(where);                                                                 \
		if (unlikely(!next))                                                               \
			*(void **)&next = entry_next(#name);                                       \
		next(where, value);                                                                \
	}
JUMP(longjmp)
JUMP(_longjmp)
JUMP(siglongjmp)
JUMP(__longjmp_chk)

/* ---- exit --------------------------------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void exit_hook(int status)
{
	/* not in a vfork child, whose memory is its parent's, and not from inside a hook (a signal handler) */
	if (thread_current && !thread_current->hook_frame && !shim_sandboxed &&
	    glue_pid() == shim_pid)
		control_at_exit(true);
	if (real.exit_now)
		real.exit_now(status);
	for (;;)
		sys(SYS_exit_group, status);
}

EXPORT void _exit(int status)
{
	exit_hook(status);
}

EXPORT void _Exit(int status)
{
	exit_hook(status);
}
