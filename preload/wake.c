/*
 * wake.c - see wake.h. Compiled for general registers only: the thread that comes to wake_entry returned from a system call, and
 * all that it may count on besides those (vectors, x87) must stay as it was.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "guard.h"
#include "park.h"
#include "wake.h"

#if defined(__x86_64__) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>

/* The kernel's layout, struct rseq_cs of linux/rseq.h. */
struct sequence {
	uint32_t version, flags;
	uint64_t start, length, abort;
} __attribute__((aligned(32)));

struct wake {
	/* what wake_entry knows by offset */
	uint64_t
		busy; /* the thread is between wake_entry and its way back; for ever when a handler left by longjmp */
	uint64_t pc, sp, flags, mask;
	uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
	uint8_t stack[1024] __attribute__((aligned(16)));
	/* the rest */
	struct sequence sequence;
	uint32_t frozen;       /* the freeze that it is held in, 0 none; the freezer's */
	_Atomic uint32_t came; /* the freeze in which it came, by the thread */
	_Atomic uint32_t visits;
	uintptr_t alternate, alternate_top; /* its alternate stack, 0 none; when it came */
};
_Static_assert(offsetof(struct wake, busy) == 0 && offsetof(struct wake, pc) == 8 &&
		       offsetof(struct wake, sp) == 16 && offsetof(struct wake, flags) == 24 &&
		       offsetof(struct wake, mask) == 32 && offsetof(struct wake, rax) == 40 &&
		       offsetof(struct wake, rdi) == 48 && offsetof(struct wake, rsi) == 56 &&
		       offsetof(struct wake, rdx) == 64 && offsetof(struct wake, r10) == 72 &&
		       offsetof(struct wake, r8) == 80 && offsetof(struct wake, r9) == 88 &&
		       offsetof(struct wake, stack) == 96 &&
		       sizeof(((struct wake *)0)->stack) == 1024,
	       "wake_entry knows these");

/* Of the calling thread. */
__attribute__((visibility("hidden"))) __thread struct wake *wake_here TLS_FAST;

/*
 * With rcx and r11 to write over, which the kernel leaves with nothing that anybody may count on. The thread's own stack is not
 * touched: it may be as small as a goroutine's. All signals are blocked while we are on ours. The flags are the program's, in
 * theory: lahf and seto keep them without a stack.
 */
extern const char wake_entry[];
__asm__(".pushsection .text\n"
	"	.balign 16\n"
	"	.long 0x53053053\n" /* the signature that the area was registered with: RSEQ_SIG */
	"	.type wake_entry, @function\n"
	"	.hidden wake_entry\n"
	"wake_entry:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	mov wake_here@gottpoff(%rip), %rcx\n"
	"	mov %fs:(%rcx), %rcx\n"
	"	movq $1, (%rcx)\n"
	"	mov %rax, 40(%rcx)\n"
	"	mov %rdi, 48(%rcx)\n"
	"	mov %rsi, 56(%rcx)\n"
	"	mov %rdx, 64(%rcx)\n"
	"	mov %r10, 72(%rcx)\n"
	"	mov %r8, 80(%rcx)\n"
	"	mov %r9, 88(%rcx)\n"
	"	lahf\n"
	"	seto %al\n"
	"	mov %rax, 24(%rcx)\n"
	"	mov $14, %eax\n" /* rt_sigprocmask */
	"	xor %edi, %edi\n"
	"	lea wake_all_signals(%rip), %rsi\n"
	"	lea 32(%rcx), %rdx\n"
	"	mov $8, %r10d\n"
	"	syscall\n"
	"	mov wake_here@gottpoff(%rip), %rcx\n"
	"	mov %fs:(%rcx), %rcx\n"
	"	mov %rsp, 16(%rcx)\n"
	"	lea 1120(%rcx), %rsp\n"
	"	mov %rcx, %rdi\n"
	"	call wake_came\n"
	"	mov wake_here@gottpoff(%rip), %rcx\n"
	"	mov %fs:(%rcx), %rcx\n"
	"	mov 16(%rcx), %rsp\n"
	"	mov $14, %eax\n"
	"	mov $2, %edi\n"
	"	lea 32(%rcx), %rsi\n"
	"	xor %edx, %edx\n"
	"	mov $8, %r10d\n"
	"	syscall\n"
	"	mov wake_here@gottpoff(%rip), %rcx\n"
	"	mov %fs:(%rcx), %rcx\n"
	"	mov 24(%rcx), %rax\n"
	"	add $0x7f, %al\n"
	"	sahf\n"
	"	mov 40(%rcx), %rax\n"
	"	mov 48(%rcx), %rdi\n"
	"	mov 56(%rcx), %rsi\n"
	"	mov 64(%rcx), %rdx\n"
	"	mov 72(%rcx), %r10\n"
	"	mov 80(%rcx), %r8\n"
	"	mov 88(%rcx), %r9\n"
	"	mov 8(%rcx), %r11\n"
	"	movq $0, (%rcx)\n" /* from here on a handler that blocks may be held in its turn */
	"	mov %r11, %rcx\n"
	"	jmp *%r11\n"
	"	.cfi_endproc\n"
	"	.size wake_entry, . - wake_entry\n"
	"	.popsection\n");

