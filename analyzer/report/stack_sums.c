/* stack_sums.c - see stack_sums.h. First by number of stack, one pass; then each stack that occurs
 * is given its rows. */
#include "report/stack_sums.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/big.h"

#define UNKNOWN "(unknown)"

struct sum {
	uint64_t objects, bytes;
};

/* The row of this place below `parent`, made when it is new; MODEL_NONE without memory. */
static uint32_t row_of(struct stack_sums *s, uint32_t parent, const char *place)
{
	struct stack_row row = {.parent = parent};
	struct str key = {0};
	uint32_t number, before = s->keys.n;

	str_printf(&key, "%" PRIu32 " %s", parent, place);
	number = key.failed ? NAMES_NONE : names_keep(&s->keys, str_text(&key));
	str_free(&key);
	if (number == NAMES_NONE || number < before)
		return number;
	if (!VEC_PUSH(&s->rows, row))
		return MODEL_NONE;
	/* the key's text, without the parent's number, is the place */
	s->rows.data[number].place = strchr(s->keys.names[number], ' ') + 1;
	s->rows.data[number].depth = parent == MODEL_NONE ? 0 : s->rows.data[parent].depth + 1;
	return number;
}

static void whole_text(const struct model *m, uint32_t stack, struct str *out)
{
	for (bool first = true; stack != MODEL_NONE;
	     stack = m->stacks[stack].parent, first = false) {
		if (!first)
			str_add(out, " < ");
		model_frame_text(m, m->stacks[stack].frame, out);
	}
}

static void site_text(const struct model *m, uint32_t stack, struct str *out)
{
	uint32_t frame = model_site_frame(m, stack);

	if (frame != MODEL_NONE)
		model_frame_text(m, frame, out);
	else
		str_add(out, UNKNOWN);
}

/* The row of a stack in the tree: those of its callers first. `row` is what is known, by stack,
 * + 1. */
static uint32_t tree_row(struct stack_sums *s, const struct model *m, uint32_t stack, uint32_t *row,
			 struct ids *path, struct str *text)
{
	uint32_t at = MODEL_NONE;

	path->n = 0;
	for (uint32_t k = stack; k != MODEL_NONE; k = m->stacks[k].parent) {
		if (row[k]) {
			at = row[k] - 1;
			break;
		}
		if (!VEC_PUSH(path, k))
			return MODEL_NONE;
	}
	while (path->n) {
		uint32_t k = path->data[--path->n];

		str_clear(text);
		model_frame_text(m, m->stacks[k].frame, text);
		at = text->failed ? MODEL_NONE : row_of(s, at, str_text(text));
		if (at == MODEL_NONE)
			return MODEL_NONE;
		row[k] = at + 1;
	}
	return at;
}

static void add_to_row(struct stack_sums *s, uint32_t row, const struct sum *sum, bool old)
{
	for (; row != MODEL_NONE; row = s->rows.data[row].parent) {
		struct stack_row *r = &s->rows.data[row];

		*(old ? &r->old_objects : &r->objects) += sum->objects;
		*(old ? &r->old_bytes : &r->bytes) += sum->bytes;
	}
	*(old ? &s->old_objects : &s->objects) += sum->objects;
	*(old ? &s->old_bytes : &s->bytes) += sum->bytes;
}

/* `sums` by stack + 1; 0 is unknown. */
static struct error *add_stacks(struct stack_sums *s, struct model *m, const struct sum *sums,
				bool old)
{
	uint32_t *rows = NULL, row;
	struct ids path = {0};
	struct str text = {0};
	struct error *e;

	e = big_alloc((size_t)m->nstacks + 1, sizeof *rows, &rows);
	for (uint32_t k = 0; k <= m->nstacks && !e; k++) {
		if (!sums[k].objects && !sums[k].bytes)
			continue;
		str_clear(&text);
		if (!k)
			str_add(&text, UNKNOWN);
		else if (s->by == STACKS_SITE)
			site_text(m, k - 1, &text);
		else if (s->by == STACKS_WHOLE)
			whole_text(m, k - 1, &text);
		if (k && s->by == STACKS_TREE)
			row = tree_row(s, m, k - 1, rows, &path, &text);
		else
			row = text.failed ? MODEL_NONE : row_of(s, MODEL_NONE, str_text(&text));
		if (row == MODEL_NONE)
			e = error_memory();
		else
			add_to_row(s, row, &sums[k], old);
	}
	big_free(rows, (size_t)m->nstacks + 1, sizeof *rows);
	VEC_FREE(&path);
	str_free(&text);
	return e;
}

struct error *stack_sums_add(struct stack_sums *s, struct model *m,
			     const struct stack_choice *choice, bool old)
{
	struct sum *sums = NULL;
	struct error *e;

	TRY(model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_EPOCH | MODEL_SIZE));
	TRY(big_alloc((size_t)m->nstacks + 1, sizeof *sums, &sums));
	for (uint32_t o = 0; o < m->nobjects; o++) {
		bool storage = m->flags[o] & RGD_OBJ_F_INTERNAL;

		if (m->epoch[o] < choice->first || m->epoch[o] >= choice->end ||
		    (choice->universe && !universe_has(choice->universe, m, o)) ||
		    (choice->where && !where_test(choice->where, o)))
			continue;
		sums[m->stack[o]].objects += !storage;
		sums[m->stack[o]].bytes += m->size[o];
	}
	e = add_stacks(s, m, sums, old);
	big_free(sums, (size_t)m->nstacks + 1, sizeof *sums);
	return e;
}

void stack_sums_deinit(struct stack_sums *s)
{
	names_free_kept(&s->keys);
	VEC_FREE(&s->rows);
}
