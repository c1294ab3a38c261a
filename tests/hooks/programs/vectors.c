/*
 * vectors.c - functions that count references and touch no vector register, called with all of them in use: whatever the recorder does, the first
 * time and later, the program finds them as they were, and errno. Says what differs; "vectors done" at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thing {
	const char *name;
	int count;
};

struct thing *thing_new(struct thing *at);
struct thing *thing_ref(struct thing *thing);
void thing_unref(struct thing *thing);

__asm__(".text\n"
	".globl thing_new\n.type thing_new, @function\nthing_new:\n.cfi_startproc\n"
	"	movl $1, 8(%rdi)\n	mov %rdi, %rax\n	ret\n.cfi_endproc\n.size "
	"thing_new, . - thing_new\n"
	".globl thing_ref\n.type thing_ref, @function\nthing_ref:\n.cfi_startproc\n"
	"	incl 8(%rdi)\n	nop\n	nop\n	mov %rdi, %rax\n	ret\n.cfi_endproc\n.size "
	"thing_ref, . - thing_ref\n"
	".globl thing_unref\n.type thing_unref, @function\nthing_unref:\n.cfi_startproc\n"
	"	decl 8(%rdi)\n	nop\n	nop\n	xor %eax, %eax\n	ret\n.cfi_endproc\n.size "
	"thing_unref, . - thing_unref\n");

static unsigned char before[16][32], after[16][32];
static const char *step;

#define EACH(X)                                                                                    \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define LOAD(n) "vmovdqu 32*" #n "(%[before]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[after])\n\t"
#define LOAD_HALF(n) "movdqu 32*" #n "(%[before]), %%xmm" #n "\n\t"
#define STORE_HALF(n) "movdqu %%xmm" #n ", 32*" #n "(%[after])\n\t"
#define CALL(load, store, end)                                                                     \
	__asm__ volatile(EACH(load) "call *%[function]\n\t" EACH(store) end                        \
			 : "+D"(argument)                                                          \
			 : [before] "b"(before), [after] "r"(to), [function] "r"(function)         \
			 : "memory", "cc", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11")

static __attribute__((noinline)) void call(void *function, struct thing *argument, int wide)
{
	register unsigned char(*to)[32] __asm__("r12") = after;
	int size = wide ? 32 : 16;

	errno = 77;
	if (wide)
		CALL(LOAD, STORE, "vzeroupper");
	else
		CALL(LOAD_HALF, STORE_HALF, "");
	if (errno != 77)
		printf("%s: errno\n", step);
	for (int i = 0; i < 16; i++)
		if (memcmp(before[i], after[i], size)) {
			printf("%s: %s%d\n", step, wide ? "ymm" : "xmm", i);
			break;
		}
}

/* From another depth each time: a stack that is new. */
static __attribute__((noinline)) void deeper(void *function, struct thing *argument, int wide,
					     int depth)
{
	if (depth)
		deeper(function, argument, wide, depth - 1);
	else
		call(function, argument, wide);
	__asm__ volatile("" ::: "memory");
}

static char names[40][16];
static struct thing things[2][2][40];

static void *work(void *wide)
{
	int w = wide != NULL;
	static int thread;
	struct thing *own = things[w][thread];

	step = thread ? "a thread" : "births";
	for (int i = 0; i < 40; i++) {
		own[i].name = names[i];
		call(thing_new, &own[i], w);
	}
	step = "stacks";
	for (int i = 0; i < 40; i++)
		deeper(thing_ref, &own[i], w, i);
	step = "folding";
	for (int i = 0; i < 100; i++) {
		call(thing_ref, own, w);
		call(thing_unref, own, w);
	}
	step = "ends";
	for (int i = 0; i < 40; i++) {
		call(thing_unref, &own[i], w);
		if (i)
			call(thing_unref, &own[i], w);
	}
	step = "unknown";
	call(thing_ref, &(struct thing){"Stranger", 3}, w);
	if (w)
		thread = 1;
	return NULL;
}

int main(void)
{
	pthread_t thread;

	for (int i = 0; i < 40; i++)
		snprintf(names[i], sizeof(names[i]), "Name%d", i);
	for (int i = 0; i < 16; i++)
		memset(before[i], 0x11 + i, 32);
	__builtin_cpu_init();
	for (int i = 0; i < 2; i++) {
		work(NULL);
		if (__builtin_cpu_supports("avx"))
			work("wide");
		if (!i) {
			pthread_create(&thread, NULL, work, NULL);
			pthread_join(thread, NULL);
		}
	}
	printf("vectors done\n");
	return 0;
}
