/*
 * unwind_cfi.c - DWARF call frame information: from a code address to its row, and from the row to a compact rule.
 *
 * Reads .eh_frame_hdr's binary search table (LSB Core, "Exception Frames"), the FDE and its CIE, and runs the CFA program (DWARF 5,
 * section 6.4) up to the address. Runs inside hooks when a code address is seen for the first time: no locks,
 * no allocation, about 2 KB of stack.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "unwind.h"
#include "unwind_cursor.h"

/* ---- modules ------------------------------------------------------------------------------------------------------------- */

struct code_range {
	uintptr_t low, high;
	const uint8_t *header; /* .eh_frame_hdr */
};

/* For a libc without _dl_find_object (glibc before 2.35): read at start and when the list changes. */
#define TABLE_MAX 512
static struct code_range table[TABLE_MAX];
static _Atomic size_t table_used;
static int (*find_object)(void *, struct dl_find_object *);

static int table_add(struct dl_phdr_info *info, size_t size, void *context)
{
	struct code_range range = {.low = UINTPTR_MAX};
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;
		if (p->p_type == PT_LOAD && start < range.low)
			range.low = start;
		if (p->p_type == PT_LOAD && start + p->p_memsz > range.high)
			range.high = start + p->p_memsz;
		if (p->p_type == PT_GNU_EH_FRAME)
			range.header = (const uint8_t *)start;
	}
	size_t *used = context;
	if (range.header && *used < TABLE_MAX)
		table[(*used)++] = range;
	return 0;
}

void cfi_refresh(void)
{
	if (find_object)
		return;
	size_t used = 0;
	table_used = 0; /* readers see no module, never a torn one */
	dl_iterate_phdr(table_add, &used);
	table_used = used;
}

bool cfi_init(void)
{
	/* by name: a symbol version of our own would keep the shim out of older systems */
	*(void **)&find_object = dlsym(RTLD_DEFAULT, "_dl_find_object");
	cfi_refresh();
	return true;
}

static bool find_range(uintptr_t address, struct code_range *range)
{
	if (find_object) {
		struct dl_find_object object;
		if (find_object((void *)address, &object) || !object.dlfo_eh_frame)
			return false;
		range->low = (uintptr_t)object.dlfo_map_start;
		range->high = (uintptr_t)object.dlfo_map_end;
		range->header = object.dlfo_eh_frame;
		return true;
	}
	for (size_t i = 0, n = table_used; i < n; i++) {
		if (address >= table[i].low && address < table[i].high) {
			*range = table[i];
			return true;
		}
	}
	return false;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

/* DW_EH_PE_*: low four bits are the format, the next three what it is relative to */
enum {
	PE_OMIT = 0xff,
	PE_RELATIVE_TO_PC = 0x10,
	PE_RELATIVE_TO_DATA = 0x30,
	PE_SDATA4_DATA = 0x3b
};

static uint64_t take_encoded(struct cursor *c, unsigned encoding, uintptr_t data)
{
	uintptr_t here = (uintptr_t)c->at;
	uint64_t value;
	switch (encoding & 15) {
	case 0:
		value = take(c, 8);
		break;
	case 1:
		value = take_uleb(c);
		break;
	case 2:
		value = take(c, 2);
		break;
	case 3:
		value = take(c, 4);
		break;
	case 4:
		value = take(c, 8);
		break;
	case 9:
		value = (uint64_t)take_sleb(c);
		break;
	case 10:
		value = (uint64_t)(int16_t)take(c, 2);
		break;
	case 11:
		value = (uint64_t)(int32_t)take(c, 4);
		break;
	case 12:
		value = take(c, 8);
		break;
	default:
		c->bad = true;
		return 0;
	}
	switch (encoding & 0x70) {
	case 0:
		return value;
	case PE_RELATIVE_TO_PC:
		return value + here;
	case PE_RELATIVE_TO_DATA:
		return value + data;
	default:
		c->bad = true;
		return 0;
	}
}

/* ---- finding the FDE --------------------------------------------------------------------------------------------------- */

struct table_entry {
	int32_t location, fde; /* relative to the header */
};

/* The last entry that begins at or before the address; NULL when there is no table of the usual form. */
static const uint8_t *search(const struct code_range *range, uintptr_t address)
{
	const uint8_t *header = range->header;
	struct cursor c = {.at = header, .end = (const uint8_t *)range->high};
	unsigned version = take(&c, 1), pointer = take(&c, 1), count = take(&c, 1),
		 kind = take(&c, 1);
	if (c.bad || version != 1 || kind != PE_SDATA4_DATA || count == PE_OMIT)
		return NULL;
	take_encoded(&c, pointer, (uintptr_t)header);
	uint64_t n = take_encoded(&c, count, (uintptr_t)header);
	if (c.bad || !n || n > (size_t)(c.end - c.at) / sizeof(struct table_entry))
		return NULL;
	const struct table_entry *entries = (const struct table_entry *)c.at;
	int64_t wanted = (int64_t)(address - (uintptr_t)header);
	if (wanted < entries[0].location)
		return NULL;
	size_t low = 0, high = n; /* entries[low] <= wanted < entries[high] */
	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		if (entries[middle].location <= wanted)
			low = middle;
		else
			high = middle;
	}
	return header + entries[low].fde;
}

