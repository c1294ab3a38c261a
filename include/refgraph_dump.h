/*
 * refgraph_dump.h - what librefgraph.so and refgraph have in common: the dump format and the
 * control page. This is the only file that both halves include. It contains layouts and constants, no
 * code. refgraph-dump(5) explains the same in prose, field by field.
 *
 * Version history (RGD_MAJOR.RGD_MINOR)
 *   1.0  first version
 *
 * Rules of change
 *   - A reader of major M reads every minor of M: unknown sections, columns, meta keys, label classes and root
 *     classes are skipped or shown by number. New things get new numbers; numbers are never used again.
 *   - Anything that would make an old reader misunderstand (not merely miss) data is a new major.
 *
 * A dump
 *   file header | chunk | chunk | ... | chunk (table of contents) | tail
 *   All integers are little-endian, whatever the machine. A chunk is a header and a payload: one run of rows
 *   of one column of one section. The table of contents repeats every chunk header with its offset, so that a reader
 *   touches only the columns that a question needs. The tail is written last: a file without it was cut short.
 *   The writer streams: it never seeks back, so a dump may go through a pipe.
 *
 * Objects are numbered 0..n-1 in ascending order of address. Everything else refers to these numbers.
 * Strings are numbered from 0; string 0 is "". "+1" in a column's comment means: 0 is "none", else number + 1.
 */
#ifndef REFGRAPH_DUMP_H
#define REFGRAPH_DUMP_H

#include <stdint.h>

#define RGD_MAJOR 1
#define RGD_MINOR 0

/* The first bytes; chosen like PNG's so that text-mode damage shows at once. */
#define RGD_MAGIC "\x89RGD\r\n\x1a\n"
#define RGD_TAIL_MAGIC "RGDTAIL\n"
#define RGD_CHUNK_MAGIC 0x48434752u /* "RGCH" */

struct rgd_file_header {
	uint8_t magic[8];
	uint16_t major;
	uint16_t minor;
	uint32_t header_size; /* bytes of this struct: 64; a later minor may grow it */
	uint64_t time_ns;     /* wall clock of the snapshot's instant, ns since 1970 */
	uint32_t pid;	      /* as the process sees itself */
	uint32_t serial;      /* number of this snapshot in its process, from 1 */
	uint8_t pointer_size; /* 8 */
	uint8_t byte_order;   /* of the process: 1 little, 2 big */
	uint16_t machine;     /* ELF e_machine of the process */
	uint32_t page_size;
	uint64_t process_key; /* same in all dumps of one process image, different otherwise */
	uint64_t reserved;    /* 0 */
	uint64_t checksum;    /* XXH3_64bits of the 56 bytes before */
};

/* Upper limits. A reader refuses what exceeds them before it allocates anything. */
#define RGD_MAX_CHUNK_RAW (8u << 20)
#define RGD_MAX_TOC_RAW (256u << 20)
#define RGD_MAX_ROWS 0xfffffff0u

/*
 * OBJECTS and EDGES come in groups: every chunk of these sections holds the rows of exactly one group, that is
 * rows [k * RGD_GROUP_ROWS, (k+1) * RGD_GROUP_ROWS) of the section (the last group may be shorter). The
 * columns that have no row for every edge (VALUE, INTERIOR) hold the rows that belong to the edges of their group;
 * the chunk is absent where there are none. So groups can be decoded independently and in parallel.
 * The chunks of a group of EDGES follow one another in the file, LABEL first: that tells to which group a chunk of
 * VALUE or INTERIOR belongs.
 */
#define RGD_GROUP_ROWS (1u << 17)

enum rgd_encoding {
	RGD_ENC_U8 = 1,
	RGD_ENC_U32 = 2,
	RGD_ENC_U64 = 3,
	RGD_ENC_VARINT = 4, /* unsigned LEB128, at most 10 bytes */
	RGD_ENC_DELTA =
		5, /* zigzag LEB128 of row - previous row; the first row of a chunk against 0 */
	RGD_ENC_ASC =
		6, /* LEB128 of row - previous row, never negative; first row of a chunk against 0 */
	RGD_ENC_BYTES = 7,  /* LEB128 length, then the bytes */
	RGD_ENC_TARGET = 8, /* see RGD_EDGE_TARGET */
};

enum rgd_compression {
	RGD_COMP_NONE = 0,
	RGD_COMP_ZSTD = 1, /* one zstd frame with its content size */
};

struct rgd_chunk_header {
	uint32_t magic;
	uint16_t section;
	uint16_t column;
	uint8_t encoding;
	uint8_t compression;
	uint16_t reserved; /* 0 */
	uint32_t rows;
	uint32_t raw_size;	  /* bytes of payload before compression */
	uint32_t stored_size;	  /* bytes of payload in the file */
	uint64_t first_row;	  /* of the section (of the column, for VALUE and INTERIOR) */
	uint64_t checksum;	  /* XXH3_64bits of the stored payload */
	uint64_t header_checksum; /* XXH3_64bits of the 40 bytes before */
};

/* Table of contents: one row per chunk in file order, section RGD_SEC_TOC, column 0, encoding 0: raw structs. */
struct rgd_toc_entry {
	uint64_t offset; /* of the chunk header in the file */
	struct rgd_chunk_header header;
};

struct rgd_tail {
	uint8_t magic[8];
	uint64_t toc_offset; /* of the TOC's chunk header */
	uint64_t file_size;  /* including this tail */
	uint32_t flags;	     /* RGD_TAIL_* */
	uint32_t reserved;
	uint64_t checksum; /* XXH3_64bits of the 32 bytes before */
};

