/*
 * unwind_memo.c - the previous stack of each thread, so that a walk only unwinds and interns what is new.
 *
 * A remembered stack is a row of states (pc, sp, rbp), outermost first. Why the outer part may be taken over: a walk is a
 * function of its state and of the words it reads from there on. So when a new walk comes to a remembered state, and every
 * word that the old walk read beyond it still has its old value, then the old walk is the new one. Hence two steps:
 *
 *   1. From the outside in, re-read the words that lead from each remembered frame to its caller: the return address, and
 *      the saved rbp where some frame further out is found by it. The first difference ends the trusted part.
 *   2. From the inside out, unwind until a state equals a trusted one (rbp only has to be equal where it matters).
 *
 * The second step is necessary: a trusted word may be a left-over in the unused part of a new frame. The first is
 * necessary up to the outermost frame: a function can be re-entered with the same frames below and another caller far above.
 * Greenlets and the like that copy stacks in and out are covered by the same argument.
 *
 * All remembered words lie above the current sp on the thread's own stack, so they can be read. On other stacks
 * (fibers, sigaltstack) the walk is plain.
 *
 * Stacks deeper than the limit are cut at a place that moves by a quarter of the limit at a time, not with every call, so that
 * trie nodes stay valid below it.
 */
#include "unwind.h"

/* Trie nodes by (parent, pc), private to the thread. */
#define EDGE_CACHE 1024
struct edge {
	uintptr_t pc;
	uint32_t parent, node;
};

/* A word that leads from frame `index` to its caller and is no return address. */
struct witness {
	const uintptr_t *address;
	uintptr_t value;
	size_t index;
};

enum { FRAME_NEEDS_RBP = 1, FRAME_EXACT = 2 };
struct fresh {
	struct unwind_state state;
	uint32_t rule;
};

#define MEMO_MAX (STACK_MAX_DEPTH + STACK_MAX_DEPTH / 4)

struct memo {
	bool busy; /* a signal handler allocates while its thread is in here */
	bool cut;  /* frame 0 has callers that were not followed */
	bool odd;  /* the stack being remembered cannot be kept */
	uint32_t generation;
	size_t n; /* frames remembered */
	size_t barrier; /* frames from this index on cannot be re-verified: a signal frame leads out of it */
	size_t nwitnesses;
	uintptr_t pc[MEMO_MAX], sp[MEMO_MAX], rbp[MEMO_MAX];
	uint32_t node[MEMO_MAX];
	uint8_t flags[MEMO_MAX];
	struct witness witnesses[2 * MEMO_MAX]; /* ascending by index */
	struct fresh fresh[MEMO_MAX];		/* innermost first */
	struct edge edges[EDGE_CACHE];
};

/* ---- the trie -------------------------------------------------------------------------------------------------------------- */

static inline uint32_t child(struct memo *memo, uint32_t parent, uintptr_t pc)
{
	uint64_t hash = (pc ^ (uint64_t)parent << 32) * 0x9e3779b97f4a7c15ull;
	struct edge *edge = &memo->edges[hash >> 54];
	_Static_assert(EDGE_CACHE == 1 << 10, "the shift above");
	if (likely(edge->pc == pc && edge->parent == parent))
		return edge->node;
	uint32_t node = stack_child(parent, pc);
	if (node)
		*edge = (struct edge){.pc = pc, .parent = parent, .node = node};
	return node;
}

static void memo_flush(struct memo *memo, uint32_t generation)
{
	memo->n = 0;
	memo->generation = generation;
	for (size_t i = 0; i < EDGE_CACHE; i++)
		memo->edges[i].pc = 0;
}

/* ---- 1. what is still true --------------------------------------------------------------------------------------------------- */

/* How many of the outermost remembered frames lead to each other as they did; `n` of them are not yet popped. */
static inline size_t trusted(const struct memo *memo, size_t n)
{
	if (!n)
		return 0;
	size_t max = memo->barrier < n ? memo->barrier : n, good = 1;
	while (good < max && *(const uintptr_t *)(memo->sp[good - 1] - 8) == memo->pc[good - 1])
		good++;
	for (size_t i = 0; i < memo->nwitnesses && memo->witnesses[i].index < good; i++) {
		if (*memo->witnesses[i].address != memo->witnesses[i].value)
			return memo->witnesses[i].index;
	}
	return good < max ? good : max;
}

