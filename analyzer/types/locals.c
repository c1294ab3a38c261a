/* locals.c - see locals.h. Frames come from a dump and locations from files: nothing of them is trusted, all work is bounded. */
#include "types/locals.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/demangle.h"
#include "symbol/symbol.h"
#include "util/hash.h"

#define MAX_SCOPES 32u
#define MAX_DEPTH 16u
#define MAX_OPERATIONS 64u
#define MAX_LOCALS 4096u
#define RED_ZONE 128u
enum { DW_RSP = 7 };

/* A function, or one that is inlined there. */
struct scope {
	const char *function, *file;
	unsigned line;
};

/* A variable, or a piece of it, as it lies at the frame's instruction. */
struct local {
	bool memory;
	uint64_t start, size; /* of memory */
	unsigned number;      /* else a register */
	uint64_t inside;      /* offset of the piece in the variable */
	const char *name;
	struct ctype *type;
	uint32_t scope;
};

struct frame_locals {
	bool looked;
	VEC(struct scope) scopes; /* [0] is the function that was compiled */
	VEC(struct local) locals; /* of inner scopes first */
};

struct slot {
	uint64_t address;
	uint32_t thread, call;
	uint8_t number;
};

struct locals {
	struct frame_locals *frames; /* by call */
	struct slot *slots;	     /* ascending by thread, address, call */
	size_t nslots;
	bool opened, usable;
};

/* ---- life -------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->call > y->call) - (x->call < y->call);
}

static bool make_slots(const struct model *m, struct locals *l)
{
	l->slots = calloc((size_t)m->ncall_registers + 1, sizeof *l->slots);
	for (uint32_t i = 0; l->slots && i < m->ncall_registers; i++) {
		const struct call_register *r = &m->call_registers[i];

		if (r->slot)
			l->slots[l->nslots++] = (struct slot){r->slot, m->calls[r->call].thread,
							      r->call, r->number};
	}
	if (l->nslots)
		qsort(l->slots, l->nslots, sizeof *l->slots, by_place);
	return l->slots;
}

static struct locals *open_locals(struct types *t)
{
	struct locals *l = t->locals;
	struct error *e;

	if (!l)
		l = t->locals = calloc(1, sizeof *l);
	if (!l || l->opened)
		return l && l->usable ? l : NULL;
	l->opened = true;
	e = model_load(t->m, MODEL_CALLS | MODEL_MODULES | MODEL_FRAMES);
	if (!e) {
		l->frames = calloc((size_t)t->m->ncalls + 1, sizeof *l->frames);
		l->usable = l->frames && make_slots(t->m, l);
	}
	error_destroy(e); /* names are wishes */
	return l->usable ? l : NULL;
}

void locals_destroy(struct locals *l, uint32_t calls)
{
	if (!l)
		return;
	for (uint32_t i = 0; l->frames && i < calls; i++) {
		VEC_FREE(&l->frames[i].scopes);
		VEC_FREE(&l->frames[i].locals);
	}
	free(l->frames);
	free(l->slots);
	free(l);
}

static const char *keep(struct types *t, const char *text)
{
	uint32_t number = text ? names_keep(&t->texts, text) : NAMES_NONE;

	return number == NAMES_NONE ? NULL : t->texts.names[number];
}

/* ---- frames ------------------------------------------------------------------------------------ */

/* Calls [*first, *end) of a thread. */
static void calls_of(const struct model *m, uint32_t thread, uint32_t *first, uint32_t *end)
{
	uint32_t low = 0, high = m->ncalls;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->calls[middle].thread < thread)
			low = middle + 1;
		else
			high = middle;
	}
	*first = low;
	while (low < m->ncalls && m->calls[low].thread == thread)
		low++;
	*end = low;
}

/* The innermost instruction of the frame that is to be asked about, in the file's addresses. */
static uint64_t frame_pc(const struct call *c)
{
	return c->flags & RGD_CALL_F_EXACT || !c->offset ? c->offset : c->offset - 1;
}