extern const uint64_t wake_all_signals;
__attribute__((used, visibility("hidden"))) const uint64_t wake_all_signals = ~0ull;

/* Only the thread itself can ask. */
static void note_alternate(struct wake *w)
{
	stack_t stack;

	w->alternate = w->alternate_top = 0;
	if (sys(SYS_sigaltstack, 0, &stack) < 0 || stack.ss_flags & SS_DISABLE)
		return;
	w->alternate = (uintptr_t)stack.ss_sp;
	w->alternate_top = w->alternate + stack.ss_size;
}

void wake_came(struct wake *w);
__attribute__((used, visibility("hidden"))) void wake_came(struct wake *w)
{
	uint32_t frozen = atomic_load_explicit(&park_world, memory_order_acquire);

	atomic_fetch_add_explicit(&w->visits, 1, memory_order_relaxed);
	if (!(frozen & 1) || w->frozen != frozen || (uint32_t)sys(SYS_getpid) != glue_pid())
		return;
	note_alternate(w);
	atomic_store_explicit(&w->came, frozen, memory_order_release);
	park_wait(frozen);
}

/* ---- the area ----------------------------------------------------------------------------------------------------------------------- */

static ptrdiff_t area_offset;
static bool area_known;
static enum { UNTRIED, WORKS, FAILS } verdict;

/* With a shadow stack nothing here would be wrong, but none was at hand to try it. */
static bool shadow_stack(void)
{
	uint64_t top = 0;

	__asm__ volatile("rdsspq %0" : "+r"(top));
	return top != 0;
}

void wake_init(void)
{
	const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
	const unsigned *size = offset ? dlsym(RTLD_DEFAULT, "__rseq_size") : NULL;

	area_known = size && *size && !shadow_stack();
	if (area_known)
		area_offset = *offset;
}

static struct rseq *area_of(uintptr_t thread_pointer)
{
	return (struct rseq *)(thread_pointer + (uintptr_t)area_offset);
}

static uint64_t *named_in(uintptr_t thread_pointer)
{
	return (uint64_t *)((uintptr_t)area_of(thread_pointer) + offsetof(struct rseq, rseq_cs));
}

