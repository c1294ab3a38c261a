/*
 * model.h - a dump with its meaning: objects, types, edges, roots, stacks as dense arrays.
 *
 * Nothing is loaded before model_load() asks for it, each part once; after it returned NULL the
 * arrays of that part are valid until model_close(). Every number that refers to another table was
 * range-checked while loading: whoever indexes with what he finds here needs no check. All arrays
 * are read-only for users.
 */
#ifndef REFGRAPH_MODEL_H
#define REFGRAPH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dump/reader.h"
#include "graph/csr.h"
#include "util/err.h"
#include "util/hash.h"
#include "util/str.h"

enum model_part {
	MODEL_STRINGS = 1u << 0,
	MODEL_TYPES = 1u << 1,
	MODEL_LABELS = 1u << 2,
	MODEL_SUMMARY = 1u << 3,
	MODEL_ADDRESS = 1u << 4, /* columns of objects */
	MODEL_TYPE = 1u << 5,
	MODEL_SIZE = 1u << 6,
	MODEL_REFCOUNT = 1u << 7,
	MODEL_FLAGS = 1u << 8,
	MODEL_EPOCH = 1u << 9,
	MODEL_STACK = 1u << 10,
	MODEL_BASE = 1u << 11,
	MODEL_EDGES = 1u << 12,
	MODEL_ROOTS = 1u << 13,
	MODEL_FRAMES = 1u << 14,
	MODEL_STACKS = 1u << 15,
	MODEL_MODULES = 1u << 16,
	MODEL_MAPS = 1u << 17,
	MODEL_THREADS = 1u << 18,
	MODEL_RUNTIMES = 1u << 19,
	MODEL_GC = 1u << 20,
	MODEL_COUNTERS = 1u << 21,
	MODEL_PROPERTIES = 1u << 22,
	MODEL_EPOCHS = 1u << 23,
	MODEL_REGIONS = 1u << 24,
	MODEL_META = 1u << 25,
	MODEL_HEAPS = 1u << 26,
	MODEL_PAGES = 1u << 27,
	MODEL_CALLS = 1u << 28,	  /* and their registers, and TLS */
	MODEL_POOLS = 1u << 29,	  /* and what sites count */
	MODEL_COUNTED = 1u << 30, /* and the hooks, and the events */
	MODEL_LAST = MODEL_COUNTED,
	/* what model_type_of() needs to tell native blocks apart by their allocation site */
	MODEL_SITES = MODEL_STRINGS | MODEL_TYPES | MODEL_TYPE | MODEL_STACK | MODEL_STACKS |
		      MODEL_FRAMES | MODEL_MODULES,
	/* what repr.h needs for any object */
	MODEL_REPR = MODEL_SITES | MODEL_ADDRESS | MODEL_FLAGS | MODEL_PROPERTIES,
};

#define MODEL_NONE UINT32_MAX /* for "no object", "no type", ... */

struct type {
	const char *name, *module; /* module "" = none */
	uint8_t runtime;	   /* enum rgd_runtime */
	uint32_t flags;		   /* RGD_TYPE_F_* */
	uint64_t basic_size;
	uint32_t object, base; /* MODEL_NONE none */
};

struct label {
	uint8_t kind, class, flags;
	uint32_t string;
};

struct summary {
	uint32_t type;
	uint32_t stack;	 /* MODEL_NONE unknown */
	uint8_t tracked; /* as RGD_SUM_TRACKED */
	uint64_t count, bytes;
};

struct root {
	uint8_t class, kind;
	uint32_t label, context; /* strings */
	uint32_t owner;		 /* module or thread; MODEL_NONE none */
	uint64_t value;
	uint32_t target;
	uint64_t interior;
	uint8_t flags; /* RGD_LABEL_F_STDSTRING and those that follow */
};

struct frame {
	uint8_t kind;	 /* enum rgd_frame_kind */
	uint32_t module; /* MODEL_NONE none */
	uint64_t offset;
	uint32_t function, file; /* strings */
	uint64_t line;
	uint32_t taken; /* as RGD_FRAME_TAKEN; 0 where the dump does not tell */
};

struct stack {
	uint32_t parent; /* the caller's; MODEL_NONE outermost */
	uint32_t frame;
};

struct module {
	uint32_t path, build_id; /* strings */
	uint64_t base, low, high;
	uint64_t loaded, unloaded; /* epochs; unloaded + 1, 0 = still there */
};

