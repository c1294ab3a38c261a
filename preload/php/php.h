/*
 * php.h - what the files of the PHP adapter module share. The module is compiled against PHP's own headers, one shared object
 * per build of PHP; adapters/php.c loads it into PHP processes and hands it the shim's services (adapters/php_link.h).
 *
 * Glossary
 *   container  what a zval refers to and counts: array, object, string, reference, resource, constant AST
 *   slot       a small block of ZendMM, one of a bin; run: pages of a large block; huge: a mapping of its own
 *   storage    memory of one object that is a block of its own: the data of an array, opcodes, a VM stack
 *   frame      a zend_execute_data
 *
 * Two worlds
 *   - In PHP's thread (events.c, vm.c): between two opcodes, inside requests. What is called from there may use PHP's API.
 *   - In the walker (all others): a copy-on-write child. Reads structures; calls nothing of PHP but what is said to be harmless.
 *
 * Who registers what
 *   module.c   the descriptor that the shim sees: everything passes by there
 *   events.c   chains the engine's pointers once and calls each entry of event_handlers[]: a feature adds one row there
 *   vm.c       when the engine stands still: enter(), still(), leave()
 *   zendmm.c   which blocks of ZendMM live;  memory.c  and how much of it is free, and where
 *   alloc.c    where each of them was allocated;  numbers.c  keeps it;  sites.c  what code that was,  stacks.c  all frames of it,
 *              places.c  names (alloc.h)
 *   requests.c requests as epochs, snapshots at moments of PHP;  collector.c  the collector's runs
 *   graph.c    finding all containers; one visitor serves finding (discover) and writing (edges)
 *   values.c   zvals, arrays, objects;  internals.c  what internal classes keep;  code.c  functions;  classes.c
 *   frames.c   frames, generators, fibers
 *   describe.c type, size, refcount, properties of each object;  roots.c  where reachability starts
 */
#ifndef REFGRAPH_PHP_H
#define REFGRAPH_PHP_H

#include "../adapters/php_link.h"

#include <php.h>

#include <SAPI.h>
#include <zend_closures.h>
#include <zend_exceptions.h>
#include <zend_fibers.h>
#include <zend_generators.h>
#include <zend_interfaces.h>
#include <zend_observer.h>
#include <zend_weakrefs.h>

/* ---- module.c ------------------------------------------------------------------------------------------------------ */

extern const struct php_link *shim;
extern const struct adapter_host *host;

/* ---- events.c: what happens in PHP's thread ------------------------------------------------------------------------- */

/* A feature's handlers; each may be NULL. Called in the order of the table, in PHP's thread. */
struct event_handlers {
	/* After the modules have started (or late: the engine runs already). Not between two opcodes: no PHP code may be run. */
	void (*startup)(bool late);
	/* The engine is ready for a request: symbol tables exist, the script does not run yet. */
	void (*request_begin)(void);
	/* The compiler is asked for a file or a text, or for what was compiled before: code may come to new addresses. */
	void (*compiles)(void);
	/* After the last shutdown function, before any destructor: all of the request's objects are there. Not after a fatal
	 * error that leaves no way to call functions. */
	void (*request_end)(void);
	bool (*wants_end)(void); /* asked at each request's begin; NULL: always */
	/* The request's memory is about to be given back; nothing of it may be touched after. */
	void (*request_gone)(void);
	/* gc_collect_cycles(): around each run of the collector. */
	void (*gc_begin)(void);
	void (*gc_end)(int collected);
	/* A fiber got its context, or its context goes; its object is zend_fiber_from_context(). */
	void (*fiber_begin)(zend_fiber_context *context);
	void (*fiber_end)(zend_fiber_context *context);
	/* In the child of fork(). */
	void (*after_fork)(void);
};
extern const struct event_handlers *const event_handlers[]; /* ends with NULL */

void events_start(bool late);
void events_after_fork(void);
/* The calling thread runs PHP. */
void events_note_thread(void);
/* The thread that runs PHP; 0 not known yet. */
uint32_t php_thread(void);
/* True between request_begin and request_gone. */
bool php_in_request(void);

/* ---- vm.c ----------------------------------------------------------------------------------------------------------- */

extern const struct event_handlers vm_events, regions_events, alloc_events, requests_events,
	collector_events;
int vm_enter(unsigned deadline_ms, char *note, size_t note_size);
bool vm_still(void);
void vm_leave(void);
void *vm_let_go(void);
void vm_take_back(void *token);

/* ---- zendmm.c: ZendMM's own book-keeping, in the walker --------------------------------------------------------------- */

/* As blocks() and block() of an adapter. Reads chunks, free lists and the list of huge blocks; when it is not ZendMM, or not as its
 * sources say, there are none: then blocks are those of malloc. */
