/*
 * entry_wait.c - hooks of the wait functions, for the one case in which the program could meet our walker: a wait for any child
 * that also asks for clone children (__WALL, __WCLONE). All other calls go straight to libc's function.
 *
 * Such a wait behaves as if the walker were not there: what it reaps is passed on to snapshot.c and the wait begins again; and
 * where nobody but the walker could be waited for, it says so at once (ECHILD) as it would without us.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "entry.h"
#include "snapshot.h"

static struct {
	pid_t (*wait4)(pid_t, int *, int, struct rusage *);
	pid_t (*waitpid)(pid_t, int *, int);
	pid_t (*wait3)(int *, int, struct rusage *);
	int (*waitid)(idtype_t, id_t, siginfo_t *, int);
} next;

/* In the constructor: these are called from signal handlers and after vfork, where dlsym may not be. */
void entry_wait_init(void)
{
	*(void **)&next.waitpid = entry_next("waitpid");
	*(void **)&next.wait3 = entry_next("wait3");
	*(void **)&next.waitid = entry_next("waitid");
	*(void **)&next.wait4 = entry_next("wait4");
}

/* Before the constructor ran there is no walker, and no thread to be cancelled. */
static pid_t raw_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	long got = sys(SYS_wait4, pid, status, options, usage);
	if (got >= 0)
		return (pid_t)got;
	errno = (int)-got;
	return -1;
}

/* Also when there is no walker yet: the wait may last. */
static inline bool may_meet(bool any_child, int options)
{
	return unlikely(any_child && options & (__WALL | __WCLONE));
}

/* ---- is there anybody but the walker? -------------------------------------------------------------------------------------- */

static bool list_holds_other(const char *text, uint32_t walker)
{
	while (*text) {
		uint32_t pid = 0;
		for (; *text >= '0' && *text <= '9'; text++)
			pid = pid * 10 + (uint32_t)(*text - '0');
		if (pid && pid != walker)
			return true;
		while (*text && (*text < '0' || *text > '9'))
			text++;
	}
	return false;
}

/* The walker is the helper's child; its list has it and what the helper inherited from threads that ended. */
static bool any_other_child(uint32_t walker)
{
	char path[64], text[4096];
	siginfo_t info;
	if (sys(SYS_waitid, P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT,
		0) != -ECHILD)
		return true;
	for (const struct thread *t = threads_first(); t; t = t->next) {
		log_format(path, sizeof path, "/proc/self/task/%u/children", t->tid);
		if (sys_read_file(path, text, sizeof text) > 0 && list_holds_other(text, walker))
			return true;
	}
	return false;
}

/* ---- the hooks --------------------------------------------------------------------------------------------------------------- */

static bool was_walker(pid_t got, int status)
{
	if (got <= 0 || !snapshot_is_walker((uint32_t)got))
		return false;
	snapshot_walker_reaped(status);
	return true;
}

static pid_t wait4_past_walker(pid_t pid, int *status, int options, struct rusage *usage)
{
	for (;;) {
		uint32_t walker = snapshot_walker();
		int local = 0;
		pid_t got;
		if (walker && !any_other_child(walker)) {
			errno = ECHILD;
			return -1;
		}
		got = next.wait4 ? next.wait4(pid, &local, options, usage)
				 : raw_wait4(pid, &local, options, usage);
		if (was_walker(got, local))
			continue;
		if (got > 0 && status)
			*status = local;
		return got;
	}
}

EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	if (may_meet(pid <= 0, options))
		return wait4_past_walker(pid, status, options, usage);
	return likely(next.wait4) ? next.wait4(pid, status, options, usage)
				  : raw_wait4(pid, status, options, usage);
}

EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
	if (may_meet(true, options))
		return wait4_past_walker(-1, status, options, usage);
	return likely(next.wait3) ? next.wait3(status, options, usage)
				  : raw_wait4(-1, status, options, usage);
}

EXPORT pid_t waitpid(pid_t pid, int *status, int options)
{
	if (may_meet(pid <= 0, options))
		return wait4_past_walker(pid, status, options, NULL);
	return likely(next.waitpid) ? next.waitpid(pid, status, options)
				    : raw_wait4(pid, status, options, NULL);
}

static int raw_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	long got = sys(SYS_waitid, type, id, info, options, 0);
	if (got >= 0)
		return (int)got;
	errno = (int)-got;
	return -1;
}

/* With WNOWAIT it is only shown, and would be shown again at once: it is reaped for good then. */
static bool pass_on(const siginfo_t *info, int options)
{
	int status = info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status & 127;
	if (info->si_pid <= 0 || !snapshot_is_walker((uint32_t)info->si_pid))
		return false;
	if (options & WNOWAIT)
		sys(SYS_wait4, info->si_pid, &status, __WALL | WNOHANG, 0);
	snapshot_walker_reaped(status);
	return true;
}

static int waitid_past_walker(idtype_t type, id_t id, siginfo_t *info, int options)
{
	for (;;) {
		uint32_t walker = snapshot_walker();
		siginfo_t local;
		int got;
		if (walker && !any_other_child(walker)) {
			errno = ECHILD;
			return -1;
		}
		memset(&local, 0, sizeof local);
		got = next.waitid ? next.waitid(type, id, &local, options)
				  : raw_waitid(type, id, &local, options);
		if (got == 0 && pass_on(&local, options))
			continue;
		if (got == 0 && info)
			*info = local;
		return got;
	}
}

EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	if (may_meet(type == P_ALL || type == P_PGID, options))
		return waitid_past_walker(type, id, info, options);
	return likely(next.waitid) ? next.waitid(type, id, info, options)
				   : raw_waitid(type, id, info, options);
}
