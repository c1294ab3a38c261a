#include "symbol/image.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/inlined.h"

struct entry {
	uint64_t start, end;
	const char *name;
	uint64_t
		reach; /* highest `end` of this entry and all before it: where a backward search may stop */
	uint8_t rank; /* of several names for one address the lowest rank is shown */
};

struct table {
	struct entry *entries;
	size_t count, capacity;
};

struct unit_range {
	uint64_t start, end;
	Dwarf_Off die;
	struct inlined inlined;
};

struct image {
	int fd;
	char *path;
	Elf *elf;
	bool has_symtab;
	bool read_symbols, read_units;
	struct table tables[2]; /* by enum image_kind */
	Dwarf *dwarf;
	Dwarf_CFI *cfi;
	struct unit_range *units;
	size_t unit_count, unit_capacity;
};

/* Opening ----------------------------------------------------------------------------------------------------- */

static bool has_build_id(Elf *elf, const char *want)
{
	const void *bytes;
	ssize_t n = dwelf_elf_gnu_build_id(elf, &bytes);
	char hex[2 * 64 + 1];

	if (!want)
		return true;
	if (n <= 0 || n > 64)
		return !want[0];
	for (ssize_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", ((const unsigned char *)bytes)[i]);
	return strcmp(hex, want) == 0;
}

int image_open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

struct image *image_open(const char *path, const char *build_id)
{
	struct image *image;
	int fd = image_open_regular(path);

	if (fd < 0)
		return NULL;
	image = calloc(1, sizeof(*image));
	if (!image) {
		close(fd);
		return NULL;
	}
	elf_version(EV_CURRENT);
	image->fd = fd;
	image->path = strdup(path);
	image->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!image->elf || elf_kind(image->elf) != ELF_K_ELF ||
	    !has_build_id(image->elf, build_id)) {
		image_close(image);
		return NULL;
	}
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(image->elf, scn));) {
		GElf_Shdr header;
		if (gelf_getshdr(scn, &header) && header.sh_type == SHT_SYMTAB)
			image->has_symtab = true;
	}
	return image;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	free(image->tables[IMAGE_CODE].entries);
	free(image->tables[IMAGE_DATA].entries);
	for (size_t i = 0; i < image->unit_count; i++)
		inlined_free(&image->units[i].inlined);
	free(image->units);
	free(image->path);
	if (image->cfi)
		dwarf_cfi_end(image->cfi);
	if (image->dwarf)
		dwarf_end(image->dwarf);
	if (image->elf)
		elf_end(image->elf);
	close(image->fd);
	free(image);
}

const char *image_path(const struct image *image)
{
	return image->path;
}

bool image_has_symtab(const struct image *image)
{
	return image->has_symtab;
}

/* Symbols ----------------------------------------------------------------------------------------------------- */

static bool grow(void **items, size_t count, size_t *capacity, size_t size)
{
	size_t want = *capacity ? *capacity * 2 : 256;
	void *moved;

	if (count < *capacity)
		return true;
	moved = reallocarray(*items, want, size);
	if (!moved)
		return false;
	*items = moved;
	*capacity = want;
	return true;
}

/* People know a function by its exported, plain name: malloc rather than __libc_malloc. */
static uint8_t rank_of(const GElf_Sym *symbol, const char *name)
{
	unsigned bind = GELF_ST_BIND(symbol->st_info);
	uint8_t rank = bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 8;

	if (name[0] == '_')
		rank += name[1] == '_' ? 4 : 2;
	return rank;
}

static void add_symbol(struct image *image, const GElf_Sym *symbol, const char *name)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);
	struct table *table;

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || !name || !name[0])
		return;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		table = &image->tables[IMAGE_CODE];
	else if (type == STT_OBJECT || type == STT_COMMON)
		table = &image->tables[IMAGE_DATA];
	else
		return;
	if (!grow((void **)&table->entries, table->count, &table->capacity,
		  sizeof(*table->entries)))
		return;
	table->entries[table->count++] = (struct entry){
		.start = symbol->st_value,
		.end = symbol->st_value + symbol->st_size,
		.name = name,
		.rank = rank_of(symbol, name),
	};
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? 1 : -1; /* the best name comes last: it is found first */
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return strcmp(y->name, x->name);
}

