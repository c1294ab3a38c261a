/*
 * site.c - see site.h. The instructions behind a call of malloc are few and of few kinds: the result is tested, moved, stored,
 * handed to a constructor, returned. They are followed straight on, with what each register is known to hold; the first
 * one of another kind ends it.
 */
#include "types/site.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 60
#define MAX_SCOPES 24
#define CODE_SIZE 160u
#define REGISTERS 16
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/* DWARF numbers registers in another order than the machine does. */
static const uint8_t dwarf_number[REGISTERS] = {0, 2, 1,  3,  7,  6,  4,  5,
						8, 9, 10, 11, 12, 13, 14, 15};

enum holds {
	UNKNOWN,
	RESULT,
	POINTER, /* to what `type` is: a variable's or member's value */
};

struct value {
	enum holds holds;
	struct ctype *type;
};

struct trace {
	struct debug *debug;
	struct site *site;
	struct image *code;
	Dwarf_Die *function;
	uint64_t call; /* in the instruction that asked for the memory */
	uint64_t pc;
	struct value registers[REGISTERS];
	bool frame_is_cfa; /* a variable's place on the stack counts from the CFA, else from rbp */
	bool tested;	   /* the last test was of the result */
	bool done;
};

/* One operand in memory or a register. */
struct operand {
	bool memory, relative, indexed; /* relative: to the next instruction */
	unsigned base;			/* of memory; or the register itself */
	int64_t offset;
};

struct instruction {
	unsigned opcode; /* 0x0fXX for two-byte ones */
	bool wide;
	unsigned reg;
	struct operand rm;
	size_t size;
	int64_t immediate;
};

/* ---- decoding -------------------------------------------------------------------------------- */

static bool has_modrm(unsigned op)
{
	if (op >= 0x0f00) {
		op &= 0xff;
		return !(op >= 0x80 && op <= 0x8f) && op != 0x05 && op != 0x0b && op != 0xa2 &&
		       !(op >= 0xc8 && op <= 0xcf);
	}
	if (op < 0x40)
		return (op & 7) < 4;
	return op == 0x63 || op == 0x69 || op == 0x6b || (op >= 0x80 && op <= 0x8f) || op == 0xc0 ||
	       op == 0xc1 || op == 0xc6 || op == 0xc7 || (op >= 0xd0 && op <= 0xd3) || op == 0xf6 ||
	       op == 0xf7 || op == 0xfe || op == 0xff;
}

static unsigned immediate_size(unsigned op, unsigned reg)
{
	switch (op) {
	case 0x6b:
	case 0x80:
	case 0x83:
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xeb:
	case 0x6a:
	case 0xa8:
	case 0x0f70:
	case 0x0fc6:
	case 0x0fba:
		return 1;
	case 0x69:
	case 0x81:
	case 0xc7:
	case 0xe8:
	case 0xe9:
	case 0x68:
	case 0xa9:
	case 0x05:
	case 0x2d:
	case 0x3d:
	case 0x25:
	case 0x0d:
		return 4;
	case 0xf6:
		return reg < 2 ? 1 : 0;
	case 0xf7:
		return reg < 2 ? 4 : 0;
	default:
		break;
	}
	if (op >= 0x70 && op <= 0x7f)
		return 1;
	if ((op >= 0xb8 && op <= 0xbf) || (op >= 0x0f80 && op <= 0x0f8f))
		return 4;
	return op >= 0xb0 && op <= 0xb7 ? 1 : 0;
}

static bool is_simple(unsigned op)
{
	return (op >= 0x50 && op <= 0x5f) || op == 0x90 || op == 0xc3 || op == 0xc9 || op == 0x98 ||
	       op == 0x99 || op == 0x0f0b;
}

struct bytes {
	const uint8_t *at, *end;
	bool failed;
};

static uint8_t byte(struct bytes *b)
{
	if (b->at == b->end) {
		b->failed = true;
		return 0;
	}
	return *b->at++;
}

static int64_t number(struct bytes *b, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)byte(b) << (8 * i);
	if (size == 1)
		return (int8_t)value;
	return size == 4 ? (int32_t)value : (int64_t)value;
}

