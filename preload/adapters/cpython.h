/*
 * cpython.h - what the files of the CPython adapter share. One shim serves 3.8 to 3.13: everything is resolved at run time
 * and read at the offsets of cpython_layout.h.
 *
 *   cpython_probe.c    is there a CPython, and one that we know? the adapter's struct
 *   cpython_alloc.c    PyMem hooks: the runtime's blocks into the live table
 *   cpython_events.c   collections, seen from the allocator
 *   cpython_reborn.c   objects out of free lists
 *   cpython_stacks.c   the Python frame that allocates, read raw
 *   cpython_gil.c      enter and leave: the lock, taken with a deadline
 *   cpython_mixed.c    native and Python frames in one stack
 *   cpython_pools.c    pymalloc's arenas, pools and free blocks
 *   cpython_exit.c     the snapshot at exit, before the interpreter takes its heap down
 *   cpython_text.c     str objects, names, labels
 *   cpython_class.c    what is known of each type, once per type
 *   cpython_types.c    the table of known types and their parts
 *   cpython_walk.c     discover and describe
 *   cpython_edges.c    references: the collector's view, named
 *   cpython_contents.c what containers and other variable bodies refer to
 *   cpython_frames.c   executing frames and generators
 *   cpython_roots.c    where reachability starts; the collector's numbers
 *   cpython_workers.c  the role of the process in a pool, and its tasks
 *
 * Words used here
 *   visited     what an object's tp_traverse reports: gc.get_referents(). RGD_LABEL_F_TRAVERSED
 *   candidate   a reference that we know by the layout of the object, with its name; it gives its name to a visited one
 *               or, when nothing visits it and the object owns it, becomes an edge of its own
 *   class       all that is known of one type: struct py_class
 */
#ifndef REFGRAPH_CPYTHON_H
#define REFGRAPH_CPYTHON_H

#include "adapter.h"
#include "cpython_layout.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

typedef int (*visit_function)(void *target, void *context);
typedef int (*traverse_function)(uintptr_t object, visit_function visit, void *context);

/* PyObjectArenaAllocator */
struct arena_allocator {
	void *context;
	void *(*alloc)(void *context, size_t size);
	void (*free)(void *context, void *block, size_t size);
};

/*
 * The functions of the runtime that we call: (our name, result, parameters, symbol, other symbol or 0, since minor,
 * until minor). One that is missing although its version should have it makes us refuse the runtime.
 */
#define PYTHON_API(API)                                                                            \
	API(is_initialized, int, (void), "Py_IsInitialized", 0, 8, 13)                             \
	API(is_finalizing, int, (void), "_Py_IsFinalizing", "Py_IsFinalizing", 8, 13)              \
	API(get_allocator, void, (int, struct adapter_allocator *), "PyMem_GetAllocator", 0, 8,    \
	    13)                                                                                    \
	API(set_allocator, void, (int, struct adapter_allocator *), "PyMem_SetAllocator", 0, 8,    \
	    13)                                                                                    \
	API(get_arenas, void, (struct arena_allocator *), "PyObject_GetArenaAllocator", 0, 8, 13)  \
	API(set_arenas, void, (struct arena_allocator *), "PyObject_SetArenaAllocator", 0, 8, 13)  \
	API(gil_ensure, int, (void), "PyGILState_Ensure", 0, 8, 13)                                \
	API(gil_release, void, (int), "PyGILState_Release", 0, 8, 13)                              \
	API(gil_thread_state, uintptr_t, (void), "PyGILState_GetThisThreadState", 0, 8, 13)        \
	API(thread_state, uintptr_t, (void), "_PyThreadState_UncheckedGet",                        \
	    "PyThreadState_GetUnchecked", 8, 13)                                                   \
	API(save_thread, void *, (void), "PyEval_SaveThread", 0, 8, 13)                            \
	API(restore_thread, void, (void *), "PyEval_RestoreThread", 0, 8, 13)                      \
	API(interpreter_head, uintptr_t, (void), "PyInterpreterState_Head", 0, 8, 13)              \
	API(interpreter_next, uintptr_t, (uintptr_t), "PyInterpreterState_Next", 0, 8, 13)         \
	API(interpreter_main, uintptr_t, (void), "PyInterpreterState_Main", 0, 8, 13)              \
	API(thread_head, uintptr_t, (uintptr_t), "PyInterpreterState_ThreadHead", 0, 8, 13)        \
	API(line_of, int, (uintptr_t, int), "PyCode_Addr2Line", 0, 8, 13)                          \
	API(add_pending_call, int, (int (*)(void *), void *), "Py_AddPendingCall", 0, 8, 13)       \
	API(import_module, void *, (const char *), "PyImport_ImportModule", 0, 8, 13)              \
	API(call_method, void *, (void *, const char *, const char *, ...), "PyObject_CallMethod", \
	    0, 8, 13)                                                                              \
	API(new_function, void *, (void *, void *, void *), "PyCFunction_NewEx", 0, 8, 13)         \
	API(decref, void, (void *), "Py_DecRef", 0, 8, 13)                                         \
	API(incref, void, (void *), "Py_IncRef", 0, 8, 13)                                         \
	API(clear_error, void, (void), "PyErr_Clear", 0, 8, 13)                                    \
	/* 3.13, where it is missed by nobody */                                                   \
	API(set_tracer, int, (int (*)(uintptr_t, int, void *), void *), "PyRefTracer_SetTracer",   \
	    0, 99, 99)                                                                             \
	API(get_tracer, void *, (void **), "PyRefTracer_GetTracer", 0, 99, 99)

