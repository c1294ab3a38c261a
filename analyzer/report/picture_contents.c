/* picture_contents.c - see picture_contents.h. */
#include "report/picture_contents.h"

#include <stdlib.h>
#include <string.h>

#include "report/contents.h"

/* Steps through insides in all: what is more stays as it is. */
#define STEPS_MOST 4000000u

struct folding {
	struct model *m;
	const struct ids *objects;
	struct drawing *d;
	uint32_t *first, *out; /* lines by the box that they leave */
	bool *inside, *reached;
	uint32_t *seen;	 /* by box: number of the walk + 1 */
	uint32_t *line;	 /* by box: the line that the walk came by */
	uint32_t *queue; /* boxes */
	uint32_t walk;
	size_t steps;
};

static struct error *open_folding(struct folding *f)
{
	size_t n = f->d->node_count, e = f->d->edge_count;

	f->first = calloc(n + 2, sizeof *f->first);
	f->out = calloc(e + 1, sizeof *f->out);
	f->inside = calloc(n + 1, sizeof *f->inside);
	f->reached = calloc(n + 1, sizeof *f->reached);
	f->seen = calloc(n + 1, sizeof *f->seen);
	f->line = calloc(n + 1, sizeof *f->line);
	f->queue = calloc(n + 1, sizeof *f->queue);
	if (!f->first || !f->out || !f->inside || !f->reached || !f->seen || !f->line || !f->queue)
		return error_memory();
	for (size_t i = 0; i < f->objects->n && i < n; i++)
		f->inside[i] = contents_inside(f->m, f->objects->data[i]) &&
			       !f->d->nodes[i].start && !f->d->nodes[i].highlighted;
	for (size_t i = 0; i < e; i++)
		f->first[f->d->edges[i].from + 2]++;
	for (size_t i = 0; i < n; i++)
		f->first[i + 2] += f->first[i + 1];
	for (size_t i = 0; i < e; i++)
		f->out[f->first[f->d->edges[i].from + 1]++] = (uint32_t)i;
	return NULL;
}

static void close_folding(struct folding *f)
{
	free(f->first);
	free(f->out);
	free(f->inside);
	free(f->reached);
	free(f->seen);
	free(f->line);
	free(f->queue);
}

/* The names from where the walk began to the end of a line. */
static char *label_of(struct folding *f, uint32_t last)
{
	const struct drawing_edge *edges = f->d->edges;
	struct contents contents = {0};
	struct str text = {0};
	uint32_t way[64], n = 0;
	char *label;

	for (uint32_t line = last; n < sizeof way / sizeof *way; line = f->line[edges[line].from]) {
		way[n++] = line;
		if (!f->inside[edges[line].from])
			break;
	}
	/* of a long way the beginning is what counts beside its end */
	while (n--) {
		uint32_t from = edges[way[n]].from;

		if (from < f->objects->n)
			contents_add(f->m, f->objects->data[from], edges[way[n]].label, &contents,
				     &text);
		else
			contents_clean(edges[way[n]].label, &text);
	}
	contents_end(&contents, &text);
	label = text.failed ? NULL : strdup(str_text(&text));
	str_free(&text);
	return label;
}

static struct error *add_line(struct folding *f, uint32_t from, uint32_t last)
{
	struct drawing_edge line = f->d->edges[last];

	line.from = from;
	line.fold = FOLD_NAME;
	line.label = label_of(f, last);
	return line.label ? drawing_add_edge(f->d, line) : error_memory();
}

/* From a line that leads inside to all boxes outside that can be reached through insides alone. */
static struct error *walk_from(struct folding *f, uint32_t entry)
{
	uint32_t start = f->d->edges[entry].from, head = 0, tail = 0, box = f->d->edges[entry].to;

	f->walk++;
	f->seen[start] = f->seen[box] = f->walk;
	f->line[box] = entry;
	f->queue[tail++] = box;
	while (head < tail) {
		box = f->queue[head++];
		f->reached[box] = true;
		for (uint32_t i = f->first[box]; i < f->first[box + 1]; i++) {
			uint32_t to = f->d->edges[f->out[i]].to;

			if (++f->steps > STEPS_MOST)
				return NULL;
			if (f->seen[to] == f->walk)
				continue;
			f->seen[to] = f->walk;
			f->line[to] = f->out[i];
			if (f->inside[to])
				f->queue[tail++] = to;
			else
				TRY(add_line(f, start, f->out[i]));
		}
	}
	return NULL;
}