static void decode_modrm(struct bytes *b, unsigned rex, struct instruction *in)
{
	unsigned modrm = byte(b), mod = modrm >> 6, rm = modrm & 7;

	in->reg = (modrm >> 3 & 7) | (rex & 4) << 1;
	if (mod == 3) {
		in->rm = (struct operand){.base = rm | (rex & 1) << 3};
		return;
	}
	in->rm = (struct operand){.memory = true, .base = rm | (rex & 1) << 3};
	if (rm == 4) {
		unsigned sib = byte(b);

		in->rm.base = (sib & 7) | (rex & 1) << 3;
		in->rm.indexed = ((sib >> 3 & 7) | (rex & 2) << 2) != RSP;
		if ((sib & 7) == RBP && mod == 0) {
			in->rm.base = REGISTERS; /* an address and an index */
			in->rm.offset = number(b, 4);
			return;
		}
	} else if (rm == 5 && mod == 0) {
		in->rm.relative = true;
		in->rm.offset = number(b, 4);
		return;
	}
	if (mod)
		in->rm.offset = number(b, mod == 1 ? 1 : 4);
}

/* False for what is not worth to know. */
static bool decode(const uint8_t *code, size_t size, struct instruction *in)
{
	struct bytes b = {code, code + size, false};
	unsigned rex = 0, op = byte(&b), bytes;
	bool narrow = false;

	*in = (struct instruction){0};
	while (op == 0x66 || op == 0xf2 || op == 0xf3 || op == 0x64) {
		if (op == 0x64)
			return false; /* thread-local */
		narrow |= op == 0x66;
		op = byte(&b);
	}
	if (op >= 0x40 && op <= 0x4f) {
		rex = op;
		op = byte(&b);
	}
	if (op == 0x0f)
		op = 0x0f00 | byte(&b);
	in->opcode = op;
	in->wide = rex & 8;
	if (op == 0x0f38 || op == 0x0f3a || b.failed)
		return false;
	if (has_modrm(op))
		decode_modrm(&b, rex, in);
	else if (op >= 0xb0 && op <= 0xbf)
		in->rm.base = (op & 7) | (rex & 1) << 3;
	else if (op >= 0x50 && op <= 0x5f)
		in->rm.base = (op & 7) | (rex & 1) << 3;
	else if (!is_simple(op) && !immediate_size(op, 0))
		return false;
	bytes = immediate_size(op, in->reg & 7);
	if (op >= 0xb8 && op <= 0xbf && in->wide)
		bytes = 8;
	else if (bytes == 4 && narrow && op < 0xe0)
		bytes = 2;
	in->immediate = number(&b, bytes);
	in->size = (size_t)(b.at - code);
	return !b.failed;
}

/* ---- variables ------------------------------------------------------------------------------- */

static void add_type(struct site *site, struct ctype *type)
{
	for (unsigned i = 0; i < site->count; i++)
		if (site->types[i] == type)
			return;
	if (site->count < SITE_CANDIDATES)
		site->types[site->count++] = type;
}

/* A pointer to this type gets the address of the memory. */
static void received(struct trace *t, struct ctype *target)
{
	if (target->kind == CTYPE_VOID || target->kind == CTYPE_FUNCTION)
		return;
	add_type(t->site, target);
	/* bytes may be memory for anything; what else is said so */
	if (target->kind != CTYPE_CHAR)
		t->done = true;
}

typedef bool (*variable_visit)(struct trace *t, Dwarf_Die *die, const void *context);

