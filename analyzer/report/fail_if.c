/* fail_if.c - see fail_if.h. */
#include "report/fail_if.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/op.h"
#include "util/vec.h"

struct test {
	unsigned field;
	char *name; /* NULL: any row */
	enum op op;
	int64_t number;
	bool begins; /* the first of a list of tests that must all hold */
};

struct fail_if {
	char *text;
	const char *const *fields;
	VEC(struct test) tests;
};

struct parser {
	struct fail_if *c;
	const char *at;
};

static struct error *fail(const struct parser *p, const char *at, const char *what)
{
	return error_usage("--fail-if: %s\n  %s\n  %*s", what, p->c->text,
			   (int)(at - p->c->text) + 1, "^");
}

static void blanks(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '-')
		n++;
	return n;
}

static bool take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	blanks(p);
	if (word_length(p->at) != n || strncasecmp(p->at, word, n) != 0)
		return false;
	p->at += n;
	return true;
}

static bool same_name(const char *name, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!name[i] || (name[i] != text[i] && !(name[i] == '_' && text[i] == '-')))
			return false;
	return !name[n];
}

static struct error *take_field(struct parser *p, unsigned *ret)
{
	const char *at = p->at;
	size_t n = word_length(at);
	struct str all = {0};
	struct error *e;

	for (unsigned i = 0; n && p->c->fields[i]; i++) {
		if (same_name(p->c->fields[i], at, n)) {
			*ret = i;
			p->at += n;
			return NULL;
		}
	}
	str_add(&all, "a field was to come here:");
	for (unsigned i = 0; p->c->fields[i]; i++)
		str_printf(&all, "%s %s", i ? "," : "", p->c->fields[i]);
	e = fail(p, at, str_text(&all));
	str_free(&all);
	return e;
}

/* Quoted up to its quote, else up to the parenthesis that closes; parentheses within may be paired. */
static struct error *take_name(struct parser *p, char **ret)
{
	const char *start = p->at++, *from, *to;
	unsigned depth = 1;

	blanks(p);
	from = p->at;
	if (*from == '"' || *from == '\'') {
		to = strchr(from + 1, *from);
		if (!to)
			return fail(p, from, "this quote is not closed");
		p->at = to + 1;
		from++;
		blanks(p);
	} else {
		for (; *p->at && (*p->at != ')' || --depth); p->at++)
			depth += *p->at == '(';
		to = p->at;
		while (to > from && isspace((unsigned char)to[-1]))
			to--;
	}
	if (*p->at != ')')
		return fail(p, start, "this parenthesis is not closed");
	p->at++;
	*ret = strndup(from, to - from);
	return *ret ? NULL : error_memory();
}

static struct error *take_op(struct parser *p, enum op *ret)
{
	static const struct {
		const char *text;
		enum op op;
	} ops[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE},
		   {"=", OP_EQ},  {"<", OP_LT},	 {">", OP_GT}};

	blanks(p);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		if (strncmp(p->at, ops[i].text, strlen(ops[i].text)) == 0) {
			p->at += strlen(ops[i].text);
			*ret = ops[i].op;
			return NULL;
		}
	}
	return fail(p, p->at, "a comparison was to come here: == != < <= > >=");
}

static struct error *take_number(struct parser *p, int64_t *ret)
{
	static const char units[] = "kmgt";
	const char *at, *unit, *digits;
	char *end;
	double value;

	blanks(p);
	at = p->at;
	digits = at + (*at == '-' || *at == '+');
	errno = 0;
	value = strtod(at, &end);
	if (!isdigit((unsigned char)*digits) || errno)
		return fail(p, at, "a number was to come here, such as 100, -5 or 1.5M");
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		value *= (double)(1ull << (10 * (unit - units + 1)));
		end++;
		end += *end == 'i';
		end += *end == 'B';
	}
	if (word_length(end) || !(value > -9e18 && value < 9e18))
		return fail(p, at, "a number was to come here, such as 100, -5 or 1.5M");
	*ret = value;
	p->at = end;
	return NULL;
}

static struct error *take_test(struct parser *p, bool begins)
{
	struct test test = {.begins = begins};
	struct error *e;

