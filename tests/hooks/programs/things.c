/*
 * things.c - a library's worth of counted objects in one file, and what programs do with them: balanced lives, a reference that is forgotten, an
 * unref too many, eight threads over shared things, objects that were there before. The last words of each case say what is to be found.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define API NOINLINE __attribute__((visibility("default")))

struct thing {
	const char *name;
	_Atomic int count;
	int payload;
	struct thing *other;
};

API struct thing *thing_new(const char *name);
API struct thing *thing_ref(struct thing *thing);
API void thing_unref(struct thing *thing);

static jmp_buf away;
static int jumps;
static __thread int ends;

static NOINLINE void leave(void);

struct thing *thing_new(const char *name)
{
	if (jumps)
		longjmp(away, 1);
	if (ends)
		pthread_exit(NULL);
	leave();
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

/* ---- who uses them ------------------------------------------------------------------------------------------------------------ */

static int sink;

static NOINLINE void look_at(struct thing *thing)
{
	thing_ref(thing);
	sink += thing->payload;
	thing_unref(thing);
}

static NOINLINE void good_handler(struct thing *thing)
{
	thing_ref(thing);
	look_at(thing);
	thing_unref(thing);
	sink++;
}

/* Forgets to give its reference back when it fails. */
static NOINLINE int bad_handler(struct thing *thing, int fails)
{
	thing_ref(thing);
	sink += thing->payload;
	if (fails)
		return -1;
	thing_unref(thing);
	return 0;
}

/* Gives back what it never took. */
static NOINLINE void rude_handler(struct thing *thing)
{
	sink += thing->payload;
	thing_unref(thing);
	sink++;
}

static int telling; /* where the objects lie that are leaked */

static NOINLINE void serve(const char *name, int fails)
{
	struct thing *thing = thing_new(name);

	if (telling && fails)
		printf("%p\n", (void *)thing);

	good_handler(thing);
	sink += bad_handler(thing, fails);
	thing_unref(thing);
	sink++;
}

/* Nothing of what ran before shall be left on the stack. */
static NOINLINE void clear_stack(void)
{
	volatile char room[16384];

	memset((char *)room, 0, sizeof room);
}

static void run_leak(int times, int leaks)
{
	for (int i = 0; i < times; i++)
		serve("Thing", i < leaks);
}

/* The one that is forgotten is the one that it was born with. */
static NOINLINE void forget(void)
{
	struct thing *thing = thing_new("Thing");

	good_handler(thing);
	sink += bad_handler(thing, 0);
}

/* Before it, calls that do not return. */
static NOINLINE void run_jumps(void)
{
	for (jumps = 3000; jumps; jumps--)
		if (!setjmp(away))
			thing_new("Never");
}

static NOINLINE void run_surplus(void)
{
	struct thing *thing = thing_new("Thing");

	thing_ref(thing); /* of a second owner */
	rude_handler(thing);
	thing_unref(thing);
	memset(thing, 0, 0);
	thing_unref(thing); /* the second owner's: by now it is freed */
}

#define THREADS 8
#define ROUNDS 20000
static struct thing *shared[4];

static void *hammer(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct thing *own = thing_new("Own");

		for (int k = 0; k < 4; k++)
			look_at(shared[k]);
		good_handler(own);
		thing_unref(own);
	}
	return NULL;
}

static void run_threads(void)
{
	pthread_t threads[THREADS];

	for (int k = 0; k < 4; k++)
		shared[k] = thing_new("Shared");
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, hammer, NULL);
	/* snapshots come by REFGRAPH_SIGNAL from outside meanwhile */
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("threads done\n");
	fflush(stdout);
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		exit(2);
	fclose(f);
	return pages;
}

static void *request(void *number)
{
	serve("Thing", 0);
	ends = (long)number % 2;
	serve("Thing", 0);
	return NULL;
}

/* A thread for each request; every second ends inside of a hooked call. */
static void run_births(void)
{
	pthread_t thread;
	long first = 0;

	for (long i = 0; i < 320; i++) {
		pthread_create(&thread, NULL, request, (void *)i);
		pthread_join(thread, NULL);
		if (i == 20)
			first = resident();
	}
	if (resident() - first > 2000)
		printf("%ld pages more\n", resident() - first);
	printf("births done\n");
}

/* Each leaves its thread within a hooked call, and goes on in the next one. */
#define COROUTINES 3000
static struct coroutine {
	ucontext_t own, *back;
	char *stack;
} *coroutines;
static __thread struct coroutine *_Atomic current;

static NOINLINE struct coroutine *here(void)
{
	return current; /* read anew: the thread may be another one */
}

static void leave(void)
{
	struct coroutine *c = here();

	if (c)
		swapcontext(&c->own, c->back);
}

static void coroutine(void)
{
	serve("Thing", 0);
	serve("Thing", 0);
	leave();
}

static void *resume_all(void *unused)
{
	ucontext_t own;

	for (int i = 0; i < COROUTINES; i++) {
		coroutines[i].back = &own;
		current = &coroutines[i];
		swapcontext(&own, &coroutines[i].own);
		current = NULL;
	}
	return NULL;
}

static void run_coroutines(void)
{
	pthread_t thread;

	coroutines = calloc(COROUTINES, sizeof(*coroutines));
	for (int i = 0; i < COROUTINES; i++) {
		struct coroutine *c = &coroutines[i];

		getcontext(&c->own);
		c->own.uc_stack.ss_sp = c->stack = malloc(16384);
		c->own.uc_stack.ss_size = 16384;
		makecontext(&c->own, coroutine, 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, resume_all, NULL);
		pthread_join(thread, NULL);
	}
	for (int i = 0; i < COROUTINES; i++)
		free(coroutines[i].stack);
	free(coroutines);
	printf("coroutines done\n");
}

static struct thing *kept[100];

static void run_keep(void)
{
	for (int i = 0; i < 100; i++) {
		kept[i] = thing_new(i % 2 ? "Odd" : "Even");
		good_handler(kept[i]);
	}
}

static void run_fork(void)
{
	int status = 1;
	pid_t pid;

	run_keep();
	pid = fork();
	if (!pid) {
		run_leak(10, 3);
		run_leak(20, 0); /* so that no register or stack remembers the others */
		for (int i = 0; i < 50; i++) {
			thing_ref(kept[i]);
			thing_unref(kept[i]);
			thing_unref(kept[i]);
			kept[i] = NULL;
		}
		clear_stack();
		exit(0);
	}
	waitpid(pid, &status, 0);
	printf("child %d\n", status);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "clean"))
		run_leak(20, 0);
	else if (!strcmp(what, "leak"))
		run_leak(20, 3);
	else if (!strcmp(what, "many")) {
		telling = 1;
		run_leak(3000, 1000);
		fflush(stdout);
	} else if (!strcmp(what, "jump")) {
		run_jumps();
		run_leak(20, 3);
	} else if (!strcmp(what, "forget")) {
		run_leak(20, 0);
		forget();
	} else if (!strcmp(what, "surplus"))
		run_surplus();
	else if (!strcmp(what, "threads"))
		run_threads();
	else if (!strcmp(what, "coroutines"))
		run_coroutines();
	else if (!strcmp(what, "births"))
		run_births();
	else if (!strcmp(what, "keep"))
		run_keep();
	else if (!strcmp(what, "fork"))
		run_fork();
	else if (!strcmp(what, "cost")) {
		struct thing *thing = thing_new("Thing");
		long n = argc > 2 ? atol(argv[2]) : 1000000;

		for (long i = 0; i < n; i++) {
			thing_ref(thing);
			thing_unref(thing);
		}
	}
	clear_stack();
	return 0;
}
