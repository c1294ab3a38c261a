/*
 * index_write.c - writing an index: to a file without a name, which gets one when it is complete. So whatever ends us before leaves
 * nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dump/index_internal.h"
#include "util/threads.h"

struct writing {
	const struct model *model;
	const struct index_part *parts;
	char *path, *temporary; /* temporary: only while it has that name */
	int fd;
	struct index_header header;
	enum index_section section;
	uint64_t *sums;
	sigset_t mask;
};

static struct error *cannot(const struct writing *w, int number)
{
	return error_system(number, w->path, "cannot write");
}

static struct error *put(const struct writing *w, const void *data, size_t n, uint64_t at)
{
	while (n) {
		ssize_t done = pwrite(w->fd, data, n, (off_t)at);

		if (done < 0 && errno != EINTR)
			return cannot(w, errno);
		if (done > 0) {
			data = (const char *)data + done;
			n -= (size_t)done;
			at += (uint64_t)done;
		}
	}
	return NULL;
}

static struct error *write_block(void *context, size_t block)
{
	struct writing *w = context;
	const struct index_part *part = &w->parts[w->section];
	uint64_t begin = block * INDEX_BLOCK, left = part->n * index_width[w->section] - begin,
		 bytes = left < INDEX_BLOCK ? left : INDEX_BLOCK;
	const uint8_t *data = (const uint8_t *)part->data + begin;

	w->sums[block] = XXH3_64bits(data, bytes);
	return put(w, data, bytes, w->header.sections[w->section].offset + begin);
}

static struct error *write_section(struct writing *w)
{
	uint64_t blocks = index_blocks(w->parts[w->section].n * index_width[w->section]);
	struct error *e;

	w->sums = malloc((blocks + 1) * sizeof *w->sums);
	if (!w->sums)
		return error_memory();
	e = parallel_for(blocks, write_block, w);
	w->header.sections[w->section].checksum = XXH3_64bits(w->sums, blocks * sizeof *w->sums);
	free(w->sums);
	return e;
}

static void lay_out(struct writing *w)
{
	uint64_t at = (sizeof w->header + INDEX_PAGE - 1) / INDEX_PAGE * INDEX_PAGE;

	for (unsigned s = 0; s < INDEX_SECTIONS; s++) {
		if (!w->parts[s].data)
			continue;
		w->header.sections[s].offset = at;
		w->header.sections[s].n = w->parts[s].n;
		at += w->parts[s].n * index_width[s];
		at = (at + INDEX_PAGE - 1) / INDEX_PAGE * INDEX_PAGE;
	}
	w->header.file_size = at;
}

static struct error *write_all(struct writing *w)
{
	lay_out(w);
	if (ftruncate(w->fd, (off_t)w->header.file_size) < 0)
		return cannot(w, errno);
	for (w->section = 0; w->section < INDEX_SECTIONS; w->section++)
		if (w->parts[w->section].data)
			TRY(write_section(w));
	w->header.checksum = index_header_sum(&w->header);
	return put(w, &w->header, sizeof w->header, 0);
}

/* Signals wait while the file has a name that is not its own. */
static void hold_signals(struct writing *w)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, &w->mask);
}

/* Some file systems have no files without a name. */
static struct error *open_named(struct writing *w, mode_t mode)
{
	hold_signals(w);
	w->fd = open(w->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (w->fd >= 0)
		return NULL;
	sigprocmask(SIG_SETMASK, &w->mask, NULL);
	return cannot(w, errno);
}

static struct error *give_name(struct writing *w, bool named)
{
	char self[64];
	struct error *e = NULL;

	if (!named) {
		hold_signals(w);
		snprintf(self, sizeof self, "/proc/self/fd/%d", w->fd);
		unlink(w->temporary); /* of a process with our number that was killed */
		if (linkat(AT_FDCWD, self, AT_FDCWD, w->temporary, AT_SYMLINK_FOLLOW) < 0)
			e = cannot(w, errno);
	}
	if (!e && rename(w->temporary, w->path) < 0)
		e = cannot(w, errno);
	if (e)
		unlink(w->temporary);
	sigprocmask(SIG_SETMASK, &w->mask, NULL);
	return e;
}

/* The dump's owner and mode are the index's: it says as much. */
static struct error *run(struct writing *w)
{
	char *slash = strrchr(w->path, '/'), *folder = NULL;
	struct stat st;
	struct error *e = NULL;
	bool named = false;

	if (stat(w->model->path, &st) < 0)
		return error_system(errno, w->model->path, "cannot stat");
	folder = slash ? strndup(w->path, (size_t)(slash - w->path) + 1) : strdup(".");
	if (!folder || asprintf(&w->temporary, "%s.%d", w->path, (int)getpid()) < 0) {
		free(folder);
		w->temporary = NULL;
		return error_memory();
	}
	w->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, st.st_mode & 0666);
	if (w->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		e = open_named(w, st.st_mode & 0666);
		named = !e;
	} else if (w->fd < 0) {
		e = cannot(w, errno);
	}
	if (!e && geteuid() == 0)
		(void)!fchown(w->fd, st.st_uid, st.st_gid);
	if (!e)
		(void)!fchmod(w->fd, st.st_mode & 0666);
	if (!e)
		e = write_all(w);
	if (!e) {
		e = give_name(w, named);
	} else if (named) {
		unlink(w->temporary);
		sigprocmask(SIG_SETMASK, &w->mask, NULL);
	}
	if (w->fd >= 0 && close(w->fd) < 0 && !e)
		e = cannot(w, errno);
	free(folder);
	return e;
}

struct error *index_write(const struct model *m, const struct index_part *parts,
			  uint64_t reached_objects, uint64_t reached_bytes, uint64_t *size)
{
	struct writing w = {.model = m,
			    .parts = parts,
			    .fd = -1,
			    .path = index_path_of(m->path),
			    .header = {.version = INDEX_VERSION,
				       .nsections = INDEX_SECTIONS,
				       .nobjects = m->nobjects,
				       .nedges = m->nedges,
				       .reached_objects = reached_objects,
				       .reached_bytes = reached_bytes}};
	struct error *e;

	if (!w.path)
		return error_memory();
	memcpy(w.header.magic, INDEX_MAGIC, sizeof w.header.magic);
	index_maker(w.header.maker);
	dump_key(m->dump, w.header.dump);
	e = run(&w);
	if (!e)
		*size = w.header.file_size;
	free(w.temporary);
	free(w.path);
	return e;
}
