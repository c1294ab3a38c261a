/*
 * suppress.h - which lost blocks are known and not to be told, by their stacks. Two languages are read:
 *
 * memcheck's (its manual, "Suppressing errors"), entries of the kind Leak; others in the file are passed over:
 *
 *     {
 *        a name
 *        Memcheck:Leak
 *        match-leak-kinds: definite,possible
 *        fun:xmalloc
 *        ...
 *        obj:*libfoo.so*
 *        src:cache.c:17
 *     }
 *
 * and LeakSanitizer's: a line `leak:text` matches any frame whose function, module or file contains the text; * stands for anything,
 * ^ and $ for the ends.
 *
 * Stacks begin with the function that called the allocator, so a first line for malloc, operator new and their like, or fun:*,
 * is skipped when others follow.
 * Names of C++ functions are demangled here; memcheck writes them mangled.
 */
#ifndef REFGRAPH_SUPPRESS_H
#define REFGRAPH_SUPPRESS_H

#include "report/leaks.h"

struct suppressions;

/* With refgraph's own, for ld.so, GLib, OpenSSL, libstdc++, or without. After an error nothing is owned by the caller. */
struct error *suppressions_create(bool own, struct suppressions **ret);
void suppressions_destroy(struct suppressions *s); /* NULL is fine */

/* Adds those of a file; errors name the line. */
struct error *suppressions_read(struct suppressions *s, const char *path);
/* Adds those of a text; `path` is for errors. */
struct error *suppressions_parse(struct suppressions *s, const char *path, const char *text,
				 size_t size);

/*
 * Name of the first that matches a record; NULL none. Where hybrid tracking kept the site alone, each whole stack that was recorded there must
 * match one; `some`: only some of them do, and nobody knows. Loaded: MODEL_SITES, MODEL_STRINGS, MODEL_META. Valid as long as `s`.
 */
const char *suppressions_match(const struct suppressions *s, const struct model *model,
			       const struct leak_record *record, bool *some);

/* Matches all records but those that are still reachable or wait for a collector, unless a file may speak of these. */
void leaks_suppress(struct leaks *leaks, const struct suppressions *s);

/* An entry in memcheck's language that would match this record, appended. */
void suppression_for(const struct model *model, const struct leak_record *record, struct str *out);

#endif
