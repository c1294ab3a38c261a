/*
 * prove.c - may this entry be patched?
 *
 * The patch is a jump of 5 bytes over the function's first instructions, which move to another place. It is sound when
 *
 *   1. the bytes are instructions of this function and all of them are known: they are decoded from its start;
 *   2. they do the same elsewhere: what is relative to rip is written anew, what cannot be is refused;
 *   3. nothing ever jumps into the middle of them, and the function's own loops do not come back to its entry;
 *   4. no thread is in the middle of them when they change (patch.c).
 *
 * The third: how could control get to an address X in the middle?
 *   a. A direct jump or call with 32 bits: wherever in the module it stands, its displacement follows a byte E8, E9 or 0F 8x. All such places
 *      are looked at, aligned as an instruction or not, so no disassembly has to be trusted for this.
 *   b. A direct jump with 8 bits stands within 128 bytes. The functions there are those that .eh_frame says, decoded from their starts;
 *      where that fails, all bytes that could be such a jump are taken for one.
 *   c. A jump table. Its base is taken by an instruction of the function (lea rip-relative; in programs at fixed addresses an absolute
 *      address), and all its entries lead to code of the module: from each base that the function takes, entries of both kinds (32 bits
 *      relative to the base, 64 bits absolute) are read until one is not code, which is at least the whole table.
 *   d. The address of a label elsewhere (computed goto, coroutines): the relocations of the module name it, or an instruction of the function.
 *   e. An entry of its own: a symbol, or a function by .eh_frame, that begins at X.
 *   f. A return or an exception's landing pad at X: only behind a call, and a call that moves leaves a return address that is not moved:
 *      it is the end of what is patched, since a call is 5 bytes long or the last that moves.
 * Most functions need not be read for it: what no bytes at any place of the function could be (a short jump, 32 bits that lead to the prologue, a
 * jump by a register or a memory word) no instruction of it is (scan.h). The others are decoded from their start.
 * Code that makes code (a JIT) has no module and does not know X. A module with writable code or text relocations is refused.
 */
#include <string.h>

#include "prove.h"
#include "scan.h"

#define NEAR 128u
/* The function is decoded as a whole. */
#define FUNCTION_MAX (256u << 10)
#define BASES_MAX 64u

static uintptr_t changed_end(const struct proof *p)
{
	uintptr_t end = p->patch + PATCH_SIZE;

	return p->moved_end > end ? p->moved_end : end;
}

static bool inside(const struct proof *p, uintptr_t address)
{
	return address > p->patch && address < changed_end(p);
}

static bool direct(const struct insn *i)
{
	return i->flow == FLOW_BRANCH || i->flow == FLOW_LOOP || i->flow == FLOW_JUMP ||
	       i->flow == FLOW_CALL;
}

/* ---- what moves ---------------------------------------------------------------------------------------------------------- */

static bool is_endbr(const uint8_t *code)
{
	return code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa;
}

static bool is_padding(const uint8_t *code, size_t room, size_t *length)
{
	struct insn i;

	*length = 1;
	if (*code == 0xcc)
		return true;
	if (!decode(code, room, 0, &i) || i.rip_relative)
		return false;
	*length = i.length;
	return (i.opcode_map == 0 && i.opcode == 0x90) || (i.opcode_map == 1 && i.opcode == 0x1f);
}

/* NULL, or why this instruction cannot stand elsewhere. */
static const char *immovable(const struct insn *i)
{
	switch (i->flow) {
	case FLOW_LOOP:
		return "its prologue has a loop instruction";
	case FLOW_KERNEL:
		return "its prologue enters the kernel";
	case FLOW_STOP:
		return i->opcode_map == 0 && i->opcode == 0xcc
			       ? "has a breakpoint in its first bytes"
			       : "its prologue traps";
	case FLOW_CALL_INDIRECT:
		if ((i->modrm >> 3 & 7) == 2 && (i->rip_relative || i->modrm >= 0xc0) &&
		    i->modrm != 0xd4)
			return NULL;
		return "its prologue has a call by a pointer";
	default:
		return NULL;
	}
}

