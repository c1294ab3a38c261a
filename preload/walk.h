/*
 * walk.h - what the files of the walker share: walk.c (phases), walk_index.c, walk_objects.c (objects, edges), intern.c (strings, types, labels,
 * stacks), memory_map.c (what is mapped and readable), roots.c (where reachability starts), facts.c (everything about the
 * process that is not an object). Only snapshot.c includes it besides.
 *
 * The walker is a copy-on-write child with one thread. It may read all of the program's memory as it was at the
 * clone, and must not use any libc function that locks or allocates.
 */
#ifndef REFGRAPH_WALK_H
#define REFGRAPH_WALK_H

#include "adapters/adapter.h"
#include "nodes.h"
#include "shim.h"
#include "writer.h"

/* Where the walker is; the parent names it when the walker dies. */
enum walk_phase {
	WALK_START,
	WALK_BLOCKS,
	WALK_DISCOVER,
	WALK_NUMBER,
	WALK_OBJECTS,
	WALK_ROOTS,
	WALK_FACTS,
	WALK_FINISH,
	WALK_DONE,
	WALK_PHASES
};
extern const char *const walk_phase_names[WALK_PHASES];

/* Of the parent, right after the clone. One that is not to be used is killed instead: it has made no file yet. */
enum walk_verdict {
	VERDICT_NONE,
	VERDICT_WHOLE, /* nobody moved between the look at the threads and the clone */
	VERDICT_TORN,  /* somebody did, each time: better such a dump, marked, than none */
	VERDICT_PROBE, /* somebody did; this copy is only to find out whether wake.c works here */
};

enum walk_probe { PROBE_UNKNOWN, PROBE_WORKS, PROBE_FAILS };

/* Shared between parent and walker; the walker writes, the parent reads after it is gone (progress: at any time). */
struct walk_page {
	/* atomic, all of these */
	uint32_t done;	   /* futex word: 1 when the result below is final */
	uint32_t verdict;  /* futex word, by the parent: enum walk_verdict */
	uint32_t probed;   /* futex word, after VERDICT_PROBE: enum walk_probe */
	uint32_t phase;	   /* enum walk_phase */
	uint32_t adapter;  /* +1: index in adapters[] of the one that is at work */
	uint32_t progress; /* parts per thousand */
	uint64_t address;  /* of the object that is being read */
	/* plain */
	uint64_t crash_pc,
		crash_address; /* of a crash; pc counts from the start of librefgraph.so */
	int status;	       /* 0 or errno */
	bool partial;
	uint64_t objects, edges, bytes;
	uint32_t serial;	/* that the name got */
	char path[1200];	/* the final name */
	char temporary[1280];	/* "" when no file was made */
	char partial_note[256]; /* what is missing; "" when whole */
};

#define WALK_ADAPTERS 8
/* What the parent decided before the clone. */
struct walk_plan {
	struct walk_page *page;
	const char *reason, *label;
	const char *program; /* base name of the executable */
	const char *program_path;
	const char *partial_note; /* what is known to be missing before the walk; "" nothing */
	const char *final;	  /* the name to make */
	const char *pattern;	  /* where it came from; NULL: the user gave the name itself */
	uint32_t serial;	  /* first serial to try */
	uint64_t time_ns;	  /* the instant */
	uint64_t process_key;
	uint32_t pid, parent;
	uint32_t deadline_ms;
	const char *smaps; /* text of /proc/self/smaps just before, "" unknown */
	size_t smaps_size;
	struct page_runs pages; /* of a forked process */
	uint64_t cpu_us;	/* user and system time of the process so far */
	uint32_t skip;		/* bit per adapter: not locked, or it crashed the walker before */
	uint32_t failed;	/* bit per adapter: it crashed the walker before */
	uint32_t missing; /* bit per adapter: it has objects, and its lock was not to be had */
	char notes[WALK_ADAPTERS][160]; /* why it is skipped */
	uintptr_t tls_low, tls_high;	/* of the main thread, 0 unknown */
	int fault;			/* config.test_fault */
};

/* ---- memory_map.c ------------------------------------------------------------------------------------------------ */

struct mapping {
	uintptr_t low, high;
	bool readable, writable;
	bool anonymous, special; /* special: [vvar], [vsyscall]: reading may fault */
	bool heap, stack;	 /* [heap], [stack] */
	uintptr_t usable;	 /* of a file: end of what can be read, 0 not asked yet */
};
struct memory_map {
	struct mapping *maps;
	size_t count, capacity;
	size_t last;	/* neighbours are asked for one after the other */
	bool known;	/* false: no /proc; pages are probed one by one */
	uintptr_t page; /* last page that was probed */
	bool page_readable;
};
void memory_map_read(struct memory_map *m, struct pool *pool);
/* How many bytes from address on are mapped and readable, at most `size`. */
size_t memory_readable(struct memory_map *m, uintptr_t address, size_t size);
/* After memory_readable() ended at address: the next readable address below end, or end. Pages that are probed one by one are
 * only taken for candidates. */
