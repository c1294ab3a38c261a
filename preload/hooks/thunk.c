/*
 * thunk.c - from a patched entry to hook->enter and on into the function, as if nothing had happened.
 *
 * What is kept: every general register (callers in the function's own file may count on some that the ABI gives to the callee, GCC's
 * -fipa-ra). A hook that is `light` touches no other. Around one that is not: xmm0 to xmm15, and whatever of the wider registers is in use: the
 * code of the shim is plain SSE2, which leaves the upper halves alone, but libc's memcpy is not. XGETBV(1) tells in 6 ns whether upper halves
 * of ymm0-15 or zmm0-15 are in use; only then all of it goes by XSAVEC (90 ns). zmm16-31 and the mask registers are nearly always "in use", by
 * libc's string functions, and nobody's arguments: they are saved with the others or not at all.
 *
 * The call frame information skips the slot: the thunk's caller is the function's caller. So an unwinder gets from enter() to it without
 * information about generated code.
 */
#include <errno.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "around.h"
#include "outside.h"
#include "thunk.h"

/* 0: there is nothing beyond SSE. 1: ask by xgetbv. 2: save all of it always (a processor that cannot tell). */
__attribute__((visibility("hidden"))) uint32_t thunk_wide;
__attribute__((visibility("hidden"))) uint32_t thunk_wide_mask; /* of XSAVE; not the tiles of AMX */
__attribute__((visibility("hidden"))) uint64_t thunk_wide_size;

void hook_thunk_entered(struct hook_call *call, const struct hook *hook);
__attribute__((used, visibility("hidden"))) void hook_thunk_entered(struct hook_call *call,
								    const struct hook *hook)
{
	int kept = errno;

	call->context = hook->context;
	hook->enter(call);
	errno = kept;
}

