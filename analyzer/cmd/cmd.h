/*
 * cmd.h - what a subcommand is, and what it gets.
 *
 * How to add a command
 *   1. cmd/NAME.c with one `const struct command cmd_NAME`; run() computes and fills a table; main
 *      prints errors.
 *   2. One line in cmd/commands.c. Options: name the groups; a new option is one row of the table in
 *      cmd/options.c and one number in enum option_id. `--help` comes from these tables.
 *   3. man/refgraph-NAME.1 and a test. What --json prints is told by .records, and tests/cli/schema.py gets a line.
 * Commands do not include each other: what two of them need is in report/.
 */
#ifndef REFGRAPH_CMD_H
#define REFGRAPH_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dump/model.h"
#include "out/table.h"
#include "report/universe.h"
#include "util/err.h"
#include "util/vec.h"

/* ---- options.c: the one table of options ----------------------------------------------------- */

enum option_id {
	OPT_HELP,
	/* OPTIONS_OUTPUT */
	OPT_JSON,
	OPT_CSV,
	OPT_COLUMNS,
	OPT_SORT,
	OPT_LIMIT,
	OPT_NO_HEADER,
	OPT_BYTES,
	OPT_COLOR,
	/* OPTIONS_UNIVERSE */
	OPT_UNIVERSE,
	OPT_WHERE,
	OPT_SYMBOL_PATH,
	OPT_TYPES,
	OPT_FOLD_CONTAINERS,
	/* OPTIONS_TYPES */
	OPT_SHORTNAMES,
	OPT_FILTER,
	/* OPTIONS_GROWTH */
	OPT_BASELINE,
	/* OPTIONS_NEW_IDS, OPTIONS_LIST, OPTIONS_COLLECT, OPTIONS_AUDIT */
	OPT_SKIP_UPDATE,
	OPT_SORTBY,
	OPT_LIST,
	OPT_GENERATION,
	OPT_ALL,
	OPT_FAIL,
	/* OPTIONS_CHAIN */
	OPT_MAX_DEPTH,
	OPT_PREDICATE,
	OPT_ALL_ROOTS,
	OPT_EXTRA_IGNORE,
	/* OPTIONS_DRAW: show-refs, show-backrefs, show-chain */
	OPT_TOO_MANY,
	OPT_HIGHLIGHT,
	OPT_FILENAME,
	OPT_OUTPUT,
	OPT_EXTRA_INFO,
	OPT_REFCOUNTS,
	OPT_EXTRA_NODE_ATTRS,
	OPT_FORMAT,
	OPT_BACKREFS,
	OPT_LEGEND,
	OPT_FOLD,
	OPT_MAX_NODES,
	OPT_CLUSTER,
	OPT_SHADE,
	/* OPTIONS_TREE */
	OPT_MIN,
	OPT_LEVELS,
	OPT_GROUP_BY,
	/* OPTIONS_CYCLES */
	OPT_STATE,
	OPT_WITH_TYPES,
	/* OPTIONS_WHY */
	OPT_AVOID,
	OPT_WAYS,
	OPT_MERGE,
	/* OPTIONS_SUSPECTS */
	OPT_SUSPECT_MIN,
	OPT_FAIL_ON_SUSPECTS,
	/* OPTIONS_QUERY */
	OPT_EXPLAIN,
	/* OPTIONS_STACKS */
	OPT_STACKS_BY,
	OPT_SINCE,
	OPT_UNTIL,
	/* OPTIONS_GC */
	OPT_EVENTS,
	/* OPTIONS_INFO */
	OPT_COVERAGE,
	/* OPTIONS_TASKS */
	OPT_HOLDER,
	/* OPTIONS_SLOPES */
	OPT_SLOPES_BY,
	OPT_AGAINST,
	OPT_SLOPES_MIN,
	OPT_SLOPES_ALL,
	/* OPTIONS_SURVIVORS */
	OPT_SURVIVORS_BY,
	OPT_BORN,
	OPT_AGE,
	/* OPTIONS_WORKERS */
	OPT_WORKERS_BY,
	/* OPTIONS_MEMORY */
	OPT_MEMORY_BY,
	/* OPTIONS_SITES */
	OPT_SITES_BY,
	/* OPTIONS_DIFF */
	OPT_DIFF_BY,
	OPT_DIFF_STATE,
	OPT_FAIL_IF,
	/* OPTIONS_LEAKS */
	OPT_LEAK_KINDS,
	OPT_ERROR_KINDS,
	OPT_HEURISTICS,
	OPT_JUNIT,
	OPT_SUPPRESSIONS,
	OPT_DEFAULT_SUPPRESSIONS,
	OPT_GEN_SUPPRESSIONS,
	OPT_NUM_CALLERS,
	OPT_LEAK_CHECK,
	OPT_ERROR_EXITCODE,
	/* OPTIONS_SNAPSHOT, OPTIONS_RUN, OPTIONS_WATCH, OPTIONS_PS */
	OPT_SNAPSHOT_OUTPUT,
	OPT_LABEL,
	OPT_TIMEOUT,
	OPT_STACKS,
	OPT_SAMPLE,
	OPT_STACK_DEPTH,
	OPT_ON_EXIT,
	OPT_SIGNAL,
	OPT_EVERY,
	OPT_GROWTH,
	OPT_DUMP,
	OPT_DIRECTORY,
	OPT_VALUES,
	OPT_INTERVAL,
	OPT_COUNT_TIMES,
	OPT_VERBOSE,
	OPT_ON_FATAL,
	OPT_PYTHON_STACKS,
	OPT_PHP_STACKS,
	OPT_PHP_REQUEST,
	OPT_PHP_MEMORY,
	OPT_PHP_EPOCH_FUNCTION,
	OPT_DEADLINE,
	OPT_UNWINDER,
	OPT_CHILDREN,
	OPT_HELPER,
	OPT_NATIVE,
	OPT_RULES,
	OPT_PYTHON,
	OPT_PYTHON_TRACER,
	OPT_PEAKS,
	OPT_TRACK_TYPE,
	/* OPTIONS_BALANCE, OPTIONS_REPLAY */
	OPT_TYPE_NAME,
	OPT_CALL_TREE,
	OPT_REPLAY,
	OPT_TRACK_OBJECTS,
	OPT_TOMBSTONES,
	OPT_NUMBER_OF,
};

