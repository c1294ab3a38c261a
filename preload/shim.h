/*
 * shim.h - every internal prototype of librefgraph.so, grouped by the file that defines it.
 *
 * Glossary
 *   block      what an allocator handed out and did not get back: an address and the requested size
 *   live table address-indexed side table of all blocks (live.c)
 *   site       number of a stack of one frame: the return address of the allocating call
 *   stack      number of a node of the stack trie (stack.c); 0 = unknown
 *   epoch      counter that a mark or a snapshot advances
 *   hook       an exported function of ours that stands before the real one
 *   helper     our only thread: waits for requests, freezes the world, clones the walker
 *   walker     the copy-on-write child that reads the frozen memory and writes the dump
 *   adapter    what knows a language runtime (adapters/adapter.h)
 *
 * The world this code lives in
 *   - It runs inside other people's processes, from before main, in any thread, in signal handlers, after fork.
 *   - No malloc, no stdio, no exit, no assert, no locale, no dlopen on a hook's path. Memory comes from mmap (arena.c).
 *   - errno survives every hook (guard.h). Hidden visibility; only exports.map is seen outside.
 *   - A failure turns one feature off, counts the loss (counter.c) and at most once says so by write(2) (log.c).
 *   - Writers are lock-free or take a bounded try-lock: who cannot get it counts a loss and goes on.
 *
 * Lock order (outer first): control lock > threads list > modules list > stack intern > arena. Adapters may hold
 * their runtime's lock outside all of these. Nobody calls the program or the loader while holding one.
 */
#ifndef REFGRAPH_SHIM_H
#define REFGRAPH_SHIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../include/refgraph_dump.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define EXPORT __attribute__((visibility("default")))
#define TLS_FAST __attribute__((tls_model("initial-exec")))

/* ---- config.c: the table of REFGRAPH_* variables; values validated once, in the constructor ------------------ */

enum python_stacks {
	PYTHON_STACKS_OFF,
	PYTHON_STACKS_SITE,
	PYTHON_STACKS_FULL,
	PYTHON_STACKS_MIXED
};
enum php_stacks { PHP_STACKS_OFF, PHP_STACKS_SITE, PHP_STACKS_FULL };
enum stacks_mode {
	STACKS_NONE,   /* blocks only */
	STACKS_CALLER, /* and the return address of the allocating call */
	STACKS_SAMPLED, /* a Poisson sample over bytes, each block of it with its full stack; no others */
	STACKS_HYBRID, /* caller; the full stack for the first of each site and then for a share */
	STACKS_EXACT,  /* the full stack of every block */
	STACKS_FULL,   /* its older name */
};

