/*
 * elf_file.c - functions by the .symtab of a module's file, which the loader does not map, or of its separate debug file:
 * /usr/lib/debug/.build-id/ab/cdef.debug, else what .gnu_debuglink names. A file counts only when its build-id is the loaded module's: the
 * package may have been upgraded meanwhile. Files are other people's: each offset is checked.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../shim.h"
#include "../sys.h"
#include "elf_symbols.h"

#define NOTE_BUILD_ID 3u

struct file {
	const char *data;
	size_t size;
	const Elf64_Ehdr *header;
	const Elf64_Shdr *sections;
	size_t nsections;
};

static const void *part(const struct file *f, uint64_t offset, uint64_t size)
{
	return offset <= f->size && size <= f->size - offset ? f->data + offset : NULL;
}

static void file_close(struct file *f)
{
	if (f->data)
		sys(SYS_munmap, f->data, f->size);
	f->data = NULL;
}

static bool file_headers(struct file *f)
{
	const Elf64_Ehdr *h = part(f, 0, sizeof(*h));

	if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_shentsize != sizeof(Elf64_Shdr) || h->e_shoff % 8)
		return false;
	f->header = h;
	f->nsections = h->e_shnum;
	f->sections = part(f, h->e_shoff, f->nsections * sizeof(Elf64_Shdr));
	return f->sections && f->nsections;
}

static bool file_open(const char *path, struct file *f)
{
	long fd = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0), at = -1;
	struct stat st;

	memset(f, 0, sizeof(*f));
	if (fd < 0)
		return false;
	if (!sys(SYS_fstat, fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		at = sys(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	sys(SYS_close, fd);
	if (at < 0)
		return false;
	f->data = (const char *)at;
	f->size = (size_t)st.st_size;
	if (file_headers(f))
		return true;
	file_close(f);
	return false;
}

static const Elf64_Shdr *section_of_type(const struct file *f, uint32_t type)
{
	for (size_t i = 0; i < f->nsections; i++) {
		if (f->sections[i].sh_type == type)
			return &f->sections[i];
	}
	return NULL;
}

/* A string of a table; NULL when it is not ended inside. */
static const char *string_at(const struct file *f, const Elf64_Shdr *table, uint32_t at)
{
	const char *text = part(f, table->sh_offset, table->sh_size);

	return text && at < table->sh_size && memchr(text + at, 0, table->sh_size - at) ? text + at
											: NULL;
}

static const Elf64_Shdr *section_named(const struct file *f, const char *name)
{
	if (f->header->e_shstrndx >= f->nsections)
		return NULL;
	for (size_t i = 0; i < f->nsections; i++) {
		const char *text =
			string_at(f, &f->sections[f->header->e_shstrndx], f->sections[i].sh_name);

		if (text && !strcmp(text, name))
			return &f->sections[i];
	}
	return NULL;
}

static bool same_build(const struct file *f, const char *build_id)
{
	const Elf64_Shdr *s = section_named(f, ".note.gnu.build-id");
	const uint8_t *note =
		s && s->sh_type == SHT_NOTE ? part(f, s->sh_offset, s->sh_size) : NULL;
	uint32_t words[3];

	if (!note || s->sh_size < 16)
		return !*build_id; /* neither has one */
	memcpy(words, note, sizeof(words));
	if (words[2] != NOTE_BUILD_ID || words[0] != 4 || words[1] > s->sh_size - 16)
		return false;
	for (uint32_t i = 0; i < words[1] && i < 20; i++) {
		if (build_id[2 * i] != "0123456789abcdef"[note[16 + i] >> 4] ||
		    build_id[2 * i + 1] != "0123456789abcdef"[note[16 + i] & 15])
			return false;
	}
	return true;
}

static bool each_function(const struct module *m, const struct file *f, on_symbol each,
			  void *context)
{
	const Elf64_Shdr *table = section_of_type(f, SHT_SYMTAB), *strings;
	const Elf64_Sym *symbols;

	if (!table || table->sh_link >= f->nsections || table->sh_offset % 8)
		return false;
	symbols = part(f, table->sh_offset, table->sh_size);
	strings = &f->sections[table->sh_link];
	if (!symbols)
		return false;
	for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++) {
		unsigned type = ELF64_ST_TYPE(symbols[i].st_info);
		struct symbol_found found = {NULL, m->base + symbols[i].st_value,
					     symbols[i].st_size, type == STT_GNU_IFUNC};

		if ((type != STT_FUNC && type != STT_GNU_IFUNC) || !symbols[i].st_value ||
		    symbols[i].st_shndx == SHN_UNDEF || found.address < m->low ||
		    found.address >= m->high)
			continue;
		found.name = string_at(f, strings, symbols[i].st_name);
		if (found.name)
			each(&found, context);
	}
	return true;
}

static bool try_file(const struct module *m, const char *path, on_symbol each, void *context)
{
	struct file f;
	bool found;

	if (!file_open(path, &f))
		return false;
	found = same_build(&f, m->build_id) && each_function(m, &f, each, context);
	file_close(&f);
	return found;
}

static bool by_build_id(const struct module *m, on_symbol each, void *context)
{
	char path[128];

	if (strlen(m->build_id) < 8)
		return false;
	log_format(path, sizeof(path), "/usr/lib/debug/.build-id/%c%c/%s.debug", m->build_id[0],
		   m->build_id[1], m->build_id + 2);
	return try_file(m, path, each, context);
}

static bool by_link(const struct module *m, on_symbol each, void *context)
{
	static const char *const places[] = {"%s/%s", "%s/.debug/%s", "/usr/lib/debug%s/%s"};
	char folder[1024], name[256], path[1400];
	const Elf64_Shdr *s;
	const char *link;
	struct file f;

	if (!*m->build_id || !file_open(m->path, &f))
		return false;
	s = section_named(&f, ".gnu_debuglink");
	link = s ? string_at(&f, s, 0) : NULL;
	log_format(name, sizeof(name), "%s", link && !strchr(link, '/') ? link : "");
	file_close(&f);
	log_format(folder, sizeof(folder), "%s", m->path);
	if (!*name || !strrchr(folder, '/'))
		return false;
	*strrchr(folder, '/') = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		log_format(path, sizeof(path), places[i], folder, name);
#pragma GCC diagnostic pop
		if (try_file(m, path, each, context))
			return true;
	}
	return false;
}

bool file_symbols_each(const struct module *m, on_symbol each, void *context, const char **why)
{
	if (m->path[0] != '/') {
		*why = "has no file";
		return false;
	}
	if (try_file(m, m->path, each, context) || by_build_id(m, each, context) ||
	    by_link(m, each, context))
		return true;
	*why = "is stripped, and there are no debug symbols of it here";
	return false;
}