/* Those of the scopes that hold the address, the innermost first: also of what is inlined there. */
static bool each_in(struct trace *t, Dwarf_Die *scope, unsigned depth, variable_visit visit,
		    const void *context)
{
	Dwarf_Die child;

	if (depth > MAX_SCOPES || dwarf_child(scope, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);

		if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) &&
		    dwarf_haspc(&child, t->pc) == 1 &&
		    each_in(t, &child, depth + 1, visit, context))
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	if (dwarf_child(scope, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);

		if ((tag == DW_TAG_variable || tag == DW_TAG_formal_parameter) &&
		    visit(t, &child, context))
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static bool each_variable(struct trace *t, variable_visit visit, const void *context)
{
	return t->function && each_in(t, t->function, 0, visit, context);
}

static bool is_register(const Dwarf_Op *op, unsigned number)
{
	return op->atom == DW_OP_reg0 + number || (op->atom == DW_OP_regx && op->number == number);
}

struct in_register {
	unsigned number;
	struct ctype *pointee; /* of what the register holds of the variable; NULL no pointer */
	bool self;	       /* the variable is a member function's this */
};

static bool is_self(Dwarf_Die *parameter)
{
	Dwarf_Attribute attribute;
	bool artificial;

	return dwarf_attr_integrate(parameter, DW_AT_artificial, &attribute) &&
	       dwarf_formflag(&attribute, &artificial) == 0 && artificial;
}

static struct ctype *only_pointee(struct ctype *type, uint64_t offset)
{
	struct ctype *out[CTYPE_POINTEES];
	bool scalar;

	return ctype_pointees(type, offset, out, &scalar) == 1 ? out[0] : NULL;
}

/* The variable, or a piece of it, is in a register at this address. */
static bool visit_register(struct trace *t, Dwarf_Die *die, const void *context)
{
	struct in_register *want = (struct in_register *)context;
	struct ctype *type = NULL;
	Dwarf_Attribute attribute;
	uint64_t offset = 0;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(die, DW_AT_location, &attribute) ||
	    dwarf_getlocation_addr(&attribute, t->pc, &ops, &n, 1) != 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool piece = i + 1 < n && ops[i + 1].atom == DW_OP_piece;

		if (is_register(&ops[i], want->number) && (n == 1 || piece)) {
			type = debug_type_of(t->debug, die);
			break;
		}
		if (ops[i].atom == DW_OP_piece)
			offset += ops[i].number;
		else if (!piece && n > 1)
			return false;
	}
	want->pointee = type ? only_pointee(type, offset) : NULL;
	want->self = is_self(die);
	/* a helper's void pointer hides what it is to others */
	return want->pointee && want->pointee->kind != CTYPE_VOID;
}

static struct ctype *register_pointee(struct trace *t, unsigned machine, bool *self)
{
	struct in_register want = {dwarf_number[machine], NULL, false};
	bool found = each_variable(t, visit_register, &want);

	if (self)
		*self = want.self;
	return found ? want.pointee : NULL;
}

struct in_frame {
	int64_t offset; /* from the CFA, or from rbp where frames count from there */
	struct ctype *type;
	uint64_t inside;
};

static bool visit_frame(struct trace *t, Dwarf_Die *die, const void *context)
{
	struct in_frame *want = (struct in_frame *)context;
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;
	int64_t at;

	if (!dwarf_attr(die, DW_AT_location, &attribute) ||
	    dwarf_getlocation_addr(&attribute, t->pc, &ops, &n, 1) != 1 || n != 1 ||
	    ops[0].atom != DW_OP_fbreg)
		return false;
	at = (int64_t)ops[0].number;
	want->type = debug_type_of(t->debug, die);
	want->inside = (uint64_t)(want->offset - at);
	return want->offset >= at && want->inside < want->type->size;
}

/* The pointer type at an offset in something; NULL when there is none, or several. */
static struct ctype *pointer_in(struct ctype *type, uint64_t offset, struct ctype **pointees,
				unsigned *n)
{
	bool scalar;

	*n = ctype_pointees(type, offset, pointees, &scalar);
	return *n ? pointees[0] : NULL;
}

/* A place on the stack, as variables' places are told. */
static bool frame_offset(struct trace *t, const struct operand *o, int64_t *offset)
{
	int64_t from;
	unsigned reg;

	if ((o->base != RBP && o->base != RSP) || o->indexed || o->relative)
		return false;
	*offset = o->offset;
	if (!t->frame_is_cfa)
		return o->base == RBP;
	if (!image_frame(t->code, t->pc, &reg, &from) || reg != dwarf_number[o->base])
		return false;
	*offset -= from;
	return true;
}

