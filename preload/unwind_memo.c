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
 * Before the second step a cache is asked: what was unwound before from the same pc and sp (a few ways for each), down to
 * a frame that is among the trusted ones now. The same argument holds for it, so its words are re-read and its frames, with
 * their trie nodes, copied. Programs come back to the same few inner paths again and again.
 *
 * Stacks deeper than the limit are cut at a place that moves by a quarter of the limit at a time, not with every call, so that
 * trie nodes stay valid below it.
 */
#include <string.h>

#include "unwind.h"

/* Trie nodes by (parent, pc), private to the thread. */
#define EDGE_CACHE 1024
struct edge {
	uintptr_t pc;
	uint32_t parent, node;
};

/* A remembered frame. The state, what leads to its caller, and its trie node. */
struct memory {
	uintptr_t sp;
	uintptr_t pc; /* EXACT_PC set: interrupted there, no return address */
	uintptr_t rbp;
	uint32_t rule; /* bit 31: its rbp is one of the things that decide about its callers */
	uint32_t node;
};
#define NEEDS_RBP (1u << 31)
#define EXACT_PC (1ul << 63)

/* A word that leads from frame `index` to its caller and is no return address. */
struct witness {
	const uintptr_t *address;
	uintptr_t value;
	size_t index;
};

/*
 * The inner frames of an earlier walk, outermost first, down from remembered frame `good` - 1 that was `joined`. All of
 * them are found by rsp and none cares for rbp.
 */
#define RECALL_FRAMES 10
#define RECALL_SETS_BITS 5
#define RECALL_WAYS 8
struct recall {
	uintptr_t pc, sp, joined_pc, joined_sp;
	uint32_t joined_node;
	uint16_t good, count;
	struct memory frames[RECALL_FRAMES];
};

#define MEMO_MAX (STACK_MAX_DEPTH + STACK_MAX_DEPTH / 4)

struct memo {
	struct own_stack own;
	/* cfa of the walk that is in here, 0: none. A signal handler that allocates meanwhile walks plainly. */
	uintptr_t busy;
	uint32_t generation;
	unsigned limit; /* config.stack_depth within bounds */
	bool cut;	/* frame 0 has callers that were not followed */
	bool odd;	/* the stack being remembered cannot be kept */
	size_t n;	/* frames remembered */
	size_t barrier; /* frames from this index on cannot be re-verified: a signal frame leads out of it */
	size_t nwitnesses;
	struct memory frames[MEMO_MAX];
	struct edge edges[EDGE_CACHE];
	struct memory fresh[MEMO_MAX];		/* innermost first */
	struct witness witnesses[2 * MEMO_MAX]; /* ascending by index */
	uint32_t recall_turn;
	struct recall recalls[RECALL_WAYS << RECALL_SETS_BITS];
};

/* ---- the trie -------------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) uint32_t child_miss(struct edge *edge, uint32_t parent,
						     uintptr_t pc)
{
	uint32_t node = stack_child(parent, pc & ~EXACT_PC);
	if (node)
		*edge = (struct edge){.pc = pc, .parent = parent, .node = node};
	return node;
}

static inline uint32_t child(struct memo *memo, uint32_t parent, uintptr_t pc)
{
	uint64_t hash = (pc ^ (uint64_t)parent << 32) * 0x9e3779b97f4a7c15ull;
	struct edge *edge = &memo->edges[hash >> 54];
	_Static_assert(EDGE_CACHE == 1 << 10, "the shift above");
	if (likely(edge->pc == pc && edge->parent == parent))
		return edge->node;
	return child_miss(edge, parent, pc);
}

static unsigned depth_limit(void)
{
	unsigned limit = config.stack_depth;
	return limit < 1 ? 1 : limit > STACK_MAX_DEPTH ? STACK_MAX_DEPTH : limit;
}

static void memo_flush(struct memo *memo, uint32_t generation)
{
	memo->n = memo->nwitnesses = 0;
	memo->generation = generation;
	memo->limit = depth_limit();
	for (size_t i = 0; i < EDGE_CACHE; i++)
		memo->edges[i].pc = 0;
	for (size_t i = 0; i < RECALL_WAYS << RECALL_SETS_BITS; i++)
		memo->recalls[i].pc = 0;
}

/* ---- 1. what is still true --------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) size_t trusted_witnesses(const struct memo *memo, size_t good)
{
	for (size_t i = 0; i < memo->nwitnesses && memo->witnesses[i].index < good; i++) {
		if (*memo->witnesses[i].address != memo->witnesses[i].value)
			return memo->witnesses[i].index;
	}
	return good;
}

/* The slot under a frame's sp is where its pc was found: 0 while it still says so. */
static inline uintptr_t changed(const struct memory *frame)
{
	return ((const uintptr_t *)frame->sp)[-1] ^ frame->pc;
}