/* NULL: it is not known where the register was. */
static const struct call_register *register_row(const struct model *m, uint32_t call,
						unsigned number)
{
	uint32_t low = 0, high = m->ncall_registers;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->call_registers[middle].call < call)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < m->ncall_registers && m->call_registers[low].call == call; low++)
		if (m->call_registers[low].number == number)
			return &m->call_registers[low];
	return NULL;
}

static bool register_value(const struct model *m, uint32_t call, unsigned number, uint64_t *value)
{
	const struct call_register *r = number == DW_RSP ? NULL : register_row(m, call, number);

	*value = number == DW_RSP ? m->calls[call].sp : r ? r->value : 0;
	return *value != 0;
}

/* ---- locations --------------------------------------------------------------------------------- */

struct look {
	struct types *t;
	struct frame_locals *frame;
	struct debug *debug;
	uint32_t call;
	uint64_t pc;
	uint64_t base; /* of the frame; 0 unknown */
};

struct machine {
	const struct look *look;
	uint64_t stack[16];
	unsigned depth;
	bool failed;
};

static void push(struct machine *k, uint64_t value)
{
	if (k->depth == sizeof k->stack / sizeof *k->stack)
		k->failed = true;
	else
		k->stack[k->depth++] = value;
}

static uint64_t pop(struct machine *k)
{
	if (!k->depth) {
		k->failed = true;
		return 0;
	}
	return k->stack[--k->depth];
}

static void push_register(struct machine *k, unsigned number, uint64_t offset)
{
	uint64_t value = 0;

	k->failed |= !register_value(k->look->t->m, k->look->call, number, &value);
	push(k, value + offset);
}

/* One operation on addresses; what needs memory's contents is not known. */
static void operate(struct machine *k, const Dwarf_Op *op)
{
	uint64_t b;

	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		push_register(k, op->atom - DW_OP_breg0, op->number);
		return;
	}
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		push(k, op->atom - DW_OP_lit0);
		return;
	}
	switch (op->atom) {
	case DW_OP_fbreg:
		k->failed |= !k->look->base;
		push(k, k->look->base + op->number);
		break;
	case DW_OP_bregx:
		push_register(k, op->number, op->number2);
		break;
	case DW_OP_call_frame_cfa:
		b = k->look->t->m->calls[k->look->call].cfa;
		k->failed |= !b;
		push(k, b);
		break;
	case DW_OP_plus_uconst:
		b = pop(k);
		push(k, b + op->number);
		break;
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		push(k, op->number);
		break;
	case DW_OP_plus:
		b = pop(k);
		push(k, pop(k) + b);
		break;
	case DW_OP_minus:
		b = pop(k);
		push(k, pop(k) - b);
		break;
	case DW_OP_and:
		b = pop(k);
		push(k, pop(k) & b);
		break;
	case DW_OP_nop:
		break;
	default:
		k->failed = true;
	}
}

static bool find_base(struct look *l, Dwarf_Die *function)
{
	struct machine k = {.look = l};
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr_integrate(function, DW_AT_frame_base, &attribute) ||
	    dwarf_getlocation_addr(&attribute, l->pc, &ops, &n, 1) != 1 || n == 0 ||
	    n > MAX_OPERATIONS)
		return false;
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return register_value(l->t->m, l->call, ops[0].atom - DW_OP_reg0, &l->base);
	for (size_t i = 0; i < n && !k.failed; i++)
		operate(&k, &ops[i]);
	l->base = pop(&k);
	if (k.failed)
		l->base = 0;
	return !k.failed;
}

/* Where one piece lies: operations up to the next DW_OP_piece, or all. False: nowhere, or in a way that cannot be told. */
static bool place_piece(const struct look *l, const Dwarf_Op *ops, size_t n, struct local *ret)
{
	struct machine k = {.look = l};

	if (!n)
		return false;
	ret->memory = false;
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31) {
		ret->number = ops[0].atom - DW_OP_reg0;
		return true;
	}
	if (n == 1 && ops[0].atom == DW_OP_regx) {
		ret->number = ops[0].number;
		return ops[0].number < 32;
	}
	for (size_t i = 0; i < n && !k.failed; i++)
		operate(&k, &ops[i]);
	ret->memory = true;
	ret->start = pop(&k);
	return !k.failed;
}

