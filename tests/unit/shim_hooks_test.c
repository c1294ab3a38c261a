/*
 * shim_hooks_test.c - the hook engine: each kind of prologue is moved, run and compared; what must be refused is, with its reason; and what
 * enter() and leave() see and keep.
 */
// LIBS: -rdynamic -O1
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../hooks/engine.h"

static int failed;

static void check(const char *name, unsigned long got, unsigned long want)
{
	if (got == want) {
		printf("ok hooks: %s\n", name);
		return;
	}
	printf("not ok hooks: %s: got %#lx, want %#lx\n", name, got, want);
	failed = 1;
}

static void check_text(const char *name, const char *got, const char *want)
{
	if (!strcmp(got, want)) {
		printf("ok hooks: %s\n", name);
		return;
	}
	printf("not ok hooks: %s: got \"%s\", want \"%s\"\n", name, got, want);
	failed = 1;
}

/* ---- what was seen ----------------------------------------------------------------------------------------------------- */

static _Thread_local unsigned long entered_calls, left_calls;
static _Thread_local struct hook_call last_entered, last_left;

static void spoil(void)
{
	/* whatever a function of C may change */
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pcmpeqd %%xmm15, %%xmm15"
			 :
			 :
			 : "xmm0", "xmm7", "xmm15", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
			   "r10", "r11", "memory");
	errno = 77;
}

static void on_enter(struct hook_call *call)
{
	entered_calls++;
	last_entered = *call;
	call->kept[0] = 0x1234;
	spoil();
}

static void on_leave(struct hook_call *call)
{
	left_calls++;
	last_left = *call;
	spoil();
}

static struct hook *hook_new(const void *function, bool around)
{
	struct hook *hook = calloc(1, sizeof(*hook));

	hook->function = (uintptr_t)function;
	hook->enter = on_enter;
	hook->leave = around ? on_leave : NULL;
	hook->context = hook;
	return hook;
}

/* ---- prologues of each kind ---------------------------------------------------------------------------------------------- */

#define FUNCTION(name, body)                                                                       \
	extern long name(long a, long b);                                                          \
	__asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ",@function\n" #name           \
		":\n.cfi_startproc\n" body "\n.cfi_endproc\n.size " #name ", .-" #name "\n")
#define TAIL "lea (%rdi,%rsi,2), %rax\nret\n"

__asm__(".data\np_word: .quad 40\n.text\n");
FUNCTION(p_callee, "lea 5(%rdi), %rax\nnop\nnop\nnop\nret\n");
FUNCTION(p_push, "push %rbp\nmov %rsp, %rbp\npush %rbx\nmov %rdi, %rbx\nlea 1(%rbx), %rax\npop "
		 "%rbx\npop %rbp\nret\n");
FUNCTION(p_endbr, "endbr64\nmov %rdi, %rax\nadd %rsi, %rax\nret\n");
FUNCTION(p_sub, "sub $24, %rsp\nmov %rdi, 8(%rsp)\nmov 8(%rsp), %rax\nadd $24, %rsp\nret\n");
FUNCTION(p_mov_imm, "mov $0x12345678, %eax\nadd %rdi, %rax\nret\n");
FUNCTION(p_lea_rip, "lea p_word(%rip), %rax\nmov (%rax), %rax\nadd %rdi, %rax\nret\n");
FUNCTION(p_load_rip, "mov p_word(%rip), %rax\nadd %rdi, %rax\nret\n");
FUNCTION(p_cmp_rip_imm, "cmpq $40, p_word(%rip)\nsete %al\nmovzbl %al, %eax\nret\n");
FUNCTION(p_test_jcc, "test %rdi, %rdi\nje 1f\nmov %rdi, %rax\nret\n1: mov $-7, %rax\nret\n");
FUNCTION(p_cmp_jcc32,
	 "cmp %rsi, %rdi\n.byte 0x0f, 0x8f\n.long 1f - . - 4\n" TAIL "1: mov $99, %eax\nret\n");
