/*
 * unwind_fast.c - the built-in unwinder: rules in a cache, one step, the plain walk.
 *
 * A frame costs two loads while its rule is in the cache: the entry and the return address. The first sight of a code
 * address runs its CFA program (unwind_cfi.c). Frame pointers are followed only where the CFI says that rbp is one.
 */
#include <ucontext.h>

#include "hooks/around.h"
#include "hooks/thunk.h"
#include "unwind.h"

uint64_t *rule_cache;
/*
 * Where rules were put since the cache was empty, so that forgetting need not look through all of it: a start that loads a
 * plug-in after the other has few rules each time. A set may be there twice. After the last place all of the cache is read.
 */
#define PLACES 4096u
static uint32_t places[PLACES]; /* numbers of sets */
static uint32_t places_used;	/* counts on when they are full */
_Atomic uint32_t unwind_generation = 1;

/* ---- rules ------------------------------------------------------------------------------------------------------------------ */

static void place_note(const uint64_t *set)
{
	uint32_t n = __atomic_load_n(&places_used, __ATOMIC_RELAXED);

	if (n <= PLACES)
		n = __atomic_fetch_add(&places_used, 1, __ATOMIC_RELAXED);
	if (n < PLACES)
		__atomic_store_n(&places[n], (uint32_t)((set - rule_cache) / 2), __ATOMIC_RELAXED);
}

__attribute__((noinline)) uint32_t rule_miss(uintptr_t address)
{
	bool keep;
	uint32_t rule = cfi_rule(address, &keep);
	if (keep) {
		uint64_t hash = rule_hash(address), *set = rule_set(hash);
		/* the older one moves to the second place: tags are per set, so it is still itself there */
		uint64_t older = __atomic_load_n(set, __ATOMIC_RELAXED);
		if (older)
			__atomic_store_n(set + 1, older, __ATOMIC_RELAXED);
		place_note(set);
		__atomic_store_n(set, hash << 31 | rule, __ATOMIC_RELAXED);
	}
	return rule;
}

/* ---- one step ------------------------------------------------------------------------------------------------------------------ */

/* The kernel's frame: pretcode was popped by the handler's return, sp is at the ucontext. */
static bool step_signal(struct unwind_state *state, struct stack_view *view)
{
	uintptr_t registers = state->sp + offsetof(ucontext_t, uc_mcontext.gregs);
	struct unwind_state next = {.exact = true};
	if (!view_read(view, registers + 8 * REG_RIP, &next.pc) ||
	    !view_read(view, registers + 8 * REG_RSP, &next.sp) ||
	    !view_read(view, registers + 8 * REG_RBP, &next.rbp))
		return false;
	*state = next;
	return is_code(next.pc);
}

static bool step_drap(struct unwind_state *state, uint32_t rule, struct stack_view *view)
{
	struct unwind_state next = {0};
	uintptr_t cfa;
	if (!view_read(view, state->rbp - RULE_OFFSET(rule), &cfa) || cfa <= state->sp ||
	    !view_read(view, cfa - 8, &next.pc) || !view_read(view, state->rbp, &next.rbp))
		return false;
	next.sp = cfa;
	*state = next;
	return is_code(next.pc);
}

/* A hooked call whose return leads to us: its frame is empty, the real address is with us. */
static bool step_hooked(struct unwind_state *state)
{
	const struct around *around = around_find(state->pc, state->sp);

	if (!around)
		return false;
	state->pc = around->return_address;
	return is_code(state->pc);
}

bool unwind_step_odd(struct unwind_state *state, uint32_t rule, struct stack_view *view,
		     const struct unwind_origin *origin)
{
	switch (RULE_KIND(rule)) {
	case RULE_DRAP:
		return step_drap(state, rule, view);
	case RULE_SIGNAL:
		return step_signal(state, view);
	case RULE_WIDE:
		if (hook_thunk_returns(state->pc))
			return step_hooked(state);
		return wide_step(state, view, origin);
	default:
		return false;
	}
}

/* ---- the unwinder ---------------------------------------------------------------------------------------------------------- */

static size_t fast_walk(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer,
			uintptr_t *pcs, size_t max)
{
	struct unwind_state state = {.pc = return_address, .sp = cfa, .rbp = frame_pointer};
	const struct unwind_origin origin = {return_address, cfa};
	struct stack_view view = view_open(cfa);
	size_t n = 0;
	while (n < max) {
		pcs[n++] = hook_thunk_returns(state.pc) ? (uintptr_t)hook_thunk_return : state.pc;
		if (!unwind_step(&state, rule_get(state.exact ? state.pc : state.pc - 1), &view,
				 &origin))
			break;
	}
	return n;
}

static bool fast_init(void)
{
	rule_cache = arena_map(RULE_CACHE_BYTES);
	return rule_cache && cfi_init();
}

/* The other way round: rule_hash() is one-to-one. */
static uintptr_t rule_address(size_t entry)
{
	const uint64_t inverse = 0xf1de83e19937733dull; /* of the multiplier, modulo 2^64 */
	uint64_t hash = (uint64_t)(entry >> 1) << (48 - RULE_SETS_BITS) | rule_cache[entry] >> 31;
	return hash * inverse & 0xffffffffffffull;
}

static void set_forget(size_t set, uintptr_t low, uintptr_t high)
{
	for (size_t i = 2 * set; i < 2 * set + 2; i++) {
		uintptr_t address = rule_cache[i] ? rule_address(i) : 0;

		if (address && address >= low && address < high)
			__atomic_store_n(&rule_cache[i], 0, __ATOMIC_RELAXED);
	}
}

/* A rule that another thread puts there meanwhile is of code that stays: it runs. */
static void fast_forget(uintptr_t low, uintptr_t high)
{
	uint32_t n = __atomic_load_n(&places_used, __ATOMIC_RELAXED);

	cfi_refresh();
	if (n <= PLACES)
		for (uint32_t i = 0; i < n; i++)
			set_forget(__atomic_load_n(&places[i], __ATOMIC_RELAXED), low, high);
	else
		for (size_t i = 0; i < RULE_CACHE_BYTES / sizeof(*rule_cache) / 2; i++)
			set_forget(i, low, high);
	unwind_generation++;
}

const struct unwinder unwinder_fast = {
	.name = "built-in",
	.init = fast_init,
	.walk = fast_walk,
	.forget = fast_forget,
	.stack = memo_stack,
};
