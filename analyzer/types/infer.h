/* infer.h - what the files of the inference share: types.c (life, naming), infer.c (claims and their way along pointers), origin.c
 * (claims by allocation site), locals.c (variables on stacks), shape.c (containers without debug information). */
#ifndef REFGRAPH_TYPES_INFER_H
#define REFGRAPH_TYPES_INFER_H

#include "types/site.h"
#include "types/types.h"

/* How a block of some size holds a type. */
enum form {
	FORM_ONE,
	FORM_ARRAY,    /* some of them */
	FORM_FLEXIBLE, /* one, whose last member goes on to the end */
	FORM_HEAD,     /* one, and something else behind it */
	FORM_COOKIE,   /* new T[n] of a class with a destructor: their number, then the array */
};

/* A type in a form; blocks refer to these by number. */
struct typing {
	struct ctype *type;
	enum form form;
	uint32_t name; /* type of the model */
};

/* What is known about all blocks of one allocation stack. */
struct origin {
	bool looked;
	bool allocator;
	bool inside; /* `text` is of a container or string */
	uint8_t count;
	struct ctype *types[SITE_CANDIDATES];
	struct ctype *weak;
	const char *text; /* a library's function whose blocks are known: "FILE"; NULL */
};

struct module_types {
	bool sought;
	struct debug *debug; /* NULL: none */
	struct image *code;
};

struct types {
	struct model *m;
	struct symbols *symbols;
	enum types_effort effort;
	struct debug_world *world;
	struct module_types *modules;
	struct site *sites; /* by frame */
	bool *site_known;
	struct origin *origins; /* by stack */
	VEC(struct typing) typings;
	/* by object */
	uint32_t *typing; /* number + 1 */
	uint8_t *score;
	uint64_t *conflict; /* bit set */
	uint64_t *queued;   /* bit set */
	uint64_t *pool;	    /* bit set: begins with an object of a class, but is far larger */
	/* by edge: offset in the source and in the target, in words; of blocks only */
	uint32_t *edge_offset, *edge_interior;
	struct ids queue;
	struct names texts;    /* kept */
	struct locals *locals; /* locals.c; NULL until somebody asks */
	uint64_t budget;       /* bytes of debug information that may still be read */
	bool ready;	       /* the arrays are there */
	bool fold;
	struct types_coverage coverage;
	bool failed;
};

/* Bytes before the array of new T[n], where T has a destructor (Itanium C++ ABI, 2.7). */
#define INFER_COOKIE 8u
/* A claim below this is worth nothing. */
#define SCORE_LEAST 30u
#define SCORE_CERTAIN 80u
#define SCORE_KNOWN 255u

/* A block that nothing says the type of by itself. */
bool infer_open(const struct types *t, uint32_t object);
/* How well the block may be one: its score, 0 not at all. `bonus`: an allocation asks for it. */
unsigned infer_fit(const struct types *t, uint32_t object, struct ctype *type, bool asked,
		   enum form *form);
/* Takes the claim when it is better than what is known; puts the block in the queue then. */
void infer_claim(struct types *t, uint32_t object, struct ctype *type, enum form form,
		 unsigned score, enum type_source source);
/* Lets claims go along pointers until none is left. */
void infer_spread(struct types *t);
/* Where in an element of the type a word of the block lies; false: behind what the type describes. */
bool infer_place(const struct typing *y, uint64_t offset, uint64_t *inside);
/* The variable that a root is, and where in it. */
bool infer_root_variable(struct types *t, const struct root *r, struct ctype **type,
			 uint64_t *offset);
/* Claims from variables. */
void infer_roots(struct types *t);
/* Claims of classes that the dump names. */
void infer_classes(struct types *t);

/* origin.c: claims from allocation sites; then, at the end, from other blocks of the same site. */
void origin_claims(struct types *t);
void origin_siblings(struct types *t);
struct debug *types_debug(struct types *t, uint32_t module);

/* shape.c */
void shape_claims(struct types *t);

/* fold.c: model->block_owner, and the flag of what has an owner. After an error it is as far as it came. */
struct error *fold_containers(struct types *t);

#endif
