/*
 * progress.c - see progress.h. A timer's signal writes the line, so the work itself asks no clock: all that it pays is one addition for
 * each piece of a parallel loop.
 */
#include "util/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SECONDS 1
#define AGAIN_MICROSECONDS 250000
#define LEAST_MILLISECONDS 500 /* of work, before it says how long the rest will take */

static const char *_Atomic phase;
static atomic_size_t pieces, done;
static atomic_llong begun; /* milliseconds, when the pieces were counted */
static volatile sig_atomic_t shown;

static size_t append(char *line, size_t at, const char *text)
{
	while (*text && at < 96)
		line[at++] = *text++;
	return at;
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ", 12 s left": pieces are alike, so what is left takes as long as what was done did. */
static size_t append_left(char *line, size_t at, size_t n, size_t ready)
{
	long long spent = milliseconds() - atomic_load(&begun);
	unsigned long long left = ready ? (spent * (n - ready) / ready + 999) / 1000 : 0;
	char digits[24];
	size_t i = sizeof digits - 1;

	if (spent < LEAST_MILLISECONDS || !left)
		return at;
	digits[i] = 0;
	for (; left; left /= 10)
		digits[--i] = '0' + left % 10;
	at = append(line, at, ", ");
	at = append(line, at, digits + i);
	return append(line, at, " s left");
}

/* Only what a signal handler may call. */
static void show(int signal)
{
	const char *what = atomic_load(&phase);
	size_t n = atomic_load(&pieces), ready = atomic_load(&done), at;
	char line[128], percent[] = "  0 %";
	int saved = errno;

	(void)signal;
	if (!what)
		return;
	at = append(line, 0, "\rrefgraph: ");
	at = append(line, at, what);
	if (n > 1 && ready <= n) {
		unsigned value = ready * 100 / n;

		if (value >= 100)
			percent[0] = '1';
		if (value >= 10)
			percent[1] = '0' + value / 10 % 10;
		percent[2] = '0' + value % 10;
		at = append(line, at, " ");
		at = append(line, at, percent);
		at = append_left(line, at, n, ready);
	}
	at = append(line, at, "\033[K");
	if (write(STDERR_FILENO, line, at) > 0)
		shown = 1;
	errno = saved;
}

/* Once, at the first phase. */
static void start(void)
{
	static bool started;
	struct sigaction action = {.sa_handler = show, .sa_flags = SA_RESTART};
	struct itimerval timer = {{0, AGAIN_MICROSECONDS}, {FIRST_SECONDS, 0}};
	const char *terminal = getenv("TERM");

	if (started)
		return;
	started = true;
	if (!isatty(STDERR_FILENO) || !terminal || strcmp(terminal, "dumb") == 0)
		return;
	if (sigaction(SIGALRM, &action, NULL) == 0)
		setitimer(ITIMER_REAL, &timer, NULL);
}

const char *progress_begin(const char *what)
{
	start();
	atomic_store(&pieces, 0);
	atomic_store(&done, 0);
	return atomic_exchange(&phase, what);
}

void progress_end(const char *outer)
{
	atomic_store(&pieces, 0);
	atomic_store(&phase, outer);
	if (outer || !shown)
		return;
	shown = 0;
	if (write(STDERR_FILENO, "\r\033[K", 4) < 0)
		return;
}

void progress_pieces(size_t n)
{
	atomic_store(&begun, milliseconds());
	atomic_store(&done, 0);
	atomic_store(&pieces, n);
}

void progress_piece_done(void)
{
	atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
}
