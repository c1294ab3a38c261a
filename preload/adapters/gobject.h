/*
 * gobject.h - what the files of the GObject adapter share: gobject_probe.c (is GLib here, and one that we know), gobject_types.c (the type
 * system's tables), gobject_slice.c (what GSlice handed out), gobject_signals.c (handlers), gobject_widgets.c (parents and children),
 * gobject_lists.c (GList, GHashTable, ...), gobject_walk.c (finding and describing), gobject_edges.c (references).
 *
 * Nothing of GLib is hooked, and nothing happens before a snapshot. The walker reads the type system's own tables in its frozen copy. An
 * instance is known by its first word, the address of its class; where it can start in a block follows from the sizes of its type,
 * because the private data of all its classes lies before it. Functions of GLib are only called where they take no lock and allocate
 * nothing: g_quark_to_string(), g_type_name(), g_type_class_peek().
 */
#ifndef REFGRAPH_GOBJECT_H
#define REFGRAPH_GOBJECT_H

#include "adapter.h"

/* Layouts; the same from GLib 2.62 to 2.78. Private ones are checked before they are believed. */
enum {
	NODE_CHILDREN_COUNT = 16,
	NODE_SUPERS_COUNT = 20, /* a byte: number of parents */
	NODE_CHILDREN = 24,
	NODE_DATA = 32,
	NODE_NAME = 40,
	NODE_SUPERS = 72, /* itself, parent, grandparent ... */
	NODE_SIZE = 80,

	DATA_CLASS_SIZE = 8,
	DATA_CLASS = 56,
	DATA_INSTANCE_SIZE = 64,
	DATA_PRIVATE_SIZE = 66,
	DATA_SIZE = 72,

	OBJECT_REFCOUNT = 8,
	OBJECT_DATA = 16, /* qdata; the three low bits are flags */
	OBJECT_SIZE = 24,
	PARAM_NAME = 8,
	PARAM_OWNER = 32,
	PARAM_REFCOUNT = 64,
	MINI_REFCOUNT = 8,
	MINI_FREE = 40,
	MINI_SIZE = 64,

	QDATA_COUNT = 0,
	QDATA_FIRST = 8, /* {quark, data, destroy} */
	QDATA_ITEM = 24,

	CLOSURE_MARSHAL = 8,
	CLOSURE_DATA = 16,
	CLOSURE_NOTIFIERS = 24,
	CLOSURE_SIZE = 32,
	CLOSURE_CALLBACK = 32, /* of a GCClosure */
	CLOSURE_HIDDEN = 32,   /* before it, in its block */

	HANDLER_NUMBER = 0,
	HANDLER_DETAIL = 24,
	HANDLER_SIGNAL = 28,
	HANDLER_CLOSURE = 40,
	HANDLER_INSTANCE = 48,
	HANDLER_SIZE = 56,

	BINDING_CONTEXT = 24,
	BINDING_PROPERTY = 48, /* name of the source's, since 2.68 */
	HASH_SIZE = 96,
	GST_OBJECT_NAME = 32,
	GST_OBJECT_PARENT = 40,
};
#define OBJECT_FLAGS 7u
#define OBJECT_TOGGLE 1u
#define OBJECT_FLOATING 2u
#define TYPE_INTERFACE (2u << 2)
#define TYPE_BOXED (18u << 2)
#define TYPE_PARAM (19u << 2)
#define TYPE_OBJECT (20u << 2)

enum tag {
	TAG_INSTANCE,
	TAG_CLOSURE,
	TAG_HANDLER,
	TAG_QDATA,
	TAG_STORAGE, /* arrays of weak references, closures, notifiers, tables */
	TAG_HASH,
	TAG_LIST,  /* the first node of a GList */
	TAG_SLIST, /* of a GSList */
	TAG_NODE,  /* a later node of either */
	TAG_MINI,  /* a GstMiniObject */
	TAG_PTR_ARRAY,
	TAG_SLICE,   /* of GSlice; nothing else is known of it */
	TAG_FREE,    /* a run of free slices */
	TAG_DATA,    /* of PyGObject, at an instance */
	TAG_PRIVATE, /* private data, before its instance */
	TAG_SLAB,    /* what GSlice keeps at the end of its page */
	TAG_MAX
};

