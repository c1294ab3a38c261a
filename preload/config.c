/*
 * config.c - the table of REFGRAPH_* variables. Each value is checked once, at the start; what is not understood costs one
 * line and leaves the default. The environment itself is never changed: children read the same.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "shim.h"
#include "sys.h"

struct config config;

enum value_type {
	VALUE_BOOL,    /* 1 on yes true, 0 off no false */
	VALUE_WORD,    /* one of words[]: its index */
	VALUE_NUMBER,  /* min..max */
	VALUE_SIZE,    /* bytes, suffix K M G T */
	VALUE_SECONDS, /* 10, 10s, 5m, 1h */
	VALUE_MILLIS,  /* 500ms, 10, 10s, 5m, 1h; a bare number is seconds */
	VALUE_SIGNAL,  /* USR2, SIGUSR2, 12, RTMIN+3 */
	VALUE_NAME,
	/* file name pattern, no slash */ VALUE_FOLDER, /* path; made absolute */
	VALUE_TEXT,					/* as it is */
};

struct variable {
	const char *name;
	enum value_type type;
	size_t offset, width; /* in struct config */
	uint64_t min, max;
	const char *const *words;
	const char *fallback; /* text, as the user would write it; "" = zero */
	const char *help;
};

const char *const stacks_words[] = {
	[STACKS_NONE] = "none",
	[STACKS_CALLER] = "caller",
	[STACKS_SAMPLED] = "sampled",
	[STACKS_HYBRID] = "hybrid",
	[STACKS_EXACT] = "exact",
	[STACKS_FULL] = "full",
	NULL,
};
static const char *const unwinder_words[] = {"fast", "libunwind", NULL};
static const char *const python_stacks_words[] = {"off", "site", "full", "mixed", NULL};
static const char *const php_stacks_words[] = {"off", "site", "full", NULL};
static const char *const fault_words[] = {
	[FAULT_NONE] = "none",
	[FAULT_CRASH] = "crash",
	[FAULT_HANG] = "hang",
	[FAULT_ENOMEM] = "enomem",
	[FAULT_LEAF] = "leaf",
	[FAULT_WALKER_ENOMEM] = "walker-enomem",
	[FAULT_CLONE] = "clone",
	[FAULT_WRITE] = "write",
	[FAULT_ADAPTER_CRASH] = "adapter-crash",
	[FAULT_HANG_TIMED] = "hang-timed",
	[FAULT_MOVED] = "moved",
	[FAULT_VERDICT] = "verdict",
	[FAULT_LATE_CLONE] = "late-clone",
	[FAULT_STANDSTILL] = "standstill",
	NULL,
};

#define FIELD(f) offsetof(struct config, f), sizeof(((struct config *)0)->f)

