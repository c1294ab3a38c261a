#include "control/page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER_PREFIX "refgraph-"
#define UNFINISHED_SECONDS 60 /* a page without magic is one in the making, but not for ever */

struct scan {
	bool (*visit)(struct page *page, void *context);
	void *context;
	bool stopped;
	const struct process *foreign; /* whose root is being looked into; NULL: ours */
	struct {
		dev_t dev;
		ino_t ino;
	} * seen; /* folders already scanned: several roots may share one */
	size_t seen_count;
};

enum owner { OWNER_LIVE, OWNER_GONE, OWNER_UNKNOWN };

/* Reading a page ------------------------------------------------------------------------------------------------- */

bool page_read(struct page *page)
{
	struct rgd_control *now = &page->now;

	if (pread(page->fd, now, sizeof(*now), 0) != (ssize_t)sizeof(*now))
		return false;
	now->program[sizeof(now->program) - 1] = 0;
	now->message[sizeof(now->message) - 1] = 0;
	now->answer_path[sizeof(now->answer_path) - 1] = 0;
	return now->magic == RGC_MAGIC && now->version == RGC_VERSION &&
	       now->size >= sizeof(struct rgd_control);
}

void page_close(struct page *page)
{
	if (page->fd >= 0)
		close(page->fd);
	page->fd = -1;
	process_close(&page->process);
}

/* Which process -------------------------------------------------------------------------------------------------- */

struct search {
	const struct rgd_control *page;
	struct process *found;
	bool hit;
};

static bool is_searched(struct process *process, void *context)
{
	struct search *search = context;
	uint64_t namespace = process_namespace(process, "pid");

	if (process->start_time != search->page->start_time ||
	    process_inner_pid(process) != (pid_t)search->page->pid ||
	    (namespace && namespace != search->page->pid_namespace))
		return true;
	*search->found = *process;
	process->dir = -1;
	search->hit = true;
	return false;
}

/*
 * A page from another pid namespace that fits no process we see is not ours to judge: its process may live in a
 * container that we cannot look into.
 */
static enum owner find_owner(const struct rgd_control *page, struct process *process)
{
	struct search search = {page, process, false};
	uint64_t own = process_namespace(NULL, "pid");

	if (page->pid_namespace && own && page->pid_namespace != own) {
		process_each(is_searched, &search);
		return search.hit ? OWNER_LIVE : OWNER_UNKNOWN;
	}
	if (process_open((pid_t)page->pid, process)) {
		if (process->start_time == page->start_time && !strchr("ZX", process->state))
			return OWNER_LIVE;
		process_close(process);
	}
	return OWNER_GONE;
}

/* Folders and files ---------------------------------------------------------------------------------------------- */

/* Unlinks `name` if it still is the file behind `fd`; the lock keeps two clean-ups and a client apart. */
static void remove_stale(int folder, const char *name, int fd)
{
	struct stat mine, there;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (fstat(fd, &mine) == 0 && fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
		unlinkat(folder, name, 0);
	flock(fd, LOCK_UN);
}

static bool is_page_name(const char *name)
{
	size_t digits = strspn(name, "0123456789"), more;

	if (digits == 0 || name[digits] != '-')
		return false;
	more = strspn(name + digits + 1, "0123456789");
	return more > 0 && name[digits + 1 + more] == 0;
}

static void visit_file(struct scan *scan, int folder, const struct stat *folder_stat,
		       const char *folder_path, const char *name)
{
	struct page page = {.fd = -1, .process.dir = -1};
	enum owner owner;
	struct stat st;

	if (!is_page_name(name))
		return;
	page.fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (page.fd < 0)
		return;
	if (fstat(page.fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != folder_stat->st_uid || (st.st_mode & 077)) {
		close(page.fd);
		return;
	}
	if (!page_read(&page)) {
		if (page.now.magic == 0 && time(NULL) - st.st_mtime > UNFINISHED_SECONDS)
			remove_stale(folder, name, page.fd);
		close(page.fd);
		return;
	}
	owner = find_owner(&page.now, &page.process);
	if (owner == OWNER_GONE)
		remove_stale(folder, name, page.fd);
	if (owner == OWNER_LIVE) {
		snprintf(page.file, sizeof(page.file), "%s/%s", folder_path, name);
		page.other_root = process_other_root(&page.process);
		scan->stopped = !scan->visit(&page, scan->context);
	}
	page_close(&page);
}

static bool already_seen(struct scan *scan, const struct stat *st)
{
	void *moved;

	for (size_t i = 0; i < scan->seen_count; i++)
		if (scan->seen[i].dev == st->st_dev && scan->seen[i].ino == st->st_ino)
			return true;
	moved = reallocarray(scan->seen, scan->seen_count + 1, sizeof(*scan->seen));
	if (moved) {
		scan->seen = moved;
		scan->seen[scan->seen_count].dev = st->st_dev;
		scan->seen[scan->seen_count++].ino = st->st_ino;
	}
	return false;
}

/*
 * Anybody may make a folder in /dev/shm: only one that belongs to the user it names, and is closed to others, counts. A
 * container may number its users in its own way.
 */
static bool is_trusted(const struct scan *scan, const struct stat *st, uid_t named)
{
	if (scan->foreign)
		named = process_outside_user(scan->foreign, named);
	return !(st->st_mode & 077) && st->st_uid == named &&
	       (geteuid() == 0 || named == geteuid());
}

static void visit_folder(struct scan *scan, int base, const char *base_path, const char *name)
{
	char path[512], *end;
	uid_t named = (uid_t)strtoul(name + strlen(FOLDER_PREFIX), &end, 10);
	int fd;
	struct stat st;
	DIR *dir = NULL;
	struct dirent *entry;

	if (end == name + strlen(FOLDER_PREFIX) || *end)
		return;
	fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && !already_seen(scan, &st) &&
	    is_trusted(scan, &st, named))
		dir = fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", base_path, name);
	while (!scan->stopped && (entry = readdir(dir)))
		visit_file(scan, dirfd(dir), &st, path, entry->d_name);
	closedir(dir);
}

/* All folders of users in one base folder, /dev/shm or /tmp of some root. */
static void visit_base(struct scan *scan, int base, const char *path)
{
	struct stat st;
	DIR *dir = NULL;
	struct dirent *entry;

	if (fstat(base, &st) == 0 && !already_seen(scan, &st))
		dir = fdopendir(base);
	if (!dir) {
		close(base);
		return;
	}
	while (!scan->stopped && (entry = readdir(dir)))
		if (strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) == 0)
			visit_folder(scan, dirfd(dir), path, entry->d_name);
	closedir(dir);
}

