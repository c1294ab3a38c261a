/* symbol_allocator_test.c - the table of allocation wrappers: its order, and which names it takes for whose. */
#define allocator_is_wrapper tested_is_wrapper /* the table itself is looked at, so its file is included once more */
#include "../../analyzer/symbol/allocator.c"

#include <stdio.h>

static int failed;

static void check(const char *function, bool want)
{
	bool good = allocator_is_wrapper(function) == want;

	failed |= !good;
	printf(good ? "ok %s\n" : "not ok %s: taken for the opposite\n", function);
}

int main(void)
{
	bool sorted = true;

	for (size_t i = 1; i < sizeof(wrappers) / sizeof(*wrappers); i++)
		sorted = sorted && strcmp(wrappers[i - 1], wrappers[i]) < 0;
	failed |= !sorted;
	puts(sorted ? "ok the table is sorted" : "not ok the table is sorted: bsearch needs it");
	check(wrappers[0], true);
	check(wrappers[sizeof(wrappers) / sizeof(*wrappers) - 1], true);
	check("malloc", true);
	check("xmalloc", true);
	check("g_malloc0", true);
	check("operator new(unsigned long)", true);
	check("operator new[](unsigned long, std::nothrow_t const&)", true);
	check("std::vector<int, std::allocator<int> >::push_back(int const&)", true);
	check("void std::vector<int>::_M_realloc_insert<int>(int*)", true);
	check("std::__cxx11::basic_string<char>::_M_create(unsigned long&, unsigned long)", true);
	check("os::malloc(unsigned long, MEMFLAGS, NativeCallStack const&)", true);
	check("PL_ArenaAllocate", true);
	check("os::mallocate(unsigned long)", false);
	check("parse_line", false);
	check("mallocs", false);
	check("xmalloc_statistics", false);
	check("", false);
	check("shop::Cart<std::string>::add(int)", false);
	check("std::string shop::name<int>(std::vector<int>)", false);
	check("shop::operator new_thing(int)", false);
	check("run(std::vector<int>, void (*)(int))", false);
	return failed;
}