uint64_t hook_outside_call(const void *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
__attribute__((used, visibility("hidden"))) uint64_t
hook_outside_call(const void *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	int kept = errno;
	uint64_t result =
		((uint64_t(*)(uint64_t, uint64_t, uint64_t, uint64_t))(uintptr_t)function)(a, b, c,
											   d);

	errno = kept;
	return result;
}

#if defined(__x86_64__)
#define WIDE_MASK 0xe6u /* SSE, AVX, the three of AVX-512 */

bool thunk_init(void)
{
	uint32_t a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return true;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	thunk_wide_mask = a & WIDE_MASK;
	if (!__get_cpuid_count(13, 0, &a, &b, &c, &d))
		return true;
	thunk_wide_size = (c + 63u) & ~63u;
	if (thunk_wide_size > 4096) /* with tiles; what we save ends before them */
		thunk_wide_size = 4096;
	__cpuid_count(13, 1, a, b, c, d);
	thunk_wide = (a & 6) == 6 ? 1 : 2; /* XSAVEC, XGETBV(1) */
	return true;
}

_Static_assert(offsetof(struct hook_call, return_address) == 56 &&
		       offsetof(struct hook_call, frame) == 64 &&
		       offsetof(struct hook_call, base_pointer) == 72 &&
		       offsetof(struct hook_call, kept) == 80 &&
		       offsetof(struct hook_call, context) == 96 && sizeof(struct hook_call) == 104,
	       "the offsets of CALL_MAKE");
_Static_assert(offsetof(struct around, rbx) == 8 && offsetof(struct around, body) == 16 &&
		       offsetof(struct around, call.result) == 80 &&
		       offsetof(struct around, busy) == 136 &&
		       offsetof(struct around, claims) == 160 &&
		       offsetof(struct around, stub) == 152 && AROUND_STEP == 8 &&
		       offsetof(struct around, outer) == 144 &&
		       offsetof(struct hook, enter) == 16 && offsetof(struct hook, context) == 32 &&
		       offsetof(struct hook, light) == 40 &&
		       offsetof(struct hook, trampoline) == 56,
	       "the offsets of hook_thunk_around");

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number
#define SAVE_XMM(n) "	movaps %xmm" #n ", 16*" #n "(%rsp)\n"
#define LOAD_XMM(n) "	movaps 16*" #n "(%rsp), %xmm" #n "\n"
#define EACH_XMM(X)                                                                                \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

/*
 * The frame of a thunk, from its aligned end upwards:
 *   0  xmm0-15    256  struct hook_call    360  rax, r10, r11
 * and from rbp: -8  a word, 0  the caller's rbp, 8  the slot's return address or hook, 16  the return address of the call, 24  its CFA.
 */
#define BEGIN(name)                                                                                \
	"	.p2align 6\n"                                                                            \
	"	.globl " name "\n"                                                                 \
	"	.hidden " name "\n"                                                                \
	"	.type " name ", @function\n" name ":\n"
#define FRAME_SIZE                                                                                 \
	"	lea -400(%rbp), %rsp\n"                                                                  \
	"	and $-16, %rsp\n"
#define FRAME_OPEN                                                                                 \
	"	push %rbp\n"                                                                             \
	"	.cfi_adjust_cfa_offset 8\n"                                                              \
	"	.cfi_rel_offset %rbp, 0\n"                                                               \
	"	mov %rsp, %rbp\n"                                                                        \
	"	.cfi_def_cfa_register %rbp\n" FRAME_SIZE
#define SAVE_GENERAL                                                                               \
	"	mov %rdi, 256(%rsp)\n"                                                                   \
	"	mov %rsi, 264(%rsp)\n"                                                                   \
	"	mov %rdx, 272(%rsp)\n"                                                                   \
	"	mov %rcx, 280(%rsp)\n"                                                                   \
	"	mov %r8, 288(%rsp)\n"                                                                    \
	"	mov %r9, 296(%rsp)\n"                                                                    \
	"	mov %rax, 360(%rsp)\n"                                                                   \
	"	mov %r10, 368(%rsp)\n"                                                                   \
	"	mov %r11, 376(%rsp)\n"
#define LOAD_GENERAL                                                                               \
	"	mov 256(%rsp), %rdi\n"                                                                   \
	"	mov 264(%rsp), %rsi\n"                                                                   \
	"	mov 272(%rsp), %rdx\n"                                                                   \
	"	mov 280(%rsp), %rcx\n"                                                                   \
	"	mov 288(%rsp), %r8\n"                                                                    \
	"	mov 296(%rsp), %r9\n"                                                                    \
	"	mov 360(%rsp), %rax\n"                                                                   \
	"	mov 368(%rsp), %r10\n"                                                                   \
	"	mov 376(%rsp), %r11\n"
/* The rest of struct hook_call; rdi: its address. */
#define CALL_MAKE                                                                                  \
	"	mov 16(%rbp), %rax\n"                                                                    \
	"	mov (%rbp), %rdx\n"                                                                      \
	"	lea 24(%rbp), %rcx\n"                                                                    \
	"	mov %rax, 312(%rsp)\n"                                                                   \
	"	mov %rcx, 320(%rsp)\n"                                                                   \
	"	mov %rdx, 328(%rsp)\n"                                                                   \
	"	xor %eax, %eax\n"                                                                        \
	"	mov %rax, 304(%rsp)\n"                                                                   \
	"	mov %rax, 336(%rsp)\n"                                                                   \
	"	mov %rax, 344(%rsp)\n"                                                                   \
	"	lea 256(%rsp), %rdi\n"
/* To `label` when wide registers must be saved. Keeps rdi and rsi. */
#define ASK_WIDE                                                                                   \
	"	mov thunk_wide(%rip), %ecx\n"                                                            \
	"	test %ecx, %ecx\n"                                                                       \
	"	je 1f\n"                                                                                 \
	"	cmp $1, %ecx\n"                                                                          \
	"	jne 3f\n"                                                                                \
	"	xgetbv\n"                                                                                \
	"	test $0x44, %al\n"                                                                       \
	"	jne 3f\n"

/* clang-format off */
__asm__(".text\n"
	BEGIN("hook_thunk_enter")
	"	.cfi_startproc\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	endbr64\n"
	FRAME_OPEN SAVE_GENERAL CALL_MAKE
	"	mov 8(%rbp), %rax\n"
	"	mov -22(%rax), %rsi\n" /* the struct hook at the head of the slot */
	"	cmpb $0, 40(%rsi)\n"
	"	je 4f\n"
	"	mov 32(%rsi), %rax\n"
	"	mov %rax, 352(%rsp)\n"
	"	call *16(%rsi)\n"
	"2:\n"
	LOAD_GENERAL
	"	.cfi_remember_state\n"
	"	leave\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	.cfi_restore %rbp\n"
	"	ret\n"
	"	.cfi_restore_state\n"
	"4:\n"
	EACH_XMM(SAVE_XMM)
	ASK_WIDE
	"1:	call hook_thunk_entered\n"
	"5:\n"
	EACH_XMM(LOAD_XMM)
	"	jmp 2b\n"
	"3:	call thunk_wide_save\n"
	"	call hook_thunk_entered\n"
	"	call thunk_wide_load\n"
	FRAME_SIZE
	"	jmp 5b\n"
	"	.cfi_endproc\n"
	".size hook_thunk_enter, . - hook_thunk_enter\n"

	/* From rbx = record on, the caller's rbx is at 8(%rbx), and when its place on the stack is taken, the return address at (%rbx):
	 * DW_CFA_expression of DW_OP_breg3. The frame that is left then is empty: rsp is the caller's. Unwinders tell frames apart (which of them has
	 * the handler of an exception?) by rsp or the CFA alone. For libgcc, also one that is linked into a program, this one claims a byte: CFA = rsp
	 * + around->claims, by DW_CFA_def_cfa_expression, and rsp is what it was. Others take no rsp but the CFA, or go by rsp itself: where they are
	 * about, nothing is claimed, and exceptions pass by hook_thunk_unwound. */
	BEGIN("hook_thunk_around")
	"	.cfi_startproc\n"
	"	.cfi_personality 0x1b, hook_personality\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	endbr64\n"
	FRAME_OPEN SAVE_GENERAL CALL_MAKE
	"	mov 8(%rbp), %rsi\n"
	"	cmpb $0, 40(%rsi)\n"
	"	je 6f\n"
	"	mov %rbx, %rdx\n"
	"	call hook_thunk_around_entered\n"
	"	mov %rax, -8(%rbp)\n"
	"8:	cmpq $0, -8(%rbp)\n"
	"	je 4f\n"
	LOAD_GENERAL
	"	.cfi_remember_state\n"
	"	mov -8(%rbp), %rbx\n"
	"	.cfi_escape 0x10, 3, 2, 0x73, 8\n"
	"	leave\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	.cfi_restore %rbp\n"
	"	lea 16(%rsp), %rsp\n"
	"	.cfi_escape 0x0f, 7, 0x77, 0, 0x73, 0xa0, 1, 0x06, 0x22\n" /* breg7 0, breg3 160, deref, plus */
	"	.cfi_escape 0x16, 7, 2, 0x77, 0\n"
	"	.cfi_escape 0x10, 16, 2, 0x73, 0\n"
	"	notrack jmp *152(%rbx)\n"
	"	.p2align 3\n"
	".globl hook_thunk_return\n"
	".hidden hook_thunk_return\n"
	".set hook_thunk_return, . + 3\n"
	"	.rept " TEXT(AROUND_CALLS) "\n"
	"	call *16(%rbx)\n"
	"	jmp 5f\n"
	"	.p2align 3\n"
	"	.endr\n"
	"5:	push (%rbx)\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	.cfi_restore %rsp\n"
	"	.cfi_offset %rip, -8\n"
	FRAME_OPEN SAVE_GENERAL
	"	mov %rax, 80(%rbx)\n"
	"	mov %rbx, %rdi\n"
	"	mov 24(%rbx), %rax\n"
	"	cmpb $0, 40(%rax)\n"
	"	je 9f\n"
	"	cmpq $0, 144(%rbx)\n" /* an outer one, of whatever kind */
	"	jne 9f\n"
	"	call hook_thunk_left\n"
	"2:	mov 8(%rbx), %rax\n"
	"	mov %rbx, %rcx\n"
	"	mov %rax, %rbx\n"
	"	.cfi_same_value %rbx\n"
	"	movl $0, 136(%rcx)\n"
	LOAD_GENERAL
	"	leave\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	.cfi_restore %rbp\n"
	"	ret\n"
	"	.cfi_restore_state\n"
	"	.cfi_remember_state\n" /* inside the frame after the return: the CFA lies at 16 there */
	"	.cfi_def_cfa %rbp, 16\n"
	"	.cfi_offset %rip, -8\n"
	"	.cfi_offset %rbp, -16\n"
	"	.cfi_escape 0x10, 3, 2, 0x73, 8\n"
	"9:\n"
	EACH_XMM(SAVE_XMM)
	ASK_WIDE
	"1:	call hook_thunk_left\n"
	"5:\n"
	EACH_XMM(LOAD_XMM)
	"	jmp 2b\n"
	"3:	call thunk_wide_save\n"
	"	call hook_thunk_left\n"
	"	call thunk_wide_load\n"
	FRAME_SIZE
	"	jmp 5b\n"
	"	.cfi_restore_state\n"
	"6:\n"
	EACH_XMM(SAVE_XMM)
	ASK_WIDE
	"1:	mov %rbx, %rdx\n"
	"	call hook_thunk_around_entered\n"
	"	mov %rax, -8(%rbp)\n"
	"5:\n"
	EACH_XMM(LOAD_XMM)
	"	jmp 8b\n"
	"3:	call thunk_wide_save\n"
	"	mov %rbx, %rdx\n"
	"	call hook_thunk_around_entered\n"
	"	mov %rax, -8(%rbp)\n"
	"	call thunk_wide_load\n"
	FRAME_SIZE
	"	jmp 5b\n"
	"4:	mov 8(%rbp), %rax\n" /* nobody comes back to us: on by the caller's return address */
	"	mov 56(%rax), %rax\n"
	"	mov %rax, 8(%rbp)\n"
	LOAD_GENERAL
	"	leave\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	.cfi_restore %rbp\n"
	"	lea 8(%rsp), %rsp\n"
	"	.cfi_def_cfa_offset 8\n"
	"	jmp *-8(%rsp)\n"
	"	.cfi_endproc\n"
	".size hook_thunk_around, . - hook_thunk_around\n"

	/* As a landing pad, in a frame of its own: the return address where it was, the caller's rbx, and on with the exception. */
	BEGIN("hook_thunk_unwound")
	"	.cfi_startproc\n"
	"	.cfi_def_cfa %rsp, 0\n"
	"	.cfi_escape 0x10, 3, 2, 0x73, 8\n"
	"	.cfi_escape 0x10, 16, 2, 0x73, 0\n"
	"	push (%rbx)\n"
	"	.cfi_def_cfa_offset 8\n"
	"	.cfi_offset %rip, -8\n"
	"	push 8(%rbx)\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbx, -16\n"
	"	mov 80(%rbx), %rdi\n"
	"	mov 16(%rbx), %rax\n"
	"	movl $0, 136(%rbx)\n"
	"	mov (%rsp), %rbx\n"
	"	call *%rax\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size hook_thunk_unwound, . - hook_thunk_unwound\n"

	/* See outside.h. */
	BEGIN("hook_outside")
	"	.cfi_startproc\n"
	"	endbr64\n"
	FRAME_OPEN
	EACH_XMM(SAVE_XMM)
	"	mov %rdx, -8(%rbp)\n"
	"	mov %rcx, -16(%rbp)\n"
	ASK_WIDE
	"1:	mov -8(%rbp), %rdx\n"
	"	mov -16(%rbp), %rcx\n"
	"	call hook_outside_call\n"
	"2:\n"
	EACH_XMM(LOAD_XMM)
	"	.cfi_remember_state\n"
	"	leave\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	.cfi_restore %rbp\n"
	"	ret\n"
	"	.cfi_restore_state\n"
	"3:	call thunk_wide_save\n"
	"	mov -8(%rbp), %rdx\n"
	"	mov -16(%rbp), %rcx\n"
	"	call hook_outside_call\n"
	"	mov %rax, -8(%rbp)\n"
	"	call thunk_wide_load\n"
	FRAME_SIZE
	"	mov -8(%rbp), %rax\n"
	"	jmp 2b\n"
	"	.cfi_endproc\n"
	".size hook_outside, . - hook_outside\n"

	/* Moves rsp down to what it saved; rdi, rsi and rbx stay. Its callers have their frames by rbp. */
	".type thunk_wide_save, @function\n"
	"thunk_wide_save:\n"
	"	.cfi_startproc\n"
	"	pop %r11\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_register %rip, %r11\n"
	"	sub thunk_wide_size(%rip), %rsp\n"
	"	and $-64, %rsp\n"
	"	xor %edx, %edx\n"
	"	mov %rdx, 512(%rsp)\n" /* the header */
	"	mov %rdx, 520(%rsp)\n"
	"	mov %rdx, 528(%rsp)\n"
	"	mov %rdx, 536(%rsp)\n"
	"	mov %rdx, 544(%rsp)\n"
	"	mov %rdx, 552(%rsp)\n"
	"	mov %rdx, 560(%rsp)\n"
	"	mov %rdx, 568(%rsp)\n"
	"	mov thunk_wide_mask(%rip), %eax\n"
	"	cmpl $1, thunk_wide(%rip)\n"
	"	jne 1f\n"
	"	xsavec (%rsp)\n"
	"	jmp *%r11\n"
	"1:	xsave (%rsp)\n"
	"	jmp *%r11\n"
	"	.cfi_endproc\n"
	".size thunk_wide_save, . - thunk_wide_save\n"
	".type thunk_wide_load, @function\n"
	"thunk_wide_load:\n"
	"	.cfi_startproc\n"
	"	xor %edx, %edx\n"
	"	mov thunk_wide_mask(%rip), %eax\n"
	"	xrstor 8(%rsp)\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size thunk_wide_load, . - thunk_wide_load\n");
/* clang-format on */
#else
/* Another machine needs, beside these: decode.c's and relocate.c's counterparts, a patch (on aarch64 one instruction, b, so nothing to prove
 * about the middle of it), and struct hook_call's six arguments in its own registers. */
const char hook_thunk_enter[1], hook_thunk_around[1], hook_thunk_return[1], hook_thunk_unwound[1];

bool thunk_init(void)
{
	return false;
}

uint64_t hook_outside(const void *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return hook_outside_call(function, a, b, c, d);
}
#endif
