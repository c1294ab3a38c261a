/*
 * decode.h - x86-64 machine code, as far as one must know it to move a few instructions: lengths, jumps, what depends on the place.
 *
 * Knows nothing of modules, symbols or patches. What is not known for certain is refused: invalid and privileged forms, AMD's XOP and
 * 3DNow!, whatever Intel and AMD read differently.
 */
#ifndef REFGRAPH_HOOKS_DECODE_H
#define REFGRAPH_HOOKS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_MAX 15

/* Where the processor goes after the instruction. */
enum insn_flow {
	FLOW_NEXT,
	FLOW_BRANCH, /* `target`, or next */
	FLOW_LOOP,   /* the same, in a form that has an 8 bit displacement only: loop, jrcxz */
	FLOW_JUMP,   /* `target` */
	FLOW_CALL,   /* `target`, and back */
	FLOW_JUMP_INDIRECT, /* a register's or a memory word's */
	FLOW_CALL_INDIRECT,
	FLOW_RETURN,
	FLOW_STOP,   /* ud2, int3, hlt: nowhere */
	FLOW_KERNEL, /* syscall, int: next, with its own address in a register or a frame */
};

struct insn {
	uint8_t length;
	uint8_t flow;	    /* enum insn_flow */
	uint8_t opcode_map; /* 0 one byte, 1 0F, 2 0F38, 3 0F3A; with VEX and EVEX too */
	uint8_t opcode;
	uint8_t modrm; /* when has_modrm */
	bool has_modrm;
	bool rip_relative;     /* a memory operand at rip + displacement: `target` is its address */
	bool sp_relative;      /* a memory operand whose base is rsp */
	uint8_t relative_at;   /* offset of the displacement of a branch or of rip_relative */
	uint8_t relative_size; /* 1 or 4 bytes; 0: does not depend on its place */
	uintptr_t target;
	int64_t displacement; /* of a memory operand that is not rip_relative */
	bool table; /* a memory operand without base, scaled index: [displacement + index * scale] */
	bool prefixed; /* has legacy prefixes or REX */
};

/* Reads the instruction at `code`, of which `room` bytes may be read, as if it stood at `address`. False: not known. */
bool decode(const uint8_t *code, size_t room, uintptr_t address, struct insn *ret);

#endif