static void note_variable(struct look *l, Dwarf_Die *die, uint32_t scope)
{
	struct local local = {.scope = scope};
	Dwarf_Attribute attribute;
	uint64_t inside = 0;
	Dwarf_Op *ops;
	size_t n, first = 0;
	const char *name;

	if (!dwarf_attr(die, DW_AT_location, &attribute) ||
	    dwarf_getlocation_addr(&attribute, l->pc, &ops, &n, 1) != 1 || n > MAX_OPERATIONS)
		return;
	name = dwarf_diename(die);
	local.type = debug_type_of(l->debug, die);
	local.name = name ? keep(l->t, name) : NULL;
	if (!local.name || l->frame->locals.n >= MAX_LOCALS)
		return;
	for (size_t i = 0; i <= n; i++) {
		bool piece = i < n && ops[i].atom == DW_OP_piece;

		if (!piece && i < n)
			continue;
		if (!piece && first)
			break;
		local.inside = inside;
		local.size = piece ? ops[i].number : local.type->size;
		if (place_piece(l, ops + first, i - first, &local))
			VEC_PUSH(&l->frame->locals, local);
		if (piece)
			inside += ops[i].number;
		first = i + 1;
	}
}

/* ---- scopes ------------------------------------------------------------------------------------ */

/* "ns::handler(int, char const*) const" to "ns::handler()"; "handler" to "handler()". */
static const char *with_parentheses(struct types *t, const char *name)
{
	struct str text = {0};
	const char *close = strrchr(name, ')'), *open = NULL, *kept;
	int depth = 0;

	for (const char *c = close; c && c >= name && !open; c--) {
		depth += (*c == ')') - (*c == '(');
		if (depth == 0)
			open = c;
	}
	if (open && strncmp(open, "(anonymous", 10) != 0)
		str_bytes(&text, name, (size_t)(open - name));
	else
		str_add(&text, name);
	str_add(&text, "()");
	kept = text.failed ? NULL : keep(t, str_text(&text));
	str_free(&text);
	return kept;
}

static const char *function_name(struct types *t, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *mangled = NULL, *name;
	char *readable = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
		mangled = dwarf_formstring(&attribute);
	if (mangled)
		readable = demangle(mangled);
	name = readable ? readable : dwarf_diename(die);
	name = name ? with_parentheses(t, name) : NULL;
	free(readable);
	return name;
}

/* Where the outer function stands while the inlined one runs. */
static void note_call_site(struct look *l, Dwarf_Die *inlined, uint32_t outer)
{
	struct scope *s = &l->frame->scopes.data[outer];
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word file, line;
	Dwarf_Die unit;
	size_t n;

	s->file = NULL;
	s->line = 0;
	if (!dwarf_attr(inlined, DW_AT_call_line, &attribute) ||
	    dwarf_formudata(&attribute, &line) != 0 || line > UINT32_MAX)
		return;
	if (!dwarf_attr(inlined, DW_AT_call_file, &attribute) ||
	    dwarf_formudata(&attribute, &file) != 0 || !dwarf_diecu(inlined, &unit, NULL, NULL) ||
	    dwarf_getsrcfiles(&unit, &files, &n) != 0 || file >= n)
		return;
	s->file = keep(l->t, dwarf_filesrc(files, file, NULL, NULL));
	s->line = line;
}

static void scan_scope(struct look *l, Dwarf_Die *die, uint32_t scope, unsigned depth);

static void enter(struct look *l, Dwarf_Die *die, uint32_t scope, unsigned depth)
{
	if (dwarf_tag(die) == DW_TAG_lexical_block) {
		scan_scope(l, die, scope, depth + 1);
		return;
	}
	if (l->frame->scopes.n >= MAX_SCOPES ||
	    !VEC_PUSH(&l->frame->scopes,
		      ((struct scope){.function = function_name(l->t, die),
				      .file = l->frame->scopes.data[scope].file,
				      .line = l->frame->scopes.data[scope].line})))
		return;
	note_call_site(l, die, scope);
	scan_scope(l, die, (uint32_t)l->frame->scopes.n - 1, depth + 1);
}

