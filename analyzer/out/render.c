/* render.c - see render.h. */
#include "out/render.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/str.h"

/* Formats ------------------------------------------------------------------------------------------------------- */

#define FORMAT_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:-"

static bool is_dot(const char *format)
{
	return strcmp(format, "dot") == 0 || strcmp(format, "gv") == 0;
}

static struct error *choose_format(const char *filename, const char *wish, const char **format)
{
	const char *name = filename ? filename : "", *slash = strrchr(name, '/'), *ending;

	*format = wish;
	if (!wish) {
		ending = strrchr(slash ? slash + 1 : name, '.');
		*format = ending && ending[1] ? ending + 1 : "dot";
	}
	if (!(*format)[0] || (*format)[0] == '-' ||
	    strspn(*format, FORMAT_LETTERS) != strlen(*format))
		return error_usage("'%s' is no picture format; use -T svg, png, pdf or dot",
				   *format);
	return NULL;
}

bool render_is_picture(const char *filename, const char *format)
{
	const char *chosen;
	struct error *error = choose_format(filename, format, &chosen);
	bool picture = !error && !is_dot(chosen);

	error_destroy(error);
	return picture;
}

/* The file that is being written -------------------------------------------------------------------------------- */

struct target {
	const char *name;  /* for messages */
	const char *final; /* rename to this when complete; NULL: written in place */
	char *temporary;
	bool nameless; /* `temporary` is the name to be: until then the file has none, and nothing is left of it if we are killed */
	int fd;
};

/* A file without a name in the folder of `filename`; -1 where its file system has no such thing. */
static int open_nameless(const char *filename)
{
	const char *slash = strrchr(filename, '/');
	char *folder = slash ? strndup(filename, (size_t)(slash - filename) + 1) : strdup(".");
	int fd = folder ? open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;

	free(folder);
	return fd;
}

static int give_name(struct target *target)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", target->fd);
	if (linkat(AT_FDCWD, path, AT_FDCWD, target->temporary, AT_SYMLINK_FOLLOW) < 0)
		return -1;
	target->nameless = false;
	return 0;
}

static void open_named(struct target *target)
{
	mode_t mask = umask(0);

	umask(mask);
	target->fd = mkostemp(target->temporary, O_CLOEXEC);
	if (target->fd >= 0)
		(void)!fchmod(target->fd, 0666 & ~mask);
}

/* A new or regular file gets a temporary neighbour; a device, a pipe or standard output is written as it is. */
static struct error *target_open(const char *filename, struct target *target)
{
	struct stat st;