struct map {
	uint64_t start, end, offset, rss, pss, private_dirty, anonymous, swap;
	uint32_t perms, path; /* strings */
};

struct thread {
	uint64_t tid, stack_low, stack_high, sp, state;
	uint32_t name;
};

struct runtime {
	uint8_t id, state;
	uint32_t version, note; /* strings */
};

struct gc_value {
	uint8_t runtime;
	uint32_t name;
	uint64_t index, value;
};

struct counter {
	uint32_t name;
	uint64_t value;
};

struct property {
	uint32_t object;
	uint8_t key;
	uint64_t value;
};

struct epoch {
	uint64_t number, time_ns;
	uint8_t kind;
	uint32_t label;
};

struct region {
	uint64_t address, size, epoch;
	uint32_t stack; /* MODEL_NONE unknown */
	uint8_t kind;
};

struct heap { /* of glibc: see RGD_SEC_HEAPS */
	uint64_t address, size, used_blocks, used, requested, free_chunks, free, kept_chunks, kept,
		top, top_resident;
	uint8_t kind; /* enum rgd_heap_kind */
};

/* A run of resident anonymous pages. */
struct pages {
	uint64_t address, count;
	uint8_t state; /* enum rgd_pages_state */
};

/* A native frame of a stopped thread: see RGD_SEC_CALLS. */
struct call {
	uint32_t thread, module; /* module: MODEL_NONE none */
	uint64_t offset, sp, cfa;
	uint32_t flags;
};

struct call_register {
	uint32_t call;
	uint8_t number;
	uint64_t slot, value;
};

/* A thread's copy of a module's thread-local variables. */
struct tls_block {
	uint32_t thread, module;
	uint64_t address, size;
};

/* Memory that the program hands out itself: see RGD_SEC_POOLS. */
struct pool {
	uint64_t address, epoch, blocks, bytes, pieces, held;
	uint32_t name;		/* string */
	uint32_t parent, stack; /* MODEL_NONE none, unknown */
	uint8_t kind;		/* enum rgd_pool_kind */
};

/* A function that counts references, and how it is hooked. */
struct ref_hook {
	uint32_t name, family, type, why; /* strings */
	uint32_t module;		  /* MODEL_NONE none */
	uint64_t offset, calls;
	uint8_t role, way; /* enum rgd_event_kind, rgd_hook_way */
};

/* An object whose references are counted, a tombstone, or a way of living. */
struct counted_row {
	uint64_t address, objects, lost, epoch;
	uint64_t count, memory; /* after the last event, and as it says itself; MODEL_UNKNOWN */
	uint32_t object;	/* MODEL_NONE none */
	uint32_t type;
	uint32_t events, first; /* its rows of model->events: so many, from `first` on */
	uint32_t flags;		/* RGD_COUNTED_F_* */
	uint8_t state;		/* enum rgd_counted_state */
};
#define MODEL_UNKNOWN UINT64_MAX

struct ref_event {
	uint64_t before, after; /* MODEL_UNKNOWN */
	uint64_t thread, times;
	uint32_t hook, stack; /* MODEL_NONE none */
	uint8_t kind, flags;  /* enum rgd_event_kind, RGD_EVENT_F_* */
};

/* What a place of allocation counted: see RGD_SEC_SITES. */
struct site_count {
	uint32_t frame;
	uint64_t made, made_bytes, blocks, bytes, peak_blocks, peak_bytes, at_blocks, at_bytes,
		temporary, gone[2];
};

/* One edge in full. */
struct edge {
	uint32_t source, target;
	uint32_t number;	    /* of all edges */
	uint8_t kind, class, flags; /* class NEXT has become INDEX */
	uint32_t string;
	uint64_t value;	   /* INDEX: the index; KEY_OBJECT: object; OFFSET: bytes; ... */
	uint64_t interior; /* byte offset into the target */
};

/*
 * An edge's class byte in struct graph: its kind, whether the runtime's collector sees it, and whether it points inside its
 * target. (How far, and what it is called, takes model_edge().)
 */
