/*
 * entry_exec.c - hooks of the exec family. A signal that the freezer has sent and that has not arrived survives an exec; its
 * handler does not, and its default action ends the process. So an exec waits at the gate while the world is being stopped,
 * and takes what was sent before it goes. What the new image is given is the program's own, untouched.
 *
 * Not in a child of vfork, _Fork or clone: it is another process, which nobody signals.
 */
#include <stdarg.h>
#include <unistd.h>

#include "entry.h"
#include "snapshot.h"

static struct {
	int (*execve)(const char *, char *const[], char *const[]);
	int (*execv)(const char *, char *const[]);
	int (*execvp)(const char *, char *const[]);
	int (*execvpe)(const char *, char *const[], char *const[]);
	int (*fexecve)(int, char *const[], char *const[]);
	int (*execveat)(int, const char *, char *const[], char *const[], int);
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

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
	EXEC(execve, path, arguments, environment);
}

EXPORT int execv(const char *path, char *const arguments[])
{
	EXEC(execv, path, arguments);
}

EXPORT int execvp(const char *file, char *const arguments[])
{
	EXEC(execvp, file, arguments);
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[])
{
	EXEC(execvpe, file, arguments, environment);
}

EXPORT int fexecve(int fd, char *const arguments[], char *const environment[])
{
	EXEC(fexecve, fd, arguments, environment);
}

EXPORT int execveat(int fd, const char *path, char *const arguments[], char *const environment[],
		    int flags)
{
	EXEC(execveat, fd, path, arguments, environment, flags);
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
	EXEC(execv, path, arguments);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	LIST(list, first, arguments);
	va_end(list);
	EXEC(execvp, file, arguments);
}

EXPORT int execle(const char *path, const char *first, ...)
{
	char *const *environment;
	LIST(list, first, arguments);
	environment = va_arg(list, char *const *);
	va_end(list);
	EXEC(execve, path, arguments, environment);
}
