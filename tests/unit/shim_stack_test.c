/*
 * Interned stacks: one number for one stack, another for another, every frame found again, through growth of the tables, from
 * several threads at once, after code went away, and when there is no memory.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/arena.c"
#include "../../preload/counter.c"
#include "../../preload/stack.c"

struct config config;
_Atomic bool shim_sandboxed;
__thread bool fork_holds;
__thread struct thread *thread_current;

uint32_t tracking_wait(struct thread *t, uint32_t site)
{
	return UINT32_MAX;
}

static int failures;

static void report(const char *name, bool good)
{
	printf("%s stack: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

static size_t expand(uint32_t stack, uintptr_t *pcs)
{
	size_t n = 0;

	for (; stack; stack = stack_parent(stack))
		pcs[n++] = frame_get(stack_frame_of(stack))->pc;
	return n;
}

static void test_identity(void)
{
	uintptr_t a[] = {30, 20, 10}, b[] = {31, 20, 10}, c[] = {30, 20, 11}, back[STACK_MAX_DEPTH];
	uint32_t x = stack_intern(a, 3), y = stack_intern(b, 3), z = stack_intern(c, 3);

	report("the same stack is the same number", x && x == stack_intern(a, 3) && x == stack_child(stack_child(stack_child(0, 10), 20), 30));
	report("another stack is another", x != y && y != z && x != z);
	report("callers are shared", stack_parent(x) == stack_parent(y) && stack_parent(x) != stack_parent(z));
	report("a caller's number is smaller", stack_parent(x) < x && stack_parent(stack_parent(x)) < stack_parent(x));
	report("frames come back", expand(y, back) == 3 && !memcmp(back, b, sizeof(b)));
	report("a site is a stack of one frame", stack_site(10) == stack_child(0, 10));
	report("no stack", stack_intern(a, 0) == 0);
}

static void test_growth(void)
{
	uintptr_t pcs[3], back[STACK_MAX_DEPTH];
	uint32_t *numbers = calloc(200000, sizeof(*numbers));
	bool good = true;

	for (uintptr_t i = 0; i < 200000; i++) {
		pcs[0] = 0x1000 + i;
		pcs[1] = 0x900000 + i % 1000;
		pcs[2] = 0xa00000;
		numbers[i] = stack_intern(pcs, 3);
	}
	for (uintptr_t i = 0; i < 200000; i++) {
		pcs[0] = 0x1000 + i;
		pcs[1] = 0x900000 + i % 1000;
		good &= numbers[i] && stack_intern(pcs, 3) == numbers[i] && expand(numbers[i], back) == 3 &&
			!memcmp(back, pcs, sizeof(pcs));
	}
	report("200,000 stacks", good);
	free(numbers);
}

#define THREADS 4
#define SHARED 20000
static uint32_t seen[THREADS][SHARED];

static void *intern_all(void *argument)
{
	uintptr_t me = (uintptr_t)argument;

	for (uintptr_t i = 0; i < SHARED; i++) {
		uintptr_t k = (i * 7919 + me * 5003) % SHARED; /* each in its own order */
		uintptr_t pcs[] = {0x7000000 + k, 0x8000000 + k % 97, 0x8100000};
		seen[me][k] = stack_intern(pcs, 3);
	}
	return NULL;
}

static void test_threads(void)
{
	uint64_t lost = counter_get(COUNTER_LOST_STACKS);
	pthread_t threads[THREADS];
	unsigned unknown = 0;
	bool good = true;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, intern_all, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned k = 0; k < SHARED; k++) {
		uint32_t number = 0;
		for (unsigned i = 0; i < THREADS; i++) {
			unknown += !seen[i][k];
			if (seen[i][k] && number)
				good &= seen[i][k] == number;
			if (seen[i][k])
				number = seen[i][k];
		}
	}
	report("threads agree", good);
	report("what a thread could not get is counted", unknown == counter_get(COUNTER_LOST_STACKS) - lost);
}