#define RGD_TAIL_PARTIAL                                                                           \
	1u /* a walker failed or a deadline passed; COUNTERS and META "partial" say what is missing */

_Static_assert(sizeof(struct rgd_file_header) == 64, "layout");
_Static_assert(sizeof(struct rgd_chunk_header) == 48, "layout");
_Static_assert(sizeof(struct rgd_toc_entry) == 56, "layout");
_Static_assert(sizeof(struct rgd_tail) == 40, "layout");

enum rgd_section {
	RGD_SEC_TOC = 0,
	RGD_SEC_META = 1,
	RGD_SEC_STRINGS = 2,
	RGD_SEC_TYPES = 3,
	RGD_SEC_LABELS = 4,
	RGD_SEC_OBJECTS = 5,
	RGD_SEC_EDGES = 6,
	RGD_SEC_ROOTS = 7,
	RGD_SEC_FRAMES = 8,
	RGD_SEC_STACKS = 9,
	RGD_SEC_MODULES = 10,
	RGD_SEC_MAPS = 11,
	RGD_SEC_THREADS = 12,
	RGD_SEC_RUNTIMES = 13,
	RGD_SEC_GC = 14,
	RGD_SEC_COUNTERS = 15,
	RGD_SEC_PROPERTIES = 16,
	RGD_SEC_SUMMARY = 17,
	RGD_SEC_EPOCHS = 18,
	RGD_SEC_REGIONS = 19,
	RGD_SEC_EVENTS = 20,
	RGD_SEC_HEAPS = 21,
	RGD_SEC_PAGES = 22,
	RGD_SEC_HOOKS = 23,
	RGD_SEC_POOLS = 24,
	RGD_SEC_SITES = 25,
	RGD_SEC_CALLS = 26,
	RGD_SEC_TRACES = 27, /* reserved: counts of tracked objects over time */
	RGD_SEC_COUNTED = 28,
	RGD_SEC_CALL_REGISTERS = 29,
	RGD_SEC_TLS = 30,
};

/* META: facts about the process and this snapshot. Both columns BYTES. Keys are listed in refgraph-dump(5). */
enum rgd_meta_column { RGD_META_KEY = 0, RGD_META_VALUE = 1 };

enum rgd_strings_column { RGD_STRINGS_TEXT = 0 }; /* BYTES; UTF-8, no NUL */

/* Which runtime an object or type belongs to. */
enum rgd_runtime {
	RGD_RT_NATIVE = 0,
	RGD_RT_CPYTHON = 1,
	RGD_RT_PHP = 2,
	RGD_RT_GOBJECT = 3,
	RGD_RT_REFHOOK = 4,
	RGD_RT_COUNT_MAX = 16,
};

/* TYPES. Type 0 is the untyped native block. */
enum rgd_types_column {
	RGD_TYPE_NAME = 0, /* VARINT string: short name, e.g. "dict" */
	RGD_TYPE_MODULE =
		1, /* VARINT string: e.g. "builtins"; long name = module.name; "" = none */
	RGD_TYPE_RUNTIME = 2,	 /* U8 enum rgd_runtime */
	RGD_TYPE_FLAGS = 3,	 /* VARINT RGD_TYPE_F_* */
	RGD_TYPE_BASIC_SIZE = 4, /* VARINT bytes of a bare instance, 0 unknown */
	RGD_TYPE_OBJECT = 5,	 /* VARINT +1: the object that is this type */
	RGD_TYPE_BASE = 6,	 /* VARINT +1: type this one derives from */
};
#define RGD_TYPE_F_INTERNAL                                                                        \
	1u /* storage of another object: list items, dict keys, a thread's frames */
#define RGD_TYPE_F_FINALIZER 2u	  /* instances have __del__ (or a destructor the runtime runs) */
#define RGD_TYPE_F_HEAP 4u	  /* created at run time */
#define RGD_TYPE_F_GC 8u	  /* instances take part in cycle collection */
#define RGD_TYPE_F_LEGACY_DEL 16u /* instances have tp_del: uncollectable in a cycle */
#define RGD_TYPE_F_IS_TYPE 32u	  /* instances are types themselves (metaclass) */
#define RGD_TYPE_F_IS_MODULE 64u  /* instances are modules */
#define RGD_TYPE_F_GUESS 128u	  /* inferred, not known */
#define RGD_TYPE_F_RTTI 256u /* a C++ class: NAME is mangled, as std::type_info::name() tells it */
#define RGD_TYPE_F_VTABLE                                                                          \
	512u /* a C++ class perhaps: its vtable lies at BASIC_SIZE from the base of the file MODULE */
#define RGD_TYPE_F_REUSED                                                                          \
	1024u /* an instance may be of memory from a free list: stack and epoch may be an older object's */

/*
 * LABELS: what an edge is, once per distinct (kind, class, flags, string). An edge's LABEL column refers here.
 * A label whose class carries a value takes one row of RGD_EDGE_VALUE per edge.
 */
enum rgd_labels_column {
	RGD_LABEL_KIND = 0,   /* U8 enum rgd_edge_kind */
	RGD_LABEL_CLASS = 1,  /* U8 enum rgd_label_class */
	RGD_LABEL_FLAGS = 2,  /* U8 RGD_LABEL_F_* */
	RGD_LABEL_STRING = 3, /* VARINT string */
};