struct python_api {
#define API(name, result, parameters, ...) result(*name) parameters;
	PYTHON_API(API)
#undef API
};

struct python {
	const struct adapter_host *host;
	void *handle;	  /* of dlopen, NULL: the global scope */
	unsigned minor;	  /* 8..13; 0 = not followed */
	char version[24]; /* "3.11.7" */
	const struct layout *at;
	bool mixed; /* stacks of native and Python frames, made by the shim and mixed_stack() */
	struct python_api api;
	uintptr_t runtime; /* &_PyRuntime */
	uintptr_t none;	   /* &_Py_NoneStruct */
	uintptr_t type_code, type_dict, type_int, type_bool, type_type,
		type_object; /* &PyCode_Type, ... */
	struct {
		uintptr_t low, high;
	} data[8]; /* writable data of the module that has the runtime */
	unsigned data_count;
};
extern struct python python; /* write-once, in probe */

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static inline uintptr_t word_at(uintptr_t address, long offset)
{
	return *(const uintptr_t *)(address + (uintptr_t)offset);
}
static inline uint32_t half_at(uintptr_t address, long offset)
{
	return *(const uint32_t *)(address + (uintptr_t)offset);
}
static inline uint8_t byte_at(uintptr_t address, long offset)
{
	return *(const uint8_t *)(address + (uintptr_t)offset);
}
static inline uintptr_t type_of(uintptr_t object)
{
	return word_at(object, OB_TYPE);
}
/* Py_SIZE of a list, tuple, bytes. */
static inline uint64_t size_of(uintptr_t object)
{
	return word_at(object, OB_SIZE);
}
static inline bool has_flag(uintptr_t type, unsigned long flag)
{
	return (word_at(type, TP_FLAGS) & flag) != 0;
}
#define TPFLAG_INLINE_VALUES (1ul << 2)	  /* 3.13 */
#define TPFLAG_MANAGED_WEAKREF (1ul << 3) /* 3.12+ */
#define TPFLAG_MANAGED_DICT (1ul << 4)	  /* 3.11+ */
#define TPFLAG_STATIC_BUILTIN (1ul << 1)  /* 3.12+ */
#define TPFLAG_HEAP (1ul << 9)
#define TPFLAG_GC (1ul << 14)
#define TPFLAG_LONG (1ul << 24)
#define TPFLAG_LIST (1ul << 25)
#define TPFLAG_TUPLE (1ul << 26)
#define TPFLAG_BYTES (1ul << 27)
#define TPFLAG_UNICODE (1ul << 28)
#define TPFLAG_DICT (1ul << 29)
#define TPFLAG_EXCEPTION (1ul << 30)
#define TPFLAG_TYPE (1ul << 31)
/* A subtype of the builtin type that the flag stands for. */
static inline bool is_str(uintptr_t object)
{
	return has_flag(type_of(object), TPFLAG_UNICODE);
}
static inline bool is_tuple(uintptr_t object)
{
	return has_flag(type_of(object), TPFLAG_TUPLE);
}
static inline bool is_dict(uintptr_t object)
{
	return has_flag(type_of(object), TPFLAG_DICT);
}
static inline bool is_type(uintptr_t object)
{
	return has_flag(type_of(object), TPFLAG_TYPE);
}
/* The collector's header, before the object. */
#define GC_HEAD 16
static inline bool gc_tracked(uintptr_t object)
{
	return word_at(object, -GC_HEAD) != 0;
}
static inline bool gc_finalized(uintptr_t object)
{
	return (word_at(object, -GC_HEAD + 8) & 1) != 0;
}