static const struct variable variables[] = {
	{"REFGRAPH", VALUE_BOOL, FIELD(enabled), .fallback = "on",
	 .help = "off: stay out of this program altogether"},
	{"REFGRAPH_STACKS", VALUE_WORD, FIELD(stacks), .words = stacks_words, .fallback = "hybrid",
	 .help = "what is kept of allocations: none (no places), caller, sampled (few blocks, full "
		 "stacks), hybrid (caller, and a share of the full stacks), exact (full stacks)"},
	{"REFGRAPH_SAMPLE", VALUE_SIZE, FIELD(sample), 1, 1ull << 40, .fallback = "512K",
	 .help = "sampled: mean distance of samples in allocated bytes"},
	{"REFGRAPH_STACK_DEPTH", VALUE_NUMBER, FIELD(stack_depth), 1, STACK_MAX_DEPTH,
	 .fallback = "64", .help = "frames kept of a full stack, innermost first"},
	{"REFGRAPH_UNWINDER", VALUE_WORD, FIELD(unwind_reference), .words = unwinder_words,
	 .fallback = "fast", .help = "who walks native stacks"},
	{"REFGRAPH_PYTHON_STACKS", VALUE_WORD, FIELD(python_stacks), .words = python_stacks_words,
	 .fallback = "site",
	 .help = "Python frames of an allocation: none, the innermost, all, all between native "
		 "ones"},
	{"REFGRAPH_PYTHON_TRACER", VALUE_BOOL, FIELD(python_tracer), .fallback = "on",
	 .help = "3.13: the place of objects out of free lists too, by the reference tracer"},
	{"REFGRAPH_PEAKS", VALUE_BOOL, FIELD(peaks), .fallback = "0",
	 .help = "count for each allocation site what it made, freed at once, and had at most"},
	{"REFGRAPH_PYTHON", VALUE_BOOL, FIELD(python), .fallback = "on", .help = "follow CPython"},
	{"REFGRAPH_GOBJECT", VALUE_BOOL, FIELD(gobject), .fallback = "on",
	 .help = "find GObjects in snapshots"},
	{"REFGRAPH_PHP_STACKS", VALUE_WORD, FIELD(php_stacks), .words = php_stacks_words,
	 .fallback = "site", .help = "PHP frames of an allocation: none, the innermost, all"},
	{"REFGRAPH_PHP_REQUEST", VALUE_NUMBER, FIELD(php_request), 1, UINT64_MAX >> 1,
	 .fallback = "", .help = "a snapshot at the end of that request of each process"},
	{"REFGRAPH_PHP_MEMORY", VALUE_SIZE, FIELD(php_memory), 1 << 20, UINT64_MAX >> 1,
	 .fallback = "", .help = "a snapshot when a script's memory comes to so much: 64M"},
	{"REFGRAPH_PHP_EPOCH_FUNCTION", VALUE_TEXT, FIELD(php_epoch_function), .fallback = "",
	 .help = "a function of PHP whose calls each begin an epoch: the job of a worker's loop"},
	{"REFGRAPH_NATIVE", VALUE_BOOL, FIELD(native), .fallback = "on",
	 .help = "follow malloc and its family"},
	{"REFGRAPH_DUMP", VALUE_NAME, FIELD(dump_name), .fallback = "%e.%p.%n.rgd",
	 .help = "name of a dump: %p pid, %n number, %e program, %t time, %% percent sign"},
	{"REFGRAPH_DIR", VALUE_FOLDER, FIELD(dump_dir), .fallback = ".",
	 .help = "folder of the dumps"},
	{"REFGRAPH_SIGNAL", VALUE_SIGNAL, FIELD(signal), .fallback = "",
	 .help = "a snapshot on this signal"},
	{"REFGRAPH_ON_EXIT", VALUE_BOOL, FIELD(on_exit), .fallback = "off",
	 .help = "a snapshot at exit"},
	{"REFGRAPH_ON_FATAL", VALUE_BOOL, FIELD(on_fatal), .fallback = "off",
	 .help = "a snapshot on a fatal signal that the program does not handle"},
	{"REFGRAPH_EVERY", VALUE_SECONDS, FIELD(every_seconds), 1, 366 * 86400, .fallback = "",
	 .help = "a snapshot every so often: 30s, 10m, 1h"},
	{"REFGRAPH_GROWTH", VALUE_SIZE, FIELD(every_growth), 4096, UINT64_MAX >> 1, .fallback = "",
	 .help = "a snapshot each time the live bytes grew by so much: 64M"},
	{"REFGRAPH_ANALYZER", VALUE_TEXT, FIELD(analyzer), .fallback = "",
	 .help = "path of the program refgraph, which judges refgraph_leak_check()"},
	{"REFGRAPH_LEAK_OPTIONS", VALUE_TEXT, FIELD(leak_options), .fallback = "",
	 .help = "options of refgraph leaks for it, one a line"},
	{"REFGRAPH_DEADLINE", VALUE_MILLIS, FIELD(deadline_ms), 10, 86400000, .fallback = "120s",
	 .help = "a snapshot that takes longer is given up"},
	{"REFGRAPH_VALUES", VALUE_BOOL, FIELD(values), .fallback = "off",
	 .help = "short values of objects in dumps"},
	{"REFGRAPH_CHILDREN", VALUE_BOOL, FIELD(children), .fallback = "on",
	 .help = "follow the children of fork"},
	{"REFGRAPH_RULES", VALUE_TEXT, FIELD(rules), .fallback = "",
	 .help = "rules of reference counts that are followed: gobject:cairo, all, or paths of "
		 "files"},
	{"REFGRAPH_HELPER", VALUE_BOOL, FIELD(helper), .fallback = "on",
	 .help = "off: no thread of ours; dumps only by call and at exit"},
	{"REFGRAPH_VERBOSE", VALUE_BOOL, FIELD(verbose), .fallback = "off",
	 .help = "say what happens on stderr"},
	{"REFGRAPH_TRACK_TYPES", VALUE_TEXT, FIELD(track_types), .fallback = "",
	 .help = "types whose references hooks follow (globs, with commas); calls of others are "
		 "only "
		 "counted"},
	{"REFGRAPH_TRACK_OBJECTS", VALUE_NUMBER, FIELD(track_objects), 0, 1u << 20, .fallback = "1",
	 .help = "hooks follow one object in so many, 0: as many as cost little; calls for others "
		 "are only counted"},
	{"REFGRAPH_TOMBSTONES", VALUE_NUMBER, FIELD(tombstones), 0, 1u << 20, .fallback = "0",
	 .help = "so many counted objects stay known after their end: references after free, "
		 "double "
		 "unrefs"},
	{"REFGRAPH_HOOK_MEMORY", VALUE_SIZE, FIELD(hook_memory), 1u << 20, 1ull << 40,
	 .fallback = "256M", .help = "the most that hooks remember of references"},
	{"REFGRAPH_TEST_FAULT", VALUE_WORD, FIELD(test_fault), .words = fault_words,
	 .fallback = "none", .help = "plant a fault, for tests"},
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

static bool same_word(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
		char y = *b >= 'A' && *b <= 'Z' ? (char)(*b + 32) : *b;
		if (x != y)
			return false;
	}
	return *a == *b;
}

