/*
 * unwind.h - what the parts of the built-in unwinder (x86-64) share. Beside them only
 * freeze.c and calls.c include it, for stopped threads, and hooks/image.h, for the extents of functions: see struct unwinder in shim.h.
 *
 *   unwind_cfi.c    .eh_frame: the row of the CFA table for one code address; its compact rule
 *   unwind_stack.c  what may be read of a stack
 *   unwind_fast.c   rules in a cache, one step, the plain walk
 *   unwind_memo.c   the previous stack of the thread: unchanged outer frames are taken over
 *   unwind_wide.c   one step with all registers, for the few rows that no compact rule can say
 *
 * A walk is a function of its first state (pc, sp, rbp) and of the words that it reads. All of them lie on the stack
 * between the first sp and the end of the stack that view_* allows.
 */
#ifndef REFGRAPH_UNWIND_H
#define REFGRAPH_UNWIND_H

#include <string.h>

#include "shim.h"

/* DWARF numbers of x86-64 */
enum { DW_RBX = 3, DW_RBP = 6, DW_RSP = 7, DW_R12 = 12, DW_PC = 16, DW_MAX = 17 };

/* ---- unwind_cfi.c ---------------------------------------------------------------------------------------------------- */

/* How a caller's register is found. */
enum cfi_how {
	CFI_SAME,
	CFI_UNDEFINED,
	CFI_OFFSET,
	CFI_VALUE_OFFSET,
	CFI_REGISTER,
	CFI_EXPRESSION,
	CFI_VALUE_EXPRESSION
};
struct cfi_register {
	uint8_t how;
	uint16_t size; /* of the expression */
	union {
		int64_t value; /* offset from the CFA, or a register's number */
		const uint8_t *expression;
	};
};
struct cfi_row {
	bool signal_frame;
	bool cfa_is_expression;
	uint8_t cfa_register;
	struct cfi_register cfa; /* value = offset, or the expression */
	struct cfi_register registers[DW_MAX];
};
enum cfi_result { CFI_OK, CFI_NO_MODULE, CFI_NO_ENTRY, CFI_BAD };

/* Finds how to look up modules; outside hooks. */
bool cfi_init(void);
/* The list of modules changed. Outside hooks; may take the loader's lock. */
void cfi_refresh(void);
/* The row for the instruction that contains or starts at `address`. No locks, no allocation. */
enum cfi_result cfi_find(uintptr_t address, struct cfi_row *row);
/* Where the code that its entry is about begins: a function, mostly. 0: there is none. */
uintptr_t cfi_start(uintptr_t address);

/* A module by its .eh_frame_hdr, whether or not the loader shows it already. */
struct cfi_module {
	uintptr_t low, high;
	const uint8_t *header; /* NULL none */
};
/* The last function by .eh_frame that begins at or before `address`; it may end before it. False: there is none, or the table is not
 * readable. */
bool cfi_function(const struct cfi_module *module, uintptr_t address, uintptr_t *start,
		  uintptr_t *end);

/*
 * A rule: one row in 31 bits, as far as the three registers pc, sp, rbp need it.
 *   bits 0..2    kind
 *   bits 3..9    the caller's rbp is at CFA - 8 * this; 0: unchanged
 *   bits 10..30  RSP, RBP: (CFA - register) / 8;  DRAP: -offset / 8
 */
enum rule_kind {
	RULE_EMPTY,
	RULE_RSP,     /* CFA = rsp + offset */
	RULE_RBP,     /* CFA = rbp + offset */
	RULE_DRAP,    /* CFA = *(rbp - offset), rbp = *rbp: functions that realign their stack */
	RULE_SIGNAL,  /* sp is at the ucontext that the kernel pushed */
	RULE_WIDE,    /* valid, but in need of other registers */
	RULE_END,     /* the outermost frame */
	RULE_UNKNOWN, /* no (usable) unwind information: the walk ends */
};
#define RULE_KIND(rule) ((rule)&7u)
#define RULE_SAVED_RBP(rule) ((rule) >> 3 & 127u)
#define RULE_OFFSET(rule) ((uintptr_t)((rule) >> 10) * 8)
#define RULE_MAKE(kind, saved_rbp, words)                                                          \
	((uint32_t)(kind) | (uint32_t)(saved_rbp) << 3 | (uint32_t)(words) << 10)