/* ---- cpython_alloc.c -------------------------------------------------------------------------------------------- */

void alloc_install(void);
/* Puts our hooks back when the runtime's start dropped them. */
void alloc_recheck(void);
/* Chooses how blocks get their stacks: after a setting or exit_pending changed. */
void alloc_stacks(void);
/* Blocks of the domains mem and obj that live now: sys.getallocatedblocks(). */
int64_t alloc_blocks(void);

/* The block of the domain obj that was handed out last. */
uintptr_t alloc_last(void);
/* Sets what the hooks look at; NULL nothing. */
void events_watch(struct adapter_watch *watch);

/* ---- cpython_events.c ------------------------------------------------------------------------------------------- */

/* Set until the collector is watched; alloc_stacks() sees to it that events_start() is called while it is. */
extern bool events_pending;
void events_start(void);
void events_recheck(void);
/* In the walker: GC rows. */
void events_rows(struct walk *walk);

/* ---- cpython_reborn.c ------------------------------------------------------------------------------------------- */

/* With the lock held, after the interpreter's start; and again now and then: somebody else may have taken the place. */
void reborn_watch(void);
/* The interpreter keeps a free list of this type's instances, and we were not told of all that came from there. */
bool may_be_reborn(uintptr_t type);

/* ---- cpython_stacks.c -------------------------------------------------------------------------------------------- */

/* Number of the stack for an allocation in this thread, which holds the GIL; 0 unknown. */
uint32_t stacks_here(void);
struct python_run {
	uint32_t frame; /* host's number */
	bool entry;	/* the interpreter's loop was entered with it */
};
/* This thread's frames, innermost first, with the GIL or without; how many. 0 also when another thread without it asks. */
size_t stacks_frames(struct python_run *runs, size_t most);

/* ---- cpython_mixed.c --------------------------------------------------------------------------------------------- */

/* False: the interpreter's loop cannot be found. Outside hooks. */
bool mixed_init(void);
/* The stack of native and Python frames for these return addresses, innermost first; 0: this thread runs no Python.
 * `whole`: none is missing at the outer end. */
uint32_t mixed_stack(const uintptr_t *pcs, size_t n, bool whole);

/* ---- cpython_gil.c ----------------------------------------------------------------------------------------------- */

int gil_enter(unsigned deadline_ms, char *note, size_t note_size);
void gil_leave(void);
void *gil_let_go(void);
void gil_take_back(void *token);
void gil_after_fork(void);
/* In the walker: makes the runtime's functions see the thread that holds the lock as the current one. */
void gil_adopt(void);
/* The collector's state of an interpreter (its generations[0]); 0 when it cannot be found. */
uintptr_t gc_state_of(uintptr_t interpreter);
/* An interpreter whose lock we do not hold: 3.12+ with a lock of its own. */
bool has_own_gil(uintptr_t interpreter);

/* ---- cpython_pools.c --------------------------------------------------------------------------------------------- */

void python_pools(struct walk *walk); /* rows of HEAPS; state() phase */

/* ---- cpython_exit.c ---------------------------------------------------------------------------------------------- */

void exit_arrange(void);
/* Set until the function is registered; alloc_stacks() sees to it that exit_register() is called while it is. */
extern bool exit_pending;
void exit_register(void);

/* ---- cpython_text.c ---------------------------------------------------------------------------------------------- */

/* UTF-8 of a str, cut at size - 1 bytes and at a whole character. Returns the length; 0 for anything but a str. */
size_t text_of(uintptr_t object, char *buffer, size_t size);
/* An ASCII str of at most 64 characters that looks like a name: letters, digits, _ and inner dots. */
bool text_is_name(uintptr_t object);
/* String number in the dump; cached by the object's address. */
uint32_t text_string(struct walk *walk, uintptr_t object);
bool text_equals(uintptr_t object, const char *ascii);

/* How an edge is named before anyone asks for the number of its label. */
enum name_source { NAME_NONE, NAME_C, NAME_STR };
struct edge_name {
	uint8_t class;	/* enum rgd_label_class */
	uint8_t source; /* enum name_source */
	uintptr_t text; /* const char *, or a str */
};
/* The number of the label; cached. */
uint32_t label_of(struct walk *walk, enum rgd_edge_kind kind, struct edge_name name,
		  unsigned flags);