struct config {
	bool enabled; /* REFGRAPH=off stays out altogether */
	enum stacks_mode
		stacks;	       /* REFGRAPH_STACKS, at the start: stacks_mode is what is in force */
	uint64_t sample;       /* REFGRAPH_SAMPLE=512K, mean distance of samples in bytes */
	unsigned stack_depth;  /* REFGRAPH_STACK_DEPTH, frames kept, innermost first; default 64 */
	bool unwind_reference; /* REFGRAPH_UNWINDER=libunwind instead of the built-in one */
	int python_stacks;     /* REFGRAPH_PYTHON_STACKS: enum python_stacks, MIXED as FULL and: */
	bool mixed;	       /* between native frames; stacks is FULL then */
	bool python_tracer;    /* REFGRAPH_PYTHON_TRACER */
	bool peaks;	       /* REFGRAPH_PEAKS: sites count */
	bool python;	       /* REFGRAPH_PYTHON=off: no adapter */
	bool gobject;	       /* REFGRAPH_GOBJECT=off: no adapter */
	int php_stacks;	       /* REFGRAPH_PHP_STACKS: enum php_stacks */
	uint64_t php_request;  /* REFGRAPH_PHP_REQUEST=100: a snapshot at the end of that request */
	uint64_t php_memory;   /* REFGRAPH_PHP_MEMORY=64M: a snapshot when a script uses so much */
	char php_epoch_function[256]; /* REFGRAPH_PHP_EPOCH_FUNCTION: each call of it is an epoch */
	bool native;		      /* REFGRAPH_NATIVE=off: no native blocks in the live table */
	char dump_name
		[512]; /* REFGRAPH_DUMP: file name pattern, default "%e.%p.%n.rgd"; %p %n %e %t %% */
	char dump_dir[1024]; /* REFGRAPH_DIR, absolute; default: working directory at start */
	int signal;	     /* REFGRAPH_SIGNAL=USR2: a snapshot on this signal; 0 none */
	bool on_exit;	     /* REFGRAPH_ON_EXIT=1: a snapshot at normal exit and _exit */
	bool on_fatal; /* REFGRAPH_ON_FATAL=1: a snapshot on a fatal signal with default action */
	unsigned every_seconds; /* REFGRAPH_EVERY=10s */
	uint64_t
		every_growth; /* REFGRAPH_GROWTH=64M: a snapshot each time the live bytes grew by that much */
	char analyzer[1024]; /* REFGRAPH_ANALYZER: path of refgraph, for refgraph_leak_check() */
	char leak_options[4096]; /* REFGRAPH_LEAK_OPTIONS: of `refgraph leaks`, one a line */
	unsigned deadline_ms;	 /* REFGRAPH_DEADLINE: walker is killed after; default 120 s */
	bool values;		 /* REFGRAPH_VALUES=1: short values in dumps (private by default) */
	bool children;		 /* REFGRAPH_CHILDREN=off: forget fork children */
	bool helper;  /* REFGRAPH_HELPER=off: no thread, snapshots only by call and at exit */
	bool verbose; /* REFGRAPH_VERBOSE=1 */
	char rules
		[4096]; /* REFGRAPH_RULES=gobject:/path/my.rules: whose references are counted; "" nobody's */
	char track_types
		[512]; /* REFGRAPH_TRACK_TYPES: globs of the types that hooks follow; "" all */
	uint32_t
		track_objects; /* REFGRAPH_TRACK_OBJECTS: hooks follow one in so many; 0: as many as cost little */
	uint32_t tombstones;  /* REFGRAPH_TOMBSTONES: objects that are kept after their end */
	uint64_t hook_memory; /* REFGRAPH_HOOK_MEMORY: the most that hooks remember */
	int test_fault; /* REFGRAPH_TEST_FAULT=crash|hang|enomem|...: planted faults for our own tests */
};
/* config.test_fault, as the words in config.c's table. */
enum test_fault {
	FAULT_NONE,
	FAULT_CRASH,	     /* the walker crashes */
	FAULT_HANG,	     /* the walker hangs, and its own timer does not end it */
	FAULT_ENOMEM,	     /* no memory for the shim from the start */
	FAULT_LEAF,	     /* no memory for leaves of the live table */
	FAULT_WALKER_ENOMEM, /* the walker gets no memory */
	FAULT_CLONE,	     /* the walker cannot be started */
	FAULT_WRITE,	     /* a write of the dump fails with ENOSPC */
	FAULT_ADAPTER_CRASH, /* an adapter crashes in the walker */
	FAULT_HANG_TIMED,    /* the walker hangs, and has its timer */
	FAULT_MOVED,	     /* each copy counts as torn */
	FAULT_VERDICT,	     /* the parent takes long to say whether the copy is whole */
	FAULT_LATE_CLONE,    /* some time passes between the freeze and the clone */
	FAULT_STANDSTILL,    /* the process is stopped while threads are on their way to park */
};
extern struct config config; /* write-once in the constructor */
void config_init(void);

/* ---- log.c: one line to stderr by write(2); never formats floats, never allocates ---------------------------- */

