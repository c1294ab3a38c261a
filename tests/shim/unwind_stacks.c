/*
 * unwind_stacks.c - stacks that are hard to walk, each reached many times. Run under unwind_diff.so: every stack taken here must be
 * the same by each way of walking. Prints one line a case: what it did, so that it is seen to have done it.
 *
 *   unwind_stacks CASE...
 */
#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define NO_TAIL __asm__ volatile("" ::: "memory")

extern void unwind_diff_here(void) __attribute__((weak));

static NOINLINE void take(void)
{
	if (unwind_diff_here)
		unwind_diff_here();
	free(malloc(24));
	NO_TAIL;
}

/* ---- plain frames ----------------------------------------------------------------------------------------------------- */

static NOINLINE int recurse(int n)
{
	take();
	int r = n ? recurse(n - 1) + 1 : 0;
	if (n % 7 == 0)
		take();
	NO_TAIL;
	return r;
}

static void deep(void)
{
	for (int n = 0; n < 200; n += 13)
		recurse(n);
	recurse(3000);
	for (int n = 250; n > 0; n -= 3)
		recurse(n);
}

/* The same frames below, another caller above; the same caller, another frame size. */
static NOINLINE void bottom(int n)
{
	volatile char room[64] = {(char)n};
	take();
	(void)room[0];
}

static NOINLINE void middle(int n)
{
	bottom(n);
	NO_TAIL;
}

static NOINLINE void above_a(int n)
{
	middle(n);
	NO_TAIL;
}

static NOINLINE void above_b(int n)
{
	middle(n);
	NO_TAIL;
}

static NOINLINE void wide_frame(int n)
{
	char hole[400]; /* never written: holds what the other callees left there */
	__asm__ volatile("" ::"r"(hole) : "memory");
	take();
	(void)n;
}

static NOINLINE void variable_frame(int n)
{
	char *room = alloca((size_t)n * 16 + 16);
	room[0] = 1;
	__asm__ volatile("" ::"r"(room) : "memory");
	middle(n);
	NO_TAIL;
}

static NOINLINE void realigned_frame(int n)
{
	char room[96] __attribute__((aligned(64)));
	char *more = alloca((size_t)n % 9 * 16 + 16);
	__asm__ volatile("" ::"r"(room), "r"(more) : "memory");
	middle(n);
	take();
}

static __attribute__((noinline, optimize("no-omit-frame-pointer"))) void with_frame_pointer(int n)
{
	if (n > 0)
		with_frame_pointer(n - 1);
	take();
	NO_TAIL;
}

/* Saves rbp, and calls with another one. */
void call_with_rbp(void (*function)(void), uintptr_t rbp);
__asm__(".text\n.globl call_with_rbp\n.type call_with_rbp, @function\ncall_with_rbp:\n"
	".cfi_startproc\npushq %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\n"
	"movq %rsi, %rbp\ncall *%rdi\npopq %rbp\n.cfi_def_cfa_offset 8\n.cfi_restore %rbp\nret\n.cfi_endproc\n"
	".size call_with_rbp, .-call_with_rbp\n");

/*
 * Two ways to the same innermost frames at the same addresses, over a frame that is found by rbp and begins elsewhere each time:
 * the caller's room and the callee's always sum up to the same. The old return address is still in the unused part of the new frame.
 */
static NOINLINE void by_rbp(size_t room)
{
	char *unused = alloca(room);
	__asm__ volatile("" ::"r"(unused) : "memory");
	call_with_rbp(take, 7);
	NO_TAIL;
}

#define CALLER(name, room)                                                                         \
	static NOINLINE void name(void)                                                            \
	{                                                                                          \
		char unused[room];                                                                 \
		__asm__ volatile("" ::"r"(unused) : "memory");                                     \
		by_rbp(2048 - (room));                                                             \
		NO_TAIL;                                                                           \
	}
CALLER(room_16, 16)
CALLER(room_256, 256)
CALLER(room_512, 512)
CALLER(room_1024, 1024)

static void balanced(void)
{
	static void (*const ways[])(void) = {room_16, room_256, room_512, room_1024};
	unsigned random = 54321;
	for (int i = 0; i < 2000; i++) {
		random = random * 1103515245 + 12345;
		ways[(random >> 16) % 4]();
	}
}