enum rgd_edge_kind {
	RGD_EDGE_STRONG = 0,	   /* owned: counted in the target's refcount */
	RGD_EDGE_WEAK = 1,	   /* does not keep the target alive */
	RGD_EDGE_INTERNAL = 2,	   /* the target is the source's own storage */
	RGD_EDGE_CONSERVATIVE = 3, /* a word that looks like a pointer */
	RGD_EDGE_BORROWED = 4,	   /* known pointer that is not counted */
};

enum rgd_label_class {
	RGD_LABEL_NONE = 0,
	RGD_LABEL_ATTRIBUTE = 1, /* string: name. instance attribute, slot, member, module global */
	RGD_LABEL_KEY = 2,	 /* string: an identifier-like str key; shown ['name'] */
	RGD_LABEL_INDEX = 3,	 /* value: index; shown [17] */
	RGD_LABEL_NEXT =
		4, /* index = that of the previous edge of this object + 1 (0 when it is the first) */
	RGD_LABEL_KEY_OBJECT = 5, /* value: number of the object that is the key */
	RGD_LABEL_IS_KEY = 6,	  /* the target is a key of the source mapping */
	RGD_LABEL_MEMBER = 7,	  /* the target is a member of the source set */
	RGD_LABEL_LOCAL = 8, /* string: name of a local variable of the source frame or generator */
	RGD_LABEL_CELL = 9,  /* string: name of the free variable, source is a closure */
	RGD_LABEL_PART =
		10, /* string: a structural part: __dict__, __class__, __code__, __self__, ... */
	RGD_LABEL_OFFSET = 11, /* value: byte offset in the source, divided by 8 */
	RGD_LABEL_STACK = 12,  /* value: index on a frame's evaluation stack */
	RGD_LABEL_KEY_INT =
		13, /* value: zigzag of a small int key; shown [17]; only with values enabled */
	RGD_LABEL_KEY_TEXT = 14, /* string: repr of a key; only with values enabled */
};
/* Classes with a row in RGD_EDGE_VALUE. */
#define RGD_LABEL_HAS_VALUE(c)                                                                     \
	((c) == RGD_LABEL_INDEX || (c) == RGD_LABEL_KEY_OBJECT || (c) == RGD_LABEL_OFFSET ||       \
	 (c) == RGD_LABEL_STACK || (c) == RGD_LABEL_KEY_INT)

#define RGD_LABEL_F_TRAVERSED                                                                      \
	1u /* the runtime's own collector sees this reference (gc.get_referents) */
#define RGD_LABEL_F_INTERIOR                                                                       \
	2u /* edge points inside the target: takes one row of RGD_EDGE_INTERIOR */
/* Of interior edges whose offset is in the block's words (class OFFSET), and of roots: memcheck's heuristics say that the pointer stands
 * for one to the start. */
#define RGD_LABEL_F_STDSTRING 4u /* the characters of a string behind its length, capacity, count */
#define RGD_LABEL_F_LENGTH64 8u	 /* what follows a word that holds its length */
#define RGD_LABEL_F_NEWARRAY 16u /* what follows the number of elements */
#define RGD_LABEL_F_INHERITANCE 32u /* a base class that is not the first */
#define RGD_LABEL_F_GCHEAD 64u	    /* what follows the head of CPython's collector */
#define RGD_LABEL_F_PHPTABLE 128u   /* the elements of a table of PHP's, behind its hash */

/* OBJECTS, ascending by address, in groups. */
enum rgd_objects_column {
	RGD_OBJ_ADDRESS = 0,  /* ASC */
	RGD_OBJ_TYPE = 1,     /* VARINT */
	RGD_OBJ_SIZE = 2,     /* VARINT bytes: requested size of the block, or the runtime's size */
	RGD_OBJ_REFCOUNT = 3, /* VARINT; 0 where the object has none */
	RGD_OBJ_FLAGS = 4,    /* VARINT RGD_OBJ_F_* */
	RGD_OBJ_EPOCH = 5,    /* VARINT epoch of birth; 0 = before tracking began */
	RGD_OBJ_STACK = 6,    /* VARINT +1: allocation stack */
	RGD_OBJ_DEGREE = 7,   /* VARINT number of out-edges */
	RGD_OBJ_BASE = 8, /* VARINT address - start of the block that holds it (a GC header: 16) */
};
#define RGD_OBJ_F_RUNTIME_MASK 0xfu  /* enum rgd_runtime */
#define RGD_OBJ_F_TRACKED 0x10u	     /* in the collector's lists: objgraph's universe */
#define RGD_OBJ_F_GENERATION_SHIFT 5 /* two bits: 0 1 2, 3 = permanent */
#define RGD_OBJ_F_GENERATION_MASK 0x60u
#define RGD_OBJ_F_BLOCK 0x80u /* lies in a block of a tracked allocator */
#define RGD_OBJ_F_IMMORTAL 0x100u
#define RGD_OBJ_F_FINALIZED 0x200u  /* its finalizer ran */
#define RGD_OBJ_F_INTERNAL 0x400u   /* storage of another object */
#define RGD_OBJ_F_STATIC 0x800u	    /* inside a module's data */
#define RGD_OBJ_F_INSPECTED 0x1000u /* a walker described it (else: a bare block) */
/*
 * The block is one of a Poisson sample over bytes: blocks of s bytes are in it with p = 1 - exp(-s / META "sample"), so it
 * stands for 1 / p of them. Others that lived at the time are not in the dump.
 */
#define RGD_OBJ_F_SAMPLED 0x2000u
/* Its full stack was drawn with probability 1 / META "share" from the allocations of its innermost frame; the stacks of others
 * from there have that frame alone, except for the first ones, which have neither this flag nor a single frame. */