struct span {
	uintptr_t low, high;
};
#define MAX_SPANS 6

struct gobject {
	const struct adapter_host *host; /* NULL: GObject is not in this process, or refused */
	unsigned minor;
	char version[24];
	struct span glib[MAX_SPANS], gobject[MAX_SPANS]; /* writable data */
	unsigned glib_count, gobject_count;
	const char *(*quark_text)(uint32_t quark);
	const char *(*type_name)(uintptr_t type);
	uintptr_t (*class_peek)(uintptr_t type);
	uintptr_t object_unref, closure_unref, nullify, str_hash;
	const char *
		trouble; /* of this snapshot: what could not be verified; the objects are left out */
	const char *note; /* what is missing although the rest is there */
};
extern struct gobject gobject;

static inline uintptr_t word_at(uintptr_t address, long offset)
{
	return *(const uintptr_t *)(address + (uintptr_t)offset);
}
static inline uint32_t half_at(uintptr_t address, long offset)
{
	return *(const uint32_t *)(address + (uintptr_t)offset);
}
static inline uint16_t quarter_at(uintptr_t address, long offset)
{
	return *(const uint16_t *)(address + (uintptr_t)offset);
}

/* ---- gobject_map.c: addresses to numbers --------------------------------------------------------------------------- */

struct map {
	struct map_slot {
		uintptr_t key; /* 0 free */
		uintptr_t value;
	} * slots;
	uint32_t mask, count;
};
/* False without memory. An old value is replaced. */
bool map_set(struct walk *walk, struct map *map, uintptr_t key, uintptr_t value);
/* NULL when it is not there. */
uintptr_t *map_get(const struct map *map, uintptr_t key);

/* ---- gobject_types.c ------------------------------------------------------------------------------------------------- */

struct gtype {
	uintptr_t id, class; /* GType; class 0: not initialized */
	const char *name;
	struct gtype *parent;
	uint32_t fundamental, number; /* number + 1 */
	uint16_t instance_size, private_size;
	uint32_t scan;	    /* gobject_edges.c: labels of words of its private data */
	struct gtype *same; /* next one with the same size together */
};

/* Reads all types; false: gobject.trouble says what is not as we know it. */
bool types_read(struct walk *walk);
/* By the address of the class; NULL. */
struct gtype *type_of_class(uintptr_t class);
struct gtype *type_by_id(uintptr_t id);
struct gtype *type_by_name(const char *name); /* slow */
enum known { KNOWN_GST_OBJECT, KNOWN_BINDING, KNOWN_TYPES };
/* By a name that is asked for again and again. NULL: there is none in this process. */
struct gtype *known_type(enum known which);
bool type_is_a(const struct gtype *type, const struct gtype *ancestor);
/* The type of a live instance at this address, NULL. It must be readable. */
static inline struct gtype *type_of_instance(uintptr_t instance)
{
	return type_of_class(word_at(instance, 0));
}
/* The instance that fills the piece of memory of so many bytes; 0 none. `rounded`: GSlice rounds up to 16. */
uintptr_t instance_in(uintptr_t start, uint64_t size, bool rounded);
uint32_t type_number(struct walk *walk, struct gtype *type);

/* ---- gobject_slice.c ---------------------------------------------------------------------------------------------------- */

