/*
 * gobject_probe.c - is there a GObject in this process, and is it one that we know?
 *
 * Only symbols are looked up here: a GTK program must not start later for it. What lies in private tables is found and verified in
 * the walker, by gobject_types.c, each time.
 */
#include <errno.h>
#include <link.h>
#include <string.h>

#include "gobject.h"

#define MINOR_FIRST 62
#define MINOR_LAST 78

struct gobject gobject;

static size_t put_number(char *out, uint32_t n)
{
	char digits[12];
	size_t used = 0, length = 0;

	do
		digits[used++] = (char)('0' + n % 10);
	while (n /= 10);
	while (used)
		out[length++] = digits[--used];
	return length;
}

static void write_version(char *out, const uint32_t *number)
{
	for (unsigned i = 0; i < 3; i++) {
		out += put_number(out, number[i] % 10000);
		*out++ = i < 2 ? '.' : 0;
	}
}

struct search {
	uintptr_t code;
	struct span *spans;
	unsigned *count;
};

/* The writable segments of the module that holds the code. */
static int find_data(struct dl_phdr_info *info, size_t size, void *context)
{
	const struct search *s = context;
	bool ours = false;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		ours = ours || (p->p_type == PT_LOAD &&
				s->code - (info->dlpi_addr + p->p_vaddr) < p->p_memsz);
	}
	for (unsigned i = 0; ours && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t low = (info->dlpi_addr + p->p_vaddr + 7) & ~(uintptr_t)7;
		if (p->p_type == PT_LOAD && p->p_flags & PF_W && *s->count < MAX_SPANS)
			s->spans[(*s->count)++] = (struct span){
				low, (info->dlpi_addr + p->p_vaddr + p->p_memsz) & ~(uintptr_t)7};
	}
	return ours;
}

static void data_of(uintptr_t code, struct span *spans, unsigned *count)
{
	struct search s = {code, spans, count};

	*count = 0;
	dl_iterate_phdr(find_data, &s);
}

static bool resolve(const struct adapter_host *host, void *handle)
{
	*(void **)&gobject.quark_text = host->symbol(handle, "g_quark_to_string");
	*(void **)&gobject.class_peek = host->symbol(handle, "g_type_class_peek");
	gobject.object_unref = (uintptr_t)host->symbol(handle, "g_object_unref");
	gobject.closure_unref = (uintptr_t)host->symbol(handle, "g_closure_unref");
	gobject.nullify = (uintptr_t)host->symbol(handle, "g_nullify_pointer");
	gobject.str_hash = (uintptr_t)host->symbol(handle, "g_str_hash");
	return gobject.quark_text && gobject.class_peek && gobject.object_unref &&
	       gobject.closure_unref && gobject.nullify && gobject.str_hash;
}

static bool probe(const struct adapter_host *host, void *handle)
{
	static const char *const names[] = {"glib_major_version", "glib_minor_version",
					    "glib_micro_version"};
	uint32_t number[3] = {0};

	if (gobject.type_name)
		return true;
	*(void **)&gobject.type_name = host->symbol(handle, "g_type_name");
	if (!gobject.type_name)
		return false;
	for (unsigned i = 0; i < 3; i++) {
		const uint32_t *p = host->symbol(handle, names[i]);
		number[i] = p ? *p : 0;
	}
	write_version(gobject.version, number);
	if (number[0] != 2 || number[1] < MINOR_FIRST || number[1] > MINOR_LAST) {
		host->refuse(RGD_RT_GOBJECT, gobject.version,
			     "only GLib 2.62 to 2.78 is supported: GObjects are only blocks here");
		return true;
	}
	if (!resolve(host, handle)) {
		host->refuse(RGD_RT_GOBJECT, gobject.version,
			     "functions of GLib are missing: an unusual build, not supported");
		return true;
	}
	gobject.minor = number[1];
	data_of((uintptr_t)gobject.quark_text, gobject.glib, &gobject.glib_count);
	data_of((uintptr_t)gobject.type_name, gobject.gobject, &gobject.gobject_count);
	gobject.host = host;
	return true;
}

/* There is no lock to take: the walker sees tables in the middle of a change, and checks what it follows. */
static int enter(unsigned deadline_ms, char *note, size_t note_size)
{
	return gobject.host ? 0 : ENODEV;
}

const struct adapter adapter_gobject = {
	.runtime = RGD_RT_GOBJECT,
	.name = "gobject",
	.probe = probe,
	.enter = enter,
	.discover = gobject_discover,
	.describe = gobject_describe,
	.edges = gobject_edges,
	.state = gobject_state,
};
