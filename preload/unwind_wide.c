/*
 * unwind_wide.c - one step with all registers.
 *
 * A few rows cannot be said in pc, sp and rbp: the dynamic linker's resolver (CFA from rbx), hand-written assembly, code
 * interrupted in its prologue. For them the walk starts again here, in a frame of our own whose registers are known,
 * and carries all of them along. That costs microseconds and is rare.
 *
 * calls.c walks the stacks of stopped threads with the same step: there not all registers are known, and where each of them was saved
 * matters as much as its value.
 */
#include <string.h>
#include <ucontext.h>

#include "hooks/around.h"
#include "hooks/thunk.h"
#include "unwind.h"
#include "unwind_cursor.h"

/* The ucontext's order in DWARF numbers. */
static const uint8_t ucontext_order[] = {
	[0] = REG_RAX,	[1] = REG_RDX,	[2] = REG_RCX,	[3] = REG_RBX,	[4] = REG_RSI,
	[5] = REG_RDI,	[6] = REG_RBP,	[7] = REG_RSP,	[8] = REG_R8,	[9] = REG_R9,
	[10] = REG_R10, [11] = REG_R11, [12] = REG_R12, [13] = REG_R13, [14] = REG_R14,
	[15] = REG_R15, [16] = REG_RIP,
};

static bool load_signal(struct wide_registers *regs, struct stack_view *view)
{
	uintptr_t context = regs->r[DW_RSP] + offsetof(ucontext_t, uc_mcontext.gregs);
	struct wide_registers next = {.known = WIDE_ALL};
	for (unsigned i = 0; i < DW_MAX; i++) {
		next.slot[i] = context + 8 * ucontext_order[i];
		if (!view_read(view, next.slot[i], &next.r[i]))
			return false;
	}
	*regs = next;
	return true;
}

/* ---- expressions ------------------------------------------------------------------------------------------------------------ */

#define EXPRESSION_STACK 16
#define EXPRESSION_STEPS 256 /* no loop runs longer */

struct evaluation {
	const struct wide_registers *regs;
	struct stack_view *view;
	uintptr_t stack[EXPRESSION_STACK];
	unsigned depth;
	bool bad;
};

static void push(struct evaluation *e, uintptr_t value)
{
	if (e->depth == EXPRESSION_STACK)
		e->bad = true;
	else
		e->stack[e->depth++] = value;
}

static uintptr_t pop(struct evaluation *e)
{
	if (!e->depth) {
		e->bad = true;
		return 0;
	}
	return e->stack[--e->depth];
}

static uintptr_t apply(unsigned op, intptr_t a, intptr_t b, bool *known)
{
	switch (op) {
	case 0x1a:
		return a & b;
	case 0x1c:
		return (uintptr_t)a - (uintptr_t)b;
	case 0x1e:
		return (uintptr_t)a * (uintptr_t)b;
	case 0x21:
		return a | b;
	case 0x22:
		return (uintptr_t)a + (uintptr_t)b;
	case 0x24:
		return (uintptr_t)a << (b & 63);
	case 0x25:
		return (uintptr_t)a >> (b & 63);
	case 0x26:
		return a >> (b & 63);
	case 0x27:
		return a ^ b;
	case 0x29:
		return a == b;
	case 0x2a:
		return a >= b;
	case 0x2b:
		return a > b;
	case 0x2c:
		return a <= b;
	case 0x2d:
		return a < b;
	case 0x2e:
		return a != b;
	default:
		*known = false;
		return 0;
	}
}

static void evaluate_op(struct evaluation *e, struct cursor *c, unsigned op)
{
	uintptr_t a, b;
	bool known = true;
	if (op >= 0x30 && op <= 0x4f) {
		push(e, op - 0x30); /* litN */
	} else if (op >= 0x70 && op < 0x70 + DW_MAX) {
		push(e, e->regs->r[op - 0x70] + (uintptr_t)take_sleb(c)); /* bregN */
		e->bad |= !(e->regs->known >> (op - 0x70) & 1);
	} else if (op == 0x06) {
		if (!view_read(e->view, pop(e), &a))
			e->bad = true;
		else
			push(e, a);
	} else if (op == 0x08 || op == 0x0a || op == 0x0c || op == 0x0e) {
		push(e, take(c, 1u << (op - 0x08) / 2)); /* const1u, 2u, 4u, 8u */
	} else if (op == 0x09) {
		push(e, (uintptr_t)(int8_t)take(c, 1));
	} else if (op == 0x0b) {
		push(e, (uintptr_t)(int16_t)take(c, 2));
	} else if (op == 0x0d) {
		push(e, (uintptr_t)(int32_t)take(c, 4));
	} else if (op == 0x10) {
		push(e, take_uleb(c));
	} else if (op == 0x11) {
		push(e, (uintptr_t)take_sleb(c));
	} else if (op == 0x12) {
		push(e, a = pop(e)), push(e, a); /* dup */
	} else if (op == 0x13) {
		pop(e); /* drop */
	} else if (op == 0x23) {
		push(e, pop(e) + take_uleb(c)); /* plus_uconst */
	} else {
		b = pop(e), a = pop(e);
		push(e, apply(op, (intptr_t)a, (intptr_t)b, &known));
		e->bad |= !known;
	}
}