FUNCTION(p_jump, ".byte 0xe9\n.long p_callee - . - 4\n");
FUNCTION(p_jump_short, "jmp 1f\nnop\nnop\nnop\n1: mov %rdi, %rax\nret\n");
FUNCTION(p_call, "call p_callee\nadd $100, %rax\nret\n");
FUNCTION(p_sub_call, "sub $8, %rsp\n.cfi_adjust_cfa_offset 8\ncall p_callee\nadd $8, %rsp\nret\n");
FUNCTION(p_endbr_call, "endbr64\nsub $8, %rsp\ncall p_callee\nadd $8, %rsp\nret\n");
__asm__(".data\np_pointer: .quad p_callee\n.text\n");
FUNCTION(p_call_memory, "call *p_pointer(%rip)\nadd $200, %rax\nret\n");
FUNCTION(p_call_register, "lea p_callee(%rip), %rax\ncall *%rax\nret\n");
FUNCTION(p_call_register_early, "mov %rsi, %rax\ncall *%rax\nadd $1, %rax\nret\n");
FUNCTION(p_jump_memory, "jmp *p_pointer(%rip)\n");
FUNCTION(p_short, "lea 3(%rdi), %eax\nret\n");
__asm__(".p2align 4\n");
FUNCTION(p_shortest, "mov %edi, %eax\nret\n");
__asm__(".p2align 4\n");
FUNCTION(p_red_zone, "mov %rdi, -8(%rsp)\nmov -8(%rsp), %rax\nret\n");
FUNCTION(p_sse, "movsd p_word(%rip), %xmm8\nmovq %xmm8, %rax\nadd %rdi, %rax\nret\n");
FUNCTION(p_vex, "xor %eax, %eax\nmov %edi, %eax\ncmp $3, %eax\nret\n");
FUNCTION(p_segment, "mov %fs:0, %rax\nsub %fs:0, %rax\nadd %rdi, %rax\nret\n");
FUNCTION(p_rsp_store, "mov %rsp, %rax\nsub %rsp, %rax\nadd %rdi, %rax\nret\n");
FUNCTION(p_rex_push,
	 "push %r12\npush %r13\nmov %rdi, %r12\nmov %r12, %rax\npop %r13\npop %r12\nret\n");
FUNCTION(p_data16, ".byte 0x66\nnop\nmov %rdi, %rax\nnop\nret\n");

struct prologue {
	const char *name;
	long (*function)(long, long);
	long a, b, result;
};
static const struct prologue prologues[] = {
	{"push, mov", p_push, 10, 0, 11},
	{"endbr64", p_endbr, 10, 7, 17},
	{"sub", p_sub, 10, 0, 10},
	{"mov immediate", p_mov_imm, 1, 0, 0x12345679},
	{"lea rip-relative", p_lea_rip, 2, 0, 42},
	{"load rip-relative", p_load_rip, 3, 0, 43},
	{"rip-relative with an immediate", p_cmp_rip_imm, 0, 0, 1},
	{"test, je taken", p_test_jcc, 0, 0, -7},
	{"test, je not taken", p_test_jcc, 5, 0, 5},
	{"cmp, jg of 32 bits taken", p_cmp_jcc32, 5, 1, 99},
	{"cmp, jg of 32 bits not taken", p_cmp_jcc32, 1, 5, 11},
	{"jmp", p_jump, 10, 0, 15},
	{"short jmp", p_jump_short, 10, 0, 10},
	{"call first", p_call, 10, 0, 115},
	{"sub, call", p_sub_call, 10, 0, 15},
	{"endbr64, sub, call", p_endbr_call, 10, 0, 15},
	{"call by memory", p_call_memory, 10, 0, 215},
	{"call by register", p_call_register, 10, 0, 15},
	{"call by register, moved", p_call_register_early, 10, (long)p_callee, 16},
	{"jmp by memory", p_jump_memory, 10, 0, 15},
	{"shorter than the patch, padded", p_short, 10, 0, 13},
	{"shorter still", p_shortest, 10, 0, 10},
	{"red zone", p_red_zone, 10, 0, 10},
	{"SSE rip-relative", p_sse, 10, 0, 50},
	{"flags", p_vex, 10, 0, 10},
	{"segment", p_segment, 10, 0, 10},
	{"stack pointer", p_rsp_store, 10, 0, 10},
	{"REX push", p_rex_push, 10, 0, 10},
	{"prefixed nop", p_data16, 10, 0, 10},
};
#define PROLOGUES (sizeof(prologues) / sizeof(prologues[0]))