/* Inner scopes first: they have the say where places overlap. */
static void scan_scope(struct look *l, Dwarf_Die *die, uint32_t scope, unsigned depth)
{
	Dwarf_Die child;

	if (depth > MAX_DEPTH || dwarf_child(die, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) &&
		    dwarf_haspc(&child, l->pc) == 1)
			enter(l, &child, scope, depth);
	} while (dwarf_siblingof(&child, &child) == 0);
	if (dwarf_child(die, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_variable || tag == DW_TAG_formal_parameter)
			note_variable(l, &child, scope);
	} while (dwarf_siblingof(&child, &child) == 0);
}

/* Its variables are nothing that a program would hold. */
static bool is_shim(const struct model *m, uint32_t module)
{
	const char *path = model_string(m, m->modules[module].path), *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, "librefgraph.so") == 0;
}

/* By the table of symbols, and the line where the frame stands. */
static void first_scope(struct types *t, const struct call *c, uint64_t pc,
			struct frame_locals *frame)
{
	struct symbol symbol = {0};
	struct scope scope = {0};
	long number = c->module == MODEL_NONE ? -1 : symbols_module(t->symbols, c->module);

	if (c->module != MODEL_NONE && is_shim(t->m, c->module)) {
		scope.function = "refgraph's hook";
		VEC_PUSH(&frame->scopes, scope);
		return;
	}
	if (number >= 0) {
		symbols_code(t->symbols, number, pc + 1, &symbol);
		if (t->effort != TYPES_OFF)
			symbols_line(t->symbols, number, pc + 1, &symbol);
	}
	scope.function = symbol.name ? with_parentheses(t, symbol.name) : NULL;
	scope.file = keep(t, symbol.file);
	scope.line = symbol.line;
	VEC_PUSH(&frame->scopes, scope);
}

static struct frame_locals *look_at(struct types *t, struct locals *l, uint32_t call)
{
	const struct call *c = &t->m->calls[call];
	struct frame_locals *frame = &l->frames[call];
	struct look look = {.t = t, .frame = frame, .call = call, .pc = frame_pc(c)};
	const char *name;
	Dwarf_Die function;

	if (frame->looked)
		return frame;
	frame->looked = true;
	first_scope(t, c, look.pc, frame);
	if (!frame->scopes.n || c->module == MODEL_NONE || t->effort == TYPES_OFF ||
	    is_shim(t->m, c->module))
		return frame;
	look.debug = types_debug(t, c->module);
	if (!look.debug || !debug_function(look.debug, look.pc, &function))
		return frame;
	name = function_name(t, &function);
	if (name)
		frame->scopes.data[0].function = name;
	find_base(&look, &function);
	scan_scope(&look, &function, 0, 0);
	return frame;
}

/* ---- words ------------------------------------------------------------------------------------- */

static bool say_scope(const struct frame_locals *frame, uint32_t scope, struct local_word *ret)
{
	const struct scope *s = scope < frame->scopes.n ? &frame->scopes.data[scope] : NULL;

	if (!s || !s->function)
		return false;
	ret->function = s->function;
	ret->file = s->file;
	ret->line = s->line;
	return true;
}

static void say_local(const struct frame_locals *frame, const struct local *local, uint64_t inside,
		      struct local_word *ret)
{
	say_scope(frame, local->scope, ret);
	ret->variable = local->name;
	ret->type = local->type;
	ret->offset = local->inside + inside;
}

/* A pointer takes the whole word: where less is left of a variable another one lies in it, too. */
static bool find_memory(const struct frame_locals *frame, uint64_t address, struct local_word *ret)
{
	for (size_t i = 0; i < frame->locals.n; i++) {
		const struct local *local = &frame->locals.data[i];

		if (local->memory && local->size >= 8 &&
		    address - local->start <= local->size - 8) {
			say_local(frame, local, address - local->start, ret);
			return true;
		}
	}
	return false;
}

