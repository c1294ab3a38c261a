/*
 * calls.c - the native frames of stopped threads, in the walker: so that the analyzer can say which function, and by debug information
 * which variable, a word of a stack belongs to.
 *
 * Known of a thread are all its registers (parked by the signal), those that are kept over calls (parked at the end of a hook), or
 * sp and pc alone (blocked in the kernel). The step is the unwinder's own; what is not known stays so until a frame
 * has saved it. One case is worth some work, because most programs that are compiled without optimization sleep like that: the frame
 * needs rbp, and the system call's function did not touch it. How far rbp lies above sp the beginning of the function tells
 * (push rbp; mov rsp, rbp; pushes; sub N, rsp); and whatever it tells must find a return address behind a call there.
 *
 * Values of registers stay out of the dump, except addresses in the thread's own stack.
 */
#include "unwind.h"
#include "walk.h"

#define FRAMES_MAX 1024u
/* From sp to a frame's end when its function's beginning does not tell. */
#define SCAN_WORDS 4096u

static const struct column_spec call_columns[] = {
	{RGD_CALL_THREAD, RGD_ENC_VARINT},
	{RGD_CALL_MODULE, RGD_ENC_VARINT},
	{RGD_CALL_OFFSET, RGD_ENC_VARINT},
	{RGD_CALL_SP, RGD_ENC_U64},
	{RGD_CALL_CFA, RGD_ENC_U64},
	{RGD_CALL_FLAGS, RGD_ENC_VARINT},
	{0, 0},
};
static const struct column_spec register_columns[] = {
	{RGD_CALLREG_CALL, RGD_ENC_VARINT},
	{RGD_CALLREG_NUMBER, RGD_ENC_U8},
	{RGD_CALLREG_SLOT, RGD_ENC_U64},
	{RGD_CALLREG_VALUE, RGD_ENC_U64},
	{0, 0},
};

struct calls {
	struct walk *w;
	struct table frames, registers;
	/* the thread at hand */
	uint32_t thread;
	struct wide_registers regs;
	struct stack_view view;
	uintptr_t low, high; /* of its stack */
};

