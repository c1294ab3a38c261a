/*
 * frames.c - what frames hold: variables, $this, the closure that is called, arguments beyond the declared ones, temporaries that
 * live at the present opcode, and what was passed to calls that have not begun yet. Frames that run are roots; those of
 * suspended generators and fibers are objects, held by theirs.
 */
#include "php.h"

static bool is_user(const zend_execute_data *frame)
{
	return frame->func && ZEND_USER_CODE(frame->func->type);
}

/* ---- one frame ----------------------------------------------------------------------------------------------------------- */

/* A file that a function includes, and eval(), work with the function's table: a variable is where the table says, what the other
 * frame has in its place is left over. */
static bool is_of_frame(const zend_array *table, zend_string *name, const zval *place)
{
	const zval *z = zend_hash_find(table, name);

	return z && Z_TYPE_P(z) == IS_INDIRECT && Z_INDIRECT_P(z) == place;
}

/* Those of a frame with a symbol table are in there: $GLOBALS for a script's own. */
static void variables(struct visitor *v, zend_execute_data *frame)
{
	const zend_op_array *f = &frame->func->op_array;
	const zend_array *table = NULL;

	if (ZEND_CALL_INFO(frame) & ZEND_CALL_HAS_SYMBOL_TABLE) {
		table = frame->symbol_table;
		if (table == &EG(symbol_table))
			return;
		if (!(ZEND_CALL_INFO(frame) & ZEND_CALL_CODE))
			refer(v, table, TAG_ARRAY, part(v, "symbol table"), 0);
	}
	for (int i = 0; i < f->last_var; i++)
		if (!table || is_of_frame(table, f->vars[i], ZEND_CALL_VAR_NUM(frame, i)))
			refer_zval(v, ZEND_CALL_VAR_NUM(frame, i),
				   label_variable(v, RGD_EDGE_STRONG, RGD_LABEL_LOCAL, f->vars[i]),
				   0);
}

static void arguments(struct visitor *v, const zval *z, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		refer_zval(v, &z[i], label_text(v, RGD_EDGE_STRONG, RGD_LABEL_LOCAL, "argument"),
			   0);
}

/* A fiber's that is suspended: Fiber::suspend() has some, which zend_unfinished_execution_gc_ex() (8.2) passes over. */
static void internal_arguments(struct visitor *v, zend_execute_data *frame)
{
	for (uint32_t i = 0; i < ZEND_CALL_NUM_ARGS(frame); i++)
		refer_zval(v, ZEND_CALL_ARG(frame, i + 1),
			   label_unseen(v, RGD_LABEL_LOCAL, "argument"), 0);
}

static void extra_arguments(struct visitor *v, zend_execute_data *frame)
{
	const zend_op_array *f = &frame->func->op_array;

	if (ZEND_CALL_INFO(frame) & ZEND_CALL_FREE_EXTRA_ARGS)
		arguments(v, ZEND_CALL_VAR_NUM(frame, f->last_var + (int)f->T),
			  ZEND_CALL_NUM_ARGS(frame) - f->num_args);
	if (ZEND_CALL_INFO(frame) & ZEND_CALL_HAS_EXTRA_NAMED_PARAMS)
		refer(v, frame->extra_named_params, TAG_ARRAY, part(v, "named arguments"), 0);
}

/* What the frame was called on; a caller that holds it meanwhile did not count it again. Then a frame that runs is no root of it: it
 * has its own, or nobody but the engine holds it, as in a destructor. */
static void called_on(struct visitor *v, zend_execute_data *frame)
{
	uint32_t info = ZEND_CALL_INFO(frame);

	if (Z_TYPE(frame->This) == IS_OBJECT && (info & ZEND_CALL_RELEASE_THIS))
		refer(v, Z_OBJ(frame->This), TAG_OBJECT,
		      label_text(v, RGD_EDGE_STRONG, RGD_LABEL_LOCAL, "$this"), 0);
	else if (Z_TYPE(frame->This) == IS_OBJECT && v->class != RGD_ROOT_LOCAL) {
		enum rgd_edge_kind kind = v->kind;

		v->kind = RGD_EDGE_BORROWED;
		refer(v, Z_OBJ(frame->This), TAG_OBJECT,
		      label_text(v, RGD_EDGE_BORROWED, RGD_LABEL_LOCAL, "$this"), 0);
		v->kind = kind;
	}
	if (info & ZEND_CALL_CLOSURE)
		refer(v, ZEND_CLOSURE_OBJECT(frame->func), TAG_OBJECT, part(v, "function"), 0);
}