/* How many of the outermost `n` remembered frames, none of them popped, lead to each other as they did. */
static inline size_t trusted(const struct memo *memo, size_t n)
{
	size_t max = memo->barrier < n ? memo->barrier : n;
	const struct memory *frame = memo->frames, *end = frame + max;
	if (!max)
		return 0;
	while (end - frame > 4 &&
	       !(changed(frame) | changed(frame + 1) | changed(frame + 2) | changed(frame + 3)))
		frame += 4;
	while (frame + 1 < end && !changed(frame))
		frame++;
	size_t good = (size_t)(frame - memo->frames) + 1;
	return likely(!memo->nwitnesses) ? good : trusted_witnesses(memo, good);
}

/* ---- 2. what is new ------------------------------------------------------------------------------------------------------------ */

enum walk_end { WALK_JOINED, WALK_ENDED, WALK_CUT };

struct fresh_walk {
	enum walk_end end;
	size_t good, count; /* remembered frames that stay, frames in memo->fresh */
};

/* The kinds of rules that are not the usual one. */
static __attribute__((noinline)) bool advance_odd(struct memory *frame, struct stack_view *view,
						  const struct unwind_origin *origin)
{
	struct unwind_state state = {.pc = frame->pc & ~EXACT_PC,
				     .sp = frame->sp,
				     .rbp = frame->rbp,
				     .exact = frame->pc >> 63};
	if (!unwind_step(&state, frame->rule, view, origin))
		return false;
	frame->pc = state.pc | (state.exact ? EXACT_PC : 0);
	frame->sp = state.sp;
	frame->rbp = state.rbp;
	return true;
}

/* CFA = rsp + offset. Both words lie in the frame, so the ends are compared once. False: to be done by advance_odd(). */
static inline bool advance(struct memory *to, uint32_t rule, uintptr_t pc, uintptr_t sp,
			   uintptr_t rbp, const struct stack_view *view)
{
	uintptr_t cfa = sp + RULE_OFFSET(rule), slot = cfa - 8 * RULE_SAVED_RBP(rule);
	if (unlikely(RULE_KIND(rule) != RULE_RSP || cfa & 7 || slot < view->low ||
		     cfa > view->high))
		return false;
	to->pc = ((const uintptr_t *)cfa)[-1];
	to->rbp = RULE_SAVED_RBP(rule) ? *(const uintptr_t *)slot : rbp;
	to->sp = cfa;
	return true;
}

static inline bool meets(const struct memory *frame, uintptr_t pc, uintptr_t sp, uintptr_t rbp)
{
	return frame->sp == sp && frame->pc == pc &&
	       (likely(!(frame->rule & NEEDS_RBP)) || frame->rbp == rbp);
}

/*
 * From the state (pc, sp, rbp) on into memo->fresh, until one of the `good` remembered frames is met. Everything is kept and moved
 * word by word: a wide load of words that were just stored one by one stalls, and a walk is only some 50 cycles long.
 */