static void drop(struct folding *f, struct ids *objects)
{
	struct drawing *d = f->d;
	uint32_t *number = f->seen, kept = 0, lines = 0, left = 0;

	for (uint32_t i = 0; i < d->node_count; i++) {
		bool goes = f->inside[i] && f->reached[i];

		number[i] = goes ? UINT32_MAX : kept;
		if (goes) {
			drawing_node_free(&d->nodes[i]);
			continue;
		}
		if (i < objects->n)
			objects->data[left++] = objects->data[i];
		d->nodes[kept++] = d->nodes[i];
	}
	for (uint32_t i = 0; i < d->edge_count; i++) {
		struct drawing_edge e = d->edges[i];

		if (number[e.from] == UINT32_MAX || number[e.to] == UINT32_MAX) {
			free(e.label);
			continue;
		}
		e.from = number[e.from];
		e.to = number[e.to];
		d->edges[lines++] = e;
	}
	objects->n = left;
	d->node_count = kept;
	d->edge_count = lines;
}

/* ---- what stays ------------------------------------------------------------------------------- */

struct name {
	uint32_t from, to, number;
	const char *label;
};

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = (x->from > y->from) - (x->from < y->from);

	if (!order)
		order = (x->to > y->to) - (x->to < y->to);
	if (!order)
		order = strcmp(x->label, y->label);
	return order ? order : (x->number > y->number) - (x->number < y->number);
}

static bool is_same(const struct name *a, const struct name *b)
{
	return a->from == b->from && a->to == b->to && strcmp(a->label, b->label) == 0;
}

/* Several ways through a container have the same name: a list is linked both ways. */
static struct error *drop_doubles(struct drawing *d)
{
	struct name *names = malloc((d->edge_count + 1) * sizeof *names);
	size_t kept = 0;

	if (!names)
		return error_memory();
	for (size_t i = 0; i < d->edge_count; i++)
		names[i] = (struct name){d->edges[i].from, d->edges[i].to, (uint32_t)i,
					 d->edges[i].label};
	qsort(names, d->edge_count, sizeof *names, by_name);
	for (size_t i = d->edge_count; i-- > 1;) {
		if (!is_same(&names[i], &names[i - 1]))
			continue;
		free(d->edges[names[i].number].label);
		d->edges[names[i].number].label = NULL;
	}
	free(names);
	for (size_t i = 0; i < d->edge_count; i++)
		if (d->edges[i].label)
			d->edges[kept++] = d->edges[i];
	d->edge_count = kept;
	return NULL;
}

/* "unique._M_t._M_head_impl" is "unique" */
static struct error *clean_names(struct drawing *d)
{
	for (size_t i = 0; i < d->edge_count; i++) {
		struct str text = {0};
		char *label;

		if (!strstr(d->edges[i].label, "_M_") && !strstr(d->edges[i].label, "__"))
			continue;
		contents_clean(d->edges[i].label, &text);
		label = text.n && !text.failed ? strdup(str_text(&text)) : NULL;
		str_free(&text);
		if (!label)
			continue;
		free(d->edges[i].label);
		d->edges[i].label = label;
	}
	return drop_doubles(d);
}

struct error *picture_contents(struct model *m, struct ids *objects, struct drawing *d)
{
	struct folding f = {.m = m, .objects = objects, .d = d};
	struct error *e = open_folding(&f);
	size_t lines = d->edge_count;

	for (uint32_t i = 0; i < lines && !e && f.steps <= STEPS_MOST; i++)
		if (!f.inside[d->edges[i].from] && f.inside[d->edges[i].to])
			e = walk_from(&f, i);
	if (!e && f.steps <= STEPS_MOST)
		drop(&f, objects);
	close_folding(&f);
	return e ? e : clean_names(d);
}
