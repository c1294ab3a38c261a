/* run.c - `refgraph run PROGRAM`: starts a program under the shim. Becomes the program, so its exit status is its own; with
 * --leak-check it stays as the parent (leak_check.h). */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/leak_check.h"
#include "control/rules.h"
#include "control/target.h"
#include "util/str.h"

/* As env(1) and nohup(1): what a program's own exit status cannot be mistaken for. */
enum { EXIT_OURS = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

#define SHIM_NAME "librefgraph.so"

enum value_kind { VALUE_AS_IS, VALUE_FOLDER, VALUE_NAME, VALUE_TIME, VALUE_SIZE, VALUE_PART };

/* Options that become variables of the program's environment. --NAME gives the value, --no-NAME the second word. */
static const struct {
	const char *variable;
	enum option_id option;
	enum value_kind kind;
	const char *yes, *no; /* a flag's words; NULL: the option's text */
} variables[] = {
	{"REFGRAPH_STACKS", OPT_STACKS},
	{"REFGRAPH_SAMPLE", OPT_SAMPLE, VALUE_SIZE},
	{"REFGRAPH_STACK_DEPTH", OPT_STACK_DEPTH},
	{"REFGRAPH_UNWINDER", OPT_UNWINDER},
	{"REFGRAPH_PYTHON_STACKS", OPT_PYTHON_STACKS},
	{"REFGRAPH_PHP_STACKS", OPT_PHP_STACKS},
	{"REFGRAPH_PHP_REQUEST", OPT_PHP_REQUEST},
	{"REFGRAPH_PHP_MEMORY", OPT_PHP_MEMORY, VALUE_SIZE},
	{"REFGRAPH_PHP_EPOCH_FUNCTION", OPT_PHP_EPOCH_FUNCTION},
	{"REFGRAPH_DUMP", OPT_DUMP, VALUE_NAME},
	{"REFGRAPH_DIR", OPT_DIRECTORY, VALUE_FOLDER},
	{"REFGRAPH_SIGNAL", OPT_SIGNAL},
	{"REFGRAPH_EVERY", OPT_EVERY, VALUE_TIME},
	{"REFGRAPH_GROWTH", OPT_GROWTH, VALUE_SIZE},
	{"REFGRAPH_DEADLINE", OPT_DEADLINE},
	{"REFGRAPH_ON_EXIT", OPT_ON_EXIT, VALUE_AS_IS, "1", "0"},
	{"REFGRAPH_ON_FATAL", OPT_ON_FATAL, VALUE_AS_IS, "1", "0"},
	{"REFGRAPH_VALUES", OPT_VALUES, VALUE_AS_IS, "1", "0"},
	{"REFGRAPH_VERBOSE", OPT_VERBOSE, VALUE_AS_IS, "1", "0"},
	{"REFGRAPH_TRACK_TYPES", OPT_TRACK_TYPE},
	{"REFGRAPH_TRACK_OBJECTS", OPT_TRACK_OBJECTS, VALUE_PART},
	{"REFGRAPH_TOMBSTONES", OPT_TOMBSTONES},
	{"REFGRAPH_PYTHON_TRACER", OPT_PYTHON_TRACER, VALUE_AS_IS, "on", "off"},
	{"REFGRAPH_PEAKS", OPT_PEAKS, VALUE_AS_IS, "1", "0"},
	{"REFGRAPH_PYTHON", OPT_PYTHON, VALUE_AS_IS, "on", "off"},
	{"REFGRAPH_NATIVE", OPT_NATIVE, VALUE_AS_IS, "on", "off"},
	{"REFGRAPH_CHILDREN", OPT_CHILDREN, VALUE_AS_IS, "on", "off"},
	{"REFGRAPH_HELPER", OPT_HELPER, VALUE_AS_IS, "on", "off"},
};

static struct error *put(const char *name, const char *value)
{
	return setenv(name, value, 1) == 0 ? NULL
					   : error_system(errno, NULL, "cannot set %s", name);
}

/* A folder for dumps must be there now: later only the program's own stderr could tell. */
static struct error *put_folder(const char *name, const char *path)
{
	char absolute[PATH_MAX];
	struct stat st;

