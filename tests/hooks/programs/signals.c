/*
 * signals.c - hooked functions and signals, in a library's worth of counted objects:
 *
 *   steps    each instruction of some calls of hooked functions (our thunk, the recorder, the function, the way back) is followed by a signal whose
 *            handler calls hooked functions itself: the processor's trap flag says when
 *   crash    a hooked function crashes; the handler leaves by siglongjmp, on a stack of its own; again and again
 *   repaired a hooked function crashes; the handler mends the cause and returns
 *   away     so with some of the instructions, and the handler leaves by siglongjmp
 *   storm    signals whenever they come, in three threads
 *
 * What a handler calls while its thread is inside of the recorder passes by, and is counted as lost; the program must not notice any of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define API NOINLINE __attribute__((visibility("default")))

struct thing {
	const char *name;
	_Atomic int count;
	int *payload;
};

API struct thing *thing_new(const char *name);
API struct thing *thing_ref(struct thing *thing);
API void thing_unref(struct thing *thing);
API int thing_unref_told(struct thing *thing); /* with a hook around it, as thing_new() */
API int thing_look(struct thing *thing);       /* the same, and it may crash */

struct thing *thing_new(const char *name)
{
	struct thing *thing = calloc(1, sizeof(*thing));

	thing->name = name;
	thing->count = 1;
	return thing;
}

struct thing *thing_ref(struct thing *thing)
{
	atomic_fetch_add(&thing->count, 1);
	return thing;
}

void thing_unref(struct thing *thing)
{
	if (atomic_fetch_sub(&thing->count, 1) == 1)
		free(thing);
}

int thing_unref_told(struct thing *thing)
{
	int left = atomic_fetch_sub(&thing->count, 1) - 1;

	if (!left)
		free(thing);
	return left;
}

int thing_look(struct thing *thing)
{
	atomic_fetch_add(&thing->count, 1);
	return *thing->payload;
}

static int failed;

static void must(const char *what, int holds)
{
	if (holds)
		return;
	failed = 1;
	dprintf(1, "wrong: %s\n", what);
}

/* A call of a hooked function returns what it shall, and leaves alone what it shall: whatever happens meanwhile. */
static NOINLINE void use(struct thing *thing)
{
	errno = 4711;
	must("what a ref returns", thing_ref(thing) == thing);
	must("what an unref returns", thing_unref_told(thing) == 1);
	thing_ref(thing);
	thing_unref(thing);
	must("errno", errno == 4711);
}

/* ---- each instruction --------------------------------------------------------------------------------------------------- */

static struct thing *shared;
static volatile sig_atomic_t traps;

static NOINLINE void on_trap(int signal)
{
	int kept = errno;

	traps++;
	thing_ref(shared);
	thing_unref(shared);
	thing_ref(shared);
	must("inside a handler", thing_unref_told(shared) >= 1);
	errno = kept;
}

static inline void trap_flag(int on)
{
	if (on)
		__asm__ volatile("sub $128, %%rsp; pushfq; orl $0x100, (%%rsp); popfq; add $128, %%rsp" ::: "cc", "memory");
	else
		__asm__ volatile("sub $128, %%rsp; pushfq; andl $0xfffffeff, (%%rsp); popfq; add $128, %%rsp" ::: "cc", "memory");
}

static void run_steps(void)
{
	struct sigaction action = {.sa_handler = on_trap};

	shared = thing_new("Shared");
	use(shared); /* what is made at first use */
	sigaction(SIGTRAP, &action, NULL);
	for (int i = 0; i < 3; i++) {
		traps = 0;
		trap_flag(1);
		use(shared);
		trap_flag(0);
		must("a signal for each instruction of ours", traps > 20);
	}
	must("the count in the end", shared->count == 1);
}

static sigjmp_buf before;
static volatile sig_atomic_t leave_at;

static void on_trap_away(int signal)
{
	if (++traps == leave_at)
		siglongjmp(before, 1);
}

static NOINLINE void one_call(int traced)
{
	if (traced)
		trap_flag(1);
	thing_ref(shared);
	trap_flag(0);
}

static void run_away(void)
{
	struct sigaction action = {.sa_handler = on_trap_away};
	volatile int all = 0;

	shared = thing_new("Shared");
	sigaction(SIGTRAP, &action, NULL);
	alarm(50); /* somebody waits for a lock of who left */
	for (int i = 0; i < 40; i++) {
		traps = 0;
		leave_at = all - 8 * i; /* from the end, where it is written down what happened, back into the walk of the stack */
		shared->count = 1;
		if (!sigsetjmp(before, 1))
			one_call(i); /* at one place: what is worked out once for each is worked out by the first */
		if (i == 2)
			all = traps;
	}
	shared->count = 1;
	use(shared);
}

/* ---- crashes ------------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t crashes;

static void on_crash(int signal)
{
	crashes++;
	use(shared); /* a handler that asks a library, as many do */
	siglongjmp(before, 1);
}

static void run_crash(void)
{
	stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	shared = thing_new("Shared");
	for (int i = 0; i < 500; i++) {
		struct thing *thing = thing_new("Thing");

		if (!sigsetjmp(before, 1))
			thing_look(thing);
		thing_unref(thing); /* what thing_look() took before it crashed */
		thing_unref(thing);
	}
	must("each crash was caught", crashes == 500);
	use(shared);
}

static int *page;

static void on_fault(int signal)
{
	crashes++;
	mprotect(page, 4096, PROT_READ);
}

static void run_repaired(void)
{
	struct sigaction action = {.sa_handler = on_fault};

	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < 100; i++) {
		struct thing *thing = thing_new("Thing");

		thing->payload = page;
		mprotect(page, 4096, PROT_NONE);
		must("what was read after the repair", thing_look(thing) == 0);
		thing_unref(thing);
		thing_unref(thing);
	}
	must("each fault was repaired", crashes == 100);
}

/* ---- whenever they come --------------------------------------------------------------------------------------------------- */

static _Atomic int running;

static void on_storm(int signal)
{
	int kept = errno;

	thing_ref(shared);
	thing_unref(shared);
	errno = kept;
}

static void *hammer(void *unused)
{
	struct thing *own = thing_new("Own");

	while (running > 1)
		use(own);
	must("the count of a thread's own", own->count == 1);
	thing_unref(own);
	return NULL;
}

static void run_storm(void)
{
	struct sigaction action = {.sa_handler = on_storm, .sa_flags = SA_RESTART};
	pthread_t threads[3];

	shared = thing_new("Shared");
	sigaction(SIGUSR1, &action, NULL);
	running = 2;
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, hammer, NULL);
	for (int i = 0; i < 600; i++) {
		pthread_kill(threads[i % 3], SIGUSR1);
		sched_yield();
	}
	running = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	must("the shared count", shared->count == 1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "steps"))
		run_steps();
	else if (!strcmp(what, "crash"))
		run_crash();
	else if (!strcmp(what, "repaired"))
		run_repaired();
	else if (!strcmp(what, "away"))
		run_away();
	else if (!strcmp(what, "storm"))
		run_storm();
	else
		return 2;
	printf("done\n");
	return failed;
}