static void reentered(void)
{
	static void (*const ways[])(int) = {above_a, above_b, wide_frame, variable_frame, realigned_frame,
					    with_frame_pointer};
	unsigned random = 12345;
	for (int i = 0; i < 3000; i++) {
		random = random * 1103515245 + 12345;
		ways[(random >> 16) % 6]((int)(random >> 20) % 12);
	}
}

static int compare(const void *a, const void *b)
{
	take();
	return *(const int *)a - *(const int *)b;
}

static void callbacks(void)
{
	int numbers[200];
	for (int i = 0; i < 200; i++)
		numbers[i] = (i * 7919) % 200;
	qsort(numbers, 200, sizeof(int), compare);
	int key = 7;
	free(bsearch(&key, numbers, 200, sizeof(int), compare) == &numbers[7] ? NULL : malloc(1));
}

static jmp_buf out;

static volatile int jump_depth = 0;

static NOINLINE void jump_from(int n)
{
	take();
	if (n <= jump_depth)
		longjmp(out, 1);
	else
		jump_from(n - 1);
	NO_TAIL;
}

static NOINLINE void jump_once(int n)
{
	if (!setjmp(out))
		jump_from(n);
	take();
	NO_TAIL;
}

static void jumps(void)
{
	for (int i = 0; i < 300; i++)
		jump_once(i % 17);
}

/* ---- signals ---------------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t handled;

static NOINLINE void in_handler(int n)
{
	if (unwind_diff_here)
		unwind_diff_here();
	if (n)
		in_handler(n - 1);
	NO_TAIL;
}

static void handler(int signal)
{
	handled++;
	in_handler(handled % 5);
	(void)signal;
}

/* No call, no frame: the interrupted pc is in a leaf. */
static NOINLINE uint64_t leaf_work(uint64_t x)
{
	for (int i = 0; i < 20000; i++)
		x = x * 6364136223846793005ull + 1442695040888963407ull;
	return x;
}

static NOINLINE uint64_t outer_work(uint64_t x, int n)
{
	volatile uint64_t y = n ? outer_work(x, n - 1) : leaf_work(x);
	take();
	return y + 1;
}

static void signalled(int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags | SA_RESTART};
	struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
	volatile uint64_t x = 1;
	handled = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 2000000 && handled < 400; i++)
		x = outer_work(x, i % 9);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	raise(SIGALRM);
	for (int i = 0; i < 50; i++)
		outer_work(x, i % 9);
}

static void signals(void)
{
	signalled(0);
}

static void alternate(void)
{
	size_t size = 64 << 10;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t alt = {.ss_sp = stack, .ss_size = size}, off = {.ss_flags = SS_DISABLE};
	sigaltstack(&alt, NULL);
	signalled(SA_ONSTACK);
	sigaltstack(&off, NULL);
	munmap(stack, size);
}

/* ---- other stacks -------------------------------------------------------------------------------------------------------------- */

static ucontext_t home, fibers[4];
static int turn;

static NOINLINE void fiber_work(int id, int n)
{
	take();
	if (n > 0) {
		if (n % 3 == 0)
			swapcontext(&fibers[id], &home);
		fiber_work(id, n - 1);
	}
	take();
	NO_TAIL;
}

static void fiber_main(int id)
{
	for (int i = 0; i < 30; i++) {
		fiber_work(id, 6 + id * 5);
		swapcontext(&fibers[id], &home);
	}
	for (;;)
		swapcontext(&fibers[id], &home);
}

/* Each fiber's stack stands between two unmapped pages; when its fibers are done it goes, and a smaller one comes there. */
static void fibers_once(size_t size)
{
	size_t page = 4096, span = size + 2 * page;
	char *memory = mmap(NULL, 4 * span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 4; i++) {
		char *low = memory + i * span + page;
		mprotect(low, size, PROT_READ | PROT_WRITE);
		getcontext(&fibers[i]);
		fibers[i].uc_stack.ss_sp = low;
		fibers[i].uc_stack.ss_size = size;
		fibers[i].uc_link = &home;
		makecontext(&fibers[i], (void (*)(void))fiber_main, 1, i);
	}
	for (int round = 0; round < 120; round++) {
		turn = round % 4;
		swapcontext(&home, &fibers[turn]);
		take();
	}
	munmap(memory, 4 * span);
}

