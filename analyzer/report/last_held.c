/* last_held.c - see last_held.h. */
#include "report/last_held.h"

#include <stdlib.h>
#include <string.h>

#include "dump/reader.h"
#include "report/owner_path.h"
#include "util/big.h"

struct held {
	uint32_t record, path;
};

static int by_record(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->record != y->record)
		return x->record < y->record ? -1 : 1;
	return x->path < y->path ? -1 : x->path > y->path;
}

static uint32_t same_block(const struct model *now, uint32_t object, const struct model *earlier)
{
	uint64_t offset;
	uint32_t found = model_find_address(earlier, now->address[object], &offset);

	if (found == MODEL_NONE || offset || earlier->epoch[found] != now->epoch[object])
		return MODEL_NONE;
	return found;
}

/* The most frequent path of each record; of equal ones the one that was met first. */
static struct error *sum_up(const struct held *held, size_t n, const struct names *texts,
			    struct last_held *ret)
{
	for (size_t i = 0; i < n;) {
		struct last_held *r = &ret[held[i].record];
		size_t end = i;

		while (end < n && by_record(&held[i], &held[end]) == 0)
			end++;
		r->held += end - i;
		if (end - i > r->blocks) {
			free(r->path);
			r->path = strdup(texts->names[held[i].path]);
			if (!r->path)
				return error_memory();
			r->blocks = end - i;
		}
		i = end;
	}
	return NULL;
}

static struct error *look_up(const struct leaks *now, struct alive *earlier, struct last_held *ret)
{
	const struct model *m = now->alive->model;
	VEC(struct held) held = {0};
	struct names texts = {0};
	uint32_t *path = NULL;
	struct error *e;

	e = owner_paths(earlier, &texts, &path);
	for (uint32_t i = 0; i < m->nobjects && !e; i++) {
		uint32_t was = now->kind[i] == LEAK_DEFINITE ? same_block(m, i, earlier->model)
							     : MODEL_NONE;

		if (was != MODEL_NONE && path[was] != NAMES_NONE &&
		    !VEC_PUSH(&held, ((struct held){leaks_record(now, i), path[was]})))
			e = error_memory();
	}
	if (!e && held.n) {
		qsort(held.data, held.n, sizeof *held.data, by_record);
		e = sum_up(held.data, held.n, &texts, ret);
	}
	VEC_FREE(&held);
	big_free(path, earlier->model->nobjects, sizeof *path);
	names_free_kept(&texts);
	return e;
}

struct error *last_held_find(const struct leaks *now, struct model *earlier, struct last_held **ret)
{
	struct model *m = now->alive->model;
	const struct rgd_file_header *a = dump_header(m->dump), *b = dump_header(earlier->dump);
	struct alive alive;
	struct error *e;

	if (a->process_key != b->process_key || a->pid != b->pid)
		return error_usage("%s and %s are of different processes", earlier->path, m->path);
	*ret = calloc(now->records.n + 1, sizeof **ret);
	if (!*ret)
		return error_memory();
	TRY(model_load(m, MODEL_ADDRESS | MODEL_EPOCH));
	TRY(model_load(earlier, MODEL_ADDRESS | MODEL_EPOCH | MODEL_SIZE));
	TRY(alive_init(&alive, earlier));
	e = look_up(now, &alive, *ret);
	alive_deinit(&alive);
	return e;
}

void last_held_free(struct last_held *held, size_t records)
{
	for (size_t i = 0; held && i < records; i++)
		free(held[i].path);
	free(held);
}