static void run_prologue(const struct prologue *p, bool around)
{
	struct hook *hook = hook_new(p->function, around);
	char name[128];
	long plain = p->function(p->a, p->b), hooked, removed, unseen;
	unsigned long before = entered_calls, before_left = left_calls;
	bool same;

	hook_install(&hook, 1);
	errno = 5;
	hooked = p->function(p->a, p->b);
	same = plain == p->result && hooked == p->result && entered_calls == before + 1 &&
	       left_calls == before_left + around && errno == 5 &&
	       last_entered.argument[0] == (uint64_t)p->a &&
	       last_entered.argument[1] == (uint64_t)p->b && last_entered.context == hook;
	if (around)
		same = same && last_left.result == (uint64_t)p->result &&
		       last_left.kept[0] == 0x1234 && last_left.argument[0] == (uint64_t)p->a;
	unseen = hook->trampoline ? ((long (*)(long, long))hook->trampoline)(p->a, p->b) : -1;
	same = same && unseen == p->result && entered_calls == before + 1;
	snprintf(name, sizeof(name), "%s%s (%s) %ld %ld", p->name, around ? ", around" : "",
		 hook->why, plain, hooked);
	hook_remove(&hook, 1);
	removed = p->function(p->a, p->b);
	check(name, same && removed == p->result && entered_calls == before + 1, 1);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------------ */

FUNCTION(r_loop_entry, "dec %rdi\nnop\nnop\njne r_loop_entry\nmov %rdi, %rax\nret\n");
FUNCTION(r_loop_inside, "xor %eax, %eax\n1: inc %rax\ndec %rdi\njne 1b\nret\n");
FUNCTION(r_entered_far, "xor %eax, %eax\nr_far: inc %rax\nnop\nret\n");
FUNCTION(r_enters_far,
	 "nop\nnop\nnop\nnop\nnop\n.byte 0xe9\n.long r_far - . - 4\n.skip 300, 0x90\n");
FUNCTION(r_entered_near, "xor %eax, %eax\nr_near: inc %rax\nnop\nret\n");
FUNCTION(r_enters_near, "xor %eax, %eax\njmp r_near\n");
FUNCTION(r_syscall, "syscall\nnop\nnop\nnop\nnop\nret\n");
FUNCTION(r_breakpoint, "int3\nnop\nnop\nnop\nnop\nret\n");
FUNCTION(r_loop_insn, "loop 1f\nnop\nnop\nnop\n1: ret\n");
FUNCTION(r_unknown, "nop\n.byte 0x06\nnop\nnop\nnop\nret\n");
FUNCTION(r_unknown_late, "nop\nnop\nnop\nnop\nnop\nnop\nret\n.byte 0x06\njmp r_unknown_late + 2\n");
/* data, of which no bytes could lead back */
FUNCTION(p_unknown_late, "lea (%rdi,%rsi), %rax\nnop\nnop\nret\n.byte 0x06, 0x16, 0x1e\n");
FUNCTION(r_shorter, "ret\n");
FUNCTION(r_behind_shorter, "nop\nnop\nnop\nnop\nnop\nnop\nret\n");
FUNCTION(r_two, "xor %eax, %eax\n.globl r_second\n.type r_second,@function\nr_second: inc "
		"%rax\nnop\nnop\nret\n");
FUNCTION(r_label, "xor %eax, %eax\nr_label_at: inc %rax\nnop\nnop\nret\n");
__asm__(".data\nr_label_word: .quad r_label_at\n.text\n");
/* a switch whose empty case leads straight to the loop's head, which is in the prologue */
FUNCTION(r_table, "xor %eax, %eax\nr_table_loop: inc %rax\nlea r_table_table(%rip), %rdx\nmovslq "
		  "(%rdx,%rdi,4), %rcx\nadd %rdx, %rcx\njmp *%rcx\nr_table_end: ret\n");
__asm__(".section .rodata\n.p2align 2\nr_table_table: .long r_table_end - r_table_table, "
	"r_table_loop - r_table_table\n.text\n");
FUNCTION(p_table, "xor %eax, %eax\nlea p_table_table(%rip), %rdx\np_table_loop: inc %rax\nmovslq "
		  "(%rdx,%rdi,4), %rcx\nadd %rdx, %rcx\njmp *%rcx\np_table_end: ret\n");
__asm__(".section .rodata\n.p2align 2\np_table_table: .long p_table_end - p_table_table, "
	"p_table_loop - p_table_table\n.text\n");
__asm__(".text\n.p2align 4\n.globl r_no_cfi\n.type r_no_cfi,@function\nr_no_cfi: "
	"nop\nnop\nnop\nnop\nnop\nret\n.size r_no_cfi,.-r_no_cfi\n.p2align 4\n");
extern long r_no_cfi(long, long);

static void refused(const void *function, const char *why)
{
	struct hook *hook = hook_new(function, false);

	hook_install(&hook, 1);
	check_text("refused", hook->why, why);
	if (hook->way != HOOK_NOT) {
		check("refused", hook->way, HOOK_NOT);
		hook_remove(&hook, 1);
	}
}

static void not_refused(long (*function)(long, long))
{
	struct hook *hook = hook_new((const void *)function, false);

	hook_install(&hook, 1);
	check("not refused", hook->way, HOOK_ENTRY);
	check("not refused: result", (unsigned long)function(40, 2), 42);
	hook_remove(&hook, 1);
}

static void run_refused(void)
{
	extern long r_second(long, long);

	refused(r_loop_entry, "jumps back to its entry");
	refused(r_loop_inside, "jumps into its prologue");
	refused(r_entered_far, "a jump from elsewhere leads into its prologue");
	refused(r_entered_near, "a jump of a neighbour leads into its prologue");
	refused(r_syscall, "its prologue enters the kernel");
	refused(r_breakpoint, "has a breakpoint in its first bytes");
	refused(r_loop_insn, "its prologue has a loop instruction");
	refused(r_unknown, "its prologue has an unknown instruction");
	refused(r_unknown_late, "has an unknown instruction");
	not_refused(p_unknown_late);
	refused(r_two, "another symbol is in its prologue");
	refused(r_second, "begins in the middle of another function");
	refused(r_label, "data refer to an address in its prologue");
	refused(r_table, "has a jump table into its prologue");
	refused((void *)r_no_cfi, "has no unwind information, so its extent is not known");
	refused(&failed, "is not in the code of a module");
	refused(NULL, "is not in the code of a module");
	shim_sandboxed = true;
	refused(p_push, "the program is in a sandbox");
	shim_sandboxed = false;
}

/* ---- calls that hand in nothing ---------------------------------------------------------------------------------------------- */

__attribute__((noinline, noipa)) static long six(long a, long b, long c, long d, long e, long f)
{
	return a + 2 * b + 4 * c + 8 * d + 16 * e + 32 * f;
}

static void run_wants(bool around)
{
	unsigned long wrong = 0, before, seen;

	for (unsigned wants = 1; wants <= 6; wants++) {
		struct hook *hook = hook_new((const void *)six, around);

		hook->wants = (uint8_t)wants;
		hook_install(&hook, 1);
		wrong += hook->way != HOOK_ENTRY;
		for (unsigned zero = 0; zero <= 6; zero++) {
			long v[7] = {0, 1, 1, 1, 1, 1l << 40, 1};

			v[zero] = 0;
			before = entered_calls;
			wrong += six(v[1], v[2], v[3], v[4], v[5], v[6]) !=
				 v[1] + 2 * v[2] + 4 * v[3] + 8 * v[4] + 16 * v[5] + 32 * v[6];
			seen = entered_calls - before;
			wrong += seen != (zero != wants);
			wrong += seen && last_entered.context != hook;
		}
		hook_remove(&hook, 1);
		free(hook);
	}
	check(around ? "wants, around: seen or not, results right"
		     : "wants: seen or not, results right",
	      wrong, 0);
}

/* ---- bytes -------------------------------------------------------------------------------------------------------------- */

/* What scan.c finds 16 places at a time, one by one. */
struct expected {
	size_t jumps;
	uint64_t sum; /* of the targets */
};

static void on_target(uintptr_t target, void *context)
{
	struct expected *e = context;

	e->jumps++;
	e->sum += target * e->jumps;
}

static struct expected expect_jumps(const uint8_t *code, size_t n, const struct marks *marks)
{
	struct expected e = {0};

	for (size_t i = 0; i + 5 <= n; i++) {
		bool far = (code[i] & 0xfe) == 0xe8 ||
			   (i && code[i - 1] == 0x0f && (code[i] & 0xf0) == 0x80);
		int32_t displacement;
		uintptr_t target;

		memcpy(&displacement, code + i + 1, 4);
		target = (uintptr_t)code + i + 5 + (uintptr_t)(intptr_t)displacement;
		if (far && is_marked(marks, target))
			on_target(target, &e);
	}
	return e;
}

static bool expect_refers(const uint8_t *code, size_t n, uintptr_t first, uintptr_t last)
{
	for (size_t i = 0; i + 4 <= n; i++) {
		int32_t displacement;
		uintptr_t target;

		memcpy(&displacement, code + i, 4);
		target = (uintptr_t)code + i + 4 + (uintptr_t)(intptr_t)displacement;
		for (unsigned behind = 0; behind <= 4; behind++)
			if (target + behind >= first && target + behind < last)
				return true;
	}
	return false;
}

static bool expect_indirect(const uint8_t *code, size_t n)
{
	for (size_t i = 0; i + 2 <= n; i++)
		if (code[i] == 0xff && (code[i + 1] >> 3 & 7) == 4 && code[i + 1] != 0x25)
			return true;
	return false;
}

static void run_scans(void)
{
	static uint8_t room[4096], bits[4096];
	static const uint8_t likely[] = {0xe8, 0xe9, 0x0f, 0x85, 0xff, 0x24, 0x25, 0xe0};
	size_t wrong = 0, found[3] = {0};

	for (unsigned round = 0; round < 20000; round++) {
		size_t at = (unsigned)rand() % 16, n = (unsigned)rand() % 300;
		uint8_t *code = room + 2048 + at;
		uintptr_t first = (uintptr_t)room + (unsigned)rand() % 4000,
			  last = first + 1 + (unsigned)rand() % 8;
		struct marks marks = {bits, (uintptr_t)room, (uintptr_t)room + sizeof(room)};
		struct expected got = {0}, want;

		memset(bits, 0, sizeof(bits));
		for (unsigned i = 0; i < 20; i++)
			mark(&marks, (uintptr_t)room + (unsigned)rand() % sizeof(room));
		/* with near displacements here and there: else nothing is found */
		for (size_t i = 0; i < n; i++)
			code[i] = (uint8_t)rand();
		for (size_t i = 0; i + 8 < n; i += 1 + (unsigned)rand() % 40) {
			int32_t near = rand() % 4000 - 2000;

			code[i] = likely[(unsigned)rand() % sizeof(likely)];
			memcpy(code + i + 1 + (unsigned)rand() % 2, &near, 4);
		}
		want = expect_jumps(code, n, &marks);
		scan_jumps((uintptr_t)code, (uintptr_t)code + n, &marks, on_target, &got);
		wrong += got.jumps != want.jumps || got.sum != want.sum;
		wrong += scan_refers((uintptr_t)code, (uintptr_t)code + n, first, last) !=
			 expect_refers(code, n, first, last);
		wrong += scan_indirect((uintptr_t)code, (uintptr_t)code + n) !=
			 expect_indirect(code, n);
		found[0] += want.jumps;
		found[1] += expect_refers(code, n, first, last);
		found[2] += expect_indirect(code, n);
	}
	check("bytes: found by 16 as one by one", wrong, 0);
	check("bytes: and found at all", found[0] > 1000 && found[1] > 100 && found[2] > 1000, 1);
}

/* ---- calls of all kinds ---------------------------------------------------------------------------------------------------- */

struct big {
	long words[6];
};
struct pair {
	double x, y;
};
struct mixed {
	long i;
	double d;
};
#define NOINLINE __attribute__((noinline, noclone, noipa))
NOINLINE double k_doubles(double a, double b, double c, double d, double e, double f, double g,
			  double h)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;
}
NOINLINE long k_stack(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	return a + b + c + d + e + f + 10 * g + 100 * h + 1000 * i;
}
NOINLINE double k_variadic(int n, ...)
{
	double sum = 0;
	va_list args;

	va_start(args, n);
	for (int i = 0; i < n; i++)
		sum += i % 2 ? va_arg(args, double) : (double)va_arg(args, int);
	va_end(args);
	return sum;
}
NOINLINE struct big k_big(long a)
{
	return (struct big){{a, a + 1, a + 2, a + 3, a + 4, a + 5}};
}
NOINLINE struct pair k_pair(double a)
{
	return (struct pair){a, a + 1};
}
NOINLINE struct mixed k_mixed(long a)
{
	return (struct mixed){a, (double)a + 0.5};
}
NOINLINE __int128 k_wide(long a)
{
	return ((__int128)a << 64) + 5;
}
NOINLINE long double k_long_double(long double a)
{
	return a + 1;
}
typedef double vector4 __attribute__((vector_size(32)));
__attribute__((target("avx"))) NOINLINE vector4 k_vector(vector4 a, vector4 b)
{
	return a + b;
}
NOINLINE long k_recursive(long n)
{
	long rest = n ? k_recursive(n - 1) : 0;
	__asm__ volatile("" : "+r"(rest));
	return n + rest;
}
static jmp_buf jump_to;
NOINLINE long k_jumps(long n)
{
	if (n == 3)
		longjmp(jump_to, 1);
	__asm__ volatile("" : "+r"(n));
	return n > 3 ? n : k_jumps(n + 1) + 1;
}
NOINLINE long k_tail_end(long n)
{
	__asm__ volatile("nop; nop; nop; nop; nop; nop" : "+r"(n));
	return n + 1;
}
NOINLINE long k_tail(long n)
{
	__asm__ volatile("nop; nop; nop; nop; nop; nop" : "+r"(n));
	return k_tail_end(n + 1);
}