static bool parse_bool(const char *text, uint64_t *value)
{
	static const char *const yes[] = {"1", "on", "yes", "true"}, *const no[] = {"0", "off",
										    "no", "false"};

	for (unsigned i = 0; i < 4; i++) {
		if (same_word(text, yes[i]))
			return *value = 1, true;
		if (same_word(text, no[i]))
			return *value = 0, true;
	}
	return false;
}

static bool parse_word(const char *text, const char *const *words, uint64_t *value)
{
	for (uint64_t i = 0; words[i]; i++) {
		if (same_word(text, words[i]))
			return *value = i, true;
	}
	return false;
}

/* Digits; *end after the last. False when there is none or they do not fit. */
static bool parse_digits(const char *text, const char **end, uint64_t *value)
{
	uint64_t n = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return false;
	}
	*end = text;
	*value = n;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static bool parse_units(const char *text, const struct unit *units, uint64_t *value)
{
	const char *end;

	if (!parse_digits(text, &end, value))
		return false;
	for (; units->name; units++) {
		if (same_word(end, units->name))
			return !__builtin_mul_overflow(*value, units->factor, value);
	}
	return false;
}

static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};
static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"K", 1ull << 10},
	{"M", 1ull << 20},
	{"G", 1ull << 30},
	{"T", 1ull << 40},
	{"KiB", 1ull << 10},
	{"MiB", 1ull << 20},
	{"GiB", 1ull << 30},
	{"TiB", 1ull << 40},
	{NULL, 0},
};
static const struct unit second_units[] = {{"", 1},	{"s", 1},     {"m", 60},
					   {"h", 3600}, {"d", 86400}, {NULL, 0}};
static const struct unit milli_units[] = {{"", 1000},	{"ms", 1},	{"s", 1000},
					  {"m", 60000}, {"h", 3600000}, {NULL, 0}};

static const struct {
	const char *name;
	int number;
} signals[] = {
	{"HUP", SIGHUP},       {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH},
	{"URG", SIGURG},       {"IO", SIGIO},	  {"PWR", SIGPWR},   {"ALRM", SIGALRM},
	{"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"INT", SIGINT},   {"TERM", SIGTERM},
	{"QUIT", SIGQUIT},     {"CONT", SIGCONT}, {"TSTP", SIGTSTP},
};

static bool signal_usable(uint64_t number)
{
	return number > 0 && number < 65 && number != SIGKILL && number != SIGSTOP &&
	       number != 32 && number != 33;
}

static bool parse_signal(const char *text, uint64_t *value)
{
	const char *end;

	if (parse_digits(text, &end, value))
		return !*end && signal_usable(*value);
	if (!strncmp(text, "SIG", 3))
		text += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (same_word(text, signals[i].name))
			return *value = (uint64_t)signals[i].number, true;
	}
	if (strncmp(text, "RTMIN", 5))
		return false;
	*value = (uint64_t)SIGRTMIN;
	if (!text[5])
		return true;
	if (text[5] != '+' || !parse_digits(text + 6, &end, value) || *end)
		return false;
	*value += (uint64_t)SIGRTMIN;
	return *value <= (uint64_t)SIGRTMAX;
}

