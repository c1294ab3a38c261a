#include "symbol/symbol.h"

#include <stdlib.h>
#include <string.h>

#include "symbol/demangle.h"
#include "symbol/image.h"
#include "symbol/locate.h"
#include "symbol/package.h"
#include "util/str.h"

/* A demangled name, kept because many frames lie in one function. */
struct readable {
	const char *mangled; /* owned by an image */
	char *text;
};

struct module {
	char *path, *build_id;
	const char *name; /* last part of path */
	bool opened, sought_debug, sought_package;
	enum locate_result found;
	struct image *image, *debug;
	struct package *package;
	struct readable *readable; /* sorted by the address of `mangled` */
	size_t readable_count;
};

struct symbols {
	char *search;
	struct module *modules;
	size_t count;
	void *kept;
	void (*release)(void *kept);
};

struct symbols *symbols_create(const char *search)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));

	if (symbols && search)
		symbols->search = strdup(search);
	return symbols;
}

static void close_module(struct module *module)
{
	for (size_t i = 0; i < module->readable_count; i++)
		free(module->readable[i].text);
	free(module->readable);
	image_close(module->image);
	image_close(module->debug);
	package_close(module->package);
	free(module->path);
	free(module->build_id);
}

void symbols_destroy(struct symbols *symbols)
{
	if (!symbols)
		return;
	if (symbols->release)
		symbols->release(symbols->kept);
	for (size_t i = 0; i < symbols->count; i++)
		close_module(&symbols->modules[i]);
	free(symbols->modules);
	free(symbols->search);
	free(symbols);
}

void symbols_keep(struct symbols *symbols, void *data, void (*keep_release)(void *data))
{
	symbols->kept = data;
	symbols->release = keep_release;
}

void *symbols_kept(const struct symbols *symbols)
{
	return symbols->kept;
}

long symbols_add_module(struct symbols *symbols, const char *path, const char *build_id)
{
	struct module *modules =
		reallocarray(symbols->modules, symbols->count + 1, sizeof(*modules));
	struct module *module;
	const char *slash;

	if (!modules)
		return -1;
	symbols->modules = modules;
	module = &modules[symbols->count];
	*module = (struct module){.path = strdup(path), .build_id = strdup(build_id)};
	if (!module->path || !module->build_id) {
		close_module(module);
		return -1;
	}
	slash = strrchr(module->path, '/');
	module->name = slash ? slash + 1 : module->path;
	return (long)symbols->count++;
}

/* A separate debug file is only looked for when the module's own tables do not answer. */
static void seek_debug(struct symbols *symbols, struct module *module)
{
	if (module->sought_debug)
		return;
	module->sought_debug = true;
	module->debug =
		locate_debug(module->path, module->build_id, symbols->search, module->image);
	if (module->debug)
		module->found = LOCATE_FOUND;
}

static void open_module(struct symbols *symbols, struct module *module)
{
	module->opened = true;
	module->found =
		locate_module(module->path, module->build_id, symbols->search, &module->image);
	if (!module->image || !image_has_symtab(module->image))
		seek_debug(symbols, module);
}

static struct module *module_at(struct symbols *symbols, long number)
{
	struct module *module;

	if (number < 0 || (size_t)number >= symbols->count)
		return NULL;
	module = &symbols->modules[number];
	if (!module->opened)
		open_module(symbols, module);
	return module;
}

static const char *readable_name(struct module *module, const char *mangled)
{
	size_t low = 0, high = module->readable_count;
	struct readable *grown;
	char *text;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (module->readable[middle].mangled == mangled)
			return module->readable[middle].text;
		if (module->readable[middle].mangled < mangled)
			low = middle + 1;
		else
			high = middle;
	}
	grown = reallocarray(module->readable, module->readable_count + 1, sizeof(*grown));
	text = demangle(mangled);
	if (grown)
		module->readable = grown;
	if (!grown || !text) {
		free(text);
		return mangled;
	}
	memmove(&grown[low + 1], &grown[low], (module->readable_count - low) * sizeof(*grown));
	grown[low] = (struct readable){mangled, text};
	module->readable_count++;
	return text;
}

/* The debug file has the full table; the module itself may have only the exported names. */
static bool find(struct module *module, enum image_kind kind, uint64_t address,
		 struct image_symbol *found)
{
	return (module->debug && image_find(module->debug, kind, address, found)) ||
	       (module->image && image_find(module->image, kind, address, found));
}