struct program {
	struct cursor initial, own; /* instructions of the CIE and of the FDE */
	uintptr_t start;	    /* first address of the FDE */
	uint64_t size;
	uint64_t code_align;
	int64_t data_align;
	unsigned encoding; /* of addresses in the FDE */
	bool signal_frame, augmented;
};

static bool open_entry(const struct code_range *range, const uint8_t *entry, struct cursor *c)
{
	*c = (struct cursor){.at = entry, .end = (const uint8_t *)range->high};
	if ((uintptr_t)entry < range->low || (uintptr_t)entry >= range->high)
		return false;
	uint64_t length = take(c, 4);
	if (length == 0xffffffff)
		length = take(c, 8);
	if (c->bad || !length || length > (size_t)(c->end - c->at))
		return false;
	c->end = c->at + length;
	return true;
}

static bool read_cie(const struct code_range *range, const uint8_t *entry, struct program *p)
{
	struct cursor c;
	if (!open_entry(range, entry, &c) || take(&c, 4) != 0)
		return false;
	unsigned version = take(&c, 1);
	if (version != 1 && version != 3)
		return false;
	const char *augmentation = (const char *)c.at;
	while (take(&c, 1))
		;
	p->code_align = take_uleb(&c);
	p->data_align = take_sleb(&c);
	uint64_t return_column = version == 1 ? take(&c, 1) : take_uleb(&c);
	if (c.bad || return_column != DW_PC)
		return false;
	p->encoding = 0;
	if (*augmentation == 'z') {
		p->augmented = true;
		uint64_t size = take_uleb(&c);
		struct cursor a = c;
		skip(&c, size);
		for (const char *letter = augmentation + 1; *letter && !c.bad; letter++) {
			if (*letter == 'R')
				p->encoding = take(&a, 1);
			else if (*letter == 'P')
				take_encoded(&a, take(&a, 1) & 0x7f, 0);
			else if (*letter == 'L')
				take(&a, 1);
			else if (*letter == 'S')
				p->signal_frame = true;
			else
				break;
		}
		c.bad |= a.bad;
	} else if (*augmentation) {
		return false;
	}
	p->initial = c;
	return !c.bad;
}

static enum cfi_result read_program(const struct code_range *range, uintptr_t address,
				    struct program *p)
{
	const uint8_t *fde = search(range, address);
	struct cursor c;
	if (!fde)
		return CFI_NO_ENTRY;
	if (!open_entry(range, fde, &c))
		return CFI_BAD;
	const uint8_t *here = c.at;
	uint32_t back = take(&c, 4);
	*p = (struct program){0};
	if (!back || !read_cie(range, here - back, p))
		return CFI_BAD;
	p->start = take_encoded(&c, p->encoding, 0);
	p->size = take_encoded(&c, p->encoding & 15, 0);
	if (p->augmented)
		skip(&c, take_uleb(&c));
	p->own = c;
	if (c.bad)
		return CFI_BAD;
	return address - p->start < p->size ? CFI_OK : CFI_NO_ENTRY;
}

