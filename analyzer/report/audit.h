/*
 * audit.h - reference counts that the dump's references do not explain, and where the hidden
 * holders are.
 *
 * A reference count is the sum of references; all that Python objects and the interpreter hold are
 * in the dump. What a count exceeds them by is held by C code: in a variable of a library, in
 * memory of its own, on a stack; or by nobody: then a Py_DECREF was forgotten. The conservative
 * scan tells where words lie that point to the object; each unexplained reference is given to one
 * of them, the best evidence first.
 */
#ifndef REFGRAPH_AUDIT_H
#define REFGRAPH_AUDIT_H

#include "dump/model.h"

/* What a finding is; in the order in which they are told. */
enum verdict {
	VERDICT_LOST,	  /* no word in the process points to it: a forgotten decref */
	VERDICT_MISSING,  /* more references than its count: a decref too many, it will be freed too
			     early */
	VERDICT_BORROWED, /* a library's variable or memory points to it and is not counted */
	VERDICT_GLOBAL,	  /* a variable of a library: a static cache, as a rule */
	VERDICT_BLOCK,	  /* native memory */
	VERDICT_FIELD,	  /* a field of an object of a C type that its tp_traverse does not show */
	VERDICT_REGION,	  /* mapped memory */
	VERDICT_STACK, /* a slot of a thread's stack, a register, thread-local storage: a call that
			  runs */
	VERDICT_INTERPRETER, /* the interpreter's own variables and memory */
	VERDICT_NUMBER_OF
};

/* All of one verdict, type, holder and place of birth. */
struct audit_row {
	enum verdict verdict;
	char *type, *holder, *site; /* holder: "" nowhere */
	uint64_t objects, references, bytes;
	uint64_t words; /* lost: objects to which some word points all the same, left over */
	/* of the dump before, when there is one */
	uint64_t old_objects, old_references;
	uint32_t example; /* one of the objects; MODEL_NONE when it is in the dump before alone */
	int64_t refcount, explained; /* of the example */
	bool owned; /* a GObject in a place where C code keeps what it owns: as it should be */
};

struct audit {
	struct audit_row *rows; /* by verdict, then references, descending, then by name */
	size_t n;
	uint64_t counted, explained, unexplained,
		pinned; /* objects: looked at; whole; not; skipped */
};

/* True when the dump has objects of a runtime that counts references. MODEL_RUNTIMES. */
bool audit_can(const struct model *model);
/*
 * Of all objects of such runtimes whose count can change. `where` NULL or an expression. The caller frees
 * with audit_deinit(). Loads what it needs.
 */
struct error *audit_compute(struct model *model, const char *where, struct audit *ret);
/* Puts the rows of an earlier dump beside those of a later one. */
struct error *audit_compare(struct audit *audit, const struct audit *before);
void audit_deinit(struct audit *audit);
const char *verdict_name(unsigned verdict);
/* One sentence. */
const char *verdict_about(unsigned verdict);

#endif
