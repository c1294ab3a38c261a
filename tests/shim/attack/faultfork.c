// A program that serves its own page faults and wants to hear of each fork (userfaultfd, UFFD_FEATURE_EVENT_FORK): a fork of such
// memory waits until the program has read its event.
// LIBS: -lpthread
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "enough.h"

enum { PAGES = 64 };
static long forks;

static void *monitor(void *argument)
{
	int fd = *(int *)argument;
	static char page[4096];
	struct uffd_msg message;

	memset(page, 'a', sizeof page);
	free(malloc(100));
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, -1) < 0 || read(fd, &message, sizeof message) != sizeof message)
			continue;
		if (message.event == UFFD_EVENT_FORK) {
			forks++;
			close((int)message.arg.fork.ufd);
		} else if (message.event == UFFD_EVENT_PAGEFAULT) {
			struct uffdio_copy copy = {.dst = message.arg.pagefault.address & ~4095ull, .src = (unsigned long)page, .len = 4096};
			ioctl(fd, UFFDIO_COPY, &copy);
		}
	}
	return NULL;
}

int main(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), bad = 0;
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_FORK};
	char *memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register area = {.range = {(unsigned long)memory, PAGES * 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	struct timespec moment = {0, 20000000};
	pthread_t thread;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &area)) {
		puts("not allowed here");
		return 0;
	}
	pthread_create(&thread, NULL, monitor, &fd);
	for (int i = 0; i < PAGES || !enough(); i++) {
		int status = 0;

		bad += memory[i % PAGES * 4096] != 'a';
		if (i == 20) {
			pid_t child = fork();

			if (!child)
				_exit(7);
			waitpid(child, &status, 0);
			bad += status != 7 << 8;
		}
		nanosleep(&moment, NULL);
	}
	printf("bad %d, forks %ld\n", bad, forks);
	return 0;
}
