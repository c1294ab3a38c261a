/* query_text.c - see query_text.h. One pass over words, quotes and signs; parentheses are counted, nothing else is parsed. */
#include "report/query_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	struct query_text *out;
	const char *query, *at;
	unsigned depth;	      /* of parentheses */
	uint64_t needs_table; /* by depth, a bit: within a select that has named no table yet */
	uint64_t asks; /* the same: it has named something; select 1 has not, and needs no table */
	bool operand;  /* what stands before is a value: ~ compares it with what follows */
	bool distinct; /* the last word was this one: "is distinct from" names no table */
	bool failed;
};

static void put(struct writer *w, const char *text, size_t n, const char *from)
{
	str_bytes(&w->out->sql, text, n);
	for (size_t i = 0; i < n; i++)
		w->failed |= !VEC_PUSH(&w->out->from, from + (text == from ? i : 0) - w->query);
}

static void copy(struct writer *w, size_t n)
{
	put(w, w->at, n, w->at);
	w->at += n;
}

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text), w->at);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

static bool is_word(const char *at, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(at, word, n) == 0;
}

static bool is_one_of(const char *at, size_t n, const char *const *words)
{
	for (; *words; words++)
		if (is_word(at, n, *words))
			return true;
	return false;
}

#define MAX_DEPTH 63u

static void set_need(struct writer *w, bool need)
{
	uint64_t bit = w->depth <= MAX_DEPTH ? 1ull << w->depth : 0;

	w->needs_table = need ? w->needs_table | bit : w->needs_table & ~bit;
}

/* A column or a function is named: at this depth and so at all above. */
static void set_asks(struct writer *w)
{
	w->asks |= w->depth < MAX_DEPTH ? (2ull << w->depth) - 1 : UINT64_MAX;
}

/* `limits`: what follows asks about the table's rows. */
static void table_was_due(struct writer *w, bool limits)
{
	uint64_t bit = w->depth <= MAX_DEPTH ? 1ull << w->depth : 0;

	if (w->needs_table & bit && (limits || w->asks & bit))
		put_text(w, " from objects ");
	set_need(w, false);
}

static void take_word(struct writer *w, size_t n)
{
	static const char *const after_table[] = {"where", "group", "having", "window",
						  "order", "limit", NULL};
	static const char *const constant[] = {"null", "as",	"all", "distinct",
					       "true", "false", NULL};
	static const char *const joints[] = {"union", "except", "intersect", NULL};
	static const char *const no_operands[] = {"select", "where",	"and",	 "or",	 "not",
						  "by",	    "having",	"when",	 "then", "else",
						  "case",   "distinct", "all",	 "on",	 "between",
						  "in",	    "like",	"limit", "as",	 NULL};
	static const struct {
		const char *text, *sql;
	} hyphened[] = {{"is-root", "is_root"}, {"is-proper-module", "is_proper_module"}};

	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(hyphened[i].text);

		if (strncasecmp(w->at, hyphened[i].text, length) == 0 &&
		    !is_word_char(w->at[length])) {
			set_asks(w);
			put_text(w, hyphened[i].sql);
			w->at += length;
			w->operand = true;
			return;
		}
	}
	if (is_word(w->at, n, "from") && !w->distinct)
		set_need(w, false);
	else if (is_one_of(w->at, n, after_table) || is_one_of(w->at, n, joints))
		table_was_due(w, is_one_of(w->at, n, after_table));
	else if (is_word(w->at, n, "select")) {
		set_need(w, true);
		w->asks &= ~(w->depth <= MAX_DEPTH ? 1ull << w->depth : 0);
	} else if (!is_one_of(w->at, n, constant))
		set_asks(w);
	w->distinct = is_word(w->at, n, "distinct");
	w->operand = !is_one_of(w->at, n, no_operands);
	copy(w, n);
}

static void take_number(struct writer *w)
{
	static const char units[] = "kmgt";
	const char *unit;
	char text[32], *end;
	size_t n;
	double value;

	w->operand = true;
	if (w->at[0] == '0' && (w->at[1] == 'x' || w->at[1] == 'X')) {
		for (n = 2; isxdigit((unsigned char)w->at[n]); n++)
			;
		copy(w, n);
		return;
	}
	n = strspn(w->at, "0123456789.");
	unit = w->at[n] ? strchr(units, tolower((unsigned char)w->at[n])) : NULL;
	if (!unit || is_word_char(w->at[n + 1])) {
		copy(w, n);
		return;
	}
	value = strtod(w->at, &end) * (double)(1ull << (10 * (unit - units + 1)));
	snprintf(text, sizeof text, value < 9e18 ? "%.0f" : "%g", value);
	put_text(w, text);
	w->at += n + 1;
}

/* Up to and with its end; an end that is missing is for SQLite to complain about. */
static void take_quoted(struct writer *w, const char *end)
{
	const char *to = strstr(w->at + 1, end);

	w->operand = true;
	copy(w, to ? (size_t)(to - w->at) + strlen(end) : strlen(w->at));
}

static void take_sign(struct writer *w)
{
	if (*w->at == '~' && w->operand) {
		put_text(w, " regexp ");
		w->at++;
	} else if (w->at[0] == '!' && w->at[1] == '~') {
		put_text(w, " not regexp ");
		w->at += 2;
	} else {
		if (*w->at == ')') {
			table_was_due(w, false);
			w->depth -= w->depth > 0;
		}
		if (*w->at == '*')
			set_asks(w);
		w->depth += *w->at == '(';
		if (*w->at == '(')
			set_need(w, false);
		w->operand = *w->at == ')';
		copy(w, 1);
		return;
	}
	w->operand = false;
}

static void take(struct writer *w)
{
	size_t n = 0;

	while (is_word_char(w->at[n]))
		n++;
	if (isspace((unsigned char)*w->at))
		copy(w, 1);
	else if (strncmp(w->at, "--", 2) == 0)
		take_quoted(w, "\n");
	else if (strncmp(w->at, "/*", 2) == 0)
		take_quoted(w, "*/");
	else if (*w->at == '\'' || *w->at == '"' || *w->at == '`')
		take_quoted(w, (char[]){*w->at, 0});
	else if (*w->at == '[')
		take_quoted(w, "]");
	else if (isdigit((unsigned char)*w->at))
		take_number(w);
	else if (n)
		take_word(w, n);
	else
		take_sign(w);
}

struct error *query_text_make(const char *query, struct query_text *ret)
{
	struct writer w = {.out = ret, .query = query, .at = query};

	*ret = (struct query_text){0};
	if (strlen(query) > 1000000)
		return error_usage("the query is too long");
	while (*w.at && (*w.at != ';' || w.at[1 + strspn(w.at + 1, " \t\n")]))
		take(&w);
	table_was_due(&w, false);
	if (w.failed || ret->sql.failed) {
		query_text_deinit(ret);
		return error_memory();
	}
	return NULL;
}

void query_text_deinit(struct query_text *t)
{
	str_free(&t->sql);
	VEC_FREE(&t->from);
}
