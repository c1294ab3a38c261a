/*
 * freeze.c - stopping all other threads of the process for the moment of the clone, without anybody noticing.
 *
 * A running thread gets a signal that libc reserves for itself; its handler saves the registers and waits on a futex. If it is inside one of
 * our hooks it goes on and parks when it leaves the hook, so that no allocator's lock is held and the live table is whole.
 *
 * A blocked thread is left alone: a signal would end epoll_wait, nanosleep and others with EINTR, SA_RESTART or not. Its sp
 * and pc come from /proc/self/task/T/syscall; its run count (schedstat) is read before that and again after the clone:
 * when it differs, the thread woke up in between. Where the kernel lets us (wake.h) such a thread is held on its way out of the
 * call, and the copy is good; else the snapshot is taken again.
 *
 * A thread that was running when we looked may enter a system call before the signal arrives. The handler sees that the
 * call was cut short (result -EINTR, pc just behind the instruction) and starts it again with its own number, which the
 * instruction before loads. The call has only begun, so a relative timeout that starts anew is as good as the first.
 *
 * A thread that sleeps in a page fault has all its registers in use, and nothing notices when a signal comes first: it gets one. If it
 * does not come (a disk is slow; a debugger holds it), it is left alone like a blocked one.
 *
 * What cannot be had: the callee-saved registers of a blocked thread. A block to which only such a register refers seems
 * to be a leak; nearly always a frame below has saved it to the stack. And a thread that blocks our signal, runs, and calls no
 * hook is not stopped; it is counted (lost.threads) and its whole stack is scanned.
 *
 * Without /proc the threads that have a record are asked to park in their next hook, the others are missed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "glue.h"
#include "guard.h"
#include "park.h"
#include "park_signal.h"
#include "snapshot.h"
#include "unwind.h"
#include "wake.h"

/* Enough for nearly all; more come from the arena when a freeze found that they are needed. */
#define THREADS_FIRST 64u
#define THREADS_MAX 65536u
/*
 * How long a freeze waits. Time counts as long as we ourselves get a processor: what lies between two looks at the threads
 * counts ROUND_NS at most. Else a machine that stands still for a while, or has a processor for us now and then only,
 * would make us give up threads that never got one to come with.
 */
#define ROUND_NS 10000000ull
/* A thread that blocks our signal and runs. With libc's functions nobody can block it but libc itself, for moments (and our
 * handler, when it is about to return): on a busy machine even those last. */
#define STUBBORN_MS 500u
/* A thread that sleeps in spite of our signal. */
#define PATIENCE_MS 25u
/* A thread that sleeps inside a hook, for a lock of the allocator most likely, whose holder is on its way out. Each time that
 * another one parks both begin anew. */
#define HOOK_PATIENCE_MS 500u

/* One per thread that was found, beside its struct frozen_thread. */
struct look {
	uint64_t ran_ns, ran_times; /* schedstat when it was seen blocked */
	struct thread *record;
	_Atomic uint32_t parked; /* by the handler: number of the freeze */
	uint32_t signalled;
	uint32_t seen; /* number of the enumeration that met it last */
	int32_t call; /* blocked: the number of the system call it is in, below 0 none or unknown */
	bool settled; /* parked or blocked */
	bool gone;    /* it was not there any more */
	bool in_hook; /* blocked there */
	bool stubborn;		     /* runs, and blocks our signal */
	bool held;		     /* blocked, and would come to us when it wakes up: wake.h */
	struct frozen_thread caught; /* by the handler: where, and its registers */
};

static struct frozen_thread list_first[THREADS_FIRST];
static struct look looks_first[THREADS_FIRST];
static struct frozen_thread *list = list_first;
static struct look *looks = looks_first;
static size_t count, capacity = THREADS_FIRST;
static uint32_t beyond; /* threads of the last enumeration that found no place */
static uint32_t enumeration;

static uint32_t beyond_missed; /* of them, those that the last freeze left running */
static _Atomic uint64_t signals_sent, signals_seen;

size_t frozen_threads(const struct frozen_thread **threads)
{
	*threads = list;
	return count;
}

