/*
 * adapter.h - what a language runtime must provide to be in the graph, and what it may use. Adapters see this header only.
 *
 * How to add a runtime
 *   1. adapters/NAME.c with one `const struct adapter adapter_NAME`, one line in adapters/registry.c, one number in enum
 *      rgd_runtime.
 *   2. Resolve everything at run time (host->symbol); link no runtime, include none of its headers. Refuse versions that you
 *      were not tested on, by name, with a note: the dump shows it.
 *   3. enter(): make the runtime's heap consistent (take its lock). It runs in the helper thread, in the parent, before the
 *      freeze. It must give up after the deadline.
 *   4. discover(), describe(), edges(), roots() run in the walker: a copy-on-write child with a single thread. There:
 *      no libc function that locks or allocates, no runtime function that allocates, locks, runs bytecode or changes
 *      refcounts. A crash there costs the dump, never the program; guard reads of doubtful pointers by walk->readable().
 *   5. Samples and a differential test against the runtime's own view.
 */
#ifndef REFGRAPH_ADAPTER_H
#define REFGRAPH_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../include/refgraph_dump.h"

struct walk; /* the walker's state; opaque */

/* What describe() fills in. Zeroed before. */
struct walk_object {
	uint32_t type;	      /* from walk_type() */
	uint64_t size;	      /* bytes; 0 = take the size of the block */
	uint64_t static_size; /* of an object that lies in no block: then it is RGD_OBJ_F_STATIC */
	uint64_t refcount;
	uint32_t flags; /* RGD_OBJ_F_* except RUNTIME and BLOCK, which the walker sets */
};

struct walk_type {
	const char *name;   /* short */
	const char *module; /* or "" */
	uint32_t flags;	    /* RGD_TYPE_F_* */
	uint64_t basic_size;
	uintptr_t object; /* address of the type object, 0 none */
	uint32_t base;	  /* type number + 1, 0 none */
};

/* A block of a runtime's own allocator. */
struct walk_block {
	uintptr_t address;
	uint64_t size;
	uint32_t stack, epoch; /* 0 unknown; stack as host->stack() returned it */
};

/* A row of RGD_SEC_HEAPS, in the order of its columns. */
struct walk_heap {
	uint64_t kind, address, size, used_blocks, used, requested, free_chunks, free, kept_chunks,
		kept, top, top_resident;
};

/* An allocator of a runtime; the layout is PyMemAllocatorEx's. */
struct adapter_allocator {
	void *context;
	void *(*malloc)(void *context, size_t size);
	void *(*calloc)(void *context, size_t n, size_t size);
	void *(*realloc)(void *context, void *block, size_t size);
	void (*free)(void *context, void *block);
};
/*
 * Words of the runtime that host->wrap's functions look at after each allocation, and what they call when the sum of `count` is no
 * longer `seen`, when level[1] has come to level[0], or when `left` allocations have passed. fire() sets all of it again.
 */
struct adapter_watch {
	const uint64_t *count[3];
	uint64_t seen;
	const uint32_t *level;
	uint32_t left;
	void (*fire)(struct adapter_watch *watch);
};

/* The context of host->wrap's functions. Memory of the adapter, for ever. */
struct adapter_wrap {
	struct adapter_allocator next; /* beneath: it is called inside the bracket */
	size_t smallest; /* smaller requests are raised to this; the size on record is the one asked for */
	uint32_t (*stack)(
		void); /* the runtime's stack of the allocation; NULL, or 0 from it: the native one */
	int64_t blocks; /* that live; no atomics: the runtime's lock is held by all callers */
	struct adapter_watch *watch; /* NULL none */
	const void *last;	     /* the block that was handed out last */
	void *due; /* blocks that were kept for a while, in a chain: hooks/quarantine.h */
};

/*
 * Services of the shim for adapters in the parent process. Thread-safe; callable from a runtime's allocator.
 */
