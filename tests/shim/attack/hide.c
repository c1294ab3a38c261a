// hide WHAT: the program goes where the shim cannot follow: closes all descriptors, changes root or user, enters a sandbox,
// leaves its namespace. It works on, and sees the descriptors and rights that it would see alone.
// LIBS: -lpthread
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void churn(int ms)
{
	for (int i = 0; i < ms; i++) {
		void *p[50];
		for (int k = 0; k < 50; k++)
			p[k] = malloc(10 + k * 20);
		usleep(1000);
		for (int k = 0; k < 50; k++)
			free(p[k]);
	}
}

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Only what a pure computation needs; anything else kills. */
static void filter(void)
{
	static const int allowed[] = {
		SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_brk, SYS_rt_sigreturn, SYS_futex, SYS_clock_nanosleep,
		SYS_nanosleep, SYS_newfstatat, SYS_fstat, SYS_getpid,
	};
	struct sock_filter f[64];
	int n = 0, count = sizeof allowed / sizeof *allowed;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < count; i++)
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], count - i, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = n, .filter = f};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		puts("no seccomp");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(what, "close")) {
		printf("%d open\n", descriptors());
		for (int fd = 3; fd < 65536; fd++)
			close(fd);
		churn(400);
		close_range(3, ~0u, 0);
		churn(400);
		printf("%d open\n", descriptors());
		int first = open("/dev/null", O_RDONLY);
		printf("next is %d\n", first);
	} else if (!strcmp(what, "closeall")) {
		close_range(0, ~0u, 0);
		churn(500);
		int n = descriptors();
		return 40 + n;
	} else if (!strcmp(what, "chroot")) {
		if (chdir(argv[2]) || chroot(".") || chdir("/"))
			puts("chroot?");
		churn(800);
		puts(access("/etc/passwd", F_OK) ? "inside" : "outside");
		DIR *d = opendir("/");
		int entries = 0;
		while (d && readdir(d))
			entries++;
		printf("%d entries\n", entries);
	} else if (!strcmp(what, "user")) {
		if (setgid(65534) || setuid(65534))
			puts("setuid?");
		churn(800);
		printf("%d %d %d\n", getuid(), geteuid(), setuid(0));
	} else if (!strcmp(what, "userns")) {
		churn(100);
		printf("%d\n", unshare(CLONE_NEWUSER));
		churn(400);
		printf("%d\n", unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET));
		churn(400);
		int status = 0;
		pid_t p = fork();
		if (p == 0)
			_exit(getpid() == 1 ? 21 : 22);
		waitpid(p, &status, 0);
		printf("%d\n", WEXITSTATUS(status));
	} else if (!strcmp(what, "fs")) {
		printf("%d\n", unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
		churn(300);
	} else if (!strcmp(what, "strict")) {
		churn(200);
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
		for (int i = 0; i < 1000; i++)
			free(malloc(i));
		write(1, "strict\n", 7);
		syscall(SYS_exit, 0);
	} else if (!strcmp(what, "filter")) {
		churn(200);
		void *keep[3000];
		filter();
		for (int i = 0; i < 3000; i++)
			keep[i] = malloc(i);
		churn(500);
		for (int i = 0; i < 3000; i++)
			free(keep[i]);
		write(1, "filtered\n", 9);
		_exit(0);
	} else if (!strcmp(what, "dumpable")) {
		prctl(PR_SET_DUMPABLE, 0);
		churn(800);
		printf("%d\n", prctl(PR_GET_DUMPABLE));
	} else if (!strcmp(what, "name")) {
		char name[16];
		prctl(PR_SET_NAME, "renamed");
		memset(argv[0], 'x', strlen(argv[0]));
		clearenv();
		churn(500);
		prctl(PR_GET_NAME, name);
		puts(name);
		printf("%d\n", system("exit 5") >> 8);
	} else if (!strcmp(what, "daemon")) {
		printf("%d\n", daemon(1, 1));
		churn(500);
		printf("%d\n", getppid() != 0);
	}
	return 0;
}