static struct fresh_walk unwind_new(struct memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t rbp,
				    size_t max, size_t good)
{
	const struct unwind_origin origin = {pc, sp};
	struct stack_view view = view_open(sp);
	const struct memory *met = memo->frames + good;
	struct memory *next = memo->fresh, *end = next + max;
	enum walk_end how = WALK_CUT;
	while (next < end) {
		while (met > memo->frames && met[-1].sp < sp)
			met--;
		if (met > memo->frames && meets(met - 1, pc, sp, rbp)) {
			how = WALK_JOINED;
			break;
		}
		uint32_t rule = rule_get(pc >> 63 ? pc & ~EXACT_PC : pc - 1);
		next->sp = sp;
		next->pc = pc;
		next->rbp = rbp;
		next->rule = rule;
		struct memory caller;
		if (unlikely(!advance(&caller, rule, pc, sp, rbp, &view))) {
			caller.sp = sp, caller.pc = pc, caller.rbp = rbp, caller.rule = rule;
			if (!advance_odd(&caller, &view, &origin))
				caller.pc = 0;
		}
		next++;
		pc = caller.pc, sp = caller.sp, rbp = caller.rbp;
		if (unlikely(!is_code(pc & ~EXACT_PC))) {
			how = WALK_ENDED;
			break;
		}
	}
	return (struct fresh_walk){.end = how,
				   .good = how == WALK_JOINED ? (size_t)(met - memo->frames) : 0,
				   .count = (size_t)(next - memo->fresh)};
}

/* ---- remembering ----------------------------------------------------------------------------------------------------------------- */

static inline void memo_truncate(struct memo *memo, size_t n)
{
	memo->n = n;
	if (memo->barrier >= n)
		memo->barrier = SIZE_MAX;
	while (unlikely(memo->nwitnesses) && memo->witnesses[memo->nwitnesses - 1].index >= n)
		memo->nwitnesses--;
}

/* For the frame that was pushed last. */
static void witness(struct memo *memo, uintptr_t address, uintptr_t value)
{
	if (memo->nwitnesses < 2 * MEMO_MAX)
		memo->witnesses[memo->nwitnesses++] =
			(struct witness){.address = (const uintptr_t *)address,
					 .value = value,
					 .index = memo->n - 1};
	else
		memo->odd = true;
}

/* What must hold for the frame that is pushed to lead to `caller`, beside the return address. */
static void remember_step(struct memo *memo, const struct memory *frame,
			  const struct memory *caller)
{
	bool needed = caller->rule & NEEDS_RBP;
	uintptr_t base = frame->rbp - RULE_OFFSET(frame->rule);
	switch (RULE_KIND(frame->rule)) {
	case RULE_RSP:
	case RULE_RBP:
		if (needed && RULE_SAVED_RBP(frame->rule))
			witness(memo, caller->sp - 8 * RULE_SAVED_RBP(frame->rule), caller->rbp);
		break;
	case RULE_DRAP:
		if (base >= frame->sp && frame->rbp < memo->own.high) {
			witness(memo, base, caller->sp);
			if (needed)
				witness(memo, frame->rbp, caller->rbp);
			break;
		}
		/* fall through */
	default:
		if (memo->barrier > memo->n - 1)
			memo->barrier = memo->n - 1;
	}
}

/* Does the frame's rbp decide about its callers? `caller` may be NULL: the walk ended there. */
static bool needs_rbp(const struct memory *frame, const struct memory *caller)
{
	switch (RULE_KIND(frame->rule)) {
	case RULE_RBP:
	case RULE_DRAP:
		return true;
	case RULE_RSP:
		return !RULE_SAVED_RBP(frame->rule) && caller && caller->rule & NEEDS_RBP;
	default:
		return false;
	}
}

/*
 * Only what ascends on the thread's own stack may be read again: everything of it above the current sp is mapped. A
 * walk that came over to another stack (a handler's, by a signal frame) is not kept.
 */