static void contexts(void)
{
	for (int i = 0; i < 10; i++)
		fibers_once(i % 2 ? 16 << 10 : 64 << 10);
}

/* Code without unwind information: the walk stops there, and never crashes. */
static void jit(void)
{
	/* push rbx; sub rsp,32; call rdi; add rsp,32; pop rbx; ret */
	static const unsigned char code[] = {0x53, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x20, 0x5b, 0xc3};
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(page, code, sizeof(code));
	for (int i = 0; i < 100; i++)
		((void (*)(void (*)(void)))(void *)page)(take);
	munmap(page, 4096);
}

/* rbp is an ordinary register for most code: nonsense in it must not matter. */
static void wild(void)
{
	for (uintptr_t i = 0; i < 100; i++)
		call_with_rbp(take, i * 0x123456789abcdf);
}

/*
 * Rows that only all registers can follow: the CFA by rbx, as in the dynamic linker's resolver, with an ordinary function
 * between it and the allocation that saves rbx.
 */
void call_on_rbx(void (*function)(int), int n);
__asm__(".text\n.globl call_on_rbx\n.type call_on_rbx, @function\ncall_on_rbx:\n"
	".cfi_startproc\npushq %rbx\n.cfi_def_cfa_offset 16\n.cfi_offset %rbx, -16\n"
	"movq %rsp, %rbx\n.cfi_def_cfa_register %rbx\nandq $-64, %rsp\nsubq $192, %rsp\n"
	"movq %rdi, %rax\nmovl %esi, %edi\ncall *%rax\n"
	"movq %rbx, %rsp\n.cfi_def_cfa_register %rsp\npopq %rbx\n.cfi_def_cfa_offset 8\n.cfi_restore %rbx\nret\n"
	".cfi_endproc\n.size call_on_rbx, .-call_on_rbx\n");

static NOINLINE void uses_registers(int n)
{
	register uintptr_t mine __asm__("rbx") = 0x5a5a5a5a5a5a5a5a;
	__asm__ volatile("" : "+r"(mine));
	middle(n);
	__asm__ volatile("" : "+r"(mine));
	if (n > 3)
		call_on_rbx(uses_registers, n - 3);
	above_a(n);
}

static void other_registers(void)
{
	for (int i = 0; i < 300; i++)
		call_on_rbx(uses_registers, i % 11);
}

/* The same addresses, other code: two libraries take turns there. */
static void reload(void)
{
	const char *folder = getenv("UNWIND_LIBRARIES");
	char name[2][512];
	uintptr_t where[2] = {0, 0};
	int same = 0;
	for (int i = 0; folder && i < 40; i++) {
		snprintf(name[i & 1], sizeof(name[0]), "%s/turn%d.so", folder, i & 1);
		void *handle = dlopen(name[i & 1], RTLD_NOW | RTLD_LOCAL);
		void (*call)(void (*)(void), int) = (void (*)(void (*)(void), int))dlsym(handle, "turn_call");
		where[i & 1] = (uintptr_t)call & ~4095ul;
		same += where[0] == where[1];
		for (int n = 0; n < 10; n++)
			call(take, n);
		dlclose(handle);
	}
	printf("reload: the same address %s\n", same > 20 ? "often" : "seldom");
}

/* ---- threads -------------------------------------------------------------------------------------------------------------------- */

static void *thread_main(void *argument)
{
	reentered();
	recurse(100);
	return argument;
}

static void threads(void)
{
	pthread_t t[4];
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, thread_main, NULL);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"deep", deep}, {"balanced", balanced},	      {"reentered", reentered}, {"callbacks", callbacks}, {"jumps", jumps},
	{"signals", signals}, {"alternate", alternate}, {"contexts", contexts},	  {"jit", jit},
	{"wild", wild},	      {"registers", other_registers}, {"reload", reload},	{"threads", threads},
};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
			if (strcmp(argv[i], cases[c].name) == 0) {
				cases[c].run();
				printf("%s done\n", argv[i]);
			}
		}
	}
	return 0;
}