static uint64_t now_ns(void)
{
	struct timespec t = {0, 0};
	sys(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- parking, in the thread that parks ------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define CONTEXT_SP(uc) ((uintptr_t)(uc)->uc_mcontext.gregs[REG_RSP])

static void save_registers(struct frozen_thread *f, const ucontext_t *uc)
{
	static const uint8_t dwarf[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
					REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
					REG_R12, REG_R13, REG_R14, REG_R15};
	for (unsigned i = 0; i < sizeof dwarf; i++)
		f->registers[i] = (uint64_t)uc->uc_mcontext.gregs[dwarf[i]];
	f->nregisters = sizeof dwarf;
	f->sp = CONTEXT_SP(uc);
	f->pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	f->known = (1u << sizeof dwarf) - 1;
}

/* "mov $number, %eax; syscall" that our signal ended with EINTR: back to the syscall instruction. */
static void restart_call(ucontext_t *uc)
{
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	const uint8_t *code = (const uint8_t *)pc;
	uint32_t number;
	if ((long)uc->uc_mcontext.gregs[REG_RAX] != -EINTR || (pc & 4095) < 7)
		return;
	if (code[-2] != 0x0f || code[-1] != 0x05 || code[-7] != 0xb8)
		return;
	memcpy(&number, code - 6, 4);
	if (number == SYS_close)
		return; /* it is closed all the same */
	uc->uc_mcontext.gregs[REG_RAX] = number;
	uc->uc_mcontext.gregs[REG_RIP] = (long)(pc - 2);
}

/* It was about to wait in wake.c: here is as good. */
static void came_by_wake(ucontext_t *uc, const struct thread *t)
{
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];

	uc->uc_mcontext.gregs[REG_RIP] = (long)wake_return(t, pc);
}

static inline uintptr_t stack_pointer(void)
{
	uintptr_t sp;
	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return sp;
}

/* From here the stack can be unwound. */
static inline __attribute__((always_inline)) void park_registers(struct thread *t)
{
	struct wide_registers here;

	wide_here(&here);
	memcpy(t->registers, here.r, sizeof t->registers);
	t->parked_sp = here.r[DW_RSP];
	t->parked_pc = here.r[DW_PC];
}
#elif defined(__aarch64__)
#define CONTEXT_SP(uc) ((uintptr_t)(uc)->uc_mcontext.sp)

static void save_registers(struct frozen_thread *f, const ucontext_t *uc)
{
	for (unsigned i = 0; i < 31; i++)
		f->registers[i] = uc->uc_mcontext.regs[i];
	f->nregisters = 31;
	f->sp = CONTEXT_SP(uc);
	f->pc = (uintptr_t)uc->uc_mcontext.pc;
}

/* The first argument is lost once the result is there: such a call returns EINTR here. */
static void restart_call(ucontext_t *uc)
{
}

static void came_by_wake(ucontext_t *uc, const struct thread *t)
{
}

static inline uintptr_t stack_pointer(void)
{
	uintptr_t sp;
	__asm__ volatile("mov %0, sp" : "=r"(sp));
	return sp;
}

static inline __attribute__((always_inline)) void park_registers(struct thread *t)
{
	t->parked_pc = (uintptr_t)__builtin_return_address(0);
	t->parked_sp = stack_pointer();
}
#endif

static bool inside_hook(const struct thread *t, uintptr_t sp)
{
	return t && hook_inside(t, sp);
}

static struct thread *record_of(uint32_t tid)
{
	for (struct thread *t = threads_first(); t; t = t->next)
		if (t->tid == tid && __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != THREAD_FREE)
			return t;
	return NULL;
}

/*
 * In the handler. Not by thread_current: a thread that a raw clone() made may have thread-local storage of its own making, or that of the
 * thread that made it.
 */
static struct thread *own_record(size_t slot, uint32_t tid)
{
	struct thread *t = slot < count && list[slot].tid == tid ? looks[slot].record : NULL;

	if (t && t->tid == tid && __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != THREAD_FREE)
		return t;
	return record_of(tid);
}

static void handler(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct thread *t;
	uint32_t tid;
	uint32_t frozen = atomic_load_explicit(&park_world, memory_order_acquire);
	size_t slot = (size_t)(uintptr_t)info->si_value.sival_ptr;

	if (info->si_code != SI_QUEUE || (uint32_t)info->si_pid != glue_pid()) {
		park_signal_pass_on(signal, info, context);
		return;
	}
	atomic_fetch_add_explicit(&signals_seen, 1, memory_order_relaxed);
	tid = glue_tid();
	t = own_record(slot, tid);
	came_by_wake(uc, t);
	restart_call(uc);
	if (inside_hook(t, CONTEXT_SP(uc))) { /* it parks when it leaves the hook */
		__atomic_store_n(&t->park_pending, 1, __ATOMIC_RELAXED);
		return;
	}
	if (!(frozen & 1) || slot >= count || list[slot].tid != tid)
		return; /* too late */
	/* not to list[]: the freezer may be reading what the kernel says of us, which by now is that we wait below */
	save_registers(&looks[slot].caught, uc);
	atomic_store_explicit(&looks[slot].parked, frozen, memory_order_release);
	park_wait(frozen);
}

/*
 * Callee-saved registers of the callers are spilled into this frame, above the sp that is recorded. First the wish goes, then
 * the world is looked at: a freeze that begins in between is either seen or has left its own wish.
 */
__attribute__((noinline)) void freeze_park_here(struct thread *t)
{
	uint32_t frozen;

	__atomic_exchange_n(&t->park_pending, 0, __ATOMIC_SEQ_CST);
	frozen = atomic_load_explicit(&park_world, memory_order_seq_cst);
	if (!(frozen & 1))
		return;
	__builtin_unwind_init();
	park_registers(t);
	__atomic_store_n(&t->parked_in, frozen, __ATOMIC_RELEASE);
	park_wait(frozen);
}

/* ---- the signal ---------------------------------------------------------------------------------------------------------------- */

/* While one is on its way, its thread must find our handler. */
static void signal_remove(void)
{
	if (atomic_load_explicit(&signals_sent, memory_order_relaxed) ==
	    atomic_load_explicit(&signals_seen, memory_order_acquire))
		park_signal_remove();
}

/* ---- looking at threads ------------------------------------------------------------------------------------------------------------ */

static const char *task_file(char *path, size_t size, uint32_t tid, const char *name)
{
	log_format(path, size, "/proc/self/task/%u/%s", tid, name);
	return path;
}

static const char *number(const char *p, unsigned base, uint64_t *value)
{
	while (*p == ' ')
		p++;
	if (base == 16 && p[0] == '0' && p[1] == 'x')
		p += 2;
	for (*value = 0; *p; p++) {
		unsigned digit = (unsigned char)*p - '0';
		if (digit > 9 && base == 16)
			digit = ((unsigned char)*p | 32) - 'a' + 10;
		if (digit >= base)
			break;
		*value = *value * base + digit;
	}
	return p;
}

static bool status_field(const char *text, const char *key, unsigned base, uint64_t *value)
{
	const char *p = strstr(text, key);
	if (!p)
		return false;
	p += strlen(key);
	while (*p == '\t' || *p == ' ')
		p++;
	number(p, base, value);
	return true;
}

/* How often and how long it ran. schedstat where the kernel has it, else the switches of status. */
static bool read_runs(uint32_t tid, uint64_t *ran_ns, uint64_t *ran_times)
{
	char path[64], text[4096];
	uint64_t waited;
	const char *p;
	if (sys_read_file(task_file(path, sizeof path, tid, "schedstat"), text, sizeof text) > 0) {
		p = number(text, 10, ran_ns);
		p = number(p, 10, &waited);
		number(p, 10, ran_times);
		return true;
	}
	if (sys_read_file(task_file(path, sizeof path, tid, "status"), text, sizeof text) <= 0)
		return false;
	return status_field(text, "\nvoluntary_ctxt_switches:", 10, ran_times) &&
	       status_field(text, "nonvoluntary_ctxt_switches:", 10, ran_ns);
}

enum state { STATE_GONE, STATE_RUNNING, STATE_BLOCKED };

/* A process that changed its user may not read its own "syscall" any more; "stat" it may: "tid (name) S ...". Where the thread
 * sleeps is not known then: the whole stack of its record is scanned. */
static enum state read_letter(uint32_t tid, struct frozen_thread *f, long *call)
{
	char path[64], text[512], *p = NULL;
	if (sys_read_file(task_file(path, sizeof path, tid, "stat"), text, sizeof text) <= 0)
		return STATE_GONE;
	for (char *at = text; *at; at++)
		if (*at == ')')
			p = at;
	if (!p || !p[1] || p[2] == 'Z' || p[2] == 'X')
		return STATE_GONE;
	if (p[2] == 'R')
		return STATE_RUNNING;
	*call = p[2] == 'S' ? FREEZE_CALL_SLEEPS : FREEZE_CALL_HIDDEN;
	f->sp = f->pc = 0;
	f->nregisters = f->known = 0;
	return STATE_BLOCKED;
}

/* "running", or "number arguments... sp pc", or "-1 sp pc" (a page fault, a stop): FREEZE_CALL_NONE. */
static enum state read_call(uint32_t tid, struct frozen_thread *f, long *call)
{
	char path[64], text[256], *p, *sp = NULL, *pc = NULL;
	uint64_t value;
	if (sys_read_file(task_file(path, sizeof path, tid, "syscall"), text, sizeof text) <= 0)
		return read_letter(tid, f, call);
	if (text[0] == 'r')
		return STATE_RUNNING;
	for (p = text; *p && *p != '\n'; p++)
		if (*p == ' ') {
			sp = pc;
			pc = p;
		}
	if (!sp)
		return STATE_GONE;
	number(text, 10, &value);
	*call = text[0] == '-' ? FREEZE_CALL_NONE : (long)value;
	number(sp, 16, &value);
	f->sp = (uintptr_t)value;
	number(pc, 16, &value);
	f->pc = (uintptr_t)value;
	f->nregisters = f->known = 0;
	return f->sp ? STATE_BLOCKED : STATE_GONE;
}

static enum state read_state(size_t at)
{
	long call = -1;
	enum state state = read_call(list[at].tid, &list[at], &call);

	looks[at].call = (int32_t)call;
	return state;
}

bool freeze_thread_blocked(uint32_t tid, long *call, uint64_t *runs)
{
	struct frozen_thread f = {0};
	uint64_t ns;

	return read_runs(tid, &ns, runs) && read_call(tid, &f, call) == STATE_BLOCKED;
}

bool freeze_thread_ran(uint32_t tid, uint64_t *ran)
{
	uint64_t runs;

	return read_runs(tid, ran, &runs);
}

bool freeze_thread_rests(uint32_t tid, uint64_t runs)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].tid == tid)
			return list[i].state == RGD_THREAD_BLOCKED && !looks[i].gone &&
			       looks[i].ran_times == runs;
	return false;
}