	if (!realpath(path, absolute))
		return error_system(errno, path, "cannot use this folder for dumps");
	if (stat(absolute, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_usage("%s is not a folder", path);
	return put(name, absolute);
}

/* A number that is not 0, and one of the units or none. As the shim reads it, which could only warn on the program's stderr. */
static bool is_quantity(const char *text, const char *const *units)
{
	char *end;

	if (*text < '0' || *text > '9' || strtoull(text, &end, 10) == 0)
		return false;
	for (; *units; units++)
		if (!strcasecmp(end, *units))
			return true;
	return !*end;
}

#define TRACK_OBJECTS_MAX (1ull << 20) /* the shim's own bound */
static const char *const time_units[] = {"s", "m", "h", "d", NULL};
static const char *const size_units[] = {"B", "K", "M", "G", "T", "KiB", "MiB", "GiB", "TiB", NULL};

/* --dump FOLDER/NAME: the folder as by --directory. */
static struct error *put_name(const struct context *context, const char *variable, const char *text)
{
	const char *slash = strrchr(text, '/'), *name = slash ? slash + 1 : text;
	char folder[PATH_MAX];

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return error_usage(
			"--dump needs the name of a file, '%s' is none; try --dump %%e.%%p.%%n.rgd",
			text);
	if (!slash)
		return put(variable, name);
	if (context->options[OPT_DIRECTORY].given)
		return error_usage("--dump %s names a folder, and so does --dir", text);
	if ((size_t)(slash - text) >= sizeof(folder))
		return error_usage("--dump: the path is too long");
	memcpy(folder, text, (size_t)(slash - text));
	folder[slash - text] = 0;
	TRY(put_folder("REFGRAPH_DIR", slash == text ? "/" : folder));
	return put(variable, name);
}

/* One object in N, or "auto", which the shim calls 0. */
static struct error *put_part(const char *variable, const char *text)
{
	static const char *const no_unit[] = {NULL};

	if (!strcmp(text, "auto"))
		return put(variable, "0");
	if (!is_quantity(text, no_unit) || strtoull(text, NULL, 10) > TRACK_OBJECTS_MAX)
		return error_usage("'%s' is no part of all objects; 'auto', or one in N: 1 to %llu",
				   text, TRACK_OBJECTS_MAX);
	return put(variable, text);
}

static struct error *put_option(const struct context *context, size_t i, const char *text)
{
	const char *name = variables[i].variable;

	switch (variables[i].kind) {
	case VALUE_FOLDER:
		return put_folder(name, text);
	case VALUE_NAME:
		return put_name(context, name, text);
	case VALUE_TIME:
		if (!is_quantity(text, time_units))
			return error_usage("'%s' is no time between snapshots; try 10s, 5m, 1h",
					   text);
		return put(name, text);
	case VALUE_SIZE:
		if (!is_quantity(text, size_units))
			return error_usage("'%s' is no number of bytes; try 512K, 64M, 1G", text);
		return put(name, text);
	case VALUE_PART:
		return put_part(name, text);
	default:
		return put(name, text);
	}
}

static struct error *set_variables(const struct context *context)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const struct option_value *value = &context->options[variables[i].option];
		char number[32];
		const char *text = value->text;
		if (!value->given)
			continue;
		if (variables[i].yes) {
			text = value->flag ? variables[i].yes : variables[i].no;
		} else if (!text) {
			snprintf(number, sizeof(number), "%llu", (unsigned long long)value->number);
			text = number;
		}
		TRY(put_option(context, i, text));
	}
	return NULL;
}

/* The shim ---------------------------------------------------------------------------------------------------------- */

static struct error *use_shim(const char *path, char shim[PATH_MAX])
{
	char reason[128];

	if (!realpath(path, shim))
		return error_system(errno, path, "cannot use this shim");
	if (!target_is_shim(shim, reason, sizeof(reason)))
		return error_input(shim, NULL, ERROR_NO_OFFSET, "cannot be preloaded: %s", reason);
	if (strpbrk(shim, " :"))
		return error_input(shim, NULL, ERROR_NO_OFFSET,
				   "LD_PRELOAD cannot name a path with a blank or a colon; "
				   "set REFGRAPH_LIB to a copy in another folder");
	return NULL;
}

static struct error *find_shim(char shim[PATH_MAX])
{
	char path[PATH_MAX];

