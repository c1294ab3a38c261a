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
 * Each remembered frame has a print: a hash of 64 bits of all code addresses from the outermost frame to it. The trie node of a stack is
 * looked up by the print of its innermost frame, so what lies between is interned only when a stack is new. Two stacks of one program would have
 * to agree in 64 bits to be taken for each other.
 *
 * A hooked call whose return leads to us (hooks/around.h) is remembered like any frame: which record it is stands in the return address,
 * and that the record still says what it said is read again as a witness.
 *
 * Stacks deeper than the limit are cut at a place that moves by a quarter of the limit at a time, not with every call, so that
 * trie nodes stay valid below it.
 */
#include <string.h>

#include "hooks/around.h"
#include "hooks/outside.h"
#include "hooks/thunk.h"
#include "unwind.h"

/* Trie nodes by the print of their stack, private to the thread; in sets of two. */
#define PATH_SETS_BITS 12
struct path {
	uint64_t print;
	uint32_t node;
};

/* A remembered frame: the state, what leads to its caller, and what the stack up to it is known by. */
struct memory {
	uintptr_t sp;
	uintptr_t pc; /* EXACT_PC set: interrupted there, no return address */
	uintptr_t rbp;
	uint64_t print;
	uint32_t rule; /* bit 31: its rbp is one of the things that decide about its callers */
};
#define NEEDS_RBP (1u << 31)
#define EXACT_PC (1ul << 63)

/* The slot under a frame's sp, and what it has to say: where the frame's pc was found. */
struct slot {
	const uintptr_t *address;
	uintptr_t word;
};

/*
 * A rule of the usual kind (CFA = rsp + offset) for the frame that returns to `pc`, worked out: the quick walk asks for the same few thousand
 * addresses again and again.
 */
#define STEPS_BITS 12
struct step {
	uintptr_t pc;
	uint32_t rule;
	uint16_t cfa; /* from its sp */
	uint16_t rbp; /* the caller's is there, from its sp; NOT_SAVED */
};
#define NOT_SAVED 0xffffu

/* A word that leads from frame `index` to its caller and is no return address. */
struct witness {
	const uintptr_t *address;
	uintptr_t value;
	size_t index;
};

#define MEMO_MAX (STACK_MAX_DEPTH + STACK_MAX_DEPTH / 4)
#define QUICK_FRAMES 64u /* new ones; below MEMO_MAX */

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
	struct slot slots[MEMO_MAX]; /* of the frames */
	struct memory frames[MEMO_MAX];
	struct memory fresh[MEMO_MAX];		/* innermost first */
	struct witness witnesses[2 * MEMO_MAX]; /* ascending by index */
	struct path paths[2 << PATH_SETS_BITS];
	struct step steps[1 << STEPS_BITS];
};

/* ---- the trie -------------------------------------------------------------------------------------------------------------- */

/* One-to-one in both. Of another generation of code nothing is known any more. */
static inline uint64_t print_on(uint64_t outer, uintptr_t pc)
{
	uint64_t print = (outer ^ pc) * 0x9e3779b97f4a7c15ull;

	return print ^ print >> 32;
}

static inline uint64_t print_begin(const struct memo *memo)
{
	return memo->generation * 0xd6e8feb86659fd93ull;
}

/* As it stands in a stack: all calls that lead to us by one address. */
static inline uintptr_t frame_pc(uintptr_t pc)
{
	return unlikely(hook_thunk_returns(pc)) ? (uintptr_t)hook_thunk_return : pc;
}

static inline struct path *path_set(struct memo *memo, uint64_t print)
{
	return memo->paths + 2 * (print >> (64 - PATH_SETS_BITS));
}

/* 0: not known. */
static inline uint32_t path_node(struct memo *memo, uint64_t print)
{
	const struct path *set = path_set(memo, print);
	uint32_t node = set[1].print == print ? set[1].node : 0;

	return set[0].print == print ? set[0].node : node;
}

/* The first place of a set is for whole stacks: what lies between them, which is asked for only when a stack is new, does not push them out. */
static void path_put(struct memo *memo, uint64_t print, uint32_t node, bool whole)
{
	struct path *set = path_set(memo, print);

	if (whole)
		set[1] = set[0];
	set[!whole] = (struct path){print, node};
}

