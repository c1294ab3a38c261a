/* tree_picture.c - see tree_picture.h. */
#include "report/tree_picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/holder.h"
#include "report/repr.h"

static char *take(struct str *text)
{
	char *ret = text->failed ? NULL : strdup(str_text(text));

	str_free(text);
	return ret;
}

static double share_of(const struct alive *a, uint64_t bytes)
{
	return a->reached_bytes ? 100.0 * (double)bytes / (double)a->reached_bytes : 0;
}

/* What is known of a row while the tree is drawn. */
struct place {
	uint32_t shown; /* rows directly below it */
	uint32_t node;	/* its box: that of the head of its chain */
	uint32_t chain; /* rows of the chain from here on, itself included */
	bool link;	/* drawn as part of the chain of the row above */
};

#define LEAST_CHAIN 4u

/* One of a type below one of that type, and nothing else below that: a list, whose links are one box. */
static bool is_link(const struct alive *a, const struct tree *tree, const struct place *places,
		    size_t i)
{
	const struct tree_row *row = &tree->rows.data[i], *up;

	if (row->parent == TREE_NONE || places[row->parent].shown != 1)
		return false;
	up = &tree->rows.data[row->parent];
	return row->members == 1 && up->members == 1 &&
	       model_type_of(a->model, row->object) == model_type_of(a->model, up->object);
}

/* "dict 2500 items\n2.2 MiB, 11.3 %, 22502 objects" */
static char *label_of(const struct alive *a, const struct tree_row *row, uint32_t chain)
{
	struct str text = {0}, repr = {0};

	if (row->members > 1 || chain > 1) {
		str_printf(&text, chain > 1 ? "a chain of %" PRIu32 " x " : "%" PRIu32 " x ",
			   chain > 1 ? chain : row->members);
		str_printable(&text, model_type_name(a->model, row->object));
	} else {
		str_printable(&text, model_type_name(a->model, row->object));
		repr_object(a->model, row->object, &repr);
		if (repr.n)
			str_char(&text, ' ');
		str_printable(&text, str_text(&repr));
	}
	str_char(&text, '\n');
	str_size_words(&text, row->retained, false);
	str_printf(&text, ", %.1f %%, %" PRIu64 " object%s", share_of(a, row->retained),
		   row->objects, row->objects == 1 ? "" : "s");
	text.failed = text.failed || repr.failed;
	str_free(&repr);
	return take(&text);
}

static char *tooltip_of(const struct alive *a, const struct tree_row *row)
{
	struct str text = {0};

	str_printf(&text, "#%" PRIu32 " 0x%" PRIx64 ", itself ", row->object,
		   a->model->address[row->object]);
	str_size_words(&text, row->size, false);
	return take(&text);
}

static struct error *add_row(const struct alive *a, const struct tree_row *row, uint32_t chain,
			     unsigned depth, struct drawing *d, uint32_t *ret)
{
	struct drawing_node node = {
		.label = label_of(a, row, chain),
		.tooltip = tooltip_of(a, row),
		.depth = depth,
		.weight = row->retained,
		.members = chain > 1 ? chain : row->members,
		.more = row->hidden,
		.more_bytes = row->hidden_bytes,
	};

	if (asprintf(&node.name, "o%" PRIu64, a->model->address[row->object]) < 0)
		node.name = NULL;
	return drawing_add_node(d, node, ret);
}

/* What the reference from the row above is called; for a row on top, which root holds it. */
static struct error *add_line(const struct alive *a, const struct tree *tree, size_t i,
			      uint32_t from, uint32_t to, struct drawing *d)
{
	const struct tree_row *row = &tree->rows.data[i];
	uint32_t up = row->parent == TREE_NONE ? MODEL_NONE : tree->rows.data[row->parent].object;
	struct drawing_edge line = {.from = from, .to = to};
	bool group = row->members > 1 ||
		     (row->parent != TREE_NONE && tree->rows.data[row->parent].members > 1);
	struct str held = {0};
	struct error *e = group ? NULL : holder_name(a, up, row->object, &held);

	line.label = e ? strdup("") : take(&held);
	if (e) {
		str_free(&held);
		free(line.label);
		return e;
	}
	return drawing_add_edge(d, line);
}

static struct error *add_roots(const struct alive *a, const struct tree *tree, struct drawing *d)
{
	struct drawing_node node = {.root = true,
				    .name = strdup("roots"),
				    .more = tree->hidden,
				    .more_bytes = tree->hidden_bytes,
				    .weight = a->reached_bytes};
	struct str text = {0};
	uint32_t number;

	str_add(&text, "roots\n");
	str_size_words(&text, a->reached_bytes, false);
	str_printf(&text, " in %" PRIu64 " objects", a->reached_objects);
	node.label = take(&text);
	return drawing_add_node(d, node, &number);
}

/* Heads of chains learn how long these are; the numbers of boxes come later. */
static void find_chains(const struct alive *a, const struct tree *tree, struct place *places)
{
	for (size_t i = 0; i < tree->rows.n; i++)
		if (tree->rows.data[i].parent != TREE_NONE)
			places[tree->rows.data[i].parent].shown++;
	for (size_t i = tree->rows.n; i-- > 0;) { /* from below: a row is behind the one above it */
		places[i].chain++;
		places[i].link = is_link(a, tree, places, i);
		if (places[i].link)
			places[tree->rows.data[i].parent].chain += places[i].chain;
	}
	for (size_t i = 0; i < tree->rows.n; i++) {
		if (places[i].link) /* the row above was seen before */
			places[i].link = places[tree->rows.data[i].parent].chain >= LEAST_CHAIN;
		if (!places[i].link && places[i].chain < LEAST_CHAIN)
			places[i].chain = 1;
		else if (places[i].link)
			places[i].chain = LEAST_CHAIN;
	}
}

static struct error *draw_rows(const struct alive *a, const struct tree *tree, bool whole,
			       struct place *places, struct drawing *d)
{
	for (size_t i = 0; i < tree->rows.n; i++) {
		const struct tree_row *row = &tree->rows.data[i];
		unsigned depth = whole;

		if (places[i].link) {
			places[i].node = places[row->parent].node;
			d->nodes[places[i].node].more = row->hidden;
			d->nodes[places[i].node].more_bytes = row->hidden_bytes;
			continue;
		}
		if (row->parent != TREE_NONE)
			depth = d->nodes[places[row->parent].node].depth + 1;
		TRY(add_row(a, row, places[i].chain, depth, d, &places[i].node));
		d->max_depth = depth > d->max_depth ? depth : d->max_depth;
		if (row->parent != TREE_NONE)
			TRY(add_line(a, tree, i, places[row->parent].node, places[i].node, d));
		else if (whole)
			TRY(add_line(a, tree, i, 0, places[i].node, d));
	}
	return NULL;
}

struct error *tree_picture(const struct alive *a, const struct tree *tree, bool whole,
			   struct drawing *d)
{
	struct place *places = calloc(tree->rows.n + 1, sizeof *places);
	struct error *e = places ? NULL : error_memory();

	*d = (struct drawing){.by_weight = true, .sideways = true};
	if (!e && whole)
		e = add_roots(a, tree, d);
	if (!e) {
		find_chains(a, tree, places);
		e = draw_rows(a, tree, whole, places, d);
	}
	free(places);
	return e;
}
