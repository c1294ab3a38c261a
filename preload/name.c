/* name.c - names of dump files: %p pid, %n serial, %e program, %t seconds since 1970, %% a percent sign. */
#include <errno.h>
#include <fcntl.h>

#include "sys.h"
#include "walk.h"

struct text {
	char *at, *end; /* end: one before the last byte */
	bool cut;
};

static void put_char(struct text *t, char c)
{
	if (t->at < t->end)
		*t->at++ = c;
	else
		t->cut = true;
}

static void put_text(struct text *t, const char *s)
{
	while (*s)
		put_char(t, *s++);
}

static void put_number(struct text *t, uint64_t n)
{
	char digits[24];
	log_format(digits, sizeof digits, "%lu", (unsigned long)n);
	put_text(t, digits);
}

bool name_has_serial(const char *pattern)
{
	for (; *pattern; pattern++)
		if (*pattern == '%' && *++pattern == 'n')
			return true;
		else if (!*pattern)
			break;
	return false;
}

/* A program's name may hold anything; a slash in it would be a folder. */
static void put_program(struct text *t, const char *program)
{
	for (; *program; program++)
		put_char(t, *program == '/' ? '_' : *program);
}

bool name_expand(char *out, size_t size, const char *pattern, uint32_t pid, uint32_t serial,
		 const char *program, uint64_t time_ns)
{
	struct text t = {out, out + size - 1, false};

	if (pattern[0] != '/' && config.dump_dir[0]) {
		put_text(&t, config.dump_dir);
		put_char(&t, '/');
	}
	for (; *pattern; pattern++) {
		if (*pattern != '%') {
			put_char(&t, *pattern);
			continue;
		}
		switch (*++pattern) {
		case 'p':
			put_number(&t, pid);
			break;
		case 'n':
			put_number(&t, serial);
			break;
		case 'e':
			put_program(&t, program);
			break;
		case 't':
			put_number(&t, time_ns / 1000000000u);
			break;
		case 0:
			pattern--; /* a lone percent sign at the end */
				   /* fall through */
		case '%':
			put_char(&t, '%');
			break;
		default:
			put_char(&t, '%');
			put_char(&t, *pattern);
		}
	}
	*t.at = 0;
	return !t.cut;
}

/* Some file systems have no rename without replacing; some of those have no links either. */
long name_move(const char *from, const char *to)
{
	long status = sys(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1 /* RENAME_NOREPLACE */);
	if (status != -EINVAL && status != -ENOSYS)
		return status;
	status = sys(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (!status)
		return sys(SYS_unlinkat, AT_FDCWD, from, 0);
	if (status == -EEXIST)
		return status;
	if (sys(SYS_faccessat, AT_FDCWD, to, 0) == 0)
		return -EEXIST;
	return sys(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