/*
 * The folders that RGC_DIR and RGC_DIR_FALLBACK lie in, below some root. In a foreign root no step
 * follows a link: it would lead into ours.
 */
static const char *const bases[][2] = {{"dev", "shm"}, {"tmp", NULL}};

static void visit_root(struct scan *scan, int root, const char *root_path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (scan->foreign ? O_NOFOLLOW : 0);

	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases) && !scan->stopped; i++) {
		char path[128];
		int fd = openat(root, bases[i][0], flags);
		if (fd >= 0 && bases[i][1]) {
			int inner = openat(fd, bases[i][1], flags);
			close(fd);
			fd = inner;
		}
		snprintf(path, sizeof(path), "%s/%s%s%s", root_path, bases[i][0],
			 bases[i][1] ? "/" : "", bases[i][1] ? bases[i][1] : "");
		if (fd >= 0)
			visit_base(scan, fd, path);
	}
}

static bool visit_other_root(struct process *process, void *context)
{
	struct scan *scan = context;
	char path[64];
	int root;

	if (!process_other_root(process))
		return true;
	root = openat(process->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%ld/root", (long)process->pid);
	scan->foreign = process;
	visit_root(scan, root, path);
	scan->foreign = NULL;
	close(root);
	return !scan->stopped;
}

void page_each(bool (*visit)(struct page *page, void *context), void *context)
{
	struct scan scan = {.visit = visit, .context = context};
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root >= 0) {
		visit_root(&scan, root, "");
		close(root);
	}
	if (!scan.stopped)
		process_each(visit_other_root, &scan);
	free(scan.seen);
}

/* One process ------------------------------------------------------------------------------------------------------ */

struct wanted {
	pid_t pid;
	struct page *page;
	bool found;
};

static bool is_wanted(struct page *page, void *context)
{
	struct wanted *wanted = context;

	if (page->process.pid != wanted->pid)
		return true;
	*wanted->page = *page;
	page->fd = page->process.dir = -1;
	wanted->found = true;
	return false;
}

static void user_name(uid_t uid, char *text, size_t size)
{
	struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(text, size, "%s", entry->pw_name);
	else
		snprintf(text, size, "%u", (unsigned)uid);
}

static void explain_absence(pid_t pid, char *message, size_t size)
{
	struct process process;
	uid_t user;
	char name[64];
	int mapped;

	if (!process_open(pid, &process)) {
		snprintf(message, size, "there is no process %ld", (long)pid);
		return;
	}
	user = process_user(&process);
	mapped = process_maps(&process, "librefgraph.so");
	if (strchr("ZX", process.state)) {
		snprintf(message, size, "process %ld (%s) has ended", (long)pid, process.name);
	} else if (mapped == 1 && geteuid() != 0) {
		snprintf(message, size,
			 "process %ld (%s) is under the shim, but its control page belongs to "
			 "another "
			 "user: try again as root",
			 (long)pid, process.name);
	} else if (mapped == 1) {
		snprintf(message, size,
			 "process %ld (%s) has librefgraph.so loaded but no control page: the shim "
			 "stays out of it, or could write neither /dev/shm nor /tmp",
			 (long)pid, process.name);
	} else if (geteuid() != 0 && user != geteuid()) {
		user_name(user, name, sizeof(name));
		snprintf(message, size,
			 "process %ld (%s) belongs to %s: run this as that user or as root",
			 (long)pid, process.name, name);
	} else {
		snprintf(message, size,
			 "process %ld (%s) is not under the shim: start it with `refgraph run` or "
			 "with "
			 "LD_PRELOAD=librefgraph.so",
			 (long)pid, process.name);
	}
	process_close(&process);
}

bool page_open(pid_t pid, struct page *page, char *message, size_t size)
{
	struct wanted wanted = {pid, page, false};

	page_each(is_wanted, &wanted);
	if (!wanted.found)
		explain_absence(pid, message, size);
	return wanted.found;
}