/* Remembers what standard error is at the start: nothing is ever written to anything else. */
void log_init(void);
/* "refgraph: <text>\n"; each call site should be reached once per process. */
void log_line(const char *text);
/* "refgraph: <text>: <detail>\n" */
void log_line2(const char *text, const char *detail);
/* Small formatter for messages: %s %d %u %x %lu %lx %p only. Returns the length, always terminates. */
int log_format(char *buffer, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int log_vformat(char *buffer, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* ---- counter.c: what was counted and lost; dumped in COUNTERS ------------------------------------------------- */

enum counter {
	COUNTER_LOST_BLOCKS, /* lost.blocks: not in the live table (odd address, no memory for a leaf) */
	COUNTER_LOST_STACKS,  /* lost.stacks: intern table full or locked: the block has no site */
	COUNTER_LOST_THREADS, /* lost.threads: not parked in time: its stack was not scanned */
	COUNTER_LOST_MODULES,
	COUNTER_LOST_OBJECTS, /* lost.objects: a walker skipped an object that it could not read */
	COUNTER_LOST_EDGES,
	COUNTER_LOST_REGIONS, /* lost.regions: an mmap of the program is not in the list */
	COUNTER_LOST_HOOKS,   /* lost.hooks: functions of rules for which there was no room */
	COUNTER_LOST_EPOCHS,  /* lost.epochs: records of old marks dropped */
	COUNTER_UNKNOWN_FREES, /* blocks freed that were never seen: allocated before us or around us */
	COUNTER_SNAPSHOTS,
	COUNTER_SNAPSHOTS_FAILED,
	COUNTER_FREEZE_RETRIES, /* freeze.retries: a thread woke up during the clone: taken again */
	COUNTER_FREEZE_HELD, /* freeze.held: threads that woke up during the clone, and were held */
	COUNTER_FREEZE_TORN, /* freeze.torn: and it was the last try; that dump is partial */
	COUNTER_MAX
};
extern const char *const counter_names[COUNTER_MAX];
void counter_add(enum counter which, uint64_t n);
uint64_t counter_get(enum counter which);

/* ---- arena.c: memory for the shim itself, from mmap ------------------------------------------------------------ */

/* Page-granular, zeroed, NORESERVE. NULL when the kernel refuses; the caller counts the loss. */
void *arena_map(size_t size);
void arena_unmap(void *p, size_t size);
/* Small, zeroed, never freed; thread-safe. */
void *arena_alloc(size_t size);
/* Bytes mapped so far by the shim and, as far as known, touched. */
uint64_t arena_mapped(void);
/* True when the address lies in memory that the shim mapped for itself: never a root, never scanned. */
bool arena_owns(uintptr_t address);

/* ---- live.c: the live table -------------------------------------------------------------------------------------- */

/*
 * One 32-bit word per 16-byte granule of address space, in leaves of 16 MiB that cover 64 MiB each, mapped when first
 * needed. A block uses the words of its first granules:
 *   word 0  bit 31 set (only word 0 has it), bits 26 to 30 LIVE_COUNTED, LIVE_TYPED, LIVE_IGNORED, LIVE_SHARE, LIVE_SAMPLED, bits 0..25
 *           stack
 *   word 1  bits 0..20 epoch, bits 21..30 the requested size when below 1023, else 1023 and the size is in word 2 (and 3).
 *           So most blocks take two words and one branch that is foreseen well.
 *   word 2  bits 0..30 size; word 3 the bits above, when bit 30 of word 2 says so
 * Allocators hand out blocks at least 32 bytes apart once requests are rounded up by live_round(); a block of 48
 * bytes or more owns the third granule, so no two blocks ever share a word. Removing is one store to word 0: the rest
 * is stale and ignored because only word 0 has bit 31.
 */
struct live_block {
	uintptr_t address;
	uint64_t size;
	uint32_t stack; /* with LIVE_SAMPLED, LIVE_SHARE, LIVE_IGNORED, LIVE_TYPED, LIVE_COUNTED */
	uint32_t epoch;
};
/* Beside the number of a stack: the block was drawn from all by size; its stack was drawn from all of its site. */
#define LIVE_SAMPLED (1u << 30)
#define LIVE_SHARE (1u << 29)
/* The program wants it to stay: refgraph.h. */
#define LIVE_IGNORED (1u << 28)
/* The program said its type: annotate_type.c. */
#define LIVE_TYPED (1u << 27)
/* Its end is more than that of a block: its site counts (site_counts.h), or it is an object whose references are counted (hooks/record.h). */
#define LIVE_COUNTED (1u << 26)
#define LIVE_STACK_NUMBER (LIVE_COUNTED - 1)
bool live_init(void);
void live_insert(uintptr_t address, uint64_t size, uint32_t stack);
/* False when the block is not known. `size` receives the requested size. */
bool live_remove(uintptr_t address, uint64_t *size);
bool live_find(uintptr_t address, struct live_block *block);
/* The block that contains address, however far its start; costs a backward scan. For the walker, not for hooks. */
bool live_find_containing(uintptr_t address, struct live_block *block);
/* Sets a flag of the block that contains the address. False: there is none. */
bool live_flag(uintptr_t address, uint32_t flag);
/* LIVE_COUNTED for the block that begins at the address: who finds it so later has the same block before him. False: there is none. */
bool live_mark(uintptr_t address);
/* All blocks in ascending order of address, while no other thread runs. The callback returns false to stop. */
bool live_each(bool (*visit)(const struct live_block *block, void *context), void *context);
/* The smallest request that keeps blocks 32 bytes apart, for allocators that need it. */
static inline size_t live_round(size_t size)
{
	return size < 32 ? 32 : size;
}
/* Sums over all threads; exact while they are parked (never below 0). */
void live_totals(uint64_t *objects, uint64_t *bytes);

/* ---- stack.c: interned frames and stacks --------------------------------------------------------------------------- */

#define STACK_MAX_DEPTH 256

/* A frame is a native return address or a place of a runtime that an adapter named. */
struct frame {
	uintptr_t pc; /* NATIVE */
	uint32_t
		module; /* NATIVE: +1, bound when its module is unloaded, else resolved at the snapshot */
	uint32_t kind;	      /* enum rgd_frame_kind */
	const char *function; /* runtime frames: in the arena */
	const char *file;
	uint32_t line;
	uint32_t taken; /* full stacks of hybrid that begin here */
};
bool stack_init(void);
/* Number of the one-frame stack for this return address. Fast: a per-thread cache in front of the table. */
uint32_t stack_site(uintptr_t return_address);
/* pcs[0] is innermost. Number of the whole stack; 0 when it could not be interned (counted). */
uint32_t stack_intern(const uintptr_t *pcs, size_t n);
/* The trie node below `parent` (0: outermost) for this return address: stack_intern() is a chain of these. Lock-free when
 * it exists already; callers keep caches, which stack_forget_range() makes stale: see unwinder->forget. 0 when it could not be
 * made (counted). */
uint32_t stack_child(uint32_t parent, uintptr_t pc);
/* As stack_intern, with runtime frames innermost: `frames` come from stack_frame_runtime(). */
uint32_t stack_intern_frames(const uint32_t *frames, size_t n);
/* One frame more below a stack, 0: below none; 0 when it cannot be made. */
uint32_t stack_child_frame(uint32_t parent, uint32_t frame);
uint32_t stack_frame_native(uintptr_t pc);
/* Interns a runtime's place; the strings are copied. */
uint32_t stack_frame_runtime(uint32_t kind, const char *function, const char *file, uint32_t line);
/* A module's address range goes away: frames in it are bound to this module for ever and never found again. */
void stack_forget_range(uintptr_t low, uintptr_t high, uint32_t module);
/* Counts a full stack of hybrid at a site; returns how many there were before. */
uint32_t stack_site_taken(uint32_t site, bool count);
/* Makes every thread's cached sites stale, as stack_forget_range() does. */
void stack_sites_stale(void);
/* The same module is back in the same place: its frames are found again. */
void stack_recall(uint32_t module);
/* For the walker. Stacks are numbered 1..stack_count(), frames 1..frame_count(). stack_parent returns 0 at the outermost. */
uint32_t stack_count(void);
uint32_t stack_parent(uint32_t stack);
uint32_t stack_frame_of(uint32_t stack);
uint32_t frame_count(void);
const struct frame *frame_get(uint32_t frame);

/* ---- unwind.h names the interface: unwind_fast.c and unwind_libunwind.c provide it -------------------------------- */

struct unwinder {
	const char *name;
	/* False when it cannot work here (missing library, machine). Called once, outside hooks. */
	bool (*init)(void);
	/* The return addresses of the callers of the hook, innermost first, starting with `return_address` (whose frame's CFA
	 * is `cfa`: the hook's own __builtin_frame_address(0)+16 or equal). Returns how many; never fails, never
	 * touches memory outside [cfa, stack end). Async-signal-safe, no locks, no allocation. */
	size_t (*walk)(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer,
		       uintptr_t *pcs, size_t max);
	/* Code of [low, high) goes away or came (call it around dlclose and after dlopen): forget what is cached about it. */
	void (*forget)(uintptr_t low, uintptr_t high);
	/* The same walk straight to the number of the interned stack, by the thread's memo: unchanged outer frames are neither
	 * unwound nor hashed again. 0 = could not be interned (counted). Keeps at least config.stack_depth innermost frames
	 * and at most a quarter more. May be NULL: then walk() and stack_intern(). */
	uint32_t (*stack)(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer);
};
extern const struct unwinder unwinder_fast, unwinder_libunwind;
extern const struct unwinder *unwinder; /* the one in force, NULL when stacks are off */

/* ---- calls.c: native frames of stopped threads ------------------------------------------------------------------------- */

void calls_init(void); /* in the constructor */

/* ---- threads.c: one record per thread ------------------------------------------------------------------------------ */

#define TICK_BYTES (1u << 20)
#define SITE_CACHE 256
#define CALLER_REGISTERS 16
enum thread_record {
	THREAD_FREE,
	THREAD_USED,
	THREAD_LATE /* made after its owner's last destructor round */
};
struct thread {
	/* what each hook touches, in one cache line */
	uintptr_t
		hook_frame; /* stack address of the hook we are in: a call from above it means that it was left by longjmp;
			     * UINTPTR_MAX: the shim's own work; 0: in none. Owner thread only */
	uint32_t park_pending; /* atomic: the freezer asked while we were inside a hook */
	/* blocks and bytes that this thread made and freed, ever; written by the owner only. Live are the sums over threads. */
	uint64_t made, made_bytes;
	uint64_t gone, gone_bytes;
	uint64_t next_tick;  /* when made_bytes gets there */
	int64_t sample_left; /* bytes until the next sample; 0 at first */
	uint32_t tid;
	uint32_t state;	     /* atomic, enum thread_record; a free record's fields are stale */
	uint32_t end_rounds; /* threads.c */
	uintptr_t stack_top; /* an address in the thread's own stack, above its frames */
	uintptr_t thread_pointer;
	struct site {
		uint64_t key;
		uint32_t stack;
		uint32_t left; /* allocations until the next full stack in hybrid; else never 0 */
	} sites[SITE_CACHE];   /* stack.h */
	uint64_t random;       /* tracking.c; 0: not seeded */
	uintptr_t last_made;   /* site_counts.c: the block that this thread made last */
	uint32_t ignoring;     /* annotate.c: scopes in which blocks are LIVE_IGNORED */
	struct thread *next;   /* list of all records, never unlinked, reused */
	struct thread *spare;  /* threads.c: list of free records */
	uintptr_t parked_sp, parked_pc; /* set when parked */
	uint32_t parked_in;		/* atomic: number of the freeze it parked in */
	uintptr_t registers
		[17]; /* by DWARF number, pc last: where it parked, what is kept over calls */
	uintptr_t
		called_at; /* caller.c: sp where the program called us for a snapshot; 0: it did not */
	uintptr_t caller
		[CALLER_REGISTERS]; /* by DWARF number: what is kept over calls, there; else 0 */
	bool internal;		    /* the helper */
	void *(*run)(void *);	    /* what the thread begins with: thread_unborn() */
	void *argument;
	struct wake *wake;	    /* wake.h; NULL none */
	void *unwind;		    /* private memory of the unwinder in force */
	struct around_pool *around; /* hooks/around.c: the calls under way */
	uint64_t *
		hook_calls; /* hooks/record.c: by number of the function; sums over all records, as made */
	/* hooks/followed.c: recorded calls until the next look at the time, the last one's, and how many objects were followed then */
	uint32_t hook_room, hook_every;
	uint64_t hook_time;
};
/* The calling thread's record; made when first needed. NULL when there is no memory: the hook passes through. */
struct thread *thread_self(void);
extern __thread struct thread *thread_current TLS_FAST;
/* Set by a thread of the shim itself before it asks for its record. */
extern __thread bool thread_is_ours TLS_FAST;
struct thread *threads_first(void);
/* A record for the thread that pthread_create(thread_begin, record) is about to make, which begins with run(argument). NULL: without. */
struct thread *thread_unborn(void *(*run)(void *), void *argument);
void *thread_begin(void *t);
/* It was not made. */
void thread_stillborn(struct thread *t);
bool threads_init(void);
void threads_after_fork_child(void);
/* Blocks more or less in the live totals; `t` is the calling thread's record or NULL. */
void threads_count_made(struct thread *t, uint64_t blocks, uint64_t bytes);
void threads_count_gone(struct thread *t, uint64_t blocks, uint64_t bytes);
void threads_sum(int64_t *objects, int64_t *bytes);
/* Called rarely from hooks, inside them (each MiB or so a thread allocated): restarts the helper, watches growth. */
void thread_tick(struct thread *t);

/* ---- tracking.c: which mode is in force, and since when; the draws and weights of samples ----------------------- */

/* The mode in force: config.stacks, until tracking_switch() changed it. */
extern _Atomic uint32_t stacks_mode;
extern const char *const stacks_words[];
/* The constructor, after config_init(). */
void tracking_init(void);
/* False: there is no such word. Advances the epoch, so that each block's birth tells its mode. Where no unwinder works
 * the modes with full stacks keep what they can get. In the helper thread, or inside a hook. */
bool tracking_switch(const char *word);
/* From the constructor: when the mode in force needs one, an unwinder. */
void tracking_unwinder(void);
/* Blocks may live that are in no table: sampled is in force, or was. */
extern _Atomic bool tracking_was_sampled;
/* "caller 1, sampled 7": modes and the epochs from which on they were in force. */
void tracking_history(char *text, size_t size);
bool tracking_was(uint32_t mode); /* ever, as far as the history goes */
/* An exponential variate of mean 1, from the thread's own generator. `t` may be NULL. */
double tracking_exponential(struct thread *t);
/* How many allocations of the site (stack_site()) go by until the next one takes its full stack; never 0. */
uint32_t tracking_wait(struct thread *t, uint32_t site);
/* What a sampled block of this size stands for: blocks, and bytes. Only a function of the size. */
void tracking_weight(uint64_t size, uint64_t *blocks, uint64_t *bytes);
/* Of a site in hybrid: so many first stacks, then one in so many. */
#define HYBRID_FIRST 64u
#define HYBRID_SHARE 64u

/* ---- guard.h: entering and leaving a hook: errno, re-entry, parking ------------------------------------------------ */

/* ---- init.c: the constructor; the shim starts with the first hook that is called, often before it ------------------- */

enum shim_state { SHIM_NEW, SHIM_STARTING, SHIM_ON, SHIM_OFF };
extern _Atomic uint32_t shim_state;
/* The pid of the process whose state we hold: a vfork or _Fork child runs our hooks with another. */
extern uint32_t shim_pid;
/* Returns the state after an attempt to start. */
enum shim_state shim_start(void);
/* What must be done while there is one thread: once, in the constructor or ahead of the first pthread_create(). */
void shim_before_threads(void);
/* The program entered a sandbox (seccomp): no system call of our own from here on, so no memory and no new threads' records;
 * no dump can be made any more either. */
extern _Atomic bool shim_sandboxed;
/* False: native blocks are not followed, and this is why (for META "native"): REFGRAPH_NATIVE=off, or the program brings its
 * own malloc, before which we do not stand. */
extern bool native_followed;
extern const char *native_note;
/* The environment and argument vector as the kernel passed them. */
char **shim_environment(void);

/* ---- epoch.c -------------------------------------------------------------------------------------------------------- */

/* ns since 1970; 0 when there is no clock. From the vdso: neither a system call nor a lock. */
uint64_t wall_clock(void);
extern _Atomic uint32_t epoch_now; /* from 1; 21 bits; sticks at the top */
/* kind as RGD_EPOCH_KIND. Returns the new epoch. Labels are copied. */
uint32_t epoch_advance(uint32_t kind, const char *label);
struct epoch_record {
	uint32_t number;
	uint32_t kind;
	uint64_t time_ns;
	char label[120];
};
/* All records that are kept, oldest first (bounded: the oldest marks are dropped and counted). */
size_t epoch_records(const struct epoch_record **records);

/* ---- lineage.c: where this process comes from, and the tasks that it says it has done ---------------------------------- */

struct lineage {
	uint32_t
		parent; /* pid of who forked this process under the shim; 0: nobody, it was started by exec */
	uint32_t epoch;	     /* what was born before this epoch was there at the fork */
	uint64_t parent_key; /* process_key of the parent */
	uint64_t started_ns; /* wall clock of the start, or of the fork */
};
void lineage_started(void);
/* In the child, while the process key is still the parent's. */
void lineage_forked(uint32_t parent, uint32_t epoch);
const struct lineage *lineage_get(void);

#define TASKS_MAX 256u
#define TASK_NAME 64u
/* One more of this name. How many there are now. Async-signal-safe, any thread. */
uint64_t task_done(const char *name);
/* Row i of the names, in no order; 0 done: not in use. False past the last row. */
bool task_get(uint32_t i, const char **name, uint64_t *done);

/* ---- pages.c: which pages are shared with another process ---------------------------------------------------------------- */

struct page_run {
	uint64_t address;
	uint32_t pages, state; /* enum rgd_pages_state */
};
struct page_runs {
	struct page_run *list; /* NULL: not known */
	size_t n, mapped;
	uint64_t lost; /* pages */
};
/* `smaps` is the text of /proc/self/smaps. Opens a descriptor: where none shows in the program. */
void page_runs_read(const char *smaps, size_t size, struct page_runs *ret);
void page_runs_free(struct page_runs *runs);

/* ---- deepbind.c: libraries whose malloc() would be libc's own, RTLD_DEEPBIND ---- */

void deepbind_init(void); /* in the constructor */
/* The loader's own code. When it asks calloc() for this much it makes a node of its list. */
bool deepbind_is_loader(uintptr_t caller);
#define DEEPBIND_NODE 1024u
/* In that hook: deepbind_look() is wanted soon. */
void deepbind_expect(struct thread *t);
/* Leads the imports of what came since to us. True: call it again soon. */
bool deepbind_look(void);
void deepbind_after_fork_child(void);

/* ---- modules.c: loaded objects, also those that are gone ------------------------------------------------------------ */

struct module {
	uintptr_t base, low, high; /* load bias, first and last mapped byte + 1 */
	struct {
		uintptr_t low, high;
	} writable[8]; /* .data, .bss: roots */
	unsigned nwritable;
	uint32_t loaded, unloaded; /* epochs; unloaded + 1, 0 = still there */
	uintptr_t dynamic;	   /* its PT_DYNAMIC; 0 none */
	size_t tls_id, tls_size;   /* the loader's number of its thread-local storage, 0 none */
	char build_id[41];
	const char *path; /* in the arena; absolute where that was still to be found out */
	const char *name; /* as the loader knows it */
	bool own;	  /* librefgraph.so itself: no root, no frame */
};
void modules_init(void);
/* Reads the loader's list again (after dlopen, dlclose and at a snapshot, in the parent, before the freeze). */
void modules_refresh(void);
/* As modules_refresh() when the loader's counters say that something came or went; cheap otherwise. True when it did. */
bool modules_poll(void);
size_t modules_count(void);
const struct module *modules_get(size_t index);
/* The loaded module that covers this address: index + 1, 0 none. */
uint32_t modules_find(uintptr_t address);

/* ---- regions.c: the program's own mmaps ------------------------------------------------------------------------------ */

struct region {
	uintptr_t address;
	size_t size;
	uint32_t stack, epoch, kind;
};
void region_mapped(uintptr_t address, size_t size, uint32_t stack);
void region_unmapped(uintptr_t address, size_t size);
/* What is known about [address, address + size) becomes `kind`, e.g. an arena of a runtime's allocator. */
void region_marked(uintptr_t address, size_t size, uint32_t kind);
/* Ascending by address; for the walker, or while the caller is the only one that maps. */
size_t regions_get(const struct region **regions);

/* ---- annotate.c: what the program says of its memory ---------------------------------------------------------------- */

struct annotated {
	uintptr_t address;
	size_t size;
};
/* The functions of refgraph.h. */
void annotate_disable(void);
void annotate_enable(void);
void annotate_ignore(uintptr_t address);
void annotate_region(uintptr_t address, size_t size);
void annotate_region_end(uintptr_t address, size_t size);
/* There may be blocks that are LIVE_IGNORED. */
bool annotate_ignored(void);
/* Memory whose words are roots; for the walker. */
size_t annotate_regions(const struct annotated **regions);

/* ---- annotate_type.c: what types it says that its blocks have ------------------------------------------------------- */

/* The block that contains the address is of this type until it is freed or reallocated. */
void annotate_type(uintptr_t address, const char *name);
/* Of a block that is LIVE_TYPED; for the walker. */
const char *annotate_type_of(uintptr_t address);

/* ---- leak_check.c ----------------------------------------------------------------------------------------------------- */

/* refgraph_leak_check(). */
int leak_check(const char *label);

/* ---- entry_*.c: the hooks ---------------------------------------------------------------------------------------------- */

void entry_mode_set(void); /* the hooks take over stacks_mode */
/* The stack of a call from outside of the shim, by the unwinder in force; the caller alone when there is none. In a hook. */
uint32_t entry_full_stack(struct thread *t, uintptr_t caller, uintptr_t cfa,
			  uintptr_t frame_pointer);
/* The same, for code that calls nothing outside (hooks/outside.h): 0 where something has to be found out first. unwind_memo.c */
uint32_t memo_stack_quick(uintptr_t caller, uintptr_t cfa, uintptr_t frame_pointer);
/* All of [low, high) is the calling thread's own stack, and no other that it switched to. */
bool memo_own_stack(uintptr_t low, uintptr_t high);
void entry_init(void); /* resolves the real functions; may run inside the first malloc */
/* entry_sync.c: calls of sem_post() for this semaphore, by this process. */
uint64_t semaphore_posts(uintptr_t semaphore);
void semaphores_after_fork_child(void);
/* Real functions that the rest of the shim may call (never hooked). */
struct real {
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*dlopen)(const char *, int);
	int (*dlclose)(void *);
	void *(*mmap)(void *, size_t, int, int, int, long);
	int (*munmap)(void *, size_t);
	int (*pthread_create)(void *, const void *, void *(*)(void *), void *);
	int (*fork)(void);
	void (*exit_now)(int) __attribute__((noreturn));
	void *(*memalign)(size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	size_t (*usable_size)(void *);
	void *(*mremap)(void *, size_t, size_t, int, void *);
};
extern struct real real;

/* ---- host.c: the shim as adapters see it (struct adapter_host), and the shim's calls into them ------------------------ */

void adapters_start(void); /* constructor: probes each */
/* Libraries came since the last call? Probes those adapters that are not in force. From setlocale, the helper and where else
 * the loader may be entered; never from a hook of the allocator. */
void adapters_loaded(void);
void adapters_recheck(void); /* cheap */
void adapters_after_fork_child(void);
bool adapters_helper_late(void); /* one of them asked for it */
/* In a hook, config.mixed: the stack of native frames and a runtime's; 0: no runtime runs here. See struct adapter. */
uint32_t adapters_mix(const uintptr_t *pcs, size_t n, bool whole);
/* Runtimes that were found and refused, for RUNTIMES. */
struct refused {
	uint32_t runtime;
	char version[32];
	char note[160];
};
size_t adapters_refused(const struct refused **list);

/* ---- wrap.c: hooks for a runtime's allocator --------------------------------------------------------------------------- */

struct adapter_allocator;
extern const struct adapter_allocator wrap_functions;

/* ---- freeze.c: stopping and releasing all other threads -------------------------------------------------------------- */

/* Parks every other thread of the process: running ones by a realtime signal, blocked ones are left where they are.
 * False when that was not possible within the deadline (they all run again then). Helper thread only. */
bool freeze_world(unsigned deadline_ms);
/* In the parent after the clone: lets them go. */
void thaw_world(void);
/* After freeze_world: what was found. In the walker too. */
struct frozen_thread {
	uint32_t tid, state; /* enum rgd_thread_state */
	uintptr_t sp, pc;
	uintptr_t stack_top, thread_pointer; /* of its record; 0: not known */
	uint64_t registers[32];		     /* by DWARF number */
	uint32_t nregisters;		     /* those that the program itself had there: roots */
	uint32_t known;			     /* bit set: those that help to unwind from pc and sp */
	bool self;			     /* the thread that stopped the others */
	const struct thread *record;	     /* NULL: none */
	char name[16];
};
size_t frozen_threads(const struct frozen_thread **threads);
/* How many ran on, and how many sleep inside a hook: their last block may be missing, or be there though it is freed. */
uint32_t freeze_missed(void);
uint32_t freeze_in_hooks(void);
/* Without stopping it: false when the thread runs or is gone; else the system call it is blocked in (FREEZE_CALL_SLEEPS: it
 * sleeps, interruptibly, where is not to be known), and how often it has run. */
#define FREEZE_CALL_NONE (-1) /* it is stopped, or waits for a page */
#define FREEZE_CALL_SLEEPS (-2)
#define FREEZE_CALL_HIDDEN (-3) /* as FREEZE_CALL_SLEEPS, and no signal wakes it */
bool freeze_thread_blocked(uint32_t tid, long *call, uint64_t *runs);
/* How long it ran, in ns (where the kernel does not tell, in switches). False: it is gone. */
bool freeze_thread_ran(uint32_t tid, uint64_t *ran);
/* After freeze_world: the thread was left blocked, and has not run since. */
bool freeze_thread_rests(uint32_t tid, uint64_t runs);
/* A thread leaves its outermost hook and finds park_pending: as the signal handler would have done. Keeps errno. */
void freeze_park_here(struct thread *t);

/* ---- caller.c: where the program called us ------------------------------------------------------------------------------ */

void caller_init(void); /* in the constructor */
/* Around the wait of a thread for a snapshot that it asked for: the roots of its stack begin at the program's own frames. At exit, at
 * the one that called exit(). Nothing is noted where that is not sure. */
void caller_find(struct thread *t, bool at_exit);
void caller_forget(struct thread *t);

/* ---- control.c, helper.c, jobs.c: the control page, the helper thread, triggers ------------------------------------ */

void control_init(void);
/* Around what must not see a second thread (unshare, setns, setuid): stop and join the
 * helper; _resume lets it come back (at once or at the next tick). */
void control_pause(void);
void control_resume(bool at_once);
/* Around fork: the helper is outside of libc and ld.so meanwhile, or gone when a runtime asked for that (helper_late). */
void control_fork_prepare(void);
void control_fork_parent(void);
void control_after_fork_child(void);
/* Ahead of an exec: nobody stops the world any more. False: not to be had, go on all the same. */
bool control_exec_prepare(void);
void control_exec_failed(void);
/* Asks the helper for a snapshot and waits for the result (refgraph_snapshot(), exit). 0 or errno. */
int control_request(uint32_t command, const char *label, const char *path);
/* Async-signal-safe: asks and does not wait. */
void control_post(uint32_t command);
void control_at_exit(bool quick);
/* libc does not count our threads among the program's: asked by the maker of one, and as the last thing in it. */
void control_thread_made(void);
void control_thread_ends(void);
/* In the helper: it is asked to stop by a thread that waits for it. */
bool control_cancelled(void);
/* REFGRAPH_ON_EXIT's snapshot, once; control_at_exit() takes it when nobody did before. The process may go on after it. */
void control_exit_snapshot(void);
/* The program is about to forbid system calls (seccomp): the helper goes and never comes back, state RGC_SANDBOXED. */
void control_sandboxed(void);
/* From thread_tick(), inside a hook: brings the helper back when it is due, watches growth. Takes no lock for long. */
void control_tick(void);

/* ---- single.c: libc's belief that the program has one thread ------------------------------------------------------------ */

void single_init(void); /* constructor, ahead of our first thread */
/* By who makes the helper, ahead of it; the answer and its own record go to single_keep() when it is made, NULL when it is not. */
bool single_ahead(void);
void single_keep(struct thread *t, bool ahead);
/* In the helper, ahead of anything that may enter libc: waits until the program's thread takes locks. False: it does not come out of
 * malloc(); libc must not be entered now. `waits_for_us`: a thread of the program waits for what the helper is about to do. */
bool single_end(bool waits_for_us);

/* ---- snapshot.c: one dump, from the freeze to the rename ---------------------------------------------------------------- */

struct snapshot_result {
	int status; /* 0 or errno */
	bool partial;
	char message[512];
	char path[1024];
	uint64_t pause_ns, total_ns, objects, edges, bytes;
};
/* Helper thread only (or the exiting thread). `reason`: request, signal, exit, timer, growth, call, fatal. */
void snapshot_take(const char *reason, const char *label, const char *path,
		   struct snapshot_result *result);

/* ---- writer.c: sections, columns, chunks, checksums, compression; child only -------------------------------------------- */
/* its prototypes are in writer.h */

/* ---- nodes.c: the walker's index from address to object number ------------------------------------------------------------ */
/* its prototypes are in nodes.h */

#endif