/* Where the frame is in its code. An exception, and the fatal error of an exhausted memory_limit, have the opcode that handles them
 * in its place, and what it was aside. NULL: not known. */
static const zend_op *opcode_of(const zend_execute_data *frame)
{
	const zend_op_array *f = &frame->func->op_array;
	const zend_op *op = frame->opline;

	if (op < f->opcodes || op >= f->opcodes + f->last)
		op = EG(opline_before_exception);
	return op >= f->opcodes && op < f->opcodes + f->last ? op : NULL;
}

/* A range begins behind the opcode that makes the temporary and ends at the one that uses it up. */
static void temporaries(struct visitor *v, zend_execute_data *frame, enum frame_moment moment)
{
	const zend_op_array *f = &frame->func->op_array;
	const zend_op *op = opcode_of(frame);
	uint32_t at = op ? (uint32_t)(op - f->opcodes) : 0;

	for (int i = 0; i < f->last_live_range; i++) {
		const zend_live_range *range = &f->live_range[i];
		uint32_t kind = range->var & ZEND_LIVE_MASK;

		if (range->start > at)
			break;
		if (at > range->end || (at == range->end && moment == FRAME_CALLS))
			continue;
		if (kind == ZEND_LIVE_TMPVAR || kind == ZEND_LIVE_LOOP || kind == ZEND_LIVE_NEW)
			refer_zval(v, ZEND_CALL_VAR(frame, range->var & ~ZEND_LIVE_MASK),
				   label_text(v, RGD_EDGE_STRONG, RGD_LABEL_LOCAL, "temporary"), 0);
	}
}

/* What was sent to calls whose function has not been entered: the engine's own search through the opcodes. */
static void unfinished_calls(struct visitor *v, zend_execute_data *frame, zend_execute_data *call,
			     enum frame_moment moment)
{
	const zend_op *op = opcode_of(frame);
	uint32_t at = op ? (uint32_t)(op - frame->func->op_array.opcodes) : 0;
	zend_get_gc_buffer *buffer = zend_get_gc_buffer_create();
	zval *list;
	int n;

	if (!op || (moment == FRAME_NEXT && !at))
		return;
	zend_unfinished_calls_gc(frame, call, moment == FRAME_NEXT ? at - 1 : at, buffer);
	zend_get_gc_buffer_use(buffer, &list, &n);
	arguments(v, list, (uint32_t)n);
}

void frame_references(struct visitor *v, zend_execute_data *frame, enum frame_moment moment)
{
	if (!frame->func)
		return;
	called_on(v, frame);
	if (!is_user(frame)) {
		internal_arguments(v, frame);
		return;
	}
	if (!frame->func->common.function_name) /* a script has no other holder */
		refer(v, frame->func, TAG_FUNCTION, part(v, "script"), 0);
	variables(v, frame);
	extra_arguments(v, frame);
	temporaries(v, frame, moment);
	if (frame->call)
		unfinished_calls(v, frame, frame->call, moment);
}

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

size_t function_name(const zend_function *f, char *out, size_t size)
{
	const zend_class_entry *scope = f->common.scope;
	int n;

	if (!f->common.function_name)
		n = snprintf(out, size, "script");
	else if (scope && !(f->common.fn_flags & ZEND_ACC_CLOSURE))
		n = snprintf(out, size, "%s::%s()", ZSTR_VAL(scope->name),
			     ZSTR_VAL(f->common.function_name));
	else
		n = snprintf(out, size, "%s()", ZSTR_VAL(f->common.function_name));
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static uint32_t line_of(const zend_execute_data *frame)
{
	const zend_op *op = opcode_of(frame);

	return op ? op->lineno : frame->func->op_array.line_start;
}

uint32_t frame_place(struct walk *walk, const zend_execute_data *frame)
{
	char text[512];
	size_t n = function_name(frame->func, text, sizeof(text));
	const char *file, *slash;

	if (is_user(frame) && frame->func->op_array.filename) {
		file = ZSTR_VAL(frame->func->op_array.filename);
		slash = strrchr(file, '/');
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s:%u",
				      slash ? slash + 1 : file, line_of(frame));
	}
	return shim->string(walk, text, n < sizeof(text) ? n : sizeof(text) - 1);
}

/* ---- generators and fibers -------------------------------------------------------------------------------------------------- */

/* The calls that a yield is an argument of are kept in reverse order, which only the copy lets us turn. */
static zend_execute_data *turned(zend_execute_data *call)
{
	zend_execute_data *previous = NULL, *next;

	for (; call; call = next) {
		next = call->prev_execute_data;
		call->prev_execute_data = previous;
		previous = call;
	}
	return previous;
}

