/* package.c - see package.h. */
#include "symbol/package.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/image.h"
#include "util/vec.h"

/* The sections that are cut up, by their numbers in the index; those of version 2 (DWARF 4) that differ have names of their own. */
#define PARTS 9u
static const char *const part_names[2][PARTS] = {
	/* version 2 */
	{NULL, ".debug_info.dwo", NULL, ".debug_abbrev.dwo", ".debug_line.dwo", ".debug_loc.dwo",
	 ".debug_str_offsets.dwo"},
	/* version 5 */
	{NULL, ".debug_info.dwo", NULL, ".debug_abbrev.dwo", ".debug_line.dwo",
	 ".debug_loclists.dwo", ".debug_str_offsets.dwo", NULL, ".debug_rnglists.dwo"},
};
#define PART_INFO 1u
#define MAX_COLUMNS 16u

struct bytes {
	const uint8_t *at;
	size_t size;
};

struct unit {
	Elf *elf;
	Dwarf *dwarf;
};

struct package {
	int fd;
	Elf *elf;
	struct bytes parts[PARTS], strings;
	unsigned form; /* first index of part_names */
	uint32_t columns, rows, slots;
	const uint8_t *signatures, *numbers, *ids, *offsets, *sizes;
	VEC(struct unit) units;
};

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof value);
	return value;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof value);
	return value;
}

/* ---- the file --------------------------------------------------------------------------------- */

/* The section's contents, unpacked; nothing when it is not there. */
static struct bytes section(Elf *elf, const char *want)
{
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return (struct bytes){0};
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		GElf_Shdr header;
		const char *name;
		Elf_Data *data;

		if (!gelf_getshdr(scn, &header) || header.sh_type == SHT_NOBITS)
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (!name || strcmp(name, want) != 0)
			continue;
		if (header.sh_flags & SHF_COMPRESSED && elf_compress(scn, 0, 0) < 0)
			continue;
		data = elf_rawdata(scn, NULL);
		if (data && data->d_buf)
			return (struct bytes){data->d_buf, data->d_size};
	}
	return (struct bytes){0};
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* Two numbers of 16 bits or one of 32, columns, rows, slots; slots of 8, slots of 4, then a row of ids and rows of offsets, of sizes. */
static bool read_index(struct package *p)
{
	struct bytes index = section(p->elf, ".debug_cu_index");
	uint32_t version;
	uint64_t need;

	if (index.size < 16)
		return false;
	version = get32(index.at) & 0xffff;
	p->form = version == 5;
	p->columns = get32(index.at + 4);
	p->rows = get32(index.at + 8);
	p->slots = get32(index.at + 12);
	if ((version != 2 && version != 5) || !p->columns || p->columns > MAX_COLUMNS ||
	    !is_power_of_two(p->slots))
		return false;
	need = 16 + (uint64_t)p->slots * 12 +
	       4 * (uint64_t)p->columns * (2 * (uint64_t)p->rows + 1);
	if (need > index.size)
		return false;
	p->signatures = index.at + 16;
	p->numbers = p->signatures + (size_t)p->slots * 8;
	p->ids = p->numbers + (size_t)p->slots * 4;
	p->offsets = p->ids + (size_t)p->columns * 4;
	p->sizes = p->offsets + (size_t)p->rows * p->columns * 4;
	return true;
}

struct package *package_open(const char *path)
{
	struct package *p;
	GElf_Ehdr header;
	int fd = image_open_regular(path);

	if (fd < 0)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p) {
		close(fd);
		return NULL;
	}
	elf_version(EV_CURRENT);
	p->fd = fd;
	p->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!p->elf || elf_kind(p->elf) != ELF_K_ELF || !gelf_getehdr(p->elf, &header) ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB || !read_index(p)) {
		package_close(p);
		return NULL;
	}
	for (unsigned i = 0; i < PARTS; i++)
		if (part_names[p->form][i])
			p->parts[i] = section(p->elf, part_names[p->form][i]);
	p->strings = section(p->elf, ".debug_str.dwo");
	return p;
}

void package_close(struct package *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->units.n; i++) {
		dwarf_end(p->units.data[i].dwarf);
		elf_end(p->units.data[i].elf);
	}
	VEC_FREE(&p->units);
	elf_end(p->elf);
	close(p->fd);
	free(p);
}

uint64_t package_size(const struct package *p)
{
	return p->parts[PART_INFO].size;
}

/* ---- a unit ----------------------------------------------------------------------------------- */

/* The row of a unit, by the format's own probing; rows count from 1 there, from 0 here. */
static bool find_row(const struct package *p, uint64_t id, uint32_t *ret)
{
	uint32_t mask = p->slots - 1, at = (uint32_t)id & mask;
	uint32_t step = ((uint32_t)(id >> 32) & mask) | 1;

	for (uint32_t tries = 0; tries < p->slots; tries++, at = (at + step) & mask) {
		uint32_t row = get32(p->numbers + (size_t)at * 4);

		if (!row)
			return false;
		if (get64(p->signatures + (size_t)at * 8) == id) {
			*ret = row - 1;
			return row <= p->rows;
		}
	}
	return false;
}