__attribute__((target("avx"))) static bool vectors_work(void)
{
	vector4 v = k_vector((vector4){1, 2, 3, 4}, (vector4){10, 20, 30, 40});

	return v[0] == 11 && v[1] == 22 && v[2] == 33 && v[3] == 44;
}

static bool calls_work(void)
{
	struct big b = k_big(7);
	struct pair p = k_pair(1.5);
	struct mixed m = k_mixed(4);
	bool right = k_doubles(1, 2, 3, 4, 5, 6, 7, 8) == 204;

	right &= k_stack(1, 2, 3, 4, 5, 6, 7, 8, 9) == 21 + 70 + 800 + 9000;
	right &= k_variadic(12, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5) == 45;
	right &= b.words[0] == 7 && b.words[5] == 12;
	right &= p.x == 1.5 && p.y == 2.5 && m.i == 4 && m.d == 4.5;
	right &= k_wide(3) == ((__int128)3 << 64) + 5;
	right &= k_long_double(2.5L) == 3.5L;
	right &= !__builtin_cpu_supports("avx") || vectors_work();
	right &= k_recursive(100) == 5050;
	return right;
}

static const void *const k_all[] = {k_doubles, k_stack, k_variadic,    k_big,	 k_pair,
				    k_mixed,   k_wide,	k_long_double, k_vector, k_recursive};