/* What lies in memory that an operand names: pointees of a pointer there, best first. */
static unsigned operand_pointees(struct trace *t, const struct operand *o, uint64_t next,
				 struct ctype **pointees)
{
	struct in_frame frame = {0};
	struct ctype *type = NULL;
	uint64_t offset = 0;
	const char *name;
	unsigned n;

	if (o->relative) {
		if (!debug_variable(t->debug, next + (uint64_t)o->offset, &type, &offset, &name))
			return 0;
	} else if (frame_offset(t, o, &frame.offset) && each_variable(t, visit_frame, &frame)) {
		type = frame.type;
		offset = frame.inside;
	} else if (o->base < REGISTERS && o->base != RSP) {
		struct value *v = &t->registers[o->base];

		if (v->holds == POINTER) {
			type = v->type;
		} else if (v->holds == UNKNOWN) {
			type = register_pointee(t, o->base, NULL);
		}
		if (!type || !type->size)
			return 0;
		offset = (uint64_t)o->offset;
		if (offset >= type->size || o->indexed) {
			bool flexible;
			uint64_t start;
			struct ctype *element;

			if (o->offset >= 0 && ctype_flexible(type, &start, &element, &flexible) &&
			    offset >= start)
				;
			else
				offset %= type->size;
		}
	}
	if (!type)
		return 0;
	return pointer_in(type, offset, pointees, &n) ? n : 0;
}

/* ---- following ------------------------------------------------------------------------------- */

static void forget_scratch(struct trace *t)
{
	static const uint8_t scratch[] = {RAX, RCX, RDX, RSI, RDI, 8, 9, 10, 11};

	for (size_t i = 0; i < sizeof scratch; i++)
		t->registers[scratch[i]] = (struct value){0};
}

static struct ctype *own_parameter(struct debug *debug, Dwarf_Die *function, unsigned number)
{
	Dwarf_Die child;

	if (dwarf_child(function, &child) != 0)
		return NULL;
	do {
		if (dwarf_tag(&child) == DW_TAG_formal_parameter && !number--)
			return debug_type_of(debug, &child);
	} while (dwarf_siblingof(&child, &child) == 0);
	return NULL;
}

/* Code that was inlined or compiled may have lost some: what it was made from has them all. */
static struct ctype *parameter(struct debug *debug, Dwarf_Die *function, unsigned number)
{
	Dwarf_Attribute attribute;
	struct ctype *type = NULL;
	Dwarf_Die from;

	if (dwarf_attr(function, DW_AT_abstract_origin, &attribute) &&
	    dwarf_formref_die(&attribute, &from))
		type = own_parameter(debug, &from, number);
	if (!type)
		type = own_parameter(debug, function, number);
	if (!type && dwarf_attr_integrate(function, DW_AT_specification, &attribute) &&
	    dwarf_formref_die(&attribute, &from))
		type = own_parameter(debug, &from, number);
	return type;
}

/* "Foo" is the constructor of "ns::Foo<int>". */
static bool is_constructor(const char *name, const char *class)
{
	size_t length = strlen(class), n = strcspn(name, "<");
	unsigned depth = 0;

	while (length && (depth || class[length - 1] == '>')) {
		length--;
		depth += class[length] == '>';
		depth -= class[length] == '<';
	}
	return length >= n && n && strncmp(class + length - n, name, n) == 0 &&
	       (length == n || class[length - n - 1] == ':');
}

/*
 * What is being constructed, the whole ahead of its members: constructors that are inlined around here, and begin behind the call. The
 * members' are constructed at the same address, and one that happens to come first, or is called as a function, would be taken for all.
 */