static const char *take_moved(const struct image *image, struct proof *p)
{
	const struct cfi_module *cfi = &image->cfi;
	uintptr_t at = p->patch, start, end;

	while (at < p->patch + PATCH_SIZE && at < p->end && !p->ended) {
		struct insn *i = &p->moved[p->nmoved];
		const char *why;

		if (!decode((const uint8_t *)at, p->end - at, at, i))
			return "its prologue has an unknown instruction";
		if ((why = immovable(i)))
			return why;
		p->nmoved++;
		p->ended = i->flow == FLOW_JUMP || i->flow == FLOW_JUMP_INDIRECT ||
			   i->flow == FLOW_RETURN;
		at += i->length;
	}
	p->moved_end = at;
	if (at < p->end && at < p->patch + PATCH_SIZE)
		return NULL; /* more of the function, behind its end of the flow: nobody comes there, see (3) */
	if (at < p->patch + PATCH_SIZE && !p->ended)
		return "runs into the next function";
	for (size_t length; at < p->patch + PATCH_SIZE; at += length) {
		int code = image_code(image, at);

		if (code < 0 ||
		    !is_padding((const uint8_t *)at, image->code[code].high - at, &length))
			return "is shorter than the patch";
	}
	if (cfi_function(cfi, p->patch + PATCH_SIZE - 1, &start, &end) && start != p->start)
		return "is shorter than the patch";
	return NULL;
}

/* ---- the function itself ------------------------------------------------------------------------------------------------- */

struct body {
	bool indirect;
	uintptr_t bases[BASES_MAX];
	unsigned nbases;
	const char *why;
};

static void add_base(const struct image *image, struct body *b, uintptr_t address)
{
	if (address < image->low || address >= image->high)
		return;
	for (unsigned i = 0; i < b->nbases; i++)
		if (b->bases[i] == address)
			return;
	if (b->nbases == BASES_MAX)
		b->why = "takes too many addresses to bound its jump tables";
	else
		b->bases[b->nbases++] = address;
}

/* Of instructions, and where direct jumps of the function lead in it; one caller at a time. */
static uint64_t starts[FUNCTION_MAX / 64 + 1], targets[FUNCTION_MAX / 64 + 1];

static void set_bit(uint64_t *bits, size_t n)
{
	bits[n / 64] |= 1ull << n % 64;
}

static void note_insn(const struct image *image, const struct proof *p, uintptr_t at,
		      const struct insn *i, struct body *b)
{
	uint32_t immediate;

	if (direct(i)) {
		if (inside(p, i->target))
			b->why = "jumps into its prologue";
		else if ((i->target == p->patch || i->target == p->entry) && i->flow != FLOW_CALL)
			b->why = "jumps back to its entry";
		return;
	}
	if (i->flow == FLOW_JUMP_INDIRECT && !i->rip_relative)
		b->indirect = true;
	if (i->rip_relative) {
		if (inside(p, i->target))
			b->why = "takes an address in its prologue";
		else if (i->opcode_map == 0 && i->opcode == 0x8d)
			add_base(image, b, i->target);
	}
	if (i->table)
		add_base(image, b, (uintptr_t)i->displacement);
	if (!i->has_modrm && i->opcode_map == 0 && i->opcode >= 0xb8 && i->opcode <= 0xbf &&
	    i->length >= 5) {
		memcpy(&immediate, (const void *)(at + i->length - 4), 4);
		add_base(image, b, immediate);
	}
}

static bool in_code(const struct image *image, uintptr_t address)
{
	return image_code(image, address) >= 0;
}

static bool readable(const struct image *image, uintptr_t address, size_t size)
{
	return address >= image->low && address + size <= image->high;
}

static bool table_enters(const struct image *image, const struct proof *p, uintptr_t base)
{
	uintptr_t at, target;
	int32_t offset;

	for (at = base; readable(image, at, 4); at += 4) {
		memcpy(&offset, (const void *)at, 4);
		target = base + (uintptr_t)(intptr_t)offset;
		if (!in_code(image, target))
			break;
		if (inside(p, target))
			return true;
	}
	for (at = base; readable(image, at, 8); at += 8) {
		memcpy(&target, (const void *)at, 8);
		if (!in_code(image, target) && !in_code(image, target + image->base))
			break;
		if (inside(p, target) || inside(p, target + image->base))
			return true;
	}
	return false;
}

