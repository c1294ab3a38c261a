/*
 * where.c - expressions over objects: a hand-written recursive descent parser into a small tree,
 * tests on one object at a time. Answers to tests on texts are remembered per type or per stack, of
 * which there are few.
 */
#include "report/where.h"

#include <ctype.h>
#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "report/epochs.h"
#include "report/op.h"
#include "report/references.h"
#include "report/repr.h"
#include "report/retained.h"
#include "util/big.h"
#include "util/bits.h"
#include "util/vec.h"

enum field_id {
	F_TYPE,
	F_SIZE,
	F_REFCOUNT,
	F_GENERATION,
	F_AGE,
	F_EPOCH,
	F_INDEGREE,
	F_OUTDEGREE,
	F_UNEXPLAINED,
	F_RETAINED,
	F_RUNTIME,
	F_MODULE,
	F_SITE,
	F_NAME,
	F_ID,
	F_ADDRESS,
	F_TRACKED,
	F_INTERNAL,
	F_IMMORTAL,
	F_FINALIZED,
	F_PROPER_MODULE,
	F_ROOT,
};

static const struct {
	const char *name;
	bool text;
	unsigned parts;
} fields[] = {
	[F_TYPE] = {"type", true, MODEL_SITES},
	[F_SIZE] = {"size", false, MODEL_SIZE},
	[F_REFCOUNT] = {"refcount", false, MODEL_REFCOUNT},
	[F_GENERATION] = {"generation", false, MODEL_FLAGS},
	[F_AGE] = {"age", false, MODEL_EPOCH | MODEL_EPOCHS},
	[F_EPOCH] = {"epoch", false, MODEL_EPOCH},
	[F_INDEGREE] = {"indegree", false, MODEL_EDGES},
	[F_OUTDEGREE] = {"outdegree", false, MODEL_EDGES},
	[F_UNEXPLAINED] = {"unexplained", false, MODEL_EDGES | MODEL_ROOTS | MODEL_REFCOUNT},
	[F_RETAINED] = {"retained", false, 0},
	[F_RUNTIME] = {"runtime", true, MODEL_FLAGS},
	[F_MODULE] = {"module", true, MODEL_SITES},
	[F_SITE] = {"site", true, MODEL_SITES},
	[F_NAME] = {"name", true, MODEL_PROPERTIES},
	[F_ID] = {"id", false, 0},
	[F_ADDRESS] = {"address", false, MODEL_ADDRESS},
	[F_TRACKED] = {"tracked", false, MODEL_FLAGS},
	[F_INTERNAL] = {"internal", false, MODEL_FLAGS},
	[F_IMMORTAL] = {"immortal", false, MODEL_FLAGS},
	[F_FINALIZED] = {"finalized", false, MODEL_FLAGS},
	[F_PROPER_MODULE] = {"is-proper-module", false, 0},
	[F_ROOT] = {"is-root", false, 0},
};
#define NFIELDS (sizeof fields / sizeof *fields)

#define MAX_NODES 2000

enum node_kind { N_OR, N_AND, N_NOT, N_TEST };

struct node {
	enum node_kind kind;
	uint32_t left, right; /* nodes */
	enum field_id field;
	enum op op;
	uint64_t number;
	char *text;
	regex_t *regex;
	/* answers so far, by type or by stack + 1: 0 unknown, 1 false, 2 true */
	VEC(uint8_t) known;
};

struct where {
	char *expression;
	VEC(struct node) nodes;
	uint32_t root;
	struct model *model;
	uint32_t *indegree;
	uint32_t *counted; /* strong references and roots: what a refcount is made of */
	uint64_t *retained;
	uint64_t *proper, *roots;
	uint32_t now; /* epoch of the dump */
};

struct parser {
	struct where *where;
	const char *at;
	struct error *error;
	unsigned depth;
};

/* ---- errors ---------------------------------------------------------------------------------- */

static uint32_t fail(struct parser *p, const char *at, const char *what)
{
	const char *text = p->where->expression;

	if (!p->error)
		p->error = error_usage("%s\n  %s\n  %*s", what, text, (int)(at - text) + 1, "^");
	return 0;
}