bool zendmm_blocks(struct walk *walk);
bool zendmm_find(struct walk *walk, uintptr_t address, bool inside, struct walk_block *out);
/* How chunks are cut, after zendmm_blocks(). A run of pages: `slots` blocks of `slot` bytes; a large block is one of them; free
 * pages have none. Returns its pages; a chunk begins with the page of its own head, page 0. */
struct zendmm_run {
	uint32_t pages, slot, slots, live;
};
#define ZENDMM_PAGES 512u
size_t zendmm_chunks(void);
uintptr_t zendmm_chunk(size_t chunk);
uint32_t zendmm_run(size_t chunk, uint32_t page, struct zendmm_run *ret);
/* Huge blocks and chunks that are kept empty: RGD_HEAP_HUGE, RGD_HEAP_CACHED. */
void zendmm_others(struct walk *walk,
		   void (*visit)(struct walk *walk, uint32_t kind, uintptr_t address, size_t size));
/* The live block that holds this address; its size is the slot's. */
bool zendmm_block(uintptr_t address, uintptr_t *start, uint64_t *size);

/* ---- memory.c, collector.c: rows of the dump ------------------------------------------------------------------------- */

void memory_rows(struct walk *walk);
void collector_rows(struct walk *walk);

/* ---- requests.c ------------------------------------------------------------------------------------------------------- */

/* The process mapped memory: ZendMM perhaps. In any thread, outside hooks. */
void requests_mapped(void);

/* ---- graph.c -------------------------------------------------------------------------------------------------------- */

/* What an object of the graph is; comes back in describe() and edges(). */
enum tag {
	TAG_OBJECT,    /* zend_object */
	TAG_ARRAY,     /* zend_array */
	TAG_STRING,    /* zend_string */
	TAG_REFERENCE, /* zend_reference */
	TAG_RESOURCE,  /* zend_resource */
	TAG_AST,       /* zend_ast_ref */
	TAG_CLASS,     /* zend_class_entry */
	TAG_FUNCTION,  /* zend_op_array of a declared function */
	TAG_FRAME,     /* zend_execute_data of a suspended generator or fiber */
	TAG_GLOBALS,   /* EG(symbol_table) */
	TAG_DATA,      /* a leaf: the data of an array */
	TAG_STORAGE,   /* a leaf: memory of its owner */
	TAG_CODE,      /* opcodes: what closures share when the script that declared them is gone */
	TAG_PROPERTIES, /* a leaf: a table whose edges are its owner's (dynamic properties, statics) */
	TAG_MAX
};

/*
 * The visitor. During discover() a reference claims its target and puts it on the list; during edges() it writes one edge of
 * the present object with this label. Code that enumerates references is the same for both.
 */
struct visitor {
	struct walk *walk;
	bool writing; /* labels are wanted */
	bool rooting; /* they are numbers of strings, and each reference becomes a root: */
	enum rgd_root_class class;
	enum rgd_edge_kind kind; /* of roots; in discover(), what is not STRONG is not counted */
	uint32_t context;
	const char *prefix; /* of names of variables: the function of a fiber's frame; NULL none */
};
/* Labels come from labels.c. */
void refer(struct visitor *v, const void *target, enum tag tag, uint32_t label, uint64_t value);
/* What a zval holds, if it is counted or an array; follows no IS_INDIRECT. */
void refer_zval(struct visitor *v, const zval *z, uint32_t label, uint64_t value);
/* A block that belongs to the object alone: claimed when it is the start of a live block. INTERNAL edge. */
void refer_storage(struct visitor *v, const void *block, const char *part);

/* The same for memory that no object owns, but the engine: a leaf, held by a root. */
void root_storage(struct visitor *v, const void *block, const char *name);
void root_data(struct visitor *v, const HashTable *table, const char *name);
void root_table(struct visitor *v, const HashTable *table, const char *name);

/* A block of malloc that stays a native one, whose words are references, but is held by no pointer to its start: an edge of the present
 * object, or a root. */
void refer_native(struct visitor *v, const void *block, const char *name);
/* The data of a table, to which the table points behind its hashes. */
void refer_native_data(struct visitor *v, const HashTable *table, const char *name);

/* ---- engine.c: statics of the engine that no symbol names, found by what they must be ------------------------------------- */

extern const struct event_handlers engine_events;
struct gc_buffer {
	const uintptr_t *roots; /* [i] is the container whose GC address is i; low bits are flags */
	uint32_t size, used, threshold, first_unused;
	bool enabled, active, full;
};
/* The collector's buffer of possible roots. In the walker. */
bool gc_buffer(struct walk *walk, struct gc_buffer *out);
/* The list of spl_autoload_register(), NULL none. In the walker. */
const HashTable *engine_autoloaders(struct walk *walk);

/* ---- labels.c: numbers of labels; 0 during discover() --------------------------------------------------------------------- */

/* `literal`: a string constant of ours, known by its address. */
uint32_t label_text(struct visitor *v, enum rgd_edge_kind kind, enum rgd_label_class class,
		    const char *literal);