/* ---- cpython_class.c --------------------------------------------------------------------------------------------- */

/* How the variable body of an object is laid out; inherited from the type that brings it in. */
enum shape {
	SHAPE_PLAIN, /* parts only */
	SHAPE_LEAF,  /* refers to nothing */
	SHAPE_LIST,
	SHAPE_TUPLE,
	SHAPE_DICT,
	SHAPE_ODICT,
	SHAPE_SET,
	SHAPE_TYPE,
	SHAPE_FUNCTION,
	SHAPE_BUILTIN,
	SHAPE_MODULE,
	SHAPE_CODE,
	SHAPE_FRAME,
	SHAPE_GENERATOR,
	SHAPE_CELL,
	SHAPE_WEAKREF,
	SHAPE_DEQUE,
	SHAPE_CONTEXT_VAR,
	SHAPE_HAMT_PAIRS, /* a node of a Context's map */
	SHAPE_BYTEARRAY,
	SHAPE_ARRAY,
	SHAPE_STR,
	SHAPE_BYTES,
	SHAPE_INT,
	SHAPE_FLOAT,
	SHAPE_MAX
};

/* One pointer at a fixed offset. */
struct part {
	struct edge_name name;
	uint8_t kind;	/* enum rgd_edge_kind when nothing visits it */
	bool hint;	/* only names what is visited */
	int32_t offset; /* may be negative: in the pre-header */
};

/* Words of an object that are explained, by offset / 8; those beyond are never scanned. */
#define WORDS_MAX 256
struct word_set {
	uint64_t bits[WORDS_MAX / 64];
};
static inline void words_add(struct word_set *set, long offset)
{
	if (offset >= 0 && offset / 8 < WORDS_MAX)
		set->bits[offset / 512] |= 1ull << (offset / 8 % 64);
}
static inline bool words_has(const struct word_set *set, long offset)
{
	return offset < 0 || offset / 8 >= WORDS_MAX ||
	       (set->bits[offset / 512] >> (offset / 8 % 64) & 1);
}

struct py_class {
	uintptr_t type;
	uint32_t number; /* in TYPES, once named; UINT32_MAX before */
	uint8_t shape;
	bool gc; /* instances have the collector's header (unless is_gc says no) */
	bool heap;
	bool counts_type; /* an instance holds a reference to its type: those of heap types do */
	bool known; /* nothing in an instance but what parts and shape say: no conservative scan */
	bool exact; /* the type itself brings the shape in, and nothing else: no subclass */
	bool managed_dict;  /* pre-header with values and dict (3.11+) */
	bool inline_values; /* 3.13: values in the object */
	uint8_t prefix;	    /* bytes before an instance in its block */
	int (*is_gc)(uintptr_t object);
	traverse_function traverse;
	uint32_t basic_size;
	long dict_offset; /* negative: from the end; 0 none */
	uintptr_t keys;	  /* shared keys of the instances (3.11+), 0 none */
	const struct part *parts;
	uint32_t part_count;
	struct word_set accounted; /* covered by parts, or known not to be a pointer */
	struct py_class *next;	   /* in its hash chain */
};

/* Never NULL: a type that cannot be read gets a class without parts. */
struct py_class *class_of_type(struct walk *walk, uintptr_t type);
/* Is this the type of an object that was found already? */
bool class_met(uintptr_t type);
/* The class's row in TYPES. */
uint32_t class_number(struct walk *walk, struct py_class *c);
/* tp_dict, which 3.12+ keeps elsewhere for static types. 0 none. */
uintptr_t type_dict(uintptr_t type);
uintptr_t type_subclasses(uintptr_t type);
/* Looks a name up among the str keys of a dict; 0 absent. */
uintptr_t dict_get(uintptr_t dict, const char *name);
/* True when the object itself (not only its type) takes part in collection. */
static inline bool object_is_gc(const struct py_class *c, uintptr_t object)
{
	return c->gc && (!c->is_gc || c->is_gc(object));
}

/* ---- cpython_types.c --------------------------------------------------------------------------------------------- */