static void sort_table(struct table *table)
{
	uint64_t reach = 0;

	if (table->count)
		qsort(table->entries, table->count, sizeof(*table->entries), compare_entries);
	for (size_t i = 0; i < table->count; i++) {
		if (table->entries[i].end > reach)
			reach = table->entries[i].end;
		table->entries[i].reach = reach;
	}
}

/* .dynsym repeats part of .symtab; the order of names makes the doubles harmless. */
static void read_symbols(struct image *image)
{
	Elf_Scn *scn = NULL;

	image->read_symbols = true;
	while ((scn = elf_nextscn(image->elf, scn))) {
		GElf_Shdr header;
		Elf_Data *data;
		if (!gelf_getshdr(scn, &header) ||
		    header.sh_type != (image->has_symtab ? SHT_SYMTAB : SHT_DYNSYM))
			continue;
		data = elf_getdata(scn, NULL);
		if (!data || !header.sh_entsize)
			continue;
		for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
			GElf_Sym symbol;
			if (gelf_getsym(data, (int)i, &symbol))
				add_symbol(image, &symbol,
					   elf_strptr(image->elf, header.sh_link, symbol.st_name));
		}
	}
	sort_table(&image->tables[IMAGE_CODE]);
	sort_table(&image->tables[IMAGE_DATA]);
}

bool image_find(struct image *image, enum image_kind kind, uint64_t address,
		struct image_symbol *symbol)
{
	const struct table *table = &image->tables[kind];
	size_t low = 0, high;

	if (!image->read_symbols)
		read_symbols(image);
	for (high = table->count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (table->entries[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	while (low-- > 0 && table->entries[low].reach > address) {
		const struct entry *e = &table->entries[low];
		if (address < e->end) {
			*symbol = (struct image_symbol){e->name, e->start, e->end - e->start};
			return true;
		}
	}
	return false;
}

const char *image_section(struct image *image, uint64_t address)
{
	size_t names;

	if (elf_getshdrstrndx(image->elf, &names) < 0)
		return NULL;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(image->elf, scn));) {
		GElf_Shdr header;
		if (!gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_ALLOC) ||
		    (header.sh_flags & SHF_TLS))
			continue;
		if (address >= header.sh_addr && address - header.sh_addr < header.sh_size)
			return elf_strptr(image->elf, names, header.sh_name);
	}
	return NULL;
}

/* Lines --------------------------------------------------------------------------------------------------------- */

static int compare_units(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->die < y->die ? -1 : x->die > y->die;
}

static void add_unit(struct image *image, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;

	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
		if (start >= end || !grow((void **)&image->units, image->unit_count,
					  &image->unit_capacity, sizeof(*image->units)))
			continue;
		image->units[image->unit_count++] =
			(struct unit_range){start, end, dwarf_dieoffset(die), {0}};
	}
}

/* Our own table of units: .debug_aranges is missing or incomplete in what clang and rustc make. */
static void read_units(struct image *image)
{
	Dwarf_Off offset = 0, next;
	size_t header;

	image->read_units = true;
	image->dwarf = dwarf_begin_elf(image->elf, DWARF_C_READ, NULL);
	if (!image->dwarf)
		return;
	for (; dwarf_nextcu(image->dwarf, offset, &next, &header, NULL, NULL, NULL) == 0;
	     offset = next) {
		Dwarf_Die die;
		if (dwarf_offdie(image->dwarf, offset + header, &die))
			add_unit(image, &die);
	}
	if (image->unit_count)
		qsort(image->units, image->unit_count, sizeof(*image->units), compare_units);
}

