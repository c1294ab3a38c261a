/* main.c - finds the command, runs it, and is the one place where an error is printed. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

/* A dump that is cut while it is mapped (by a copy over it) ends in this signal, anywhere. */
static void cut_short(int signal)
{
	static const char text[] = "refgraph: a file was cut short while it was read\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(ERROR_INPUT);
	_exit(ERROR_INPUT);
}

static void prepare(void)
{
	struct sigaction action = {.sa_handler = cut_short};
	static char buffer[1 << 16];

	sigaction(SIGBUS, &action, NULL);
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	/* Chunks are decompressed into blocks of up to 8 MiB that come and go: keep their pages. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

/* A full disk or a closed pipe shows at the latest here. */
static struct error *flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return NULL;
	if (errno == EPIPE)
		return NULL; /* `refgraph ... | head` is no fault */
	return error_system(errno, NULL, "cannot write the output");
}

static struct error *run_command(const struct command *command, int argc, char **argv)
{
	struct context context;
	struct error *e;

	e = context_parse(command, argc, argv, &context);
	if (!e && option_flag(&context, OPT_HELP, false))
		help_command(command, stdout);
	else if (!e)
		e = command->run(&context);
	context_deinit(&context);
	/* errors own their text */
	return e; // cppcheck-suppress returnDanglingLifetime
}

static struct error *help(int argc, char **argv)
{
	const struct command *command;

	if (argc == 0) {
		help_overview(stdout);
		return NULL;
	}
	command = command_find(argv[0]);
	if (!command)
		return unknown_command(argv[0]);
	help_command(command, stdout);
	return NULL;
}

static struct error *dispatch(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		return help_overview(stderr), error_usage("a command was to come here");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help(argc - 2, argv + 2);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("refgraph %s (dump format %d.%d)\n", REFGRAPH_VERSION, RGD_MAJOR, RGD_MINOR);
		return NULL;
	}
	command = command_find(argv[1]);
	return command ? run_command(command, argc - 2, argv + 2) : unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
	struct error *e, *late;
	int status = 0;

	prepare();
	e = dispatch(argc, argv);
	late = flush();
	if (e) {
		fprintf(stderr, "refgraph: %s\n", e->text);
		error_destroy(late);
	} else {
		e = late;
		if (e)
			fprintf(stderr, "refgraph: %s\n", e->text);
	}
	if (e)
		status = e->class;
	error_destroy(e);
	return status;
}
