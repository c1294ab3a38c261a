/*
 * triggers.c - what asks for snapshots by itself: a signal, a timer, growth, and fatal signals.
 *
 * Fatal signals (REFGRAPH_ON_FATAL): only where the default action is in force when the program starts, so a program's own
 * handlers win. The handler asks the helper for a dump, puts the default action back and raises the signal again: wait status
 * and core are as without us. What cannot be done: SIGKILL and SIGSTOP are not seen by anybody; a stack overflow without an
 * alternative stack has no room for a handler (the program dies as usual, without a dump); a crash of the helper itself, or of
 * a program whose memory is too damaged to freeze, is bounded by FATAL_MS. abort() inside the allocator is fine:
 * the walker does not allocate.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "glue.h"
#include "guard.h"
#include "snapshot.h"

#define FATAL_MS 30000u

static const struct {
	int number;
	const char *name;
} fatal_signals[] = {
	{SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},
	{SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {SIGTERM, "SIGTERM"},
};
#define FATAL_SIGNALS (sizeof fatal_signals / sizeof *fatal_signals)

static _Atomic uint64_t growth_base; /* live bytes at the last trigger */
static uint64_t timer_due;	     /* CLOCK_MONOTONIC, ms */

static uint64_t now_ms(void)
{
	struct timespec t = {0, 0};
	sys(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* ---- signals ------------------------------------------------------------------------------------------------------------------- */

static void on_signal(int number)
{
	control_trigger(TRIGGER_SIGNAL);
}

static const char *signal_name(int number)
{
	for (size_t i = 0; i < FATAL_SIGNALS; i++)
		if (fatal_signals[i].number == number)
			return fatal_signals[i].name;
	return "";
}

static void on_fatal(int number, siginfo_t *info, void *context)
{
	static _Atomic uint32_t once;
	struct snapshot_result result;
	struct sigaction plain = {.sa_handler = SIG_DFL};

	if (!atomic_exchange(&once, 1) &&
	    control_snapshot("fatal", signal_name(number), "", FATAL_MS, &result))
		log_line2("no dump of the fatal signal", result.message);
	sigaction(number, &plain, NULL);
	/* A fault comes again by itself when the instruction is tried again; what was sent must be sent again. It is
	 * blocked until we return. */
	if (info->si_code <= 0)
		sys(SYS_tgkill, glue_pid(), glue_tid(), number);
}

static bool is_default(int number)
{
	struct sigaction old;
	return !sigaction(number, NULL, &old) && !(old.sa_flags & SA_SIGINFO) &&
	       old.sa_handler == SIG_DFL;
}

void triggers_init(void)
{
	struct sigaction ask = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct sigaction fatal = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (config.signal && is_default(config.signal))
		sigaction(config.signal, &ask, NULL);
	for (size_t i = 0; config.on_fatal && i < FATAL_SIGNALS; i++)
		if (is_default(fatal_signals[i].number))
			sigaction(fatal_signals[i].number, &fatal, NULL);
	triggers_timer_start();
}

void triggers_after_fork_child(void)
{
	atomic_store(&growth_base, 0);
	triggers_timer_start();
}

/* ---- timer ------------------------------------------------------------------------------------------------------------------------ */

void triggers_timer_start(void)
{
	timer_due = now_ms() + (uint64_t)config.every_seconds * 1000u;
}

long triggers_timer_left(void)
{
	uint64_t now = now_ms();
	if (!config.every_seconds)
		return -1;
	return now >= timer_due ? 0 : (long)(timer_due - now);
}

/* ---- growth ------------------------------------------------------------------------------------------------------------------------ */

/* Asked for each MiB or so that a thread allocated. What the program has when it starts to grow is the first base. */
bool triggers_growth(void)
{
	uint64_t objects, bytes, base;
	if (!config.every_growth)
		return false;
	live_totals(&objects, &bytes);
	base = atomic_load_explicit(&growth_base, memory_order_relaxed);
	return bytes > base && bytes - base >= config.every_growth &&
	       atomic_compare_exchange_strong_explicit(&growth_base, &base, bytes,
						       memory_order_relaxed, memory_order_relaxed);
}