static void constructed(struct trace *t, Dwarf_Die *scope, unsigned depth)
{
	Dwarf_Die child;

	if (depth > MAX_SCOPES || dwarf_child(scope, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);
		struct ctype *type = NULL;
		const char *name;

		if ((tag != DW_TAG_lexical_block && tag != DW_TAG_inlined_subroutine) ||
		    dwarf_haspc(&child, t->pc) != 1)
			continue;
		name = dwarf_diename(&child);
		if (tag == DW_TAG_inlined_subroutine && name && dwarf_haspc(&child, t->call) != 1)
			type = parameter(t->debug, &child, 0);
		type = type && type->kind == CTYPE_POINTER ? ctype_target(type) : NULL;
		if (type && type->name && is_constructor(name, type->name))
			add_type(t->site, type);
		constructed(t, &child, depth + 1);
		return;
	} while (dwarf_siblingof(&child, &child) == 0);
}

/* The function is called with the memory as its first argument: a constructor's this, or what it takes a pointer to. */
static void called(struct trace *t, uint64_t target)
{
	struct ctype *type = NULL;
	const char *name;
	Dwarf_Die function;

	if (t->registers[RDI].holds == RESULT && debug_function(t->debug, target, &function))
		type = parameter(t->debug, &function, 0);
	if (!type || type->kind != CTYPE_POINTER)
		return;
	type = ctype_target(type);
	name = dwarf_diename(&function);
	if (t->function && name && type->name && is_constructor(name, type->name))
		constructed(t, t->function, 0);
	received(t, type);
}

static void store(struct trace *t, const struct instruction *in)
{
	struct ctype *pointees[CTYPE_POINTEES];
	unsigned n;

	if (t->registers[in->reg].holds != RESULT || !in->wide)
		return;
	n = operand_pointees(t, &in->rm, t->pc + in->size, pointees);
	/* of a union's members nobody knows which one it is */
	if (n == 1)
		received(t, pointees[0]);
}

static bool is_result_slot(struct trace *t, const struct operand *o, const struct operand *slot)
{
	return slot->memory && o->memory && o->base == slot->base && o->offset == slot->offset &&
	       !o->indexed && !o->relative && (o->base == RBP || o->base == RSP);
}

static void load(struct trace *t, const struct instruction *in, const struct operand *slot)
{
	struct ctype *pointees[CTYPE_POINTEES];
	struct value v = {0};

	if (in->wide && is_result_slot(t, &in->rm, slot)) {
		v.holds = RESULT;
	} else if (in->wide && operand_pointees(t, &in->rm, t->pc + in->size, pointees)) {
		v = (struct value){POINTER, pointees[0]};
	}
	t->registers[in->reg] = v;
}

static void add(struct trace *t, const struct instruction *in, unsigned to, unsigned from)
{
	if (t->registers[to].holds == RESULT || !in->wide)
		t->registers[to] = (struct value){0};
	else if (t->registers[from].holds == POINTER)
		t->registers[to] = t->registers[from];
	else if (t->registers[to].holds != POINTER)
		t->registers[to] = (struct value){0};
}

