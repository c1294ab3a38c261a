/*
 * rules.c - reads rule files (refgraph-rules(5)) into what rules.h describes.
 *
 * A line is one statement; its first word says which, and statements[] is the list of them. The text of a file is cut into words where it
 * lies and stays, so names are pointers into it. What a file with an error had added is taken back: it counts as a whole or not at all.
 */
#include <fcntl.h>
#include <string.h>

#include "../shim.h"
#include "../sys.h"
#include "rules.h"

#define FILE_MAX (1u << 20)
#define WORDS_MAX 512u
#define TYPES_MAX 1024u
#define FUNCTIONS_MAX 8192u
#define GROUPS_MAX 512u
#define ERROR_SIZE 512u
#define NEEDS_MAX 64u

const char *const rule_role_words[RULE_ROLES] = {
	[RULE_CREATE] = "create", [RULE_DESTROY] = "destroy", [RULE_REF] = "ref",
	[RULE_UNREF] = "unref",	  [RULE_SINK] = "sink",	      [RULE_FLOATS] = "floats",
	[RULE_DEFER] = "defer",	  [RULE_ACQUIRE] = "acquire",
};

static struct rule_type *types[TYPES_MAX];
static struct rule_function *functions[FUNCTIONS_MAX];
static struct rule_group *groups[GROUPS_MAX];
static size_t types_used, functions_used, groups_used;
static const char *needs[NEEDS_MAX];
static size_t needs_used;

/* Where the parser is. */
struct reader {
	char *at, *end;
	unsigned line, next_line;
	char *words[WORDS_MAX];
	size_t nwords;
	const char *family;
	struct rule_group *group;
	struct rule_type *type;
	bool local, named, dies; /* the type's death was stated */
	bool failed;
};
static char error_text[ERROR_SIZE];

__attribute__((format(printf, 2, 3))) static bool wrong(struct reader *r, const char *format, ...)
{
	va_list list;
	int n;

	if (r->failed)
		return false;
	r->failed = true;
	n = log_format(error_text, sizeof(error_text), "%u: ", r->line);
	va_start(list, format);
	log_vformat(error_text + n, sizeof(error_text) - (size_t)n, format, list);
	va_end(list);
	return false;
}

static bool no_memory(struct reader *r)
{
	return wrong(r, "no memory");
}

/* ---- lines and words --------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Ends the line at `at` and joins the lines that follow a backslash. Returns its end; counts lines. */
static char *line_end(struct reader *r)
{
	char *p = r->at;

	for (; p < r->end && *p != '\n'; p++) {
		if (*p == '\\' && p + 1 < r->end && p[1] == '\n') {
			p[0] = p[1] = ' ';
			r->next_line++;
			p++;
		} else if (*p == '#' && (p == r->at || is_blank(p[-1]))) {
			while (p + 1 < r->end && p[1] != '\n')
				*p++ = ' ';
			*p = ' ';
		}
	}
	return p;
}

