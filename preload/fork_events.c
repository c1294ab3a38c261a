/*
 * fork_events.c - does the program hear of forks of its memory?
 *
 * A program that serves its own page faults (userfaultfd(2)) may ask for an event when such memory is forked. The kernel then holds whoever
 * forks until the event has been read. The walker's clone would be one more event, and when the thread that reads them stands
 * like all others, clone() does not return, and nothing ever moves again. So there is no dump of such a program.
 *
 * The mappings tell whether any memory is registered; of the descriptors /proc tells what they asked for.
 */
#include <fcntl.h>
#include <string.h>

#include "glue.h"
#include "snapshot.h"
#include "sys.h"

#define EVENT_FORK 2u /* UFFD_FEATURE_EVENT_FORK */

/* "VmFlags: rd wr mr mw me ac um sd": registered for missing pages, for writes, for minor faults. */
static bool is_registered(const char *flags, const char *end)
{
	static const char marks[][3] = {"um", "uw", "ui"};

	for (; flags + 3 <= end && *flags != '\n'; flags += 3)
		for (unsigned i = 0; i < sizeof marks / sizeof *marks; i++)
			if (flags[0] == marks[i][0] && flags[1] == marks[i][1])
				return true;
	return false;
}

static bool any_registered(const char *smaps, size_t size)
{
	static const char key[] = "VmFlags: ";
	const char *end = smaps + size;

	while ((smaps = memmem(smaps, (size_t)(end - smaps), key, sizeof key - 1))) {
		smaps += sizeof key - 1;
		if (is_registered(smaps, end))
			return true;
	}
	return false;
}

/* What a descriptor of the program asked for, in "API: aa:features:all"; 0 when it is no userfaultfd. `found` is set when it is. */
static uint64_t features_of(const char *number, bool *found)
{
	char path[64], text[256];
	const char *p;
	uint64_t value = 0;
	long n;

	log_format(path, sizeof path, "/proc/self/fd/%s", number);
	n = sys(SYS_readlinkat, AT_FDCWD, path, text, sizeof text - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	if (!strstr(text, "[userfaultfd]"))
		return 0;
	log_format(path, sizeof path, "/proc/self/fdinfo/%s", number);
	if (sys_read_file(path, text, sizeof text) <= 0 || !(p = strstr(text, "API:")) ||
	    !(p = strchr(p + 4, ':')))
		return EVENT_FORK; /* not to be known */
	*found = true;
	sys_number(p + 1, text + sizeof text, 16, &value);
	return value;
}

struct entry { /* getdents64 */
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

bool fork_is_heard(const char *smaps, size_t size)
{
	char buffer[4096] __attribute__((aligned(8)));
	uint64_t features = 0;
	bool found = false;
	long fd, n;

	if (!any_registered(smaps, size))
		return false;
	fd = sys(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	while (fd >= 0 && (n = sys(SYS_getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < n;) {
			const struct entry *entry = (const void *)(buffer + at);

			features |= features_of(entry->name, &found);
			at += entry->length;
		}
	if (fd >= 0)
		sys(SYS_close, fd);
	return !found || features & EVENT_FORK; /* another process may have it */
}
