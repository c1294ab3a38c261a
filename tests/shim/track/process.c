/*
 * process WHAT: forks, vforks, spawns, threads and jumps while blocks are made; at the end prints "SIZE COUNT" of what lives, for
 * blocks from 100000 bytes on.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
void *kept[100000];

/* The child of a thread: it has what was there, frees some of it, makes some, and writes its own dump at exit. */
static void *forker(void *name)
{
	pid_t pid;

	kept[0] = malloc(100000);
	kept[1] = malloc(100001);
	pid = fork();
	if (pid == 0) {
		free(kept[0]);
		kept[2] = malloc(100002);
		exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("%d\n100000 1\n100001 1\n", pid);
	return NULL;
}

/* What a vfork child allocates, it allocates in its parent. */
static void vforker(void)
{
	static void *volatile from_child;
	pid_t pid;
	char *arguments[] = {"true", NULL};

	kept[0] = malloc(100000);
	pid = vfork();
	if (pid == 0) {
		from_child = malloc(100001);
		free(kept[0]);
		execv("/nonexistent", arguments);
		_exit(7);
	}
	waitpid(pid, NULL, 0);
	kept[1] = from_child;
	for (int i = 0; i < 20; i++) {
		if (posix_spawnp(&pid, "true", NULL, NULL, arguments, environ) || waitpid(pid, NULL, 0) != pid)
			exit(2);
		if (system("exit 3") != 3 << 8)
			exit(3);
	}
	printf("100001 1\n");
}

static pthread_key_t late_key;
static void late(void *p)
{
	static __thread int rounds;

	free(p);
	p = malloc(100003); /* in every round of destructors, also after ours */
	if (++rounds < 4)
		pthread_setspecific(late_key, p);
	else
		free(p);
}

static void *short_life(void *argument)
{
	void **slot = argument;

	free(strdup("something"));
	pthread_setspecific(late_key, malloc(100004));
	*slot = malloc(100005);
	if (slot >= &kept[80]) { /* those of the first threads stay */
		free(*slot);
		*slot = NULL;
	}
	return NULL;
}

/* Threads in plenty: their records are used again. */
static void churn(int threads)
{
	pthread_t t[8];

	pthread_key_create(&late_key, late);
	for (int i = 0; i < threads; i += 8) {
		for (int k = 0; k < 8; k++)
			if (pthread_create(&t[k], NULL, short_life, &kept[i + k]))
				exit(4);
		for (int k = 0; k < 8; k++)
			pthread_join(t[k], NULL);
	}
	printf("100005 %d\n", threads < 80 ? threads : 80);
}

/* A handler that jumps out of wherever it finds the program, also out of our hooks. */
static sigjmp_buf back;
static volatile sig_atomic_t jumps;
static void jump(int n)
{
	jumps++;
	siglongjmp(back, 1);
}

static void jumper(void)
{
	struct itimerval every = {{0, 100}, {0, 100}}, never = {{0}};

	signal(SIGALRM, jump);
	sigsetjmp(back, 1);
	if (jumps == 0)
		setitimer(ITIMER_REAL, &every, NULL);
	while (jumps < 3000) { /* mmap may be left by a jump, malloc may not */
		void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(p, 4096);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	for (int i = 0; i < 100; i++)
		kept[i] = malloc(100006);
	printf("100006 100\n");
}

int main(int argc, char **argv)
{
	static char out[4096];
	pthread_t t;

	setvbuf(stdout, out, _IOLBF, sizeof(out));
	if (!strcmp(argv[1], "fork")) {
		pthread_create(&t, NULL, forker, argv[0]);
		pthread_join(t, NULL);
	} else if (!strcmp(argv[1], "vfork")) {
		vforker();
	} else if (!strcmp(argv[1], "churn")) {
		churn(atoi(argv[2]));
	} else if (!strcmp(argv[1], "jump")) {
		jumper();
	} else if (!strcmp(argv[1], "exec")) {
		kept[0] = malloc(100000);
		execl(argv[0], argv[0], "churn", "8", NULL);
	}
	return 0;
}