#define SLICE_MOST 1008 /* bytes of the largest slice */
/* Reads the slabs. False: GSlice is there and not as we know it. */
bool slices_read(struct walk *walk);
bool slices_used(void);
/* Live slices, slab by slab. Claims what is free, and the slabs' own heads. */
void slices_each(struct walk *walk, void (*visit)(struct walk *walk, uintptr_t slice, size_t size));
/* The page of slices around the address, 0 none; *size of its slices. */
uintptr_t slice_page(uintptr_t address, size_t *size);
/* A live slice starts here. */
size_t slice_size(uintptr_t address);
/* Bytes of a run of free slices that slices_each() claimed. */
size_t slice_free_run(uintptr_t address);

/* ---- gobject_walk.c ------------------------------------------------------------------------------------------------------ */

/* A piece of memory that GLib allocated, by GSlice or malloc: its size, 0 when none starts here. */
uint64_t piece_at(struct walk *walk, uintptr_t address);
/* Claims an object that lies `back` bytes after the start of its piece. */
bool claim(struct walk *walk, uintptr_t object, size_t back, enum tag tag);
bool gobject_discover(struct walk *walk);
bool gobject_describe(struct walk *walk, uintptr_t object, unsigned tag, struct walk_object *out);
void gobject_state(struct walk *walk);
extern struct found {
	uintptr_t *instances;
	uint32_t count, capacity;
} found;
/* An instance that was found. */
bool is_instance(uintptr_t address);
bool is_closure(uintptr_t address);
void claim_closure(struct walk *walk, uintptr_t closure);
/* Items of the table of qdata, NULL none; *count. */
uintptr_t qdata_of(struct walk *walk, uintptr_t instance, uint32_t *count);

/* ---- gobject_signals.c ----------------------------------------------------------------------------------------------------- */

struct handler {
	uintptr_t address, closure;
	uint32_t next; /* of the same instance, +1 */
};
bool signals_read(struct walk *walk);
/* The first of the instance, NULL; the next one. Ascending by the order of their connection. */
const struct handler *handlers_of(uintptr_t instance);
const struct handler *handler_next(const struct handler *handler);
/* signal["name::detail"]. */
size_t handler_text(const struct handler *handler, char *out, size_t size);

/* ---- gobject_widgets.c ------------------------------------------------------------------------------------------------------- */

void widgets_read(struct walk *walk);
/* Parent of a widget or of a GstObject; 0 none. *slot: where it is written. */
uintptr_t parent_of(uintptr_t instance, uintptr_t *slot);
/* Children, in the order of their addresses; returns how many. */
uint32_t children_of(uintptr_t instance, const uintptr_t **children);

/* ---- gobject_lists.c ------------------------------------------------------------------------------------------------------------ */

/* Is it a GHashTable? Its arrays are blocks of their own. */
bool is_hash_table(struct walk *walk, uintptr_t address);
bool table_is_set(uintptr_t table);
/* The next key from *at on; false: there is none. */
bool table_next(uintptr_t table, uint32_t *at, uintptr_t *key);
bool is_ptr_array(struct walk *walk, uintptr_t address, uint64_t size);
void lists_note(struct walk *walk, uintptr_t piece, uint64_t size, bool slice);
void lists_read(struct walk *walk);
void lists_edges(struct walk *walk, uintptr_t object, unsigned tag);

/* ---- gobject_edges.c ---------------------------------------------------------------------------------------------------------- */

void gobject_edges(struct walk *walk, uintptr_t object, unsigned tag);
/* Who holds what a destroy function goes with: RGD_EDGE_STRONG when it gives a counted reference back. */
enum rgd_edge_kind owned_kind(uintptr_t destroy, uintptr_t target);
/* An edge with a name, when there is an object. */
void named_edge(struct walk *walk, enum rgd_edge_kind kind, enum rgd_label_class class,
		const char *name, size_t length, uint64_t value, uintptr_t target);
/* Texts without stdio, which may lock. */
size_t text_add(char *out, size_t size, size_t used, const char *text);
size_t text_number(char *out, size_t size, size_t used, uint64_t number, unsigned base);

#endif
