/* suspect_words.c - see suspect_words.h. */
#include "report/suspect_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/repr.h"

char *suspect_text(const char *text, ...)
{
	char *ret = NULL;
	va_list args;

	va_start(args, text);
	if (vasprintf(&ret, text, args) < 0)
		ret = NULL;
	va_end(args);
	return ret;
}

void suspect_deinit(struct finding *f)
{
	free(f->what);
	free(f->evidence);
	free(f->next);
	free(f->path);
}

struct error *suspect_add(struct suspects *s, struct finding f)
{
	if (f.what && f.evidence && f.next && VEC_PUSH(&s->list, f))
		return NULL;
	suspect_deinit(&f);
	return error_memory();
}

struct error *suspect_add_unless(struct suspects *s, struct finding f, struct error *e)
{
	if (!e)
		return suspect_add(s, f);
	suspect_deinit(&f);
	return e;
}

struct error *suspect_path(const struct suspects *s, uint32_t object, char **ret)
{
	struct str path = {0};
	struct error *e = NULL;

	if (s->tree.edge[object] != BFS_TREE_NONE)
		e = spell_way(&s->spell, &s->tree, object, &path);
	*ret = e || path.failed ? NULL : strdup(str_text(&path));
	str_free(&path);
	return e ? e : *ret ? NULL : error_memory();
}

char *suspect_size(const struct suspects *s, uint64_t bytes)
{
	struct str text = {0};

	str_size_words(&text, bytes, s->q.exact_sizes);
	return text.data ? text.data : strdup("");
}

char *suspect_object(const struct suspects *s, uint32_t object)
{
	struct str text = {0};

	repr_full(s->q.alive->model, object, &text);
	str_printf(&text, " #%" PRIu32, object);
	return text.data ? text.data : strdup("");
}

char *suspect_site(const struct suspects *s, uint32_t object)
{
	const struct model *m = s->q.alive->model;
	uint32_t frame = m->stack[object] ? model_site_frame(m, m->stack[object] - 1) : MODEL_NONE;
	struct str text = {0};
	char *ret;

	if (frame != MODEL_NONE)
		model_frame_text(m, frame, &text);
	ret = strdup(frame == MODEL_NONE ? "an unknown place" : str_text(&text));
	str_free(&text);
	return ret;
}

const char *suspect_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

double suspect_seconds(const struct suspects *s)
{
	const struct diff *d = s->q.diff;

	return d ? (double)(int64_t)(d->side[1].time_ns - d->side[0].time_ns) / 1e9 : 0;
}