/* An ELF file that is nowhere: sections that point into memory which is there anyway. */
static const char names[] = "\0.shstrtab\0.debug_info.dwo\0.debug_abbrev.dwo\0.debug_line.dwo\0"
			    ".debug_loc.dwo\0.debug_str_offsets.dwo\0.debug_loclists.dwo\0"
			    ".debug_rnglists.dwo\0.debug_str.dwo\0.debug_addr.dwo\0"
			    ".debug_ranges.dwo";

static size_t name_offset(const char *name)
{
	size_t at = 0;

	while (at < sizeof names && strcmp(names + at, name) != 0)
		at += strlen(names + at) + 1;
	return at;
}

static bool add_section(Elf *elf, const char *name, uint32_t type, struct bytes contents)
{
	Elf_Scn *scn = elf_newscn(elf);
	Elf_Data *data = scn ? elf_newdata(scn) : NULL;
	GElf_Shdr header;

	if (!data || !gelf_getshdr(scn, &header))
		return false;
	*data = (Elf_Data){.d_buf = (void *)contents.at, /* nobody writes */
			   .d_size = contents.size,
			   .d_type = ELF_T_BYTE,
			   .d_version = EV_CURRENT,
			   .d_align = 1};
	header.sh_name = name_offset(name);
	header.sh_type = type;
	header.sh_size = contents.size;
	return gelf_update_shdr(scn, &header) != 0;
}

/* Sections that the program's file has for all units, from where this unit's part begins. */
static struct bytes from_base(Dwarf_Die *skeleton, const char *name, unsigned attribute,
			      unsigned gnu_attribute)
{
	Elf *elf = dwarf_getelf(dwarf_cu_getdwarf(skeleton->cu));
	struct bytes all = elf ? section(elf, name) : (struct bytes){0};
	Dwarf_Attribute base;
	Dwarf_Word offset;

	if (!(attribute && dwarf_attr(skeleton, attribute, &base)) &&
	    !dwarf_attr(skeleton, gnu_attribute, &base))
		return (struct bytes){0};
	if (dwarf_formudata(&base, &offset) != 0 || offset > all.size)
		return (struct bytes){0};
	return (struct bytes){all.at + offset, all.size - offset};
}

static bool add_parts(const struct package *p, uint32_t row, Elf *elf)
{
	for (uint32_t c = 0; c < p->columns; c++) {
		uint32_t id = get32(p->ids + (size_t)c * 4);
		size_t cell = ((size_t)row * p->columns + c) * 4;
		uint32_t offset = get32(p->offsets + cell), size = get32(p->sizes + cell);

		if (id >= PARTS || !part_names[p->form][id] || !size)
			continue;
		if (offset > p->parts[id].size || size > p->parts[id].size - offset)
			return false;
		if (!add_section(elf, part_names[p->form][id], SHT_PROGBITS,
				 (struct bytes){p->parts[id].at + offset, size}))
			return false;
	}
	return true;
}

static bool add_common(const struct package *p, Dwarf_Die *skeleton, Elf *elf)
{
	struct bytes addresses =
		from_base(skeleton, ".debug_addr", DW_AT_addr_base, DW_AT_GNU_addr_base);
	struct bytes ranges = from_base(skeleton, ".debug_ranges", 0, DW_AT_GNU_ranges_base);

	if (p->strings.size && !add_section(elf, ".debug_str.dwo", SHT_PROGBITS, p->strings))
		return false;
	if (addresses.size && !add_section(elf, ".debug_addr.dwo", SHT_PROGBITS, addresses))
		return false;
	return !ranges.size || add_section(elf, ".debug_ranges.dwo", SHT_PROGBITS, ranges);
}

/* The descriptor is only there because libelf wants one: nothing is read from it, nor written. */
static Elf *make_file(const struct package *p, uint32_t row, Dwarf_Die *skeleton)
{
	Elf *elf = elf_begin(p->fd, ELF_C_WRITE, NULL);
	GElf_Ehdr header;

	if (!elf)
		return NULL;
	if (gelf_newehdr(elf, ELFCLASS64) && gelf_getehdr(elf, &header)) {
		header.e_ident[EI_DATA] = ELFDATA2LSB;
		header.e_type = ET_EXEC; /* nothing is left to be relocated */
		header.e_machine = EM_X86_64;
		header.e_version = EV_CURRENT;
		header.e_shstrndx = 1;
		if (gelf_update_ehdr(elf, &header) &&
		    add_section(elf, ".shstrtab", SHT_STRTAB,
				(struct bytes){(const uint8_t *)names, sizeof names}) &&
		    add_parts(p, row, elf) && add_common(p, skeleton, elf))
			return elf;
	}
	elf_end(elf);
	return NULL;
}

bool package_unit(struct package *p, Dwarf_Die *skeleton, uint64_t id, Dwarf_Die *ret)
{
	struct unit unit;
	Dwarf_CU *cu = NULL;
	uint32_t row;
	bool found;

	if (!find_row(p, id, &row))
		return false;
	unit.elf = make_file(p, row, skeleton);
	unit.dwarf = unit.elf ? dwarf_begin_elf(unit.elf, DWARF_C_READ, NULL) : NULL;
	found = unit.dwarf && dwarf_get_units(unit.dwarf, NULL, &cu, NULL, NULL, ret, NULL) == 0 &&
		VEC_PUSH(&p->units, unit);
	if (!found) {
		if (unit.dwarf)
			dwarf_end(unit.dwarf);
		elf_end(unit.elf);
	}
	return found;
}