/* The node of the stack of the `n` outermost frames, from the innermost one that is known on. */
static __attribute__((noinline)) uint32_t node_make(struct memo *memo, size_t n)
{
	size_t known = n;
	uint32_t node = 0;

	while (known && !(node = path_node(memo, memo->frames[known - 1].print)))
		known--;
	for (; known < n; known++) {
		const struct memory *frame = &memo->frames[known];

		node = stack_child(node, frame_pc(frame->pc & ~EXACT_PC));
		if (!node)
			return 0;
		path_put(memo, frame->print, node, known + 1 == n);
	}
	return node;
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
	for (size_t i = 0; i < 1 << STEPS_BITS; i++)
		memo->steps[i].pc = 0;
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

/* 0 while it still says so. */
static inline uintptr_t changed(const struct slot *slot)
{
	return *slot->address ^ slot->word;
}

/* How many of the outermost `n` remembered frames, none of them popped, lead to each other as they did. */
static inline size_t trusted(const struct memo *memo, size_t n)
{
	size_t max = memo->barrier < n ? memo->barrier : n;
	const struct slot *slot = memo->slots, *end = slot + max - 1;

	if (unlikely(!max))
		return 0;
	while (slot + 4 <= end &&
	       !(changed(slot) | changed(slot + 1) | changed(slot + 2) | changed(slot + 3)))
		slot += 4;
	while (slot < end && !changed(slot))
		slot++;
	size_t good = (size_t)(slot - memo->slots) + 1;
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

/* The usual kind, CFA = rsp + offset. Both words lie in the frame, so the ends are compared once. False: to be done by advance_odd(). */
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

/* Two kinds more that take no other function: CFA = rbp + offset, and a call that leads to us. */
static bool advance_known(struct memory *frame, const struct stack_view *view)
{
	uintptr_t cfa = frame->rbp + RULE_OFFSET(frame->rule);
	uintptr_t slot = cfa - 8 * RULE_SAVED_RBP(frame->rule);
	const struct around *around;

	if (hook_thunk_returns(frame->pc)) {
		around = around_find(frame->pc, frame->sp);
		if (around)
			frame->pc = around->return_address;
		return around;
	}
	if (RULE_KIND(frame->rule) != RULE_RBP || cfa & 7 || cfa <= frame->sp || slot < view->low ||
	    cfa > view->high)
		return false;
	frame->pc = ((const uintptr_t *)cfa)[-1];
	if (RULE_SAVED_RBP(frame->rule))
		frame->rbp = *(const uintptr_t *)slot;
	frame->sp = cfa;
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
	struct stack_view view = {sp - 8, memo->own.high};
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
		uintptr_t at = pc >> 63 ? pc & ~EXACT_PC : pc - 1;
		uint32_t rule = rule_get(at);
		next->sp = sp;
		next->pc = pc;
		next->rbp = rbp;
		next->rule = rule;
		struct memory caller;
		if (unlikely(!advance(&caller, rule, pc, sp, rbp, &view))) {
			caller.sp = sp, caller.pc = pc, caller.rbp = rbp, caller.rule = rule;
			if (!advance_known(&caller, &view) && !advance_odd(&caller, &view, &origin))
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
	if (n) /* what stood on it may have been a call that leads to us */
		memo->slots[n - 1].word = memo->frames[n - 1].pc;
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

/* A call that leads to us: the caller's return address was replaced by its own, and lies in the record. False: the record is gone. */
static bool remember_hooked(struct memo *memo, const struct memory *frame,
			    const struct memory *caller)
{
	const struct around *around = around_find(frame->pc, frame->sp);

	if (!around)
		return false;
	memo->slots[memo->n - 2].word = frame->pc;
	witness(memo, (uintptr_t)&around->return_address, caller->pc);
	return true;
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
		if (hook_thunk_returns(frame->pc) && remember_hooked(memo, frame, caller))
			break;
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
		return hook_thunk_returns(frame->pc) && caller && caller->rule & NEEDS_RBP;
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

/* The frames of memo->fresh on top of the `good` outermost ones. False: that many are not remembered. */
static bool push_fresh(struct memo *memo, size_t good, size_t count)
{
	struct memory *top = memo->frames + good;
	struct slot *slot = memo->slots + good;
	const struct memory *fresh = memo->fresh + count;
	uint64_t print = good ? top[-1].print : print_begin(memo);

	for (; fresh > memo->fresh; top++, slot++) {
		fresh--;
		if (unlikely(top == memo->frames + MEMO_MAX))
			return false;
		print = print_on(print, frame_pc(fresh->pc));
		slot->address = (const uintptr_t *)fresh->sp - 1;
		slot->word = fresh->pc;
		top->sp = fresh->sp;
		top->pc = fresh->pc;
		top->rbp = fresh->rbp;
		top->rule = fresh->rule;
		top->print = print;
		memo->n++;
		/* usual: found by rsp, below a frame that does not care for rbp */
		const struct memory *caller = top > memo->frames ? top - 1 : NULL;
		if (unlikely(!caller || RULE_KIND(top->rule) != RULE_RSP ||
			     caller->rule & NEEDS_RBP || top->sp > caller->sp))
			push_odd(memo, top, caller);
	}
	return true;
}

/* The same of frames that are all found by rsp, on one that does not care for rbp; and there is room for them. */
static inline void push_usual(struct memo *memo, size_t good, size_t count)
{
	struct memory *top = memo->frames + good;
	struct slot *slot = memo->slots + good;
	uint64_t print = top[-1].print;

	memo->n = good + count;
	for (const struct memory *fresh = memo->fresh + count; fresh > memo->fresh; top++, slot++) {
		uintptr_t sp = (--fresh)->sp, pc = fresh->pc;

		slot->address = (const uintptr_t *)sp - 1;
		slot->word = pc;
		top->sp = sp;
		top->pc = pc;
		top->rule = 0; /* nobody asks for its kind again, or its rbp */
		top->print = print = print_on(print, pc);
	}
}

/* The node of all that is remembered, which may be a new stack's; 0: none. With `quick` a hooked call waits. What cannot be kept goes. */
static inline uint32_t memo_node(struct memo *memo, const bool quick)
{
	uint32_t node =
		path_node(memo, memo->n ? memo->frames[memo->n - 1].print : print_begin(memo));

	if (unlikely(!node))
		node = quick ? (uint32_t)OUTSIDE(node_make, (uint64_t)memo, memo->n)
			     : node_make(memo, memo->n);
	if (unlikely(memo->odd)) {
		memo_truncate(memo, 0);
		memo->odd = false;
	}
	return node;
}

/* How many remembered frames are further out than `sp` and lead to each other as they did. */
static inline size_t still_good(const struct memo *memo, uintptr_t sp)
{
	size_t good = memo->n;

	while (good && memo->frames[good - 1].sp < sp)
		good--;
	return trusted(memo, good);
}

static uint32_t walk_remembered(struct memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t rbp)
{
	unsigned limit = memo->limit, slack = limit / 4;
	struct fresh_walk walk = unwind_new(memo, pc, sp, rbp, limit + slack, still_good(memo, sp));
	bool cut = walk.end == WALK_JOINED ? memo->cut : walk.end == WALK_CUT;
	size_t total = walk.good + walk.count;

	if (unlikely(total > limit + slack || (cut && total < limit) || walk.end == WALK_CUT)) {
		/* the cut moves: half of the slack on either side of it */
		walk = unwind_new(memo, pc, sp, rbp, limit + slack / 2, 0);
		cut = walk.end == WALK_CUT;
	}
	memo->cut = cut;
	memo_truncate(memo, walk.good);
	return push_fresh(memo, walk.good, walk.count) ? memo_node(memo, false) : 0;
}

static inline struct step *step_at(struct memo *memo, uintptr_t pc)
{
	return &memo->steps[pc * 0x9e3779b97f4a7c15ull >> (64 - STEPS_BITS)];
}

/* A step that is not worked out: by its rule, as far as it is known. False: no further without a call. */
static __attribute__((noinline)) bool step_make(struct memo *memo, struct memory *frame,
						const struct stack_view *view, bool *usual)
{
	uintptr_t pc = frame->pc, sp = frame->sp;
	uint32_t rule = rule_peek(pc - 1), saved = RULE_SAVED_RBP(rule) * 8;
	uintptr_t cfa = RULE_OFFSET(rule);

	frame->rule = rule;
	frame[1] = *frame;
	if (!advance(&frame[1], rule, pc, sp, frame->rbp, view)) {
		*usual = false;
		return advance_known(&frame[1], view);
	}
	if (saved <= cfa && cfa < NOT_SAVED)
		*step_at(memo, pc) =
			(struct step){pc, rule, (uint16_t)cfa,
				      saved ? (uint16_t)(cfa - saved) : (uint16_t)NOT_SAVED};
	return true;
}

/*
 * True: frame `met` and all further out lead to each other as they did. The usual answer without a branch that depends on what is read: each
 * mispredicted one costs as much as ten frames.
 */
static inline bool leads_on(const struct memo *memo, const struct memory *met)
{
	size_t n = (size_t)(met - memo->frames);
	const struct slot *slot = memo->slots, *end = slot + n;
	uintptr_t differs = 0;

	if (unlikely(n >= memo->barrier))
		return false;
	if (likely(n >= 8)) {
		for (; slot + 8 < end; slot += 8)
			differs |= changed(slot) | changed(slot + 1) | changed(slot + 2) |
				   changed(slot + 3) | changed(slot + 4) | changed(slot + 5) |
				   changed(slot + 6) | changed(slot + 7);
		slot = end - 8; /* some of them again */
	}
	for (; slot < end; slot++)
		differs |= changed(slot);
	if (unlikely(differs))
		return false;
	return likely(!memo->nwitnesses) || trusted_witnesses(memo, n + 1) == n + 1;
}

/*
 * The same as long as it needs no call: every frame's rule is known, and a remembered frame is met. 0: else. What it
 * remembers up to there is good all the same.
 */
static inline uint32_t walk_quick(struct memo *memo, uintptr_t pc, uintptr_t sp, uintptr_t rbp)
{
	const struct stack_view view = {sp - 8, memo->own.high};
	const struct memory *met = memo->frames + memo->n - 1;
	struct memory *next = memo->fresh, *end = next + QUICK_FRAMES;
	size_t good, count, total;
	bool usual = true;

	if (unlikely(sp & 7))
		return 0;
	for (;; next++) {
		const struct step *step;

		while (met >= memo->frames && met->sp < sp)
			met--;
		if (unlikely(met < memo->frames || next == end))
			return 0;
		if (meets(met, pc, sp, rbp)) {
			if (likely(leads_on(memo, met)))
				break;
			/* the same place of another stack, or the first that is: on to what is left of it */
			met = memo->frames + trusted(memo, (size_t)(met - memo->frames) + 1) - 1;
			if (unlikely(met < memo->frames))
				return 0;
			if (meets(met, pc, sp, rbp))
				break;
		}
		next->sp = sp;
		next->pc = pc;
		next->rbp = rbp;
		step = step_at(memo, pc);
		if (unlikely(step->pc != pc || sp + step->cfa > view.high)) {
			if (!step_make(memo, next, &view, &usual))
				return 0;
			pc = next[1].pc, sp = next[1].sp, rbp = next[1].rbp;
		} else {
			next->rule = step->rule;
			if (step->rbp != NOT_SAVED)
				rbp = *(const uintptr_t *)(sp + step->rbp);
			sp += step->cfa;
			pc = ((const uintptr_t *)sp)[-1];
		}
		if (unlikely(!is_code(pc)))
			return 0;
	}
	good = (size_t)(met - memo->frames) + 1;
	count = (size_t)(next - memo->fresh);
	total = good + count;
	if (unlikely(total > memo->limit + memo->limit / 4 || (memo->cut && total < memo->limit)))
		return 0;
	memo_truncate(memo, good);
	if (likely(usual && !(met->rule & NEEDS_RBP)))
		push_usual(memo, good, count);
	else
		push_fresh(memo, good, count);
	return memo_node(memo, true);
}

/* Fiber stacks, sigaltstack, threads without a record, a signal handler inside a walk. */
static __attribute__((noinline)) uint32_t walk_plain(uintptr_t pc, uintptr_t cfa, uintptr_t rbp)
{
	uintptr_t pcs[64];
	unsigned limit = depth_limit();
	size_t n = unwinder_fast.walk(pc, cfa, rbp, pcs, limit < 64 ? limit : 64);
	uint32_t node = 0;
	while (n) {
		node = stack_child(node, pcs[--n]);
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
		return walk_plain(return_address, cfa, frame_pointer);
	struct memo *memo = thread->unwind;
	if (unlikely(!memo))
		thread->unwind = memo = arena_map(sizeof(*memo));
	if (unlikely(!memo))
		return walk_plain(return_address, cfa, frame_pointer);
	bool own = own_stack(&memo->own, cfa - 8);
	if (unlikely(memo->busy && !abandoned(memo, own ? cfa : 0)))
		return walk_plain(return_address, cfa, frame_pointer);
	uint32_t generation = unwind_generation, node;
	if (unlikely(memo->busy || memo->generation != generation ||
		     (memo->n && memo->frames[0].sp > memo->own.high)))
		memo_flush(memo, generation);
	memo->busy = cfa;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (likely(own))
		node = walk_remembered(memo, return_address, cfa, frame_pointer);
	else
		node = walk_plain(return_address, cfa, frame_pointer);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memo->busy = 0;
	return node;
}

uint32_t memo_stack_quick(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer)
{
	struct thread *thread = thread_current;
	struct memo *memo = thread ? thread->unwind : NULL;
	uint32_t node;

	if (unlikely(unwinder != &unwinder_fast || config.mixed || !memo))
		return 0;
	if (unlikely(cfa - 8 < memo->own.low || cfa - 8 >= memo->own.high ||
		     memo->own.thread != thread_pointer()))
		return 0;
	if (unlikely(memo->busy || memo->generation != unwind_generation ||
		     (memo->n && memo->frames[0].sp > memo->own.high)))
		return 0;
	memo->busy = cfa;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	node = walk_quick(memo, return_address, cfa, frame_pointer);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memo->busy = 0;
	return node;
}

bool memo_own_stack(uintptr_t low, uintptr_t high)
{
	struct own_stack *own = thread_current ? thread_current->unwind : NULL;

	return own && own_stack(own, low) && high <= own->high;
}
