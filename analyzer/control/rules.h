/*
 * rules.h - the shipped files of rules (refgraph-rules(5)): where they lie, what they are about, which of them a user's words name. The shim
 * reads and judges them; here their lines are only listed.
 */
#ifndef REFGRAPH_CONTROL_RULES_H
#define REFGRAPH_CONTROL_RULES_H

#include <limits.h>
#include <stdbool.h>

#include "util/err.h"
#include "util/str.h"

#define RULES_ENDING ".rules"

/* One function of a file of rules: of what type, in which role, where to look. Texts live while the call does. */
struct rules_line {
	const char *rules; /* "gobject" */
	const char *about; /* the rest of its line `family` */
	const char *type, *role;
	const char *function; /* as it is written: "g_object_ref", "av_buffer_unref(*1)" */
	const char *libraries;
};

/* The shim's file: REFGRAPH_LIB, beside this program or in ../lib/refgraph. Not examined. */
struct error *shim_path(char path[PATH_MAX]);

/* The folder of the shipped rules that belongs to this shim. */
void rules_folder(const char *shim, char folder[PATH_MAX]);
/* What REFGRAPH_RULES is to be for "gobject,cairo:my.rules", appended; a usage error for a name that is neither shipped nor a file. */
struct error *rules_resolve(const char *wish, const char *shim, struct str *list);
/* Calls back for each function of the shipped rules, or of those with this name (or this file); in order. */
struct error *rules_each(const char *folder, const char *name,
			 void (*each)(const struct rules_line *line, void *context), void *context);

#endif