static enum cfi_result find_program(uintptr_t address, struct program *p)
{
	struct code_range range;
	if (!find_range(address, &range))
		return CFI_NO_MODULE;
	return read_program(&range, address, p);
}

bool cfi_function(const struct cfi_module *module, uintptr_t address, uintptr_t *start,
		  uintptr_t *end)
{
	const struct code_range range = {module->low, module->high, module->header};
	struct program p;
	enum cfi_result found = module->header ? read_program(&range, address, &p) : CFI_NO_MODULE;

	if (found != CFI_OK && found != CFI_NO_ENTRY)
		return false;
	if (found == CFI_NO_ENTRY && !search(&range, address))
		return false;
	*start = p.start;
	*end = p.start + p.size;
	return true;
}

/* ---- running the program ----------------------------------------------------------------------------------------------- */

#define REMEMBER_MAX 4

struct machine {
	struct program *program;
	struct cfi_row *row;
	const struct cfi_row
		*initial; /* what DW_CFA_restore goes back to; NULL while the CIE runs */
	uintptr_t location, address;
	struct cfi_row remembered[REMEMBER_MAX];
	unsigned nremembered;
	bool bad;
};

static void set(struct machine *m, uint64_t reg, enum cfi_how how, int64_t value)
{
	if (reg < DW_MAX)
		m->row->registers[reg] = (struct cfi_register){.how = how, .value = value};
}

static void set_expression(struct machine *m, struct cursor *c, struct cfi_register *to,
			   enum cfi_how how)
{
	uint64_t size = take_uleb(c);
	struct cfi_register r = {.how = how, .size = (uint16_t)size, .expression = c->at};
	skip(c, size);
	if (size > UINT16_MAX)
		m->bad = true;
	else if (to)
		*to = r;
}

static struct cfi_register *slot(struct machine *m, uint64_t reg)
{
	return reg < DW_MAX ? &m->row->registers[reg] : NULL;
}

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	m->row->cfa_is_expression = false;
	m->row->cfa_register = reg < DW_MAX ? (uint8_t)reg : DW_PC;
	m->row->cfa.value = offset;
}

static void restore(struct machine *m, uint64_t reg)
{
	if (reg < DW_MAX && m->initial)
		m->row->registers[reg] = m->initial->registers[reg];
}

static void remember(struct machine *m)
{
	if (m->nremembered == REMEMBER_MAX)
		m->bad = true;
	else
		m->remembered[m->nremembered++] = *m->row;
}

static void recall(struct machine *m)
{
	if (!m->nremembered)
		m->bad = true;
	else
		*m->row = m->remembered[--m->nremembered];
}

/* The DW_CFA_* with an operand in their low six bits. */
enum { CFA_ADVANCE = 1, CFA_OFFSET = 2, CFA_RESTORE = 3 };

