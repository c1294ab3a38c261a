/*
 * ctype.h - types of C and C++ as far as the heap is concerned: sizes, what lies at which offset, what a pointer points to. Knows no
 * DWARF: debug.c fills them in, lazily, when somebody looks inside.
 */
#ifndef REFGRAPH_TYPES_CTYPE_H
#define REFGRAPH_TYPES_CTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/str.h"

enum ctype_kind {
	CTYPE_VOID,
	CTYPE_CHAR,   /* one byte: what strings and buffers are made of */
	CTYPE_SCALAR, /* numbers, enumerations */
	CTYPE_POINTER,
	CTYPE_STRUCT, /* classes, too */
	CTYPE_UNION,
	CTYPE_ARRAY,
	CTYPE_FUNCTION,
};

struct ctype;

struct member {
	const char *name; /* "" anonymous */
	uint64_t offset;
	struct ctype *type;
	bool base; /* a base class */
};

struct ctype {
	enum ctype_kind kind;
	bool complete; /* false: declared only; the size is not known */
	bool filled;   /* members or target are there: use the functions below */
	const char *
		name; /* "session", "std::vector<int>"; "" anonymous; of arrays and pointers: not used */
	uint64_t size;
	uint64_t count; /* of an array; 0 flexible */
	struct ctype *target;
	struct member *members;
	uint32_t nmembers;
	uint32_t typings[5]; /* infer.c's: by form, number + 1 */
	/* where it comes from: debug.c's */
	struct debug *debug;
	void *die_address, *die_unit;
};

/* Both fill in what is missing. Never NULL; CTYPE_VOID when not known. */
struct ctype *ctype_target(struct ctype *type);
const struct member *ctype_members(struct ctype *type, uint32_t *n);

/* The type's name as a programmer writes it: "session", "char *", "session *[16]". Appended. */
void ctype_name(struct ctype *type, struct str *out);

#define CTYPE_POINTEES 8u
/*
 * What the word at `offset` may point to, if it is a pointer: several where unions overlap. Returns how many; *scalar: it may be a
 * number of the size of a pointer.
 */
unsigned ctype_pointees(struct ctype *type, uint64_t offset, struct ctype **out, bool *scalar);

/* ".member.sub[3]" for the place at `offset`, down to the pointer or number there. False when nothing begins there; `out` may have
 * got a part by then. Appended. */
bool ctype_path(struct ctype *type, uint64_t offset, struct str *out);

/* `type` has one of `part` at `offset`: as a member of members, or is it itself. */
bool ctype_embeds(struct ctype *type, uint64_t offset, const struct ctype *part);

/* Bytes of an object that is made with `size` bytes, when its last member is an array that may be longer or shorter than it says: the
 * offset and element of that array. False when it has none. */
bool ctype_flexible(struct ctype *type, uint64_t *offset, struct ctype **element, bool *declared);

/* It or a part of it is a pointer. */
bool ctype_has_pointers(struct ctype *type);

#endif
