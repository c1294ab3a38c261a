/*
 * lives.h - lives of counted objects, which each sample of this folder leads with a library of its own. It says OBJECT, MAKE(i), TAKE(o) (which has the
 * value that is given back later) and GIVE(o); of objects that have one owner and no count MAKE(i) and END(o).
 *
 *   PROGRAM           correct: all is given back
 *   PROGRAM missing   every tenth object meets keeper(), who takes a reference and forgets it (or forgetful(), who never ends what it made)
 *   PROGRAM surplus   one object meets hasty(), who gives back what he never took (or twice(), who ends it twice). The last rightful owner then
 *                     uses freed memory; what the library makes of that is caught, as a program that crashes there could tell no more
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define LIVES 40

static sigjmp_buf caught;

static void on_crash(int signal)
{
	siglongjmp(caught, signal);
}

#ifdef TAKE

static OBJECT holding;

static NOINLINE void visitor(OBJECT o)
{
	OBJECT mine = TAKE(o);

	GIVE(mine);
}

static NOINLINE void holder_takes(OBJECT o)
{
	holding = TAKE(o);
}

static NOINLINE void holder_gives(void)
{
	GIVE(holding);
}

/* The bug of `missing`. */
static NOINLINE void keeper(OBJECT o)
{
	OBJECT mine = TAKE(o);

	(void)mine;
}

#ifndef GIVE_TOO_MUCH
#define GIVE_TOO_MUCH(o) GIVE(o)
#endif
/* The bug of `surplus`. */
static NOINLINE void hasty(OBJECT o)
{
	GIVE_TOO_MUCH(o);
}

static NOINLINE void life(int i, const char *bug)
{
	OBJECT o = MAKE(i);

	visitor(o);
	holder_takes(o);
	if (!strcmp(bug, "missing") && i % 10 == 7)
		keeper(o);
	if (!strcmp(bug, "surplus") && i == LIVES - 1)
		hasty(o);
	GIVE(o);
	holder_gives();
}

#else

static NOINLINE void tidy(int i)
{
	OBJECT o = MAKE(i);

	END(o);
}

/* The bug of `missing`. */
static NOINLINE void forgetful(int i)
{
	OBJECT o = MAKE(i);

	(void)o;
}

/* The bug of `surplus`. */
static NOINLINE void twice(int i)
{
	OBJECT o = MAKE(i);

	END(o);
	END(o);
}

static NOINLINE void life(int i, const char *bug)
{
	if (!strcmp(bug, "missing") && i % 10 == 7)
		forgetful(i);
	else if (!strcmp(bug, "surplus") && i == LIVES - 1)
		twice(i);
	else
		tidy(i);
}

#endif

#ifndef BEGIN
#define BEGIN
#endif

int main(int argc, char **argv)
{
	const char *bug = argc > 1 ? argv[1] : "correct";

	if (!strcmp(bug, "surplus")) {
		signal(SIGSEGV, on_crash);
		signal(SIGABRT, on_crash);
		signal(SIGTRAP, on_crash);
	}
	BEGIN;
	if (!sigsetjmp(caught, 1))
		for (int i = 0; i < LIVES; i++)
			life(i, bug);
	fflush(NULL);
	_exit(0);
}
