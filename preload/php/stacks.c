/*
 * stacks.c - the whole stack as a number (REFGRAPH_PHP_STACKS=full).
 *
 * The callers of the last allocation are remembered, outermost first, each with a hash of the stack up to it. The next stack mostly ends
 * in the same frames, and the hashes of all further out hold while every one of them is what it was: same address, same
 * function, same instruction, same caller. That is looked at each time, up to the outermost: a function can be called again at the
 * same address by the same caller, with another caller far above. It is cheap, because nothing waits for anything: where the
 * next frame should be is remembered, and the link that is read only has to agree.
 *
 * A chain of a few frames is simply read, as long as chains are short.
 *
 * Who has no number for a hash yet (sites.c) asks for the stack itself: then each remembered frame finds its own by (stack of its
 * caller, place) in a second cache, so that a frame is named once and not with each stack that it is in.
 *
 * A stack deeper than the limit is cut at its outer end to three quarters of the limit, so that the hashes hold for a while; of what is
 * cut at least half the limit stays.
 */
#include "php.h"

#include "sites.h"

#define DEPTH_MOST 256u
#define SHALLOW 6u /* so many frames are read as fast as they are verified */
#define LINK_BITS 12
#define AT_BITS 9

/* A frame, as it was met last. */
struct memory {
	const zend_execute_data *ex;
	const zend_function *func;  /* NULL: a frame of the engine's own */
	const zend_op *instruction; /* of an internal function any word, that stays while it runs */
	const zend_op
		*code;	/* of a closure, whose function comes and goes with it: its opcodes; NULL */
	uint64_t hash;	/* up to this frame */
	uint32_t stack; /* the same as the shim's number; 0 not asked for yet */
};
static struct memory
	memory[DEPTH_MOST + 1];	     /* begins with an entry for what called the outermost */
static struct memory *last = memory; /* the innermost caller */
static uint32_t remembered;	     /* site_changes() then */
static bool closures;		     /* some of them may be */
static uint16_t at[1u << AT_BITS];   /* by address of a frame: where it was in memory[] */
static const zend_execute_data *fresh[DEPTH_MOST]; /* innermost first */

/* Where a frame is: an instruction and its code; or an internal function's name and class. */
struct place {
	const void *where, *whose;
};
static inline struct place place_of(const zend_execute_data *ex)
{
	const zend_function *f = ex->func;

	if (EXPECTED(ZEND_USER_CODE(f->type)))
		return (struct place){ex->opline, f->op_array.opcodes};
	return (struct place){f->common.function_name, f->common.scope};
}

/* ---- links ---------------------------------------------------------------------------------------------------------------- */

/* From the stack of a caller and a place to the stack of that frame. */
struct link {
	struct place place;
	uint64_t names;
	uint32_t parent, stack, changes, line;
};
static struct link links[1u << LINK_BITS];

static bool is_place(const struct link *l, uint32_t parent, struct place place)
{
	return l->place.where == place.where && l->place.whose == place.whose &&
	       l->parent == parent;
}

/* The interning tables of the shim have locks: nobody may be parked in there. 0: not now. */
static uint32_t link_intern(uint32_t parent, const zend_execute_data *ex)
{
	uint32_t frame, stack = 0;

	if (!host->block_enter())
		return 0;
	frame = place_frame(ex);
	if (frame)
		stack = host->stack_child(parent, frame);
	host->block_leave();
	return stack;
}

/* Another place, or code was compiled since: what is there now may be another's. */
static __attribute__((noinline)) uint32_t link_miss(struct link *l, uint32_t parent,
						    struct place place, const zend_execute_data *ex)
{
	uint64_t names = place_names(ex->func);
	uint32_t line = place_line(ex);

	if (!is_place(l, parent, place) || l->names != names || l->line != line)
		*l = (struct link){place, names, parent, link_intern(parent, ex), 0, line};
	l->changes = l->stack ? site_changes : 0;
	return l->stack;
}

static inline uint32_t link_get(uint32_t parent, const zend_execute_data *ex)
{
	struct place place = place_of(ex);
	uint64_t hash = ((uintptr_t)place.where ^ (uint64_t)parent << 36) * 0x9e3779b97f4a7c15u;
	struct link *l = &links[hash >> (64 - LINK_BITS)];

	if (EXPECTED(is_place(l, parent, place)) && EXPECTED(l->changes == remembered))
		return l->stack;
	return link_miss(l, parent, place, ex);
}

/* ---- the memory ------------------------------------------------------------------------------------------------------------- */

static inline uint16_t *at_slot(const zend_execute_data *ex)
{
	uintptr_t a = (uintptr_t)ex >> 4;

	return &at[(a ^ a >> AT_BITS) & ((1u << AT_BITS) - 1)];
}

static uint64_t hash_odd(uint64_t hash, const zend_execute_data *ex);