static void test_runtime(void)
{
	char function[] = "handler", file[] = "app.py";
	uint32_t a = stack_frame_runtime(RGD_FRAME_PYTHON, function, file, 31), b, frames[2];
	char *huge = malloc(100000);

	function[0] = file[0] = 'X'; /* they were copied */
	b = stack_frame_runtime(RGD_FRAME_PYTHON, "handler", "app.py", 31);
	report("a runtime's place is one frame", a && a == b && !strcmp(frame_get(a)->function, "handler") &&
							 !strcmp(frame_get(a)->file, "app.py") && frame_get(a)->line == 31);
	report("line, file, function and kind tell places apart",
	       a != stack_frame_runtime(RGD_FRAME_PYTHON, "handler", "app.py", 32) &&
		       a != stack_frame_runtime(RGD_FRAME_PYTHON, "handler", "app.pyc", 31) &&
		       a != stack_frame_runtime(RGD_FRAME_PYTHON, "handle", "rapp.py", 31) &&
		       a != stack_frame_runtime(RGD_FRAME_PHP, "handler", "app.py", 31));
	frames[0] = a;
	frames[1] = stack_frame_native(0x4242);
	b = stack_intern_frames(frames, 2);
	report("runtime frames on native ones", b && stack_frame_of(b) == a && stack_frame_of(stack_parent(b)) == frames[1]);
	memset(huge, 'n', 99999);
	huge[99999] = 0;
	a = stack_frame_runtime(RGD_FRAME_PYTHON, huge, NULL, 1);
	report("a monstrous name is cut", a && strlen(frame_get(a)->function) == STRING_MAX - 1 && !*frame_get(a)->file);
	free(huge);
}

static void test_forget(void)
{
	static struct thread self;
	uintptr_t pcs[] = {0x50001000, 0x50002000, 0x60000000};
	uint32_t before, after, site, i, first;

	thread_current = &self;
	before = stack_intern(pcs, 3);
	site = stack_site(0x50001000);
	report("a cached site", site == stack_site(0x50001000) && site == stack_child(0, 0x50001000));
	stack_forget_range(0x50000000, 0x50002000, 4);
	after = stack_intern(pcs, 3);
	report("code that went away has other stacks than what comes in its place",
	       after && after != before && stack_site(0x50001000) != site);
	report("its frames are bound to the module", frame_get(stack_frame_of(before))->module == 5 &&
							     frame_get(stack_frame_of(after))->module == 0);
	report("frames outside the range stay", stack_parent(before) == stack_parent(after));
	stack_recall(4);
	report("a module that comes back finds its frames", stack_intern(pcs, 3) == before || stack_intern(pcs, 3) == after);
	report("and none of its frames is bound", frame_get(stack_frame_of(before))->module == 0);
	/* the same slot, another address: the cache must not mix them up */
	first = stack_site(0x1234);
	for (i = 1; i < 1000; i++)
		stack_site(0x1234 + i * 256);
	report("the cache under pressure", stack_site(0x1234) == first && stack_site(0x1234 + 256) == stack_child(0, 0x1234 + 256));
	thread_current = NULL;
}

static void test_no_memory(void)
{
	uint64_t lost = counter_get(COUNTER_LOST_STACKS);
	uint32_t i, number = 1;

	config.test_fault = FAULT_ENOMEM;
	for (i = 0; i < 10000000 && number; i++)
		number = stack_child(0, 0x900000000ull + i);
	config.test_fault = FAULT_NONE;
	report("no memory: 0, and counted", !number && counter_get(COUNTER_LOST_STACKS) == lost + 1);
	report("it goes on when there is some again", stack_child(0, 0x900000000ull + i) != 0);
}

static void test_lock_held(void)
{
	uint64_t lost = counter_get(COUNTER_LOST_STACKS);
	uint32_t known = stack_site(0x4242);

	trylock(&stack_lock);
	report("a lock that nobody gives back costs new stacks, no time without end",
	       stack_site(0x4242) == known && stack_site(0x42424242) == 0 &&
		       counter_get(COUNTER_LOST_STACKS) == lost + 1);
	trylock_release(&stack_lock);
}

int main(void)
{
	report("before the tables are there", stack_site(1) == 0 && stack_intern((uintptr_t[]){1}, 1) == 0);
	if (!stack_init())
		return 1;
	test_identity();
	test_growth();
	test_threads();
	test_runtime();
	test_forget();
	test_no_memory();
	test_lock_held();
	return failures > 0;
}
