/*
 * cpython_probe.c - is there a CPython in this process, and is it one that we know?
 *
 * It is asked in the constructor, before main: nothing of the runtime is initialized then, and only functions that are
 * legal before Py_Initialize are called.
 */
#include <link.h>
#include <string.h>

#include "cpython.h"

struct python python;

static bool refuse(const char *version, const char *note)
{
	python.host->refuse(RGD_RT_CPYTHON, version, note);
	return true;
}

/* "3.11.7 (main, ...)" to the first blank. */
static void copy_version(char *out, size_t size, const char *text)
{
	size_t n = 0;
	while (text[n] && text[n] != ' ' && n + 1 < size) {
		out[n] = text[n];
		n++;
	}
	out[n] = 0;
}

static unsigned number_at(const char **text)
{
	unsigned n = 0;
	while (**text >= '0' && **text <= '9' && n < 10000)
		n = n * 10 + (unsigned)(*(*text)++ - '0');
	return n;
}

/* Minor version of a Python 3 that we were tested on, else 0. */
static unsigned supported_minor(const char *version)
{
	if (number_at(&version) != 3 || *version++ != '.')
		return 0;
	unsigned minor = number_at(&version);
	return layout_of(minor) ? minor : 0;
}

static const char *unsupported_build(const struct adapter_host *host, void *handle,
				     const char *full_version)
{
	if (host->symbol(handle, "rpython_startup_code") ||
	    host->symbol(handle, "pypy_main_startup"))
		return "PyPy keeps no reference counts and moves objects: not supported";
	if (strstr(full_version, "free-threading") ||
	    host->symbol(handle, "_Py_MergeZeroLocalRefcount"))
		return "a free-threaded build has no lists of its objects: not supported";
	if (host->symbol(handle, "_Py_NegativeRefcount") ||
	    host->symbol(handle, "_Py_INCREF_IncRefTotal"))
		return "a debug build lays objects out differently: not supported";
	return NULL;
}

static const char *resolve(const struct adapter_host *host, void *handle, unsigned minor)
{
#define API(name, result, parameters, symbol_a, symbol_b, since, until)                            \
	{                                                                                          \
		const char *other = symbol_b;                                                      \
		void *p = host->symbol(handle, symbol_a);                                          \
		if (!p && other)                                                                   \
			p = host->symbol(handle, other);                                           \
		if (!p && minor >= (since) && minor <= (until))                                    \
			return symbol_a " is missing: an unusual build, not supported";            \
		*(void **)&python.api.name = p;                                                    \
	}
	PYTHON_API(API)
#undef API
	python.runtime = (uintptr_t)host->symbol(handle, "_PyRuntime");
	python.none = (uintptr_t)host->symbol(handle, "_Py_NoneStruct");
	if (!python.runtime || !python.none)
		return "_PyRuntime is missing: an unusual build, not supported";
	return NULL;
}

/* The writable segments of the module that has _PyRuntime. */
static int find_data(struct dl_phdr_info *info, size_t size, void *unused)
{
	bool ours = false;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t low = info->dlpi_addr + p->p_vaddr;
		ours = ours || (p->p_type == PT_LOAD && python.runtime - low < p->p_memsz);
	}
	for (unsigned i = 0; ours && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t low = (info->dlpi_addr + p->p_vaddr + 7) & ~(uintptr_t)7;
		if (p->p_type == PT_LOAD && p->p_flags & PF_W && python.data_count < 8) {
			python.data[python.data_count].low = low;
			python.data[python.data_count++].high =
				info->dlpi_addr + p->p_vaddr + p->p_memsz;
		}
	}
	return ours;
}

static bool probe(const struct adapter_host *host, void *handle)
{
	if (python.minor)
		return true;
	const char *(*get_version)(void) = NULL;
	*(void **)&get_version = host->symbol(handle, "Py_GetVersion");
	python.host = host;
	if (!get_version) {
		if (host->symbol(handle, "rpython_startup_code") ||
		    host->symbol(handle, "pypy_main_startup"))
			return refuse("PyPy", unsupported_build(host, handle, ""));
		return false;
	}
	char version[sizeof(python.version)];
	const char *full = get_version();
	copy_version(version, sizeof(version), full);
	unsigned minor = supported_minor(version);
	if (!minor)
		return refuse(version, "only CPython 3.8 to 3.13 is supported: native blocks are "
				       "followed, its objects are not");
	const char *why = unsupported_build(host, handle, full);
	if (!why)
		why = resolve(host, handle, minor);
	if (why)
		return refuse(version, why);
	python.handle = handle;
	memcpy(python.version, version, sizeof(version));
	python.at = layout_of(minor);
	python.minor = minor;
	dl_iterate_phdr(find_data, NULL);
	known_types_resolve();
	python.mixed = host->mixed && mixed_init();
	if (minor >= 12) /* os.fork() counts the process's threads and warns */
		host->helper_late();
	exit_arrange();
	alloc_install();
	return true;
}

static void recheck(void)
{
	if (python.minor)
		alloc_recheck();
}

static void after_fork_child(void)
{
	if (!python.minor)
		return;
	gil_after_fork();
	gc_after_fork();
}

const struct adapter adapter_cpython = {
	.runtime = RGD_RT_CPYTHON,
	.name = "cpython",
	.probe = probe,
	.recheck = recheck,
	.after_fork_child = after_fork_child,
	.mix = mixed_stack,
	.enter = gil_enter,
	.leave = gil_leave,
	.let_go = gil_let_go,
	.take_back = gil_take_back,
	.discover = python_discover,
	.describe = python_describe,
	.edges = python_edges,
	.roots = python_roots,
	.state = python_state,
};
