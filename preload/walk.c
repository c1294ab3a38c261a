/*
 * walk.c - from frozen memory to a dump, in the walker: its phases, how it begins and how it ends.
 *
 * Phases
 *   blocks    every live block sets its bit in the index
 *   discover  adapters claim their objects: the bit moves from the start of the block to the object
 *   number    objects are numbered in ascending order of address
 *   objects   one pass in that order writes each object and its edges: an adapter describes its own; a bare block
 *             is scanned for words that are addresses of objects (conservative edges)
 *   roots     roots.c      facts     facts.c
 *
 * The first three are in walk_index.c, objects in walk_objects.c. Memory is bounded: two bytes an object, the index (about 3 % of the
 * heap's address range) and the interning tables. Edges are never kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#include "sys.h"
#include "wake.h"
#include "walk_pools.h"

const char *const walk_phase_names[WALK_PHASES] = {
	[WALK_START] = "starting",
	[WALK_BLOCKS] = "indexing blocks",
	[WALK_DISCOVER] = "finding objects",
	[WALK_NUMBER] = "numbering",
	[WALK_OBJECTS] = "writing objects",
	[WALK_ROOTS] = "writing roots",
	[WALK_FACTS] = "writing facts",
	[WALK_FINISH] = "finishing",
	[WALK_DONE] = "done",
};

/* ---- leaving ------------------------------------------------------------------------------------------------------------ */

void walk_exit(struct walk *w, int status)
{
	struct walk_page *page = w->page;
	page->status = status;
	page->partial = w->partial;
	page->objects = w->objects.total;
	page->edges = w->edges.total;
	page->bytes = w->writer.offset;
	__atomic_store_n(&page->done, 1, __ATOMIC_RELEASE);
	sys(SYS_futex, &page->done, 1 /* FUTEX_WAKE */, 64);
	for (;;)
		sys(SYS_exit_group, 0);
}

/* The dump is marked; the first reasons that fit are kept. */
void walk_partial(struct walk *w, const char *why)
{
	char *note = w->page->partial_note;
	size_t used = strlen(note);

	w->partial = true;
	if (why[0])
		log_format(note + used, sizeof w->page->partial_note - used, "%s%s",
			   used ? "; " : "", why);
}

/* The writer's or the pool's trouble ends the walk; asked now and then, not per row. */
void walk_check(struct walk *w)
{
	if (w->pool.failed || w->intern.failed)
		walk_exit(w, ENOMEM);
	if (w->writer.error)
		walk_exit(w, w->writer.error);
}

static void phase(struct walk *w, enum walk_phase now)
{
	walk_check(w);
	__atomic_store_n(&w->page->phase, now, __ATOMIC_RELAXED);
}

/* ---- the child ------------------------------------------------------------------------------------------------------------------ */

struct kernel_sigaction {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
static struct walk_page *crash_page;

/* Says where, and dies of the same signal. The kernel has put the default action back. */
static void on_crash(int number, siginfo_t *info, void *context)
{
#if defined(__x86_64__)
	uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc;
#endif
	crash_page->crash_pc = pc - (uintptr_t)__ehdr_start;
	crash_page->crash_address = (uintptr_t)info->si_addr;
	for (;;) {
		uint64_t none = 0;
		sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, SYS_SIGSET_SIZE);
		sys(SYS_kill, sys(SYS_getpid), number);
		sys(SYS_exit_group, 1);
	}
}

/* Nothing of the program's may run here: its handlers go, everything but a planted death is blocked. */
static void quiet_signals(const struct walk_plan *plan)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
	struct kernel_sigaction plain = {0}, crash = {(uintptr_t)on_crash,
						      SA_SIGINFO | (int)SA_RESETHAND, 0, ~0ull};
	uint64_t all = ~(1ull << (SIGALRM - 1));
	struct itimerval when = {.it_value = {.tv_sec = plan->deadline_ms / 1000 + 5}};

#if defined(__x86_64__)
	crash.flags |= 0x04000000; /* SA_RESTORER; the handler never returns */