#define K_ALL (sizeof(k_all) / sizeof(k_all[0]))

static void run_calls(bool around)
{
	struct hook *hooks[K_ALL];
	unsigned long before = entered_calls, before_left = left_calls;
	unsigned vectors = __builtin_cpu_supports("avx") != 0;

	for (unsigned i = 0; i < K_ALL; i++)
		hooks[i] = hook_new(k_all[i], around);
	check(around ? "calls around: all hooked" : "calls: all hooked", hook_install(hooks, K_ALL),
	      K_ALL);
	check(around ? "calls around: all right" : "calls: all right", calls_work(), 1);
	check("calls: all seen", entered_calls - before, 8 + vectors + 101);
	check("calls: all seen to return", left_calls - before_left,
	      around ? 8 + vectors + 101 : 0);
	hook_remove(hooks, K_ALL);
	check("calls: right again", calls_work(), 1);
}

static void run_jumps(void)
{
	struct hook *hook = hook_new(k_jumps, true), *tail = hook_new(k_tail, true),
		    *end = hook_new(k_tail_end, true);
	unsigned long before = entered_calls, before_left = left_calls, lost_before;

	hook_install(&hook, 1);
	for (volatile int i = 0; i < 100; i++)
		if (!setjmp(jump_to))
			k_jumps(0);
	check("longjmp: all entered", entered_calls - before, 400);
	check("longjmp: none left", left_calls - before_left, 0);
	for (volatile int i = 0; i < 1000; i++)
		if (!setjmp(jump_to))
			k_jumps(0);
	check("longjmp: goes on without places", entered_calls - before, 4400);
	check("longjmp: and says so", around_lost() > 0, 1);
	lost_before = around_lost();
	for (volatile int i = 0; i < 1000; i++) {
		around_jump((uintptr_t)__builtin_frame_address(0) - 0x10000,
			    (uintptr_t)__builtin_frame_address(0));
		if (!setjmp(jump_to))
			k_jumps(0);
	}
	check("longjmp: places that were jumped over are taken again", around_lost() - lost_before,
	      0);
	hook_remove(&hook, 1);
	hook_install(&tail, 1);
	hook_install(&end, 1);
	before = entered_calls;
	before_left = left_calls;
	check("tail call around", (unsigned long)k_tail(1), 3);
	check("tail call: both entered", entered_calls - before, 2);
	check("tail call: both left", left_calls - before_left, 2);
	check("tail call: with the result", last_left.result, 3);
	hook_remove(&tail, 1);
	hook_remove(&end, 1);
}

