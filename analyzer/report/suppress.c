/* suppress.c - see suppress.h. */
#include "report/suppress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum line_kind {
	LINE_FUNCTION,
	LINE_OBJECT,
	LINE_SOURCE,
	LINE_ANY, /* "...": any number of frames */
	LINE_TEXT /* LeakSanitizer's */
};

struct line {
	enum line_kind kind;
	char *pattern;
};

struct suppression {
	char *name;
	unsigned kinds; /* bit set of enum leak_kind */
	VEC(struct line) lines;
};

struct suppressions {
	VEC(struct suppression) list;
	bool given; /* by a file */
};

/* The dynamic linker keeps its own in places that nobody scans: memory of before malloc, the cached stacks of ended threads. */
static const char own_text[] = "{\n"
			       "  ld.so's own\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: definite,indirect,possible\n"
			       "  obj:*/ld-linux-x86-64.so.2\n"
			       "}\n";

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

const char *suppressions_match(const struct suppressions *s, const struct model *m,
			       const struct leak_record *r)
{
	VEC(struct place) places = {0};
	const char *name;

	for (uint32_t stack = r->stack; stack != MODEL_NONE; stack = m->stacks[stack].parent) {
		struct place place;

		place_of(m, stack, &place);
		if (!VEC_PUSH(&places, place)) {
			str_free(&place.text);
			break;
		}
	}
	name = match(s, r->kind, places.data, places.n);
	for (size_t i = 0; i < places.n; i++)
		str_free(&places.data[i].text);
	VEC_FREE(&places);
	return name;
}

/* Naming stacks costs: not for the many that nobody complains of. */
void leaks_suppress(struct leaks *l, const struct suppressions *s)
{
	for (size_t i = 0; i < l->records.n; i++) {
		struct leak_record *r = &l->records.data[i];

		if (r->kind == LEAK_GARBAGE || (r->kind == LEAK_REACHABLE && !s->given))
			continue;
		r->suppressed = suppressions_match(s, l->alive->model, r);
		if (!r->suppressed)
			continue;
		l->sums[r->kind].blocks -= r->own.blocks;
		l->sums[r->kind].bytes -= r->own.bytes;
		l->suppressed.blocks += r->own.blocks;
		l->suppressed.bytes += r->own.bytes;
	}
}

/* ---- reading ---------------------------------------------------------------------------------- */

struct reader {
	struct suppressions *s;
	const char *path, *at, *end;
	unsigned line;
	char text[1024]; /* this line, without blanks around it */
};

static void suppression_free(struct suppression *x)
{
	free(x->name);
	for (size_t i = 0; i < x->lines.n; i++)
		free(x->lines.data[i].pattern);
	VEC_FREE(&x->lines);
}

static struct error *wrong(const struct reader *r, const char *why)
{
	return error_usage("%s:%u: %s: '%.60s'", r->path, r->line, why, r->text);
}

/* The next line that says something; false at the end. A line that is too long is cut, and then matches nothing by mistake. */
static bool next_line(struct reader *r)
{
	while (r->at < r->end) {
		const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
		const char *stop = newline ? newline : r->end, *next = newline ? stop + 1 : stop;
		size_t n;

		r->line++;
		while (r->at < stop && strchr(" \t", *r->at))
			r->at++;
		while (stop > r->at && strchr(" \t\r", stop[-1]))
			stop--;
		n = (size_t)(stop - r->at);
		if (n >= sizeof r->text)
			n = sizeof r->text - 1;
		memcpy(r->text, r->at, n);
		r->text[n] = 0;
		r->at = next;
		if (n && r->text[0] != '#')
			return true;
	}
	return false;
}

static bool add_line(struct suppression *x, enum line_kind kind, const char *pattern)
{
	struct line l = {kind, strdup(pattern)};

	if (l.pattern && VEC_PUSH(&x->lines, l))
		return true;
	free(l.pattern);
	return false;
}

static struct error *parse_kinds(const struct reader *r, const char *text, unsigned *ret)
{
	*ret = 0;
	while (*text) {
		size_t n = strcspn(text, ", ");

		if (n == 3 && strncmp(text, "all", n) == 0)
			*ret = ~0u;
		for (unsigned k = 1; k < LEAK_KINDS; k++)
			if (strlen(leak_kind_names[k]) == n &&
			    strncmp(text, leak_kind_names[k], n) == 0)
				*ret |= 1u << k;
		text += n + strspn(text + n, ", ");
	}
	return *ret ? NULL : wrong(r, "no kind of leak");
}

