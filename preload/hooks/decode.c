/*
 * decode.c - length and flow of x86-64 instructions (Intel SDM volume 2, appendix A: the opcode maps; AMD APM volume 3).
 *
 * An instruction is: prefixes, opcode (one of the maps), ModRM with SIB and displacement, immediate. One letter for each opcode says
 * what follows it. Tests hold every answer against a disassembler.
 */
#include <string.h>

#include "decode.h"

/*
 * .  nothing follows            M  ModRM                     x  refused
 * b  8 bits                     m  ModRM, 8 bits             p  prefix
 * z  32 bits (16 with 66)       n  ModRM, 32 bits (16)       e  escape to another map
 * w  16 bits                    j  jump 8, J jump 32         o  an address of 64 bits
 * v  64 bits with REX.W, else z                              *  looked at closer
 */
static const char one_byte[256 + 1] =
	/*0123456789abcdef */
	"MMMMbzxxMMMMbzxe"  /* 0 */
	"MMMMbzxxMMMMbzxx"  /* 1 */
	"MMMMbzpxMMMMbzpx"  /* 2 */
	"MMMMbzpxMMMMbzpx"  /* 3 */
	"pppppppppppppppp"  /* 4 */
	"................"  /* 5 */
	"xx*Mppppznbm...."  /* 6 */
	"jjjjjjjjjjjjjjjj"  /* 7 */
	"mnxmMMMMMMMMMMMM"  /* 8 */
	"..........x....."  /* 9 */
	"oooo....bz......"  /* a */
	"bbbbbbbbvvvvvvvv"  /* b */
	"mmw.**mn*.w..bx."  /* c */
	"MMMMxxx.MMMMMMMM"  /* d */
	"jjjjbbbbJJxj...."  /* e */
	"p.pp..**......MM"; /* f */

static const char two_byte[256 + 1] =
	/*0123456789abcdef */
	"MMMMx.....x.xMxx"  /* 0: 0f 3DNow! */
	"MMMMMMMMMMMMMMMM"  /* 1 */
	"xxxxxxxxMMMMMMMM"  /* 2: control and debug registers */
	"......x.exexxxxx"  /* 3 */
	"MMMMMMMMMMMMMMMM"  /* 4 */
	"MMMMMMMMMMMMMMMM"  /* 5 */
	"MMMMMMMMMMMMMMMM"  /* 6 */
	"mmmmMMM.*MxxMMMM"  /* 7 */
	"JJJJJJJJJJJJJJJJ"  /* 8 */
	"MMMMMMMMMMMMMMMM"  /* 9 */
	"...MmMxx...MmMMM"  /* a */
	"MMMMMMMM*MmMMMMM"  /* b */
	"MMmMmmmM........"  /* c */
	"MMMMMMMMMMMMMMMM"  /* d */
	"MMMMMMMMMMMMMMMM"  /* e */
	"MMMMMMMMMMMMMMMx"; /* f */

struct reader {
	const uint8_t *code;
	size_t room, at;
	bool operand16, address32, repeat, repeat_not, lock, rex_w, bad;
};

static unsigned next_byte(struct reader *r)
{
	if (r->at >= r->room || r->at >= INSN_MAX) {
		r->bad = true;
		return 0;
	}
	return r->code[r->at++];
}

static int64_t next_signed(struct reader *r, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)next_byte(r) << 8 * i;
	if (size < 8 && value >> (8 * size - 1))
		value |= ~0ull << 8 * size;
	return (int64_t)value;
}

/* The opcode's first byte. */
static unsigned prefixes(struct reader *r, struct insn *i)
{
	for (;;) {
		unsigned byte = next_byte(r);

		switch (byte) {
		case 0x66:
			r->operand16 = true;
			break;
		case 0x67:
			r->address32 = true;
			break;
		case 0xf2:
			r->repeat_not = true;
			break;
		case 0xf3:
			r->repeat = true;
			break;
		case 0xf0:
			r->lock = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		default:
			if ((byte & 0xf0) != 0x40 || r->bad)
				return byte;
			r->rex_w = byte & 8;
			i->prefixed = true;
			byte = next_byte(r);
			/* a prefix after REX makes REX void: nobody writes that */
			if ((byte & 0xf0) == 0x40 || (byte < 0x80 && one_byte[byte] == 'p') ||
			    byte == 0xf0 || byte == 0xf2 || byte == 0xf3)
				r->bad = true;
			return byte;
		}
		i->prefixed = true;
	}
}