/* ---- registers --------------------------------------------------------------------------------------------------------------- */

FUNCTION(g_nothing, "nop\nnop\nnop\nnop\nnop\nnop\nret\n");
extern unsigned long g_call(void);
/* Sets all registers that a function may change, calls, and compares: 0 when none has changed. */
__asm__(".text\n.globl g_call\ng_call:\n.cfi_startproc\npush %rbx\n.cfi_adjust_cfa_offset 8\n"
	"mov $1, %eax\nmov $2, %ecx\nmov $3, %edx\nmov $4, %esi\nmov $5, %edi\nmov $6, %r8d\n"
	"mov $7, %r9d\nmov $8, %r10d\nmov $9, %r11d\nmovq %rax, %xmm0\nmovq %rcx, %xmm3\n"
	"movq %rdx, %xmm7\nmovq %rsi, %xmm8\nmovq %rdi, %xmm15\ncall g_nothing\n"
	"xor $1, %rax\nxor $2, %rcx\nor %rcx, %rax\nxor $3, %rdx\nor %rdx, %rax\nxor $4, %rsi\n"
	"or %rsi, %rax\nxor $5, %rdi\nor %rdi, %rax\nxor $6, %r8\nor %r8, %rax\nxor $7, %r9\n"
	"or %r9, %rax\nxor $8, %r10\nor %r10, %rax\nxor $9, %r11\nor %r11, %rax\n"
	"movq %xmm0, %rcx\nxor $1, %rcx\nor %rcx, %rax\nmovq %xmm3, %rcx\nxor $2, %rcx\n"
	"or %rcx, %rax\nmovq %xmm7, %rcx\nxor $3, %rcx\nor %rcx, %rax\nmovq %xmm8, %rcx\n"
	"xor $4, %rcx\nor %rcx, %rax\nmovq %xmm15, %rcx\nxor $5, %rcx\nor %rcx, %rax\n"
	"pop %rbx\nret\n.cfi_endproc\n");

