/*
 * rules.h - which functions of which libraries count references, and how: the compiled form of the files in rules/ (refgraph-rules(5)).
 *
 *   rules.c     reads rule files; no malloc, no stdio. A file with an error is left out as a whole, and one line says why
 *   find.c      looks the functions up in the modules as they come, makes a struct rule_hook of each, has them hooked
 *   read.c      what a call says by its rule: object, count, floating, type's name. Called by record.c
 *
 * Who calls what
 *   init.c      rules_start() in the constructor, before the program's own, or ahead of the first thread; nothing at all happens without REFGRAPH_RULES
 *   find.c      record_enter() and record_leave() are put into struct hook (enter, leave; leave is NULL unless rule->at_return);
 *               call->context is the struct rule_hook. hook_install() for what came, hook_forget() for what went
 *   record.c    rule_object() first: false, nothing is counted (NULL, a call that failed). Then rule_count(), rule_floating(),
 *               rule_name(), all of them in the calling thread, with no lock of ours held
 *   snapshot    rules_hooks() for RGD_SEC_HOOKS: what was found, how it is hooked
 *
 * What a role means for the recorder
 *   create      an object begins at the return, with the references that its count says (1 when the type has no count). When it is known and
 *               was born within this same call (creators call each other: g_variant_new_string, g_variant_new_from_bytes), it is the
 *               same birth, and belongs to the outer caller. Known and older (a creator with a cache): as acquire
 *   acquire     +1 at the return, on an object that may be unknown yet: av_buffer_ref, dbus_bus_get. Nothing when the library called
 *               a ref of the rules for this object within this same call: that one was seen already
 *   ref         +1 at the entry (at the return when rule->success asks for the result)
 *   unref       -1 at the entry. The object ends here when its count was 1 before and the type dies at zero
 *   destroy     the object ends at the entry, whatever its count; nothing when it is not known
 *   sink        no reference by itself: where the object floats, the one it was born with belongs to this caller from now on; where it does not,
 *               the library calls its own ref, which is seen. With rule->counts set the library does that inline: +1 when not floating
 *   floats      the object floats again; no reference
 *   defer       -1 that somebody else carries out later, by a call of unref on behalf of this caller (autorelease)
 * rule->wraps: calls of the rules' functions for the same object inside this call are part of it and do not count (g_bytes_unref_to_data
 * calls g_bytes_unref, or not). There is a leave() then.
 * rule->own: nothing for objects that were born as another type, or that nobody saw begin (g_boxed_free).
 * Events are looked up by the object's address (or number) alone: the type is the one that it was born with, not rule->type, which
 * matters only for objects that nobody saw begin ("of unknown birth": they are recorded too).
 * An object whose count is below 1 before a ref or unref and that is not known is one of the library's constants (cairo's and harfbuzz's nil
 * objects): not recorded. Some deaths are not seen (a static function inside the library): at a snapshot, an object whose address is no
 * live block's start any more, though its birth was in one, is gone.
 */
#ifndef REFGRAPH_RULES_H
#define REFGRAPH_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hook.h"

/* In the dump too (RGD_SEC_EVENTS). */
enum rule_role {
	RULE_CREATE = 1,
	RULE_DESTROY,
	RULE_REF,
	RULE_UNREF,
	RULE_SINK,
	RULE_FLOATS,
	RULE_DEFER,
	RULE_ACQUIRE,
	RULE_ROLES
};
extern const char *const rule_role_words[RULE_ROLES];

#define RULE_LOADS 3u

/* Where a value stands: a register of the call (or the object), then `loads` times: the word at offset[i] of it. */
struct rule_path {
	uint8_t argument; /* 1..6; 0 the result; in a rule_type's paths of no meaning: they begin at the object */
	uint8_t loads;
	int16_t offset[RULE_LOADS];
};

/* When the call did what its role says, by its result. All but ALWAYS are judged at the return. */
enum rule_success { RULE_ALWAYS, RULE_IF_ZERO, RULE_IF_NOT_ZERO, RULE_IF_NOT_NEGATIVE };

struct rule_type;

/* One function of a rule. */
struct rule_function {
	const struct rule_type *type;
	const char *pattern; /* a name, or a glob (* ? only) */
	const char *version; /* of the symbol, "" any */
	struct rule_path object;
	uint8_t role;	 /* enum rule_role */
	uint8_t success; /* enum rule_success */
	uint8_t when; /* the call counts only when this argument (1..6) has one of the bits; 0: always */
	uint64_t when_bits;
	bool at_return; /* record_leave() does it; record_enter() only fills call->kept */
	bool counts;	/* sink: see above */
	bool own;	/* see above */
	bool wraps;	/* see above */
	bool glob;
	bool local;	 /* look in .symtab and debug symbols too */
	uint32_t number; /* in all rules, from 0 */
};

enum rule_count_from {
	RULE_COUNT_NONE, /* not to be read: the recorder counts for itself, from the birth on */
	RULE_COUNT_FIELD, /* path's last word is an address; the count lies `offset` bytes behind it */
	RULE_COUNT_RESULT, /* what ref and unref return is the count after them (AddRef, Release): they are at_return */
	RULE_COUNT_CALL, /* call(object) says it */
};

