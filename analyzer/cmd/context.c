/* context.c - from argv to a context: options by the table, arguments told apart from dumps,
 * dumps opened on demand. */
#include "cmd/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/select.h"
#include "report/where.h"
#include "symbol/attach.h"
#include "types/types.h"
#include "util/bits.h"
#include "util/str.h"

/* ---- options --------------------------------------------------------------------------------- */

static bool same_name(const char *name, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name[i] != text[i] && !(name[i] == '-' && text[i] == '_'))
			return false;
	return !name[n];
}

static const struct option_row *find_long(const struct command *command, const char *text, size_t n)
{
	for (size_t i = 0; i < option_table_rows; i++)
		if ((option_table[i].groups & (command->options | OPTIONS_ALL)) &&
		    same_name(option_table[i].name, text, n))
			return &option_table[i];
	return NULL;
}

static const struct option_row *find_letter(const struct command *command, char letter)
{
	for (size_t i = 0; i < option_table_rows; i++)
		if ((option_table[i].groups & (command->options | OPTIONS_ALL)) &&
		    option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

static struct error *unknown_option(const struct command *command, const char *text)
{
	const struct option_row *best = NULL;
	unsigned best_distance = 4;

	for (size_t i = 0; i < option_table_rows && text[1] == '-'; i++) {
		unsigned distance;

		if (!(option_table[i].groups & (command->options | OPTIONS_ALL)))
			continue;
		distance = text_distance(option_table[i].name, text + 2, 3);
		if (distance < best_distance) {
			best = &option_table[i];
			best_distance = distance;
		}
	}
	if (best)
		return error_usage("%s: no option %s; did you mean --%s?", command->name, text,
				   best->name);
	return error_usage("%s: no option %s; `refgraph help %s` lists them", command->name, text,
			   command->name);
}

static struct error *parse_number(const char *name, const char *text, uint64_t *ret)
{
	static const char units[] = "kmgt";
	uint64_t value, factor = 1;
	const char *unit;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)text[0]) || errno)
		return error_usage("--%s takes a number, not '%s'", name, text);
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		factor = 1ull << (10 * (unit - units + 1));
		end++;
	}
	if (*end || __builtin_mul_overflow(value, factor, &value))
		return error_usage("--%s takes a number, not '%s'", name, text);
	*ret = value;
	return NULL;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t n = strlen(text);

	for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
		if (strcspn(c, "|") == n && strncmp(c, text, n) == 0)
			return n > 0;
	return false;
}

static struct error *parse_flag(const char *name, const char *text, bool *ret)
{
	static const char *const yes[] = {"yes", "true", "1", "on"}, *const no[] = {"no", "false",
										    "0", "off"};

	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret = strcasecmp(text, yes[i]) == 0;
			return NULL;
		}
	}
	return error_usage("--%s takes yes or no, not '%s'", name, text);
}

static struct error *set_option(struct context *c, const struct option_row *row, const char *text,
				bool flag)
{
	struct option_value *value = &c->options[row->id];

	value->given = true;
	value->text = text; /* numbers and choices are passed on as they came */
	if (row->kind == OPTION_FLAG) {
		value->flag = flag;
		return text ? parse_flag(row->name, text, &value->flag) : NULL;
	}
	if (row->kind == OPTION_NUMBER)
		return parse_number(row->name, text, &value->number);
	if (row->kind == OPTION_CHOICE && !is_choice(row->argument, text))
		return error_usage("--%s takes %s, not '%s'", row->name, row->argument, text);
	return NULL;
}

/* --name, --name=value, --name value, --no-name. *used: how many words were taken. */
static struct error *parse_long(struct context *c, char **argv, int left, int *used)
{
	const char *text = argv[0] + 2, *value = strchr(text, '=');
	size_t n = value ? (size_t)(value - text) : strlen(text);
	const struct option_row *row = find_long(c->command, text, n);
	bool flag = true;

