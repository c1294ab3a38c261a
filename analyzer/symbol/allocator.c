#include "symbol/allocator.h"

#include <stdlib.h>
#include <string.h>

/* Sorted by strcmp; a test holds the order. To add one: its plain name as the symbol table has it. */
/* clang-format off */
static const char *const wrappers[] = {
	"AcquireMagickMemory", "AcquireQuantumMemory", "CRYPTO_malloc", "CRYPTO_realloc",
	"CRYPTO_strdup", "CRYPTO_zalloc", "FcStrdup", "JLI_MemAlloc", "JLI_MemRealloc",
	"JLI_StringDup", "PL_ArenaAllocate", "PORT_Alloc", "PORT_ArenaAlloc", "PORT_ZAlloc",
	"PR_Calloc", "PR_Malloc", "PR_Realloc", "Perl_safesyscalloc", "Perl_safesysmalloc",
	"Perl_safesysrealloc", "PyMem_Calloc", "PyMem_Malloc", "PyMem_RawCalloc",
	"PyMem_RawMalloc", "PyMem_RawRealloc", "PyMem_Realloc", "PyObject_Calloc",
	"PyObject_Malloc", "PyObject_Realloc", "PyType_GenericAlloc", "R_chk_calloc",
	"R_chk_realloc", "Rstrdup", "Tcl_Alloc", "Tcl_Realloc", "_PyMem_RawCalloc",
	"_PyMem_RawMalloc", "_PyMem_RawRealloc", "_PyMem_RawStrdup", "_PyMem_Strdup",
	"_PyObject_Calloc", "_PyObject_GC_Malloc", "_PyObject_GC_New", "_PyObject_GC_NewVar",
	"_PyObject_GC_Resize", "_PyObject_Malloc", "_PyObject_New", "_PyObject_NewVar",
	"_PyObject_Realloc", "_PyType_AllocNoTrack", "__asprintf_chk", "__libc_calloc",
	"__libc_malloc", "__libc_memalign", "__libc_realloc", "__strdup", "__strndup",
	"__vasprintf_chk", "__vasprintf_internal", "_emalloc", "_erealloc", "_estrdup",
	"_safe_malloc", "aligned_alloc", "asprintf", "av_calloc", "av_malloc", "av_mallocz",
	"av_realloc", "av_strdup", "calloc", "checked_malloc", "cxmalloc", "dbus_malloc",
	"dbus_malloc0", "dbus_realloc", "ecalloc", "emalloc", "erealloc", "estrdup",
	"g_aligned_alloc", "g_malloc", "g_malloc0", "g_malloc0_n", "g_malloc_n", "g_memdup",
	"g_memdup2", "g_realloc", "g_realloc_n", "g_slice_alloc", "g_slice_alloc0",
	"g_slice_copy", "g_strconcat", "g_strdup", "g_strdup_printf", "g_strdup_vprintf",
	"g_strndup", "g_try_malloc", "g_try_malloc0", "g_try_malloc0_n", "g_try_malloc_n",
	"g_try_realloc", "g_vasprintf", "getdelim", "guc_malloc", "guc_strdup", "luaM_growaux_",
	"luaM_malloc_", "luaM_realloc_", "malloc", "mem_alloc", "memalign", "my_malloc",
	"my_strdup", "operator new", "operator new[]", "pg_malloc", "pg_malloc0", "pg_strdup",
	"posix_memalign", "pvalloc", "realloc", "reallocarray", "reallocf", "rtl_allocateMemory",
	"rtl_allocateZeroMemory", "rtl_reallocateMemory", "ruby_strdup", "ruby_xcalloc",
	"ruby_xmalloc", "ruby_xmalloc2", "ruby_xrealloc", "ruby_xrealloc2", "safe_calloc",
	"safe_malloc", "safe_realloc", "safe_strdup", "sqlite3Malloc", "sqlite3MemMalloc",
	"sqlite3MemRealloc", "sqlite3Realloc", "sqlite3_malloc", "sqlite3_malloc64",
	"sqlite3_realloc", "sqlite3_realloc64", "strdup", "strndup",
	"svn_pool_create_ex", "talloc_named_const",
	"tc_malloc", "tc_new", "valloc", "vasprintf", "wcsdup", "x_malloc", "xasprintf",
	"xcalloc", "xcharalloc", "xmalloc", "xmallocarray", "xmemdup", "xmemdup0", "xmlStrdup",
	"xmlStrndup", "xnmalloc", "xnrealloc", "xrealloc", "xreallocarray", "xstrdup", "xstrndup",
	"xvasprintf", "xzalloc", "zcalloc", "zmalloc", "zrealloc",
};
/* clang-format on */

/* Families that are known by how their qualified names begin. */
/* clang-format off */
static const char *const prefixes[] = {
	"operator new(", "operator new[](", "std::", "__gnu_cxx::new_allocator<", "mi_malloc",
	"mi_calloc", "mi_realloc", "mi_new", "mi_heap_", "je_malloc", "je_calloc", "je_realloc",
	"je_rallocx", "je_mallocx", "os::malloc(", "os::realloc(", "os::strdup(", "os::strdup_check_oom(",
	"AllocateHeap(", "ReallocateHeap(", "CHeapObjBase::operator new", "AnyObj::operator new", "ResourceObj::operator new",
};
/* clang-format on */

/*
 * A demangled function template begins with its return type: "void std::vector<int>::_M_realloc_insert<int>(...)". The
 * name starts after the last space that lies outside of all brackets and before the argument list.
 */
static const char *qualified_name(const char *function)
{
	const char *name = function;
	int depth = 0;

	if (strncmp(function, "operator", 8) == 0)
		return function;
	for (const char *c = function; *c; c++) {
		if (*c == '(' && depth == 0)
			break;
		if (*c == '<' || *c == '(')
			depth++;
		else if (*c == '>' || *c == ')')
			depth--;
		else if (*c == ' ' && depth == 0)
			name = c + 1;
	}
	return name;
}

static int compare(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

bool allocator_is_wrapper(const char *function)
{
	const char *name = qualified_name(function);

	if (bsearch(name, wrappers, sizeof(wrappers) / sizeof(*wrappers), sizeof(*wrappers),
		    compare))
		return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}