	TRY(shim_path(path));
	return use_shim(path, shim);
}

/* Names and files are judged here, before the program runs; what is in them by the shim. */
static struct error *set_rules(const struct context *context, const char *shim)
{
	const char *wish = option_text(context, OPT_RULES, NULL);
	struct str list = {0};
	struct error *error;

	if (!wish)
		return NULL;
	error = rules_resolve(wish, shim, &list);
	if (!error)
		error = put("REFGRAPH_RULES", str_text(&list));
	str_free(&list);
	return error;
}

/* Ours comes first, so that its malloc stands before another preloaded allocator's; it is named once. */
static struct error *set_preload(const char *shim)
{
	const char *old = getenv("LD_PRELOAD");
	char *words = strdup(old ? old : ""), *state, *word;
	struct str list = {0};
	struct error *error;

	str_add(&list, shim);
	for (word = words ? strtok_r(words, " :", &state) : NULL; word;
	     word = strtok_r(NULL, " :", &state)) {
		const char *slash = strrchr(word, '/');
		if (strcmp(slash ? slash + 1 : word, SHIM_NAME) != 0)
			str_printf(&list, ":%s", word);
	}
	error = !words || list.failed ? error_memory() : put("LD_PRELOAD", str_text(&list));
	free(words);
	str_free(&list);
	return error;
}

/* The program ------------------------------------------------------------------------------------------------------- */

static void leave(int status, const char *text, const char *program)
{
	fflush(stdout);
	fprintf(stderr, "refgraph: %s: %s\n", program, text);
	_exit(status);
}

/* As execvp, without its last resort for ELF files of other machines: a shell would only make noise of them. */
static void become(const struct target *target, char **argv, size_t argc)
{
	char **shell;

	execv(target->path, argv);
	if (errno != ENOEXEC || target->is_elf)
		return;
	shell = calloc(argc + 2, sizeof(*shell));
	if (!shell)
		return;
	shell[0] = (char *)"/bin/sh";
	shell[1] = (char *)target->path;
	memcpy(shell + 2, argv + 1, (argc - 1) * sizeof(*shell));
	execv(shell[0], shell);
	free(shell);
}

static struct error *run(struct context *context)
{
	char **argv = context->args;
	struct target target;
	char shim[PATH_MAX];
	struct leak_check check = {0};
	bool checks = option_flag(context, OPT_LEAK_CHECK, false);
	struct error *error;

	target_inspect(argv[0], &target);
	if (target.error)
		leave(target.error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN,
		      strerror(target.error), argv[0]);
	if (target.reason[0]) {
		fprintf(stderr,
			"refgraph: %s: %s; the shim stays out and it runs as without refgraph\n",
			target.path, target.reason);
		checks = false;
	} else {
		TRY(set_variables(context));
		TRY(leak_check_offer(context));

		error = find_shim(shim);
		if (!error && option_text(context, OPT_RULES, NULL))
			TRY(set_rules(context, shim));
		if (!error)
			error = set_preload(shim);
		if (!error && checks)
			error = leak_check_begin(context, &check);
		if (error)
			leave(EXIT_OURS, error->text, argv[0]);
	}
	fflush(stdout);
	if (checks)
		leak_check_fork(context, &check);
	become(&target, argv, context->nargs);
	leave(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, strerror(errno), argv[0]);
	return NULL;
}

const struct command cmd_run = {
	.name = "run",
	.usage = "[--] PROGRAM [ARGUMENT...]",
	.summary = "start a program under the shim; its children follow",
	.about = "Sets LD_PRELOAD (keeping what is there) and REFGRAPH_* variables from the "
		 "options, then becomes the program. "
		 "Exit status: the program's own; 125 no shim, 126 cannot be run, 127 not found.",
	.options = OPTIONS_RUN,
	.pass_arguments = true,
	.min_args = 1,
	.max_args = UINT_MAX,
	.run = run,
};