#define RGD_OBJ_F_SHARE 0x4000u
/*
 * PHP: in the collector's buffer of possible roots, where its next run begins. TRACKED are there the arrays, objects and references that
 * the collector follows (not GC_NOT_COLLECTABLE); edges are TRAVERSED that get_gc, an array or a reference shows it.
 */
#define RGD_OBJ_F_BUFFERED 0x8000u

/*
 * EDGES, in order of their source object (RGD_OBJ_DEGREE of each), in groups.
 * TARGET is coded against a prediction, because neighbouring objects of a type refer to neighbours:
 *   slot = (label + (class is RGD_LABEL_OFFSET ? value : 0)) mod RGD_PREDICT_SLOTS
 *   coded = zigzag(target - last[slot]);  last[slot] = target;  last[] is 0 at the start of a group.
 * "label" is the number in LABELS. Differences are taken modulo 2^32 as int32_t.
 */
#define RGD_PREDICT_SLOTS 4096u
enum rgd_edges_column {
	RGD_EDGE_LABEL = 0,  /* VARINT */
	RGD_EDGE_VALUE = 1,  /* VARINT; only edges whose label class has a value */
	RGD_EDGE_TARGET = 2, /* TARGET */
	RGD_EDGE_INTERIOR =
		3, /* VARINT byte offset into the target; only edges whose label is RGD_LABEL_F_INTERIOR */
};

/* ROOTS: where reachability starts. One row per reference. All VARINT unless said. */
enum rgd_roots_column {
	RGD_ROOT_CLASS = 0, /* U8 enum rgd_root_class */
	RGD_ROOT_KIND = 1,  /* U8 enum rgd_edge_kind */
	RGD_ROOT_LABEL =
		2, /* string: "sys.modules", a local's name, ...; "" = derive from owner and value */
	RGD_ROOT_OWNER =
		3, /* +1: module (GLOBAL, TLS of a module), thread (STACK, REGISTER, TLS, LOCAL) */
	RGD_ROOT_VALUE =
		4, /* GLOBAL: offset from the module's base; STACK: address; REGISTER: DWARF number */
	RGD_ROOT_TARGET = 5,   /* object */
	RGD_ROOT_INTERIOR = 6, /* byte offset into the target */
	RGD_ROOT_CONTEXT = 7,  /* string: e.g. "handler() app.py:31" for a LOCAL; else "" */
	RGD_ROOT_FLAGS = 8,    /* RGD_LABEL_F_STDSTRING and those that follow it */
};
enum rgd_root_class {
	RGD_ROOT_GLOBAL = 1, /* writable data of a module */
	RGD_ROOT_STACK = 2,
	RGD_ROOT_REGISTER = 3,
	RGD_ROOT_TLS = 4,
	RGD_ROOT_RUNTIME = 5, /* an interpreter's own table */
	RGD_ROOT_LOCAL = 6,   /* local of an executing frame of a runtime */
	RGD_ROOT_MODULE =
		7, /* a runtime's module: target is in sys.modules; label = its name there */
	RGD_ROOT_REGION = 8, /* memory that the program mapped itself */
	RGD_ROOT_ANNOTATED = 9,
	RGD_ROOT_PINNED = 10, /* alive by design: static type, immortal, interned */
};

/* FRAMES: one row per distinct code place. */
enum rgd_frames_column {
	RGD_FRAME_KIND = 0,   /* U8 enum rgd_frame_kind */
	RGD_FRAME_MODULE = 1, /* VARINT +1 module (NATIVE) */
	RGD_FRAME_OFFSET =
		2, /* VARINT NATIVE: return address - module base, or the address when module is 0 */
	RGD_FRAME_FUNCTION = 3, /* VARINT string (runtime frames) */
	RGD_FRAME_FILE = 4,
	/* VARINT string (runtime frames) */ RGD_FRAME_LINE = 5, /* VARINT, 0 unknown */
	/* VARINT whole stacks that hybrid took of allocations from here (absent in older dumps): META "first" of them at once, then one of
	 * META "share" allocations */
	RGD_FRAME_TAKEN = 6,
};
enum rgd_frame_kind {
	RGD_FRAME_NATIVE = 0,
	RGD_FRAME_PYTHON = 1,
	RGD_FRAME_PHP = 2,
	RGD_FRAME_UNKNOWN = 3, /* the walk ended here for a reason: FUNCTION names it */
};

/* STACKS: a trie; a stack is the path from its row to the outermost frame. */
enum rgd_stacks_column {
	RGD_STACK_PARENT = 0, /* VARINT +1: the caller's stack, always a smaller number */
	RGD_STACK_FRAME = 1,  /* VARINT frame */
};

enum rgd_modules_column {
	RGD_MODULE_PATH = 0,	 /* VARINT string */
	RGD_MODULE_BUILD_ID = 1, /* VARINT string: lower-case hex, "" none */
	RGD_MODULE_BASE = 2,	 /* U64 load bias */
	RGD_MODULE_LOW = 3,	 /* U64 first mapped address */
	RGD_MODULE_HIGH = 4,	 /* U64 end */
	RGD_MODULE_LOADED = 5,	 /* VARINT epoch */
	RGD_MODULE_UNLOADED = 6, /* VARINT +1 epoch; 0 = still there */
};