static bool copy_text(const char *text, char *out, size_t size)
{
	size_t n = strlen(text);

	if (n >= size)
		return false;
	memcpy(out, text, n + 1);
	return true;
}

static bool parse_name(const char *text, char *out, size_t size)
{
	if (!*text || strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	return copy_text(text, out, size);
}

static bool parse_folder(const char *text, char *out, size_t size)
{
	char here[PATH_MAX];
	long n;

	if (*text == '/')
		return copy_text(text, out, size);
	n = sys(SYS_getcwd, here, sizeof(here));
	if (n <= 0 || here[0] != '/') /* an unreachable working directory: as it will be then */
		return copy_text(text, out, size);
	if (!strcmp(text, "."))
		return copy_text(here, out, size);
	return (size_t)log_format(out, size, "%s%s%s", here, here[1] ? "/" : "", text) < size - 1;
}

static bool in_range(const struct variable *v, uint64_t value)
{
	return !v->max || (value >= v->min && value <= v->max);
}

static void store_number(const struct variable *v, uint64_t value)
{
	char *field = (char *)&config + v->offset;

	switch (v->width) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field = value;
		break;
	}
}

static bool parse_number(const struct variable *v, const char *text, uint64_t *value)
{
	switch (v->type) {
	case VALUE_BOOL:
		return parse_bool(text, value);
	case VALUE_WORD:
		return parse_word(text, v->words, value);
	case VALUE_NUMBER:
		return parse_units(text, plain_units, value);
	case VALUE_SIZE:
		return parse_units(text, size_units, value);
	case VALUE_SECONDS:
		return parse_units(text, second_units, value);
	case VALUE_MILLIS:
		return parse_units(text, milli_units, value);
	case VALUE_SIGNAL:
		return parse_signal(text, value);
	default:
		return false;
	}
}

static bool set(const struct variable *v, const char *text)
{
	char *field = (char *)&config + v->offset;
	uint64_t value = 0;

	if (v->type == VALUE_NAME)
		return parse_name(text, field, v->width);
	if (v->type == VALUE_FOLDER)
		return parse_folder(text, field, v->width);
	if (v->type == VALUE_TEXT)
		return copy_text(text, field, v->width);
	if (!*text) {
		store_number(v, 0);
		return true;
	}
	if (!parse_number(v, text, &value) || !in_range(v, value))
		return false;
	store_number(v, value);
	return true;
}

static const char *environment_get(char **environment, const char *name)
{
	size_t n = strlen(name);

	for (; environment && *environment; environment++) {
		if (!strncmp(*environment, name, n) && (*environment)[n] == '=')
			return *environment + n + 1;
	}
	return NULL;
}

static void set_or_default(const struct variable *v, const char *text)
{
	char line[256];

	/* an empty value is as none at all */
	if (text && *text && set(v, text))
		return;
	if (!set(v, v->fallback))
		set(v, ""); /* a folder too long for us; nothing else can fail */
	if (!text || !*text)
		return;
	log_format(line, sizeof(line), "%s=%s is not understood; it stays at \"%s\"", v->name, text,
		   v->fallback);
	log_line(line);
}

void config_init(void)
{
	char **environment = shim_environment();

	for (size_t i = 0; i < VARIABLES; i++)
		set_or_default(&variables[i], environment_get(environment, variables[i].name));
	if (config.python_stacks == PYTHON_STACKS_MIXED) {
		config.python_stacks = PYTHON_STACKS_FULL;
		config.mixed = true;
		config.stacks = STACKS_EXACT;
	}
	if (config.stacks == STACKS_FULL)
		config.stacks = STACKS_EXACT;
}