static bool blocks_our_signal(uint32_t tid)
{
	char path[64], text[4096];
	uint64_t mask;
	if (sys_read_file(task_file(path, sizeof path, tid, "status"), text, sizeof text) <= 0 ||
	    !status_field(text, "SigBlk:", 16, &mask))
		return true;
	return mask >> (PARK_SIGNAL - 1) & 1;
}

/* ---- the list --------------------------------------------------------------------------------------------------------------------- */

/* While nobody is parked and no signal is on its way: a signal names its thread by its place. */
static bool list_grow(void)
{
	size_t bigger = capacity * 4;
	struct frozen_thread *more =
		bigger <= THREADS_MAX ? arena_map(bigger * sizeof *more) : NULL;
	struct look *looks_more = more ? arena_map(bigger * sizeof *looks_more) : NULL;
	if (!looks_more) {
		arena_unmap(more, bigger * sizeof *more);
		return false;
	}
	count = 0;
	list = more; /* the smaller ones stay mapped: a late signal may still look there */
	looks = looks_more;
	capacity = bigger;
	return true;
}

/* Threads come in the same order each time, so the place after the last hit is the first to try. */
static size_t list_find(uint32_t tid)
{
	static size_t last;
	for (size_t i = 0; i < count; i++) {
		size_t at = last + 1 + i < count ? last + 1 + i : last + 1 + i - count;
		if (at < count && list[at].tid == tid)
			return last = at;
	}
	return SIZE_MAX;
}