static void memory_operand(struct reader *r, struct insn *i)
{
	unsigned mod = i->modrm >> 6, base = i->modrm & 7, size = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	if (mod == 3)
		return;
	if (base == 4) {
		unsigned sib = next_byte(r);

		base = sib & 7;
		i->sp_relative = base == 4; /* r12 too: harmless */
		if (base == 5 && mod == 0) {
			size = 4;
			i->table = (sib >> 3 & 7) != 4;
		}
	} else if (base == 5 && mod == 0) {
		i->rip_relative = true;
		i->relative_at = (uint8_t)r->at;
		i->relative_size = 4;
		size = 4;
	}
	i->displacement = next_signed(r, size);
	if (i->rip_relative && r->address32)
		r->bad = true;
}

static void modrm(struct reader *r, struct insn *i)
{
	i->modrm = (uint8_t)next_byte(r);
	i->has_modrm = true;
	memory_operand(r, i);
}

static void jump(struct reader *r, struct insn *i, unsigned size, enum insn_flow flow)
{
	/* with 66 Intel and AMD read jumps differently, REX.W settles it */
	if (r->operand16 && !r->rex_w)
		r->bad = true;
	i->flow = flow;
	i->relative_at = (uint8_t)r->at;
	i->relative_size = (uint8_t)size;
	i->displacement = next_signed(r, size);
}

static unsigned immediate_size(const struct reader *r)
{
	return r->operand16 && !r->rex_w ? 2 : 4;
}

/* What one letter of the tables says. */
static void operands(struct reader *r, struct insn *i, char letter)
{
	switch (letter) {
	case '.':
		break;
	case 'M':
		modrm(r, i);
		break;
	case 'm':
		modrm(r, i);
		next_byte(r);
		break;
	case 'n':
		modrm(r, i);
		next_signed(r, immediate_size(r));
		break;
	case 'b':
		next_byte(r);
		break;
	case 'w':
		next_signed(r, 2);
		break;
	case 'z':
		next_signed(r, immediate_size(r));
		break;
	case 'v':
		next_signed(r, r->rex_w ? 8 : immediate_size(r));
		break;
	case 'o':
		next_signed(r, r->address32 ? 4 : 8);
		break;
	default:
		r->bad = true;
	}
}

/* ---- VEX and EVEX ----------------------------------------------------------------------------------------------------- */

static void vector_operands(struct reader *r, struct insn *i, unsigned map, bool evex)
{
	unsigned opcode = next_byte(r);
	char letter = map == 1 ? two_byte[opcode] : map == 3 ? 'm' : 'M';

	i->opcode = (uint8_t)opcode;
	if (map == 1 && (opcode & 0xf0) == 0x80)
		letter = 'x';
	if (map == 1 && ((opcode & 0xf8) == 0x78 || opcode == 0xb8))
		letter = 'M';
	if (map == 1 && (opcode < 0x10 || (opcode & 0xf8) == 0xc8 || (opcode & 0xf8) == 0xa0))
		letter = 'x';
	if (map == 1 && opcode == 0x77 && evex)
		letter = 'x';
	operands(r, i, letter);
}

static void vex(struct reader *r, struct insn *i, unsigned opcode)
{
	unsigned map = 1;

	if (opcode == 0xc4) {
		map = next_byte(r) & 31;
		r->rex_w = next_byte(r) & 0x80;
	} else {
		next_byte(r);
	}
	if (map < 1 || map > 3)
		r->bad = true;
	i->opcode_map = (uint8_t)map;
	vector_operands(r, i, map, false);
}

static void evex(struct reader *r, struct insn *i)
{
	unsigned first = next_byte(r), second = next_byte(r), map = first & 7;

	next_byte(r);
	if (first & 8 || !(second & 4) || map == 0 || map == 4 || map == 7)
		r->bad = true;
	i->opcode_map = (uint8_t)map;
	vector_operands(r, i, map, true);
}

/* Before them only segments may stand, and 67. */
static bool vector_prefixes(const struct reader *r)
{
	return !(r->operand16 || r->repeat || r->repeat_not || r->lock ||
		 r->code[r->at - 2] >> 4 == 4);
}

/* ---- the maps ------------------------------------------------------------------------------------------------------------ */

