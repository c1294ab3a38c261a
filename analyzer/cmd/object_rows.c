/* object_rows.c - see cmd.h. */
#include <string.h>

#include "cmd/cmd.h"

#include "report/repr.h"
#include "report/retained.h"
#include "util/big.h"

enum { ID, ADDRESS, OFFSET, TYPE, MODULE, SIZE, RETAINED, REFCOUNT, GENERATION, EPOCH, REPR, SITE };

static const struct column columns[] = {
	[ID] = {"id", "ID", CELL_ID, .about = "number of the object in this dump"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
	[OFFSET] = {"offset", "OFFSET", CELL_NUMBER, .hidden = true,
		    .about = "of the address that was asked for"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "short name of its type"},
	[MODULE] = {"module", "MODULE", CELL_TEXT, .hidden = true, .about = "module of its type"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .about = "bytes"},
	[RETAINED] =
		{"retained", "RETAINED", CELL_SIZE, .hidden = true,
		 .about = "bytes that would go with it; null unless --columns or --sort names it, "
			  "or where no root reaches it"},
	[REFCOUNT] = {"refcount", "REFS", CELL_NUMBER, .about = "its reference count"},
	[GENERATION] = {"generation", "GEN", CELL_NUMBER, .hidden = true,
			.about = "0, 1, 2; 3 = permanent"},
	[EPOCH] = {"epoch", "EPOCH", CELL_NUMBER, .hidden = true, .about = "of its birth"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "in a few words"},
	[SITE] = {"site", "SITE", CELL_TEXT, .hidden = true, .about = "where it was made"},
};

void add_site(const struct model *m, uint32_t object, struct str *out)
{
	uint32_t frame = m->stack[object] ? model_site_frame(m, m->stack[object] - 1) : MODEL_NONE;

	if (frame != MODEL_NONE)
		model_frame_text(m, frame, out);
}

/* Naming sites reads symbol tables: only when somebody will see them. */
static bool wants_site(const struct table_style *style)
{
	return style->format != TABLE_TEXT || (style->columns && strstr(style->columns, "site")) ||
	       (style->sort && strstr(style->sort, "site"));
}

static bool wants_retained(const struct table_style *style)
{
	return (style->columns && strstr(style->columns, "retained")) ||
	       (style->sort && strstr(style->sort, "retained"));
}

struct extras {
	bool site;
	uint64_t *retained; /* NULL: nobody wants it */
};

static void add_row(struct table *t, struct model *m, uint32_t o, const uint64_t *offset,
		    const struct extras *extras, struct str *scratch)
{
	const struct type *type = model_type(m, model_type_of(m, o));

	table_row(t);
	table_number(t, ID, o);
	table_number(t, ADDRESS, m->address[o]);
	if (offset)
		table_number(t, OFFSET, *offset);
	table_text(t, TYPE, type->name);
	table_text(t, MODULE, type->module);
	table_number(t, SIZE, m->size[o]);
	if (extras->retained && extras->retained[o] != RETAINED_NONE)
		table_number(t, RETAINED, extras->retained[o]);
	table_number(t, REFCOUNT, m->refcount[o]);
	table_number(t, GENERATION, model_generation(m, o));
	table_number(t, EPOCH, m->epoch[o]);
	str_clear(scratch);
	repr_object(m, o, scratch);
	table_text(t, REPR, str_text(scratch));
	if (!extras->site)
		return;
	str_clear(scratch);
	add_site(m, o, scratch);
	table_text(t, SITE, str_text(scratch));
}

/* A bound method's function is one of its references. */
static bool wants_edges(struct model *m, const struct ids *objects, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(model_type_name(m, objects->data[i]), "method") == 0)
			return true;
	return false;
}

struct error *print_objects(struct context *c, struct model *m, const struct ids *objects,
			    const uint64_t *offsets)
{
	struct table *t;
	struct str scratch = {0};
	struct extras extras = {.site = wants_site(&c->style)};
	/* rows that would be cut off need not be made */
	size_t n = c->style.limit && !c->style.sort && c->style.limit < objects->n ? c->style.limit
										   : objects->n;
	struct error *e;

	TRY(model_load_for(m, MODEL_REPR | MODEL_SIZE | MODEL_REFCOUNT | MODEL_EPOCH, objects->data,
			   n));
	if (wants_edges(m, objects, n))
		TRY(model_load(m, MODEL_EDGES));
	if (wants_retained(&c->style))
		TRY(retained_sizes(m, &extras.retained));
	e = table_create(columns, sizeof columns / sizeof *columns, &t);
	if (e) {
		big_free(extras.retained, m->nobjects, sizeof *extras.retained);
		return e;
	}
	e = table_stream(t, &c->style, stdout);
	for (size_t i = 0; i < n && !e; i++)
		add_row(t, m, objects->data[i], offsets ? &offsets[i] : NULL, &extras, &scratch);
	if (!e)
		e = scratch.failed ? error_memory() : table_print(t, &c->style, stdout);
	str_free(&scratch);
	big_free(extras.retained, m->nobjects, sizeof *extras.retained);
	table_destroy(t);
	return e;
}

const struct record object_record = {COLUMNS_OF(columns)};