static size_t list_add(uint32_t tid)
{
	if (count == capacity) {
		beyond++;
		return SIZE_MAX;
	}
	memset(&list[count], 0, sizeof *list);
	memset(&looks[count], 0, sizeof *looks);
	list[count].tid = tid;
	list[count].state = RGD_THREAD_MISSED;
	return count++;
}

static void list_meet(uint32_t tid)
{
	size_t at = list_find(tid);
	if (at == SIZE_MAX)
		at = list_add(tid);
	if (at == SIZE_MAX)
		return;
	looks[at].seen = enumeration;
	if (!looks[at].record)
		looks[at].record = record_of(tid);
	if (looks[at].record) {
		list[at].record = looks[at].record;
		list[at].stack_top = looks[at].record->stack_top;
		list[at].thread_pointer = looks[at].record->thread_pointer;
		if (looks[at].record->internal) {
			list[at].state = RGD_THREAD_HELPER;
			looks[at].settled = true;
		}
	}
}

struct kernel_dirent {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

static bool enumerate_proc(void)
{
	char buffer[4096] __attribute__((aligned(8)));
	long fd = sys(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		      0),
	     n;
	if (fd < 0)
		return false;
	while ((n = sys(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
		for (long at = 0; at < n;) {
			const struct kernel_dirent *entry = (const void *)(buffer + at);
			uint64_t tid;
			number(entry->name, 10, &tid);
			if (tid)
				list_meet((uint32_t)tid);
			at += entry->length;
		}
	}
	sys(SYS_close, fd);
	return true;
}

static void enumerate(void)
{
	enumeration++;
	beyond = 0;
	if (enumerate_proc())
		return;
	for (struct thread *t = threads_first(); t; t = t->next)
		if (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != THREAD_FREE)
			list_meet(t->tid);
}

/* ---- freezing ---------------------------------------------------------------------------------------------------------------------- */

static bool signal_refused;

static void send_signal(size_t at)
{
	siginfo_t info;

	if (!park_signal_install(handler)) {
		signal_refused = true;
		return;
	}
	memset(&info, 0, sizeof info);
	info.si_code = SI_QUEUE;
	info.si_pid = (pid_t)glue_pid();
	info.si_uid = (uid_t)sys(SYS_getuid);
	info.si_value.sival_ptr = (void *)at;
	looks[at].signalled = 1;
	if (sys(SYS_rt_tgsigqueueinfo, glue_pid(), list[at].tid, PARK_SIGNAL, &info) == 0)
		atomic_fetch_add_explicit(&signals_sent, 1, memory_order_relaxed);
}

static void take_context(struct frozen_thread *to, const struct frozen_thread *from)
{
	to->sp = from->sp;
	to->pc = from->pc;
	memcpy(to->registers, from->registers, sizeof to->registers);
	to->nregisters = from->nregisters;
	to->known = from->known;
}

/*
 * True when the thread is parked, in this freeze; its place is then in the list. It cannot leave before the thaw, however late
 * it came to park, because it waits for the end of the freeze that it says.
 */
static bool look_parked(size_t at)
{
	struct thread *t = looks[at].record;
	uint32_t frozen = atomic_load_explicit(&park_world, memory_order_relaxed);
	if (atomic_load_explicit(&looks[at].parked, memory_order_acquire) == frozen) {
		take_context(&list[at], &looks[at].caught);
		list[at].state = RGD_THREAD_PARKED;
		return true;
	}
	if (!t || __atomic_load_n(&t->parked_in, __ATOMIC_ACQUIRE) != frozen)
		return false;
	list[at].sp = t->parked_sp;
	list[at].pc = t->parked_pc;
	list[at].nregisters = 0;
	for (unsigned i = 0; i < sizeof t->registers / sizeof *t->registers; i++)
		list[at].registers[i] = t->registers[i];
	list[at].known = KEPT_REGISTERS;
	list[at].state = RGD_THREAD_PARKED;
	return true;
}

/*
 * Threads that woke up between the look at them and the clone. They sleep often and briefly; each time the snapshot is taken
 * again they may do so again. So they are watched for a moment until they are seen running, and get the signal then.
 */
#define MOVERS 16u
#define CHASE_NS 3000000ull
static uint32_t movers[MOVERS], movers_count;

void freeze_begin(void)
{
	movers_count = 0;
}

static void note_mover(uint32_t tid)
{
	movers[movers_count++ % MOVERS] = tid;
}

static bool is_mover(uint32_t tid)
{
	for (uint32_t i = 0; i < movers_count && i < MOVERS; i++)
		if (movers[i] == tid)
			return true;
	return false;
}

/* Until it is seen running, or a moment is over. The signal goes out at once: it may sleep again soon. */
static void chase(size_t at)
{
	uint64_t until = now_ns() + CHASE_NS;
	bool blocks = blocks_our_signal(list[at].tid);
	while (!blocks && now_ns() < until)
		if (read_state(at) == STATE_RUNNING) {
			send_signal(at);
			return;
		}
}

/*
 * A thread that blocks inside a hook (it waits for a lock of the allocator) has more to do before the heap is whole. One that
 * got our signal and sleeps all the same is about to wake, or sleeps as deep as vfork does: it passes by the handler
 * before it runs on. Patience with both is short.
 */
static bool may_stay_blocked(const struct look *l, uint64_t waited)
{
	if (l->in_hook)
		return waited > HOOK_PATIENCE_MS * 1000000ull;
	return !l->signalled || waited > PATIENCE_MS * 1000000ull;
}

/* In a page fault: its registers cannot be had otherwise, and nothing notices when a signal comes first. */
static bool may_interrupt(size_t at)
{
	return !looks[at].signalled && !blocks_our_signal(list[at].tid);
}

/* The run count comes first: whatever happens after it is noticed. */
static void look(size_t at, uint64_t waited)
{
	struct look *l = &looks[at];
	enum state state;
	if (look_parked(at)) {
		l->settled = true;
		return;
	}
	if (!read_runs(list[at].tid, &l->ran_ns, &l->ran_times)) {
		state = STATE_GONE;
	} else {
		state = read_state(at);
		if (state == STATE_BLOCKED && !l->signalled && is_mover(list[at].tid)) {
			chase(at);
			read_runs(list[at].tid, &l->ran_ns, &l->ran_times);
			state = read_state(at);
		}
	}
	if (state == STATE_BLOCKED && l->call == FREEZE_CALL_NONE && may_interrupt(at)) {
		send_signal(at);
		return;
	}
	l->gone = state == STATE_GONE;
	l->in_hook = state == STATE_BLOCKED && inside_hook(l->record, 0);
	l->stubborn = state == STATE_RUNNING && !l->signalled && blocks_our_signal(list[at].tid);
	if (state == STATE_GONE) {
		list[at].state = RGD_THREAD_BLOCKED;
		list[at].sp = 0;
		l->settled = true;
	} else if (state == STATE_BLOCKED && may_stay_blocked(l, waited)) {
		list[at].state = RGD_THREAD_BLOCKED;
		l->settled = true;
	} else if (state == STATE_RUNNING && !l->signalled && !l->stubborn &&
		   read_state(at) == STATE_RUNNING) {
		/* looked at again: sigwaitinfo() for all signals unblocks ours while it waits, and would return it */
		send_signal(at);
	}
}

/* Threads that ended since are no threads any more. At the end only: a signal names its thread by its place. */
static void drop_gone(void)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (looks[i].seen != enumeration)
			continue;
		if (kept != i) {
			list[kept] = list[i];
			looks[kept] = looks[i];
		}
		kept++;
	}
	count = kept;
}

static bool all_settled(uint64_t waited)
{
	bool all = true;
	uint64_t ns, times;
	for (size_t i = 0; i < count; i++) {
		struct look *l = &looks[i];
		if (list[i].tid == glue_tid() || l->seen != enumeration)
			continue;
		if (l->settled && list[i].state == RGD_THREAD_BLOCKED && !l->gone && !l->held &&
		    !look_parked(i) &&
		    (!read_runs(list[i].tid, &ns, &times) || ns != l->ran_ns ||
		     times != l->ran_times))
			l->settled = false; /* it woke up */
		if (!l->settled)
			look(i, waited);
		all &= l->settled;
	}
	return all;
}

/* So that a thread that wakes up meanwhile stops at its next hook at the latest. */
static void ask_records(uint32_t value)
{
	uint32_t self = glue_tid();
	for (struct thread *t = threads_first(); t; t = t->next)
		if (t->tid != self && !t->internal &&
		    __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != THREAD_FREE)
			__atomic_store_n(&t->park_pending, value, __ATOMIC_RELAXED);
}

static void note_self(void)
{
	size_t at = list_find(glue_tid());
	struct thread *t = thread_current;
	if (at == SIZE_MAX)
		at = list_add(glue_tid());
	if (at == SIZE_MAX)
		return;
	looks[at].settled = true;
	looks[at].seen = enumeration;
	list[at].state = t && t->internal ? RGD_THREAD_HELPER : RGD_THREAD_PARKED;
	list[at].sp = stack_pointer(); /* the callers' registers lie above: see freeze_world() */
	list[at].self = true;
	list[at].record = t;
	if (t) {
		list[at].stack_top = t->stack_top;
		list[at].thread_pointer = t->thread_pointer;
	}
}

static void note_missed(void)
{
	for (size_t i = 0; i < count; i++)
		if (!looks[i].settled) {
			list[i].state = RGD_THREAD_MISSED;
			list[i].sp = 0;
		}
	beyond_missed = beyond;
}

uint32_t freeze_missed(void)
{
	uint32_t n = beyond_missed;

	for (size_t i = 0; i < count; i++)
		n += list[i].state == RGD_THREAD_MISSED;
	return n;
}

uint32_t freeze_in_hooks(void)
{
	uint32_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += list[i].state == RGD_THREAD_BLOCKED && looks[i].in_hook;
	return n;
}

static void wait_for_arrivals(uint32_t seen)
{
	struct timespec nap = {0, 200000};

	if (unlikely(config.test_fault == FAULT_STANDSTILL)) {
		config.test_fault = FAULT_NONE;
		sys(SYS_kill, glue_pid(), SIGSTOP);
	}
	sys(SYS_futex, &park_arrivals, FUTEX_WAIT_PRIVATE, seen, &nap);
}

/* Is there anybody to wait for? Who got our signal comes when it gets a processor; who sleeps inside a hook will wake. */
static bool any_may_come(void)
{
	for (size_t i = 0; i < count; i++)
		if (!looks[i].settled && looks[i].seen == enumeration && !looks[i].stubborn)
			return true;
	return false;
}

/* False: there are more threads than places. */
static bool park_all(uint64_t most_ns, bool may_grow)
{
	uint64_t last = now_ns(), waited = 0, progress = 0;
	uint32_t before_arrivals = 0;
	bool settled = false;

	for (;;) {
		uint32_t seen = atomic_load_explicit(&park_arrivals, memory_order_acquire);
		size_t before = count;
		uint64_t now = now_ns();

		waited += now - last < ROUND_NS ? now - last : ROUND_NS;
		last = now;
		if (seen != before_arrivals)
			progress = waited;
		before_arrivals = seen;
		enumerate();
		note_self();
		if (beyond && may_grow)
			return false;
		settled = all_settled(waited - progress);
		if ((settled && count == before) || signal_refused)
			break;
		if (waited > most_ns || (waited > STUBBORN_MS * 1000000ull && !any_may_come()))
			break;
		if (!settled)
			wait_for_arrivals(seen);
	}
	drop_gone();
	note_missed();
	return true;
}

/* Those that the last freeze parked must be on their way: a processor may be far. */
static void wait_for_leavers(uint64_t most_ns)
{
	struct timespec nap = {0, 200000};
	uint64_t until = now_ns() + most_ns;
	while (atomic_load_explicit(&parked_threads, memory_order_relaxed) && now_ns() < until)
		sys(SYS_nanosleep, &nap, 0);
}

/* A child that comes out of these goes on from the same place, and has nobody to wait for. */
static bool makes_a_child(int32_t call)
{
	return call == SYS_clone || call == SYS_fork || call == SYS_vfork || call == SYS_clone3;
}

static bool has_run(size_t at)
{
	uint64_t ns, times;

	return !read_runs(list[at].tid, &ns, &times) || ns != looks[at].ran_ns ||
	       times != looks[at].ran_times;
}

static bool can_be_held(size_t at)
{
	const struct look *l = &looks[at];
	const struct thread *t = l->record;

	return list[at].state == RGD_THREAD_BLOCKED && !l->gone && !l->in_hook && l->call >= 0 &&
	       !makes_a_child(l->call) && t && t->tid == list[at].tid && !t->end_rounds &&
	       __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) == THREAD_USED;
}

