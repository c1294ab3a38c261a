/* leak_check.c - see leak_check.h. */
#include "cmd/leak_check.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "out/junit.h"
#include "util/str.h"

#define DUMP_NAME "leaks.%p.%n.%e.rgd"

/* ---- before ----------------------------------------------------------------------------------- */

static struct error *make_folder(struct leak_check *check)
{
	const char *base = getenv("TMPDIR");
	char path[PATH_MAX];

	if (!base || !*base)
		base = "/tmp";
	if (snprintf(path, sizeof path, "%s/refgraph-leaks.XXXXXX", base) >= (int)sizeof path)
		return error_usage("TMPDIR is too long");
	if (!mkdtemp(path))
		return error_system(errno, base, "cannot make a folder for dumps");
	check->folder = strdup(path);
	check->own = true;
	return check->folder ? NULL : error_memory();
}

static struct error *set(const char *name, const char *value)
{
	return setenv(name, value, 1) == 0 ? NULL
					   : error_system(errno, NULL, "cannot set %s", name);
}

/* The options of `refgraph leaks` that were given to us; the first two always. */
static const struct {
	enum option_id option;
	const char *name, *otherwise;
} passed[] = {
	{OPT_LEAK_KINDS, "--show-leak-kinds", "definite,possible"},
	{OPT_ERROR_KINDS, "--errors-for-leak-kinds", "definite,possible"},
	{OPT_HEURISTICS, "--leak-check-heuristics", NULL},
	{OPT_SUPPRESSIONS, "--suppressions", NULL},
	{OPT_NUM_CALLERS, "--num-callers", NULL},
};

struct error *leak_check_offer(const struct context *c)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	struct str options = {0};
	struct error *e;

	if (n <= 0)
		return NULL;
	self[n] = 0;
	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
		const char *text = option_text(c, passed[i].option, passed[i].otherwise);

		if (text)
			str_printf(&options, "%s=%s\n", passed[i].name, text);
	}
	if (option_flag(c, OPT_GEN_SUPPRESSIONS, false))
		str_add(&options, "--gen-suppressions\n");
	if (!option_flag(c, OPT_DEFAULT_SUPPRESSIONS, true))
		str_add(&options, "--no-default-suppressions\n");
	e = options.failed ? error_memory() : set("REFGRAPH_LEAK_OPTIONS", str_text(&options));
	str_free(&options);
	return e ? e : set("REFGRAPH_ANALYZER", self);
}

struct error *leak_check_begin(const struct context *c, struct leak_check *ret)
{
	*ret = (struct leak_check){0};
	if (c->options[OPT_DIRECTORY].given) {
		ret->folder = realpath(c->options[OPT_DIRECTORY].text, NULL);
		if (!ret->folder)
			return error_system(errno, c->options[OPT_DIRECTORY].text,
					    "cannot use this folder for dumps");
	} else {
		TRY(make_folder(ret));
		TRY(set("REFGRAPH_DIR", ret->folder));
	}
	if (!c->options[OPT_STACKS].given)
		TRY(set("REFGRAPH_STACKS", "exact"));
	TRY(set("REFGRAPH_ON_EXIT", "1"));
	return set("REFGRAPH_DUMP", DUMP_NAME);
}

/* ---- while it runs ---------------------------------------------------------------------------- */

static volatile sig_atomic_t program; /* pid */

/* A terminal's own signals reach the program too; those that are sent to us alone are meant for it. */
static void pass_on(int number, siginfo_t *info, void *unused)
{
	if (info->si_code <= 0 && program > 0)
		kill(program, number);
}