static bool name_in(uintptr_t thread_pointer, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(named_in(thread_pointer), &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void sequence_set(struct wake *w, uintptr_t pc)
{
	w->pc = pc;
	w->sequence = (struct sequence){
		.start = pc,
		.length = 1,
		.abort = (uintptr_t)wake_entry,
	};
}

struct wake *wake_make(void)
{
	uintptr_t memory = (uintptr_t)arena_alloc(sizeof(struct wake) + 31);

	return memory ? (struct wake *)((memory + 31) & ~(uintptr_t)31) : NULL;
}

void wake_own(struct wake *w)
{
	if (w) {
		w->busy = 0;
		w->frozen = 0;
	}
	wake_here = w;
}

bool wake_works(void)
{
	return verdict == WORKS;
}

bool wake_untried(void)
{
	return area_known && verdict == UNTRIED;
}

void wake_judge(bool works)
{
	verdict = works ? WORKS : FAILS;
}

/* ---- the probe ---------------------------------------------------------------------------------------------------------------------- */

/* nanosleep(2), with a name for where it returns to. */
long wake_sleep(const struct timespec *time);
extern const char wake_slept[];
__asm__(".pushsection .text\n"
	"	.type wake_sleep, @function\n"
	"	.hidden wake_sleep\n"
	"	.hidden wake_slept\n"
	"wake_sleep:\n"
	"	.cfi_startproc\n"
	"	mov $35, %eax\n"
	"	xor %esi, %esi\n"
	"	syscall\n"
	"wake_slept:\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size wake_sleep, . - wake_sleep\n"
	"	.popsection\n");

bool wake_probe(void)
{
	uintptr_t self = (uintptr_t)__builtin_thread_pointer();
	struct timespec nap = {0, 50000};
	struct wake *w = wake_here;
	uint32_t before;
	long answer;

	if (!area_known || !w || (int32_t)area_of(self)->cpu_id < 0)
		return false;
	before = atomic_load_explicit(&w->visits, memory_order_relaxed);
	sequence_set(w, (uintptr_t)wake_slept);
	if (!name_in(self, 0, (uintptr_t)&w->sequence))
		return false;
	answer = wake_sleep(&nap);
	name_in(self, (uintptr_t)&w->sequence, 0);
	return answer == 0 && atomic_load_explicit(&w->visits, memory_order_relaxed) == before + 1;
}

/* ---- the freezer's side --------------------------------------------------------------------------------------------------------------- */

static uintptr_t here_of(uintptr_t thread_pointer)
{
	return thread_pointer + (uintptr_t)&wake_here - (uintptr_t)__builtin_thread_pointer();
}

bool wake_hold(const struct thread *t, uintptr_t sp, uintptr_t pc, uint32_t frozen)
{
	struct wake *w = t->wake;

	if (verdict != WORKS || !w || !pc || w->busy || !t->thread_pointer ||
	    *(struct wake **)here_of(t->thread_pointer) != w ||
	    (int32_t)area_of(t->thread_pointer)->cpu_id < 0)
		return false;
	sequence_set(w, pc);
	w->sp = sp;
	w->frozen = frozen;
	if (name_in(t->thread_pointer, 0, (uintptr_t)&w->sequence))
		return true;
	w->frozen = 0;
	return false;
}

/*
 * A handler that the thread ran before it came to us left the kernel's frame below its stack pointer, or at the top of its alternate stack,
 * and in it both registers as they were. What is found is wiped out: it would be found again the next time.
 */
#define FRAME_BYTES 16384u
static bool frame_below(uintptr_t top, uintptr_t sp)
{
	for (uintptr_t at = (top & ~(uintptr_t)7) - 16; at > top - FRAME_BYTES; at -= 8) {
		uintptr_t *saved = (uintptr_t *)at; /* REG_RSP, REG_RIP */

		if ((at & 4095) > 4080 && !sys_can_read(at))
			return false; /* the stack's end */
		if (saved[0] != sp || saved[1] != (uintptr_t)wake_entry)
			continue;
		saved[1] = 0;
		return true;
	}
	return false;
}

/* A thread that is on its alternate stack already gets its next handler below its stack pointer. */
static bool ran_a_handler(const struct wake *w)
{
	bool there = w->alternate && w->sp - w->alternate > w->alternate_top - w->alternate;

	return frame_below(w->sp, w->sp) || (there && sys_can_read(w->alternate_top - 8) &&
					     frame_below(w->alternate_top, w->sp));
}

/* How long a thread that is on its way to us may take; it has a processor, as all others stand. */
#define WAY_MS 50u
bool wake_held(const struct thread *t, uint32_t frozen)
{
	struct timespec nap = {0, 100000};
	const struct wake *w = t->wake;

	if (!w || w->frozen != frozen)
		return false;
	for (unsigned i = 0; i < WAY_MS * 10; i++) {
		if (atomic_load_explicit(&w->came, memory_order_acquire) == frozen)
			return !ran_a_handler(w);
		/* the kernel wipes it out before the thread is in the program again */
		if (__atomic_load_n(named_in(t->thread_pointer), __ATOMIC_ACQUIRE) ==
		    (uintptr_t)&w->sequence)
			return true;
		sys(SYS_nanosleep, &nap, 0);
	}
	return false;
}

void wake_let_go(const struct thread *t)
{
	struct wake *w = t->wake;

	if (!w || !w->frozen)
		return;
	w->frozen = 0;
	name_in(t->thread_pointer, (uintptr_t)&w->sequence, 0);
}

uintptr_t wake_return(const struct thread *t, uintptr_t pc)
{
	return t && t->wake && pc == (uintptr_t)wake_entry ? t->wake->pc : pc;
}

#else
void wake_init(void)
{
}

struct wake *wake_make(void)
{
	return NULL;
}

void wake_own(struct wake *w)
{
}

bool wake_works(void)
{
	return false;
}

bool wake_untried(void)
{
	return false;
}

void wake_judge(bool works)
{
}

bool wake_probe(void)
{
	return false;
}

bool wake_hold(const struct thread *t, uintptr_t sp, uintptr_t pc, uint32_t frozen)
{
	return false;
}

bool wake_held(const struct thread *t, uint32_t frozen)
{
	return false;
}

void wake_let_go(const struct thread *t)
{
}

uintptr_t wake_return(const struct thread *t, uintptr_t pc)
{
	return pc;
}
#endif