	if (!row && n > 3 && (strncmp(text, "no-", 3) == 0 || strncmp(text, "no_", 3) == 0)) {
		row = find_long(c->command, text + 3, n - 3);
		flag = false;
		if (row && row->kind != OPTION_FLAG)
			row = NULL;
	}
	if (!row)
		return unknown_option(c->command, argv[0]);
	if (value)
		return !flag ? error_usage("%s takes no value", argv[0])
			     : set_option(c, row, value + 1, true);
	if (row->kind == OPTION_FLAG)
		return set_option(c, row, NULL, flag);
	if (left < 2)
		return error_usage("--%s wants a value: %s", row->name, row->argument);
	*used = 2;
	return set_option(c, row, argv[1], true);
}

/* -x, -xVALUE, -x VALUE, -xy for flags. */
static struct error *parse_letters(struct context *c, char **argv, int left, int *used)
{
	for (const char *at = argv[0] + 1; *at; at++) {
		const struct option_row *row = find_letter(c->command, *at);

		if (!row) {
			char text[3] = {'-', *at, 0};
			return unknown_option(c->command, text);
		}
		if (row->kind == OPTION_FLAG) {
			TRY(set_option(c, row, NULL, true));
			continue;
		}
		if (at[1])
			return set_option(c, row, at + 1, true);
		if (left < 2)
			return error_usage("-%c wants a value: %s", *at, row->argument);
		*used = 2;
		return set_option(c, row, argv[1], true);
	}
	return NULL;
}

static struct error *parse_words(struct context *c, int argc, char **argv)
{
	bool options = true;

	for (int i = 0; i < argc;) {
		int used = 1;

		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1] == '-') {
			TRY(parse_long(c, argv + i, argc - i, &used));
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			TRY(parse_letters(c, argv + i, argc - i, &used));
		} else {
			c->args[c->nargs++] = argv[i];
			options = options && !c->command->pass_arguments;
		}
		i += used;
	}
	return NULL;
}

/* ---- which words are dumps ------------------------------------------------------------------- */

