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

#include "alloc.h"

#define CACHE_BITS 13
#define BOOK_BITS 12
#define BOOKS 1024u /* 4 Mi numbers */

struct cached {
	const void *key; /* the instruction, or what identifies a stack of many frames */
	const void *
		code; /* that it belongs to: the engine's idea of the instruction may be an older frame's, under the JIT */
	uint32_t epoch, changes, site;
};

/* What is known of the instruction besides, looked at only when the epoch is another. */
struct known {
	uint32_t stack, line;
	uint64_t names; /* hash of function and file */
};

struct site {
	uint32_t stack, epoch;
};

static struct cached cache[1u << CACHE_BITS];
static struct known known[1u << CACHE_BITS];
static uint32_t recent[1u << CACHE_BITS]; /* by stack: the number it got last */
static struct site *books[BOOKS];
static uint32_t sites = 1; /* 0 is none */
static uint32_t changes;   /* code was compiled since: what is at an address may be new */

#define NAME_MOST 200u

static inline uint32_t slot_of(uintptr_t key)
{
	key /= sizeof(zend_op);
	return (uint32_t)((key ^ key >> CACHE_BITS) & ((1u << CACHE_BITS) - 1));
}

static inline uint32_t epoch(void)
{
	return __atomic_load_n(host->epoch, __ATOMIC_RELAXED);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

static struct site *site_at(uint32_t site)
{
	return &books[site >> BOOK_BITS][site & ((1u << BOOK_BITS) - 1)];
}

/* The number of a stack in the present epoch; one that was met lately is not numbered again. */
static uint32_t site_of(uint32_t stack)
{
	uint32_t book = sites >> BOOK_BITS, *last = &recent[stack & ((1u << CACHE_BITS) - 1)];

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
	changes++; /* all that is cached is looked at again */
}

void site_code_changed(void)
{
	changes++;
}

/* ---- frames --------------------------------------------------------------------------------------------------------------- */

/* "Namespace\Class::method", "function", "{closure}", "{main}". */
static void name_of(const zend_function *f, char *out, size_t size)
{
	const zend_class_entry *class = f->common.scope;
	const zend_string *name = f->common.function_name;

	if (!name)
		snprintf(out, size, "{main}");
	else if (class && class->name)
		snprintf(out, size, "%s::%s", ZSTR_VAL(class->name), ZSTR_VAL(name));
	else
		snprintf(out, size, "%s", ZSTR_VAL(name));
}

static uint32_t frame_user(const zend_op_array *code, uint32_t line)
{
	char name[NAME_MOST];

	name_of((const zend_function *)code, name, sizeof(name));
	return host->frame(RGD_FRAME_PHP, name, code->filename ? ZSTR_VAL(code->filename) : "",
			   line);
}

/* Of the engine itself: no code of PHP runs. */
static uint32_t frame_engine(const char *what, const char *file)
{
	return host->frame(RGD_FRAME_PHP, what, file, 0);
}

static bool is_trampoline(const zend_execute_data *ex)
{
	return (ex->func->common.fn_flags & ZEND_ACC_CALL_VIA_TRAMPOLINE) != 0;
}

static bool is_user(const zend_execute_data *ex)
{
	return ex->func && ZEND_USER_CODE(ex->func->type) && !is_trampoline(ex);
}

/* The engine keeps aside where an exception left the code. */
static const zend_op *instruction(const zend_execute_data *ex)
{
	const zend_op *op = ex->opline;

	if (op >= EG(exception_op) && op < EG(exception_op) + 3)
		op = EG(opline_before_exception);
	return op;
}

/* A frame that was just made has no instruction yet. */
static uint32_t line_of(const zend_execute_data *ex)
{
	const zend_op_array *code = &ex->func->op_array;
	const zend_op *op = instruction(ex);

	if (op < code->opcodes || op >= code->opcodes + code->last)
		return code->line_start;
	return op->lineno;
}

static uint64_t names_of(const zend_op_array *code)
{
	uint64_t file = code->filename ? zend_string_hash_val(code->filename) : 0;
	uint64_t name = code->function_name ? zend_string_hash_val(code->function_name) : 0;
	uint64_t class = code->scope ? zend_string_hash_val(code->scope->name) : 0;

	return (file * 31 + name) * 31 + class;
}

static uint32_t stack_of_one(uint32_t frame)
{
	return frame ? host->stack(&frame, 1) : 0;
}

/* Nothing of PHP runs: the engine compiles, or begins or ends a request. */
static uint32_t stack_outside(void)
{
	const zend_string *file = CG(in_compilation) ? zend_get_compiled_filename() : NULL;

	return stack_of_one(file ? frame_engine("(compile)", ZSTR_VAL(file))
				 : frame_engine("(engine)", ""));
}

/* Number of the whole stack, innermost frame first; internal functions are frames too. */
static uint32_t stack_whole(const zend_execute_data *ex)
{
	uint32_t frames[256], n = 0;
	char name[NAME_MOST];

	for (; ex && n < host->stack_depth; ex = ex->prev_execute_data) {
		if (!ex->func || is_trampoline(ex))
			continue;
		if (ZEND_USER_CODE(ex->func->type)) {
			frames[n++] = frame_user(&ex->func->op_array, line_of(ex));
		} else if (ex->func->common.function_name) {
			name_of(ex->func, name, sizeof(name));
			frames[n++] = host->frame(RGD_FRAME_PHP, name, "", 0);
		}
	}
	return n ? host->stack(frames, n) : 0;
}

/* ---- the way of each allocation --------------------------------------------------------------------------------------------- */

/* The interning tables of the shim have locks: nobody may be parked in there. */
static uint32_t stack_make(const zend_execute_data *ex, bool whole)
{
	uint32_t stack = 0;

	if (!host->block_enter())
		return 0;
	if (ex && whole)
		stack = stack_whole(ex);
	else if (ex)
		stack = stack_of_one(frame_user(&ex->func->op_array, line_of(ex)));
	else
		stack = stack_outside();
	host->block_leave();
	return stack;
}

/* No code runs. The compiler allocates much, for one file at a time. */
static uint32_t site_outside(void)
{
	static struct cached last;
	const void *file = CG(in_compilation) ? zend_get_compiled_filename() : NULL;

	if (!last.epoch || last.key != file || last.epoch != epoch() || last.changes != changes)
		last = (struct cached){file, NULL, epoch(), changes,
				       site_of(stack_make(NULL, false))};
	return last.site;
}

/* Another instruction than the slot's, or another epoch. */
static __attribute__((noinline)) uint32_t site_miss(const zend_execute_data *ex)
{
	const zend_op_array *code;
	struct cached *c;
	struct known *k;
	uint32_t line;
	uint64_t names;

	while (ex && !is_user(ex))
		ex = ex->prev_execute_data;
	if (!ex)
		return site_outside();
	if (instruction(ex) != ex->opline)
		return site_of(stack_make(ex, false));
	code = &ex->func->op_array;
	c = &cache[slot_of((uintptr_t)ex->opline)];
	k = &known[slot_of((uintptr_t)ex->opline)];
	line = line_of(ex);
	names = names_of(code);
	if (c->key != ex->opline || c->code != code->opcodes || k->line != line ||
	    k->names != names)
		*k = (struct known){stack_make(ex, false), line, names};
	*c = (struct cached){ex->opline, code->opcodes, epoch(), changes, site_of(k->stack)};
	return c->site;
}

static uint32_t site_one(void)
{
	const zend_execute_data *ex = EG(current_execute_data);
	const struct cached *c;

	while (ex && UNEXPECTED(!ex->func || !ZEND_USER_CODE(ex->func->type)))
		ex = ex->prev_execute_data;
	if (UNEXPECTED(!ex))
		return site_miss(ex);
	c = &cache[slot_of((uintptr_t)ex->opline)];
	if (EXPECTED(c->key == ex->opline) && EXPECTED(c->code == ex->func->op_array.opcodes) &&
	    EXPECTED(c->epoch == epoch()) && EXPECTED(c->changes == changes))
		return c->site;
	return site_miss(ex);
}

/* The chain of frames is read each time, but only its hash is made. */
static uint32_t site_many(void)
{
	const zend_execute_data *ex = EG(current_execute_data);
	uint64_t hash = changes;
	struct cached *c;
	unsigned depth = 0;

	for (; ex && depth < host->stack_depth; ex = ex->prev_execute_data, depth++) {
		uintptr_t place = !ex->func			   ? 1
				  : ZEND_USER_CODE(ex->func->type) ? (uintptr_t)ex->opline
								   : (uintptr_t)ex->func;

		hash = (hash ^ place) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	c = &cache[(hash >> 40) & ((1u << CACHE_BITS) - 1)];
	if (EXPECTED((uintptr_t)c->key == hash) && EXPECTED(c->epoch == epoch()))
		return c->site;
	if (!depth)
		return site_miss(NULL);
	*c = (struct cached){(void *)(uintptr_t)hash, NULL, epoch(), changes,
			     site_of(stack_make(EG(current_execute_data), true))};
	return c->site;
}

uint32_t site_here(void)
{
	return host->php_stacks == PHP_STACKS_FULL ? site_many() : site_one();
}