static void execute_extended(struct machine *m, struct cursor *c, unsigned op)
{
	const int64_t align = m->program->data_align;
	uint64_t reg;
	switch (op) {
	case 0x00:
		break; /* nop */
	case 0x01:
		m->location = take_encoded(c, m->program->encoding, 0);
		break;
	case 0x02:
		m->location += take(c, 1) * m->program->code_align;
		break;
	case 0x03:
		m->location += take(c, 2) * m->program->code_align;
		break;
	case 0x04:
		m->location += take(c, 4) * m->program->code_align;
		break;
	case 0x05:
		reg = take_uleb(c);
		set(m, reg, CFI_OFFSET, (int64_t)take_uleb(c) * align);
		break;
	case 0x06:
		restore(m, take_uleb(c));
		break;
	case 0x07:
		set(m, take_uleb(c), CFI_UNDEFINED, 0);
		break;
	case 0x08:
		set(m, take_uleb(c), CFI_SAME, 0);
		break;
	case 0x09:
		reg = take_uleb(c);
		set(m, reg, CFI_REGISTER, (int64_t)take_uleb(c));
		break;
	case 0x0a:
		remember(m);
		break;
	case 0x0b:
		recall(m);
		break;
	case 0x0c:
		reg = take_uleb(c);
		set_cfa(m, reg, (int64_t)take_uleb(c));
		break;
	case 0x0d:
		set_cfa(m, take_uleb(c), m->row->cfa.value);
		break;
	case 0x0e:
		m->row->cfa.value = (int64_t)take_uleb(c);
		break;
	case 0x0f:
		set_expression(m, c, &m->row->cfa, CFI_EXPRESSION);
		m->row->cfa_is_expression = true;
		break;
	case 0x10:
		reg = take_uleb(c);
		set_expression(m, c, slot(m, reg), CFI_EXPRESSION);
		break;
	case 0x11:
		reg = take_uleb(c);
		set(m, reg, CFI_OFFSET, take_sleb(c) * align);
		break;
	case 0x12:
		reg = take_uleb(c);
		set_cfa(m, reg, take_sleb(c) * align);
		break;
	case 0x13:
		m->row->cfa.value = take_sleb(c) * align;
		break;
	case 0x14:
		reg = take_uleb(c);
		set(m, reg, CFI_VALUE_OFFSET, (int64_t)take_uleb(c) * align);
		break;
	case 0x15:
		reg = take_uleb(c);
		set(m, reg, CFI_VALUE_OFFSET, take_sleb(c) * align);
		break;
	case 0x16:
		reg = take_uleb(c);
		set_expression(m, c, slot(m, reg), CFI_VALUE_EXPRESSION);
		break;
	case 0x2e:
		take_uleb(c);
		break; /* GNU_args_size */
	case 0x2f:
		reg = take_uleb(c);
		set(m, reg, CFI_OFFSET, -(int64_t)take_uleb(c) * align);
		break;
	default:
		m->bad = true;
	}
}

static bool execute(struct machine *m, struct cursor *c)
{
	while (c->at < c->end && !c->bad && !m->bad) {
		unsigned byte = take(c, 1), operand = byte & 63;
		switch (byte >> 6) {
		case CFA_ADVANCE:
			m->location += operand * m->program->code_align;
			break;
		case CFA_OFFSET:
			set(m, operand, CFI_OFFSET, (int64_t)take_uleb(c) * m->program->data_align);
			break;
		case CFA_RESTORE:
			restore(m, operand);
			break;
		default:
			execute_extended(m, c, operand);
		}
		if (m->location > m->address)
			break; /* what follows is about later instructions */
	}
	return !c->bad && !m->bad;
}

enum cfi_result cfi_find(uintptr_t address, struct cfi_row *row)
{
	struct program program;
	enum cfi_result found = find_program(address, &program);
	if (found != CFI_OK)
		return found;
	struct machine m = {
		.program = &program, .row = row, .location = program.start, .address = address};
	*row = (struct cfi_row){.signal_frame = program.signal_frame, .cfa_register = DW_PC};
	row->registers[DW_PC].how = CFI_UNDEFINED;
	if (!execute(&m, &program.initial))
		return CFI_BAD;
	struct cfi_row initial = *row;
	m.initial = &initial;
	m.location = program.start;
	return execute(&m, &program.own) ? CFI_OK : CFI_BAD;
}

uintptr_t cfi_start(uintptr_t address)
{
	struct program program;

	return find_program(address, &program) == CFI_OK ? program.start : 0;
}

/* ---- from a row to a rule ---------------------------------------------------------------------------------------------- */

enum { OP_DEREF = 0x06, OP_BREG0 = 0x70 };

/* DW_OP_bregN offset, at the cursor */
static bool take_breg(struct cursor *c, unsigned reg, int64_t *offset)
{
	if (take(c, 1) != OP_BREG0 + reg)
		return false;
	*offset = take_sleb(c);
	return !c->bad;
}