#define KNOWN_PART_HINT 0x80 /* in kind: only names what is visited */
struct known_part {
	const char *name;
	uint8_t class, kind;
	int16_t fixed;	/* offset, when not negative */
	uint16_t field; /* else: offset of the field in struct layout */
};
struct known_type {
	const char *name;   /* tp_name */
	const char *symbol; /* address of the type; NULL: told by its name, which has a dot */
	uint8_t shape;
	bool pointer; /* the symbol is a variable that points to the type */
	bool known;   /* the parts are all there is */
	uint8_t since, until;
	const struct known_part *parts;
	uint8_t part_count;
};
void known_types_resolve(void);
/* What we know of exactly this type (not of its bases); NULL nothing. */
const struct known_type *known_type_of(uintptr_t type);

/* ---- cpython_walk.c ---------------------------------------------------------------------------------------------- */

/* The tags of walk_add: 0..3 the generation of a tracked object (3 = permanent), then what else there is. */
enum tag {
	TAG_PERMANENT = 3,
	TAG_UNTRACKED = 4,
	TAG_ITEMS,
	TAG_KEYS,
	TAG_VALUES,
	TAG_TABLE,
	TAG_BUFFER,
	TAG_DEQUE_BLOCK,
	TAG_ODICT_NODE,
	TAG_CODE_CACHE,
	TAG_TEXT,
	TAG_OTHER_STORAGE,
	TAG_MAX
};

bool python_discover(struct walk *walk);
bool python_describe(struct walk *walk, uintptr_t object, unsigned tag, struct walk_object *out);
/* The next interpreter that we may read; 0 = the first, returns 0 after the last. */
uintptr_t interpreter_after(uintptr_t interpreter);
uint64_t refcount_of(uintptr_t object, bool *immortal);

/* ---- cpython_values.c: only with REFGRAPH_VALUES=1 --------------------------------------------------------------- */

/* A natural number below 2^60; always available. */
bool int_of(uintptr_t object, uint64_t *value);
/* A short representation of a str, int, float, bytes, bool or None. */
void describe_value(struct walk *walk, uintptr_t object, const struct py_class *c);
/* The label's class, text and value for a dict key whose contents may be shown. */
bool value_key(struct walk *walk, uintptr_t key, enum rgd_edge_kind kind, unsigned flags,
	       uint32_t *label, uint64_t *value);

/* ---- cpython_edges.c --------------------------------------------------------------------------------------------- */

/*
 * Where the knowledge about an object goes: one sink for discovery (which only wants targets) and one for edges (which
 * wants names). Knowledge is given in the order in which tp_traverse visits, as far as known.
 */
struct candidate {
	uintptr_t target;
	uintptr_t slot; /* address of the pointer, 0 unknown; one slot is one reference */
	uint64_t value; /* index, or the key's address */
	struct edge_name name;
	uint8_t kind; /* when nothing visits it */
	bool used;
	bool hint;     /* only names what is visited; no edge when nothing visits it */
	uint32_t next; /* +1: the next one with the same hash */
};
struct sink {
	struct walk *walk;
	bool discovering;
	struct candidate *candidates;
	uint32_t count, capacity;
	uint32_t cursor;
	uint32_t *index; /* by target, when there are many candidates */
	uint32_t index_size;
	uintptr_t *visited;
	uint32_t visited_count, visited_capacity;
	uint64_t last_index; /* of the previous edge, for RGD_LABEL_NEXT; ~0 = it had none */
	bool emitted;	     /* there is a previous edge */
	struct word_set accounted;
	uintptr_t object;
	bool failed;
};
/* `name` as a candidate's; kind as when nothing visits it. Null targets are ignored. */
void know(struct sink *sink, uintptr_t slot, uintptr_t target, enum rgd_edge_kind kind,
	  struct edge_name name, uint64_t value);
/* Only gives its name to a reference that the collector visits. */
void know_hint(struct sink *sink, uintptr_t slot, uintptr_t target, struct edge_name name,
	       uint64_t value);
/* The pointer at object + offset. */
void know_part(struct sink *sink, uintptr_t object, long offset, enum rgd_edge_kind kind,
	       const char *name);
/* A block of storage that belongs to the object; it becomes an object of its own when it is a tracked block. */
void know_storage(struct sink *sink, uintptr_t address, enum tag tag, const char *name);
/* A block that belongs to the object and whose words are to be scanned. */
void know_opaque(struct sink *sink, uintptr_t address, const char *name);
/* Writes an edge; consecutive indexes are written as RGD_LABEL_NEXT. */
void sink_emit(struct sink *sink, enum rgd_edge_kind kind, struct edge_name name, uint64_t value,
	       unsigned flags, uintptr_t target);