static void generator_frame(struct visitor *v, zend_generator *g)
{
	zend_execute_data *call;

	frame_references(v, g->execute_data, FRAME_NEXT);
	if (!g->frozen_call_stack)
		return;
	call = turned(g->frozen_call_stack);
	unfinished_calls(v, g->execute_data, call, FRAME_NEXT);
	turned(call);
}

/* The frame of one that runs is among those that run, or its fiber's. */
void generator_references(struct visitor *v, zend_generator *g)
{
	refer_zval(v, &g->value, part(v, "value"), 0);
	refer_zval(v, &g->key, part(v, "key"), 0);
	refer_zval(v, &g->retval, part(v, "return value"), 0);
	refer_zval(v, &g->values, part(v, "yield from"), 0);
	if (g->node.parent)
		refer(v, &g->node.parent->std, TAG_OBJECT, part(v, "yield from"), 0);
	if (!g->execute_data)
		return;
	if (!(g->flags & ZEND_GENERATOR_CURRENTLY_RUNNING))
		generator_frame(v, g);
	refer_storage(v, g->execute_data, "frame");
}

/* What the engine puts beneath a fiber's function. */
static bool is_bottom(const zend_execute_data *frame)
{
	return !is_user(frame) && !frame->func->common.function_name;
}

/* Each frame is an object that says where it is; what it holds is the fiber's, as the collector sees it. */
static void fiber_frame(struct visitor *v, zend_execute_data *frame, bool outermost)
{
	char name[200];

	if (!outermost && is_user(frame)) {
		function_name(frame->func, name, sizeof(name));
		v->prefix = name;
	}
	frame_references(v, frame, FRAME_CALLS);
	v->prefix = NULL;
	if (!(ZEND_CALL_INFO(frame) & ZEND_CALL_GENERATOR))
		refer(v, frame, TAG_FRAME,
		      label_text(v, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "frame"), 0);
}

#define DEEPEST 65536u
/* The engine keeps the page of a stack that does not run in a variable of its C stack only. */
static const struct _zend_vm_stack *page_of(const zend_execute_data *frame)
{
	uintptr_t start;
	uint64_t size;

	return zendmm_block((uintptr_t)frame, &start, &size) ? (const struct _zend_vm_stack *)start
							     : NULL;
}

/* The outermost first: its names are the ones to see. */
static void fiber_frames(struct visitor *v, const zend_fiber *fiber)
{
	static zend_execute_data **list;
	zend_execute_data *frame = fiber->execute_data;
	uint32_t n = 0;

	if (!list)
		list = shim->memory(v->walk, DEEPEST * sizeof(*list));
	for (; list && frame && n < DEEPEST; frame = frame->prev_execute_data)
		if (frame->func && !is_bottom(frame))
			list[n++] = frame;
	for (uint32_t i = n; i-- > 0;)
		fiber_frame(v, list[i], i == n - 1);
	for (const struct _zend_vm_stack *page = page_of(fiber->execute_data); page;
	     page = page->prev)
		refer_storage(v, page, "VM stack");
}

void fiber_references(struct visitor *v, zend_fiber *fiber)
{
	refer_zval(v, &fiber->fci.function_name, part(v, "function"), 0);
	refer_zval(v, &fiber->result, part(v, "result"), 0);
	if (fiber->context.status == ZEND_FIBER_STATUS_SUSPENDED && !fiber->caller)
		fiber_frames(v, fiber);
}

/* ---- those that run ----------------------------------------------------------------------------------------------------------- */

/* Under a fiber the frames lie on several stacks. */
static void page_root(struct visitor *v, const zend_execute_data *frame)
{
	static const struct _zend_vm_stack *last;
	const struct _zend_vm_stack *page = page_of(frame);
	struct visitor storage = *v;

	storage.class = RGD_ROOT_RUNTIME;
	if (page && page != last && !(ZEND_CALL_INFO(frame) & ZEND_CALL_GENERATOR))
		root_storage(&storage, page, "VM stack");
	last = page;
}

void frames_declare(struct walk *walk)
{
	for (zend_execute_data *f = EG(current_execute_data); f; f = f->prev_execute_data)
		if (f->func && is_user(f) && !f->func->common.function_name)
			code_declare(walk, &f->func->op_array);
}

void frames_roots(struct visitor *v)
{
	zend_execute_data *top = EG(current_execute_data), *frame;

	for (frame = top; frame; frame = frame->prev_execute_data) {
		if (!frame->func)
			continue;
		page_root(v, frame);
		if (v->rooting)
			v->context = frame_place(v->walk, frame);
		frame_references(v, frame, frame == top ? FRAME_NEXT : FRAME_CALLS);
	}
}
