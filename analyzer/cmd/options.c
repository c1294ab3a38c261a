/* options.c - every option of every command: parsing, --help and the manual's lists read this table. */
#include "cmd/cmd.h"

#define DRAWING (OPTIONS_DRAW)

const struct option_row option_table[] = {
	{OPT_HELP, OPTIONS_ALL, "help", 'h', OPTION_FLAG, NULL, "explain this command"},

	{OPT_UNIVERSE, OPTIONS_UNIVERSE, "universe", 'u', OPTION_TEXT, "SET",
	 "objects in question: gc (those the collector tracks; the default for Python), all, native, python, php, gobject"},
	{OPT_WHERE, OPTIONS_UNIVERSE, "where", 'w', OPTION_TEXT, "EXPR",
	 "only objects for which EXPR holds, such as 'size > 1k and type ~ \"Session\"'"},
	{OPT_SYMBOL_PATH, OPTIONS_UNIVERSE, "symbol-path", 0, OPTION_TEXT, "DIRS",
	 "look for programs and debug files in these folders first (a:b:c)"},

	{OPT_SHORTNAMES, OPTIONS_TYPES | DRAWING, "shortnames", 0, OPTION_FLAG, NULL,
	 "type names without their module (the default); --no-shortnames shows module.name"},
	{OPT_FILTER, OPTIONS_TYPES | DRAWING, "filter", 0, OPTION_TEXT, "EXPR", "count or draw only objects for which EXPR holds"},
	{OPT_BASELINE, OPTIONS_GROWTH, "baseline", 0, OPTION_CHOICE, "peak|previous",
	 "compare the last dump with the highest count so far (default) or with the dump before it"},

	{OPT_MAX_DEPTH, OPTIONS_CHAIN | OPTIONS_DEPTH, "max-depth", 'd', OPTION_NUMBER, "N",
	 "references to follow, at most (chains: 20, drawings: 3)"},
	{OPT_PREDICATE, OPTIONS_CHAIN, "predicate", 'p', OPTION_TEXT, "EXPR",
	 "where a chain may end: is-proper-module (default for Python), is-root, or an expression"},
	{OPT_ALL_ROOTS, OPTIONS_CHAIN, "all-roots", 'a', OPTION_FLAG, NULL, "any root ends a chain; the same as --predicate is-root"},
	{OPT_EXTRA_IGNORE, OPTIONS_CHAIN | OPTIONS_IGNORE, "extra-ignore", 0, OPTION_TEXT, "LIST",
	 "selectors, separated by commas, of objects that are passed over"},

	{OPT_TOO_MANY, DRAWING, "too-many", 0, OPTION_NUMBER, "N", "neighbours drawn of one object (10); the rest become a stub"},
	{OPT_HIGHLIGHT, DRAWING, "highlight", 0, OPTION_TEXT, "EXPR", "colour these objects"},
	{OPT_EXTRA_INFO, DRAWING, "extra-info", 0, OPTION_TEXT, "LIST", "more in each label: size, age, epoch, generation, id, address, site"},
	{OPT_REFCOUNTS, DRAWING, "refcounts", 0, OPTION_FLAG, NULL, "refcounts behind the type names"},
	{OPT_EXTRA_NODE_ATTRS, DRAWING, "extra-node-attrs", 0, OPTION_TEXT, "LIST", "Graphviz attributes for every node: name=value,..."},
	{OPT_BACKREFS, OPTIONS_SHOW_CHAIN, "backrefs", 0, OPTION_FLAG, NULL, "draw who refers to the objects (default); --no-backrefs: what they refer to"},
	{OPT_LEGEND, DRAWING, "legend", 0, OPTION_FLAG, NULL, "explain the colours in the picture"},
	{OPT_FILENAME, DRAWING, "filename", 0, OPTION_TEXT, "FILE", "write there; .dot, .svg, .png or .pdf decides the format"},
	{OPT_OUTPUT, DRAWING, "output", 'o', OPTION_TEXT, "FILE", "the same"},
	{OPT_FORMAT, DRAWING, "format", 'T', OPTION_TEXT, "FORMAT", "dot, svg, png or pdf, whatever the file's name"},

	{OPT_SNAPSHOT_OUTPUT, OPTIONS_SNAPSHOT, "output", 'o', OPTION_TEXT, "FILE", "name of the dump"},
	{OPT_LABEL, OPTIONS_SNAPSHOT, "label", 'l', OPTION_TEXT, "TEXT", "kept in the dump, and shown with it"},
	{OPT_TIMEOUT, OPTIONS_SNAPSHOT | OPTIONS_MARK, "timeout", 0, OPTION_NUMBER, "SECONDS", "wait so long for the answer"},
	{OPT_DEADLINE, OPTIONS_SNAPSHOT | OPTIONS_RUN, "deadline", 0, OPTION_NUMBER, "SECONDS", "give a snapshot up after (120)"},
	{OPT_STACKS, OPTIONS_RUN, "stacks", 0, OPTION_CHOICE, "none|caller|full", "what is kept of each allocation's stack (caller)"},
	{OPT_STACK_DEPTH, OPTIONS_RUN, "stack-depth", 0, OPTION_NUMBER, "N", "frames kept of a full stack (64)"},
	{OPT_UNWINDER, OPTIONS_RUN, "unwinder", 0, OPTION_TEXT, "NAME", "libunwind: the reference unwinder, slow"},
	{OPT_PYTHON_STACKS, OPTIONS_RUN, "python-stacks", 0, OPTION_CHOICE, "off|site|full", "stacks of Python objects"},
	{OPT_DUMP, OPTIONS_RUN, "dump", 0, OPTION_TEXT, "NAME", "names of dumps: %e program, %p pid, %n number, %t time"},
	{OPT_DIRECTORY, OPTIONS_RUN, "dir", 'C', OPTION_TEXT, "DIR", "folder of dumps"},
	{OPT_SIGNAL, OPTIONS_RUN, "signal", 0, OPTION_TEXT, "NAME", "a snapshot on this signal (USR2)"},
	{OPT_EVERY, OPTIONS_RUN, "every", 0, OPTION_TEXT, "TIME", "a snapshot every 10s, 5m, ..."},
	{OPT_GROWTH, OPTIONS_RUN, "growth", 0, OPTION_TEXT, "SIZE", "a snapshot each time that live memory grew by 64M, ..."},
	{OPT_ON_EXIT, OPTIONS_RUN, "on-exit", 0, OPTION_FLAG, NULL, "a snapshot when the program exits"},
	{OPT_ON_FATAL, OPTIONS_RUN, "on-fatal", 0, OPTION_FLAG, NULL, "a snapshot when a signal kills it"},
	{OPT_VALUES, OPTIONS_RUN, "values", 0, OPTION_FLAG, NULL, "short values in dumps: they may be private"},
	{OPT_CHILDREN, OPTIONS_RUN, "children", 0, OPTION_FLAG, NULL, "follow fork (default); --no-children forgets them"},
	{OPT_HELPER, OPTIONS_RUN, "helper", 0, OPTION_FLAG, NULL, "--no-helper: no thread of ours; snapshots by call and at exit only"},
	{OPT_NATIVE, OPTIONS_RUN, "native", 0, OPTION_FLAG, NULL, "--no-native: do not follow malloc"},
	{OPT_PYTHON, OPTIONS_RUN, "python", 0, OPTION_FLAG, NULL, "--no-python: treat Python as any C program"},
	{OPT_INTERVAL, OPTIONS_WATCH, "interval", 'i', OPTION_NUMBER, "SECONDS", "between lines (1)"},
	{OPT_COUNT_TIMES, OPTIONS_WATCH, "count", 'n', OPTION_NUMBER, "N", "stop after N lines"},
	{OPT_VERBOSE, OPTIONS_SNAPSHOT | OPTIONS_RUN, "verbose", 'v', OPTION_FLAG, NULL, "say more"},

	{OPT_LIMIT, OPTIONS_OUTPUT | OPTIONS_LIMIT, "limit", 'n', OPTION_NUMBER, "N", "at most N rows; 0 = all"},
	{OPT_SORT, OPTIONS_OUTPUT, "sort", 's', OPTION_TEXT, "COLUMNS", "sort by a column, by several (a,b); -a descends"},
	{OPT_COLUMNS, OPTIONS_OUTPUT, "columns", 'c', OPTION_TEXT, "COLUMNS", "these columns, in this order"},
	{OPT_NO_HEADER, OPTIONS_OUTPUT, "no-header", 0, OPTION_FLAG, NULL, "no line of titles"},
	{OPT_BYTES, OPTIONS_OUTPUT | OPTIONS_BYTES, "bytes", 'b', OPTION_FLAG, NULL, "sizes as plain numbers of bytes"},
	{OPT_COLOR, OPTIONS_OUTPUT, "color", 0, OPTION_CHOICE, "auto|always|never", "colours on a terminal (auto)"},
	{OPT_JSON, OPTIONS_OUTPUT | OPTIONS_JSON, "json", 'j', OPTION_FLAG, NULL, "JSON, one object a line"},
	{OPT_CSV, OPTIONS_OUTPUT, "csv", 0, OPTION_FLAG, NULL, "comma-separated values with a header"},
};
const size_t option_table_rows = sizeof option_table / sizeof *option_table;