void calls_init(void)
{
	cfi_init();
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */

static void emit_register(struct calls *c, unsigned number)
{
	uintptr_t value = c->regs.r[number];
	struct column *column = c->registers.column;

	column_put(&column[0], c->frames.total);
	column_put(&column[1], number);
	column_put(&column[2], c->regs.slot[number]);
	column_put(&column[3], value >= c->low && value < c->high ? value : 0);
	table_row(&c->w->writer, &c->registers);
}

static void emit(struct calls *c, uintptr_t cfa, uint32_t flags)
{
	uintptr_t pc = c->regs.r[DW_PC];
	uint32_t module = modules_find(c->regs.exact ? pc : pc - 1);
	struct column *column = c->frames.column;

	for (unsigned i = 0; i < DW_PC; i++)
		if (i != DW_RSP && c->regs.known >> i & 1)
			emit_register(c, i);
	column_put(&column[0], c->thread);
	column_put(&column[1], module);
	column_put(&column[2], module ? pc - modules_get(module - 1)->base : pc);
	column_put(&column[3], c->regs.r[DW_RSP]);
	column_put(&column[4], cfa);
	column_put(&column[5], flags | (c->regs.exact ? RGD_CALL_F_EXACT : 0));
	table_row(&c->w->writer, &c->frames);
}

/* ---- a frame whose rbp is not known ------------------------------------------------------------------------------------------ */

static bool can_read(struct calls *c, uintptr_t address, size_t size)
{
	return address > 4096 && memory_readable(&c->w->map, address, size) == size;
}

/* "call rel32", or a call by register or memory, right before the address. */
static bool behind_call(struct calls *c, uintptr_t address, uintptr_t *target)
{
	const uint8_t *code = (const uint8_t *)address;
	int32_t distance;

	*target = 0;
	if (!modules_find(address - 1) || !can_read(c, address - 7, 7))
		return false;
	if (code[-5] == 0xe8) {
		memcpy(&distance, code - 4, 4);
		*target = address + (uintptr_t)(intptr_t)distance;
		return true;
	}
	for (unsigned n = 2; n <= 7; n++)
		if (code[-(int)n] == 0xff && (code[1 - (int)n] >> 3 & 7) == 2)
			return true;
	return false;
}

static size_t push_size(const uint8_t *code)
{
	if (code[0] >= 0x50 && code[0] <= 0x57)
		return 1;
	return code[0] == 0x41 && code[1] >= 0x50 && code[1] <= 0x57 ? 2 : 0;
}

/* How far sp lies below rbp behind a function's usual beginning; 0 when it has another one. */
static uintptr_t frame_depth(struct calls *c, uintptr_t start, uintptr_t pc)
{
	const uint8_t *code = (const uint8_t *)start;
	uintptr_t depth = 0;
	int32_t room;
	size_t n;

	if (!can_read(c, start, 64))
		return 0;
	if (!memcmp(code, "\xf3\x0f\x1e\xfa", 4)) /* endbr64 */
		code += 4;
	if (code[0] != 0x55 ||
	    (memcmp(code + 1, "\x48\x89\xe5", 3) && memcmp(code + 1, "\x48\x8b\xec", 3)))
		return 0;
	for (code += 4;
	     (n = push_size(code)) && (uintptr_t)code < pc && (uintptr_t)code < start + 48;
	     code += n)
		depth += 8;
	if ((uintptr_t)code >= pc || code[0] != 0x48)
		return depth;
	if (code[1] == 0x83 && code[2] == 0xec)
		return depth + code[3];
	if (code[1] != 0x81 || code[2] != 0xec)
		return depth;
	memcpy(&room, code + 3, 4);
	return room > 0 ? depth + (uint32_t)room : 0;
}

static bool is_frame_of(struct calls *c, uintptr_t rbp, uintptr_t start, bool surely)
{
	uintptr_t back, target;

	return view_read(&c->view, rbp + 8, &back) && behind_call(c, back, &target) &&
	       (!surely || target == start);
}

/* The row says that the CFA is rbp + 16, and rbp is not known. */
static bool recover_rbp(struct calls *c, const struct cfi_row *row)
{
	uintptr_t pc = c->regs.r[DW_PC], sp = c->regs.r[DW_RSP], start, rbp;

	if (row->cfa_is_expression || row->cfa_register != DW_RBP || row->cfa.value != 16 ||
	    row->registers[DW_RBP].how != CFI_OFFSET || row->registers[DW_RBP].value != -16)
		return false;
	start = cfi_start(c->regs.exact ? pc : pc - 1);
	rbp = sp + frame_depth(c, start, pc);
	if (rbp == sp || !is_frame_of(c, rbp, start, false)) {
		/* arguments on the stack, alloca(): the return address that leads back behind a call of this very function */
		for (rbp = sp; rbp < sp + 8 * SCAN_WORDS && !is_frame_of(c, rbp, start, true);)
			rbp += 8;
		if (rbp == sp + 8 * SCAN_WORDS)
			return false;
	}
	c->regs.r[DW_RBP] = rbp;
	c->regs.slot[DW_RBP] = 0;
	c->regs.known |= 1u << DW_RBP;
	return true;
}

/* ---- a stack ------------------------------------------------------------------------------------------------------------------ */

/* One frame and on to its caller; false: that was the last one. */
static bool frame(struct calls *c)
{
	uintptr_t pc = c->regs.r[DW_PC], cfa;
	struct cfi_row row;

	if (cfi_find(c->regs.exact ? pc : pc - 1, &row) != CFI_OK) {
		emit(c, 0, RGD_CALL_F_CUT);
		return false;
	}
	if (row.signal_frame) {
		emit(c, 0, 0);
		return wide_interrupted(&c->regs, &c->view);
	}
	if (!wide_cfa(&row, &c->regs, &c->view, &cfa) &&
	    (!recover_rbp(c, &row) || !wide_cfa(&row, &c->regs, &c->view, &cfa)))
		cfa = 0;
	if (row.registers[DW_PC].how == CFI_UNDEFINED) {
		emit(c, cfa, RGD_CALL_F_LAST);
		return false;
	}
	if (cfa <= c->regs.r[DW_RSP]) {
		emit(c, 0, RGD_CALL_F_CUT);
		return false;
	}
	emit(c, cfa, 0);
	if (!wide_caller(&row, cfa, &c->regs, &c->view))
		return false;
	c->regs.known &= KEPT_REGISTERS | 1u << DW_PC;
	return true;
}

static __attribute__((noinline)) void stack(struct calls *c, const struct frozen_thread *t)
{
	const struct mapping *map = memory_mapping(&c->w->map, t->sp);

	if (t->self) {
		wide_here(&c->regs);
		c->regs.known = KEPT_REGISTERS | 1u << DW_PC;
	} else {
		memset(&c->regs, 0, sizeof c->regs);
		for (unsigned i = 0; i < DW_PC; i++)
			c->regs.r[i] = t->registers[i];
		c->regs.r[DW_RSP] = t->sp;
		c->regs.r[DW_PC] = t->pc;
		c->regs.known = t->known | 1u << DW_RSP | 1u << DW_PC;
		c->regs.exact = true;
	}
	c->low = map ? map->low : t->sp;
	c->high = map ? map->high : t->sp;
	c->view = (struct stack_view){t->sp & ~(uintptr_t)4095, map ? map->high : t->sp};
	if (map && !map->readable)
		return;
	for (unsigned n = 0; n < FRAMES_MAX; n++)
		if (!frame(c))
			return;
}

void walk_calls(struct walk *w)
{
	struct calls c = {.w = w};
	const struct frozen_thread *threads;
	size_t n = frozen_threads(&threads);

	if (!w->map.known ||
	    !table_open(&w->writer, &c.frames, RGD_SEC_CALLS, call_columns, 4096) ||
	    !table_open(&w->writer, &c.registers, RGD_SEC_CALL_REGISTERS, register_columns, 16384))
		return;
	for (size_t i = 0; i < n; i++) {
		c.thread = (uint32_t)i;
		if (threads[i].state != RGD_THREAD_HELPER && threads[i].sp &&
		    threads[i].pc + threads[i].self)
			stack(&c, &threads[i]);
	}
	table_close(&w->writer, &c.frames);
	table_close(&w->writer, &c.registers);
}