static bool find_register(const struct frame_locals *frame, unsigned number, struct local_word *ret)
{
	for (size_t i = 0; i < frame->locals.n; i++) {
		const struct local *local = &frame->locals.data[i];

		if (!local->memory && local->number == number) {
			say_local(frame, local, 0, ret);
			return true;
		}
	}
	return false;
}

/* Registers that were saved there: they belong to frames further out, of which the nearest one that has a variable in it counts. */
static bool find_saved(struct types *t, struct locals *l, uint32_t thread, uint64_t address,
		       struct local_word *ret)
{
	struct slot key = {.thread = thread, .address = address};
	size_t low = 0, high = l->nslots;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_place(&l->slots[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (;
	     low < l->nslots && l->slots[low].thread == thread && l->slots[low].address == address;
	     low++)
		if (find_register(look_at(t, l, l->slots[low].call), l->slots[low].number, ret))
			return true;
	return false;
}

static bool find_on_stack(struct types *t, struct locals *l, const struct root *r,
			  struct local_word *ret)
{
	const struct model *m = t->m;
	uint32_t first, end, at;

	calls_of(m, r->owner, &first, &end);
	for (at = first; at < end; at++) {
		const struct call *c = &m->calls[at];
		uint64_t low = at == first && c->sp > RED_ZONE ? c->sp - RED_ZONE : c->sp;

		if (c->cfa && r->value >= low && r->value < c->cfa)
			break;
	}
	if (at == end)
		return false;
	/* what was passed on the stack belongs to the callee */
	if (find_memory(look_at(t, l, at), r->value, ret) ||
	    (at > first && find_memory(look_at(t, l, at - 1), r->value, ret)) ||
	    find_saved(t, l, r->owner, r->value, ret))
		return true;
	ret->below = r->value < m->calls[at].sp;
	return say_scope(look_at(t, l, at), 0, ret);
}

static bool in_register(const struct model *m, uint32_t call, unsigned number)
{
	const struct call_register *r = register_row(m, call, number);

	return r && !r->slot;
}

static bool find_in_register(struct types *t, struct locals *l, const struct root *r,
			     struct local_word *ret)
{
	uint32_t first, end;

	calls_of(t->m, r->owner, &first, &end);
	for (uint32_t at = first; at < end && in_register(t->m, at, (unsigned)r->value); at++)
		if (find_register(look_at(t, l, at), (unsigned)r->value, ret))
			return true;
	return first < end && say_scope(look_at(t, l, first), 0, ret);
}

static bool find_thread_local(struct types *t, const struct root *r, struct local_word *ret)
{
	const struct model *m = t->m;
	uint32_t low = 0, high = m->ntls;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->tls[middle].thread < r->owner)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < m->ntls && m->tls[low].thread == r->owner; low++) {
		const struct tls_block *b = &m->tls[low];
		struct debug *debug;

		if (r->value - b->address >= b->size)
			continue;
		debug = t->effort == TYPES_OFF ? NULL : types_debug(t, b->module);
		ret->module = b->module;
		return debug && debug_thread_local(debug, r->value - b->address, &ret->type,
						   &ret->offset, &ret->variable);
	}
	return false;
}

bool locals_find(struct types *t, const struct root *r, struct local_word *ret)
{
	struct locals *l;

	*ret = (struct local_word){.module = MODEL_NONE};
	if (r->class != RGD_ROOT_STACK && r->class != RGD_ROOT_REGISTER && r->class != RGD_ROOT_TLS)
		return false;
	l = open_locals(t);
	if (!l)
		return false;
	if (r->class == RGD_ROOT_TLS)
		return find_thread_local(t, r, ret);
	if (r->class == RGD_ROOT_REGISTER)
		return find_in_register(t, l, r, ret);
	return find_on_stack(t, l, r, ret);
}

void locals_open_debug(struct types *t)
{
	if (!open_locals(t))
		return;
	for (uint32_t i = 0; i < t->m->ncalls; i++)
		if (t->m->calls[i].module != MODEL_NONE && !is_shim(t->m, t->m->calls[i].module))
			types_debug(t, t->m->calls[i].module);
	for (uint32_t i = 0; i < t->m->ntls; i++)
		types_debug(t, t->m->tls[i].module);
}