static uint32_t fail_field(struct parser *p, const char *at, size_t n)
{
	struct str s = {0};

	str_printf(&s, "no field '%.*s'; there are:", (int)n, at);
	for (size_t i = 0; i < NFIELDS; i++)
		str_printf(&s, "%s %s", i ? "," : "", fields[i].name);
	fail(p, at, str_text(&s));
	str_free(&s);
	return 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void blanks(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' || c == ':' ||
	       (c & 0x80);
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (is_word_char(s[n]))
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

static bool take_char(struct parser *p, char c)
{
	blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static void node_deinit(struct node *node)
{
	free(node->text);
	VEC_FREE(&node->known);
	if (node->regex) {
		regfree(node->regex);
		free(node->regex);
	}
}

static uint32_t add_node(struct parser *p, struct node node)
{
	/* a tree may be as deep as it has nodes, and tests recurse */
	if (p->where->nodes.n == MAX_NODES)
		fail(p, p->at, "the expression is too long");
	if (!VEC_PUSH(&p->where->nodes, node)) {
		node_deinit(&node);
		if (!p->error)
			p->error = error_memory();
		return 0;
	}
	return p->where->nodes.n - 1;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static bool take_op(struct parser *p, enum op *op)
{
	static const struct {
		const char *text;
		enum op op;
	} ops[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE},	{"!~", OP_NO_MATCH},
		   {"=", OP_EQ},  {"<", OP_LT},	 {">", OP_GT},	{"~", OP_MATCH}};

	blanks(p);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		if (strncmp(p->at, ops[i].text, strlen(ops[i].text)) == 0) {
			p->at += strlen(ops[i].text);
			*op = ops[i].op;
			return true;
		}
	}
	return false;
}

/* A quoted text (with \ before a quote) or a word. malloc()ed; NULL after an error. */
static char *take_value(struct parser *p)
{
	const char *start;
	struct str s = {0};
	char quote;

	blanks(p);
	start = p->at;
	quote = *p->at;
	if (quote != '"' && quote != '\'') {
		size_t n = word_length(p->at);

		if (!n) {
			fail(p, start, "a value is missing here");
			return NULL;
		}
		p->at += n;
		str_bytes(&s, start, n);
	} else {
		str_bytes(&s, "", 0);
		for (p->at++; *p->at && *p->at != quote; p->at++) {
			if (p->at[0] == '\\' && p->at[1] == quote)
				p->at++;
			str_char(&s, *p->at);
		}
		if (!*p->at) {
			str_free(&s);
			fail(p, start, "this quote is not closed");
			return NULL;
		}
		p->at++;
	}
	if (s.failed && !p->error)
		p->error = error_memory();
	return s.data;
}

static bool parse_number(const char *text, uint64_t *ret)
{
	static const char units[] = "kmgt";
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		*ret = strtoull(text, &end, 16);
		return !*end && end != text + 2;
	}
	double value = strtod(text, &end);
	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;

	if (unit) {
		value *= (double)(1ull << (10 * (unit - units + 1)));
		end++;
		if (*end == 'i')
			end++;
		if (*end == 'B')
			end++;
	}
	if (*end || !(value >= 0) || value >= 18446744073709551615.0)
		return false;
	*ret = value;
	if (!unit && !strpbrk(text, ".eE"))
		*ret = strtoull(text, NULL, 10);
	return true;
}

static struct error *compile_regex(struct parser *p, const char *at, struct node *node)
{
	char message[200];
	int rc;

	node->regex = malloc(sizeof *node->regex);
	if (!node->regex)
		return p->error = error_memory();
	rc = regcomp(node->regex, node->text, REG_EXTENDED | REG_NOSUB);
	if (rc == 0)
		return NULL;
	regerror(rc, node->regex, message, sizeof message);
	free(node->regex);
	node->regex = NULL;
	fail(p, at, message);
	return p->error;
}

static bool find_field(const char *at, size_t n, enum field_id *ret)
{
	for (size_t i = 0; i < NFIELDS; i++) {
		if (strlen(fields[i].name) == n && strncmp(fields[i].name, at, n) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static uint32_t parse_comparison(struct parser *p, struct node node)
{
	const char *at;

	blanks(p);
	at = p->at;
	node.text = take_value(p);
	if (!node.text)
		return 0;
	if (fields[node.field].text) {
		if (node.op >= OP_LT && node.op <= OP_GE)
			fail(p, at, "texts are compared with ==, != or ~");
		else if (node.op >= OP_MATCH)
			compile_regex(p, at, &node);
	} else if (node.op >= OP_MATCH) {
		fail(p, at, "~ is for texts; this field is a number");
	} else if (!parse_number(node.text, &node.number)) {
		fail(p, at, "a number was to come here, such as 17, 4k, 1.5M or 0x7f00");
	}
	/* kept also after an error: where_destroy() frees it */
	return add_node(p, node);
}

static uint32_t parse_test(struct parser *p)
{
	struct node node = {.kind = N_TEST};
	const char *at;
	size_t n;

	blanks(p);
	at = p->at;
	n = word_length(at);
	if (!n)
		return fail(p, at,
			    *at ? "a field was to come here" : "the expression ends too soon");
	if (!find_field(at, n, &node.field))
		return fail_field(p, at, n);
	p->at += n;
	if (take_op(p, &node.op))
		return parse_comparison(p, node);
	if (fields[node.field].text)
		return fail(p, p->at, "a comparison was to come here: ==, != or ~");
	node.op = OP_NE; /* a bare number: is it not 0? */
	return add_node(p, node);
}

static uint32_t parse_or(struct parser *p);

static uint32_t parse_not(struct parser *p)
{
	uint32_t left;

	if (p->depth > 200)
		return fail(p, p->at, "nested too deeply");
	p->depth++;
	if (take_word(p, "not")) {
		left = parse_not(p);
		left = p->error ? 0 : add_node(p, (struct node){.kind = N_NOT, .left = left});
	} else if (take_char(p, '(')) {
		left = parse_or(p);
		if (!p->error && !take_char(p, ')'))
			fail(p, p->at, "a ) was to come here");
	} else {
		left = parse_test(p);
	}
	p->depth--;
	return left;
}

static uint32_t parse_and(struct parser *p)
{
	uint32_t left = parse_not(p);

	while (!p->error && take_word(p, "and")) {
		uint32_t right = parse_not(p);
		left = p->error ? 0
				: add_node(p, (struct node){
						      .kind = N_AND, .left = left, .right = right});
	}
	return left;
}

static uint32_t parse_or(struct parser *p)
{
	uint32_t left = parse_and(p);

	while (!p->error && take_word(p, "or")) {
		uint32_t right = parse_and(p);
		left = p->error ? 0
				: add_node(p, (struct node){
						      .kind = N_OR, .left = left, .right = right});
	}
	return left;
}

struct error *where_compile(const char *expression, struct where **ret)
{
	struct where *w = calloc(1, sizeof *w);
	struct parser p = {.where = w};

	if (!w || !(w->expression = strdup(expression))) {
		free(w);
		return error_memory();
	}
	for (char *c = w->expression; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' '; /* the caret stands below the right place */
	p.at = w->expression;
	w->root = parse_or(&p);
	blanks(&p);
	if (!p.error && *p.at)
		fail(&p, p.at, "this is too much: 'and' or 'or' was to come here");
	if (p.error)
		where_destroy(w);
	else
		*ret = w;
	return p.error;
}

void where_destroy(struct where *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->nodes.n; i++)
		node_deinit(&w->nodes.data[i]);
	if (w->model) {
		big_free(w->indegree, w->model->nobjects, sizeof *w->indegree);
		big_free(w->counted, w->model->nobjects, sizeof *w->counted);
		big_free(w->retained, w->model->nobjects, sizeof *w->retained);
		big_free(w->proper, bits_words(w->model->nobjects), sizeof *w->proper);
		big_free(w->roots, bits_words(w->model->nobjects), sizeof *w->roots);
	}
	VEC_FREE(&w->nodes);
	free(w->expression);
	free(w);
}

/* ---- what tests need ------------------------------------------------------------------------- */

static struct error *count_indegree(struct where *w)
{
	const struct graph *g = &w->model->graph;

	if (w->indegree)
		return NULL;
	TRY(big_alloc(g->nnodes, sizeof *w->indegree, &w->indegree));
	for (uint32_t e = 0; e < g->nedges; e++)
		if (MODEL_CLASS_KIND(g->edge_class[e]) != RGD_EDGE_WEAK)
			w->indegree[g->out_target[e]]++;
	return NULL;
}

struct error *where_bind(struct where *w, struct model *m)
{
	uint32_t count;

	w->model = m;
	for (size_t i = 0; i < w->nodes.n; i++) {
		const struct node *n = &w->nodes.data[i];

		if (n->kind != N_TEST)
			continue;
		TRY(model_load(m, fields[n->field].parts));
		if (n->field == F_INDEGREE)
			TRY(count_indegree(w));
		if (n->field == F_UNEXPLAINED)
			TRY(w->counted ? NULL : references_counted(m, &w->counted));
		if (n->field == F_RETAINED && !w->retained)
			TRY(retained_sizes(m, &w->retained));
		if (n->field == F_PROPER_MODULE && !w->proper)
			TRY(proper_modules(m, &w->proper, &count));
		if (n->field == F_ROOT && !w->roots)
			TRY(root_targets(m, &w->roots, &count));
		if (n->field == F_AGE)
			TRY(epoch_last(m, &w->now));
	}
	return NULL;
}

/* ---- testing --------------------------------------------------------------------------------- */

static uint64_t number_of(const struct where *w, enum field_id field, uint32_t o)
{
	const struct model *m = w->model;

	switch (field) {
	case F_SIZE:
		return m->size[o];
	case F_REFCOUNT:
		return m->refcount[o];
	case F_GENERATION:
		return model_generation(m, o);
	case F_AGE:
		return w->now > m->epoch[o] ? w->now - m->epoch[o] : 0;
	case F_EPOCH:
		return m->epoch[o];
	case F_INDEGREE:
		return w->indegree[o];
	case F_OUTDEGREE:
		return m->graph.out_first[o + 1] - m->graph.out_first[o];
	case F_UNEXPLAINED:
		return m->refcount[o] > w->counted[o] ? m->refcount[o] - w->counted[o] : 0;
	case F_RETAINED:
		return w->retained[o] == RETAINED_NONE ? 0 : w->retained[o];
	case F_ID:
		return o;
	case F_ADDRESS:
		return m->address[o];
	case F_TRACKED:
		return !!(m->flags[o] & RGD_OBJ_F_TRACKED);
	case F_INTERNAL:
		return !!(m->flags[o] & RGD_OBJ_F_INTERNAL);
	case F_IMMORTAL:
		return !!(m->flags[o] & RGD_OBJ_F_IMMORTAL);
	case F_FINALIZED:
		return !!(m->flags[o] & RGD_OBJ_F_FINALIZED);
	case F_PROPER_MODULE:
		return bits_get(w->proper, o);
	case F_ROOT:
		return bits_get(w->roots, o);
	default:
		return 0;
	}
}

static bool compare_numbers(enum op op, uint64_t a, uint64_t b)
{
	return op_holds(op, (a > b) - (a < b));
}

static bool text_is(const struct node *n, const char *text)
{
	return n->regex ? regexec(n->regex, text, 0, NULL, 0) == 0 : strcmp(text, n->text) == 0;
}

/* A type is named by its short or its long name; patterns see the long one. */
static bool type_matches(const struct where *w, const struct node *n, uint32_t type)
{
	struct str s = {0};
	bool yes;

	if (!n->regex && !strchr(n->text, '.'))
		return text_is(n, w->model->types[type].name);
	model_long_name(w->model, type, &s);
	yes = text_is(n, str_text(&s));
	str_free(&s);
	return yes;
}

static bool site_matches(const struct where *w, const struct node *n, uint32_t stack)
{
	const struct model *m = w->model;
	struct str s = {0};
	bool yes;

	if (stack != MODEL_NONE)
		model_frame_text(m, model_site_frame(m, stack), &s);
	if (n->field == F_MODULE) {
		uint32_t frame = stack != MODEL_NONE ? model_site_frame(m, stack) : MODEL_NONE;
		uint32_t module = frame != MODEL_NONE ? m->frames[frame].module : MODEL_NONE;
		const char *path =
			module != MODEL_NONE ? model_string(m, m->modules[module].path) : "";
		const char *slash = strrchr(path, '/');

		yes = text_is(n, slash ? slash + 1 : path) || text_is(n, path);
	} else {
		yes = text_is(n, str_text(&s));
	}
	str_free(&s);
	return yes;
}

static uint32_t stack_of(const struct model *m, uint32_t o)
{
	return m->stack[o] ? m->stack[o] - 1 : MODEL_NONE;
}

/* Where the answer for an object is remembered, and how it is found. Native blocks have the
 * module of their site. */
static bool by_stack(const struct where *w, const struct node *n, uint32_t o)
{
	return n->field == F_SITE || (n->field == F_MODULE &&
				      w->model->types[w->model->type[o]].runtime == RGD_RT_NATIVE);
}

static bool remembered(const struct where *w, struct node *n, uint32_t o)
{
	struct model *m = w->model;
	bool stack = by_stack(w, n, o);
	/* types at even places, stacks at odd ones: a node may need both */
	size_t place = stack ? 2 * (size_t)m->stack[o] + 1 : 2 * (size_t)model_type_of(m, o);
	bool yes;

	if (place < n->known.n && n->known.data[place])
		return n->known.data[place] == 2;
	if (stack)
		yes = site_matches(w, n, stack_of(m, o));
	else if (n->field == F_MODULE)
		yes = text_is(n, m->types[m->type[o]].module);
	else
		yes = type_matches(w, n, place / 2);
	while (n->known.n <= place && VEC_PUSH(&n->known, 0))
		;
	if (place < n->known.n)
		n->known.data[place] = yes ? 2 : 1;
	return yes;
}

static bool test_text(const struct where *w, struct node *n, uint32_t o)
{
	const struct model *m = w->model;
	const char *text;

	switch (n->field) {
	case F_RUNTIME:
		text = model_runtime_name(m->flags[o] & RGD_OBJ_F_RUNTIME_MASK);
		return (text && text_is(n, text)) ||
		       ((m->flags[o] & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_CPYTHON &&
			text_is(n, "python"));
	case F_NAME:
		text = model_property_text(m, o, RGD_PROP_NAME);
		return text_is(n, text ? text : "");
	default:
		return remembered(w, n, o);
	}
}

static bool test(const struct where *w, uint32_t node, uint32_t o)
{
	struct node *n = &w->nodes.data[node];

	switch (n->kind) {
	case N_OR:
		return test(w, n->left, o) || test(w, n->right, o);
	case N_AND:
		return test(w, n->left, o) && test(w, n->right, o);
	case N_NOT:
		return !test(w, n->left, o);
	default:
		break;
	}
	if (!fields[n->field].text)
		return compare_numbers(n->op, number_of(w, n->field, o), n->number);
	return test_text(w, n, o) == (n->op == OP_EQ || n->op == OP_MATCH);
}

bool where_test(const struct where *w, uint32_t object)
{
	return test(w, w->root, object);
}

/* ---- fields by themselves -------------------------------------------------------------------- */

const char *where_field_name(unsigned field)
{
	return field < NFIELDS ? fields[field].name : NULL;
}

bool where_field_is_text(unsigned field)
{
	return fields[field].text;
}

struct error *where_open_fields(uint64_t wanted, struct model *m, struct where **ret)
{
	struct where *w = calloc(1, sizeof *w);
	struct error *e = w ? NULL : error_memory();

	for (unsigned f = 0; f < NFIELDS && !e; f++) {
		struct node node = {.kind = N_TEST, .field = f};

		if ((wanted >> f & 1) && !VEC_PUSH(&w->nodes, node))
			e = error_memory();
	}
	if (!e)
		e = where_bind(w, m);
	if (e)
		where_destroy(w);
	else
		*ret = w;
	return e;
}

uint64_t where_number(const struct where *w, unsigned field, uint32_t o)
{
	return number_of(w, field, o);
}

static const char *module_of_site(const struct model *m, uint32_t stack)
{
	uint32_t frame = stack != MODEL_NONE ? model_site_frame(m, stack) : MODEL_NONE;
	uint32_t module = frame != MODEL_NONE ? m->frames[frame].module : MODEL_NONE;
	const char *path = module != MODEL_NONE ? model_string(m, m->modules[module].path) : "";
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void where_text(const struct where *w, unsigned field, uint32_t o, struct str *out)
{
	struct model *m = w->model;
	const char *text = NULL;

	switch (field) {
	case F_TYPE:
		text = model_type_name(m, o);
		break;
	case F_RUNTIME:
		text = model_runtime_name(m->flags[o] & RGD_OBJ_F_RUNTIME_MASK);
		break;
	case F_MODULE:
		text = m->types[m->type[o]].runtime == RGD_RT_NATIVE
			       ? module_of_site(m, stack_of(m, o))
			       : m->types[m->type[o]].module;
		break;
	case F_SITE:
		if (m->stack[o])
			model_frame_text(m, model_site_frame(m, m->stack[o] - 1), out);
		break;
	case F_NAME:
		text = model_property_text(m, o, RGD_PROP_NAME);
		break;
	default:
		break;
	}
	if (text)
		str_add(out, text);
}