/* Nothing in its bytes could lead into its prologue, or back to its entry. */
static bool body_is_plain(const struct proof *p)
{
	uintptr_t end = changed_end(p), near = end + NEAR < p->end ? end + NEAR : p->end;

	return !scan_short(p->start, near, p->entry, end) &&
	       !scan_refers(p->start, p->end, p->entry, end) && !scan_indirect(p->start, p->end);
}

static const char *prove_body(const struct image *image, const struct proof *p)
{
	size_t length = p->end - p->start, nwords = length / 64 + 1;
	struct body b = {0};
	struct insn i;

	if (body_is_plain(p))
		return NULL;
	memset(starts, 0, nwords * sizeof(*starts));
	memset(targets, 0, nwords * sizeof(*targets));
	for (uintptr_t at = p->start; at < p->end && !b.why; at += i.length) {
		if (!decode((const uint8_t *)at, p->end - at, at, &i))
			return "has an unknown instruction";
		set_bit(starts, at - p->start);
		if (direct(&i) && i.target - p->start < length)
			set_bit(targets, i.target - p->start);
		note_insn(image, p, at, &i, &b);
	}
	/* a jump to what is no instruction: there is data in between, and the reading was wrong */
	for (size_t n = 0; n < nwords && !b.why; n++)
		if (targets[n] & ~starts[n])
			b.why = "has data in its code";
	if (b.why || !b.indirect)
		return b.why;
	for (unsigned n = 0; n < b.nbases; n++)
		if (table_enters(image, p, b.bases[n]))
			return "has a jump table into its prologue";
	return NULL;
}

/* ---- its neighbours ------------------------------------------------------------------------------------------------------ */

/* Any two bytes that would be a short jump into it, if they were an instruction. */
static bool bytes_jump(const struct proof *p, uintptr_t low, uintptr_t high)
{
	return scan_short(low, high, p->patch + 1, changed_end(p));
}

static bool function_jumps(const struct proof *p, uintptr_t start, uintptr_t end, bool *known)
{
	struct insn i;

	*known = end - start <= FUNCTION_MAX;
	for (uintptr_t at = start; *known && at < end; at += i.length) {
		if (!decode((const uint8_t *)at, end - at, at, &i))
			*known = false;
		else if (direct(&i) && i.relative_size == 1 && inside(p, i.target))
			return true;
	}
	return false;
}

/* Short jumps out of [low, high), which is near. */
static bool neighbours_jump(const struct image *image, const struct proof *p, uintptr_t low,
			    uintptr_t high)
{
	uintptr_t start, end, at = high;
	bool known;

	while (at > low) { /* [at, high) is done */
		if (!cfi_function(&image->cfi, at - 1, &start, &end) || start >= at)
			return bytes_jump(p, low, at);
		if (end < at) { /* behind a function: padding mostly */
			if (bytes_jump(p, end > low ? end : low, at))
				return true;
		}
		if (end <= low)
			return false;
		if (end > at)
			end = at;
		if (function_jumps(p, start, end, &known))
			return true;
		if (!known && bytes_jump(p, start > low ? start : low, end))
			return true;
		at = start;
	}
	return false;
}

static const char *prove_neighbours(const struct image *image, const struct proof *p, int code)
{
	uintptr_t low = image->code[code].low, high = image->code[code].high;

	if (p->start - low > NEAR)
		low = p->start - NEAR;
	if (high - p->end > NEAR)
		high = p->end + NEAR;
	if (!bytes_jump(p, low, p->start) && !bytes_jump(p, p->end, high))
		return NULL; /* whatever stands there */
	if (neighbours_jump(image, p, low, p->start) || neighbours_jump(image, p, p->end, high))
		return "a jump of a neighbour leads into its prologue";
	return NULL;
}

static const char *prove(const struct image *image, struct proof *p, size_t size)
{
	int code = image_code(image, p->entry);
	const char *why;

	if (code < 0)
		return "is not in the code of a module";
	if (image->code[code].writable || image->text_relocations)
		return "its code is writable: the program may change it";
	if (!cfi_function(&image->cfi, p->entry, &p->start, &p->end) || p->end <= p->entry)
		return "has no unwind information, so its extent is not known";
	if (p->start != p->entry)
		return "begins in the middle of another function";
	if (p->end > image->code[code].high)
		return "has wrong unwind information";
	if (p->end - p->start > FUNCTION_MAX)
		return "is too long to be looked through";
	/* a symbol that is longer than the unwind information: the rest is unwound by another entry, and is not its body */
	(void)size;
	p->patch = p->entry;
	if (p->end - p->entry >= 4 && is_endbr((const uint8_t *)p->entry))
		p->patch += 4;
	if ((why = take_moved(image, p)) || (why = prove_body(image, p)))
		return why;
	return prove_neighbours(image, p, code);
}