/* Carries out one instruction; false ends the trace. *jump: bytes to skip after it. */
static bool step(struct trace *t, const struct instruction *in, struct operand *slot, int64_t *jump)
{
	unsigned op = in->opcode;

	*jump = 0;
	switch (op) {
	case 0x89: /* mov to */
		if (!in->rm.memory) {
			t->registers[in->rm.base] =
				in->wide ? t->registers[in->reg] : (struct value){0};
			return true;
		}
		if (t->registers[in->reg].holds == RESULT && in->wide)
			*slot = in->rm;
		store(t, in);
		return true;
	case 0x8b: /* mov from */
		if (in->rm.memory)
			load(t, in, slot);
		else
			t->registers[in->reg] =
				in->wide ? t->registers[in->rm.base] : (struct value){0};
		return true;
	case 0x85: /* test */
		t->tested = !in->rm.memory && in->reg == in->rm.base &&
			    t->registers[in->reg].holds == RESULT;
		return true;
	case 0x83:
	case 0x81: /* cmp, add, ... with a number */
		if ((in->reg & 7) == 7)
			t->tested = (in->rm.memory ? is_result_slot(t, &in->rm, slot)
						   : t->registers[in->rm.base].holds == RESULT) &&
				    in->immediate == 0;
		else if (!in->rm.memory && in->rm.base != RSP)
			t->registers[in->rm.base] = (struct value){0};
		return true;
	case 0x01: /* add to a register */
		if (!in->rm.memory)
			add(t, in, in->rm.base, in->reg);
		return true;
	case 0x03:
		if (in->rm.memory)
			t->registers[in->reg] = (struct value){0};
		else
			add(t, in, in->reg, in->rm.base);
		return true;
	case 0xe8:
		called(t, t->pc + in->size + (uint64_t)in->immediate);
		forget_scratch(t);
		return true;
	case 0xeb:
	case 0xe9:
		*jump = in->immediate;
		return true;
	case 0xc3:
		t->site->passes |= t->registers[RAX].holds == RESULT;
		return false;
	case 0xff:
		if ((in->reg & 7) == 2) {
			forget_scratch(t);
			return true;
		}
		return (in->reg & 7) < 2;
	default:
		break;
	}
	/* after "is it null?": on with the case that it is not */
	if ((op >= 0x70 && op <= 0x7f) || (op >= 0x0f80 && op <= 0x0f8f)) {
		if ((op & 15) == 5 && t->tested)
			*jump = in->immediate;
		t->tested = false;
		return true;
	}
	if (op >= 0x58 && op <= 0x5f)
		t->registers[in->rm.base] = (struct value){0};
	else if (op >= 0xb0 && op <= 0xbf)
		t->registers[in->rm.base] = (struct value){0};
	else if (op == 0xc9)
		t->registers[RBP] = (struct value){0};
	else if (op == 0x8d || op == 0x63 || op == 0x69 || op == 0x6b || op == 0x0fb6 ||
		 op == 0x0fb7 || op == 0x0fbe || op == 0x0fbf || op == 0x0faf ||
		 (op >= 0x0f40 && op <= 0x0f4f))
		t->registers[in->reg] = (struct value){0};
	else if (op == 0x31 || op == 0x29 || op == 0x21 || op == 0x09 || op == 0xc1 || op == 0xd1 ||
		 op == 0xd3 || op == 0xf7)
		t->registers[in->rm.memory ? RSP : in->rm.base] = (struct value){0};
	return op != 0x0f0b && op != 0xcc;
}

/* A variable that is said to be in a register with the memory. */
static void look_at_registers(struct trace *t)
{
	for (unsigned r = 0; r < REGISTERS && !t->done; r++) {
		struct ctype *type;
		bool self;

		if (r == RSP || t->registers[r].holds != RESULT)
			continue;
		type = register_pointee(t, r, &self);
		if (type && self)
			constructed(t, t->function, 0);
		if (type)
			received(t, type);
	}
}

/* The bytes that a trace is in the middle of. */
struct window {
	uint8_t bytes[CODE_SIZE];
	uint64_t start;
	size_t size;
};

/* The instruction at t->pc; false: no bytes, or not known. */
static bool fetch(struct trace *t, struct window *w, struct instruction *in)
{
	if (!t->code)
		return false;
	for (unsigned tries = 0; tries < 2; tries++) {
		uint64_t at = t->pc - w->start;

		if (t->pc >= w->start && at < w->size && decode(w->bytes + at, w->size - at, in))
			return true;
		/* it may lie elsewhere, or go on behind the end */
		w->start = t->pc;
		w->size = image_code(t->code, t->pc, w->bytes, sizeof w->bytes);
	}
	return false;
}

static void follow(struct trace *t, uint64_t start)
{
	struct window window = {.size = 0};
	struct operand slot = {0};

	t->pc = start;
	t->registers[RAX].holds = RESULT;
	for (unsigned steps = 0; steps < MAX_STEPS && !t->done; steps++) {
		struct instruction in;
		int64_t jump;

		look_at_registers(t);
		if (t->done)
			return;
		if (!fetch(t, &window, &in)) {
			t->site->passes |= t->site->count == 0;
			return;
		}
		if (!step(t, &in, &slot, &jump))
			return;
		t->pc += in.size + (uint64_t)jump;
	}
}