/* Of another stack and one frame more, at either end. */
static inline uint64_t hash_of(uint64_t hash, const zend_execute_data *ex)
{
	struct place place;

	if (UNEXPECTED(!place_is_frame(ex)))
		return hash_odd(hash, ex);
	place = place_of(ex);
	hash ^= (uintptr_t)place.where + (uintptr_t)place.whose * 0xd6e8feb86659fd93u;
	hash *= 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static uint64_t hash_odd(uint64_t hash, const zend_execute_data *ex)
{
	const zend_generator *g = place_delegates(ex);

	for (; g && g->node.parent; g = g->node.parent)
		hash = hash_of(hash, g->execute_data);
	return hash;
}

static const char never_same[1];

static void look(struct memory *m, const zend_execute_data *ex)
{
	const zend_function *f = ex->func;

	m->ex = ex;
	m->func = f;
	m->instruction = ex->opline;
	m->code = NULL;
	if (place_delegates(ex))
		m->instruction = (const void *)never_same;
	if (!f || !(f->common.fn_flags & (ZEND_ACC_CLOSURE | ZEND_ACC_FAKE_CLOSURE)))
		return;
	closures = true;
	if (ZEND_USER_CODE(f->type))
		m->code = f->op_array.opcodes;
	else
		m->instruction = (const void *)never_same;
}

static bool is_same(const struct memory *m)
{
	const zend_execute_data *ex = m->ex;

	return ex->func == m->func && ex->opline == m->instruction &&
	       (!m->code || ex->func->op_array.opcodes == m->code);
}

/* What of the frames up to `top` is another place than it was: the lowest of them; NULL when the chain is another. */
static struct memory *verify(struct memory *top)
{
	struct memory *low = top + 1;

	for (struct memory *m = top; m > memory; m--) {
		if (!is_same(m)) {
			look(m, m->ex);
			low = m;
		}
		if (m->ex->prev_execute_data != m[-1].ex)
			return NULL;
	}
	return low;
}

/* The frames from this one on have hashes again. False: one of them can have none. */
static bool rehash(struct memory *low)
{
	for (struct memory *m = low; m <= last; m++) {
		if (place_is_left(m->ex)) {
			last = memory;
			last->ex = (const void *)never_same;
			return false;
		}
		m->hash = hash_of(m[-1].hash, m->ex);
		m->stack = 0;
	}
	return true;
}

static unsigned most(void)
{
	return (host->stack_depth < DEPTH_MOST ? host->stack_depth : DEPTH_MOST) - 1;
}

static void remember(const zend_execute_data *ex)
{
	look(++last, ex);
	*at_slot(ex) = (uint16_t)(last - memory);
}

/* All callers anew. */
static bool callers_walk(const zend_execute_data *ex)
{
	unsigned n = 0, keep;

	for (; ex && n < most(); ex = ex->prev_execute_data)
		fresh[n++] = ex;
	keep = ex && n > 3 ? n - n / 4 : n;
	remembered = site_changes;
	last = memory;
	*last = (struct memory){.ex = keep ? fresh[keep - 1]->prev_execute_data : NULL,
				.hash = remembered};
	closures = false;
	while (keep)
		remember(fresh[--keep]);
	return rehash(&memory[1]);
}

/* memory[] is what calls: up to this frame. False: one of them can have no hash. */
static bool callers(const zend_execute_data *innermost)
{
	const zend_execute_data *ex = innermost;
	struct memory *low, *top;
	unsigned n = 0;

	if (remembered != site_changes)
		return callers_walk(innermost);
	for (;; ex = ex->prev_execute_data) {
		if (!ex)
			return callers_walk(innermost);
		top = &memory[*at_slot(ex)];
		if (top > memory && top <= last && top->ex == ex)
			break;
		if (n == most())
			return callers_walk(innermost);
		fresh[n++] = ex;
	}
	if (memory->ex &&
	    top + n < &memory[most() / 2]) /* cut, and much of the rest has returned */
		return callers_walk(innermost);
	low = verify(top);
	if (!low || top + n > &memory[most()])
		return callers_walk(innermost);
	last = top;
	while (n)
		remember(fresh[--n]);
	return rehash(low);
}

/* The same caller as the last time, and all that is remembered still holds. */
static inline bool callers_same(const zend_execute_data *ex)
{
	const struct memory *m = last;

	if (m->ex != ex || closures || remembered != site_changes)
		return false;
	for (; m > memory; m--, ex = m->ex)
		if (ex->func != m->func || ex->opline != m->instruction ||
		    ex->prev_execute_data != m[-1].ex)
			return false;
	return true;
}

/* Without a look at what is remembered. 0: it is not that shallow. */
static inline uint64_t hash_shallow(const zend_execute_data *ex)
{
	uint64_t hash = ~(uint64_t)site_changes;

	for (unsigned n = 0; ex; ex = ex->prev_execute_data) {
		if (UNEXPECTED(n++ == SHALLOW) || UNEXPECTED(place_is_left(ex)))
			return 0;
		hash = hash_of(hash, ex);
	}
	return hash;
}

uint64_t stack_hash(const zend_execute_data *ex)
{
	static bool shallow = true; /* the last was */
	uint64_t hash;

	if (shallow && most() >= SHALLOW && (hash = hash_shallow(ex)))
		return hash;
	if (UNEXPECTED(place_is_left(ex)))
		return 0;
	if (UNEXPECTED(!callers_same(ex->prev_execute_data))) {
		if (!callers(ex->prev_execute_data))
			return 0;
		shallow = last < &memory[SHALLOW - 1];
	}
	return hash_of(last->hash, ex);
}

static uint32_t stack_odd(uint32_t stack, const zend_execute_data *ex)
{
	const zend_generator *g = place_delegates(ex);

	for (; g && g->node.parent; g = g->node.parent)
		stack = link_get(stack, g->execute_data);
	return stack;
}

uint32_t stack_of_all(const zend_execute_data *ex)
{
	uint32_t stack = 0;

	if (!callers_same(ex->prev_execute_data) && !callers(ex->prev_execute_data))
		return 0;
	for (struct memory *m = &memory[1]; m <= last; m++) {
		if (!m->stack)
			m->stack = place_is_frame(m->ex) ? link_get(stack, m->ex)
							 : stack_odd(stack, m->ex);
		stack = m->stack;
		if (!stack && place_is_frame(m->ex))
			return 0;
	}
	return place_is_frame(ex) ? link_get(stack, ex) : stack_odd(stack, ex);
}