struct adapter_host {
	/* dlsym over the global scope, or over a handle that dlopen just returned. NULL when absent. */
	void *(*symbol)(void *handle, const char *name);
	/* A function that the loaded module whose file name begins so exports; 0 none. Takes no lock of the loader's. */
	uintptr_t (*exported)(const char *file, const char *name);
	/* The i-th writable segment of the module that holds this code. */
	bool (*module_writable)(uintptr_t code, unsigned i, uintptr_t *low, uintptr_t *high);
	void (*log)(const char *text);
	/* To be put in the place of a runtime's allocator, each with a struct adapter_wrap as context. The fast way. */
	const struct adapter_allocator *wrap;
	/* Blocks of the allocator beneath lie inside blocks of malloc, 16 bytes from their start: keeps the records of both
	 * apart from now on. */
	void (*wrap_inside)(void);
	/* One block of the runtime's allocator, by hand. Inside block_enter/block_leave our malloc hooks record nothing, so that an
	 * allocator on top of malloc is not counted twice. block_enter returns false when the shim is already inside a hook:
	 * then pass through and do not record. */
	bool (*block_enter)(void);
	void (*block_leave)(void);
	void (*block_add)(uintptr_t address, size_t size, uint32_t stack);
	void (*block_remove)(uintptr_t address);
	/* stacks: frames innermost first; 0 = unknown */
	uint32_t (*site)(uintptr_t return_address);
	uint32_t (*frame)(uint32_t kind, const char *function, const char *file, uint32_t line);
	uint32_t (*stack)(const uint32_t *frames, size_t n);
	/* One frame more, called by the innermost of stack `parent`, 0: by nobody. */
	uint32_t (*stack_child)(uint32_t parent, uint32_t frame);
	uint32_t (*native_frame)(uintptr_t pc);
	/* The module that holds this code; outside hooks. */
	bool (*module_range)(uintptr_t pc, uintptr_t *low, uintptr_t *high);
	void (*region)(uintptr_t address, size_t size, uint32_t kind);
	/* What was marked goes; before it does. The program's own munmap() is not seen inside a hook. */
	void (*region_gone)(uintptr_t address, size_t size);
	void *(*memory)(size_t size); /* zeroed, never freed, not malloc */
	void (*refuse)(uint32_t runtime, const char *version,
		       const char *note); /* shown in RUNTIMES */
	/* An event of the runtime's collector, and other numbers for GC rows that only the parent can see. */
	const struct config *config; /* read only */
	/* Restart the helper late (at a tick) after fork instead of at once: CPython 3.12+ warns about threads. */
	void (*helper_late)(void);
	/* What the live table knows of the block that starts at `address`; false when nothing. For a realloc that fails after
	 * its block was removed. */
	bool (*block_find)(uintptr_t address, size_t *size, uint32_t *stack);
	/* Starts a detached thread of the shim's own (all signals blocked, never frozen, no root). False when it cannot. */
	bool (*thread)(void (*run)(void *), void *argument);
	/* The runtime is about to take its heap down: the snapshot of REFGRAPH_ON_EXIT is due now, not at the process's end.
	 * Called with the runtime's lock held by the calling thread, once. */
	void (*exiting)(void);
	/* True when the snapshot should be given up at once: a thread that may hold the runtime's lock waits for the helper to
	 * stop (fork). Asked while enter() waits. May be NULL. */
	bool (*cancelled)(void);
	/* The block that starts at `address` has become another object, without the allocator: its epoch is the present one, its
	 * stack what stack() says, NULL: the native one from `caller` on, whose callee's frame is given. Nothing happens when no
	 * block is known there. */
	void (*block_reborn)(uintptr_t address, uint32_t (*stack)(void), uintptr_t caller,
			     uintptr_t frame);
	/* What a thread of the process is doing: false when it runs or is gone; else the number of the system call that it is
	 * blocked in (-2: it sleeps, interruptibly, where is not to be known), and how often it has run. Opens files: for the
	 * helper. */
	bool (*thread_blocked)(uint32_t tid, long *call, uint64_t *runs);
	/* In still(): the thread is blocked, and has not run since that said so. */
	bool (*thread_rests)(uint32_t tid, uint64_t runs);
	/* Nanoseconds of processor time that the process has used; 0 when that must not be asked for (a sandbox). */
	uint64_t (*processor_time)(void);
	/* The present epoch; atomic. */
	const uint32_t *epoch;
	/* A new epoch, with a label. In the program's thread, outside hooks. */
	void (*mark)(const char *label);
	/* A snapshot now, for this reason; waits until the dump is written. In the program's thread, outside hooks, where the
	 * runtime's heap may be read. 0 or errno; `message` then says what went wrong. */
	int (*snapshot)(const char *reason, const char *label, char *message, size_t size);
	/* A task of this name was done: counts it for RGD_SEC_COUNTERS, as refgraph_task_done(). */
	uint64_t (*task_done)(const char *name);
	/* Settings, from struct config. */
	int python_stacks;  /* 0 off, 1 site, 2 full or mixed */
	bool mixed;	    /* native stacks are walked, and mix() is asked */
	bool python_tracer; /* may take the runtime's tracer of references */
	unsigned stack_depth;
	bool on_exit, on_fatal, values;
	int php_stacks; /* 0 off, 1 site, 2 full */
	uint64_t php_request, php_memory;
	const char *php_epoch_function;
};