/* ---- 2. what is new ------------------------------------------------------------------------------------------------------------ */

enum walk_end { WALK_JOINED, WALK_ENDED, WALK_CUT };

static inline bool joins(const struct memo *memo, size_t i, const struct unwind_state *state)
{
	return memo->sp[i] == state->sp && memo->pc[i] == state->pc && !state->exact &&
	       !(memo->flags[i] & FRAME_EXACT) &&
	       (!(memo->flags[i] & FRAME_NEEDS_RBP) || memo->rbp[i] == state->rbp);
}

/* Fills memo->fresh until a frame below `*good` is met; *good becomes how many remembered frames stay. */
static enum walk_end unwind_new(struct memo *memo, struct unwind_state state,
				const struct thread *thread, size_t max, size_t *good,
				size_t *count)
{
	const struct unwind_origin origin = {state.pc, state.sp};
	struct stack_view view = view_open(thread, state.sp);
	size_t n = 0, j = *good;
	enum walk_end end = WALK_CUT;
	while (n < max) {
		while (j && memo->sp[j - 1] < state.sp)
			j--;
		if (j && joins(memo, j - 1, &state)) {
			end = WALK_JOINED;
			break;
		}
		uint32_t rule = rule_get(&state);
		memo->fresh[n++] = (struct fresh){state, rule};
		if (!unwind_step(&state, rule, &view, &origin)) {
			end = WALK_ENDED;
			break;
		}
	}
	*good = end == WALK_JOINED ? j : 0;
	*count = n;
	return end;
}

/* ---- remembering ----------------------------------------------------------------------------------------------------------------- */

static void memo_truncate(struct memo *memo, size_t n)
{
	memo->n = n;
	if (memo->barrier >= n)
		memo->barrier = SIZE_MAX;
	while (memo->nwitnesses && memo->witnesses[memo->nwitnesses - 1].index >= n)
		memo->nwitnesses--;
}

static void witness(struct memo *memo, uintptr_t address, uintptr_t value)
{
	memo->witnesses[memo->nwitnesses++] = (struct witness){
		.address = (const uintptr_t *)address, .value = value, .index = memo->n};
}

/* What must hold for frame memo->n to lead to the frame before it, beside the return address. */
static void remember_step(struct memo *memo, const struct fresh *fresh, const struct thread *thread)
{
	size_t caller = memo->n - 1;
	uint32_t rule = fresh->rule;
	bool needed = memo->flags[caller] & FRAME_NEEDS_RBP;
	uintptr_t cfa = memo->sp[caller], rbp = fresh->state.rbp;
	switch (RULE_KIND(rule)) {
	case RULE_RSP:
	case RULE_RBP:
		if (needed && RULE_SAVED_RBP(rule))
			witness(memo, cfa - 8 * RULE_SAVED_RBP(rule), memo->rbp[caller]);
		break;
	case RULE_DRAP:
		if (rbp - RULE_OFFSET(rule) >= fresh->state.sp && rbp < thread->stack_high) {
			witness(memo, rbp - RULE_OFFSET(rule), cfa);
			if (needed)
				witness(memo, rbp, memo->rbp[caller]);
			break;
		}
		/* fall through */
	default:
		if (memo->barrier > memo->n)
			memo->barrier = memo->n;
	}
}

/* Is the frame's rbp one of the things that decide about its callers? */
static bool needs_rbp(const struct memo *memo, const struct fresh *fresh)
{
	switch (RULE_KIND(fresh->rule)) {
	case RULE_RBP:
	case RULE_DRAP:
		return true;
	case RULE_RSP:
		return !RULE_SAVED_RBP(fresh->rule) && memo->n &&
		       memo->flags[memo->n - 1] & FRAME_NEEDS_RBP;
	default:
		return false;
	}
}

/*
 * Only what ascends on the thread's own stack may be read again: everything of it above the current sp is mapped. A walk that
 * came over to another stack (a handler's, by a signal frame) is not kept.
 */
