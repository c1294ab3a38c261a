/*
 * relocate.c - instructions for another place.
 *
 * A call that moves pushes the return address that it had: the stack then looks to unwinders, and to a callee that looks at its caller, as
 * without us. It is made of a push and a jump, for which a processor with a shadow stack would not let the callee return: patch.c asks.
 */
#include <string.h>

#include "relocate.h"

struct writer {
	uint8_t *code;
	uintptr_t address; /* of code[0] */
	size_t n;
	bool far;
};

static void write_bytes(struct writer *w, const void *data, size_t size)
{
	memcpy(w->code + w->n, data, size);
	w->n += size;
}

static void write_displacement(struct writer *w, uintptr_t target, uintptr_t from)
{
	int64_t value = (int64_t)(target - from);
	int32_t narrow = (int32_t)value;

	if (value != narrow)
		w->far = true;
	write_bytes(w, &narrow, 4);
}

/* An opcode and 32 bits relative to its end. */
static void write_jump(struct writer *w, const char *opcode, size_t size, uintptr_t target)
{
	write_bytes(w, opcode, size);
	write_displacement(w, target, w->address + w->n + 4);
}

static void push_return(struct writer *w, uintptr_t address)
{
	uint32_t low = (uint32_t)address, high = (uint32_t)(address >> 32);

	write_bytes(w, "\x48\x8d\x64\x24\xf8", 5); /* lea -8(%rsp), %rsp: no flags */
	write_bytes(w, "\xc7\x04\x24", 3);
	write_bytes(w, &low, 4);
	write_bytes(w, "\xc7\x44\x24\x04", 4);
	write_bytes(w, &high, 4);
}

static void write_insn(struct writer *w, const struct insn *i, uintptr_t at)
{
	const uint8_t *old = (const uint8_t *)at;
	size_t start = w->n;
	char branch[2] = {0x0f, (char)(0x80 | (i->opcode & 15))};

	switch (i->flow) {
	case FLOW_BRANCH:
		write_jump(w, branch, 2, i->target);
		return;
	case FLOW_JUMP:
		write_jump(w, "\xe9", 1, i->target);
		return;
	case FLOW_CALL:
		push_return(w, at + i->length);
		write_jump(w, "\xe9", 1, i->target);
		return;
	case FLOW_CALL_INDIRECT: /* rip-relative or of a register: the same as a jump is one bit of ModRM away */
		push_return(w, at + i->length);
		start = w->n;
		write_bytes(w, old, i->length);
		w->code[start + i->length - (i->rip_relative ? 5 : 1)] ^= 0x10 ^ 0x20;
		break;
	default:
		write_bytes(w, old, i->length);
	}
	if (i->rip_relative) {
		size_t end = w->n;

		w->n = start + i->relative_at;
		write_displacement(w, i->target, w->address + end);
		w->n = end;
	}
}

size_t relocate(const struct proof *p, uint8_t *code, uintptr_t address)
{
	struct writer w = {.code = code, .address = address};
	uintptr_t at = p->patch;

	for (unsigned i = 0; i < p->nmoved; i++) {
		write_insn(&w, &p->moved[i], at);
		at += p->moved[i].length;
	}
	if (!p->ended)
		write_jump(&w, "\xe9", 1, p->moved_end);
	return w.far ? 0 : w.n;
}