uintptr_t memory_next(struct memory_map *m, uintptr_t address, uintptr_t end);
/* The mapping that holds address, NULL none (or not known). */
const struct mapping *memory_mapping(struct memory_map *m, uintptr_t address);

/* ---- intern.c ---------------------------------------------------------------------------------------------------- */

/* Open-addressing index from a hash to a row number; rows are kept by the user of it. */
struct hash_index {
	uint32_t *slots; /* row + 1 */
	uint32_t mask, used;
};
struct interned_string {
	const char *text;
	uint32_t length, hash;
};
struct interned_type {
	uint32_t runtime, name, module, flags, base, hash;
	uint64_t basic_size;
	uintptr_t object;
};
struct interned_label {
	uint8_t kind, class, flags;
	uint32_t string;
	uint32_t interior; /* +1: the same with RGD_LABEL_F_INTERIOR */
	uint32_t plain;	   /* +1: the same with RGD_LABEL_NONE */
};
struct summary_row {
	uint32_t type, stack, tracked;
	uint64_t count, bytes;
};
struct intern {
	struct pool *pool;
	struct hash_index string_index, type_index, label_index, summary_index;
	struct interned_string *strings;
	struct interned_type *types;
	struct interned_label *labels;
	struct summary_row *summary;
	uint32_t string_count, type_count, label_count, summary_count;
	uint32_t string_capacity, type_capacity, label_capacity, summary_capacity;
	uint32_t summary_last;
	/* stacks and frames of the shim -> rows of the dump, +1 */
	uint32_t *stack_rows, *frame_rows;
	uint32_t stack_limit, frame_limit;
	uint32_t *stack_list, *frame_list; /* row -> shim's number */
	uint32_t stack_count, frame_count;
	bool failed; /* no memory */
};
bool intern_init(struct intern *in, struct pool *pool);
uint32_t intern_string(struct intern *in, const char *text, size_t length);
uint32_t intern_text(struct intern *in, const char *text); /* NUL-terminated; NULL = "" */
uint32_t intern_type(struct intern *in, uint32_t runtime, const struct walk_type *type);
uint32_t intern_label(struct intern *in, unsigned kind, unsigned class, unsigned flags,
		      uint32_t string);
/* Row + 1 of a stack of the shim, 0 for none; its callers get smaller rows. */
uint32_t intern_stack(struct intern *in, uint32_t stack);
uint32_t intern_frame(struct intern *in, uint32_t frame); /* row */
void intern_summary(struct intern *in, uint32_t type, uint32_t stack, uint32_t tracked,
		    uint64_t bytes);

/* ---- walk.c ------------------------------------------------------------------------------------------------------- */

/* Words whose meaning adapters know, hashed by their address. */
struct known_words {
	struct known_word {
		uintptr_t location;
		uint32_t label;
	} * slots;
	uint32_t mask, count;
};

#define WALK_BATCH 1024
struct walk_word { /* a word that may be a pointer, waiting for its lookup */
	uintptr_t value;
	uint64_t offset; /* in its object, in words; or what the root needs */
	uint64_t interior;
	uint32_t number; /* what it points to */
};

struct walk {
	const struct walk_plan *plan;
	struct walk_page *page;
	struct pool pool;
	struct writer writer;
	struct nodes nodes;
	struct intern intern;
	struct memory_map map;
	bool partial, torn;
	uint32_t epoch;
	uint32_t adapter_index[16]; /* by runtime: index in adapters[] + 1 */

	/* claims of adapters: address << 16 | runtime << 12 | tag << 8 | (address - base) / 8 */
	uint64_t **claims;
	size_t claim_count, claim_chunks;
	uint8_t *kind; /* by object: runtime | tag << 4 */
	uint8_t *back; /* by object: (address - base) / 8; 255 = more than that */

	/* the object in the making */
	uintptr_t address;
	uint32_t number, degree;

	struct table objects, edges, properties, roots, gc, runtimes, counters, heaps;
	uint32_t predict[RGD_PREDICT_SLOTS];
	uint32_t offset_label;
	uint32_t offset_interior[64]; /* by what the heuristics say: label + 1, 0 not made yet */

	/* words of bare blocks, looked up in batches so that memory can be fetched ahead */
	struct walk_word words[WALK_BATCH];
	uint32_t word_owner[WALK_BATCH]; /* index in batch[] */
	uint32_t word_count;
	struct {
		struct live_block block;
		uint32_t degree, type;
	} batch[64];
	uint32_t batch_count;

