/*
 * odd_lib.c - a library whose functions are called in every way there is; built in several ways by odd.sh.
 */
#define ROOM __asm__ volatile("nop; nop; nop; nop; nop; nop")

__attribute__((noinline)) int odd_plain(int a)
{
	ROOM;
	return a + 1;
}
int odd_by_own_module(int a)
{
	return odd_plain(a) * 2;
}
int (*const odd_pointer)(int) = odd_plain;
extern int odd_alias(int) __attribute__((alias("odd_plain")));
extern int odd_weak(int) __attribute__((weak, alias("odd_plain")));

__attribute__((noinline)) int odd_version_1(int a)
{
	ROOM;
	return a + 100;
}
__attribute__((noinline)) int odd_version_2(int a)
{
	ROOM;
	return a + 200;
}
__asm__(".symver odd_version_1, odd_versioned@ODD_1\n.symver odd_version_2, odd_versioned@@ODD_2");

static int chosen(int a)
{
	ROOM;
	return a + 7;
}
static int (*choose(void))(int)
{
	return chosen;
}
int odd_ifunc(int a) __attribute__((ifunc("choose")));

/* No room for a patch: another function begins behind it. */
__asm__(".text\n.globl odd_tiny\n.type odd_tiny,@function\nodd_tiny:\n.cfi_startproc\nlea 3(%rdi), %eax\nret\n.cfi_endproc\n"
	".size odd_tiny, .-odd_tiny\n.type odd_next,@function\nodd_next:\n.cfi_startproc\nnop\nret\n.cfi_endproc\n"
	".size odd_next, .-odd_next\n");

/* One instruction as long as the patch: nobody can be in the middle of it. Bound within the library, for no table to be in between. */
__asm__(".text\n.p2align 4\n.type odd_wide_body,@function\nodd_wide_body:\n.cfi_startproc\nlea 0x1000(%rdi), %rax\nsub $0xffd, %rax\nret\n"
	".cfi_endproc\n.size odd_wide_body, .-odd_wide_body\n"
	".globl odd_wide\n.set odd_wide, odd_wide_body\n.type odd_wide,@function\n.size odd_wide, .-odd_wide_body\n");
int odd_call_wide(int a)
{
	int result;

	__asm__ volatile("call odd_wide_body" : "=a"(result) : "D"((long)a) : "memory", "cc");
	return result;
}