static bool has_magic(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char magic[8];
	bool is = fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
		  memcmp(magic, RGD_MAGIC, sizeof magic) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

/* A path, a name like a dump's, or a file that is one. Types and roots look otherwise. */
static bool looks_like_dump(const char *word)
{
	size_t n = strlen(word);

	if (strncmp(word, "root:", 5) == 0 || word[0] == '#')
		return false;
	return (n > 4 && strcmp(word + n - 4, ".rgd") == 0) || word[0] == '/' ||
	       strncmp(word, "./", 2) == 0 || strncmp(word, "../", 3) == 0 || has_magic(word);
}

static void move_to_dumps(struct context *c, size_t i)
{
	c->dumps[c->ndumps++] = c->args[i];
	memmove(c->args + i, c->args + i + 1, (c->nargs - i) * sizeof *c->args);
	c->nargs--;
}

struct error *context_newest_dump(struct context *c)
{
	struct timespec newest = {0};
	const char *best = NULL;
	struct stat st;
	glob_t g;

	if (glob("*.rgd", 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			if (stat(g.gl_pathv[i], &st) < 0 || !S_ISREG(st.st_mode))
				continue;
			if (best && (st.st_mtim.tv_sec < newest.tv_sec ||
				     (st.st_mtim.tv_sec == newest.tv_sec &&
				      st.st_mtim.tv_nsec < newest.tv_nsec)))
				continue;
			best = g.gl_pathv[i];
			newest = st.st_mtim;
		}
		c->found_dump = best ? strdup(best) : NULL;
		globfree(&g);
	}
	if (!c->found_dump)
		return error_usage(
			"%s: no dump given, and no *.rgd in this folder\nusage: refgraph %s %s",
			c->command->name, c->command->name, c->command->usage);
	fprintf(stderr, "refgraph: reading %s, the newest dump in this folder\n", c->found_dump);
	c->dumps[c->ndumps++] = c->found_dump;
	return NULL;
}

/* A type may well have the name of a file, so that this is a hint and no error. */
static void tell_files(const struct context *c)
{
	struct stat st;

	for (size_t i = 0; i < c->nargs; i++) {
		if (stat(c->args[i], &st) == 0 && S_ISREG(st.st_mode))
			fprintf(stderr,
				"refgraph: %s is a file here, but no dump: taken for a name in the "
				"dump\n",
				c->args[i]);
	}
}

static struct error *wrong_count(const struct command *k, const char *what)
{
	return error_usage("%s: %s\nusage: refgraph %s %s", k->name, what, k->name, k->usage);
}

static struct error *sort_out_dumps(struct context *c)
{
	const struct command *k = c->command;

	for (size_t i = 0; k->max_dumps && c->args[i];) {
		if (k->max_args == 0 || looks_like_dump(c->args[i]))
			move_to_dumps(c, i);
		else
			i++;
	}
	/* A last word too many can only be meant as a dump, even if its name does not show it. */
	if (k->max_dumps && !c->ndumps && c->nargs > k->max_args)
		move_to_dumps(c, c->nargs - 1);
	if (c->ndumps > k->max_dumps)
		return wrong_count(k, "too many dumps");
	if (c->nargs > k->max_args)
		return wrong_count(k, "too many arguments");
	if (c->nargs < k->min_args)
		return wrong_count(k, "too few arguments");
	if (c->ndumps < k->min_dumps) {
		if (k->min_dumps > 1)
			return wrong_count(k, "too few dumps");
		tell_files(c);
		return context_newest_dump(c);
	}
	return NULL;
}

/* ---- the context ----------------------------------------------------------------------------- */

static bool use_colour(const struct context *c)
{
	const char *wish = option_text(c, OPT_COLOR, "auto");

	if (strcmp(wish, "auto") != 0)
		return strcmp(wish, "always") == 0;
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

static struct error *set_style(struct context *c)
{
	bool json = option_flag(c, OPT_JSON, false), csv = option_flag(c, OPT_CSV, false);

	if (json && csv)
		return error_usage("--json and --csv exclude each other");
	c->style = (struct table_style){
		.format = json	? TABLE_JSON
			  : csv ? TABLE_CSV
				: TABLE_TEXT,
		.columns = option_text(c, OPT_COLUMNS, NULL),
		.sort = option_text(c, OPT_SORT, NULL),
		.limit = option_number(c, OPT_LIMIT, 0),
		.no_header = option_flag(c, OPT_NO_HEADER, false),
		.exact_sizes = option_flag(c, OPT_BYTES, false),
		.colour = use_colour(c),
	};
	return NULL;
}

struct error *context_parse(const struct command *command, int argc, char **argv, struct context *c)
{
	*c = (struct context){.command = command};
	c->args = calloc(argc + 2, sizeof *c->args);
	c->dumps = calloc(argc + 2, sizeof *c->dumps);
	c->models = calloc(argc + 2, sizeof(void *));
	c->symbols = calloc(argc + 2, sizeof(void *));
	c->types = calloc(argc + 2, sizeof(void *));
	if (!c->args || !c->dumps || !c->models || !c->symbols || !c->types)
		return error_memory();
	TRY(parse_words(c, argc, argv));
	if (option_flag(c, OPT_HELP, false))
		return NULL;
	TRY(set_style(c));
	return sort_out_dumps(c);
}

/* An answer out of references that pass through blocks that were not drawn is not whole. */
static void note_sample(struct model *m)
{
	struct error *e;
	const char *sample;

	if (!m || !(m->loaded & MODEL_EDGES))
		return;
	e = model_load(m, MODEL_META);
	sample = e ? NULL : model_meta(m, "sample");
	if (sample && strcmp(sample, "0") != 0)
		fprintf(stderr,
			"refgraph: %s has only a sample of the native blocks: references through "
			"the others are not in it\n",
			m->path);
	error_destroy(e);
}

void context_drop_model(struct context *c, size_t i)
{
	note_sample(c->models[i]);
	if (c->symbols[i])
		symbols_print_notes(c->symbols[i], stderr);
	types_destroy(c->types[i]);
	symbols_destroy(c->symbols[i]);
	if (c->models[i] && c->models[i]->index_note)
		fprintf(stderr, "refgraph: %s\n", c->models[i]->index_note);
	model_close(c->models[i]);
	c->types[i] = NULL;
	c->symbols[i] = NULL;
	c->models[i] = NULL;
}

void context_deinit(struct context *c)
{
	for (size_t i = 0; c->models && c->symbols && c->types && i < c->ndumps; i++)
		context_drop_model(c, i);
	free(c->args);
	free(c->dumps);
	free(c->models);
	free(c->symbols);
	free(c->types);
	free(c->found_dump);
}

static enum types_effort types_effort(const struct context *c)
{
	const char *wish = option_text(c, OPT_TYPES, getenv("REFGRAPH_TYPES"));

	if (wish && strcmp(wish, "off") == 0)
		return TYPES_OFF;
	return wish && strcmp(wish, "full") == 0 ? TYPES_FULL : TYPES_AUTO;
}

struct error *context_model(struct context *c, size_t i, struct model **ret)
{
	if (!c->models[i]) {
		TRY(model_open(c->dumps[i], &c->models[i]));
		TRY(symbols_attach(c->models[i], option_text(c, OPT_SYMBOL_PATH, NULL),
				   &c->symbols[i]));
		TRY(types_attach(c->models[i], c->symbols[i], types_effort(c), &c->types[i]));
		if (option_flag(c, OPT_FOLD_CONTAINERS, false))
			types_fold(c->types[i]);
	}
	*ret = c->models[i];
	return NULL;
}

struct error *context_universe(struct context *c, struct model *model, struct universe *ret)
{
	return universe_parse(model, option_text(c, OPT_UNIVERSE, NULL), ret);
}

/* ---- selections ------------------------------------------------------------------------------ */

/* Keeps those for which the expression holds, whatever universe they are from: they were named. */
static struct error *keep_where(struct model *m, const char *expression, struct ids *ids)
{
	struct where *where;
	struct error *e;
	size_t kept = 0;

	TRY(where_compile(expression, &where));
	e = where_bind(where, m);
	for (size_t i = 0; i < ids->n && !e; i++)
		if (where_test(where, ids->data[i]))
			ids->data[kept++] = ids->data[i];
	if (!e)
		ids->n = kept;
	where_destroy(where);
	return e;
}

struct error *context_select(struct context *c, struct model *m, const struct universe *u,
			     struct ids *ret)
{
	const char *expression = option_text(c, OPT_WHERE, NULL);

	if (!c->nargs && !expression)
		return error_usage("%s: which objects? Give a selector (0x7f00..., #17, TYPE, "
				   "TYPE[3], root:NAME) or --where\n"
				   "usage: refgraph %s %s",
				   c->command->name, c->command->name, c->command->usage);
	if (!c->nargs)
		return select_where(m, u, expression, ret);
	for (size_t i = 0; i < c->nargs; i++)
		TRY(select_objects(m, u, c->args[i], ret));
	ids_sort_unique(ret, 0);
	return expression ? keep_where(m, expression, ret) : NULL;
}

uint64_t option_number(const struct context *c, enum option_id id, uint64_t otherwise)
{
	return c->options[id].given ? c->options[id].number : otherwise;
}

const char *option_text(const struct context *c, enum option_id id, const char *otherwise)
{
	return c->options[id].given ? c->options[id].text : otherwise;
}

bool option_flag(const struct context *c, enum option_id id, bool otherwise)
{
	return c->options[id].given ? c->options[id].flag : otherwise;
}
