/* suppress.c - matching suppressions with stacks, and writing them; see suppress.h. */
#include "report/suppress_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- patterns --------------------------------------------------------------------------------- */

/* '*' is any text, '?' any character, as in memcheck; nothing else is special. */
static bool glob(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			again = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* What is known of a frame. */
struct place {
	const char *function, *object;
	struct str text; /* "f+0x12 (file.c:17)" */
};

static void place_of(const struct model *m, uint32_t stack, struct place *ret)
{
	const struct frame *f = &m->frames[m->stacks[stack].frame];
	const char *name = NULL;

	*ret = (struct place){.function = "", .object = ""};
	if (f->kind != RGD_FRAME_NATIVE)
		name = model_string(m, f->function);
	else if (m->namer.function)
		name = m->namer.function(m->namer.context, m->stacks[stack].frame);
	if (name)
		ret->function = name; /* with a version behind @ when it has one */
	if (f->module != MODEL_NONE)
		ret->object = model_string(m, m->modules[f->module].path);
	model_frame_text(m, m->stacks[stack].frame, &ret->text);
}

/* "cache.c:17" against "f+0x12 (cache.c:17)", "cache.c" against any line of it */
static bool source_matches(const char *pattern, const char *text)
{
	const char *open = strrchr(text, '(');
	char place[512];
	size_t n;

	if (!open)
		return false;
	n = (size_t)snprintf(place, sizeof place, "%s", open + 1);
	if (n >= sizeof place || !n)
		return false;
	place[n - 1] = 0;
	if (glob(pattern, place))
		return true;
	if (!strrchr(place, ':'))
		return false;
	*strrchr(place, ':') = 0;
	return glob(pattern, place);
}

/* With or without the symbol's version: "__libc_start_main@@GLIBC_2.34" */
static bool function_matches(const char *pattern, const char *function)
{
	const char *version = strchr(function, '@');
	char name[512];

	if (glob(pattern, function))
		return true;
	if (!version || (size_t)(version - function) >= sizeof name)
		return false;
	memcpy(name, function, (size_t)(version - function));
	name[version - function] = 0;
	return glob(pattern, name);
}

static bool line_matches(const struct line *l, const struct place *p)
{
	switch (l->kind) {
	case LINE_FUNCTION:
		return function_matches(l->pattern, p->function);
	case LINE_OBJECT:
		return glob(l->pattern, p->object);
	case LINE_SOURCE:
		return source_matches(l->pattern, str_text(&p->text));
	case LINE_TEXT:
		return glob(l->pattern, p->function) || glob(l->pattern, p->object) ||
		       glob(l->pattern, str_text(&p->text));
	case LINE_ANY:
		break;
	}
	return true;
}

/* As glob(): each line is one frame, only the last "..." can need to take more. */
static bool stack_matches(const struct line *lines, size_t nlines, const struct place *places,
			  size_t nplaces)
{
	size_t line = 0, place = 0, any = SIZE_MAX, again = 0;

	while (line < nlines) {
		if (lines[line].kind == LINE_ANY) {
			any = ++line;
			again = place;
		} else if (place < nplaces && line_matches(&lines[line], &places[place])) {
			line++;
			place++;
		} else if (any != SIZE_MAX && again < nplaces) {
			line = any;
			place = ++again;
		} else {
			return false;
		}
	}
	return true;
}

static bool any_matches(const struct line *line, const struct place *places, size_t nplaces)
{
	for (size_t i = 0; i < nplaces; i++)
		if (line_matches(line, &places[i]))
			return true;
	return false;
}

/* May the line be about the allocator itself? That is not in our stacks: they begin with its caller. */
static bool is_allocator(const struct line *l)
{
	static const char *const names[] = {
		"malloc",
		"calloc",
		"realloc",
		"memalign",
		"posix_memalign",
		"aligned_alloc",
		"reallocarray",
		"valloc",
		"pvalloc",
		"_Znwm",
		"_Znam",
		"_ZnwmRKSt9nothrow_t",
		"_ZnamRKSt9nothrow_t",
		"_ZnwmSt11align_val_t",
		"_ZnamSt11align_val_t",
		"operator new(unsigned long)",
		"operator new[](unsigned long)",
	};

	for (size_t i = 0; l->kind == LINE_FUNCTION && i < sizeof names / sizeof *names; i++)
		if (glob(l->pattern, names[i]))
			return true;
	return false;
}

static const char *match(const struct suppressions *s, enum leak_kind kind,
			 const struct place *places, size_t nplaces)
{
	for (size_t i = 0; i < s->list.n; i++) {
		const struct suppression *x = &s->list.data[i];
		size_t skip = x->lines.n > 1 && is_allocator(&x->lines.data[0]);

		if (!(x->kinds >> kind & 1))
			continue;
		if (x->lines.data[0].kind == LINE_TEXT
			    ? any_matches(x->lines.data, places, nplaces)
			    : stack_matches(x->lines.data + skip, x->lines.n - skip, places,
					    nplaces))
			return x->name;
	}
	return NULL;
}

static const char *match_stack(const struct suppressions *s, const struct model *m,
			       enum leak_kind kind, uint32_t stack)
{
	VEC(struct place) places = {0};
	const char *name;

	for (; stack != MODEL_NONE; stack = m->stacks[stack].parent) {
		struct place place;

		place_of(m, stack, &place);
		if (!VEC_PUSH(&places, place)) {
			str_free(&place.text);
			break;
		}
	}
	name = match(s, kind, places.data, places.n);
	for (size_t i = 0; i < places.n; i++)
		str_free(&places.data[i].text);
	VEC_FREE(&places);
	return name;
}

/* A block of which only the site is known came by one of the ways that lead there. */
const char *suppressions_match(const struct suppressions *s, const struct model *m,
			       const struct leak_record *r, bool *some)
{
	const char *name = match_stack(s, m, r->kind, r->stack);
	uint32_t whole = name ? MODEL_NONE : model_whole_stacks(m, r->stack, MODEL_NONE);
	size_t ways = 0, known = 0;

	for (; whole != MODEL_NONE; whole = model_whole_stacks(m, r->stack, whole)) {
		const char *way = match_stack(s, m, r->kind, whole);

		ways++;
		known += way != NULL;
		if (way && !name)
			name = way;
		if (known && known < ways)
			break;
	}
	*some = known && known < ways;
	return *some ? NULL : name;
}

/* Naming stacks costs: not for the many that nobody complains of. */
void leaks_suppress(struct leaks *l, const struct suppressions *s)
{
	for (size_t i = 0; i < l->records.n; i++) {
		struct leak_record *r = &l->records.data[i];
		bool some;

		if (r->kind == LEAK_GARBAGE || (r->kind == LEAK_REACHABLE && !s->given))
			continue;
		r->suppressed = suppressions_match(s, l->alive->model, r, &some);
		if (some) {
			l->undecided.blocks += r->own.blocks;
			l->undecided.bytes += r->own.bytes;
		}
		if (!r->suppressed)
			continue;
		l->sums[r->kind].blocks -= r->own.blocks;
		l->sums[r->kind].bytes -= r->own.bytes;
		l->suppressed.blocks += r->own.blocks;
		l->suppressed.bytes += r->own.bytes;
	}
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* memcheck reads 24 lines of frames. */
#define WRITTEN_FRAMES 23u

/* What calls main() is the same for every program; memcheck calls it "(below main)". */
static bool below_main(const char *function)
{
	return strncmp(function, "__libc_start_", 13) == 0 || strcmp(function, "_start") == 0;
}

void suppression_for(const struct model *m, const struct leak_record *r, struct str *out)
{
	uint32_t stack = r->stack;
	bool more = true;

	str_printf(out,
		   "{\n   <insert_a_suppression_name_here>\n   Memcheck:Leak\n"
		   "   match-leak-kinds: %s\n   fun:*\n",
		   leak_kind_names[r->kind]);
	for (unsigned i = 0; more && stack != MODEL_NONE && i < WRITTEN_FRAMES; i++) {
		struct place place;

		place_of(m, stack, &place);
		more = !below_main(place.function);
		if (more && *place.function)
			str_printf(out, "   fun:%.*s\n", (int)strcspn(place.function, "@"),
				   place.function);
		else if (more)
			str_printf(out, "   obj:%s\n", *place.object ? place.object : "*");
		str_free(&place.text);
		stack = m->stacks[stack].parent;
	}
	str_add(out, "}\n");
}