	struct known_words known;
	struct vtables *vtables; /* vtable.c; NULL until the first block */
	struct tls_block *tls;	 /* tls.c: of threads, ascending by thread */
	uint32_t tls_count;
	struct walk_pools *pools; /* walk_pools.h; NULL none */

	uint64_t lost_edges, lost_objects, lost_blocks, skipped_regions;
	uint64_t live_bytes;
};

/* The whole walk; does not return. */
void walk_main(const struct walk_plan *plan) __attribute__((noreturn));
/* The end: the parent reads the status from the page. */
void walk_exit(struct walk *w, int status) __attribute__((noreturn));
/* The dump is marked; the first reasons that fit are kept. */
void walk_partial(struct walk *w, const char *why);
/* The writer's or the pool's trouble ends the walk; asked now and then, not per row. */
void walk_check(struct walk *w);

/* ---- walk_index.c ------------------------------------------------------------------------------------------------- */

/* For live_each(). */
bool walk_add_live(const struct live_block *block, void *walk);
/* Blocks of allocators on top of mmap. */
void walk_adapters_blocks(struct walk *w);
void walk_adapters_discover(struct walk *w);
/* Claims become bytes by object number. */
void walk_settle_claims(struct walk *w);
/* A block of malloc or of a runtime's own allocator: the one that starts at address, or, `inside`, that holds it. */
bool walk_block_find(struct walk *w, uintptr_t address, bool inside, struct live_block *block);
/* The block that holds the object at this address: false when it lies in none. */
bool walk_object_block(struct walk *w, uint32_t number, uintptr_t address,
		       struct live_block *block);
/* An address inside or at the start of an object. */
bool walk_resolve(struct walk *w, uintptr_t address, uint32_t *number, uint64_t *interior);
/* Quick refusal of words that cannot be pointers to objects. */
static inline bool walk_plausible(const struct walk *w, uintptr_t value)
{
	return value >= w->nodes.low &&
	       value - w->nodes.low <= w->nodes.high - w->nodes.low + (1ull << 40);
}
/* What an adapter said of the word there, NULL nothing. */
const struct interned_label *walk_known_word(const struct walk *w, uintptr_t location);

/* ---- walk_objects.c ----------------------------------------------------------------------------------------------- */

/* Sections OBJECTS, EDGES, PROPERTIES. */
void walk_objects(struct walk *w);
const struct adapter *walk_adapter(uint32_t runtime);

/* ---- vtable.c ------------------------------------------------------------------------------------------------------- */

/* The class of the C++ object (or of the array of them) that fills the block, 0 none. */
uint32_t vtable_type(struct walk *w, uintptr_t address, uint64_t size);

/* ---- heuristics.c ---------------------------------------------------------------------------------------------------- */

/* RGD_LABEL_F_STDSTRING and its like, for a pointer `interior` bytes into the object `number` at `address`. */
unsigned heuristics_of(struct walk *w, uint32_t number, uintptr_t address, uint64_t interior);

/* ---- calls.c ----------------------------------------------------------------------------------------------------------- */

/* Native frames of all threads. */
void walk_calls(struct walk *w);

/* ---- tls.c ------------------------------------------------------------------------------------------------------------- */

struct tls_block {
	uint32_t thread, module; /* index in frozen_threads(); module */
	uintptr_t address;
	size_t size;
};
/* The places of thread-local variables: made once, then all threads' in a row. */
void walk_tls(struct walk *w);
/* The thread's vector of them, past its two words in front; 0 none. */
uintptr_t tls_vector(struct walk *w, const struct frozen_thread *thread);
/* The address lies in such a place of the thread (index in frozen_threads()). */
bool tls_holds(const struct walk *w, uint32_t thread, uintptr_t address);

/* ---- roots.c -------------------------------------------------------------------------------------------------------- */

void walk_roots(struct walk *w);

/* ---- facts.c -------------------------------------------------------------------------------------------------------- */

void walk_facts(struct walk *w);
/* One row: values in the order of the columns. */
void walk_row(struct walk *w, struct table *t, const uint64_t *values);

/* ---- hooks/record_walk.c -------------------------------------------------------------------------------------------- */

void record_walk(struct walk *w); /* HOOKS, COUNTED, EVENTS */
void record_counters(struct walk *w);

/* ---- heaps.c -------------------------------------------------------------------------------------------------------- */

void walk_heaps(struct walk *w); /* rows of glibc's heaps; none where malloc is another's */

/* ---- name.c: names of dump files -------------------------------------------------------------------------------------- */

bool name_has_serial(const char *pattern);
/* False when it does not fit. A relative pattern is taken in config.dump_dir. */
bool name_expand(char *out, size_t size, const char *pattern, uint32_t pid, uint32_t serial,
		 const char *program, uint64_t time_ns);
/* Renames without replacing. 0 or a negative errno. */
long name_move(const char *from, const char *to);

#endif
