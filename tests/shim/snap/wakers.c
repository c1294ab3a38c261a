/*
 * Threads that wake up while the memory is copied, from every kind of sleep, and look whether anything is not as the kernel left it:
 *   registers  nanosleep(2) by hand: general registers, flags, vectors, x87 and what lies below the stack pointer
 *   condition  a timed wait that ends by time
 *   pipe       bytes in their order through two threads
 *   family     fork, and the child's end
 *   guests     threads that sleep once and end; threads that are cancelled in their sleep
 * while an interval timer sends signals. Prints how often something was wrong.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../../include/refgraph.h"

enum { N = 7 };
static atomic_int stop;
static _Atomic long naps, bad[N];
static int ends[2];
static void *volatile held[N];

/* rdi: struct timespec; returns 0 when all is as it was, else the number of the check that failed. */
int nap_by_hand(const struct timespec *time);
__asm__(".text\n.globl nap_by_hand\n.type nap_by_hand, @function\nnap_by_hand:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov $0x1111, %rbx\n	mov $0x2222, %rbp\n	mov $0x3333, %r12\n"
	"	mov $0x4444, %r13\n	mov $0x5555, %r14\n	mov $0x6666, %r15\n"
	"	mov $0x7777, %rdx\n	mov $0x8888, %r8\n	mov $0x9999, %r9\n	mov $0xaaaa, %r10\n"
	"	movq %rbx, %xmm0\n	movq %rbp, %xmm7\n	movq %r12, %xmm15\n	fld1\n"
	"	movq $0x1234567, -8(%rsp)\n	movq $0x7654321, -128(%rsp)\n"
	"	mov $0x7f, %al\n	add $1, %al\n" /* overflow */
	"	mov $0xd5, %ah\n	sahf\n"	       /* sign, zero, auxiliary, parity, carry */
	"	mov $0, %esi\n	mov $35, %eax\n	syscall\n"
	"	seto %cl\n	mov %rax, %r11\n	lahf\n	cmp $0xd7, %ah\n	jne 1f\n"
	"	cmp $1, %cl\n	jne 1f\n"
	"	mov $2, %eax\n	test %r11, %r11\n	jne 9f\n"
	"	mov $3, %eax\n	cmp $0x1111, %rbx\n	jne 9f\n	cmp $0x2222, %rbp\n	jne 9f\n"
	"	cmp $0x3333, %r12\n	jne 9f\n	cmp $0x4444, %r13\n	jne 9f\n"
	"	cmp $0x5555, %r14\n	jne 9f\n	cmp $0x6666, %r15\n	jne 9f\n"
	"	cmp $0x7777, %rdx\n	jne 9f\n	cmp $0x8888, %r8\n	jne 9f\n"
	"	cmp $0x9999, %r9\n	jne 9f\n	cmp $0xaaaa, %r10\n	jne 9f\n	test %rsi, %rsi\n	jne 9f\n"
	"	mov $4, %eax\n	cmpq $0x1234567, -8(%rsp)\n	jne 9f\n	cmpq $0x7654321, -128(%rsp)\n	jne 9f\n"
	"	mov $5, %eax\n	movq %xmm0, %rcx\n	cmp %rcx, %rbx\n	jne 9f\n"
	"	movq %xmm7, %rcx\n	cmp %rcx, %rbp\n	jne 9f\n	movq %xmm15, %rcx\n	cmp %rcx, %r12\n	jne 9f\n"
	"	fld1\n	fucompp\n	fnstsw %ax\n	and $0x4500, %ax\n	cmp $0x4000, %ax\n	mov $6, %eax\n	jne 8f\n"
	"	xor %eax, %eax\n	jmp 8f\n"
	"1:	mov $1, %eax\n"
	"9:	fstp %st(0)\n"
	"8:	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n	ret\n"
	".size nap_by_hand, . - nap_by_hand\n");

/* Any of the threads may run it when it wakes. */
static _Atomic long signals;
static void on_alarm(int signal)
{
	signals++;
}

static void *registers(void *argument)
{
	struct timespec moment = {0, 0};

	held[0] = malloc(4321);
	for (long i = 0; !stop; i++, naps++) {
		sigset_t alarm;

		/* a signal may end the nap: here none comes, so that an answer other than 0 is ours */
		sigemptyset(&alarm);
		sigaddset(&alarm, SIGALRM);
		pthread_sigmask(SIG_BLOCK, &alarm, NULL);
		moment.tv_nsec = 200000 + i % 9 * 300000;
		bad[0] += nap_by_hand(&moment) != 0;
	}
	return argument;
}

static void *condition(void *argument)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	struct timespec until;

	held[1] = malloc(4321);
	while (!stop) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 700000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_mutex_lock(&mutex);
		bad[1] += pthread_cond_timedwait(&never, &mutex, &until) != ETIMEDOUT;
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

static void *pipe_writer(void *argument)
{
	unsigned char next = 0;

	held[2] = malloc(4321);
	while (!stop) {
		bad[2] += write(ends[1], &next, 1) != 1;
		next++;
		usleep(400);
	}
	close(ends[1]);
	return argument;
}

static void *pipe_reader(void *argument)
{
	unsigned char next = 0, got;
	ssize_t n;

	held[3] = malloc(4321);
	while ((n = read(ends[0], &got, 1)) > 0)
		bad[3] += got != next++;
	bad[3] += n != 0;
	return argument;
}

static void *family(void *argument)
{
	held[4] = malloc(4321);
	while (!stop) {
		int status;
		pid_t child = fork();

		if (!child)
			_exit(7);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		bad[4] += status != 7 << 8;
		usleep(500);
	}
	return argument;
}

static void *guest(void *argument)
{
	free(malloc(100));
	usleep(300);
	return argument;
}

static void *for_ever(void *argument)
{
	free(malloc(100));
	for (;;)
		pause();
	return argument;
}

static void *guests(void *argument)
{
	held[5] = malloc(4321);
	while (!stop) {
		pthread_t visitor, sleeper;
		void *answer = NULL;

		pthread_create(&visitor, NULL, guest, &visitor);
		pthread_create(&sleeper, NULL, for_ever, NULL);
		pthread_join(visitor, &answer);
		bad[5] += answer != &visitor;
		pthread_cancel(sleeper);
		pthread_join(sleeper, &answer);
		bad[5] += answer != PTHREAD_CANCELED;
	}
	return argument;
}

int main(int argc, char **argv)
{
	static void *(*const kinds[])(void *) = {registers, condition, pipe_writer, pipe_reader, family, guests};
	struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	pthread_t threads[6];
	int failures = 0;

	bad[6] = pipe(ends) != 0;
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, kinds[i], NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < atoi(argv[1]); i++)
		failures += refgraph_snapshot("") != 0;
	setitimer(ITIMER_REAL, &never, NULL);
	stop = 1;
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	printf("failures %d, bad", failures);
	for (int i = 0; i < N; i++)
		printf(" %ld", bad[i]);
	printf(", %s naps, %s signals\n", naps ? "some" : "no", signals ? "some" : "no");
	return argc != 2;
}