static struct error *parse_line(struct reader *r, struct suppression *x)
{
	static const struct {
		const char *word;
		enum line_kind kind;
	} words[] = {{"fun:", LINE_FUNCTION}, {"obj:", LINE_OBJECT}, {"src:", LINE_SOURCE}};
	static const char kinds[] = "match-leak-kinds:";

	if (strcmp(r->text, "...") == 0)
		return add_line(x, LINE_ANY, "") ? NULL : error_memory();
	if (strncmp(r->text, kinds, sizeof kinds - 1) == 0)
		return parse_kinds(
			r, r->text + sizeof kinds - 1 + strspn(r->text + sizeof kinds - 1, " "),
			&x->kinds);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strncmp(r->text, words[i].word, 4) == 0)
			return add_line(x, words[i].kind, r->text + 4) ? NULL : error_memory();
	return wrong(r, "expected fun:, obj:, src:, ... or }");
}

/* Whether the entry is one for leaks: "Memcheck:Leak", also among others. */
static bool is_for_leaks(const char *tool)
{
	const char *colon = strchr(tool, ':');

	return colon && strcmp(colon + 1, "Leak") == 0 && strstr(tool, "Memcheck") &&
	       strstr(tool, "Memcheck") < colon;
}

static struct error *parse_entry(struct reader *r)
{
	struct suppression x = {.kinds = ~0u};
	struct error *e = NULL;
	bool wanted = false, closed = false;

	if (!next_line(r))
		return wrong(r, "the file ends within an entry");
	x.name = strdup(r->text);
	if (!x.name)
		return error_memory();
	if (next_line(r))
		wanted = is_for_leaks(r->text);
	while (!e && !closed && next_line(r)) {
		closed = strcmp(r->text, "}") == 0;
		if (!closed && wanted)
			e = parse_line(r, &x);
	}
	if (!e && !closed)
		e = wrong(r, "the file ends within an entry");
	if (!e && wanted && !x.lines.n)
		e = wrong(r, "an entry without a frame would hide everything");
	if (!e && wanted && VEC_PUSH(&r->s->list, x))
		return NULL;
	suppression_free(&x);
	return e ? e : wanted ? error_memory() : NULL;
}

/* leak:text, where the text may be anywhere unless ^ or $ tie it */
static struct error *parse_text(struct reader *r, const char *text)
{
	size_t n = strlen(text);
	bool start = *text == '^', end = n && text[n - 1] == '$';
	struct suppression x = {.name = strdup(r->text), .kinds = ~0u};
	struct str pattern = {0};
	bool good;

	if (!n) {
		suppression_free(&x);
		return wrong(r, "nothing to look for");
	}
	str_printf(&pattern, "%s%.*s%s", start ? "" : "*", (int)(n - start - (end && n > start)),
		   text + start, end ? "" : "*");
	good = x.name && !pattern.failed && add_line(&x, LINE_TEXT, str_text(&pattern)) &&
	       VEC_PUSH(&r->s->list, x);
	str_free(&pattern);
	if (good)
		return NULL;
	suppression_free(&x);
	return error_memory();
}

struct error *suppressions_parse(struct suppressions *s, const char *path, const char *text,
				 size_t size)
{
	struct reader r = {.s = s, .path = path, .at = text, .end = text + size};

	while (next_line(&r)) {
		if (strcmp(r.text, "{") == 0)
			TRY(parse_entry(&r));
		else if (strncmp(r.text, "leak:", 5) == 0)
			TRY(parse_text(&r, r.text + 5));
		else
			return wrong(&r, "expected { or leak:");
	}
	return NULL;
}

struct error *suppressions_read(struct suppressions *s, const char *path)
{
	struct str text = {0};
	FILE *in = fopen(path, "re");
	char part[4096];
	struct error *e = NULL;
	size_t n;

	if (!in)
		return error_system(errno, path, "cannot read suppressions");
	while ((n = fread(part, 1, sizeof part, in)) > 0)
		str_bytes(&text, part, n);
	if (ferror(in))
		e = error_system(errno, path, "cannot read suppressions");
	fclose(in);
	s->given = true;
	if (!e)
		e = text.failed ? error_memory()
				: suppressions_parse(s, path, str_text(&text), text.n);
	str_free(&text);
	return e;
}

struct error *suppressions_create(bool own, struct suppressions **ret)
{
	struct suppressions *s = calloc(1, sizeof *s);
	struct error *e;

	if (!s)
		return error_memory();
	e = own ? suppressions_parse(s, "refgraph", own_text, sizeof own_text - 1) : NULL;
	if (e)
		suppressions_destroy(s);
	else
		*ret = s;
	return e;
}

void suppressions_destroy(struct suppressions *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->list.n; i++)
		suppression_free(&s->list.data[i]);
	VEC_FREE(&s->list);
	free(s);
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