/* One bit each; the next one is 32. */
enum option_group {
	OPTIONS_NONE = 0,
	OPTIONS_OUTPUT = 1ull << 0,
	OPTIONS_UNIVERSE = 1ull << 1,
	OPTIONS_TYPES = 1ull << 2,
	OPTIONS_GROWTH = 1ull << 3,
	OPTIONS_CHAIN = 1ull << 4,
	OPTIONS_DRAW = 1ull << 5,
	OPTIONS_SNAPSHOT = 1ull << 6,
	OPTIONS_RUN = 1ull << 7,
	OPTIONS_WATCH = 1ull << 8,
	OPTIONS_DEPTH = 1ull << 9,   /* --max-depth alone */
	OPTIONS_IGNORE = 1ull << 10, /* --extra-ignore alone */
	OPTIONS_JSON = 1ull << 11,   /* --json alone */
	OPTIONS_SHOW_CHAIN = 1ull << 12,
	OPTIONS_MARK = 1ull << 13,
	OPTIONS_LIMIT = 1ull << 14, /* --limit alone */
	OPTIONS_BYTES = 1ull << 15, /* --bytes alone */
	OPTIONS_TREE = 1ull << 16,
	OPTIONS_CYCLES = 1ull << 17,
	OPTIONS_NEW_IDS = 1ull << 18,
	OPTIONS_LIST = 1ull << 19,
	OPTIONS_COLLECT = 1ull << 20,
	OPTIONS_AUDIT = 1ull << 21,
	OPTIONS_WHERE = 1ull << 22, /* --where and --symbol-path alone */
	OPTIONS_DIFF = 1ull << 23,
	OPTIONS_WHY = 1ull << 24,
	OPTIONS_SUSPECTS = 1ull << 28,
	OPTIONS_QUERY = 1ull << 27,
	OPTIONS_LEAKS = 1ull << 25,
	OPTIONS_STACKS = 1ull << 29,
	OPTIONS_SLOPES = 1ull << 26,
	OPTIONS_SURVIVORS = 1ull << 30,
	OPTIONS_MEMORY = 1ull << 40,
	OPTIONS_SITES = 1ull << 52,
	OPTIONS_GC = 1ull << 31,
	OPTIONS_INFO = 1ull << 45,
	OPTIONS_WORKERS = 1ull << 44,
	OPTIONS_TASKS = 1ull << 33,
	OPTIONS_BALANCE = 1ull << 56,
	OPTIONS_REPLAY = 1ull << 57,
	OPTIONS_ALL = 1ull << 63,
};

enum option_kind {
	OPTION_FLAG,   /* --x, --no-x, --x=yes|no */
	OPTION_NUMBER, /* decimal, k M G T as 1024s */
	OPTION_TEXT,
	OPTION_CHOICE, /* `argument` lists them: "gc|all" */
};