#endif
	crash_page = plan->page;
	sys(SYS_rt_sigaction, SIGALRM, &plain, 0, SYS_SIGSET_SIZE);
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
		sys(SYS_rt_sigaction, deadly[i], &crash, 0, SYS_SIGSET_SIZE);
		all &= ~(1ull << (deadly[i] - 1));
	}
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, SYS_SIGSET_SIZE);
	/* should the parent die, nobody else would end a walker that hangs */
	sys(SYS_setitimer, 0 /* ITIMER_REAL */, &when, 0);
}

/* What the program may still have is not much; the walker takes what it may at most. */
static void raise_limit(int which)
{
	struct rlimit limit;
	if (sys(SYS_prlimit64, 0, which, 0, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		sys(SYS_prlimit64, 0, which, &limit, 0);
	}
}

static void become_walker(const struct walk_plan *plan)
{
	struct rlimit none = {0, 0};
	long fd;

	quiet_signals(plan);
	/* a pipe's reader must not wait for our end; where there is no close_range, one by one */
	if (sys(SYS_close_range, 0u, ~0u, 0) < 0)
		for (fd = 0; fd < 65536; fd++)
			sys(SYS_close, fd);
	sys(SYS_prlimit64, 0, RLIMIT_CORE, &none, 0);
	raise_limit(RLIMIT_AS);
	raise_limit(RLIMIT_DATA);
	raise_limit(RLIMIT_NOFILE);
	sys(SYS_prctl, PR_SET_NAME, "refgraph-walk");
	sys(SYS_setpriority, 0, 0, 10);
	fd = sys(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
	if (fd >= 0) {
		sys(SYS_write, fd, "1000", 4);
		sys(SYS_close, fd);
	}
}

/* The name in the making is ours alone: two processes with one pid may share a folder (containers). */
static long file_create(struct walk *w)
{
	char name[sizeof w->page->temporary];
	long fd = -EEXIST;
	for (unsigned i = 0; i < 100 && fd == -EEXIST; i++) {
		log_format(name, sizeof name, "%s.%u.%u.tmp", w->plan->final, w->plan->pid, i);
		fd = sys(SYS_openat, AT_FDCWD, name,
			 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd >= 0) /* from here on the parent removes it when we fail */
		memcpy(w->page->temporary, name, sizeof name);
	return fd;
}

static void file_open(struct walk *w)
{
	struct rgd_file_header header = {
		.time_ns = w->plan->time_ns,
		.pid = w->plan->pid,
		.serial = w->plan->serial,
		.pointer_size = sizeof(void *),
		.byte_order = 1,
#if defined(__x86_64__)
		.machine = 62,
#elif defined(__aarch64__)
		.machine = 183,
#endif
		.page_size = 4096,
		.process_key = w->plan->process_key
	};
	long fd;

	/* said before the work, not after it; the rename decides */
	if (!w->plan->pattern && !sys(SYS_faccessat, AT_FDCWD, w->plan->final, 0))
		walk_exit(w, EEXIST);
	fd = file_create(w);
	if (fd < 0)
		walk_exit(w, (int)-fd);
	writer_open(&w->writer, &w->pool, (int)fd, &header);
	walk_check(w);
}

/* The parent kills a walker whose copy may be torn. Nothing outside this process may have come of it by then: no file is made
 * before the verdict. A parent that is gone will not give one. */
static void wait_for_verdict(struct walk *w)
{
	struct timespec nap = {1, 0};
	long parent = sys(SYS_getppid);
	uint32_t verdict;

	while (!(verdict = __atomic_load_n(&w->page->verdict, __ATOMIC_ACQUIRE))) {
		if (sys(SYS_getppid) != parent)
			walk_exit(w, ESRCH);
		sys(SYS_futex, &w->page->verdict, 0 /* FUTEX_WAIT */, VERDICT_NONE, &nap);
	}
	if (verdict == VERDICT_PROBE) {
		__atomic_store_n(&w->page->probed, wake_probe() ? PROBE_WORKS : PROBE_FAILS,
				 __ATOMIC_SEQ_CST);
		sys(SYS_futex, &w->page->probed, 1 /* FUTEX_WAKE */, 1);
		sys(SYS_exit_group, 0);
	}
	w->torn = verdict == VERDICT_TORN;
}

/* What is known about the copy before anything of it was read. */
static void judge_copy(struct walk *w)
{
	char text[128];
	uint32_t missed = freeze_missed(), in_hooks = freeze_in_hooks();

	if (w->plan->partial_note[0])
		walk_partial(w, w->plan->partial_note);
	for (unsigned i = 0; adapters[i] && i < WALK_ADAPTERS; i++)
		if (w->plan->missing & 1u << i)
			walk_partial(w, w->plan->notes[i]);
	if (w->torn)
		walk_partial(w, "a thread ran while the memory was copied, in each of the tries");
	if (missed) {
		log_format(text, sizeof text, "%u threads could not be stopped", missed);
		walk_partial(w, text);
	}
	if (in_hooks) {
		log_format(text, sizeof text, "%u threads were stopped inside of an allocation",
			   in_hooks);
		walk_partial(w, text);
	}
}

/* The final name must not exist. A pattern with %n takes the next number instead. */
static int file_rename(struct walk *w)
{
	const struct walk_plan *plan = w->plan;
	uint32_t serial = plan->serial;
	long status;

	memcpy(w->page->path, plan->final, strlen(plan->final) + 1);
	while ((status = name_move(w->page->temporary, w->page->path)) == -EEXIST) {
		if (!plan->pattern || !name_has_serial(plan->pattern) ||
		    ++serial - plan->serial > 100000)
			break;
		if (!name_expand(w->page->path, sizeof w->page->path, plan->pattern, plan->pid,
				 serial, plan->program, plan->time_ns))
			return ENAMETOOLONG;
	}
	w->page->serial = serial;
	return (int)-status;
}

static struct walk *walk_create(const struct walk_plan *plan)
{
	struct pool pool = {0};
	struct walk *w = pool_map(&pool, sizeof *w);
	if (!w) {
		plan->page->status = ENOMEM;
		__atomic_store_n(&plan->page->done, 1, __ATOMIC_RELEASE);
		for (;;)
			sys(SYS_exit_group, 0);
	}
	w->plan = plan;
	w->page = plan->page;
	w->epoch = atomic_load_explicit(&epoch_now, memory_order_relaxed);
	for (unsigned i = 0; adapters[i]; i++)
		w->adapter_index[adapters[i]->runtime & 15] = i + 1;
	return w;
}

void walk_main(const struct walk_plan *plan)
{
	struct walk *w;

	become_walker(plan);
	w = walk_create(plan);
	wait_for_verdict(w);
	judge_copy(w);
	memory_map_read(&w->map, &w->pool);
	file_open(w);
	if (!nodes_init(&w->nodes, &w->pool) || !intern_init(&w->intern, &w->pool))
		walk_exit(w, ENOMEM);
	w->offset_label = intern_label(&w->intern, RGD_EDGE_CONSERVATIVE, RGD_LABEL_OFFSET, 0, 0);
	phase(w, WALK_BLOCKS);
	live_each(walk_add_live, w);
	pools_index(w);
	walk_adapters_blocks(w);
	phase(w, WALK_DISCOVER);
	walk_adapters_discover(w);
	phase(w, WALK_NUMBER);
	walk_settle_claims(w);
	pools_number(w);
	phase(w, WALK_OBJECTS);
	walk_objects(w);
	phase(w, WALK_ROOTS);
	walk_roots(w);
	phase(w, WALK_FACTS);
	walk_facts(w);
	phase(w, WALK_FINISH);
	if (!writer_finish(&w->writer, w->partial ? RGD_TAIL_PARTIAL : 0))
		walk_exit(w, w->writer.error);
	walk_exit(w, file_rename(w));
}