/* False: it woke up just now, before it could be held. */
static bool hold_thread(size_t at, uint32_t frozen)
{
	struct look *l = &looks[at];

	if (has_run(at))
		return false;
	l->held = wake_hold(l->record, list[at].sp, list[at].pc, frozen);
	if (!l->held || !has_run(at))
		return true;
	l->held = false; /* it may have been in the program already, and then it would not come */
	wake_let_go(l->record);
	return false;
}

/* Those that sleep: who wakes up before the thaw shall wait for it. False: who woke up meanwhile must be stopped first. */
static bool hold_blocked(void)
{
	uint32_t frozen = atomic_load_explicit(&park_world, memory_order_relaxed);
	bool all = true;

	for (size_t i = 0; wake_works() && i < count; i++)
		if (!looks[i].held && can_be_held(i))
			all &= hold_thread(i, frozen);
	return all;
}

static void let_go(void)
{
	for (size_t i = 0; i < count; i++)
		if (looks[i].held) {
			looks[i].held = false;
			wake_let_go(looks[i].record);
		}
}

#define HOLD_TRIES 8
/* False: there are more threads than places. */
static bool park_and_hold(uint64_t most_ns, bool may_grow)
{
	for (unsigned i = 0; i < HOLD_TRIES; i++) {
		if (!park_all(most_ns, may_grow))
			return false;
		if (hold_blocked())
			break;
	}
	return true;
}