static struct cursor expression_cursor(const struct cfi_register *r)
{
	return (struct cursor){.at = r->expression, .end = r->expression + r->size};
}

/* rbp - x; deref: the CFA of a function that realigned its stack */
static bool is_drap(const struct cfi_row *row, int64_t *offset)
{
	struct cursor c = expression_cursor(&row->cfa);
	return take_breg(&c, DW_RBP, offset) && take(&c, 1) == OP_DEREF && c.at == c.end &&
	       *offset < 0 && !(*offset & 7);
}

static bool rbp_is_at_rbp(const struct cfi_row *row)
{
	const struct cfi_register *rbp = &row->registers[DW_RBP];
	struct cursor c = expression_cursor(rbp);
	int64_t offset;
	return rbp->how == CFI_EXPRESSION && take_breg(&c, DW_RBP, &offset) && offset == 0 &&
	       c.at == c.end;
}

/* The linker's rows for a PLT: rsp + 8, and 8 more from the Nth byte of each entry on, once the index was pushed. */
static bool is_plt(const struct cfi_row *row, uintptr_t address, int64_t *offset)
{
	/* rip + 0; lit15; and; litN; ge; lit3; shl; plus */
	struct cursor c = expression_cursor(&row->cfa);
	if (!take_breg(&c, DW_RSP, offset) || c.end - c.at != 9)
		return false;
	unsigned n = c.at[4] - 0x30u;
	static const uint8_t form[9] = {0x80, 0x00, 0x3f, 0x1a, 0, 0x2a, 0x33, 0x24, 0x22};
	for (unsigned i = 0; i < 9; i++) {
		if (i != 4 && c.at[i] != form[i])
			return false;
	}
	if (n > 31)
		return false;
	*offset += (address & 15) >= n ? 8 : 0;
	return true;
}

static bool fits(int64_t offset)
{
	return offset > 0 && !(offset & 7) && offset < (int64_t)8 << 21;
}

static uint32_t compress(const struct cfi_row *row, uintptr_t address)
{
	const struct cfi_register *pc = &row->registers[DW_PC], *rbp = &row->registers[DW_RBP];
	unsigned saved = 0;
	int64_t offset = row->cfa.value;
	if (row->signal_frame)
		return RULE_MAKE(RULE_SIGNAL, 0, 0);
	if (pc->how == CFI_UNDEFINED)
		return RULE_MAKE(RULE_END, 0, 0);
	if (pc->how != CFI_OFFSET || pc->value != -8)
		return RULE_MAKE(RULE_WIDE, 0, 0);
	if (row->cfa_is_expression && is_drap(row, &offset) && rbp_is_at_rbp(row) && fits(-offset))
		return RULE_MAKE(RULE_DRAP, 0, -offset / 8);
	if (rbp->how == CFI_OFFSET && rbp->value < 0 && rbp->value >= -127 * 8 && !(rbp->value & 7))
		saved = (unsigned)(-rbp->value / 8);
	else if (rbp->how != CFI_SAME && rbp->how != CFI_UNDEFINED)
		return RULE_MAKE(RULE_WIDE, 0, 0);
	unsigned base = row->cfa_register;
	if (row->cfa_is_expression)
		base = is_plt(row, address, &offset) ? DW_RSP : DW_PC;
	if (base == DW_RSP && fits(offset))
		return RULE_MAKE(RULE_RSP, saved, offset / 8);
	if (base == DW_RBP && fits(offset))
		return RULE_MAKE(RULE_RBP, saved, offset / 8);
	return RULE_MAKE(RULE_WIDE, 0, 0);
}

uint32_t cfi_rule(uintptr_t address, bool *keep)
{
	struct cfi_row row;
	enum cfi_result found = cfi_find(address, &row);
	*keep = found != CFI_NO_MODULE;
	return found == CFI_OK ? compress(&row, address) : RULE_MAKE(RULE_UNKNOWN, 0, 0);
}