/* The next line that has words; false at the end of the file. */
static bool next_line(struct reader *r)
{
	r->nwords = 0;
	while (r->at < r->end && !r->nwords && !r->failed) {
		char *end, *p = r->at;

		r->line = r->next_line++;
		end = line_end(r);
		while (p < end) {
			while (p < end && is_blank(*p))
				p++;
			if (p == end)
				break;
			if (r->nwords == WORDS_MAX - 1) {
				wrong(r, "more than %u words in a line; write two lines",
				      WORDS_MAX - 1);
				break;
			}
			r->words[r->nwords++] = p;
			while (p < end && !is_blank(*p)) {
				if ((unsigned char)*p < ' ' || *p == 127)
					wrong(r, "a control character; rules are plain text");
				p++;
			}
			if (p < end)
				*p++ = 0;
		}
		*end = 0; /* the file's text has one byte more */
		r->at = end + 1;
	}
	r->words[r->nwords] = NULL;
	return r->nwords && !r->failed;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* A number at *text, which moves behind it: decimal or 0x; false: none, or above `most`. */
static bool scan_number(const char **text, uint64_t most, uint64_t *value)
{
	const char *p = *text;
	int base = p[0] == '0' && (p[1] | 0x20) == 'x' ? 16 : 10;

	p += base == 16 ? 2 : 0;
	if (digit(*p) >= base)
		return false;
	for (*value = 0; digit(*p) < base; p++) {
		if (*value > (most - (uint64_t)digit(*p)) / (uint64_t)base)
			return false;
		*value = *value * (uint64_t)base + (uint64_t)digit(*p);
	}
	*text = p;
	return true;
}

static bool scan_signed(const char **text, uint64_t most, int32_t *value)
{
	bool minus = **text == '-';
	uint64_t number;

	*text += minus;
	if (!scan_number(text, most, &number))
		return false;
	*value = minus ? -(int32_t)number : (int32_t)number;
	return true;
}

/* ---- places -------------------------------------------------------------------------------------------------------------- */

/* "->8->0x10": appends loads to the path. */
static bool scan_loads(const char **text, struct rule_path *path)
{
	int32_t offset;

	while (!strncmp(*text, "->", 2)) {
		*text += 2;
		if (path->loads == RULE_LOADS || !scan_signed(text, INT16_MAX, &offset))
			return false;
		path->offset[path->loads++] = (int16_t)offset;
	}
	return true;
}

/* "8" or "8->16->24": words to go through, and where the value lies in the end. */
static bool parse_where(struct reader *r, const char *text, struct rule_path *path, int32_t *offset)
{
	const char *p = text;
	int32_t steps[RULE_LOADS + 1];
	size_t n = 0;

	while (n < RULE_LOADS + 1 && scan_signed(&p, INT16_MAX, &steps[n])) {
		n++;
		if (strncmp(p, "->", 2) != 0)
			break;
		p += 2;
	}
	if (!n || *p)
		return wrong(
			r,
			"%s: no place; write an offset in bytes, 8, or words to go through, 8->24",
			text);
	for (size_t i = 0; i + 1 < n; i++)
		path->offset[path->loads++] = (int16_t)steps[i];
	*offset = steps[n - 1];
	return true;
}

static bool parse_width(struct reader *r, const char *text, uint8_t *width, bool *is_signed)
{
	static const char *const words[] = {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"};

	for (unsigned i = 0; text && i < 8; i++) {
		if (strcmp(text, words[i]) != 0)
			continue;
		*width = (uint8_t)(1u << (i & 3));
		*is_signed = i > 3;
		return true;
	}
	return wrong(r, "%s: no width; write u8, u16, u32, u64, i8, i16, i32 or i64",
		     text ? text : "nothing");
}

/* ---- statements about files and libraries ---------------------------------------------------------------------------------- */

static bool want_type(struct reader *r)
{
	return r->type ? true
		       : wrong(r, "%s: what type is this about? write a line `type NAME` before it",
			       r->words[0]);
}

static bool on_family(struct reader *r)
{
	if (r->nwords < 2)
		return wrong(r, "family: write `family NAME what it is about`");
	r->family = r->words[1];
	r->type = NULL;
	return true;
}

/* Other shipped rules without which these say little; they are read after this file. */
static bool on_needs(struct reader *r)
{
	for (size_t i = 1; i < r->nwords; i++) {
		if (strchr(r->words[i], '/'))
			return wrong(r, "needs %s: a name of shipped rules, not a path",
				     r->words[i]);
		if (needs_used == NEEDS_MAX)
			return wrong(r, "more than %u words of `needs` in all", NEEDS_MAX);
		needs[needs_used++] = r->words[i];
	}
	return r->nwords > 1 || wrong(r, "needs: write `needs NAME`, of shipped rules");
}

/* Libraries, or where to look in them, hold for the types that come after. */
static bool new_group(struct reader *r)
{
	struct rule_group *fresh = arena_alloc(sizeof(*fresh));

	if (groups_used == GROUPS_MAX)
		return wrong(r, "more than %u lines `library` in all", GROUPS_MAX);
	if (!fresh)
		return no_memory(r);
	if (r->group)
		*fresh = *r->group;
	fresh->first = (uint32_t)functions_used;
	fresh->functions = 0;
	r->group = groups[groups_used++] = fresh;
	r->type = NULL;
	return true;
}

static bool on_library(struct reader *r)
{
	const char **list = arena_alloc(r->nwords * sizeof(*list));

	if (r->nwords < 2)
		return wrong(r, "library: write `library libNAME.so.*`");
	if (!list)
		return no_memory(r);
	if (!new_group(r))
		return false;
	for (size_t i = 1; i < r->nwords; i++)
		list[i - 1] = r->words[i];
	r->group->libraries = list;
	r->group->nlibraries = (uint32_t)r->nwords - 1;
	r->local = false;
	return true;
}

static bool on_symbols(struct reader *r)
{
	const char *word = r->nwords == 2 ? r->words[1] : "";

	if (strcmp(word, "exported") != 0 && strcmp(word, "local") != 0)
		return wrong(r, "symbols: write `symbols exported` or `symbols local`");
	r->local = *word == 'l';
	return true;
}

static bool on_type(struct reader *r)
{
	struct rule_type *type;

	if (r->nwords != 2)
		return wrong(r, "type: write `type NAME`");
	if (!r->family)
		return wrong(r, "type: a line `family NAME ...` comes first");
	if (!r->group)
		return wrong(r, "type: a line `library NAME ...` comes first");
	type = arena_alloc(sizeof(*type));
	if (types_used == TYPES_MAX)
		return wrong(r, "more than %u types in all", TYPES_MAX);
	if (!type)
		return no_memory(r);
	type->family = r->family;
	type->name = r->words[1];
	type->dies_at_zero = true;
	type->number = (uint32_t)types_used;
	r->type = types[types_used++] = type;
	r->named = r->dies = false;
	return true;
}

/* ---- statements about a type -------------------------------------------------------------------------------------------------- */

static bool on_object(struct reader *r)
{
	const char *word = r->nwords == 2 ? r->words[1] : "";

	if (!want_type(r))
		return false;
	if (strcmp(word, "address") != 0 && strcmp(word, "number") != 0)
		return wrong(r, "object: write `object address` or `object number`");
	r->type->id = *word == 'n';
	return true;
}

static bool on_dies(struct reader *r)
{
	const char *word = r->nwords == 2 ? r->words[1] : "";

	if (!want_type(r))
		return false;
	if (strcmp(word, "zero") != 0 && strcmp(word, "destroy") != 0)
		return wrong(r, "dies: write `dies zero` or `dies destroy`");
	r->type->dies_at_zero = *word == 'z';
	r->dies = true;
	return true;
}

/* Behind a count's place: `mask BITS`, `shift N`, `bias N`. */
static bool parse_adjustments(struct reader *r, size_t i)
{
	for (; i + 1 < r->nwords; i += 2) {
		const char *text = r->words[i + 1];
		int32_t value = 0;

		if (!strcmp(r->words[i], "mask")) {
			if (!scan_number(&text, INT64_MAX, &r->type->count_mask) || *text)
				return wrong(r, "mask %s: no number", r->words[i + 1]);
			continue;
		}
		if (!scan_signed(&text, 1000000, &value) || *text)
			return wrong(r, "%s: no number", r->words[i + 1]);
		if (!strcmp(r->words[i], "bias")) {
			r->type->count_bias = value;
		} else if (!strcmp(r->words[i], "shift")) {
			if (value < 0 || value > 63)
				return wrong(r, "shift %s: 0 to 63", r->words[i + 1]);
			r->type->count_shift = (uint8_t)value;
		} else {
			break;
		}
	}
	return i == r->nwords || wrong(r,
				       "count: %s is too much; behind the place come `mask BITS`, "
				       "`shift N` and `bias N`",
				       r->words[i]);
}

static bool on_count(struct reader *r)
{
	struct rule_type *t = r->type;
	const char *word = r->nwords > 1 ? r->words[1] : "";

	if (!want_type(r))
		return false;
	t->count_path = (struct rule_path){0};
	if (!strcmp(word, "none") && r->nwords == 2) {
		t->count_from = RULE_COUNT_NONE;
		return true;
	}
	if (!strcmp(word, "result") && r->nwords == 2) {
		t->count_from = RULE_COUNT_RESULT;
		t->count_width = 4;
		return true;
	}
	if (!strcmp(word, "call") && r->nwords == 3) {
		t->count_from = RULE_COUNT_CALL;
		t->count_call.function = r->words[2];
		return true;
	}
	if (r->nwords < 4 || strcmp(r->words[2], "at") != 0)
		return wrong(r, "count: write `count none`, `count result`, `count call FUNCTION` "
				"or `count u32 at OFFSET`");
	t->count_from = RULE_COUNT_FIELD;
	return parse_width(r, word, &t->count_width, &t->count_signed) &&
	       parse_where(r, r->words[3], &t->count_path, &t->count_offset) &&
	       parse_adjustments(r, 4);
}

static bool on_floating(struct reader *r)
{
	struct rule_type *t = r->type;
	const char *mask = r->nwords == 6 ? r->words[5] : "";
	struct rule_path path = {0};
	bool is_signed;

	if (!want_type(r))
		return false;
	if (r->nwords == 3 && !strcmp(r->words[1], "call")) {
		t->floating_call.function = r->words[2];
		return true;
	}
	if (r->nwords != 6 || strcmp(r->words[2], "at") != 0 || strcmp(r->words[4], "mask") != 0 ||
	    !scan_number(&mask, UINT64_MAX, &t->floating_mask) || *mask)
		return wrong(r, "floating: write `floating u32 at OFFSET mask BITS` or `floating "
				"call FUNCTION`");
	if (!parse_width(r, r->words[1], &t->floating_width, &is_signed) ||
	    !parse_where(r, r->words[3], &path, &t->floating_offset))
		return false;
	return !path.loads || wrong(r, "floating: it must lie in the object itself");
}

static bool name_words(struct reader *r, size_t first)
{
	const char **list = arena_alloc((r->nwords + 1) * sizeof(*list));

	if (first >= r->nwords)
		return wrong(r, "name words: what are the words? write `name words u32 at 0 zero "
				"one two`");
	if (!list)
		return no_memory(r);
	for (size_t i = first; i < r->nwords; i++)
		list[i - first] = r->words[i];
	r->type->name_words = list;
	r->type->name_nwords = (uint32_t)(r->nwords - first);
	return true;
}

static bool name_place(struct reader *r, size_t at)
{
	if (at + 1 < r->nwords && !strcmp(r->words[at], "at"))
		return parse_where(r, r->words[at + 1], &r->type->name_path, &r->type->name_offset);
	return wrong(r, "name: where? write `at OFFSET`");
}

static bool on_name(struct reader *r)
{
	struct rule_type *t = r->type;
	const char *word = r->nwords > 1 ? r->words[1] : "";
	bool is_signed;

	if (!want_type(r))
		return false;
	t->name_path = (struct rule_path){0};
	t->name_offset = 0;
	t->name_detail = !strcmp(r->words[0], "detail");
	if (!strcmp(word, "string") && r->nwords == 4) {
		t->name_from = RULE_NAME_STRING;
		return name_place(r, 2);
	}
	if (!strcmp(word, "text") && r->nwords == 4) {
		t->name_from = RULE_NAME_TEXT;
		return name_place(r, 2);
	}
	if (!strcmp(word, "vtable") && (r->nwords == 2 || r->nwords == 4)) {
		t->name_from = RULE_NAME_VTABLE;
		return r->nwords == 2 || name_place(r, 2);
	}
	if (!strcmp(word, "call") && (r->nwords == 3 || r->nwords == 5)) {
		t->name_from = RULE_NAME_CALL;
		t->name_call.function = r->words[2];
		t->name_width = r->nwords == 5 ? 8 : 0; /* 0: the object itself is passed */
		return r->nwords == 3 || name_place(r, 3);
	}
	if (!strcmp(word, "words") && r->nwords > 5) {
		t->name_from = RULE_NAME_WORDS;
		return parse_width(r, r->words[2], &t->name_width, &is_signed) &&
		       name_place(r, 3) && name_words(r, 5);
	}
	return wrong(r,
		     "%s: write `%s string at OFFSET`, `%s text at OFFSET`, `%s vtable`, "
		     "`%s call FUNCTION` or `%s words u32 at OFFSET WORD...`",
		     r->words[0], r->words[0], r->words[0], r->words[0], r->words[0], r->words[0]);
}

/* `only FUNCTION NUMBER` */
static bool on_only(struct reader *r)
{
	const char *number = r->nwords == 3 ? r->words[2] : "";

	if (!want_type(r))
		return false;
	if (!scan_number(&number, UINT64_MAX, &r->type->only_argument) || *number)
		return wrong(r, "only: write `only FUNCTION NUMBER`, a function that says of an "
				"object and that number whether it is of this type");
	r->type->only_call.function = r->words[1];
	return true;
}

/* ---- functions ------------------------------------------------------------------------------------------------------------------ */

/* "(1)", "(return)", "(*2)", "(1->0->8)": the object's place. Moves behind it. */
static bool parse_place(struct reader *r, const char **text, struct rule_path *path)
{
	const char *p = *text + 1;
	bool star = *p == '*';

	p += star;
	if (!strncmp(p, "return", 6)) {
		path->argument = 0;
		p += 6;
	} else if (*p >= '1' && *p <= '6') {
		path->argument = (uint8_t)(*p++ - '0');
	} else {
		return wrong(r,
			     "%s: where is the object? write (1) to (6) for an argument, (return) "
			     "or (*2)",
			     *text);
	}
	path->loads = star; /* offset 0 */
	if (!scan_loads(&p, path))
		return wrong(r, "%s: a path has at most %u steps, each ->OFFSET", *text,
			     RULE_LOADS);
	if (*p != ')')
		return wrong(r, "%s: `)` is missing", *text);
	*text = p + 1;
	return true;
}

static bool parse_success(struct reader *r, const char *text, uint8_t *success)
{
	static const struct {
		const char *text;
		enum rule_success success;
	} words[] = {
		{"==0", RULE_IF_ZERO}, {"!=0", RULE_IF_NOT_ZERO}, {">=0", RULE_IF_NOT_NEGATIVE}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(text, words[i].text)) {
			*success = words[i].success;
			return true;
		}
	}
	return wrong(r, "%s: no condition; write ==0, !=0 or >=0", text);
}

static bool begins(enum rule_role role)
{
	return role == RULE_CREATE || role == RULE_ACQUIRE;
}

/* When the object is read: an object that begins is whole only at the return. */
static bool judge_return(struct reader *r, struct rule_function *f)
{
	bool result = f->success != RULE_ALWAYS || !f->object.argument;
	bool counted = f->role == RULE_REF || f->role == RULE_UNREF;

	f->at_return = result || (begins(f->role) && (!r->type->id || f->object.loads)) ||
		       (counted && r->type->count_from == RULE_COUNT_RESULT);
	if (f->at_return && !begins(f->role) && f->object.loads && f->object.argument)
		return wrong(r,
			     "%s: what its argument pointed to is gone when its result is known; "
			     "leave the condition out",
			     f->pattern);
	return true;
}

/* "[5&1]" */
static bool parse_when(struct reader *r, const char **text, struct rule_function *f)
{
	const char *p = *text + 1;

	if (*p < '1' || *p > '6' || p[1] != '&')
		return wrong(r, "%s: write [5&1]: when argument 5 has one of these bits", *text);
	f->when = (uint8_t)(*p - '0');
	p += 2;
	if (!scan_number(&p, UINT64_MAX, &f->when_bits) || *p != ']')
		return wrong(r, "%s: write [5&1]: when argument 5 has one of these bits", *text);
	*text = p + 1;
	return true;
}

/* NAME[@VERSION][(PLACE)][[WHEN]][CONDITION] */
static bool parse_function(struct reader *r, char *text, enum rule_role role)
{
	struct rule_function *f = arena_alloc(sizeof(*f));
	size_t length = strcspn(text, "@([!=>");
	const char *rest;
	char *cut = text + length;

	if (functions_used == FUNCTIONS_MAX)
		return wrong(r, "more than %u functions in all", FUNCTIONS_MAX);
	if (!f)
		return no_memory(r);
	if (!length)
		return wrong(r, "%s: no name of a function", text);
	f->type = r->type;
	f->role = (uint8_t)role;
	f->pattern = text;
	f->version = "";
	f->local = r->local;
	f->object.argument = !begins(role);
	f->glob = strcspn(text, "*?") < length;
	if (*cut == '@') {
		*cut++ = 0;
		f->version = cut;
		cut += strcspn(cut, "([!=>");
	}
	rest = cut;
	if (*rest == '(' && !parse_place(r, &rest, &f->object))
		return false;
	if (*rest == '[' && !parse_when(r, &rest, f))
		return false;
	if (*rest && !parse_success(r, rest, &f->success))
		return false;
	*cut = 0; /* ends pattern or version */
	f->number = (uint32_t)functions_used;
	if (!judge_return(r, f))
		return false;
	functions[functions_used++] = f;
	r->group->functions++;
	if (role == RULE_DESTROY && !r->dies)
		r->type->dies_at_zero = false;
	return true;
}

/* Words before the functions that say more of the role. */
static bool function_flag(enum rule_role role, const char *word, struct rule_function *flags)
{
	if (role == RULE_SINK && !strcmp(word, "counting"))
		flags->counts = true;
	else if (!strcmp(word, "wrapping"))
		flags->wraps = true;
	else if (!strcmp(word, "own"))
		flags->own = true;
	else
		return false;
	return true;
}

static bool on_function(struct reader *r)
{
	enum rule_role role = RULE_CREATE;
	struct rule_function flags = {0};
	size_t i = 1;

	while (strcmp(rule_role_words[role], r->words[0]) != 0)
		role++;
	if (!want_type(r))
		return false;
	while (i < r->nwords && function_flag(role, r->words[i], &flags))
		i++;
	if (i == r->nwords)
		return wrong(r, "%s: of which functions? write their names", r->words[0]);
	for (; i < r->nwords; i++) {
		if (!parse_function(r, r->words[i], role))
			return false;
		functions[functions_used - 1]->counts = flags.counts;
		functions[functions_used - 1]->wraps = flags.wraps;
		functions[functions_used - 1]->own = flags.own;
	}
	return true;
}

static const struct {
	const char *word;
	bool (*read)(struct reader *r);
} statements[] = {
	{"family", on_family},	 {"needs", on_needs},	    {"library", on_library},
	{"symbols", on_symbols}, {"type", on_type},	    {"object", on_object},
	{"count", on_count},	 {"floating", on_floating}, {"name", on_name},
	{"detail", on_name},	 {"only", on_only},	    {"dies", on_dies},
	{"create", on_function}, {"destroy", on_function},  {"ref", on_function},
	{"unref", on_function},	 {"sink", on_function},	    {"floats", on_function},
	{"defer", on_function},	 {"acquire", on_function},
};
#define STATEMENTS (sizeof(statements) / sizeof(*statements))

static bool read_statement(struct reader *r)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		if (!strcmp(statements[i].word, r->words[0]))
			return statements[i].read(r);
	}
	return wrong(
		r,
		"%s: no such statement; there are family, needs, library, symbols, type, object, "
		"count, floating, name, detail, only, dies, and create, destroy, ref, unref, "
		"sink, floats, defer, acquire",
		r->words[0]);
}