	blanks(p);
	TRY(take_field(p, &test.field));
	blanks(p);
	e = *p->at == '(' ? take_name(p, &test.name) : NULL;
	if (!e)
		e = take_op(p, &test.op);
	if (!e)
		e = take_number(p, &test.number);
	if (!e && !VEC_PUSH(&p->c->tests, test))
		e = error_memory();
	if (e)
		free(test.name);
	return e;
}

static struct error *parse(struct parser *p)
{
	bool begins = true;

	for (;;) {
		TRY(take_test(p, begins));
		if (take_word(p, "and"))
			begins = false;
		else if (take_word(p, "or"))
			begins = true;
		else
			break;
	}
	return *p->at ? fail(p, p->at, "this is too much: 'and' or 'or' was to come here") : NULL;
}

struct error *fail_if_compile(const char *condition, const char *const *fields,
			      struct fail_if **ret)
{
	struct fail_if *c = calloc(1, sizeof *c);
	struct parser p = {.c = c};
	struct error *e;

	if (!c || !(c->text = strdup(condition))) {
		free(c);
		return error_memory();
	}
	for (char *at = c->text; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = ' '; /* the caret stands below the right place */
	c->fields = fields;
	p.at = c->text;
	e = parse(&p);
	if (e)
		fail_if_destroy(c);
	else
		*ret = c;
	return e;
}

void fail_if_destroy(struct fail_if *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->tests.n; i++)
		free(c->tests.data[i].name);
	VEC_FREE(&c->tests);
	free(c->text);
	free(c);
}

bool fail_if_asks(const struct fail_if *c, unsigned field, const char *name)
{
	for (size_t i = 0; i < c->tests.n; i++) {
		const struct test *t = &c->tests.data[i];

		if (t->field == field && (!name || !t->name || strcmp(t->name, name) == 0))
			return true;
	}
	return false;
}

static bool compare(enum op op, int64_t a, int64_t b)
{
	return op_holds(op, (a > b) - (a < b));
}

static bool row_is_meant(const struct test *t, const struct fail_source *s, size_t row)
{
	return !t->name || strcmp(t->name, s->name(s->context, row)) == 0;
}

/* What is in no row is 0. */
static bool value_holds(const struct test *t, const struct fail_source *s, int64_t *value,
			const char **name)
{
	bool seen = false;

	*name = t->name;
	if (t->name && strcmp(t->name, "*") == 0)
		return s->value(s->context, s->nrows, t->field, value) &&
		       compare(t->op, *value, t->number);
	for (size_t row = 0; row < s->nrows; row++) {
		if (!row_is_meant(t, s, row))
			continue;
		seen = true;
		*name = s->name(s->context, row);
		if (s->value(s->context, row, t->field, value) && compare(t->op, *value, t->number))
			return true;
	}
	*value = 0;
	return t->name && !seen && compare(t->op, 0, t->number);
}

static bool holds(const struct fail_if *c, const struct test *t, const struct fail_source *s,
		  struct str *why)
{
	const char *name;
	int64_t value;

	if (!value_holds(t, s, &value, &name))
		return false;
	str_printf(why, "%s%s(%s) is %" PRId64, why->n ? " and " : "", c->fields[t->field],
		   name ? name : "", value);
	return true;
}

bool fail_if_holds(const struct fail_if *c, const struct fail_source *s, struct str *why)
{
	bool all = false;

	for (size_t i = 0; i < c->tests.n; i++) {
		const struct test *t = &c->tests.data[i];

		if (t->begins) {
			if (all)
				return true;
			str_clear(why);
			all = true;
		}
		all = all && holds(c, t, s, why);
	}
	return all;
}

const char *fail_if_unknown(const struct fail_if *c, const struct fail_source *s, size_t i)
{
	for (size_t k = 0; k < c->tests.n; k++) {
		const struct test *t = &c->tests.data[k];
		size_t row = 0;

		if (!t->name || strcmp(t->name, "*") == 0)
			continue;
		while (row < s->nrows && !row_is_meant(t, s, row))
			row++;
		if (row == s->nrows && i-- == 0)
			return t->name;
	}
	return NULL;
}