static __attribute__((noinline)) void push_odd(struct memo *memo, struct memory *frame,
					       const struct memory *caller)
{
	memo->odd |= frame->sp > (caller ? caller->sp : memo->own.high);
	if (caller)
		remember_step(memo, frame, caller);
	if (needs_rbp(frame, caller))
		frame->rule |= NEEDS_RBP;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------------- */

static inline struct recall *recall_set(struct memo *memo, uintptr_t pc, uintptr_t sp)
{
	uint64_t hash = (pc ^ sp << 20) * 0x9e3779b97f4a7c15ull;
	return memo->recalls + RECALL_WAYS * (hash >> (64 - RECALL_SETS_BITS));
}

/* Do the frames still lead to each other and to the remembered frame, one of `good` trusted ones? */
static inline bool recall_holds(const struct recall *r, const struct memo *memo, size_t good)
{
	if (r->good > good)
		return false;
	const struct memory *caller = memo->frames + r->good - 1, *frame = r->frames;
	if (caller->sp != r->joined_sp || caller->pc != r->joined_pc || caller->rule & NEEDS_RBP)
		return false;
	const struct memory *end = frame + r->count;
	for (; frame < end; caller = frame++) {
		if (changed(caller))
			return false;
	}
	return true;
}

/* The frames are as they were; their nodes only if what holds them is, too. */
static inline uint32_t recall_take(struct memo *memo, struct recall *r)
{
	struct memory *to = memo->frames + r->good;
	uint32_t node = to[-1].node;
	memo_truncate(memo, r->good);
	for (size_t i = 0; i < r->count; i++)
		memcpy(to + i, r->frames + i, sizeof(*to));
	if (node != r->joined_node) {
		r->joined_node = node;
		for (size_t i = 0; i < r->count; i++) {
			node = child(memo, node, to[i].pc);
			if (unlikely(!node)) {
				r->pc = 0;
				return 0;
			}
			to[i].node = r->frames[i].node = node;
		}
	}
	memo->n = r->good + r->count;
	return to[r->count - 1].node;
}

/* The node of the whole stack, 0 when no earlier walk fits. Stacks near the limit go the long way. */
static inline uint32_t recall(struct memo *memo, uintptr_t pc, uintptr_t sp, size_t good,
			      size_t max)
{
	struct recall *r = recall_set(memo, pc, sp), *end = r + RECALL_WAYS;
	for (; r < end; r++) {
		if (r->pc == pc && r->sp == sp && recall_holds(r, memo, good) &&
		    r->good + r->count <= max)
			return recall_take(memo, r);
	}
	return 0;
}

static inline void recall_keep(struct memo *memo, size_t good, size_t count)
{
	const struct memory *inner = memo->frames + good + count - 1;
	struct recall *r =
		recall_set(memo, inner->pc, inner->sp) + memo->recall_turn++ % RECALL_WAYS;
	r->pc = inner->pc;
	r->sp = inner->sp;
	r->joined_pc = memo->frames[good - 1].pc;
	r->joined_sp = memo->frames[good - 1].sp;
	r->joined_node = memo->frames[good - 1].node;
	r->good = (uint16_t)good;
	r->count = (uint16_t)count;
	memcpy(r->frames, memo->frames + good, count * sizeof(*r->frames));
}

static inline uint32_t remember(struct memo *memo, size_t good, size_t count)
{
	bool usual = good && count && count <= RECALL_FRAMES;
	size_t news = count;
	memo_truncate(memo, good);
	struct memory *top = memo->frames + good;
	const struct memory *fresh = memo->fresh + count;
	uint32_t node = good ? top[-1].node : 0;
	for (; fresh > memo->fresh; top++) {
		fresh--;
		node = child(memo, node, fresh->pc);
		if (unlikely(!node || top == memo->frames + MEMO_MAX))
			return 0;
		top->sp = fresh->sp;
		top->pc = fresh->pc;
		top->rbp = fresh->rbp;
		top->rule = fresh->rule;
		top->node = node;
		memo->n++;
		/* usual: found by rsp, below a frame that does not care for rbp */
		const struct memory *caller = top > memo->frames ? top - 1 : NULL;
		if (unlikely(!caller || RULE_KIND(top->rule) != RULE_RSP ||
			     caller->rule & NEEDS_RBP || top->sp > caller->sp)) {
			push_odd(memo, top, caller);
			usual = false;
		}
	}
	if (usual)
		recall_keep(memo, good, news);
	if (unlikely(memo->odd)) {
		memo_truncate(memo, 0);
		memo->odd = false;
	}
	return node;
}

static inline uint32_t walk_remembered(struct memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t rbp)
{
	unsigned limit = memo->limit, slack = limit / 4;
	size_t good = memo->n;
	while (good && memo->frames[good - 1].sp < sp)
		good--;
	good = trusted(memo, good);
	if (likely(!memo->cut)) {
		uint32_t node = recall(memo, pc, sp, good, limit + slack);
		if (likely(node))
			return node;
	}
	struct fresh_walk walk = unwind_new(memo, pc, sp, rbp, limit + slack, good);
	bool cut = walk.end == WALK_JOINED ? memo->cut : walk.end == WALK_CUT;
	size_t total = walk.good + walk.count;
	if (unlikely(total > limit + slack || (cut && total < limit) || walk.end == WALK_CUT)) {
		/* the cut moves: half of the slack on either side of it */
		walk = unwind_new(memo, pc, sp, rbp, limit + slack / 2, 0);
		cut = walk.end == WALK_CUT;
	}
	memo->cut = cut;
	return remember(memo, walk.good, walk.count);
}

/* Fiber stacks, sigaltstack, threads without a record, a signal handler inside a walk. */
static __attribute__((noinline)) uint32_t walk_plain(uintptr_t pc, uintptr_t cfa, uintptr_t rbp,
						     struct memo *memo)
{
	uintptr_t pcs[64];
	unsigned limit = depth_limit();
	size_t n = unwinder_fast.walk(pc, cfa, rbp, pcs, limit < 64 ? limit : 64);
	uint32_t node = 0;
	while (n) {
		node = memo ? child(memo, node, pcs[--n]) : stack_child(node, pcs[--n]);
		if (!node)
			break;
	}
	return node;
}

/*
 * A walk that began further in on this very stack was left by longjmp, and one that began elsewhere by a thread that had
 * this record before: they do not come back. `cfa` is 0 on a foreign stack: then the walk may be right below us.
 */
static __attribute__((noinline)) bool abandoned(const struct memo *memo, uintptr_t cfa)
{
	return cfa > memo->busy ||
	       (cfa && (memo->busy < memo->own.low || memo->busy > memo->own.high));
}

uint32_t memo_stack(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer)
{
	struct thread *thread = thread_current;
	if (unlikely(!thread))
		return walk_plain(return_address, cfa, frame_pointer, NULL);
	struct memo *memo = thread->unwind;
	if (unlikely(!memo))
		thread->unwind = memo = arena_map(sizeof(*memo));
	if (unlikely(!memo))
		return walk_plain(return_address, cfa, frame_pointer, NULL);
	bool own = own_stack(&memo->own, cfa - 8);
	if (unlikely(memo->busy && !abandoned(memo, own ? cfa : 0)))
		return walk_plain(return_address, cfa, frame_pointer, NULL);
	uint32_t generation = unwind_generation, node;
	if (unlikely(memo->busy || memo->generation != generation ||
		     (memo->n && memo->frames[0].sp > memo->own.high)))
		memo_flush(memo, generation);
	memo->busy = cfa;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (likely(own))
		node = walk_remembered(memo, return_address, cfa, frame_pointer);
	else
		node = walk_plain(return_address, cfa, frame_pointer, memo);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memo->busy = 0;
	return node;
}
