/*
 * sites.c - which PHP code runs, as a number that takes a few instructions to find.
 *
 * A number stands for a stack (of one frame: function, file, line; or of all frames) and the epoch in which it was met. The
 * instruction of the innermost PHP function is the key of a small direct-mapped cache; most allocations find their number there. A
 * number is of no use any more when the request's memory is given back, so they begin anew with each request.
 *
 * Instructions die before the request does (eval, the top level of included files), and opcache may put others into their place
 * between two requests. All that is new was compiled, or loaded by the compiler's entry: after each such call, and in each new
 * epoch, the stack that was interned for an instruction is believed only if line and names are the same.
 */
#include "php.h"

#include "sites.h"

#define BOOK_BITS 12
#define BOOKS 1024u /* 4 Mi numbers */

/* What is known of the instruction besides, looked at only when the epoch is another. */
struct known {
	uint32_t stack, line;
	uint64_t names; /* hash of function and file */
};

struct site {
	uint32_t stack, epoch;
};

struct site_cached site_cache[1u << SITE_CACHE_BITS];
const uint32_t *site_epoch;
static struct known known[1u << SITE_CACHE_BITS];
static uint32_t recent[1u << SITE_CACHE_BITS]; /* by stack: the number it got last */
static struct site *books[BOOKS];
static uint32_t sites = 1; /* 0 is none */
uint32_t site_changes = 1;

static inline uint32_t epoch(void)
{
	return __atomic_load_n(site_epoch, __ATOMIC_RELAXED);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

static struct site *site_at(uint32_t site)
{
	return &books[site >> BOOK_BITS][site & ((1u << BOOK_BITS) - 1)];
}

/* The number of a stack in the present epoch; one that was met lately is not numbered again. */
static uint32_t site_of(uint32_t stack)
{
	uint32_t book = sites >> BOOK_BITS, *last = &recent[stack & ((1u << SITE_CACHE_BITS) - 1)];

	if (!stack)
		return 0;
	/* a number of an earlier request may have been given anew since: then it says what it is now */
	if (*last && *last < sites && site_at(*last)->stack == stack &&
	    site_at(*last)->epoch == epoch())
		return *last;
	if (book >= BOOKS)
		return 0;
	if (!books[book])
		books[book] = host->memory(sizeof(struct site) << BOOK_BITS);
	if (!books[book])
		return 0;
	*site_at(sites) = (struct site){stack, epoch()};
	return *last = sites++;
}

bool site_get(uint32_t site, uint32_t *stack, uint32_t *birth)
{
	if (!site || site >= sites)
		return false;
	*stack = site_at(site)->stack;
	*birth = site_at(site)->epoch;
	return true;
}

void site_forget_all(void)
{
	sites = 1;
	site_code_changed(); /* all that is cached is looked at again */
}

void site_code_changed(void)
{
	site_changes += site_changes == UINT32_MAX ? 2 : 1;
}

/* ---- the way of each allocation --------------------------------------------------------------------------------------------- */

static uint32_t stack_of_one(uint32_t frame)
{
	return frame ? host->stack(&frame, 1) : 0;
}

/* Nothing of PHP runs: the engine compiles, or begins or ends a request. */
static uint32_t stack_outside(void)
{
	const zend_string *file = CG(in_compilation) ? zend_get_compiled_filename() : NULL;

	return stack_of_one(file ? place_frame_engine("(compile)", ZSTR_VAL(file))
				 : place_frame_engine("(engine)", ""));
}

static uint32_t add_delegates(const zend_execute_data *ex, uint32_t *frames, uint32_t n)
{
	const zend_generator *g = place_delegates(ex);
	uint32_t first = n;

	for (; g && g->node.parent && n < host->stack_depth; g = g->node.parent)
		frames[n++] = place_frame(g->execute_data);
	for (uint32_t low = first, high = n; low + 1 < high; low++) {
		uint32_t frame = frames[low];

		frames[low] = frames[--high];
		frames[high] = frame;
	}
	return n;
}

/* As stack_of_all(), slowly: what is there now, innermost frame first. */
static uint32_t stack_whole(const zend_execute_data *ex)
{
	uint32_t frames[256], n = 0;

	for (; ex && n < host->stack_depth; ex = ex->prev_execute_data) {
		if (place_is_frame(ex))
			frames[n++] = place_frame(ex);
		else
			n = add_delegates(ex, frames, n);
	}
	return n ? host->stack(frames, n) : 0;
}

/* The interning tables of the shim have locks: nobody may be parked in there. */
static uint32_t stack_make(const zend_execute_data *ex, bool whole)
{
	uint32_t stack = 0;

	if (!host->block_enter())
		return 0;
	if (ex && whole)
		stack = stack_whole(ex);
	else if (ex)
		stack = stack_of_one(place_frame(ex));
	else
		stack = stack_outside();
	host->block_leave();
	return stack;
}

/* No code runs. The compiler allocates much, for one file at a time. */
static uint32_t site_outside(void)
{
	static struct site_cached last;
	const void *file = CG(in_compilation) ? zend_get_compiled_filename() : NULL;

	if (!last.epoch || last.key != file || last.epoch != epoch() ||
	    last.changes != site_changes)
		last = (struct site_cached){file, NULL, epoch(), site_changes,
					    site_of(stack_make(NULL, false))};
	return last.site;
}

/* Another instruction than the slot's, or another epoch. */
static __attribute__((noinline)) uint32_t site_miss(const zend_execute_data *ex)
{
	const zend_op_array *code;
	struct site_cached *c;
	struct known *k;
	uint32_t line;
	uint64_t names;

	while (ex && !place_is_user(ex))
		ex = ex->prev_execute_data;
	if (!ex)
		return site_outside();
	if (place_is_left(ex))
		return site_of(stack_make(ex, false));
	code = &ex->func->op_array;
	c = site_slot(ex->opline);
	k = &known[c - site_cache];
	line = place_line(ex);
	names = place_names(ex->func);
	if (c->key != ex->opline || c->code != code->opcodes || k->line != line ||
	    k->names != names)
		*k = (struct known){stack_make(ex, false), line, names};
	*c = (struct site_cached){ex->opline, code->opcodes, epoch(), site_changes,
				  site_of(k->stack)};
	return c->site;
}

static uint32_t site_one(void)
{
	uint32_t site;

	return EXPECTED(site_quick(&site)) ? site : site_miss(EG(current_execute_data));
}

static __attribute__((noinline)) uint32_t site_many_miss(const zend_execute_data *ex, uint64_t hash)
{
	uint32_t stack = hash ? stack_of_all(ex) : stack_make(ex, true), site = site_of(stack);

	if (hash && stack)
		site_cache[hash >> (64 - SITE_CACHE_BITS)] = (struct site_cached){
			(const void *)(uintptr_t)hash, NULL, epoch(), site_changes, site};
	return site;
}

static uint32_t site_many(void)
{
	const zend_execute_data *ex = EG(current_execute_data);
	const struct site_cached *c;
	uint64_t hash;

	if (UNEXPECTED(!ex))
		return site_miss(NULL);
	hash = stack_hash(ex);
	c = &site_cache[hash >> (64 - SITE_CACHE_BITS)];
	if (EXPECTED((uintptr_t)c->key == hash) && EXPECTED(c->epoch == epoch()) && EXPECTED(hash))
		return c->site;
	return site_many_miss(ex, hash);
}

uint32_t site_here(void)
{
	return host->php_stacks == PHP_STACKS_FULL ? site_many() : site_one();
}
