/*
 * log.c - one line to stderr by write(2). Standard error as it was at the start: a program that closed it and opened a file of
 * its own under that number must not find our words in it.
 */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "shim.h"
#include "sys.h"

static struct {
	bool known;
	uint64_t device, inode;
} log_target;

static bool log_identify(uint64_t *device, uint64_t *inode)
{
	struct stat st;

	if (sys(SYS_fstat, 2, &st) < 0)
		return false;
	*device = st.st_dev;
	*inode = st.st_ino;
	return true;
}

void log_init(void)
{
	log_target.known = log_identify(&log_target.device, &log_target.inode);
}

static bool log_open(void)
{
	uint64_t device, inode;

	return !shim_sandboxed && log_target.known && log_identify(&device, &inode) &&
	       device == log_target.device && inode == log_target.inode;
}

struct out {
	char *buffer;
	size_t size, used;
};

static void put_char(struct out *o, char c)
{
	if (o->used + 1 < o->size)
		o->buffer[o->used++] = c;
}

static void put_text(struct out *o, const char *text)
{
	for (text = text ? text : "(null)"; *text; text++)
		put_char(o, *text);
}

static void put_number(struct out *o, uint64_t value, unsigned base)
{
	char digits[24];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put_char(o, digits[--n]);
}

static void put_signed(struct out *o, int64_t value)
{
	if (value < 0)
		put_char(o, '-');
	put_number(o, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void put_format(struct out *o, const char *format, va_list args)
{
	for (; *format; format++) {
		bool is_long = false;

		if (*format != '%') {
			put_char(o, *format);
			continue;
		}
		for (format++; *format == 'l' || *format == 'z'; format++)
			is_long = true;
		switch (*format) {
		case 's':
			put_text(o, va_arg(args, const char *));
			break;
		case 'c':
			put_char(o, (char)va_arg(args, int));
			break;
		case 'd':
			put_signed(o, is_long ? va_arg(args, long) : va_arg(args, int));
			break;
		case 'u':
			put_number(o,
				   is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned),
				   10);
			break;
		case 'x':
			put_number(o,
				   is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned),
				   16);
			break;
		case 'p':
			put_text(o, "0x");
			put_number(o, (uintptr_t)va_arg(args, void *), 16);
			break;
		case '\0':
			return;
		default:
			put_char(o, *format);
			break;
		}
	}
}

int log_vformat(char *buffer, size_t size, const char *format, va_list args)
{
	struct out o = {buffer, size, 0};

	if (!size)
		return 0;
	put_format(&o, format, args);
	buffer[o.used] = 0;
	return (int)o.used;
}

int log_format(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = log_vformat(buffer, size, format, args);
	va_end(args);
	return n;
}

/* A pipe that nobody empties would hold the program up: our words are not worth that. */
static bool log_ready(void)
{
	struct pollfd target = {.fd = 2, .events = POLLOUT};
	struct timespec patience = {.tv_nsec = 100000000};

	return sys(SYS_ppoll, &target, 1, &patience, 0, SYS_SIGSET_SIZE) > 0 &&
	       (target.revents & (POLLOUT | POLLERR | POLLHUP)) == POLLOUT;
}

/*
 * What the kernel says of a write that cannot be, it says by a signal that ends or stops the program: nobody reads the pipe,
 * the file has the size of RLIMIT_FSIZE, the terminal is for others. It comes to this thread, so it is kept away and taken
 * out again; one that was pending before stays.
 */
static void log_write(const char *line, size_t size)
{
#define LOG_SIGNAL(number) (1UL << ((number)-1))
	const uint64_t kept = LOG_SIGNAL(SIGPIPE) | LOG_SIGNAL(SIGXFSZ) | LOG_SIGNAL(SIGTTOU);
	const struct timespec at_once = {0, 0};
	uint64_t before, pending = 0, ours;

	sys(SYS_rt_sigprocmask, SIG_BLOCK, &kept, &before, SYS_SIGSET_SIZE);
	sys(SYS_rt_sigpending, &pending, SYS_SIGSET_SIZE);
	if (log_ready())
		sys_write_all(2, line, size);
	ours = kept & ~pending;
	while (ours && sys(SYS_rt_sigtimedwait, &ours, 0, &at_once, SYS_SIGSET_SIZE) > 0)
		;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, SYS_SIGSET_SIZE);
}

void log_line2(const char *text, const char *detail)
{
	char line[1024];
	int n = detail ? log_format(line, sizeof(line) - 1, "refgraph: %s: %s", text, detail)
		       : log_format(line, sizeof(line) - 1, "refgraph: %s", text);

	line[n++] = '\n';
	if (log_open())
		log_write(line, (size_t)n);
}

void log_line(const char *text)
{
	log_line2(text, NULL);
}