void prove_entry(const struct image *image, uintptr_t function, size_t size, struct proof *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->entry = function;
	ret->why = prove(image, ret, size);
}

/* ---- the module as a whole ------------------------------------------------------------------------------------------------ */

struct module_proof {
	const struct image *image;
	struct proof *const *proofs;
	size_t n;
	struct marks marks;
};

/* The address is entered in a way that `why` says: who has it inside is refused. */
static __attribute__((noinline)) void entered(const struct module_proof *m, uintptr_t address,
					      const char *why)
{
	size_t low = 0, high = m->n;

	while (low < high) { /* the first whose entry is beyond it */
		size_t middle = (low + high) / 2;

		if (m->proofs[middle]->entry > address)
			high = middle;
		else
			low = middle + 1;
	}
	/* patches are short: only the one before can reach so far, or some that share its entry */
	for (size_t i = low; i-- > 0 && address - m->proofs[i]->entry < 64;)
		if (!m->proofs[i]->why && inside(m->proofs[i], address))
			m->proofs[i]->why = why;
}

static void on_jump(uintptr_t target, void *context)
{
	entered(context, target, "a jump from elsewhere leads into its prologue");
}

static void prove_label(const struct module_proof *m, uintptr_t address)
{
	static const char why[] = "data refer to an address in its prologue";

	if (is_marked(&m->marks, address))
		entered(m, address, why);
	if (is_marked(&m->marks, address + m->image->base))
		entered(m, address + m->image->base, why);
}

static void prove_rela(const struct module_proof *m, const ElfW(Rela) * rela, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ELF64_R_TYPE(rela[i].r_info) == R_X86_64_RELATIVE ||
		    ELF64_R_TYPE(rela[i].r_info) == R_X86_64_IRELATIVE)
			prove_label(m, (uintptr_t)rela[i].r_addend);
}

/* RELR: an address, then bitmaps of the 63 words that follow. The words hold the addends, relocated or not yet. */
static void prove_relr(const struct module_proof *m)
{
	uintptr_t at = 0;

	for (size_t i = 0; i < m->image->nrelr; i++) {
		uint64_t entry = m->image->relr[i];

		if (!(entry & 1)) {
			at = m->image->base + entry;
			if (readable(m->image, at, 8))
				prove_label(m, *(const uintptr_t *)at);
			at += 8;
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++, at += 8)
			if (entry >> bit & 1 && readable(m->image, at, 8))
				prove_label(m, *(const uintptr_t *)at);
	}
}

static void prove_symbols(const struct module_proof *m)
{
	for (size_t i = 0; i < m->image->nsymbols; i++) {
		const ElfW(Sym) *s = &m->image->symbols[i];
		uintptr_t address = m->image->base + s->st_value;

		if (s->st_shndx != SHN_UNDEF && is_marked(&m->marks, address))
			entered(m, address, "another symbol is in its prologue");
	}
}

void prove_module(const struct image *image, struct proof *const *proofs, size_t n, uint8_t *marks)
{
	struct module_proof m = {image, proofs, n, {marks, image->low, image->high}};
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		uintptr_t end = changed_end(proofs[i]);

		if (proofs[i]->why)
			continue;
		for (uintptr_t at = proofs[i]->patch; at < end; at += 8)
			mark(&m.marks, at);
		mark(&m.marks, end - 1);
		any = true;
	}
	if (!any)
		return;
	for (unsigned i = 0; i < image->ncode; i++)
		scan_jumps(image->code[i].low, image->code[i].high, &m.marks, on_jump, &m);
	prove_rela(&m, image->rela, image->nrela);
	prove_rela(&m, image->plt_rela, image->nplt_rela);
	prove_relr(&m);
	prove_symbols(&m);
}
