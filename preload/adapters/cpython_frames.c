/*
 * cpython_frames.c - frames and generators.
 *
 * Until 3.10 a frame is an object. Since 3.11 it is a record on the thread's private stack, inside a generator, or (when the
 * function has returned and somebody kept the frame object) inside a frame object. A frame that executes keeps the depth of its
 * evaluation stack in a register of the machine: the slots above its variables then hold what is on it, and leftovers.
 */
#include "cpython.h"

#define FRAME_EXECUTING 0
#define FRAME_CLEARED 4

/* ---- code ---------------------------------------------------------------------------------------------------------------- */

static uintptr_t tuple_item(uintptr_t tuple, uint64_t i)
{
	return tuple && is_tuple(tuple) && i < size_of(tuple)
		       ? word_at(tuple, (long)(TUPLE_ITEMS + i * 8))
		       : 0;
}

static uint64_t tuple_length(uintptr_t tuple)
{
	return tuple && is_tuple(tuple) ? size_of(tuple) : 0;
}

uint64_t code_local_count(uintptr_t code)
{
	const struct layout *at = python.at;
	if (python.minor >= 11)
		return half_at(code, at->code_nlocalsplus);
	return half_at(code, at->code_nlocals) + tuple_length(word_at(code, at->code_cellvars)) +
	       tuple_length(word_at(code, at->code_freevars));
}

uintptr_t code_local_name(uintptr_t code, uint64_t i)
{
	const struct layout *at = python.at;
	if (python.minor >= 11)
		return tuple_item(word_at(code, at->code_localsplusnames), i);
	uint64_t locals = half_at(code, at->code_nlocals);
	if (i < locals)
		return tuple_item(word_at(code, at->code_varnames), i);
	uint64_t cells = tuple_length(word_at(code, at->code_cellvars));
	if (i < locals + cells)
		return tuple_item(word_at(code, at->code_cellvars), i - locals);
	return tuple_item(word_at(code, at->code_freevars), i - locals - cells);
}

uintptr_t code_free_name(uintptr_t code, uint64_t i)
{
	const struct layout *at = python.at;
	if (python.minor < 11)
		return tuple_item(word_at(code, at->code_freevars), i);
	uint64_t all = half_at(code, at->code_nlocalsplus),
		 free = half_at(code, at->code_nfreevars);
	return free <= all ? tuple_item(word_at(code, at->code_localsplusnames), all - free + i)
			   : 0;
}

/* ---- the chain of executing frames ------------------------------------------------------------------------------------------- */

uintptr_t frame_of_thread(uintptr_t tstate)
{
	const struct layout *at = python.at;
	if (python.minor <= 10)
		return word_at(tstate, at->tstate_frame);
	if (python.minor >= 13)
		return word_at(tstate, at->tstate_current_frame);
	uintptr_t cframe = word_at(tstate, at->tstate_cframe);
	return cframe ? word_at(cframe, at->cframe_current_frame) : 0;
}

uintptr_t frame_caller(uintptr_t frame)
{
	return word_at(frame,
		       python.minor <= 10 ? python.at->frame_back : python.at->iframe_previous);
}

enum frame_owner frame_owner(uintptr_t record)
{
	return (enum frame_owner)byte_at(record, python.at->iframe_owner);
}

uintptr_t frame_code(uintptr_t frame)
{
	uintptr_t code =
		word_at(frame, python.minor <= 10 ? python.at->frame_code : python.at->iframe_code);
	return code && type_of(code) == python.type_code ? code : 0;
}

/* The offset in bytes of the instruction at work. */
static int instruction_offset(uintptr_t frame, uintptr_t code)
{
	const struct layout *at = python.at;
	if (python.minor <= 9)
		return (int)half_at(frame, at->frame_lasti);
	if (python.minor == 10)
		return (int)half_at(frame, at->frame_lasti) * 2;
	return (int)(word_at(frame, at->iframe_instruction) -
		     (code + (uintptr_t)at->code_adaptive));
}

int code_line(uintptr_t code, uintptr_t frame)
{
	int line = python.api.line_of(code, instruction_offset(frame, code));
	return line > 0 ? line : (int)half_at(code, python.at->code_firstlineno);
}

/* ---- what frames hold ----------------------------------------------------------------------------------------------------------- */

static void know_locals(struct sink *sink, uintptr_t code, uintptr_t slots, uint64_t count,
			enum rgd_edge_kind kind)
{
	for (uint64_t i = 0; i < count; i++) {
		uintptr_t slot = slots + i * 8, name = code_local_name(code, i);
		know(sink, slot, word_at(slot, 0), kind,
		     name ? name_str(RGD_LABEL_LOCAL, name) : name_none(), 0);
	}
}

static void know_stack(struct sink *sink, uintptr_t slots, uint64_t count, enum rgd_edge_kind kind)
{
	for (uint64_t i = 0; i < count; i++)
		know(sink, slots + i * 8, word_at(slots, (long)(i * 8)), kind,
		     name_c(RGD_LABEL_STACK, ""), i);
}

