#include "control/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Length of the UTF-8 sequence at `s` within `left` bytes, 0 when it is not one. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t n = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;

	if (n == 0 || s[0] >= 0xf5 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (s[0] == 0xc2 && s[1] < 0xa0) /* C1 control characters drive terminals too */
		return 0;
	return n;
}

void printable(char *out, size_t size, const char *text, size_t text_size)
{
	size_t length = strnlen(text, text_size), used = 0;

	for (size_t i = 0; i < length;) {
		const unsigned char *s = (const unsigned char *)text + i;
		size_t n = s[0] >= 0x20 && s[0] < 0x7f ? 1
			   : s[0] >= 0x80	       ? utf8_length(s, length - i)
						       : 0;
		if (used + (n ? n : 1) >= size)
			break;
		if (n == 0)
			out[used++] = '?';
		else
			memcpy(out + used, s, n);
		used += n;
		i += n ? n : 1;
	}
	out[used] = 0;
}

/* Reads a small file of the process whole; -1 when it cannot. */
static ssize_t read_file(const struct process *process, const char *name, char *text, size_t size)
{
	int fd = openat(process->dir, name, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while (used < size - 1 && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	text[used] = 0;
	return n < 0 && used == 0 ? -1 : (ssize_t)used;
}

/* "123 (na) me) S ppid ..." : the name may hold anything, so the fields start after the last parenthesis. */
static bool parse_stat(struct process *process)
{
	char text[1024], *open_bracket, *close_bracket, *field;

	if (read_file(process, "stat", text, sizeof(text)) <= 0)
		return false;
	open_bracket = strchr(text, '(');
	close_bracket = strrchr(text, ')');
	if (!open_bracket || !close_bracket || close_bracket[1] != ' ')
		return false;
	printable(process->name, sizeof(process->name), open_bracket + 1,
		  (size_t)(close_bracket - open_bracket - 1));
	field = close_bracket + 2;
	process->state = *field;
	for (int i = 3; i < 22; i++) {
		field = strchr(field, ' ');
		if (!field++)
			return false;
	}
	process->start_time = strtoull(field, &close_bracket, 10);
	return close_bracket != field;
}

bool process_open(pid_t pid, struct process *process)
{
	char path[64];

	*process = (struct process){.dir = -1, .pid = pid};
	snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
	process->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->dir >= 0 && parse_stat(process))
		return true;
	process_close(process);
	return false;
}

void process_close(struct process *process)
{
	if (process->dir >= 0)
		close(process->dir);
	process->dir = -1;
}

uint64_t process_namespace(const struct process *process, const char *which)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), process ? "ns/%s" : "/proc/self/ns/%s", which);
	return fstatat(process ? process->dir : AT_FDCWD, path, &st, 0) == 0 ? st.st_ino : 0;
}

pid_t process_inner_pid(const struct process *process)
{
	char text[8192], *line, *end;

	if (read_file(process, "status", text, sizeof(text)) <= 0)
		return process->pid;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return process->pid;
	end = strchrnul(line + 1, '\n');
	*end = 0;
	line = strrchr(line, '\t');
	return line ? (pid_t)strtol(line + 1, NULL, 10) : process->pid;
}

uid_t process_user(const struct process *process)
{
	char text[8192], *line, *effective, *end;
	unsigned long user;

	if (read_file(process, "status", text, sizeof(text)) <= 0)
		return (uid_t)-1;
	line = strstr(text, "\nUid:");
	if (!line)
		return (uid_t)-1;
	strtoul(line + strlen("\nUid:"), &effective, 10); /* the real one comes first */
	user = strtoul(effective, &end, 10);
	return end == effective ? (uid_t)-1 : (uid_t)user;
}

/* /proc/PID/uid_map: lines "first inside, first outside, how many", as seen from our namespace. */
uid_t process_outside_user(const struct process *process, uid_t inside)
{
	char text[8192], *at = text, *end;

	if (read_file(process, "uid_map", text, sizeof(text)) <= 0)
		return inside;
	for (;;) {
		unsigned long first = strtoul(at, &end, 10), outside, count;
		if (end == at)
			return (uid_t)-1;
		outside = strtoul(end, &end, 10);
		count = strtoul(end, &at, 10);
		if (inside >= first && inside - first < count)
			return (uid_t)(outside + (inside - first));
	}
}

bool process_other_root(const struct process *process)
{
	struct stat own, theirs;

	if (fstatat(process->dir, "root/.", &theirs, 0) < 0 || stat("/", &own) < 0)
		return false;
	if (own.st_ino != theirs.st_ino || own.st_dev != theirs.st_dev)
		return true;
	return process_namespace(process, "mnt") != process_namespace(NULL, "mnt");
}

int process_maps(const struct process *process, const char *file_name)
{
	int fd = openat(process->dir, "maps", O_RDONLY | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	char *line = NULL;
	size_t size = 0, length = strlen(file_name);
	int found = 0;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (!found && getline(&line, &size, file) > 0) {
		const char *slash = strrchr(line, '/');
		found = slash && strncmp(slash + 1, file_name, length) == 0;
	}
	free(line);
	fclose(file);
	return found;
}

bool process_has_thread(const struct process *process, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%ld", (long)tid);
	return faccessat(process->dir, path, F_OK, 0) == 0;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static pid_t *all_pids(size_t *count)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t *pids = NULL;
	size_t capacity = 0;

	*count = 0;
	while (dir && (entry = readdir(dir))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (*end || pid <= 0)
			continue;
		if (*count == capacity) {
			pid_t *moved =
				reallocarray(pids, capacity = capacity * 2 + 256, sizeof(*pids));
			if (!moved)
				break;
			pids = moved;
		}
		pids[(*count)++] = (pid_t)pid;
	}
	if (dir)
		closedir(dir);
	if (*count)
		qsort(pids, *count, sizeof(*pids), compare_pids);
	return pids;
}

void process_each(bool (*visit)(struct process *process, void *context), void *context)
{
	size_t count;
	pid_t *pids = all_pids(&count);
	bool more = true;

	for (size_t i = 0; i < count && more; i++) {
		struct process process;
		if (!process_open(pids[i], &process))
			continue;
		more = visit(&process, context);
		process_close(&process);
	}
	free(pids);
}