enum rgd_maps_column {
	RGD_MAP_START = 0,  /* U64 */
	RGD_MAP_END = 1,    /* U64 */
	RGD_MAP_PERMS = 2,  /* VARINT string "rw-p" */
	RGD_MAP_PATH = 3,   /* VARINT string */
	RGD_MAP_OFFSET = 4, /* VARINT */
	RGD_MAP_RSS = 5, /* VARINT bytes, of the parent at the snapshot (as the child sees them) */
	RGD_MAP_PSS = 6,
	RGD_MAP_PRIVATE_DIRTY = 7,
	RGD_MAP_ANONYMOUS = 8,
	RGD_MAP_SWAP = 9,
};

enum rgd_threads_column {
	RGD_THREAD_TID = 0,	   /* VARINT */
	RGD_THREAD_NAME = 1,	   /* VARINT string */
	RGD_THREAD_STACK_LOW = 2,  /* U64 */
	RGD_THREAD_STACK_HIGH = 3, /* U64 */
	RGD_THREAD_SP = 4,	   /* U64 at the snapshot, 0 unknown */
	RGD_THREAD_STATE = 5,	   /* VARINT enum rgd_thread_state */
};
enum rgd_thread_state {
	RGD_THREAD_PARKED = 0,
	RGD_THREAD_BLOCKED = 1,
	RGD_THREAD_HELPER = 2,
	RGD_THREAD_MISSED = 3
};

/*
 * CALLS: native frames of the threads, as they stood; those of one thread follow one another, innermost first. With them a word
 * of a stack has a function, and by debug information a variable.
 */
enum rgd_calls_column {
	RGD_CALL_THREAD = 0, /* VARINT row of THREADS */
	RGD_CALL_MODULE = 1, /* VARINT +1 */
	RGD_CALL_OFFSET =
		2,	 /* VARINT return address - module base, or the address when module is 0 */
	RGD_CALL_SP = 3, /* U64 stack pointer in the frame */
	RGD_CALL_CFA =
		4, /* U64 canonical frame address: where the caller's frame begins; 0 unknown */
	RGD_CALL_FLAGS = 5, /* VARINT RGD_CALL_F_* */
};
#define RGD_CALL_F_EXACT                                                                           \
	1u /* OFFSET is of the instruction itself, which was interrupted: no return address */
#define RGD_CALL_F_LAST 2u /* the outermost frame of the stack */
#define RGD_CALL_F_CUT 4u  /* there are more, and they cannot be told */

/* CALL_REGISTERS: where a frame's registers were at that moment; of each frame those whose place is known. */
enum rgd_call_registers_column {
	RGD_CALLREG_CALL = 0,	/* VARINT row of CALLS; ascending */
	RGD_CALLREG_NUMBER = 1, /* U8 DWARF number */
	RGD_CALLREG_SLOT =
		2, /* U64 address where a deeper frame saved it; 0: in the register itself */
	RGD_CALLREG_VALUE =
		3, /* U64 what was in it, when that is an address in the thread's own stack; else 0 */
};

/* TLS: where threads have the thread-local variables of modules. */
enum rgd_tls_column {
	RGD_TLS_THREAD = 0,  /* VARINT row of THREADS; ascending */
	RGD_TLS_MODULE = 1,  /* VARINT module */
	RGD_TLS_ADDRESS = 2, /* U64 */
	RGD_TLS_SIZE = 3,    /* VARINT */
};

enum rgd_runtimes_column {
	RGD_RUNTIME_ID = 0,	 /* U8 enum rgd_runtime */
	RGD_RUNTIME_VERSION = 1, /* VARINT string "3.11.7" */
	RGD_RUNTIME_STATE = 2,	 /* U8 enum rgd_runtime_state */
	RGD_RUNTIME_NOTE = 3,	 /* VARINT string: why refused or what is missing */
};
enum rgd_runtime_state {
	RGD_RUNTIME_OK = 0,
	RGD_RUNTIME_REFUSED = 1,
	RGD_RUNTIME_FAILED = 2,
	RGD_RUNTIME_BUSY = 3
};

/* GC: the collectors' own numbers as (runtime, name, index, value), e.g. (CPYTHON, "threshold", 0, 700). */
enum rgd_gc_column {
	RGD_GC_RUNTIME = 0 /* U8 */,
	RGD_GC_NAME = 1 /* VARINT string */,
	RGD_GC_INDEX = 2,
	RGD_GC_VALUE = 3
};

/* COUNTERS: what was counted and what was lost. Names that begin with "lost." are losses. */
enum rgd_counters_column {
	RGD_COUNTER_NAME = 0 /* VARINT string */,
	RGD_COUNTER_VALUE = 1 /* VARINT */
};
/* There when hooks follow only one object in so many (REFGRAPH_TRACK_OBJECTS): its number. */
#define RGD_COUNTER_HOOKS_EVERY "hooks.objects.every"

/* PROPERTIES: sparse facts about objects, sorted by object. */
enum rgd_properties_column {
	RGD_PROP_OBJECT = 0, /* ASC object */
	RGD_PROP_KEY = 1,    /* U8 enum rgd_property */
	RGD_PROP_VALUE = 2,  /* VARINT string or number by key */
};
enum rgd_property {
	RGD_PROP_NAME =
		1, /* string: __name__ of a function, class, module, builtin; qualified where known */
	RGD_PROP_FILE = 2,   /* string: of a code object, frame, function */
	RGD_PROP_LINE = 3,   /* number */
	RGD_PROP_LENGTH = 4, /* number of items */
	RGD_PROP_REPR = 5,   /* string: short representation; only with values enabled */
	RGD_PROP_STATE = 6,  /* string: running, suspended, closed, ... (generators, fibers) */
	RGD_PROP_QUALNAME = 7,
	RGD_PROP_HANDLE = 8,	  /* number: spl_object_id() of PHP */
	RGD_PROP_GC_COLOUR = 9,	  /* string: of what waits in the buffer of PHP's collector */
	RGD_PROP_GC_ADDRESS = 10, /* number: its place there */
	RGD_PROP_CODE = 12,	  /* number: address of the function that a closure calls */
	RGD_PROP_POOL = 11,	  /* number: row of POOLS; the object is a block of this pool */
};