__attribute__((target("avx"))) static void spoil_wide(struct hook_call *call)
{
	entered_calls++;
	__asm__ volatile("vxorps %%ymm0, %%ymm0, %%ymm0; vxorps %%ymm5, %%ymm5, %%ymm5; vzeroall"
			 :
			 :
			 : "memory");
}

__attribute__((target("avx"))) static bool upper_halves_stay(void)
{
	vector4 v = {1, 2, 3, 4}, w;

	__asm__ volatile("vmovupd %1, %%ymm9\n\tcall g_nothing\n\tvmovupd %%ymm9, %0\n\tvzeroupper"
			 : "=m"(w)
			 : "m"(v)
			 : "xmm9", "rax", "memory");
	return w[0] == 1 && w[3] == 4;
}

static void run_registers(void)
{
	for (int around = 0; around < 2; around++) {
		struct hook *hook = hook_new(g_nothing, around);

		hook_install(&hook, 1);
		check(around ? "registers around" : "registers", g_call(), 0);
		if (__builtin_cpu_supports("avx")) {
			hook->enter = spoil_wide;
			check("upper halves of vectors", upper_halves_stay(), 1);
		}
		hook_remove(&hook, 1);
	}
}

/* ---- stacks ------------------------------------------------------------------------------------------------------------------- */

