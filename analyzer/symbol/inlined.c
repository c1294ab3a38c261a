#include "symbol/inlined.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64u

void inlined_free(struct inlined *inlined)
{
	free(inlined->functions);
	*inlined = (struct inlined){0};
}

bool inlined_is_system(const char *file)
{
	return strncmp(file, "/usr/include/", 13) == 0 || strstr(file, "/include/c++/") ||
	       (strncmp(file, "/usr/lib/", 9) == 0 && strstr(file, "/include/"));
}

static void add(struct inlined *inlined, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;

	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
		if (inlined->count == inlined->capacity) {
			size_t n = inlined->capacity ? 2 * inlined->capacity : 64;
			void *more = realloc(inlined->functions, n * sizeof *inlined->functions);

			if (!more)
				return;
			inlined->functions = more;
			inlined->capacity = n;
		}
		inlined->functions[inlined->count++] =
			(struct inlined_function){start, end, dwarf_dieoffset(die)};
	}
}

static int by_start(const void *a, const void *b)
{
	const struct inlined_function *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Functions with code stand at the top of a unit, or within a namespace. */
static void read_functions(struct inlined *inlined, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die child;

	if (depth > 8 || dwarf_child(parent, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_subprogram)
			add(inlined, &child);
		else if (tag == DW_TAG_namespace || tag == DW_TAG_module)
			read_functions(inlined, &child, depth + 1);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static bool function_at(struct inlined *inlined, Dwarf_Die *unit, uint64_t address, Dwarf_Die *ret)
{
	size_t low = 0, high;

	if (!inlined->read) {
		inlined->read = true;
		read_functions(inlined, unit, 0);
		if (inlined->count)
			qsort(inlined->functions, inlined->count, sizeof *inlined->functions,
			      by_start);
	}
	for (high = inlined->count; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (inlined->functions[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < inlined->functions[low - 1].end &&
	       dwarf_offdie(dwarf_cu_getdwarf(unit->cu), inlined->functions[low - 1].die, ret);
}

struct call {
	Dwarf_Files *files;
	const char *file;
	unsigned line;
};

static bool number(Dwarf_Die *die, unsigned name, Dwarf_Word *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, name, &attribute) && dwarf_formudata(&attribute, ret) == 0;
}

/* The innermost one that is not of a system header stays. */
static void calls_in(Dwarf_Die *scope, uint64_t address, struct call *call, unsigned depth)
{
	Dwarf_Word file, line;
	Dwarf_Die child;

	if (depth > MAX_DEPTH || dwarf_child(scope, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);
		const char *source = NULL;

		if ((tag != DW_TAG_lexical_block && tag != DW_TAG_inlined_subroutine) ||
		    dwarf_haspc(&child, address) != 1)
			continue;
		if (tag == DW_TAG_inlined_subroutine && number(&child, DW_AT_call_file, &file) &&
		    number(&child, DW_AT_call_line, &line))
			source = dwarf_filesrc(call->files, file, NULL, NULL);
		if (source && !inlined_is_system(source)) {
			call->file = source;
			call->line = (unsigned)line;
		}
		calls_in(&child, address, call, depth + 1);
		return;
	} while (dwarf_siblingof(&child, &child) == 0);
}

bool inlined_call(struct inlined *inlined, Dwarf_Die *unit, uint64_t address, const char **file,
		  unsigned *line)
{
	struct call call = {0};
	Dwarf_Die function;
	size_t n;

	if (!function_at(inlined, unit, address, &function) ||
	    dwarf_getsrcfiles(unit, &call.files, &n) != 0)
		return false;
	calls_in(&function, address, &call, 0);
	if (!call.file || !call.line)
		return false;
	*file = call.file;
	*line = call.line;
	return true;
}