/* SUMMARY: live objects by (type, allocation stack, tracked or not). Enough for counts, growth and fleets. */
enum rgd_summary_column {
	RGD_SUM_TYPE = 0,  /* VARINT */
	RGD_SUM_STACK = 1, /* VARINT +1 */
	RGD_SUM_TRACKED =
		2, /* U8: 1 = in the collector's lists, 3 = in its permanent one, 2 = internal
				storage, 0 = else */
	RGD_SUM_COUNT = 3, /* VARINT */
	RGD_SUM_BYTES = 4, /* VARINT */
};

enum rgd_epochs_column {
	RGD_EPOCH_NUMBER = 0, /* ASC */
	RGD_EPOCH_TIME = 1,   /* U64 ns since 1970 */
	RGD_EPOCH_KIND = 2,   /* U8: 0 start, 1 mark, 2 snapshot, 3 fork, 4 another mode */
	RGD_EPOCH_LABEL = 3,  /* VARINT string */
};

#define RGD_EPOCH_TRACKING 4u /* the label names the mode: "stacks hybrid" */

enum rgd_regions_column {
	RGD_REGION_ADDRESS = 0, /* U64 */
	RGD_REGION_SIZE = 1,	/* VARINT */
	RGD_REGION_STACK = 2,	/* VARINT +1 */
	RGD_REGION_EPOCH = 3,	/* VARINT */
	RGD_REGION_KIND = 4,	/* U8 enum rgd_region_kind */
};
enum rgd_region_kind {
	RGD_REGION_MMAP = 0,   /* by the program itself */
	RGD_REGION_ARENA = 1,  /* of pymalloc */
	RGD_REGION_FIBER = 2,  /* the C stack of one of PHP's fibers */
	RGD_REGION_ZENDMM = 3, /* a chunk of ZendMM (PHP), or a huge block of it */
};

/*
 * HEAPS: what allocators keep, as their own heads of chunks and pools tell. All VARINT unless said; bytes include the heads of
 * chunks unless said. Other allocators get other kinds.
 */
enum rgd_heaps_column {
	RGD_HEAP_KIND = 0,	  /* U8 enum rgd_heap_kind */
	RGD_HEAP_ADDRESS = 1,	  /* U64; 0 for RGD_HEAP_MAPPED */
	RGD_HEAP_SIZE = 2,	  /* bytes of address space */
	RGD_HEAP_USED_BLOCKS = 3, /* live blocks */
	RGD_HEAP_USED = 4,	  /* their chunks */
	RGD_HEAP_REQUESTED = 5,	  /* what was asked for, without headers and rounding */
	RGD_HEAP_FREE_CHUNKS = 6, /* in bins: between live blocks */
	RGD_HEAP_FREE = 7,
	RGD_HEAP_KEPT_CHUNKS = 8, /* kept for requests of their size, or allocated around us */
	RGD_HEAP_KEPT = 9,
	RGD_HEAP_TOP = 10,	    /* at the end: what the allocator may return */
	RGD_HEAP_TOP_RESIDENT = 11, /* +1: bytes of it in memory */
};
enum rgd_heap_kind {
	RGD_HEAP_MAIN = 1,   /* [heap] */
	RGD_HEAP_THREAD = 2, /* a heap of another arena */
	RGD_HEAP_MAPPED = 3, /* all chunks that are mappings of their own */
	RGD_HEAP_ARENA = 4,  /* of pymalloc: KEPT are its free pools, TOP was never used */
	RGD_HEAP_CLASS = 5,  /* all pools of pymalloc for blocks of ADDRESS bytes */
	/* of ZendMM (PHP) */
	RGD_HEAP_CHUNK =
		6, /* FREE are slots between live ones, KEPT pages whose slots are all free, TOP free pages */
	RGD_HEAP_BIN = 7,    /* all pages that are cut into slots of ADDRESS bytes */
	RGD_HEAP_HUGE = 8,   /* one block that is a mapping of its own */
	RGD_HEAP_CACHED = 9, /* a chunk in which nothing lives, kept for the next request */
};

/*
 * POOLS: memory that the program hands out itself (refgraph.h), or a library whose pools are known. Their blocks are objects with
 * RGD_PROP_POOL. What holds blocks, a block of malloc or a mapping, is then no object: HELD counts it, once, for the pool whose block
 * was seen first in it. All VARINT unless said.
 */
enum rgd_pools_column {
	RGD_POOL_KIND = 0,    /* U8 enum rgd_pool_kind */
	RGD_POOL_ADDRESS = 1, /* U64 what the pool is known by */
	RGD_POOL_NAME = 2,    /* string */
	RGD_POOL_PARENT = 3,  /* +1: pool */
	RGD_POOL_STACK = 4,   /* +1: where it was created */
	RGD_POOL_EPOCH = 5,
	RGD_POOL_BLOCKS = 6, /* live */
	RGD_POOL_BYTES = 7,
	RGD_POOL_PIECES = 8, /* superblocks */
	RGD_POOL_HELD = 9,   /* their bytes */
};
enum rgd_pool_kind {
	RGD_POOL_ANNOTATED = 1,
	RGD_POOL_APR = 2,
	RGD_POOL_TALLOC = 3,
	RGD_POOL_OBSTACK = 4,
};