void frame_record(struct sink *sink, uintptr_t record, enum rgd_edge_kind kind)
{
	const struct layout *at = python.at;
	uintptr_t code = frame_code(record);
	bool owned = kind == RGD_EDGE_STRONG;
	if (!code)
		return;
	know_part(sink, record, at->iframe_object, owned ? RGD_EDGE_STRONG : RGD_EDGE_BORROWED,
		  "frame");
	know_part(sink, record, at->iframe_locals, kind, "f_locals");
	know_part(sink, record, at->iframe_function, kind, "f_func");
	know_part(sink, record, at->iframe_code, kind, "f_code");
	know_part(sink, record, at->iframe_globals, RGD_EDGE_BORROWED, "f_globals");
	know_part(sink, record, at->iframe_builtins, RGD_EDGE_BORROWED, "f_builtins");
	uint64_t locals = code_local_count(code);
	uintptr_t slots = record + (uintptr_t)at->iframe_localsplus;
	int32_t top = (int32_t)half_at(record, at->iframe_stacktop);
	/* of a generator that 3.13 closed without running it the locals are given back, but still stand there; -1: it runs */
	if (top >= 0 && top < (int64_t)locals)
		locals = (uint64_t)top;
	know_locals(sink, code, slots, locals, kind);
	if (top > (int64_t)locals)
		know_stack(sink, slots + locals * 8, (uint64_t)top - locals, kind);
}

/* 3.8-3.10 */
static void old_frame(struct sink *sink, uintptr_t frame)
{
	const struct layout *at = python.at;
	uintptr_t code = frame_code(frame);
	know_part(sink, frame, at->frame_back, RGD_EDGE_STRONG, "f_back");
	know_part(sink, frame, at->frame_code, RGD_EDGE_STRONG, "f_code");
	know_part(sink, frame, at->frame_builtins, RGD_EDGE_STRONG, "f_builtins");
	know_part(sink, frame, at->frame_globals, RGD_EDGE_STRONG, "f_globals");
	know_part(sink, frame, at->frame_locals, RGD_EDGE_STRONG, "f_locals");
	know_part(sink, frame, at->frame_trace, RGD_EDGE_STRONG, "f_trace");
	know_part(sink, frame, at->frame_gen, RGD_EDGE_BORROWED, "f_gen");
	if (!code)
		return;
	uintptr_t slots = frame + (uintptr_t)at->frame_localsplus;
	know_locals(sink, code, slots, code_local_count(code), RGD_EDGE_STRONG);
	uintptr_t base = word_at(frame, at->frame_valuestack);
	int64_t depth = 0;
	if (python.minor == 10)
		depth = (int32_t)half_at(frame, at->frame_stackdepth);
	else if (word_at(frame, at->frame_stacktop))
		depth = (int64_t)(word_at(frame, at->frame_stacktop) - base) / 8;
	if (base && depth > 0 && depth <= (int64_t)half_at(code, at->code_stacksize))
		know_stack(sink, base, (uint64_t)depth, RGD_EDGE_STRONG);
}

void frame_object(struct sink *sink, uintptr_t frame)
{
	const struct layout *at = python.at;
	if (python.minor <= 10) {
		old_frame(sink, frame);
		return;
	}
	know_part(sink, frame, at->frame_back, RGD_EDGE_STRONG, "f_back");
	know_part(sink, frame, at->frame_trace, RGD_EDGE_STRONG, "f_trace");
	if (python.minor >= 13) {
		know_part(sink, frame, at->frame_extra_locals, RGD_EDGE_STRONG, "f_extra_locals");
		know_part(sink, frame, at->frame_locals_cache, RGD_EDGE_STRONG, "f_locals_cache");
	}
	uintptr_t record = word_at(frame, at->frame_frame);
	if (!record || !walk_readable(sink->walk, record, (size_t)at->iframe_localsplus))
		return;
	/* While the function runs, its record holds the references, and the object only shows them. */
	bool owned = frame_owner(record) == OWNER_FRAME_OBJECT;
	uintptr_t object = word_at(record, at->iframe_object);
	if (owned || object == frame)
		frame_record(sink, record, owned ? RGD_EDGE_STRONG : RGD_EDGE_BORROWED);
}

static void exception_state(struct sink *sink, uintptr_t state, enum rgd_edge_kind kind)
{
	know_part(sink, state, python.at->excitem_value, kind, "exc_value");
	if (python.minor <= 10) {
		know_part(sink, state, 0, kind, "exc_type");
		know_part(sink, state, 16, kind, "exc_traceback");
	}
}

void generator_frame(struct sink *sink, uintptr_t generator)
{
	const struct layout *at = python.at;
	exception_state(sink, generator + (uintptr_t)at->gen_exc_state, RGD_EDGE_STRONG);
	if (python.minor <= 10)
		return;
	if ((int8_t)byte_at(generator, at->gen_frame_state) < FRAME_CLEARED)
		frame_record(sink, generator + (uintptr_t)at->gen_iframe, RGD_EDGE_STRONG);
}

static const char *old_generator_state(uintptr_t generator)
{
	const struct layout *at = python.at;
	uintptr_t frame = word_at(generator, at->gen_frame);
	if (!frame)
		return "closed";
	bool running = python.minor == 10
			       ? (int8_t)byte_at(frame, at->frame_state) == FRAME_EXECUTING
			       : byte_at(frame, at->frame_executing) != 0;
	if (running)
		return "running";
	return (int32_t)half_at(frame, at->frame_lasti) < 0 ? "created" : "suspended";
}

const char *generator_state(uintptr_t generator)
{
	if (python.minor <= 10)
		return old_generator_state(generator);
	/* 3.13 has one more state for a generator that waits for another */
	int8_t state = (int8_t)byte_at(generator, python.at->gen_frame_state);
	int created = python.minor >= 13 ? -3 : -2;
	if (state == created)
		return "created";
	if (state < FRAME_EXECUTING)
		return "suspended";
	return state == FRAME_EXECUTING ? "running" : "closed";
}