#define MODEL_CLASS_KIND(c) ((c)&7u)
#define MODEL_CLASS_TRAVERSED 8u
#define MODEL_CLASS_INTERIOR 16u
/* An object that points into itself, as a short std::string does: no cycle that anybody made, and nothing to cut. */
static inline bool model_class_own(unsigned class, uint32_t object, uint32_t target)
{
	return target == object && class & MODEL_CLASS_INTERIOR;
}
/* Of interior edges, which of the heuristics takes them for pointers to the start. */
#define MODEL_CLASS_HEURISTIC(c) ((unsigned)(c) >> 5)
enum heuristic {
	HEURISTIC_NONE,
	HEURISTIC_STDSTRING,
	HEURISTIC_LENGTH64,
	HEURISTIC_NEWARRAY,
	HEURISTIC_EITHER, /* length64 or newarray: both rules hold */
	HEURISTIC_INHERITANCE,
	HEURISTIC_GCHEAD, /* ours, not memcheck's */
	HEURISTIC_PHPTABLE,
	HEURISTICS /* at most 8 */
};
/* From RGD_LABEL_F_*. */
enum heuristic model_heuristic(unsigned label_flags);

/*
 * Names of native code come from outside: dump/ knows no ELF. All may be called for any native
 * frame; NULL = unknown.
 */
struct namer {
	const char *(*function)(void *context, uint32_t frame); /* "parse_line": no offset */
	const char *(*place)(void *context, uint32_t frame); /* "parse_line+0x12 (server.c:31)" */
	const char *(*data)(void *context, uint32_t module, uint64_t offset); /* "g_cache+0x10" */
	const char *(*code)(void *context,
			    uint64_t address); /* "on_click", of a function's start */
	/* "std::vector<int>" of "St6vectorIiE": malloc()ed, NULL = as it is */
	char *(*class_name)(const char *mangled);
	/* xmalloc and its like: not who asked for the memory */
	bool (*is_wrapper)(const char *function);
	void *context;
};

/* Where the type of a block is known from; in the order in which they are believed. */
enum type_source {
	SOURCE_ANNOTATION, /* the program said so */
	SOURCE_RUNTIME,	   /* an interpreter's own object */
	SOURCE_RTTI,	   /* C++: the vtable that it begins with */
	SOURCE_DWARF,	   /* pointers of known type lead to it */
	SOURCE_SITE,	   /* what its allocation is stored in, or is made by */
	SOURCE_SHAPE,	   /* it looks like a part of a container */
	SOURCE_FUNCTION,   /* nothing but who allocated it */
	TYPE_SOURCES
};
extern const char *const type_source_names[TYPE_SOURCES]; /* "annotation", "runtime", "rtti", ... */

/*
 * Types of native blocks come from outside, too: from debug information (types/types.h). `infer` is called once, when the type of such
 * a block is first asked for, and fills model->block_type; what it cannot load stays unknown.
 */
enum word_kind {
	WORD_UNKNOWN,
	WORD_POINTER, /* debug information says that a pointer lies there */
	WORD_OTHER,   /* it says that something else does */
};
struct typer {
	void (*infer)(void *context);
	/* "->next", "[17].name" for the word at `offset` of a block; false when it has no name (`out` unchanged) */
	bool (*field)(void *context, uint32_t object, uint64_t offset, struct str *out);
	/* "cache.buckets[17]" for the word at `offset` of a module's data */
	bool (*variable)(void *context, uint32_t module, uint64_t offset, struct str *out);
	/* "handler() req.buf at server.c:120", or without a variable "in handler() at server.c:120", for what lies on a stack or in a
	 * register; "cache.head in libfoo.so" for what is thread-local */
	bool (*local)(void *context, const struct root *root, struct str *out);
	/* What is declared to lie in a root, and at an offset of a block. */
	enum word_kind (*check_root)(void *context, const struct root *root);
	enum word_kind (*check_field)(void *context, uint32_t object, uint64_t offset);
	void *context;
	bool asked;
};

struct model {
	struct dump *dump;
	const char *path;
	unsigned loaded; /* enum model_part */
	struct namer namer;
	struct typer typer;
	/* by object: type number + 1, 0 none, and enum type_source of those that have one; NULL before it was asked for */
	uint32_t *block_type;
	uint8_t *block_source;
	uint32_t *
		block_owner; /* by object: type + 1 of what the block is storage of; NULL: they are not folded */