/*
 * SITES: what was allocated from each place by malloc and its family since the start, where the process counts (META "peaks"). A place is the
 * innermost frame of a stack. All VARINT. Freed in a later epoch than the next: MADE - BLOCKS - GONE_0 - GONE_1.
 */
enum rgd_sites_column {
	RGD_SITE_FRAME = 0, /* frame */
	RGD_SITE_MADE = 1,
	RGD_SITE_MADE_BYTES = 2,
	RGD_SITE_BLOCKS = 3, /* live */
	RGD_SITE_BYTES = 4,
	RGD_SITE_PEAK_BLOCKS = 5, /* at most, at any one time */
	RGD_SITE_PEAK_BYTES = 6,
	RGD_SITE_AT_BLOCKS = 7, /* when the whole process had most bytes (COUNTERS "peak.bytes") */
	RGD_SITE_AT_BYTES = 8,
	RGD_SITE_TEMPORARY = 9, /* freed by what their thread asked for next */
	RGD_SITE_GONE_0 = 10,	/* freed in the epoch of their birth */
	RGD_SITE_GONE_1 = 11,	/* in the next one */
};

/*
 * PAGES: resident anonymous pages of a process that was forked, as runs, ascending. Read in the program just before the clone
 * of the walker. The section is absent in other processes, and where /proc/self/pagemap could not be read.
 */
enum rgd_pages_column {
	RGD_PAGES_ADDRESS = 0, /* ASC */
	RGD_PAGES_COUNT = 1,   /* VARINT pages of page_size bytes */
	RGD_PAGES_STATE = 2,   /* U8 enum rgd_pages_state */
};
enum rgd_pages_state {
	RGD_PAGES_PRIVATE = 1, /* nobody else has it mapped */
	RGD_PAGES_SHARED = 2,  /* somebody has: the parent, or another child of it */
	RGD_PAGES_SHIM = 3,    /* the shim's own memory */
};

/*
 * HOOKS: the functions of the rules that were found in the process, and how each is hooked. All VARINT unless said.
 */
enum rgd_hooks_column {
	RGD_HOOK_NAME = 0,   /* string: the function */
	RGD_HOOK_MODULE = 1, /* +1 module */
	RGD_HOOK_OFFSET = 2, /* function - module base */
	RGD_HOOK_FAMILY = 3, /* string: the rules' family, "gobject" */
	RGD_HOOK_TYPE = 4,   /* string: the rule's type, "GObject" */
	RGD_HOOK_ROLE = 5,   /* U8 enum rgd_event_kind */
	RGD_HOOK_WAY = 6,    /* U8 enum rgd_hook_way */
	RGD_HOOK_WHY = 7,    /* string: why it is not hooked at its entry, "" */
	RGD_HOOK_CALLS = 8,  /* that were seen, in all threads; those of other objects too */
};
enum rgd_hook_way {
	RGD_HOOK_NOT = 0,
	RGD_HOOK_ENTRY = 1, /* its first instructions are patched: every call is seen */
	RGD_HOOK_GOT =
		2, /* the tables of imports: calls inside its own module are not seen, nor by pointer */
};

/*
 * COUNTED: what is known of objects that count their references: a row for each that lives (and, on request, for those that ended
 * last), and a row for each way of living of those that ended. Its events are the next `events` rows of EVENTS, so both are read
 * together. All VARINT unless said.
 */
enum rgd_counted_column {
	RGD_COUNTED_STATE = 0, /* U8 enum rgd_counted_state */
	RGD_COUNTED_ADDRESS =
		1, /* U64: where it lies or lay (or its number, of objects without memory); of lives 0 */
	RGD_COUNTED_OBJECT = 2,	 /* +1 object: of those that live, when they lie in one */
	RGD_COUNTED_TYPE = 3,	 /* type */
	RGD_COUNTED_OBJECTS = 4, /* how many lived so; else 1 */
	RGD_COUNTED_COUNT = 5,	 /* +1: references after the last event; 0 unknown */
	RGD_COUNTED_MEMORY =
		6, /* +1: references as the object itself says at the snapshot; 0 unknown */
	RGD_COUNTED_EVENTS = 7, /* rows of EVENTS */
	RGD_COUNTED_LOST = 8,	/* events that are not among them */
	RGD_COUNTED_EPOCH = 9,	/* of its first event */
	RGD_COUNTED_FLAGS = 10, /* RGD_COUNTED_F_* */
};
enum rgd_counted_state {
	RGD_COUNTED_ALIVE = 0,
	RGD_COUNTED_ENDED = 1, /* a tombstone */
	RGD_COUNTED_LIFE =
		2, /* `objects` of this type ended after exactly these events, in some order */
	RGD_COUNTED_REST = 3, /* the sums of lives that have no row of their own */
};
#define RGD_COUNTED_F_BEFORE                                                                       \
	1u /* nobody saw it begin: it was there before its functions were hooked */
#define RGD_COUNTED_F_THREADS 2u /* more than one thread had to do with it */
#define RGD_COUNTED_F_NO_BLOCK                                                                     \
	4u /* no live block is there: it ended by a way that no rule names, or is no memory of malloc's */
