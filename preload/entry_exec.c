/*
 * entry_exec.c - hooks of the exec family. A signal that the freezer has sent and that has not arrived survives an exec; its
 * handler does not, and its default action ends the process. So an exec waits at the gate while the world is being stopped,
 * and takes what was sent before it goes. What the new image is given is the program's own, untouched.
 *
 * Not in a child of vfork, _Fork or clone: it is another process, which nobody signals.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "entry.h"
#include "exec_image.h"
#include "snapshot.h"

static struct {
	int (*execve)(const char *, char *const[], char *const[]);
	int (*execv)(const char *, char *const[]);
	int (*execvp)(const char *, char *const[]);
	int (*execvpe)(const char *, char *const[], char *const[]);
	int (*fexecve)(int, char *const[], char *const[]);
	int (*execveat)(int, const char *, char *const[], char *const[], int);
	int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[], char *const[]);
	int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			    const posix_spawnattr_t *, char *const[], char *const[]);
} next;

#define FIND(name) *(void **)&next.name = entry_next(#name)

/* In the constructor: these are called after fork and vfork, where dlsym may not be. */
void entry_exec_init(void)
{
	FIND(execve);
	FIND(execv);
	FIND(execvp);
	FIND(execvpe);
	FIND(fexecve);
	FIND(execveat);
	FIND(posix_spawn);
	FIND(posix_spawnp);
}

bool entry_exec_begin(void)
{
	if (shim_sandboxed || glue_pid() != shim_pid || !control_exec_prepare())
		return false;
	glue_pid(); /* on the way back from any system call, what was sent arrives */
	return true;
}

void entry_exec_failed(bool waited)
{
	if (waited)
		control_exec_failed();
}

/* A call that returns has failed. Before the constructor ran, there is no helper. */
#define EXEC(name, ...)                                                                            \
	do {                                                                                       \
		bool waited = entry_exec_begin();                                                  \
		int result;                                                                        \
		if (unlikely(!next.name))                                                          \
			FIND(name);                                                                \
		result = next.name(__VA_ARGS__);                                                   \
		entry_exec_failed(waited);                                                         \
		return result;                                                                     \
	} while (0)

/* Declares `image`, what this program gets of `environment`: a copy on our stack, where we do not fit it. */
#define IMAGE(path, environment)                                                                   \
	size_t image_size = exec_image_size(path, environment);                                    \
	char *image_memory[image_size / sizeof(char *) + 1];                                       \
	char *const *image = image_size ? exec_image_copy(image_memory, environment) : (environment)

#define PATH_SIZE 512 /* of a path that is looked at; a longer one is not */

/* A path by which a file relative to a descriptor is found, or the descriptor's own for "". */
static const char *path_at(int fd, const char *path, char *buffer, size_t size)
{
	if (path[0] == '/' || (fd == AT_FDCWD && path[0]))
		return path;
	log_format(buffer, size, path[0] ? "/proc/self/fd/%d/%s" : "/proc/self/fd/%d", fd, path);
	return buffer;
}

/* Where execvp() finds the file. It says itself what is wrong with one that it does not find. */
static const char *path_of(const char *file, char *buffer, size_t size)
{
	if (strchr(file, '/') || !exec_image_search(file, buffer, size))
		return file;
	return buffer;
}

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
	IMAGE(path, environment);
	EXEC(execve, path, arguments, image);
}

EXPORT int execv(const char *path, char *const arguments[])
{
	IMAGE(path, environ);
	if (image_size)
		EXEC(execve, path, arguments, image);
	EXEC(execv, path, arguments);
}

static int exec_file(const char *file, char *const arguments[], char *const environment[])
{
	EXEC(execvpe, file, arguments, environment);
}

EXPORT int execvp(const char *file, char *const arguments[])
{
	char buffer[PATH_SIZE];
	IMAGE(path_of(file, buffer, sizeof buffer), environ);
	if (image_size)
		return exec_file(file, arguments, image);
	EXEC(execvp, file, arguments);
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[])
{
	char buffer[PATH_SIZE];
	IMAGE(path_of(file, buffer, sizeof buffer), environment);
	return exec_file(file, arguments, image);
}

EXPORT int fexecve(int fd, char *const arguments[], char *const environment[])
{
	char buffer[PATH_SIZE];
	IMAGE(path_at(fd, "", buffer, sizeof buffer), environment);
	EXEC(fexecve, fd, arguments, image);
}

EXPORT int execveat(int fd, const char *path, char *const arguments[], char *const environment[],
		    int flags)
{
	char buffer[PATH_SIZE];
	IMAGE(path_at(fd, path, buffer, sizeof buffer), environment);
	EXEC(execveat, fd, path, arguments, image, flags);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const arguments[],
		       char *const environment[])
{
	IMAGE(path, environment);
	if (unlikely(!next.posix_spawn))
		FIND(posix_spawn);
	return next.posix_spawn(pid, path, actions, attributes, arguments, image);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const arguments[],
			char *const environment[])
{
	char buffer[PATH_SIZE];
	IMAGE(path_of(file, buffer, sizeof buffer), environment);
	if (unlikely(!next.posix_spawnp))
		FIND(posix_spawnp);
	return next.posix_spawnp(pid, file, actions, attributes, arguments, image);
}

/*
 * The forms with a list: it becomes an array on the stack, as in libc, because nothing may be allocated here. The first
 * argument counts even when it is NULL, as in libc.
 */
#define LIST(list, first, array)                                                                   \
	va_list list;                                                                              \
	va_start(list, first);                                                                     \
	char *array[list_count(list) + 2];                                                         \
	va_end(list);                                                                              \
	va_start(list, first);                                                                     \
	array[0] = (char *)(uintptr_t)first;                                                       \
	list_copy(&list, array + 1)

static size_t list_count(va_list list)
{
	size_t n = 0;

	while (va_arg(list, char *))
		n++;
	return n;
}

/* Leaves the list behind its NULL. */
static void list_copy(va_list *list, char **array)
{
	while ((*array++ = va_arg(*list, char *)))
		;
}

EXPORT int execl(const char *path, const char *first, ...)
{
	LIST(list, first, arguments);
	va_end(list);
	return execv(path, arguments);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	LIST(list, first, arguments);
	va_end(list);
	return execvp(file, arguments);
}

EXPORT int execle(const char *path, const char *first, ...)
{
	char *const *environment;
	LIST(list, first, arguments);
	environment = va_arg(list, char *const *);
	va_end(list);
	return execve(path, arguments, environment);
}