const char *rules_parse(char *text, size_t size)
{
	struct reader r = {.at = text, .end = text + size, .line = 1, .next_line = 1};
	size_t had_types = types_used, had_functions = functions_used, had_groups = groups_used,
	       had_needs = needs_used;

	while (next_line(&r))
		read_statement(&r);
	if (!r.failed && functions_used == had_functions)
		wrong(&r, "no function is named in this file");
	if (!r.failed)
		return NULL;
	types_used = had_types;
	functions_used = had_functions;
	groups_used = had_groups;
	needs_used = had_needs;
	return error_text;
}

/* ---- files --------------------------------------------------------------------------------------------------------------------------- */

/* The file's text and a 0, in memory that stays. */
static char *load(const char *path, size_t *size, const char **why)
{
	long fd = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), got;
	char *text = fd < 0 ? NULL : arena_map(FILE_MAX + 1);

	*why = fd < 0 ? "cannot be opened" : text ? "" : "no memory";
	*size = 0;
	while (text && *size < FILE_MAX) {
		got = sys(SYS_read, fd, text + *size, FILE_MAX - *size);
		if (got == -4)
			continue;
		if (got < 0)
			*why = "cannot be read";
		if (got <= 0)
			break;
		*size += (size_t)got;
	}
	if (fd >= 0)
		sys(SYS_close, fd);
	if (*size == FILE_MAX)
		*why = "is larger than any file of rules";
	if (text && **why) {
		arena_unmap(text, FILE_MAX + 1);
		return NULL;
	}
	return text;
}

