/*
 * entry_stat.c - a program that asks how many threads it has. /proc/self/task has two links and one for each thread: browsers
 * look there before they build their sandbox, and end themselves when there is one that they did not make. So our thread is
 * away while that folder is looked at; every other path goes straight on.
 *
 * /proc/self/stat and status, and a folder that is read entry by entry, show it as it is.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "snapshot.h"
#include "sys.h"

static struct {
	int (*stat)(const char *, struct stat *);
	int (*stat64)(const char *, struct stat64 *);
	int (*fstatat)(int, const char *, struct stat *, int);
	int (*fstatat64)(int, const char *, struct stat64 *, int);
	int (*statx)(int, const char *, int, unsigned, struct statx *);
	int (*__xstat)(int, const char *, struct stat *);
	int (*__xstat64)(int, const char *, struct stat64 *);
	int (*__fxstatat)(int, int, const char *, struct stat *, int);
	int (*__fxstatat64)(int, int, const char *, struct stat64 *, int);
} next;

#define FIND(name) *(void **)&next.name = entry_next(#name)

void entry_stat_init(void)
{
	FIND(stat);
	FIND(stat64);
	FIND(fstatat);
	FIND(fstatat64);
	FIND(statx);
	FIND(__xstat);
	FIND(__xstat64);
	FIND(__fxstatat);
	FIND(__fxstatat64);
}

static bool is_task_folder(const char *path)
{
	static const char name[] = "/task";
	size_t n = path ? strlen(path) : 0;

	while (n && path[n - 1] == '/')
		n--;
	return n >= sizeof name && !memcmp(path + n - (sizeof name - 1), name, sizeof name - 1);
}

/* The call, with nobody but the program's threads there if it is about them. Before the constructor ran, there is no helper. */
#define LOOK(path, name, ...)                                                                      \
	do {                                                                                       \
		bool about = is_task_folder(path), paused = about && alone_begin();                \
		int result;                                                                        \
		if (unlikely(!next.name))                                                          \
			FIND(name);                                                                \
		result = next.name(__VA_ARGS__);                                                   \
		if (unlikely(about))                                                               \
			alone_end(paused);                                                         \
		return result;                                                                     \
	} while (0)

EXPORT int stat(const char *path, struct stat *to)
{
	LOOK(path, stat, path, to);
}

EXPORT int stat64(const char *path, struct stat64 *to)
{
	LOOK(path, stat64, path, to);
}

EXPORT int fstatat(int fd, const char *path, struct stat *to, int flags)
{
	LOOK(path, fstatat, fd, path, to, flags);
}

EXPORT int fstatat64(int fd, const char *path, struct stat64 *to, int flags)
{
	LOOK(path, fstatat64, fd, path, to, flags);
}

EXPORT int statx(int fd, const char *path, int flags, unsigned mask, struct statx *to)
{
	LOOK(path, statx, fd, path, flags, mask, to);
}

/* As programs call them that were linked with a glibc before 2.33. */
int __xstat(int version, const char *path, struct stat *to);
int __xstat64(int version, const char *path, struct stat64 *to);
int __fxstatat(int version, int fd, const char *path, struct stat *to, int flags);
int __fxstatat64(int version, int fd, const char *path, struct stat64 *to, int flags);

EXPORT int __xstat(int version, const char *path, struct stat *to)
{
	LOOK(path, __xstat, version, path, to);
}

EXPORT int __xstat64(int version, const char *path, struct stat64 *to)
{
	LOOK(path, __xstat64, version, path, to);
}

EXPORT int __fxstatat(int version, int fd, const char *path, struct stat *to, int flags)
{
	LOOK(path, __fxstatat, version, fd, path, to, flags);
}

EXPORT int __fxstatat64(int version, int fd, const char *path, struct stat64 *to, int flags)
{
	LOOK(path, __fxstatat64, version, fd, path, to, flags);
}