struct adapter {
	uint32_t runtime; /* enum rgd_runtime */
	const char *name;

	/* Constructor, before main; `handle` NULL. Again after each dlopen with its handle, while it returned false. True: this
	 * runtime is in the process and followed (or refused: then it said so by host->refuse). */
	bool (*probe)(const struct adapter_host *host, void *handle);
	/* Cheap re-check of our hooks, called from interposed places that the runtime passes late in its start (setlocale) and
	 * from thread_tick. May be NULL. */
	void (*recheck)(void);
	void (*after_fork_child)(void);

	/* In a hook, host->mixed: the stack of these return addresses (innermost first) and the runtime's own frames; 0: this
	 * thread does not run it. `whole`: the walk was not cut at the outer end. May be NULL. */
	uint32_t (*mix)(const uintptr_t *pcs, size_t n, bool whole);

	/* 0 = locked. Else the snapshot goes on without this runtime's objects: ENODEV it is not in this process, ENXIO it has
	 * none, ETIMEDOUT, EBUSY (finalizing, collecting) it has some: then the dump is partial. `note` receives one line. */
	int (*enter)(unsigned deadline_ms, char *note, size_t note_size);
	/* All other threads stand, the clone is next: is the heap still as enter() found it? False: they run on for a moment, and
	 * enter() is asked again. For a runtime that enter() could not lock, but found at rest. May be NULL. */
	bool (*still)(void);
	void (*leave)(void);
	/* The calling thread is about to wait for a snapshot that another thread takes: if it holds the runtime's lock, let go
	 * of it and return a token for take_back(); NULL when it does not hold it. May be NULL. */
	void *(*let_go)(void);
	void (*take_back)(void *token);

	/* ---- in the walker ---- */
	/* A runtime with an allocator whose blocks are not in the live table: blocks() reports each with walk_block_add(), before
	 * anybody's discover(); block() finds the one that starts at `address`, or, `inside`, the one that holds it. Both or
	 * none. They are objects as blocks of malloc are, until somebody claims them with walk_add(). */
	bool (*blocks)(struct walk *walk);
	bool (*block)(struct walk *walk, uintptr_t address, bool inside, struct walk_block *out);
	/* Report every object with walk_add(). */
	bool (*discover)(struct walk *walk);
	/* One object that this adapter added, in ascending order of address; then edges() for the same object at once. */
	bool (*describe)(struct walk *walk, uintptr_t object, unsigned tag,
			 struct walk_object *out);
	void (*edges)(struct walk *walk, uintptr_t object, unsigned tag);
	void (*roots)(struct walk *walk);
	/* GC rows, RUNTIMES version, counters. */
	void (*state)(struct walk *walk);
};

extern const struct adapter *const adapters[]; /* registry.c; ends with NULL */

/* ---- services in the walker (snapshot's walk.c) ------------------------------------------------------------------ */

/* Adds an object at `address`; `base` = start of the allocator's block that holds it (0: not in a block; the object may
 * start later than its block, after a collector's header). `tag` (0..15) comes back in describe(). False when it was there
 * already. A block claimed so is no longer a bare native block and is not scanned conservatively.
 * discover() phase only. */
bool walk_add(struct walk *walk, uint32_t runtime, uintptr_t address, uintptr_t base, unsigned tag);
/* blocks() phase only. `address` is a multiple of 8. */
void walk_block_add(struct walk *walk, const struct walk_block *block);
bool walk_has(struct walk *walk, uintptr_t address);
/* True when walk_add() was called for this address before. Cheap: ask before reading the object. */
bool walk_claimed(struct walk *walk, uintptr_t address);
/* True when [address, address + size) is mapped and readable. Cheap for repeated neighbours. */
bool walk_readable(struct walk *walk, uintptr_t address, size_t size);
/* Start and requested size of the tracked block that starts at `address`; false when none does. */
bool walk_block(struct walk *walk, uintptr_t address, uint64_t *size);