/* A file that is named twice counts once. */
static bool was_read(const char *path)
{
	static const char *paths[128];
	static size_t n;
	size_t length = strlen(path) + 1;
	char *copy;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(paths[i], path))
			return true;
	}
	copy = n < sizeof(paths) / sizeof(*paths) ? arena_alloc(length) : NULL;
	if (copy)
		paths[n++] = memcpy(copy, path, length);
	return false;
}

static void complain(const char *path, const char *what)
{
	char line[ERROR_SIZE + 1100];

	log_format(line, sizeof(line), "rules %s:%s%s; these rules are not in force", path,
		   what[0] >= '0' && what[0] <= '9' ? "" : " ", what);
	log_line(line);
}

static void read_file(const char *path)
{
	const char *why = NULL;
	size_t size;
	char *text;

	if (was_read(path))
		return;
	text = load(path, &size, &why);
	if (text)
		why = rules_parse(text, size);
	if (why && *why)
		complain(path, why);
}

static void read_shipped(const char *folder, const char *name)
{
	char path[2048];

	log_format(path, sizeof(path), "%s/%s.rules", folder, name);
	read_file(path);
}

struct entry { /* getdents64 */
	uint64_t inode, offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/* All that lie in the folder, in the order of their names: the order of rules is the same on each machine. */
static void read_all(const char *folder)
{
	static char buffer[16384];
	const char *names[64];
	long fd = sys(SYS_openat, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), size;
	size_t n = 0;

	if (fd < 0) {
		complain(folder, "the folder of the shipped rules cannot be opened");
		return;
	}
	size = sys(SYS_getdents64, fd, buffer, sizeof(buffer));
	sys(SYS_close, fd);
	for (long at = 0; at < size; at += ((struct entry *)(void *)(buffer + at))->length) {
		char *name = ((struct entry *)(void *)(buffer + at))->name;
		size_t length = strlen(name), place;

		if (length < 7 || strcmp(name + length - 6, ".rules") != 0 || n == 64)
			continue;
		name[length - 6] = 0;
		for (place = n++; place && strcmp(names[place - 1], name) > 0; place--)
			names[place] = names[place - 1];
		names[place] = name;
	}
	for (size_t i = 0; i < n; i++)
		read_shipped(folder, names[i]);
}

bool rules_read(const char *list, const char *folder)
{
	char word[1024];

	while (*list) {
		size_t length = strcspn(list, ":");

		if (length && length < sizeof(word)) {
			memcpy(word, list, length);
			word[length] = 0;
			if (!strcmp(word, "all"))
				read_all(folder);
			else if (strchr(word, '/'))
				read_file(word);
			else if (strcmp(word, "none") != 0)
				read_shipped(folder, word);
		}
		list += length + (list[length] == ':');
	}
	for (size_t i = 0; i < needs_used; i++) { /* which may grow */
		if (needs[i])
			read_shipped(folder, needs[i]);
	}
	return functions_used > 0;
}

/* ---- what was read ------------------------------------------------------------------------------------------------------------------- */

size_t rules_groups(const struct rule_group *const **ret)
{
	*ret = (const struct rule_group *const *)groups;
	return groups_used;
}

size_t rules_types(const struct rule_type *const **ret)
{
	*ret = (const struct rule_type *const *)types;
	return types_used;
}

const struct rule_function *rules_function(uint32_t number)
{
	return number < functions_used ? functions[number] : NULL;
}

/* The classic two pointers: the last star takes one character more whenever the rest does not fit. */
bool rule_glob(const char *pattern, const char *name)
{
	const char *star = NULL, *resume = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = name;
		} else if (*pattern == '?' || *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