static void listen_for_signals(void)
{
	static const int numbers[] = {SIGHUP,  SIGINT,	SIGQUIT, SIGTERM,
				      SIGUSR1, SIGUSR2, SIGALRM, SIGCONT};
	struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct sigaction old;

		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

/* ---- afterwards ------------------------------------------------------------------------------- */

static int is_dump(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return strncmp(entry->d_name, "leaks.", 6) == 0 && n > 4 &&
	       strcmp(entry->d_name + n - 4, ".rgd") == 0;
}

/* `refgraph leaks` of one dump, on standard error. Its exit status. `junit`: a file to make, NULL none. */
static int ask(const struct context *c, const char *dump, const char *junit)
{
	const char *argv[20] = {"refgraph", "leaks"};
	size_t n = 2;
	int status = 0;
	pid_t child;

	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
		const char *text = option_text(c, passed[i].option, passed[i].otherwise);

		if (!text)
			continue;
		argv[n++] = passed[i].name;
		argv[n++] = text;
	}
	if (option_flag(c, OPT_GEN_SUPPRESSIONS, false))
		argv[n++] = "--gen-suppressions";
	if (!option_flag(c, OPT_DEFAULT_SUPPRESSIONS, true))
		argv[n++] = "--no-default-suppressions";
	if (junit) {
		argv[n++] = "--junit";
		argv[n++] = junit;
	}
	argv[n] = dump;
	child = fork();
	if (child == 0) {
		unsetenv("LD_PRELOAD");
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execv("/proc/self/exe", (char **)argv);
		_exit(ERROR_INPUT);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return ERROR_INPUT;
	return WEXITSTATUS(status);
}

/* "refgraph: leaks of jq, process 4711, at its end" */
static void print_head(const struct leak_check *check, const char *name, const char *path)
{
	char *end;
	long pid = strtol(name + 6, &end, 10);
	const char *serial = *end ? strchr(end + 1, '.') : NULL;
	const char *of = serial ? serial + 1 : "?.rgd";

	fprintf(stderr, "refgraph: leaks of %.*s, process %ld, at its end%s%s\n",
		(int)strlen(of) - 4, of, pid, check->own ? "" : ": ", check->own ? "" : path);
}

/* The parts that `refgraph leaks` made, as one file; that there was nothing to ask is an error there. */
static void join_junit(const struct context *c, char **parts, size_t n)
{
	const char *path = option_text(c, OPT_JUNIT, NULL);
	struct error *e;

	if (!path)
		return;
	if (n) {
		e = junit_join(parts, n, path);
	} else {
		struct junit j = {0};

		junit_case(&j, JUNIT_ERROR, "leaks", "no dump was written", "no dump",
			   "nothing was checked");
		e = junit_write(&j, c->args[0], path);
		str_free(&j.cases);
	}
	if (e)
		fprintf(stderr, "refgraph: %s\n", e->text ? e->text : "out of memory");
	error_destroy(e);
	for (size_t i = 0; i < n; i++)
		unlink(parts[i]);
}

/* True when there were findings. */
static bool report(const struct context *c, const struct leak_check *check)
{
	struct dirent **names;
	int n = scandir(check->folder, &names, is_dump, versionsort);
	char **parts = calloc(n > 0 ? (size_t)n : 1, sizeof *parts);
	size_t nparts = 0;
	bool found = false;

	if (n <= 0)
		fprintf(stderr,
			"refgraph: no dump was written at the end of %s: nothing was "
			"checked\n",
			c->args[0]);
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX], *part = NULL;

		snprintf(path, sizeof path, "%s/%s", check->folder, names[i]->d_name);
		print_head(check, names[i]->d_name, path);
		if (c->options[OPT_JUNIT].given && parts && asprintf(&part, "%s.xml", path) > 0)
			parts[nparts++] = part;
		found |= ask(c, path, part) == ERROR_FINDINGS;
		if (check->own)
			unlink(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	join_junit(c, parts, nparts);
	for (size_t i = 0; i < nparts; i++)
		free(parts[i]);
	free(parts);
	if (check->own)
		rmdir(check->folder);
	return found;
}

/* As the program ended. */
static void end_as(int status)
{
	struct rlimit none = {0};

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &none); /* there is one core, the program's */
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void leak_check_fork(const struct context *c, struct leak_check *check)
{
	uint64_t code = option_number(c, OPT_ERROR_EXITCODE, 0);
	sigset_t all, old;
	int status;

	/* no signal is lost between the fork and the handlers */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	program = fork();
	if (program == 0) {
		signal(SIGBUS, SIG_DFL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		return;
	}
	if (program < 0) {
		fprintf(stderr, "refgraph: cannot fork: %s\n", strerror(errno));
		_exit(125);
	}
	listen_for_signals();
	sigprocmask(SIG_SETMASK, &old, NULL);
	while (waitpid(program, &status, 0) < 0 && errno == EINTR)
		;
	program = 0;
	if (report(c, check) && code)
		_exit((int)code);
	end_as(status);
}