struct option_row {
	enum option_id id;
	uint64_t groups; /* enum option_group; of any of them */
	const char *name;
	char letter; /* 0 none */
	enum option_kind kind;
	const char *argument; /* "N", "EXPR", NULL for a flag */
	const char *help;
};
extern const struct option_row option_table[];
extern const size_t option_table_rows;

struct option_value {
	bool given;
	bool flag;
	uint64_t number;
	const char *text;
};

/* ---- commands -------------------------------------------------------------------------------- */

struct context;

/*
 * One kind of line of a command's --json. `refgraph schema`, --help and completion read it, and tests/cli/schema.py holds what
 * the command prints against it. A table's lines have all its columns; what is printed by hand describes its fields as columns too.
 */
struct record {
	const char *field,
		*value; /* what tells this kind of line from the command's others; NULL: nothing */
	const struct column *columns;
	size_t n;
	bool open; /* there may be more fields, whose names a dump or a query gives */
};
#define COLUMNS_OF(columns_) .columns = (columns_), .n = sizeof(columns_) / sizeof *(columns_)
#define RECORD(columns_) (&(const struct record){COLUMNS_OF(columns_)})
/* {"record":"total",...} */
#define RECORD_IF(field_, value_, columns_)                                                        \
	(&(const struct record){.field = field_, .value = value_, COLUMNS_OF(columns_)})
#define RECORDS(...) ((const struct record *const[]){__VA_ARGS__, NULL})

struct command {
	const char *name;    /* "find-backref-chain"; "_" and "-" are the same to users */
	const char *usage;   /* arguments: "SELECTOR DUMP" */
	const char *summary; /* one line */
	const char *about;   /* more for --help; NULL none */
	uint64_t options;    /* enum option_group */
	const struct record *const *records; /* lines of --json, ended by NULL; NULL: no --json */
	bool pass_arguments;	     /* options end at the first argument; no argument is a dump */
	unsigned min_args, max_args; /* that are not dumps; UINT_MAX: any number */
	unsigned min_dumps,
		max_dumps; /* 0 dumps given for min 1: the newest *.rgd of this folder */
	struct error *(*run)(struct context *context);
};
extern const struct command
	*const commands[]; /* commands.c; ends with NULL; in the order of `refgraph help` */
const struct command *command_find(const char *name);

struct context {
	const struct command *command;
	struct option_value options[OPT_NUMBER_OF];
	char **args; /* NULL-terminated */
	size_t nargs;
	const char **dumps;
	size_t ndumps;
	struct model **models; /* as far as they were opened */
	struct symbols **symbols;
	struct types **types;
	struct table_style style; /* from the options */
	char *found_dump;	  /* the newest of this folder, when none was given */
};

/* ---- context.c ------------------------------------------------------------------------------- */

struct error *context_parse(const struct command *command, int argc, char **argv,
			    struct context *ret);
void context_deinit(struct context *context);

/* Dump i, opened when first asked for, with its namer connected; closed by context_deinit(). */
struct error *context_model(struct context *context, size_t i, struct model **ret);
void context_drop_model(struct context *context, size_t i);
/* Takes the newest *.rgd of this folder as a dump, and says so on stderr; none is a usage error. */
struct error *context_newest_dump(struct context *context);
/* From --universe. */
struct error *context_universe(struct context *context, struct model *model, struct universe *ret);
/* The objects that the arguments (all of them) and --where name; ascending, each once. An error
 * when neither is given. */
struct error *context_select(struct context *context, struct model *model,
			     const struct universe *universe, struct ids *ret);
/* Option's number or text, or `otherwise`. */
uint64_t option_number(const struct context *context, enum option_id id, uint64_t otherwise);
const char *option_text(const struct context *context, enum option_id id, const char *otherwise);
bool option_flag(const struct context *context, enum option_id id, bool otherwise);

/* ---- object_rows.c: a table with one object a row -------------------------------------------- */

extern const struct record object_record; /* its lines */
/* Prints the objects by context->style. Loads what it needs. `offsets` (an address within each
 * object) may be NULL. */
struct error *print_objects(struct context *context, struct model *model, const struct ids *objects,
			    const uint64_t *offsets);
/* "handler (app.py:31)": the place of birth; appended. MODEL_SITES. */
void add_site(const struct model *model, uint32_t object, struct str *out);

/* ---- help.c ---------------------------------------------------------------------------------- */

void help_overview(FILE *out);
void help_command(const struct command *command, FILE *out);
struct error *unknown_command(const char *name);

#endif