void symbols_code(struct symbols *symbols, long number, uint64_t offset, struct symbol *symbol)
{
	struct module *module = module_at(symbols, number);
	struct image_symbol found;

	*symbol = (struct symbol){.module = module ? module->name : ""};
	if (module && offset > 0 && find(module, IMAGE_CODE, offset - 1, &found)) {
		symbol->name = readable_name(module, found.name);
		symbol->offset = offset - found.start;
	}
}

void symbols_line(struct symbols *symbols, long number, uint64_t offset, struct symbol *symbol)
{
	struct module *module = module_at(symbols, number);

	if (!module || offset == 0)
		return;
	if (module->image && image_has_lines(module->image)) {
		image_line(module->image, offset - 1, &symbol->file, &symbol->line);
		return;
	}
	seek_debug(symbols, module);
	if (module->debug)
		image_line(module->debug, offset - 1, &symbol->file, &symbol->line);
}

struct image *symbols_debug_image(struct symbols *symbols, long number)
{
	struct module *module = module_at(symbols, number);

	if (!module)
		return NULL;
	if (module->image && image_dwarf(module->image))
		return module->image;
	seek_debug(symbols, module);
	return module->debug && image_dwarf(module->debug) ? module->debug : NULL;
}

/* Beside the program or beside its debug file, as the linker's helper was told to write it. */
static struct package *package_beside(const struct image *image)
{
	struct package *found = NULL;
	struct str path = {0};

	if (!image || !image_path(image))
		return NULL;
	str_printf(&path, "%s.dwp", image_path(image));
	if (!path.failed)
		found = package_open(str_text(&path));
	str_free(&path);
	return found;
}

struct package *symbols_package(struct symbols *symbols, long number)
{
	struct module *module = module_at(symbols, number);

	if (!module)
		return NULL;
	if (!module->sought_package) {
		module->sought_package = true;
		module->package = package_beside(module->image);
		if (!module->package)
			module->package = package_beside(module->debug);
	}
	return module->package;
}

struct image *symbols_code_image(struct symbols *symbols, long number)
{
	struct module *module = module_at(symbols, number);

	return module ? module->image : NULL;
}

void symbols_data(struct symbols *symbols, long number, uint64_t offset, struct symbol *symbol)
{
	struct module *module = module_at(symbols, number);
	struct image_symbol found;

	*symbol = (struct symbol){.module = module ? module->name : ""};
	if (!module)
		return;
	if (find(module, IMAGE_DATA, offset, &found)) {
		symbol->name = readable_name(module, found.name);
		symbol->offset = offset - found.start;
	} else if (module->image) {
		symbol->section = image_section(module->image, offset);
	}
}

static int format_place(const struct symbol *symbol, uint64_t offset, char *text, size_t size)
{
	if (!symbol->name && !symbol->module[0])
		return snprintf(text, size, "0x%llx", (unsigned long long)offset);
	if (!symbol->name)
		return snprintf(text, size, "%s%s%s+0x%llx", symbol->module,
				symbol->section ? " " : "", symbol->section ? symbol->section : "",
				(unsigned long long)offset);
	if (symbol->offset == 0)
		return snprintf(text, size, "%s", symbol->name);
	return snprintf(text, size, "%s+0x%llx", symbol->name, (unsigned long long)symbol->offset);
}

int symbol_format(const struct symbol *symbol, uint64_t offset, char *text, size_t size)
{
	int length = format_place(symbol, offset, text, size);
	const char *slash;

	if (length < 0 || !symbol->file)
		return length;
	slash = strrchr(symbol->file, '/');
	return length + snprintf((size_t)length < size ? text + length : NULL,
				 (size_t)length < size ? size - (size_t)length : 0, " (%s:%u)",
				 slash ? slash + 1 : symbol->file, symbol->line);
}

#define MAX_NOTES 4

void symbols_print_notes(const struct symbols *symbols, FILE *out)
{
	size_t notes = 0;

	for (size_t i = 0; i < symbols->count; i++) {
		const struct module *module = &symbols->modules[i];
		if (!module->opened || module->found == LOCATE_FOUND || module->path[0] != '/' ||
		    notes++ >= MAX_NOTES)
			continue;
		fprintf(out,
			"refgraph: %s: %s; its addresses are shown as %s+0x... "
			"(--symbol-path may name folders that hold it)\n",
			module->path,
			module->found == LOCATE_MISSING ? "not on this machine"
							: "another build than the one in the dump",
			module->name);
	}
	if (notes > MAX_NOTES)
		fprintf(out, "refgraph: the same holds for %zu more modules\n", notes - MAX_NOTES);
}
