/*
 * control_fake - a process with a control page and no shim, for tests of the tool's side.
 *
 *   control_fake [OPTION...]      prints "ready PID" and answers requests until it is killed or its standard input ends
 *     --state N       state in the page (default 1, ready)        --ready-after MS   from state 0 to ready
 *     --status N      answer snapshots with this errno            --message TEXT     and this message
 *     --delay MS      before each answer                          --hang             never answer
 *     --partial       mark dumps partial                          --leave            leave the page behind at the end
 *     --program TEXT  what the page says it runs                  --die              exit when a request comes
 *     --pid N --start N   write another process's numbers         --version N        of the page
 * A snapshot writes "fake dump\n" to the path asked for, or to fake.PID.rgd here. Each request is echoed to standard output:
 * "snapshot PATH LABEL DEADLINE", "mark LABEL", "stat".
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../include/refgraph_dump.h"

static unsigned state = RGC_READY, ready_after, status, delay, version = RGC_VERSION;
static bool hang, partial, leave, die;
static const char *message = "", *program = "/usr/bin/fake";
static unsigned long pid_override;
static unsigned long long start_override;
static struct rgd_control *page;
static char file[PATH_MAX];

static unsigned long long start_time(void)
{
	char text[1024], *field;
	FILE *stat_file = fopen("/proc/self/stat", "r");

	if (!stat_file || !fgets(text, sizeof(text), stat_file))
		err(2, "/proc/self/stat");
	fclose(stat_file);
	field = strrchr(text, ')') + 2;
	for (int i = 3; i < 22; i++)
		field = strchr(field, ' ') + 1;
	return strtoull(field, NULL, 10);
}

static void sleep_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static void make_page(void)
{
	char dir[64];
	struct stat st;
	int fd;

	snprintf(dir, sizeof(dir), RGC_DIR, (unsigned)geteuid());
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		err(2, "%s", dir);
	snprintf(file, sizeof(file), "%s/%lu-%llu", dir, pid_override ? pid_override : (unsigned long)getpid(),
		 start_override ? start_override : start_time());
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 8192) < 0)
		err(2, "%s", file);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		err(2, "mmap");
	close(fd);
	page->version = version;
	page->size = sizeof(*page);
	page->pid = pid_override ? (uint32_t)pid_override : (uint32_t)getpid();
	page->parent_pid = (uint32_t)getppid();
	page->start_time = start_override ? start_override : start_time();
	page->pid_namespace = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
	page->helper_tid = (uint32_t)getpid();
	snprintf(page->program, sizeof(page->program), "%s", program);
	page->live_objects = 12;
	page->live_bytes = 3456;
	page->epoch = 1;
	page->state = ready_after ? RGC_STARTING : state;
	__atomic_store_n(&page->magic, RGC_MAGIC, __ATOMIC_RELEASE);
}

static void write_dump(void)
{
	FILE *out;

	if (page->path[0])
		snprintf(page->answer_path, sizeof(page->answer_path), "%s", page->path);
	else
		snprintf(page->answer_path, sizeof(page->answer_path), "/tmp/fake.%ld.rgd", (long)getpid());
	out = fopen(page->answer_path, "w");
	if (!out) {
		page->status = errno;
		snprintf(page->message, sizeof(page->message), "cannot write %.300s", page->answer_path);
		return;
	}
	fputs("fake dump\n", out);
	fclose(out);
	page->snapshots++;
	page->epoch++;
	page->objects = 100;
	page->edges = 200;
	page->bytes_written = 10;
	page->pause_ns = 1500000;
	page->total_ns = 20500000;
	page->partial = partial;
}

static void answer(uint32_t serial)
{
	if (die)
		_exit(0);
	page->status = 0;
	page->message[0] = 0;
	if (page->command == RGC_SNAPSHOT) {
		printf("snapshot %s %s %u\n", page->path, page->label, page->deadline_ms);
		page->status = (int32_t)status;
		if (status || partial)
			snprintf(page->message, sizeof(page->message), "%s", message);
		if (!status)
			write_dump();
	} else if (page->command == RGC_MARK) {
		printf("mark %s\n", page->label);
		page->epoch++;
		page->live_objects += 10;
		page->live_bytes += 1000;
	} else if (page->command == RGC_STAT) {
		printf("stat\n");
		page->live_objects += page->live_objects == 12 ? 10 : 0; /* the page was out of date */
		page->live_bytes += page->live_bytes == 3456 ? 1000 : 0;
	}
	fflush(stdout);
	sleep_ms(delay);
	__atomic_store_n(&page->answer_serial, serial, __ATOMIC_RELEASE);
	syscall(SYS_futex, &page->answer_serial, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void serve(void)
{
	uint32_t seen = page->request_serial;

	for (;;) {
		struct timespec t = { 0, 50000000 };
		struct pollfd input = { .fd = 0, .events = 0 };
		uint32_t now = __atomic_load_n(&page->request_serial, __ATOMIC_ACQUIRE);
		if (now == seen) {
			syscall(SYS_futex, &page->request_serial, FUTEX_WAIT, seen, &t, NULL, 0);
			if (poll(&input, 1, 0) > 0 && (input.revents & (POLLHUP | POLLERR)))
				return;
			continue;
		}
		seen = now;
		if (!hang)
			answer(now);
	}
}

static void on_term(int signal)
{
	if (!leave)
		unlink(file);
	_exit(0);
}

static const struct option options[] = {
	{ "state", 1, 0, 's' },	   { "ready-after", 1, 0, 'r' }, { "status", 1, 0, 'e' },
	{ "message", 1, 0, 'm' },  { "delay", 1, 0, 'd' },	  { "hang", 0, 0, 'h' },
	{ "partial", 0, 0, 'p' },  { "leave", 0, 0, 'l' },	  { "program", 1, 0, 'P' },
	{ "die", 0, 0, 'x' },	   { "pid", 1, 0, 'i' },	  { "start", 1, 0, 't' },
	{ "version", 1, 0, 'v' },  { 0 },
};

int main(int argc, char **argv)
{
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		switch (c) {
		case 's': state = (unsigned)atoi(optarg); break;
		case 'r': ready_after = (unsigned)atoi(optarg); break;
		case 'e': status = (unsigned)atoi(optarg); break;
		case 'm': message = optarg; break;
		case 'd': delay = (unsigned)atoi(optarg); break;
		case 'h': hang = true; break;
		case 'p': partial = true; break;
		case 'l': leave = true; break;
		case 'P': program = optarg; break;
		case 'x': die = true; break;
		case 'i': pid_override = strtoul(optarg, NULL, 10); break;
		case 't': start_override = strtoull(optarg, NULL, 10); break;
		case 'v': version = (unsigned)atoi(optarg); break;
		default: return 2;
		}
	}
	signal(SIGTERM, on_term);
	make_page();
	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	if (ready_after) {
		sleep_ms(ready_after);
		__atomic_store_n(&page->state, state, __ATOMIC_RELEASE);
	}
	serve();
	on_term(0);
}