/* Finds and compresses; RULE_UNKNOWN when there is none. `*keep` = false when the answer may change without a dlclose. */
uint32_t cfi_rule(uintptr_t address, bool *keep);

/* ---- unwind_stack.c -------------------------------------------------------------------------------------------------- */

/* The thread's own stack as far as it is known to be mapped; first member of what thread->unwind points to. */
struct own_stack {
	uintptr_t low, high;
	uintptr_t thread; /* thread pointer of the owner */
};

static inline uintptr_t thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

bool own_stack_find(struct own_stack *own, uintptr_t sp);
/* Is sp on it, so that all from sp to own->high can be read? */
static inline bool own_stack(struct own_stack *own, uintptr_t sp)
{
	return likely(sp >= own->low && sp < own->high && own->thread == thread_pointer()) ||
	       own_stack_find(own, sp);
}

/* The part of a stack that may be read. Grows page by page, each one probed, on stacks that are not the thread's own. */
struct stack_view {
	uintptr_t low, high;
};
/* For a walk by the calling thread that begins at sp. */
struct stack_view view_open(uintptr_t sp);
/* Makes [address, address + 8) readable, or says that it is not. */
bool view_extend(struct stack_view *view, uintptr_t address);

static inline bool view_read(struct stack_view *view, uintptr_t address, uintptr_t *value)
{
	if (unlikely(address < view->low || address >= view->high || (address & 7)) &&
	    !view_extend(view, address))
		return false;
	*value = *(const uintptr_t *)address;
	return true;
}

/* ---- unwind_fast.c ---------------------------------------------------------------------------------------------------- */

struct unwind_state {
	uintptr_t pc, sp, rbp;
	bool exact; /* pc was interrupted there: it is no return address */
};

/*
 * The cache of rules: sets of two entries, lock-free. A one-to-one hash of the 48 bits of an address gives 15 bits of
 * place and 33 bits of tag; an entry is tag << 31 | rule, so that one load is always one consistent answer. 0 is empty.
 */
#define RULE_SETS_BITS 15
#define RULE_CACHE_BYTES ((size_t)16 << RULE_SETS_BITS)
extern uint64_t *rule_cache;
extern _Atomic uint32_t
	unwind_generation; /* advances when code goes away: memos of older ones are worthless */
uint32_t rule_miss(uintptr_t address);

static inline uint64_t rule_hash(uintptr_t address)
{
	return address * 0x9e3779b97f4a7c15ull & 0xffffffffffffull;
}

static inline uint64_t *rule_set(uint64_t hash)
{
	return rule_cache + (hash >> (48 - RULE_SETS_BITS) << 1);
}

/* The rule of the frame whose code address is this: a return address less one, or where code was interrupted. */
static inline uint32_t rule_get(uintptr_t address)
{
	uint64_t hash = rule_hash(address), *set = rule_set(hash);
	uint64_t first = __atomic_load_n(set, __ATOMIC_RELAXED) ^ hash << 31;
	if (likely(!(first >> 31) && first))
		return (uint32_t)first;
	uint64_t second = __atomic_load_n(set + 1, __ATOMIC_RELAXED) ^ hash << 31;
	if (likely(!(second >> 31) && second))
		return (uint32_t)second;
	return rule_miss(address);
}

/* The same as far as the cache knows; RULE_EMPTY. */
static inline uint32_t rule_peek(uintptr_t address)
{
	uint64_t hash = rule_hash(address), *set = rule_set(hash);
	uint64_t first = __atomic_load_n(set, __ATOMIC_RELAXED) ^ hash << 31;
	uint64_t second = __atomic_load_n(set + 1, __ATOMIC_RELAXED) ^ hash << 31;

	return likely(!(first >> 31)) ? (uint32_t)first
	       : second >> 31	      ? RULE_EMPTY
				      : (uint32_t)second;
}

