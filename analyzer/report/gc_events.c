/* gc_events.c - see gc_events.h. */
#include "report/gc_events.h"

#include <string.h>

/* The rows of an event follow one another, this one first. */
#define FIRST "event.until"

static uint64_t *field_of(struct gc_event *e, const char *name)
{
	const struct {
		const char *name;
		uint64_t *field;
	} fields[] = {
		{"event.span", &e->span},
		{"event.processor", &e->processor},
		{"event.generation", &e->generation},
		{"event.collections", &e->collections},
		{"event.collected", &e->collected},
		{"event.uncollectable", &e->uncollectable},
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strcmp(fields[i].name, name) == 0)
			return fields[i].field;
	return NULL;
}

static struct error *read_row(const struct model *m, const struct gc_value *v,
			      struct gc_events *ret)
{
	const char *name = model_string(m, v->name);
	struct gc_event e = {.number = v->index, .until = v->value};
	uint64_t *field;

	if (strcmp(name, "events.total") == 0) {
		ret->total = v->value;
		ret->known = true;
	}
	if (strncmp(name, "event.", 6) != 0)
		return NULL;
	if (strcmp(name, FIRST) == 0)
		return VEC_PUSH(&ret->list, e) ? NULL : error_memory();
	if (!ret->list.n || ret->list.data[ret->list.n - 1].number != v->index)
		return NULL;
	field = field_of(&ret->list.data[ret->list.n - 1], name);
	if (field)
		*field = v->value;
	return NULL;
}

struct error *gc_events_read(struct model *m, struct gc_events *ret)
{
	struct error *e;

	*ret = (struct gc_events){0};
	e = model_load(m, MODEL_GC | MODEL_STRINGS | MODEL_EPOCHS);
	for (uint32_t i = 0; i < m->ngc && !e; i++)
		e = read_row(m, &m->gc[i], ret);
	for (uint32_t i = 0; i < m->nepochs; i++)
		if (m->epochs[i].kind == 0)
			ret->start = m->epochs[i].time_ns;
	if (e)
		gc_events_deinit(ret);
	return e;
}

void gc_events_deinit(struct gc_events *events)
{
	VEC_FREE(&events->list);
}