/* ---- allocators and functions ---------------------------------------------------------------- */

static bool is_allocator(const char *name)
{
	static const char *const prefixes[] = {"std::allocator<", "std::__new_allocator<",
					       "__gnu_cxx::new_allocator<", "std::__1::allocator<"};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* What std::function and std::any put what they are made of into: of a function that makes one the second argument. */
static struct ctype *made_argument(struct debug *debug, Dwarf_Die *scope)
{
	const char *name = dwarf_diename(scope);
	struct ctype *storage, *type;

	if (!name || (strncmp(name, "_M_create", 9) != 0 && strncmp(name, "_S_create", 9) != 0))
		return NULL;
	storage = parameter(debug, scope, 0);
	type = parameter(debug, scope, 1);
	if (!storage || storage->kind != CTYPE_POINTER || !type || type->kind != CTYPE_POINTER)
		return NULL;
	storage = ctype_target(storage);
	return strcmp(storage->name, "std::_Any_data") == 0 ||
			       strcmp(storage->name, "std::any::_Storage") == 0
		       ? ctype_target(type)
		       : NULL;
}

/* A member function of std::allocator<T>, or one that gets it first: T. */
static struct ctype *allocator_argument(struct debug *debug, Dwarf_Die *scope)
{
	struct ctype *type = made_argument(debug, scope);

	if (type)
		return type->kind == CTYPE_VOID ? NULL : type;
	type = parameter(debug, scope, 0);

	if (!type || type->kind != CTYPE_POINTER)
		return NULL;
	type = ctype_target(type);
	return type->kind == CTYPE_STRUCT && is_allocator(type->name)
		       ? debug_template_argument(type)
		       : NULL;
}

static bool frame_base_is_cfa(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;

	return !function || !dwarf_attr_integrate(function, DW_AT_frame_base, &attribute) ||
	       dwarf_getlocation(&attribute, &ops, &n) != 0 || n != 1 ||
	       ops[0].atom == DW_OP_call_frame_cfa;
}

static void look_at_function(struct trace *t, Dwarf_Die *function)
{
	struct ctype *type = debug_type_of(t->debug, function);

	if (type->kind != CTYPE_POINTER)
		return;
	type = ctype_target(type);
	if (type->kind == CTYPE_VOID || type->kind == CTYPE_CHAR)
		t->site->passes = true;
	else if (t->site->passes || !t->site->count)
		t->site->weak = type;
}

/* The memory is for an allocator of a library: what its template argument says, of the innermost one that is inlined there. */
static struct ctype *allocator_at(struct debug *debug, Dwarf_Die *scope, uint64_t pc,
				  unsigned depth)
{
	struct ctype *found = NULL;
	Dwarf_Die child;
	int tag = dwarf_tag(scope);

	if (depth > MAX_SCOPES)
		return NULL;
	if (dwarf_child(scope, &child) == 0) {
		do {
			int inside = dwarf_tag(&child);

			if ((inside == DW_TAG_lexical_block ||
			     inside == DW_TAG_inlined_subroutine) &&
			    dwarf_haspc(&child, pc) == 1)
				found = allocator_at(debug, &child, pc, depth + 1);
		} while (!found && dwarf_siblingof(&child, &child) == 0);
	}
	if (!found && tag != DW_TAG_lexical_block)
		found = allocator_argument(debug, scope);
	return found;
}

void site_look(struct debug *debug, struct image *code, uint64_t return_address, struct site *ret)
{
	struct trace t = {.debug = debug, .code = code, .site = ret};
	struct ctype *type;
	Dwarf_Die function;

	*ret = (struct site){0};
	if (!debug_function(debug, return_address - 1, &function))
		return;
	type = allocator_at(debug, &function, return_address - 1, 0);
	if (type) {
		add_type(ret, type);
		ret->allocator = true;
		return;
	}
	t.function = &function;
	t.call = return_address - 1;
	t.frame_is_cfa = frame_base_is_cfa(&function);
	follow(&t, return_address);
	look_at_function(&t, &function);
}