	*target = (struct target){.name = filename, .fd = -1};
	if (!filename || strcmp(filename, "-") == 0) {
		target->name = "standard output";
		target->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else if (stat(filename, &st) == 0 && !S_ISREG(st.st_mode)) {
		target->fd = open(filename, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	} else {
		if (asprintf(&target->temporary, "%s.XXXXXX", filename) < 0) {
			target->temporary = NULL;
			return error_memory();
		}
		target->final = filename;
		target->fd = open_nameless(filename);
		target->nameless = target->fd >= 0;
		if (target->nameless)
			snprintf(strrchr(target->temporary, '.'), sizeof ".XXXXXX", ".%06x",
				 (unsigned)getpid() & 0xffffff);
		else
			open_named(target);
	}
	if (target->fd < 0) {
		int number = errno;
		free(target->temporary);
		target->temporary = NULL;
		target->final = NULL;
		return error_system(number, target->name, "cannot write");
	}
	return NULL;
}

static struct error *target_close(struct target *target, struct error *error)
{
	if (target->nameless && !error && give_name(target) < 0)
		error = error_system(errno, target->name, "cannot write");
	if (close(target->fd) < 0 && !error)
		error = error_system(errno, target->name, "cannot write");
	if (target->temporary && !error && rename(target->temporary, target->final) < 0)
		error = error_system(errno, target->name, "cannot write");
	if (target->temporary && error && !target->nameless)
		unlink(target->temporary);
	free(target->temporary);
	return error;
}

/* Graphviz ------------------------------------------------------------------------------------------------------- */

static struct error *write_text(const struct drawing *drawing, int fd, const char *name)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *out = copy >= 0 ? fdopen(copy, "w") : NULL;
	struct error *error;

	if (!out) {
		if (copy >= 0)
			close(copy);
		return error_system(errno, name, "cannot write");
	}
	error = dot_write(drawing, out, name);
	if (fclose(out) != 0 && !error)
		error = error_system(errno, name, "cannot write");
	return error;
}

/* The first line of what dot said on its standard error, without its own "Error: ". */
static void first_line(int fd, char *line, size_t size)
{
	ssize_t n = pread(fd, line, size - 1, 0);
	size_t skip;

	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	skip = strncmp(line, "Error: ", 7) == 0 ? 7 : 0;
	memmove(line, line + skip, strlen(line + skip) + 1);
}

static int spawn_dot(const char *format, int in, int out, int complaints, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	char option[64];
	char *argv[] = {(char *)"dot", option, NULL};
	int result;

	snprintf(option, sizeof(option), "-T%s", format);
	result = posix_spawn_file_actions_init(&actions);
	if (result)
		return result;
	if ((result = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO)) == 0 &&
	    (result = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)) == 0 &&
	    (result = posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO)) == 0)
		result = posix_spawnp(pid, "dot", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

static struct error *run_dot(const char *format, int in, int out, int complaints)
{
	char line[256];
	pid_t pid;
	int status, result = spawn_dot(format, in, out, complaints, &pid);

	if (result == ENOENT)
		return error_input(NULL, NULL, ERROR_NO_OFFSET,
				   "Graphviz's program dot is not installed (Debian: apt-get "
				   "install graphviz); "
				   "-T dot writes the drawing without it");
	if (result)
		return error_system(result, NULL, "cannot start Graphviz's program dot");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_system(errno, NULL, "lost Graphviz's program dot");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	if (WIFSIGNALED(status))
		return error_input(NULL, NULL, ERROR_NO_OFFSET,
				   "Graphviz's program dot was killed by signal %d",
				   WTERMSIG(status));
	first_line(complaints, line, sizeof(line));
	return error_input(NULL, NULL, ERROR_NO_OFFSET, "Graphviz's program dot failed: %s",
			   line[0] ? line : "it does not say why");
}

static struct error *write_once(const struct drawing *drawing, const char *format, int out)
{
	int in = memfd_create("drawing.dot", MFD_CLOEXEC);
	int complaints = memfd_create("dot.stderr", MFD_CLOEXEC);
	struct error *error;

	if (in < 0 || complaints < 0)
		error = error_system(errno, NULL, "cannot make a temporary file");
	else
		error = write_text(drawing, in, "temporary file");
	if (!error && lseek(in, 0, SEEK_SET) < 0)
		error = error_system(errno, NULL, "cannot read a temporary file");
	if (!error)
		error = run_dot(format, in, out, complaints);
	if (in >= 0)
		close(in);
	if (complaints >= 0)
		close(complaints);
	return error;
}

static bool has_frames(const struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->node_count; i++)
		if (drawing->nodes[i].cycle)
			return true;
	return false;
}

/* Graphviz gives up on some drawings with frames, and on none without; nothing was written then. */
static struct error *write_picture(const struct drawing *drawing, const char *format, int out)
{
	off_t start = lseek(out, 0, SEEK_CUR);
	struct drawing padded = *drawing;
	struct error *error;

	padded.padded = true;
	error = write_once(&padded, format, out);
	if (!error || !has_frames(drawing))
		return error;
	error_destroy(error);
	padded.no_frames = true;
	if (start >= 0 && ftruncate(out, start) == 0)
		lseek(out, start, SEEK_SET);
	return write_once(&padded, format, out);
}

struct error *render_drawing(const struct drawing *drawing, const char *filename,
			     const char *format)
{
	struct target target;
	const char *chosen;
	struct error *error;

	TRY(choose_format(filename, format, &chosen));
	fflush(stdout);
	TRY(target_open(filename, &target));
	if (is_dot(chosen))
		error = write_text(drawing, target.fd, target.name);
	else
		error = write_picture(drawing, chosen, target.fd);
	return target_close(&target, error);
}