/* Where a walk began, for unwind_wide.c. */
struct unwind_origin {
	uintptr_t pc, sp;
};
/* User space ends at 2^47; 0 is how hand-made stacks end. */
static inline bool is_code(uintptr_t pc)
{
	return pc - 1 < (1ul << 47) - 1;
}

/* From a frame to its caller by its rule. False: the walk ends here. */
bool unwind_step_odd(struct unwind_state *state, uint32_t rule, struct stack_view *view,
		     const struct unwind_origin *origin);
static inline bool unwind_step(struct unwind_state *state, uint32_t rule, struct stack_view *view,
			       const struct unwind_origin *origin)
{
	uintptr_t cfa, rbp = state->rbp;
	if (likely(RULE_KIND(rule) == RULE_RSP))
		cfa = state->sp + RULE_OFFSET(rule);
	else if (RULE_KIND(rule) == RULE_RBP)
		cfa = state->rbp + RULE_OFFSET(rule);
	else
		return unwind_step_odd(state, rule, view, origin);
	uintptr_t pc;
	/* callers lie above: whatever a wrong row says, a walk ends */
	if (unlikely(cfa <= state->sp) || !view_read(view, cfa - 8, &pc))
		return false;
	if (RULE_SAVED_RBP(rule) && !view_read(view, cfa - 8 * RULE_SAVED_RBP(rule), &rbp))
		return false;
	*state = (struct unwind_state){.pc = pc, .sp = cfa, .rbp = rbp};
	return is_code(pc);
}

/* ---- unwind_memo.c ------------------------------------------------------------------------------------------------------ */

uint32_t memo_stack(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer);

/* ---- unwind_wide.c ------------------------------------------------------------------------------------------------------ */

/* All registers of a frame, by DWARF number. */
struct wide_registers {
	uintptr_t r[DW_MAX];
	uintptr_t slot
		[DW_MAX]; /* where a deeper frame saved it; 0: it is in the register still, or was worked out */
	uint32_t known; /* bit set */
	bool exact;	/* as in unwind_state */
};
#define WIDE_ALL ((1u << DW_MAX) - 1)
/* What a function must preserve for its caller: rbx, rbp, rsp, r12 to r15. */
#define KEPT_REGISTERS (1u << DW_RBX | 1u << DW_RBP | 1u << DW_RSP | 15u << DW_R12)

/*
 * The calling function's own: what it must preserve for its caller, its sp, and a pc for which the unwind tables describe
 * exactly this moment. The others count as known, since no sound row asks for them.
 */
static inline __attribute__((always_inline)) void wide_here(struct wide_registers *regs)
{
	memset(regs, 0, sizeof(*regs));
	regs->known = WIDE_ALL;
	regs->exact = true;
	__asm__ volatile("movq %%rbx, 24(%0)\n\t"
			 "movq %%rbp, 48(%0)\n\t"
			 "movq %%rsp, 56(%0)\n\t"
			 "movq %%r12, 96(%0)\n\t"
			 "movq %%r13, 104(%0)\n\t"
			 "movq %%r14, 112(%0)\n\t"
			 "movq %%r15, 120(%0)\n\t"
			 "leaq 0(%%rip), %%rax\n\t"
			 "movq %%rax, 128(%0)"
			 :
			 : "r"(regs->r)
			 : "rax", "memory");
}

/* One step in parts: the CFA of a frame by its row (false: a register that it takes is not known); then its caller's registers. */
bool wide_cfa(const struct cfi_row *row, const struct wide_registers *regs, struct stack_view *view,
	      uintptr_t *cfa);
bool wide_caller(const struct cfi_row *row, uintptr_t cfa, struct wide_registers *regs,
		 struct stack_view *view);
/* From a signal's frame to what it interrupted. */
bool wide_interrupted(struct wide_registers *regs, struct stack_view *view);

/* Unwinds with all registers from its own caller through `origin` to `state` and one frame further. */
bool wide_step(struct unwind_state *state, struct stack_view *view,
	       const struct unwind_origin *origin);

#endif