	/* known from the start */
	uint32_t nstrings, ntypes, nlabels, nobjects, nedges, nroots, nframes, nstacks, nmodules,
		nmaps, nthreads, nruntimes, ngc, ncounters, nproperties, nsummary, nepochs,
		nregions, nheaps, nmeta, npages, ncalls, ncall_registers, ntls, npools,
		nsite_counts, nhooks, ncounted, nevents;

	char *text;
	size_t text_size;
	uint64_t *text_start;

	struct type *types; /* ntypes of the dump; then site types, see model_type_of() */
	size_t nall_types, types_room;
	struct label *labels;
	struct summary *summary;
	/* by object */
	uint64_t *address, *size, *refcount, *base;
	uint32_t *type, *flags, *epoch;
	uint32_t *stack; /* number + 1, 0 unknown */
	struct graph graph;
	struct root *roots;
	struct frame *frames;
	struct stack *stacks;
	struct module *modules;
	struct map *maps;
	struct thread *threads;
	struct runtime *runtimes;
	struct gc_value *gc;
	struct counter *counters;
	struct property *properties; /* ascending by object; nheld of them are in memory */
	uint32_t nheld;
	struct epoch *epochs;
	struct region *regions;
	struct heap *heaps;
	struct pages *pages; /* ascending, apart from each other */
	struct ref_hook *hooks;
	struct counted_row *counted; /* live ones and tombstones, then lives */
	struct ref_event *events;    /* of the first, of the second, ... */
	struct call *calls;	     /* by thread, ascending; of one thread innermost first */
	struct call_register *call_registers; /* ascending by call */
	struct tls_block *tls;
	struct pool *pools;
	struct site_count *site_counts;
	char *meta_text[2]; /* keys, values */
	size_t meta_size[2];
	uint64_t *meta_start[2];

	struct index *index; /* index.h; NULL none, or not asked for */
	bool index_asked;    /* set it and no index is used */
	bool index_made;     /* by this process, or it should make none */
	char *index_note;    /* why an index that is there is not used; NULL nothing to say */

	unsigned rows_open;	  /* parts that were asked for by model_load_for() */
	struct object_rows *rows; /* objects.c */
	struct property_rows *property_rows;
	struct edge_cache *edge_cache;
	uint64_t *gc_closed;	     /* report/universe.c: bits_words(nobjects), or NULL */
	struct hybrid_sites *hybrid; /* sites.c */
	uint32_t *site_type;	     /* by stack: type number + 1, 0 = not asked for yet */
	struct names class_names;    /* demangled */
	struct names site_names;     /* number + ntypes = type; texts are malloc()ed */
};

struct error *model_open(const char *path, struct model **ret);
void model_close(struct model *model); /* NULL is fine */

struct error *model_load(struct model *model, unsigned parts);
/*
 * The same for who will look at some objects only: columns of objects and properties have valid
 * rows for these objects (any order, repetitions are fine) and for those of earlier calls. Other
 * objects must be asked for before they are looked at; model_edge() does so for those that it
 * names.
 */
struct error *model_load_for(struct model *model, unsigned parts, const uint32_t *objects,
			     size_t n);

/*
 * A column of the objects [group * RGD_GROUP_ROWS, ...) of one group, as load would have it, whether it is loaded or not: what is
 * looked at once need not stay. From any thread.
 */
struct error *model_read_group(struct model *model, unsigned part, size_t group, void *out);

/*
 * Passes over TYPE, FLAGS, EPOCH or STACK of all objects without keeping it: `visit` gets the values
 * of objects [first, first + n), from several threads at a time; `first` is a multiple of 64.
 */
struct error *model_scan(struct model *model, unsigned part,
			 struct error *(*visit)(void *context, uint32_t first,
						const uint32_t *values, uint32_t n),
			 void *context);

static inline const char *model_string(const struct model *m, uint32_t string)
{
	return m->text + m->text_start[string];
}

/* NULL when the key is absent. MODEL_META. */
const char *model_meta(const struct model *model, const char *key);
const char *model_meta_key(const struct model *model, uint32_t i);
const char *model_meta_value(const struct model *model, uint32_t i);

/*
 * Type of an object, or of objects of `type` born at `stack` (MODEL_NONE unknown). Native blocks of
 * no type are told apart by allocation site, if MODEL_SITES is loaded: types with numbers from
 * ntypes up and names like "malloc in parse_line", made when first asked for (so: not from several
 * threads).
 */