bool freeze_world(unsigned deadline_ms)
{
	uint64_t most = deadline_ms * 1000000ull;
	bool may_grow = true;

	__builtin_unwind_init();
	signal_refused = false;
	for (;;) {
		wait_for_leavers(most);
		count = 0;
		atomic_fetch_add_explicit(&park_world, 1, memory_order_acq_rel);
		ask_records(1);
		if (park_and_hold(most, may_grow) && !signal_refused)
			return true;
		thaw_world();
		if (signal_refused)
			return false;
		may_grow =
			list_grow(); /* without memory those beyond are not stopped, and are counted */
	}
}

bool freeze_still(void)
{
	uint32_t frozen = atomic_load_explicit(&park_world, memory_order_relaxed);

	for (size_t i = 0; i < count; i++) {
		if (list[i].state != RGD_THREAD_BLOCKED || looks[i].gone || !has_run(i))
			continue;
		if (!looks[i].held || !wake_held(looks[i].record, frozen)) {
			note_mover(list[i].tid);
			return false;
		}
		counter_add(COUNTER_FREEZE_HELD, 1);
	}
	return true;
}

void thaw_world(void)
{
	if (!(atomic_load_explicit(&park_world, memory_order_relaxed) & 1))
		return;
	let_go(); /* while those who end wait for us: later their memory may be gone */
	ask_records(0);
	atomic_fetch_add_explicit(&park_world, 1, memory_order_acq_rel);
	sys(SYS_futex, &park_world, FUTEX_WAKE_PRIVATE, 0x7fffffff);
	signal_remove();
}

void freeze_after_fork_child(void)
{
	/* the numbers go on: a record may still say in which of the parent's freezes it parked */
	atomic_fetch_add_explicit(&park_world,
				  atomic_load_explicit(&park_world, memory_order_relaxed) & 1,
				  memory_order_relaxed);
	atomic_store_explicit(&signals_sent, 0, memory_order_relaxed);
	atomic_store_explicit(&signals_seen, 0, memory_order_relaxed);
	atomic_store_explicit(&parked_threads, 0, memory_order_relaxed);
	count = 0;
	park_signal_after_fork_child();
}