static bool evaluate(struct evaluation *e, const struct cfi_register *expression, uintptr_t *value)
{
	struct cursor c = {.at = expression->expression,
			   .end = expression->expression + expression->size};
	while (c.at < c.end && !c.bad && !e->bad)
		evaluate_op(e, &c, take(&c, 1));
	*value = pop(e);
	return !c.bad && !e->bad;
}

/* ---- one step --------------------------------------------------------------------------------------------------------------- */

/* Of what a row does not tell the register may be lost: then it is not known any more. False: the stack cannot be read. */
static bool caller_register(const struct cfi_register *how, unsigned number,
			    const struct wide_registers *regs, uintptr_t cfa,
			    struct stack_view *view, struct wide_registers *next)
{
	struct evaluation e = {.regs = regs, .view = view, .stack = {cfa}, .depth = 1};
	uintptr_t *value = &next->r[number], *slot = &next->slot[number];
	uint32_t bit = 1u << number;

	switch (how->how) {
	case CFI_OFFSET:
		next->known |= bit;
		*slot = cfa + (uintptr_t)how->value;
		return view_read(view, *slot, value);
	case CFI_VALUE_OFFSET:
		next->known |= bit;
		*slot = 0;
		*value = cfa + (uintptr_t)how->value;
		return true;
	case CFI_REGISTER:
		if ((uint64_t)how->value >= DW_MAX)
			return false;
		*value = regs->r[how->value];
		*slot = regs->slot[how->value];
		next->known =
			regs->known >> how->value & 1 ? next->known | bit : next->known & ~bit;
		return true;
	case CFI_EXPRESSION:
		next->known |= bit;
		return evaluate(&e, how, slot) && view_read(view, *slot, value);
	case CFI_VALUE_EXPRESSION:
		next->known |= bit;
		*slot = 0;
		return evaluate(&e, how, value);
	default:
		return true; /* unchanged; what is undefined is never used by a sound row */
	}
}

bool wide_cfa(const struct cfi_row *row, const struct wide_registers *regs, struct stack_view *view,
	      uintptr_t *cfa)
{
	struct evaluation e = {.regs = regs, .view = view};

	if (row->cfa_is_expression)
		return evaluate(&e, &row->cfa, cfa);
	*cfa = regs->r[row->cfa_register] + (uintptr_t)row->cfa.value;
	return regs->known >> row->cfa_register & 1;
}

/* A hooked call whose return leads to us: its frame is empty, and what is the caller's is with us. */
static bool hooked_caller(struct wide_registers *regs)
{
	const struct around *around = around_find(regs->r[DW_PC], regs->r[DW_RSP]);

	if (!around)
		return false;
	regs->r[DW_PC] = around->return_address;
	regs->r[DW_RBX] = around->rbx;
	regs->slot[DW_RBX] = 0;
	regs->exact = false;
	return is_code(around->return_address);
}

bool wide_caller(const struct cfi_row *row, uintptr_t cfa, struct wide_registers *regs,
		 struct stack_view *view)
{
	struct wide_registers next = *regs;

	if (hook_thunk_returns(regs->r[DW_PC]))
		return hooked_caller(regs);
	for (unsigned i = 0; i < DW_MAX; i++)
		if (!caller_register(&row->registers[i], i, regs, cfa, view, &next))
			return false;
	next.r[DW_RSP] = cfa;
	next.slot[DW_RSP] = 0;
	next.exact = false;
	*regs = next;
	return next.known >> DW_PC & 1 && is_code(next.r[DW_PC]);
}

bool wide_interrupted(struct wide_registers *regs, struct stack_view *view)
{
	if (!load_signal(regs, view))
		return false;
	regs->exact = true;
	return true;
}

static bool full_step(struct wide_registers *regs, struct stack_view *view)
{
	struct cfi_row row;
	uintptr_t cfa;

	if (cfi_find(regs->exact ? regs->r[DW_PC] : regs->r[DW_PC] - 1, &row) != CFI_OK)
		return false;
	if (row.signal_frame)
		return wide_interrupted(regs, view);
	if (row.registers[DW_PC].how == CFI_UNDEFINED)
		return false;
	return wide_cfa(&row, regs, view, &cfa) && cfa > regs->r[DW_RSP] &&
	       wide_caller(&row, cfa, regs, view);
}

/* How many frames a walk through all registers may take to come where the fast one is. */
#define WIDE_MAX 1024

__attribute__((noinline)) bool wide_step(struct unwind_state *state, struct stack_view *view,
					 const struct unwind_origin *origin)
{
	struct wide_registers regs;
	wide_here(&regs);
	struct stack_view below = view_open(regs.r[DW_RSP] + 8);
	const struct unwind_state wanted = *state;
	bool begun = false;
	for (unsigned i = 0; i < WIDE_MAX; i++) {
		begun |= regs.r[DW_RSP] == origin->sp && regs.r[DW_PC] == origin->pc;
		bool there = begun && regs.r[DW_RSP] == wanted.sp && regs.r[DW_PC] == wanted.pc;
		if (!full_step(&regs, &below))
			return false;
		if (there) {
			*state = (struct unwind_state){.pc = regs.r[DW_PC],
						       .sp = regs.r[DW_RSP],
						       .rbp = regs.r[DW_RBP],
						       .exact = regs.exact};
			*view = below;
			return true;
		}
	}
	return false;
}