uint32_t model_type_of(struct model *model, uint32_t object);
/* The same, but blocks always by their allocation site, whatever else is known of them. */
uint32_t model_site_type_of(struct model *model, uint32_t object);
/* Asks the typer, if it was not asked before: types that it made exist then. Loads what it needs. */
void model_infer(struct model *model);
uint32_t model_type_at(struct model *model, uint32_t type, uint32_t stack);
static inline const struct type *model_type(const struct model *m, uint32_t type)
{
	return &m->types[type];
}
/* The number of the type of this name, made when it is new; 0 without memory. MODEL_TYPES. */
uint32_t model_add_type(struct model *model, const char *name);
/* True when blocks of one type and one stack may differ in what model_type_of() says: sums by type must look at each. */
bool model_types_differ(const struct model *model);
/* Where model_type_of() has the object's type from. Loaded: as for model_type_of(). */
enum type_source model_type_source(struct model *model, uint32_t object);
/* Short name of the object's type. */
const char *model_type_name(struct model *model, uint32_t object);
/* "module.name", or the name alone. Appended. */
void model_long_name(const struct model *model, uint32_t type, struct str *out);

/* The first object at or behind `address`; nobjects when none is. MODEL_ADDRESS. */
uint32_t model_object_from(const struct model *model, uint64_t address);
/* Object whose memory holds `address`: MODEL_NONE when none does. MODEL_ADDRESS and MODEL_SIZE. */
uint32_t model_find_address(const struct model *model, uint64_t address, uint64_t *offset);

/* The object's properties, *n of them. MODEL_PROPERTIES. */
const struct property *model_properties(const struct model *model, uint32_t object, uint32_t *n);
/* A counter of the dump by its name; false: it has none of this name. */
bool model_counter(const struct model *model, const char *name, uint64_t *ret);
/* True and *ret when the object has this property. MODEL_PROPERTIES. */
bool model_property(const struct model *model, uint32_t object, enum rgd_property key,
		    uint64_t *ret);
/* The text of a string property, NULL when absent. */
const char *model_property_text(const struct model *model, uint32_t object, enum rgd_property key);

/* An edge by its number (within graph.out_first of `source`). MODEL_EDGES. Decodes labels where
 * needed and keeps some. */
struct error *model_edge(struct model *model, uint32_t source, uint32_t number, struct edge *ret);

/* "parse_line+0x12 (server.c:31)" or "handler (app.py:31)". Appended. MODEL_FRAMES and
 * MODEL_MODULES. */
void model_frame_text(const struct model *model, uint32_t frame, struct str *out);
/* The innermost frame of a stack that is no allocator's wrapper; MODEL_NONE for an unknown
 * stack. */
uint32_t model_site_frame(const struct model *model, uint32_t stack);
/* Under hybrid most stacks have one frame. The whole stack that such a one must be, since no other is known to begin with its frame;
 * else the stack itself. MODEL_STACKS and MODEL_META. */
uint32_t model_whole_stack(const struct model *model, uint32_t stack);
/* Under hybrid: the whole stacks that begin with the only frame of this one, one by one: `after` MODEL_NONE for the first, then the last
 * answer. MODEL_NONE: no more, or the stack has several frames. */
uint32_t model_whole_stacks(const struct model *model, uint32_t stack, uint32_t after);
/* What model_site_frame() says of a stack of this frame alone. */
uint32_t model_frame_site(const struct model *model, uint32_t frame);

/* "cpython", "native", ...; "runtime 12" for unknown ones has no text: NULL. */
const char *model_runtime_name(unsigned runtime);
const char *model_edge_kind_name(unsigned kind);
const char *model_root_class_name(unsigned class);
/* True when the dump holds objects of this runtime (from TYPES). MODEL_TYPES, MODEL_RUNTIMES. */
bool model_has_runtime(const struct model *model, unsigned runtime);

/* A block of the program's, whatever is known of it: also one that rules of reference counts gave a type and a count. */
static inline bool model_is_native(uint32_t flags)
{
	uint32_t runtime = flags & RGD_OBJ_F_RUNTIME_MASK;

	return runtime == RGD_RT_NATIVE || runtime == RGD_RT_REFHOOK;
}

static inline unsigned model_generation(const struct model *m, uint32_t object)
{
	return (m->flags[object] & RGD_OBJ_F_GENERATION_MASK) >> RGD_OBJ_F_GENERATION_SHIFT;
}

#endif