static inline struct edge_name name_none(void)
{
	return (struct edge_name){RGD_LABEL_NONE, NAME_NONE, 0};
}
static inline struct edge_name name_c(enum rgd_label_class class, const char *text)
{
	return (struct edge_name){(uint8_t) class, NAME_C, (uintptr_t)text};
}
static inline struct edge_name name_str(enum rgd_label_class class, uintptr_t str)
{
	return (struct edge_name){(uint8_t) class, NAME_STR, str};
}
void python_edges(struct walk *walk, uintptr_t object, unsigned tag);
/* Discovery: hands every object that this one refers to, and its storage, to discovered(). */
void references_of(struct walk *walk, uintptr_t object, struct py_class *c);
/* cpython_walk.c: called by references_of. */
void discovered(struct walk *walk, uintptr_t object);
void discovered_storage(struct walk *walk, uintptr_t address, enum tag tag);

/* ---- cpython_contents.c ------------------------------------------------------------------------------------------ */

/* What an object of this class holds beyond its parts. */
void contents_of(struct sink *sink, uintptr_t object, struct py_class *c);
/* The exact list, tuple, dict and set, straight to edges: the bulk of a heap. False: not one of them. */
bool contents_fast(struct sink *sink, uintptr_t object, struct py_class *c);
/* Remembers the closure of a function, so that the cells in it can be named. */
void closure_remember(struct walk *walk, uintptr_t tuple, uintptr_t code);
uintptr_t closure_code(uintptr_t tuple);

/* A walk over the entries of a dict. */
struct dict_walk {
	uintptr_t entries; /* of the keys object */
	uintptr_t values;  /* of a split table: the array; 0 = values are in the entries */
	uint64_t next, count;
	uint32_t stride, key_offset;
	/* the entry */
	uintptr_t key, value, value_slot;
};
void dict_walk_init(struct dict_walk *w, uintptr_t dict);
/* The keys of shared keys alone; value is not set. */
void keys_walk_init(struct dict_walk *w, uintptr_t keys);
bool dict_walk_next(struct dict_walk *w);
bool keys_walk_next(struct dict_walk *w);
/* A table of str keys alone: the collector visits its values only. */
bool keys_are_text(uintptr_t keys);
/* Number of slots for values that go with these keys. */
uint64_t keys_count(uintptr_t keys);

/* ---- cpython_frames.c -------------------------------------------------------------------------------------------- */

/* A place in Python code. */
struct place {
	uintptr_t code;
	int line;
};
/* The name of local number i (variables, cells, free variables); 0 none. */
uintptr_t code_local_name(uintptr_t code, uint64_t i);
uint64_t code_local_count(uintptr_t code);
/* The name of free variable number i of a function's code. */
uintptr_t code_free_name(uintptr_t code, uint64_t i);
int code_line(uintptr_t code, uintptr_t frame);
/* 3.11+: what the interpreter's record of a frame holds. `kind` as when nothing visits it. */
void frame_record(struct sink *sink, uintptr_t record, enum rgd_edge_kind kind);
void frame_object(struct sink *sink, uintptr_t frame);
void generator_frame(struct sink *sink, uintptr_t generator);
const char *generator_state(uintptr_t generator);
/* The innermost frame of a thread (object or record), and the one that called it. */
uintptr_t frame_of_thread(uintptr_t tstate);
uintptr_t frame_caller(uintptr_t frame);
uintptr_t frame_code(uintptr_t frame);
/* 3.11+: who owns the record. */
enum frame_owner {
	OWNER_THREAD = 0,
	OWNER_GENERATOR = 1,
	OWNER_FRAME_OBJECT = 2,
	OWNER_C_STACK = 3
};
enum frame_owner frame_owner(uintptr_t record);

/* ---- cpython_roots.c --------------------------------------------------------------------------------------------- */

/* The table of interned strings, 0 not found: its references are not counted. In the walker, after discovery. */
extern uintptr_t interned_table;
/* This object is alive by design. */
void roots_pin(struct walk *walk, uintptr_t object);
/* What only the interpreter or a thread refers to is found from there. */
void roots_discover(struct walk *walk);
void python_roots(struct walk *walk);
void python_state(struct walk *walk);
/* In the child of a fork. */
void gc_after_fork(void);

/* ---- cpython_workers.c -------------------------------------------------------------------------------------------- */

/* What this process is in a pool of workers, and how many tasks it did, as the libraries that make pools know it. */
void python_workers(struct walk *walk);

#endif