/* All tracked blocks, ascending, until the visitor returns false. discover() phase. */
bool walk_each_block(struct walk *walk,
		     bool (*visit)(struct walk *walk, uintptr_t address, uint64_t size,
				   void *context),
		     void *context);
/* Slices of GLib's that the program freed and the shim keeps for a while: free, though the allocator does not know it yet. discover() phase. */
void walk_each_kept_slice(struct walk *walk, void (*visit)(struct walk *walk, uintptr_t slice));
/* The word at this address is a reference of another object's, and known: a scan that comes upon it makes an edge with this label of it
 * (of class OFFSET, or one without a value). Roots are told when it is weak. discover() phase. */
void walk_word(struct walk *walk, uintptr_t location, uint32_t label);
bool walk_is_weak(const struct walk *walk, uintptr_t location);
/* True when the address is in an object: what walk_edge() would make an edge of. After the discover() phase. */
bool walk_refers(struct walk *walk, uintptr_t address);

/* Interning. Strings are copied; bad UTF-8 is replaced. Numbers are stable within the dump. */
uint32_t walk_string(struct walk *walk, const char *text, size_t length);
uint32_t walk_label(struct walk *walk, enum rgd_edge_kind kind, enum rgd_label_class class,
		    unsigned flags, uint32_t string);
uint32_t walk_type(struct walk *walk, uint32_t runtime, const struct walk_type *type);

/* edges() phase: one reference of the object being written. `target` need not be the start of an object: an address
 * inside one becomes an interior edge. Returns false (and counts a loss) when nothing known is there. `value` is used when
 * the label's class has one; for RGD_LABEL_KEY_OBJECT pass the key's address: the walker turns it into its number. */
bool walk_edge(struct walk *walk, uint32_t label, uint64_t value, uintptr_t target);
/* edges() phase: scan the words of [low, high) conservatively on behalf of the current object (an opaque struct's
 * tail, an extension type's C fields); offsets are relative to the object. */
void walk_scan(struct walk *walk, uintptr_t low, uintptr_t high);
/* edges() phase: each word of [low, high) that points to something known becomes an edge with this label, which has no value;
 * for storage in front of the object, where walk_scan() has no offset to give. */
void walk_words(struct walk *walk, uint32_t label, uintptr_t low, uintptr_t high);
/* describe()/edges() phase, for the current object. */
void walk_property(struct walk *walk, enum rgd_property key, uint64_t value);

/* roots() phase. */
void walk_root(struct walk *walk, enum rgd_root_class class, enum rgd_edge_kind kind,
	       uint32_t label_string, uint32_t owner, uint64_t value, uintptr_t target,
	       uint32_t context_string);
/* The number + 1 of the thread in whose stack or thread-local storage this address is; 0 unknown. An owner of roots. */
uint32_t walk_thread(struct walk *walk, uintptr_t address);
/* state() phase. */
void walk_gc(struct walk *walk, uint32_t runtime, const char *name, uint64_t index, uint64_t value);
void walk_runtime(struct walk *walk, uint32_t runtime, const char *version,
		  enum rgd_runtime_state state, const char *note);
void walk_counter(struct walk *walk, const char *name, uint64_t value);
void walk_heap(struct walk *walk, const struct walk_heap *heap);
/* The i-th of the regions of this kind (RGD_REGION_KIND), ascending; false: there is none. */
bool walk_region(struct walk *walk, size_t i, uint32_t kind, uintptr_t *address, uintptr_t *size);
/* How often this process posted the semaphore. */
uint64_t walk_posts(uintptr_t semaphore);
/* A fact about the process, for META. The texts are copied. */
void walk_meta(const char *key, const char *value);

/* True when short values may be in the dump (REFGRAPH_VALUES=1). */
bool walk_values(struct walk *walk);

/* Scratch memory of the child: zeroed, freed never. */
void *walk_memory(struct walk *walk, size_t size);

#endif