static inline bool can_be_kept(const struct memo *memo, uintptr_t sp, const struct thread *thread)
{
	return sp <= (memo->n ? memo->sp[memo->n - 1] : thread->stack_high);
}

static bool memo_push(struct memo *memo, const struct fresh *fresh, const struct thread *thread)
{
	size_t n = memo->n;
	memo->odd |= !can_be_kept(memo, fresh->state.sp, thread);
	uint32_t node = child(memo, n ? memo->node[n - 1] : 0, fresh->state.pc);
	if (unlikely(!node))
		return false;
	if (n)
		remember_step(memo, fresh, thread);
	memo->flags[n] = (needs_rbp(memo, fresh) ? FRAME_NEEDS_RBP : 0) |
			 (fresh->state.exact ? FRAME_EXACT : 0);
	memo->pc[n] = fresh->state.pc;
	memo->sp[n] = fresh->state.sp;
	memo->rbp[n] = fresh->state.rbp;
	memo->node[n] = node;
	memo->n = n + 1;
	return true;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------------- */

static uint32_t remember(struct memo *memo, const struct thread *thread, size_t good, size_t count)
{
	memo_truncate(memo, good);
	while (count) {
		if (!memo_push(memo, &memo->fresh[--count], thread))
			return 0;
	}
	uint32_t node = memo->node[memo->n - 1];
	if (unlikely(memo->odd))
		memo_truncate(memo, 0);
	memo->odd = false;
	return node;
}

static unsigned depth_limit(void)
{
	unsigned limit = config.stack_depth;
	return limit < 1 ? 1 : limit > STACK_MAX_DEPTH ? STACK_MAX_DEPTH : limit;
}

static uint32_t walk_remembered(struct memo *memo, const struct thread *thread,
				struct unwind_state state)
{
	unsigned limit = depth_limit(), slack = limit / 4;
	size_t good = memo->n, count;
	while (good && memo->sp[good - 1] < state.sp)
		good--;
	good = trusted(memo, good);
	enum walk_end end = unwind_new(memo, state, thread, limit + slack, &good, &count);
	bool cut = end == WALK_JOINED ? memo->cut : end == WALK_CUT;
	size_t total = good + count;
	if (unlikely(total > limit + slack || (cut && total < limit) || end == WALK_CUT)) {
		/* the cut moves: half of the slack on either side of it */
		good = 0;
		cut = unwind_new(memo, state, thread, limit + slack / 2, &good, &count) == WALK_CUT;
	}
	memo->cut = cut;
	return remember(memo, thread, good, count);
}

/* Fiber stacks, sigaltstack, threads without a record, a signal handler inside a walk. */
static uint32_t walk_plain(struct unwind_state state, struct memo *memo)
{
	uintptr_t pcs[64];
	unsigned limit = depth_limit();
	size_t n = unwinder_fast.walk(state.pc, state.sp, state.rbp, pcs, limit < 64 ? limit : 64);
	uint32_t node = 0;
	while (n) {
		node = memo ? child(memo, node, pcs[--n]) : stack_child(node, pcs[--n]);
		if (!node)
			break;
	}
	return node;
}

uint32_t memo_stack(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer)
{
	struct unwind_state state = {.pc = return_address, .sp = cfa, .rbp = frame_pointer};
	struct thread *thread = thread_current;
	if (unlikely(!thread))
		return walk_plain(state, NULL);
	struct memo *memo = thread->unwind;
	if (unlikely(!memo))
		thread->unwind = memo = arena_map(sizeof(*memo));
	if (unlikely(!memo || memo->busy))
		return walk_plain(state, NULL);
	memo->busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	uint32_t generation = unwind_generation, node;
	if (unlikely(memo->generation != generation ||
		     (memo->n && memo->sp[0] > thread->stack_high)))
		memo_flush(memo, generation);
	if (unlikely(!thread->stack_high))
		thread_stack(thread);
	if (likely(cfa - 8 >= thread->stack_low && cfa < thread->stack_high))
		node = walk_remembered(memo, thread, state);
	else
		node = walk_plain(state, memo);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memo->busy = false;
	return node;
}
