/* suppress_read.c - the two languages of suppressions; see suppress.h. */
#include "report/suppress_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What libraries keep in places that nobody scans, or by pointers that are none to the start. The dynamic linker: memory of before
 * malloc, the cached stacks of ended threads. GLib: types by pointers behind a header, as it tells valgrind by a request
 * (MALLOCLIKE_BLOCK) that nobody else hears, with the classes that only they hold; slabs of slices, closures and their hidden part
 * in front. OpenSSL: tables that are made once. libstdc++: the pool for exceptions when memory is short.
 * tcmalloc: an extension that it replaces as it starts. The kinds are no
 * wider than that needs: an object that a program loses is definitely lost, and told.
 */
static const char own_text[] = "{\n"
			       "  ld.so's own\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: definite,indirect,possible\n"
			       "  obj:*/ld-linux-x86-64.so.2\n"
			       "}\n"
			       "{\n"
			       "  GLib's types\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible\n"
			       "  ...\n"
			       "  fun:g_type_register_*\n"
			       "}\n"
			       "{\n"
			       "  GLib's interfaces\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible\n"
			       "  ...\n"
			       "  fun:g_type_add_interface_*\n"
			       "}\n"
			       "{\n"
			       "  GLib's classes\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible\n"
			       "  ...\n"
			       "  fun:g_type_create_instance\n"
			       "  fun:g_param_spec_internal\n"
			       "}\n"
			       "{\n"
			       "  GObject's types and what they hold\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible\n"
			       "  fun:g_*alloc*\n"
			       "  obj:*/libgobject-2.0.so*\n"
			       "}\n"
			       "{\n"
			       "  GLib's slabs\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible\n"
			       "  obj:*/libglib-2.0.so.*\n"
			       "  fun:g_slice_alloc\n"
			       "}\n"
			       "{\n"
			       "  GLib's closures\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible\n"
			       "  ...\n"
			       "  fun:g_closure_new_simple\n"
			       "}\n"
			       "{\n"
			       "  OpenSSL's tables\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible,reachable\n"
			       "  ...\n"
			       "  fun:OPENSSL_init_crypto\n"
			       "}\n"
			       "{\n"
			       "  OpenSSL's TLS tables\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible,reachable\n"
			       "  ...\n"
			       "  fun:OPENSSL_init_ssl\n"
			       "}\n"
			       "{\n"
			       "  tcmalloc's first extension\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: definite,indirect,possible\n"
			       "  obj:*/libtcmalloc*.so.*\n"
			       "}\n"
			       "{\n"
			       "  libstdc++'s emergency pool\n"
			       "  Memcheck:Leak\n"
			       "  match-leak-kinds: possible,reachable\n"
			       "  obj:*/libstdc++.so.*\n"
			       "  obj:*/ld-linux-x86-64.so.2\n"
			       "}\n";

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
	const char *unknown;
	size_t n;

	*ret = leak_kinds_parse(text, ", ", &unknown, &n);
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
