/* The line about what takes long: on a terminal, after a second, and gone at the end; never on a pipe. */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/progress.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* As commands do: a phase with pieces, one within, an end; sleeps are cut short by the timer, so the clock is asked. */
static void work(double seconds)
{
	const char *outer = progress_begin("reading"), *inner;
	double end = now() + seconds;

	progress_pieces(8);
	for (int i = 0; i < 6; i++)
		progress_piece_done();
	while (now() < end)
		usleep(1000);
	inner = progress_begin("turning");
	progress_end(inner);
	progress_end(outer);
	_exit(0);
}

/* What a child that works so long says to `theirs`, read from `ours`. */
static size_t said(int ours, int theirs, double seconds, char *text, size_t size)
{
	size_t n = 0;
	ssize_t got;
	pid_t child = fork();

	if (child == 0) {
		dup2(theirs, STDERR_FILENO);
		work(seconds);
	}
	for (bool over = false; !over;) {
		struct pollfd p = {.fd = ours, .events = POLLIN};

		over = waitpid(child, NULL, WNOHANG) == child;
		while (n + 1 < size && poll(&p, 1, 10) == 1 && p.revents & POLLIN &&
		       (got = read(ours, text + n, size - 1 - n)) > 0)
			n += got;
	}
	text[n] = 0;
	return n;
}

static int failed;

static void check(const char *name, bool good, const char *why)
{
	printf(good ? "ok progress: %s\n" : "not ok progress: %s: «%s»\n", name, why);
	failed |= !good;
}

int main(void)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), theirs, pipes[2];
	const char *gone = "\r\033[K";
	char text[8192];
	size_t n;

	setenv("TERM", "xterm", 1);
	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal) ||
	    (theirs = open(ptsname(terminal), O_RDWR | O_NOCTTY)) < 0) {
		puts("skip progress: no pseudo-terminals here");
		return 0;
	}
	n = said(terminal, theirs, 1.6, text, sizeof text);
	check("a second's work is shown with its share and the time left",
	      strstr(text, "\rrefgraph: reading  75 %, 1 s left\033[K") != NULL, text);
	check("and gone at the end", n > 4 && strcmp(text + n - 4, gone) == 0, text);
	said(terminal, theirs, 0.1, text, sizeof text);
	check("quick work is not shown", !*text, text);
	setenv("TERM", "dumb", 1);
	said(terminal, theirs, 1.6, text, sizeof text);
	check("nor on a terminal that cannot take it back", !*text, text);
	setenv("TERM", "xterm", 1);
	if (pipe(pipes))
		return 1;
	said(pipes[0], pipes[1], 1.6, text, sizeof text);
	check("nor on a pipe", !*text, text);
	return failed;
}
