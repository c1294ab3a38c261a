/*
 * sys.h - system calls without libc: for the walker (where libc's locks may be held for ever), for the freezer's signal
 * handler and for everything that must not pass through our own hooks. They return the kernel's word: a negative errno
 * on failure; the caller's errno is never touched.
 */
#ifndef REFGRAPH_SYS_H
#define REFGRAPH_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}
#else
#error "no raw system calls for this machine yet"
#endif

/* sys(NUMBER, up to six arguments); missing ones are 0. */
#define SYS_PICK(n, a, b, c, d, e, f, ...)                                                         \
	sys_call6((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys(...) SYS_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* The kernel's sigset and sigaction, which are not libc's. */
#define SYS_SIGSET_SIZE 8

/* valgrind complains of system calls that it does not know. Asked by its client request 0x1001, which does nothing elsewhere. */
static inline int sys_under_valgrind(void)
{
#if defined(__x86_64__)
	static int answer = -1;
	volatile uint64_t request[6] = {0x1001};
	uint64_t result = 0;

	if (answer < 0) {
		__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
				 "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
				 "xchgq %%rbx, %%rbx"
				 : "=d"(result)
				 : "a"(&request[0]), "0"(result)
				 : "cc", "memory");
		answer = result != 0;
	}
	return answer;
#else
	return 0;
#endif
}

/*
 * Can 8 bytes be read there? The kernel copies the new set before it looks at `how`: EFAULT for a bad address, EINVAL for a good
 * one, and no mask changes. Every sandbox allows it but the strict one. valgrind complains of such a `how`, and has a slower way.
 */
static inline int sys_can_read(uintptr_t address)
{
	uint64_t word;
	struct {
		const void *base;
		size_t size;
	} to = {&word, sizeof(word)}, from = {(const void *)address, sizeof(word)};

	if (sys_under_valgrind())
		return sys(SYS_process_vm_readv, sys(SYS_getpid), &to, 1, &from, 1, 0) ==
		       sizeof(word);
	return sys(SYS_rt_sigprocmask, -1, address, 0, SYS_SIGSET_SIZE) == -22;
}

/* All of it or a negative errno; EINTR is retried. */
static inline long sys_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	while (size) {
		long n = sys(SYS_write, fd, p, size);
		if (n == -4 /* EINTR */)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			return -28; /* ENOSPC */
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

/* A number as /proc writes it, of base 10 or 16. Returns where it ends: `p` when there is none. Knows no overflow. */
static inline const char *sys_number(const char *p, const char *end, unsigned base, uint64_t *value)
{
	for (*value = 0; p < end; p++) {
		unsigned c = (unsigned char)*p, digit = c - '0';

		if (digit >= 10)
			digit = (c | 32) - 'a' < 6 ? (c | 32) - 'a' + 10 : 16;
		if (digit >= base)
			break;
		*value = *value * base + digit;
	}
	return p;
}

/* Reads a small file into buffer, always NUL-terminated. Length or a negative errno. */
static inline long sys_read_file(const char *path, char *buffer, size_t size)
{
	long fd = sys(SYS_openat, -100 /* AT_FDCWD */, path, 02000000 /* O_RDONLY|O_CLOEXEC */, 0);
	size_t n = 0;
	buffer[0] = 0;
	if (fd < 0)
		return fd;
	while (n + 1 < size) {
		long got = sys(SYS_read, fd, buffer + n, size - 1 - n);
		if (got == -4)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	buffer[n] = 0;
	sys(SYS_close, fd);
	return (long)n;
}

#endif
