/* demangle.h - symbol names as people write them. */
#ifndef REFGRAPH_SYMBOL_DEMANGLE_H
#define REFGRAPH_SYMBOL_DEMANGLE_H

/*
 * C++ names demangled; the compiler's suffixes of split and cloned functions (.cold, .part.3, .constprop.0, .isra.0)
 * dropped. The caller frees the result; NULL without memory.
 */
char *demangle(const char *name);

/* "std::vector<int>" of "St6vectorIiE", as std::type_info names types; "A_3Foo" is "Foo[]". malloc()ed; NULL without memory. */
char *demangle_type(const char *name);

#endif