/* A strong reference that the engine's get_gc() does not tell of, so that its collector takes it for one from outside. */
uint32_t label_unseen(struct visitor *v, enum rgd_label_class class, const char *literal);
/* A strong reference of class PART. */
uint32_t part(struct visitor *v, const char *literal);
/* A name of the program's source. */
uint32_t label_name(struct visitor *v, enum rgd_edge_kind kind, enum rgd_label_class class,
		    const zend_string *name);
/* "$name", of a variable. */
uint32_t label_variable(struct visitor *v, enum rgd_edge_kind kind, enum rgd_label_class class,
			const zend_string *name);
/* A key of an array, which may be private. */
uint32_t label_key(struct visitor *v, enum rgd_label_class class, const zend_string *key);
/* A number as key; *next is the one that would follow the last. */
uint32_t label_index(struct visitor *v, zend_ulong index, zend_ulong *next, uint64_t *value);
bool is_name(const zend_string *s);

/* ---- values.c ------------------------------------------------------------------------------------------------------- */

struct class_info {
	const zend_class_entry *ce;
	uint32_t type;	  /* + 1 */
	uint32_t *labels; /* of declared properties */
};
struct class_info *class_info(struct walk *walk, const zend_class_entry *ce);
void array_references(struct visitor *v, const zend_array *array);
void object_references(struct visitor *v, zend_object *object);
void reference_references(struct visitor *v, const zend_reference *reference);
void resource_references(struct visitor *v, const zend_resource *resource);
void ast_references(struct visitor *v, const zend_ast_ref *ref);
/* The elements of a table that belongs to the present object, as its own; IS_INDIRECT elements are somebody else's. */
void table_references(struct visitor *v, const HashTable *table, enum rgd_label_class keys);
/* The table itself, whose elements are references of the present object. */
void refer_table(struct visitor *v, const HashTable *table, const char *name);
/* The data of a table. */
void refer_data(struct visitor *v, const HashTable *table);
void refer_string(struct visitor *v, const zend_string *s, const char *name);
void key_references(struct visitor *v, zend_string *key);
/* Words of memory that only its extension knows, as the present object's. */
void opaque_words(struct visitor *v, uintptr_t low, uintptr_t high, const char *what);

/* ---- internals.c ---------------------------------------------------------------------------------------------------- */

void internal_references(struct visitor *v, zend_object *object);
/* NULL: it is none. */
zend_object_iterator *iterator_of(zend_object *object);
void iterator_references(struct visitor *v, zend_object_iterator *iterator);

/* ---- code.c --------------------------------------------------------------------------------------------------------- */

void refer_zvals(struct visitor *v, const zval *z, int n, const char *name);
/* A name in code: nothing when it is interned. */
void own_string(struct visitor *v, const zend_string *s, const char *name);
void type_names(struct visitor *v, zend_type type);
void attributes(struct visitor *v, const HashTable *table);
/* Before anything is found: this function, all that have a name, have their code, whoever shares it. */
void code_declare(struct walk *walk, const zend_op_array *f);
void code_declare_all(struct walk *walk);
/* Of an object TAG_CODE. */
void code_node_references(struct visitor *v, const zend_op *opcodes);
void function_references(struct visitor *v, const zend_op_array *op_array, bool closure);
/* What zend_register_functions() allocates for the types of a function of C. */
void internal_function_references(struct visitor *v, const zend_function *f);

/* ---- classes.c ------------------------------------------------------------------------------------------------------ */

void class_references(struct visitor *v, const zend_class_entry *ce);

/* ---- frames.c ------------------------------------------------------------------------------------------------------- */

/* What a frame holds, as references of the present object. */
enum frame_moment {
	FRAME_NEXT,  /* its opline is the next one */
	FRAME_CALLS, /* its opline is a call that is under way */
};
void frame_references(struct visitor *v, zend_execute_data *frame, enum frame_moment moment);
/* Where it is, as "f() file:line"; a string. */
uint32_t frame_place(struct walk *walk, const zend_execute_data *frame);
void generator_references(struct visitor *v, zend_generator *generator);
void fiber_references(struct visitor *v, zend_fiber *fiber);
/* "f()" or "C::m()" */
size_t function_name(const zend_function *f, char *out, size_t size);
void frames_roots(struct visitor *v);
/* The code of scripts that run. */
void frames_declare(struct walk *walk);

/* ---- graph.c, describe.c, roots.c -------------------------------------------------------------------------------------- */

void roots_discover(struct visitor *v);
/* Objects that only the objects store knows, and that somebody counts whom nothing that is known can be: neither reachable nor garbage,
 * which is referred to by its like as often as it is counted. */
void orphans(struct visitor *v);
bool graph_discover(struct walk *walk);
void graph_edges(struct walk *walk, uintptr_t object, unsigned tag);
bool graph_describe(struct walk *walk, uintptr_t object, unsigned tag, struct walk_object *out);
void graph_roots(struct walk *walk);
void graph_state(struct walk *walk);

#endif