bool image_has_lines(struct image *image)
{
	if (!image->read_units)
		read_units(image);
	return image->unit_count > 0;
}

bool image_line(struct image *image, uint64_t address, const char **file, unsigned *line)
{
	size_t low = 0, high;
	Dwarf_Die die;
	Dwarf_Line *row;
	const char *source;
	int number;

	if (!image_has_lines(image))
		return false;
	for (high = image->unit_count; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (image->units[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address >= image->units[low - 1].end)
		return false;
	if (!dwarf_offdie(image->dwarf, image->units[low - 1].die, &die))
		return false;
	row = dwarf_getsrc_die(&die, address);
	if (!row || dwarf_lineno(row, &number) != 0 || number <= 0)
		return false;
	source = dwarf_linesrc(row, NULL, NULL);
	if (!source)
		return false;
	*file = source;
	*line = (unsigned)number;
	if (inlined_is_system(source))
		inlined_call(&image->units[low - 1].inlined, &die, address, file, line);
	return true;
}

struct Dwarf *image_dwarf(struct image *image)
{
	Dwarf_Off next;
	size_t header;

	if (!image->read_units)
		read_units(image);
	/* a file may have sections of frames alone */
	if (!image->dwarf || dwarf_nextcu(image->dwarf, 0, &next, &header, NULL, NULL, NULL) != 0)
		return NULL;
	return image->dwarf;
}

bool image_frame(struct image *image, uint64_t address, unsigned *reg, int64_t *offset)
{
	Dwarf_Frame *frame = NULL;
	Dwarf_Op *ops;
	size_t n;
	bool found;

	if (!image->cfi)
		image->cfi = dwarf_getcfi_elf(image->elf);
	if (!image->cfi || dwarf_cfi_addrframe(image->cfi, address, &frame) != 0)
		return false;
	found = dwarf_frame_cfa(frame, &ops, &n) == 0 && n == 1 &&
		((ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) ||
		 ops[0].atom == DW_OP_bregx);
	if (found && ops[0].atom == DW_OP_bregx) {
		*reg = ops[0].number;
		*offset = (int64_t)ops[0].number2;
	} else if (found) {
		*reg = ops[0].atom - DW_OP_breg0;
		*offset = (int64_t)ops[0].number;
	}
	free(frame);
	return found;
}

size_t image_code(struct image *image, uint64_t address, uint8_t *bytes, size_t size)
{
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(image->elf, scn));) {
		GElf_Shdr header;
		Elf_Data *data;
		size_t at;

		if (!gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_EXECINSTR) ||
		    header.sh_type != SHT_PROGBITS || address < header.sh_addr ||
		    address - header.sh_addr >= header.sh_size)
			continue;
		data = elf_rawdata(scn, NULL);
		at = address - header.sh_addr;
		if (!data || !data->d_buf || at >= data->d_size)
			return 0;
		if (size > data->d_size - at)
			size = data->d_size - at;
		memcpy(bytes, (const uint8_t *)data->d_buf + at, size);
		return size;
	}
	return 0;
}

/* Separate debug files -------------------------------------------------------------------------------------------- */

bool image_debuglink(struct image *image, const char **name, uint32_t *crc)
{
	GElf_Word word;

	*name = dwelf_elf_gnu_debuglink(image->elf, &word);
	*crc = word;
	return *name != NULL;
}

static void make_crc_table(uint32_t table[256])
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
		table[i] = c;
	}
}

bool image_file_crc(struct image *image, uint32_t *crc)
{
	uint32_t table[256], sum = ~0u;
	size_t size;
	const unsigned char *bytes = (const unsigned char *)elf_rawfile(image->elf, &size);

	if (!bytes)
		return false;
	make_crc_table(table);
	for (size_t i = 0; i < size; i++)
		sum = table[(sum ^ bytes[i]) & 0xff] ^ (sum >> 8);
	*crc = ~sum;
	return true;
}
