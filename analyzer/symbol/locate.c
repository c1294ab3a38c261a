#include "symbol/locate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBUG_ROOT "/usr/lib/debug"

/* What is looked for, and what was met on the way. */
struct place {
	const char *path, *build_id;
	bool seen_other; /* a file was there, but of another build */
};

static struct image *try_file(struct place *place, const char *file)
{
	struct image *image = image_open(file, place->build_id);

	if (!image && access(file, F_OK) == 0)
		place->seen_other = true;
	return image;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool by_build_id(char *out, size_t size, const char *folder, const char *id,
			const char *suffix)
{
	if (strlen(id) < 4 || strspn(id, "0123456789abcdef") != strlen(id))
		return false;
	return snprintf(out, size, "%s/.build-id/%.2s/%s%s", folder, id, id + 2, suffix) <
	       (int)size;
}

static struct image *module_in(struct place *place, const char *folder)
{
	char file[PATH_MAX];
	struct image *image = NULL;

	if (place->path[0] == '/' &&
	    snprintf(file, sizeof(file), "%s%s", folder, place->path) < (int)sizeof(file))
		image = try_file(place, file);
	if (!image && snprintf(file, sizeof(file), "%s/%s", folder, base_name(place->path)) <
			      (int)sizeof(file))
		image = try_file(place, file);
	if (!image && by_build_id(file, sizeof(file), folder, place->build_id, ""))
		image = try_file(place, file);
	return image;
}

static struct image *debug_in(struct place *place, const char *folder)
{
	char file[PATH_MAX];

	if (!by_build_id(file, sizeof(file), folder, place->build_id, ".debug"))
		return NULL;
	return try_file(place, file);
}

/* Calls `visit` with each folder of a colon-separated list until it returns an image. */
static struct image *each_folder(const char *list, struct place *place,
				 struct image *(*visit)(struct place *, const char *))
{
	char folder[PATH_MAX];
	struct image *image = NULL;

	while (list && *list && !image) {
		size_t length = strcspn(list, ":");
		if (length > 0 && length < sizeof(folder)) {
			memcpy(folder, list, length);
			folder[length] = 0;
			image = visit(place, folder);
		}
		list += length + (list[length] == ':');
	}
	return image;
}

enum locate_result locate_module(const char *path, const char *build_id, const char *search,
				 struct image **image)
{
	struct place place = {path, build_id, false};

	*image = NULL;
	if (path[0] == '/')
		*image = try_file(&place, path);
	if (!*image)
		*image = each_folder(search, &place, module_in);
	if (*image)
		return LOCATE_FOUND;
	return place.seen_other ? LOCATE_OTHER : LOCATE_MISSING;
}

/* A file named by .gnu_debuglink must have the build-id, or where there is none the checksum. */
static struct image *open_linked(const char *file, const char *build_id, uint32_t crc)
{
	struct image *image = image_open(file, build_id);
	uint32_t sum;

	if (image && !build_id[0] && (!image_file_crc(image, &sum) || sum != crc)) {
		image_close(image);
		image = NULL;
	}
	return image;
}

static struct image *linked_debug(const char *path, const char *build_id, struct image *module)
{
	static const char *const patterns[][2] = {
		{"", "/"},
		{"", "/.debug/"},
		{DEBUG_ROOT, "/"},
	};
	char file[PATH_MAX];
	const char *link;
	uint32_t crc;
	int folder = (int)(base_name(path) - path) - 1;
	struct image *image = NULL;

	if (folder < 0 || !image_debuglink(module, &link, &crc) || strchr(link, '/'))
		return NULL;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns) && !image; i++)
		if (snprintf(file, sizeof(file), "%s%.*s%s%s", patterns[i][0], folder, path,
			     patterns[i][1], link) < (int)sizeof(file))
			image = open_linked(file, build_id, crc);
	return image;
}

/* What debuginfod's clients (gdb, perf, elfutils) have fetched before: debuginfod_find_debuginfo(3) tells where they keep it. */
static struct image *cached_debug(struct place *place)
{
	static const struct {
		const char *variable, *below;
	} caches[] = {
		{"DEBUGINFOD_CACHE_PATH", ""},
		{"XDG_CACHE_HOME", "/debuginfod_client"},
		{"HOME", "/.cache/debuginfod_client"},
		{"HOME", "/.debuginfod_client_cache"},
	};
	char file[PATH_MAX];
	struct image *image = NULL;

	for (size_t i = 0; i < sizeof(caches) / sizeof(*caches) && !image; i++) {
		const char *folder = getenv(caches[i].variable);

		if (folder && folder[0] == '/' && place->build_id[0] &&
		    !strchr(place->build_id, '/') &&
		    snprintf(file, sizeof(file), "%s%s/%s/debuginfo", folder, caches[i].below,
			     place->build_id) < (int)sizeof(file))
			image = try_file(place, file);
	}
	return image;
}

struct image *locate_debug(const char *path, const char *build_id, const char *search,
			   struct image *module)
{
	struct place place = {path, build_id, false};
	struct image *image = each_folder(search, &place, debug_in);

	if (!image)
		image = debug_in(&place, DEBUG_ROOT);
	if (!image && module)
		image = linked_debug(path, build_id, module);
	return image ? image : cached_debug(&place);
}
