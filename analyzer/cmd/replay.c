/* replay.c - see replay.h. */
#include "cmd/replay.h"

#include <inttypes.h>

#include "report/call_paths.h"

enum { OF, NUMBER, EVENT, BEFORE, AFTER, TIMES, FUNCTION, THREAD, CALLER };

static const struct column columns[] = {
	[OF] = {"address", "ADDRESS", CELL_ADDRESS, .hidden = true, .about = "of the object"},
	[NUMBER] = {"event", "EVENT", CELL_NUMBER,
		    .about = "its number in this object's life, from 1"},
	[EVENT] = {"kind", "WHAT", CELL_TEXT,
		   .about = "create, destroy, ref, unref, sink, floats, defer, acquire, unseen "
			    "(the count was changed by "
			    "code that calls no function); after its end: \"ref after its end\", "
			    "or \"unref after its end, inlined\""},
	[BEFORE] = {"before", "COUNT", CELL_NUMBER, .about = "references before it"},
	[AFTER] = {"after", "THEN", CELL_NUMBER, .about = "and after it"},
	[TIMES] = {"times", "TIMES", CELL_NUMBER,
		   .about = "more than one: so many events long ago, whose order is not known any "
			    "more"},
	[FUNCTION] = {"function", "FUNCTION", CELL_TEXT, .about = "that was called"},
	[THREAD] = {"thread", "THREAD", CELL_NUMBER, .about = "its number in the kernel"},
	[CALLER] = {"path", "CALLED BY", CELL_TEXT, .about = "the line, then its callers"},
};
const struct record replay_record = {COLUMNS_OF(columns)};

static const char *const kinds[] = {
	[RGD_EVENT_CREATE] = "create", [RGD_EVENT_DESTROY] = "destroy",
	[RGD_EVENT_REF] = "ref",       [RGD_EVENT_UNREF] = "unref",
	[RGD_EVENT_SINK] = "sink",     [RGD_EVENT_FLOATS] = "floats",
	[RGD_EVENT_DEFER] = "defer",   [RGD_EVENT_ACQUIRE] = "acquire",
	[RGD_EVENT_UNSEEN] = "unseen",
};

static void add_kind(struct table *t, const struct ref_event *e, struct str *text)
{
	str_clear(text);
	if (e->kind < sizeof kinds / sizeof *kinds && kinds[e->kind])
		str_add(text, kinds[e->kind]);
	else
		str_printf(text, "event %u", e->kind);
	if (e->flags & RGD_EVENT_F_DRAIN)
		str_add(text, " (deferred)");
	if (e->flags & RGD_EVENT_F_ENDED)
		str_add(text, e->flags & RGD_EVENT_F_INLINE ? " after its end, inlined"
							    : " after its end");
	table_text(t, EVENT, str_text(text));
}

static struct error *add_event(struct table *t, struct call_paths *paths,
			       const struct counted_row *c, uint32_t i, struct str *text)
{
	const struct model *m = paths->m;
	const struct ref_event *e = &m->events[c->first + i];
	uint32_t site;

	TRY(call_paths_site(paths, e->stack, &site));
	table_row(t);
	table_number(t, OF, c->address);
	table_number(t, NUMBER, i + 1);
	add_kind(t, e, text);
	if (e->before != MODEL_UNKNOWN)
		table_number(t, BEFORE, e->before);
	if (e->after != MODEL_UNKNOWN && e->kind != RGD_EVENT_DESTROY)
		table_number(t, AFTER, e->after);
	table_number(t, TIMES, e->times);
	if (e->hook != MODEL_NONE)
		table_text(t, FUNCTION, model_string(m, m->hooks[e->hook].name));
	if (e->thread)
		table_number(t, THREAD, e->thread);
	str_clear(text);
	call_paths_text(paths, site, text);
	table_text(t, CALLER, e->stack == MODEL_NONE ? "" : str_text(text));
	return NULL;
}

static bool is_one(const struct counted_row *c, const struct ids *objects, uint64_t address)
{
	if (c->state >= RGD_COUNTED_LIFE)
		return false;
	if (address)
		return c->address == address;
	for (size_t i = 0; i < objects->n; i++)
		if (c->object == objects->data[i])
			return true;
	return false;
}

static void print_head(const struct model *m, const struct counted_row *c)
{
	printf("%s at 0x%" PRIx64 "%s%s: ", m->types[c->type].name, c->address,
	       c->state == RGD_COUNTED_ENDED ? ", which ended" : "",
	       c->flags & RGD_COUNTED_F_BEFORE
		       ? ", which was there before its functions were hooked"
		       : "");
	if (c->count != MODEL_UNKNOWN)
		printf("%" PRIu64 " references by its events", c->count);
	else
		printf("an unknown number of references");
	if (c->memory != MODEL_UNKNOWN)
		printf(", %" PRIu64 " as it says itself", c->memory);
	if (c->lost)
		printf("; %" PRIu64 " events were not kept", c->lost);
	putchar('\n');
}

static struct error *print_one(struct context *context, struct call_paths *paths,
			       const struct counted_row *c)
{
	struct str text = {0};
	struct table *t;
	struct error *e;

	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	e = NULL;
	for (uint32_t i = 0; i < c->events && !e; i++)
		e = add_event(t, paths, c, i, &text);
	if (!e && context->style.format == TABLE_TEXT && !context->style.no_header)
		print_head(paths->m, c);
	if (!e)
		e = text.failed ? error_memory() : table_print(t, &context->style, stdout);
	table_destroy(t);
	str_free(&text);
	return e;
}

struct error *replay(struct context *context, struct model *m, const struct ids *objects,
		     uint64_t address)
{
	struct call_paths paths;
	struct error *e = NULL;
	bool some = false;

	TRY(model_load(m, MODEL_COUNTED | MODEL_TYPES));
	TRY(call_paths_init(m, &paths));
	for (uint32_t i = 0; i < m->ncounted && !e; i++) {
		if (!is_one(&m->counted[i], objects, address))
			continue;
		some = true;
		e = print_one(context, &paths, &m->counted[i]);
	}
	call_paths_deinit(&paths);
	if (!e && !some)
		e = error_usage("%s has no events of that object%s", m->path,
				m->nhooks ? "" : ": the program was not started with --rules");
	return e;
}