static uintptr_t pcs[64];
static size_t npcs;

static void walk_here(struct hook_call *call)
{
	entered_calls++;
	npcs = unwinder_fast.walk(call->return_address, call->frame, call->base_pointer, pcs, 64);
}

static void nothing(struct hook_call *call)
{
}

NOINLINE long s_inner(long n)
{
	__asm__ volatile("nop; nop; nop; nop; nop; nop" : "+r"(n));
	return n;
}
NOINLINE long s_middle(long n)
{
	long r = s_inner(n + 1);
	__asm__ volatile("nop; nop; nop; nop; nop; nop" : "+r"(r));
	return r;
}
NOINLINE long s_outer(long n)
{
	long r = s_middle(n + 1);
	__asm__ volatile("" : "+r"(r));
	return r;
}

static bool within(uintptr_t pc, const void *function)
{
	uintptr_t start, end;
	struct image image;

	return image_find(&image, pc) && cfi_function(&image.cfi, pc, &start, &end) &&
	       start == (uintptr_t)function;
}

static void run_stacks(void)
{
	struct hook *inner = hook_new(s_inner, false), *middle = hook_new(s_middle, true),
		    *list[] = {inner, middle};

	unwinder_fast.init();
	inner->enter = walk_here;
	middle->enter = nothing;
	middle->leave = nothing;
	check("stack: both hooked", hook_install(list, 2), 2);
	check("stack: result", (unsigned long)s_outer(1), 3);
	check("stack: the caller", npcs > 3 && within(pcs[0], s_middle), 1);
	check("stack: a return that leads to us", pcs[1] == (uintptr_t)hook_thunk_return, 1);
	check("stack: and on", within(pcs[2], s_outer), 1);
	hook_remove(list, 2);
}

/* ---- aliases, modules that go -------------------------------------------------------------------------------------------------- */

static void run_shared(void)
{
	struct hook *first = hook_new(p_push, false), *second = hook_new(p_push, false),
		    *both[] = {first, second};

	check("aliases: both in force", hook_install(both, 2), 2);
	check_text("aliases: said", second->why, "shares the hook of another name of it");
	check("aliases: one call", (entered_calls = 0, p_push(1, 0), entered_calls), 1);
	hook_remove(both, 2);
	check("aliases: removed", (entered_calls = 0, p_push(1, 0), entered_calls), 0);
	hook_install(&first, 1);
	hook_forget((uintptr_t)p_push, (uintptr_t)p_push + 1);
	check_text("forgotten", first->why, "its module is gone");
	check("forgotten: not touched", (entered_calls = 0, p_push(1, 0), entered_calls), 1);
}

/* ---- threads, fork ---------------------------------------------------------------------------------------------------------------- */

static void *hammer(void *unused)
{
	for (int i = 0; i < 20000; i++)
		if (k_stack(1, 2, 3, 4, 5, 6, 7, 8, 9) != 9891)
			return (void *)1;
	return (void *)(entered_calls == 20000 && left_calls == 20000 ? 0ul : 1ul);
}

static void run_threads(void)
{
	struct hook *hook = hook_new(k_stack, true);
	pthread_t threads[8];
	unsigned long bad = 0;
	void *result;
	int status;

	hook_install(&hook, 1);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, hammer, NULL);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &result);
		bad += (unsigned long)result;
	}
	check("8 threads", bad, 0);
	entered_calls = left_calls = 0;
	if (fork() == 0)
		_exit(hammer(NULL) ? 1 : 0);
	wait(&status);
	check("fork", (unsigned long)status, 0);
	hook_remove(&hook, 1);
}

int main(void)
{
	for (unsigned i = 0; i < PROLOGUES; i++) {
		run_prologue(&prologues[i], false);
		run_prologue(&prologues[i], true);
	}
	run_refused();
	run_scans();
	run_wants(false);
	run_wants(true);
	run_calls(false);
	run_calls(true);
	run_jumps();
	run_registers();
	run_stacks();
	run_shared();
	run_threads();
	return failed;
}