static void map_two(struct reader *r, struct insn *i)
{
	unsigned opcode = next_byte(r);
	char letter = two_byte[opcode];

	i->opcode_map = 1;
	if (opcode == 0x38 || opcode == 0x3a) {
		i->opcode_map = opcode == 0x38 ? 2 : 3;
		letter = opcode == 0x38 ? 'M' : 'm';
		opcode = next_byte(r);
	} else if (opcode == 0x78) { /* vmread; with prefixes AMD's extrq and insertq */
		letter = r->operand16 || r->repeat_not ? 'x' : 'M';
	} else if (opcode == 0xb8) {
		letter = r->repeat ? 'M' : 'x';
	}
	i->opcode = (uint8_t)opcode;
	if (letter == 'J') {
		jump(r, i, 4, FLOW_BRANCH);
		return;
	}
	operands(r, i, letter);
	if (i->opcode_map != 1)
		return;
	if (opcode == 0x0b || opcode == 0xb9)
		i->flow = FLOW_STOP;
	if (opcode == 0x05 || opcode == 0x07 || opcode == 0x34 || opcode == 0x35)
		i->flow = FLOW_KERNEL;
	if (opcode == 0xc7 && (i->modrm >> 3 & 7) == 0)
		r->bad = true;
}

/* Groups in which the middle of ModRM is part of the opcode. */
static void group(struct reader *r, struct insn *i)
{
	unsigned which = i->modrm >> 3 & 7;

	switch (i->opcode) {
	case 0x8f:
	case 0xc6:
	case 0xc7: /* else XOP; xabort, xbegin */
		r->bad |= which != 0;
		break;
	case 0xfe:
		r->bad |= which > 1;
		break;
	case 0xff:
		r->bad |= which == 7 || (i->modrm >= 0xc0 && (which == 3 || which == 5));
		if (which == 2 || which == 3)
			i->flow = FLOW_CALL_INDIRECT;
		if (which == 4 || which == 5)
			i->flow = FLOW_JUMP_INDIRECT;
		if (which >= 2 && which <= 5 && r->operand16)
			r->bad = true;
		break;
	}
}

static void map_one(struct reader *r, struct insn *i, unsigned opcode)
{
	char letter = one_byte[opcode];

	i->opcode = (uint8_t)opcode;
	if (letter == 'j') {
		jump(r, i, 1,
		     opcode == 0xeb   ? FLOW_JUMP
		     : opcode >= 0xe0 ? FLOW_LOOP
				      : FLOW_BRANCH);
		return;
	}
	if (letter == 'J') {
		jump(r, i, 4, opcode == 0xe8 ? FLOW_CALL : FLOW_JUMP);
		return;
	}
	if (opcode == 0xf6 ||
	    opcode == 0xf7) { /* test has an immediate, its neighbours have none */
		modrm(r, i);
		if ((i->modrm >> 3 & 7) < 2)
			next_signed(r, opcode == 0xf6 ? 1 : immediate_size(r));
		return;
	}
	if (opcode == 0xc8) {
		next_signed(r, 3);
		return;
	}
	operands(r, i, letter);
	group(r, i);
	if (opcode == 0xc3 || opcode == 0xc2 || opcode == 0xcb || opcode == 0xca || opcode == 0xcf)
		i->flow = FLOW_RETURN;
	if (opcode == 0xcc || opcode == 0xf4)
		i->flow = FLOW_STOP;
	if (opcode == 0xcd || opcode == 0xf1)
		i->flow = FLOW_KERNEL;
}

bool decode(const uint8_t *code, size_t room, uintptr_t address, struct insn *ret)
{
	struct reader r = {.code = code, .room = room};
	unsigned opcode;

	memset(ret, 0, sizeof(*ret));
	opcode = prefixes(&r, ret);
	if (r.bad)
		return false;
	if (opcode == 0x0f)
		map_two(&r, ret);
	else if (opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62) {
		if (r.at > 1 && !vector_prefixes(&r))
			return false;
		if (opcode == 0x62)
			evex(&r, ret);
		else
			vex(&r, ret, opcode);
	} else {
		map_one(&r, ret, opcode);
	}
	if (r.bad)
		return false;
	ret->length = (uint8_t)r.at;
	if (ret->relative_size) {
		ret->target = address + ret->length + (uintptr_t)ret->displacement;
		if (ret->rip_relative)
			ret->displacement = 0;
	}
	return true;
}
