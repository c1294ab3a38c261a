/*
 * libc's belief that there is one thread: when it is given back, and what the helper waits for before it takes it away. The kernel's
 * answers about the program's thread are played.
 */
#include <stdio.h>

#include "../../preload/single.c"

struct real real;

static char words[2];

void *entry_symbol(void *handle, const char *name)
{
	return &words[0];
}

void *entry_next(const char *name)
{
	return &words[1];
}

/* The first is what is known ahead; then one for each time that the helper asks. */
struct look {
	bool blocked;
	long call;
	uintptr_t frame;
	uint64_t ran;
};
static const struct look *script;
static unsigned looks, length;
static struct thread thread = {.tid = 7};

static const struct look *look_at(unsigned i)
{
	return &script[i < length ? i : length - 1];
}

bool freeze_thread_blocked(uint32_t tid, long *call, uint64_t *runs)
{
	const struct look *look = look_at(++looks);

	*call = look->call;
	thread.hook_frame = look_at(looks + 1)->frame;
	return look->blocked;
}

bool freeze_thread_ran(uint32_t tid, uint64_t *ran)
{
	*ran = look_at(looks)->ran;
	return true;
}

bool helper_stopping(void)
{
	return false;
}

static int failures;

static void report(const char *name, bool good)
{
	printf("%s single: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

/* As pthread_create() leaves the words. */
static bool make(bool created)
{
	bool ahead = single_ahead();

	words[0] = words[1] = 0;
	single_keep(created ? &thread : NULL, ahead);
	return words[0] && words[1];
}

/* How often the helper asks before it goes on. */
static bool past, waits;
static unsigned end(const struct look *answers, unsigned n)
{
	words[0] = words[1] = 1;
	make(true);
	script = answers;
	length = n;
	looks = 0;
	thread.hook_frame = answers[1].frame;
	past = single_end(waits);
	return words[0] || words[1] ? 0 : looks;
}
#define END(...)                                                                                   \
	end((const struct look[]){__VA_ARGS__},                                                    \
	    sizeof((const struct look[]){__VA_ARGS__}) / sizeof(struct look))

static void test_keep(void)
{
	words[0] = words[1] = 1;
	report("given back when the helper is made", make(true));
	words[0] = words[1] = 1;
	report("not when it could not be made", !make(false));
	report("not where the program has threads", !make(true));
	words[0] = words[1] = 1;
	single_ahead();
	words[0] = 0;
	single_keep(&thread, true);
	report("not where pthread_create() leaves libc's word alone", !words[0] && words[1] == 1);
}

static void test_end(void)
{
	const uint64_t us = 1000, first = 5 * us;

	report("a thread that waits is past at once",
	       END({.ran = first}, {true, SYS_futex, 0}) == 1 && past);
	report("one that waits for memory is not",
	       END({.ran = first}, {true, SYS_brk, 0}, {true, SYS_mmap, 0}, {true, SYS_read}) == 3);
	report("one that waits nobody knows where is",
	       END({.ran = first}, {true, -2, 0}) == 1 && past);
	report("but not inside a hook: the work is refused",
	       END({.ran = first}, {true, SYS_read, 1}, {true, -2, 1}) == 0 && !past);
	waits = true;
	report("unless it waits for us", END({.ran = first}, {true, SYS_futex, 1}) == 1 && past);
	waits = false;
	report("one that runs is when it ran on",
	       END({.ran = first}, {.ran = first}, {.ran = first + 50 * us},
		   {.ran = first + 51 * us}) == 3);
	words[0] = words[1] = 1;
	single_end(false);
	report("once only", words[0] && words[1]);
	make(true);
	words[0] = words[1] = 0; /* the program made a thread */
	looks = 0;
	report("no wait for a program that made a thread itself", single_end(false) && looks == 0);
}

int main(void)
{
	single_init();
	test_keep();
	test_end();
	return failures != 0;
}
