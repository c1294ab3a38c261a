/*
 * leak_check.c - refgraph_leak_check(): a dump, judged at once by the analyzer that started the program (REFGRAPH_ANALYZER). The * analyzer runs below a child of a raw clone, which the program neither hears of (no SIGCHLD) nor sees by wait(). Not in it: exec
 * would make it an ordinary child.
*/
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "guard.h"
#include "snapshot.h"

#define ARGUMENTS_MAX 16u

/* config.leak_options is one option a line. */
static void arguments_make(char *options, const char *dump, const char **argv)
{
	unsigned n = 0;

	argv[n++] = "refgraph";
	argv[n++] = "leaks";
	while (*options && n < ARGUMENTS_MAX - 2) {
		char *end = options + strcspn(options, "\n");

		argv[n++] = options;
		options = *end ? end + 1 : end;
		*end = 0;
	}
	argv[n++] = dump;
	argv[n] = NULL;
}

/* The analyzer is not to be followed itself; it keeps the rest, such as LANG and DEBUGINFOD_URLS. */
static void environment_make(const char **environment, size_t max)
{
	char **all = shim_environment();
	size_t n = 0;

	for (; all && *all && n < max - 1; all++)
		if (strncmp(*all, "LD_PRELOAD=", 11) != 0 && strncmp(*all, "LD_AUDIT=", 9) != 0)
			environment[n++] = *all;
	environment[n] = NULL;
}

static _Noreturn void become_analyzer(const char *dump)
{
	static char options[sizeof config.leak_options]; /* the child's own copy */
	static const char *argv[ARGUMENTS_MAX], *environment[1024];
	uint64_t none = 0;

	memcpy(options, config.leak_options, sizeof options);
	arguments_make(options, dump, argv);
	environment_make(environment, sizeof environment / sizeof *environment);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, SYS_SIGSET_SIZE);
	sys(SYS_dup3, 2, 1, 0);
	sys(SYS_execve, config.analyzer, argv, environment);
	for (;;)
		sys(SYS_exit_group, 127);
}

/* The exit status of the child, 255 when it has none. */
static int wait_for(long pid)
{
	int status = 0;
	long got;

	if (pid < 0)
		return 255;
	do
		got = sys(SYS_wait4, pid, &status, __WALL, 0);
	while (got == -EINTR);
	return got == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* The exit status of `refgraph leaks`. */
static int judge(const char *dump)
{
	long pid = sys(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0) {
		/* handlers of the program run here no more */
		uint64_t all = ~0ull;
		sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, SYS_SIGSET_SIZE);
		pid = sys(SYS_clone, 0, 0, 0, 0, 0);
		if (pid == 0)
			become_analyzer(dump);
		sys(SYS_exit_group, wait_for(pid));
	}
	return wait_for(pid);
}
static int check(const char *label)
{
	static _Atomic uint32_t number;
	struct snapshot_result result;
	char path[sizeof result.path] = "";
	int status;

	if (config.analyzer[0])
		log_format(path, sizeof path, "%s/check.%u.%u.rgd", config.dump_dir, glue_pid(),
			   atomic_fetch_add(&number, 1) + 1);
	status = control_snapshot("leak check", label, path, 0, &result);
	if (status) {
		log_line2("no leak check", result.message);
		return -status;
	}
	if (!config.analyzer[0])
		return -ENOSYS;
	status = judge(result.path);
	sys(SYS_unlinkat, AT_FDCWD, result.path, 0);
	return status == 0 || status == 1 ? status : -EIO;
}

int leak_check(const char *label)
{
	int status;

	if (!control_page || atomic_load_explicit(&shim_state, memory_order_relaxed) != SHIM_ON ||
	    shim_sandboxed)
		return -ENOTSUP;
	ERRNO_KEPT(status = check(label ? label : ""));
	return status;
}