enum rule_name_from {
	RULE_NAME_CONSTANT, /* the type's name */
	RULE_NAME_STRING,   /* path leads to the address of a C string */
	RULE_NAME_TEXT,	    /* path leads to the characters themselves */
	RULE_NAME_VTABLE,   /* path leads to a word that is the address of a C++ vtable */
	RULE_NAME_CALL,	    /* call(word that path leads to) returns a C string that stays */
	RULE_NAME_WORDS,    /* a small number at path: index into words */
};

/*
 * A function of the library that a rule has us call, with one word. Stated by the author of the rule to be safe from within any other function
 * of that library, in any thread: it only reads, takes no lock, allocates nothing, keeps no reference, and is not hooked itself.
 */
struct rule_call {
	const char *function; /* NULL none */
	_Atomic uintptr_t
		address; /* find.c fills it in when the library comes, and clears it when it goes */
};

struct rule_type {
	const char *family; /* "gobject" */
	const char *name;   /* "GObject" */
	/* The object is no address but a number of 32 bits (XID, file descriptor), of which nothing can be read. Numbers of different types may be the
	 * same. */
	bool id;
	bool dies_at_zero; /* an unref that takes the last reference ends it; false: only destroy does */
	uint8_t count_from;  /* enum rule_count_from */
	uint8_t count_width; /* bytes: 1 2 4 8 */
	bool count_signed;
	int32_t count_bias; /* is added to what is read: -1 where a count of 0 means one reference is written as bias 1 */
	uint64_t count_mask; /* what is not the count's is cut off first */
	uint8_t count_shift; /* is shifted right by so much then: where flags are kept in the lowest bits */
	int32_t count_offset;
	struct rule_path count_path;
	struct rule_call count_call;
	struct rule_call floating_call; /* says of the object that it floats; else: */
	uint8_t floating_width;		/* 0: this type has no floating references */
	int32_t floating_offset;
	uint64_t floating_mask;
	uint8_t name_from; /* enum rule_name_from */
	bool name_detail;  /* what is read follows the type's own name: "GVariant a{sv}" */
	uint8_t name_width;
	struct rule_path name_path;
	int32_t name_offset;
	struct rule_call name_call;
	const char *const *name_words;
	uint32_t name_nwords;
	/* What begins is one of this type only when only_call(object, only_argument) is not 0. rule_object() sees to it. */
	struct rule_call only_call;
	uint64_t only_argument;
	uint32_t number; /* in all rules, from 0 */
};

/* The functions of a rules file that are looked for in the same libraries: [first, first + functions) of all. */
struct rule_group {
	const char *const
		*libraries; /* globs on a library's soname or file's name; "program"; "*" */
	uint32_t nlibraries;
	uint32_t first, functions;
};

/* A function that was found. Lives for ever: the recorder may keep pointers. */
struct rule_hook {
	struct hook hook; /* first; hook.context is the rule_hook */
	const struct rule_function *rule;
	const char *symbol; /* the name that it was found by, in our memory */
	uint32_t module;    /* modules_get() */
	uint32_t number;    /* place in rules_hooks() */
	_Atomic bool gone;  /* its library was unloaded */
};

/* ---- rules.c: the parser; what it has read is constant from then on ----------------------------------------------------- */

/* Reads all that `list` names: "gobject:cairo:/path/of/my.rules", "all", "none". False: there is nothing in force. `folder` is that of the
 * shipped rules. */
bool rules_read(const char *list, const char *folder);
/* One file's text, which must stay; [size] is a 0. NULL, or what is wrong in which line: "12: ...". */
const char *rules_parse(char *text, size_t size);
size_t rules_groups(const struct rule_group *const **groups);
size_t rules_types(const struct rule_type *const **types);
/* Function i of the rules; NULL past the last. For those that no module had. */
const struct rule_function *rules_function(uint32_t number);
bool rule_glob(const char *pattern, const char *name);

/* ---- find.c ------------------------------------------------------------------------------------------------- */

/* Reads what REFGRAPH_RULES names and hooks what is loaded. Once, by shim_before_threads(). */
void rules_start(void);
/* Any rules are in force. */
bool rules_on(void);
/* Modules came or went, as modules_poll() said, and perhaps the loader could not tell us itself. Nothing when it can. */
void rules_modules(void);
/* All that were found up to now, also those that could not be hooked (hook.way, hook.why) or are gone. */
size_t rules_hooks(const struct rule_hook *const **hooks);

/* ---- read.c ------------------------------------------------------------------------------------------------------------ */

/* The object of the call. In leave() for rules at_return, else in enter(). False: there is none. */
bool rule_object(const struct rule_function *rule, const struct hook_call *call, uint64_t *object);
/* References as the object says it, at this moment. False: the type has no count that can be read (RULE_COUNT_RESULT: use call->result). */
bool rule_count(const struct rule_type *type, uint64_t object, int64_t *count);
/* Where the count is a field: what this word of it, not widened, stands for. */
int64_t rule_count_in_word(const struct rule_type *type, uint64_t word);
bool rule_floating(const struct rule_type *type, uint64_t object);
/* What decides the name of this object's type: objects of one rule_type with equal keys have one name. Cheap: cache by it. */
uint64_t rule_name_key(const struct rule_type *type, uint64_t object);
/* The name, which is copied to `name`. Not to be called in every event: at most once for each key. Never empty. */
void rule_name(const struct rule_type *type, uint64_t object, char *name, size_t size);

/* ---- record.c provides ------------------------------------------------------------------------------------------------- */

void record_enter(struct hook_call *call);
void record_leave(struct hook_call *call);

#endif