#define RGD_COUNTED_F_ID 8u /* it is a number (an XID, a descriptor), no address */
#define RGD_COUNTED_F_KNOWN                                                                        \
	16u /* such a number stands in a live block, a variable or on a stack that is not its library's: who has it can end it */

/* EVENTS: what happened to them, in order. All VARINT unless said. */
enum rgd_events_column {
	RGD_EVENT_KIND = 0,   /* U8 enum rgd_event_kind */
	RGD_EVENT_FLAGS = 1,  /* U8 RGD_EVENT_F_* */
	RGD_EVENT_HOOK = 2,   /* +1: row of HOOKS */
	RGD_EVENT_STACK = 3,  /* +1 */
	RGD_EVENT_THREAD = 4, /* tid, 0 unknown */
	RGD_EVENT_BEFORE = 5, /* +1: references before it; 0 unknown */
	RGD_EVENT_AFTER = 6,  /* +1: and after it */
	RGD_EVENT_TIMES = 7,  /* 1; more in rows that stand for many (FOLDED, and of lives) */
};
enum rgd_event_kind {
	RGD_EVENT_CREATE = 1,  /* begins, with a reference (or what its count says) */
	RGD_EVENT_DESTROY = 2, /* ends */
	RGD_EVENT_REF = 3,
	RGD_EVENT_UNREF = 4,
	RGD_EVENT_SINK =
		5, /* the reference that it was born with belongs to this caller from now on */
	RGD_EVENT_FLOATS = 6,
	RGD_EVENT_DEFER = 7,   /* an unref that somebody else carries out later */
	RGD_EVENT_ACQUIRE = 8, /* a reference that the function returns */
	RGD_EVENT_UNSEEN =
		9, /* the count is another than after the last event: macros, inlined code, GOT */
};
#define RGD_EVENT_F_FOLDED                                                                         \
	1u /* the sum of `times` events that came before all rows without this flag, in unknown order */
#define RGD_EVENT_F_DRAIN 2u /* an unref that a DEFER announced: it is that caller's */
#define RGD_EVENT_F_ENDED                                                                          \
	4u /* the object had ended: a reference after free, or an unref too many */
#define RGD_EVENT_F_INLINE                                                                         \
	8u /* with ENDED: code that was inlined did it, and nobody saw where; the stack is that of the object's end */

/*
 * The control page
 *
 * Each process under the shim has one file, RGC_DIR/<pid>-<start time>, mode 0600 in a 0700 directory that belongs to its
 * user. Both sides map it shared; no descriptor stays open in the program. The tool writes a request and wakes the
 * helper thread by a futex on request_serial; the shim answers, sets answer_serial and wakes that. A client holds
 * the page by flock(2) on the file: one request at a time. An entry is stale when no process has that pid and start time
 * in the pid namespace that the page names. Strings are NUL-terminated UTF-8.
 */
#define RGC_DIR                                                                                    \
	"/dev/shm/refgraph-%u" /* uid; "/tmp/refgraph-%u" where /dev/shm cannot be written */
#define RGC_DIR_FALLBACK "/tmp/refgraph-%u"
#define RGC_MAGIC 0x31304c5254434752ull /* "RGCTRL01" */
#define RGC_VERSION 1u

enum rgc_state {
	RGC_STARTING = 0,
	RGC_READY = 1,
	RGC_NO_HELPER = 2,
	RGC_SANDBOXED = 3,
	RGC_EXITING = 4,
	RGC_OFF = 5
};
enum rgc_command {
	RGC_NONE = 0,
	RGC_SNAPSHOT = 1,
	RGC_MARK = 2,
	RGC_STAT = 3,
	RGC_TRACK = 4, /* label: the mode that shall be in force */
};

struct rgd_control {
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of this struct */
	uint32_t pid;  /* in the process's own pid namespace */
	uint32_t parent_pid;
	uint64_t start_time;	/* field 22 of /proc/self/stat */
	uint64_t pid_namespace; /* inode of /proc/self/ns/pid, 0 unknown */
	uint64_t process_key;
	char program[256]; /* path of the executable */
	uint32_t state;	   /* atomic, enum rgc_state */
	uint32_t helper_tid;
	/* refreshed by RGC_STAT and by every snapshot */
	uint64_t live_objects;
	uint64_t live_bytes;
	uint64_t epoch;
	uint64_t snapshots;
	uint64_t
		tracking; /* number of the mode in force + 1: none caller sampled hybrid exact; 0 unknown */
	uint64_t reserved[7];
	/* request: written by the client while it holds the lock */
	uint32_t request_serial; /* atomic futex word: increments */
	uint32_t command;	 /* enum rgc_command */
	uint32_t deadline_ms;	 /* 0 = the shim's default */
	uint32_t request_flags;	 /* 0 */
	char path[1024];	 /* dump file to make; "" = the shim's own name scheme */
	char label[256];
	/* answer: written by the shim */
	uint32_t answer_serial; /* atomic futex word: set to request_serial when done */
	int32_t status;		/* 0 or a positive errno */
	char message[512];	/* one line: what went wrong and what to do */
	char answer_path[1024]; /* the dump that was written */
	uint64_t pause_ns;	/* other threads parked or the interpreter's lock held */
	uint64_t total_ns;
	uint64_t objects;
	uint64_t edges;
	uint64_t bytes_written;
	uint32_t partial;  /* 1 = the dump is marked partial */
	uint32_t progress; /* parts per thousand, while walking */
};
_Static_assert(sizeof(struct rgd_control) <= 8192, "two pages");

#endif
