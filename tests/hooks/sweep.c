/*
 * sweep.c - a preloaded library that stands before every exported function of every library that the engine judges patchable, and counts.
 * The loader and libc are left out, since the engine itself runs on them; and vfork and its like live there.
 *
 *   LD_PRELOAD=sweep.so SWEEP=enter|around [SWEEP_LOG=FILE] [SWEEP_OTHER=1] PROGRAM...
 *
 * SWEEP_OTHER: exceptions pass as where another unwinder than libgcc's is about. At the end one line goes to SWEEP_LOG: functions found, patched, calls.
 */
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#define MODULES 4096

static _Atomic unsigned long calls, found, patched;
static uintptr_t done[MODULES];
static unsigned ndone;
static bool around, loaded_late;

static void on_enter(struct hook_call *call)
{
	atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

static void on_leave(struct hook_call *call)
{
}

static bool left_out(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return !*path || !strncmp(name, "libc.so", 7) || !strncmp(name, "ld-linux", 8) ||
	       strstr(name, "vdso") || strstr(name, "sweep.so") || strstr(name, "libdl.so") ||
	       strstr(name, "libpthread");
}

static int one_module(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct image image;
	struct hook *hooks, **list;
	size_t n = 0;

	for (unsigned i = 0; i < ndone; i++)
		if (done[i] == info->dlpi_addr)
			return 0;
	if (left_out(info->dlpi_name) || ndone == MODULES || !image_read(&image, info))
		return 0;
	done[ndone++] = info->dlpi_addr;
	if (!image.nsymbols)
		return 0;
	hooks = arena_map(image.nsymbols * sizeof(*hooks));
	list = arena_map(image.nsymbols * sizeof(*list));
	for (size_t i = 1; i < image.nsymbols; i++) {
		const ElfW(Sym) *s = &image.symbols[i];

		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || s->st_shndx == SHN_UNDEF)
			continue;
		list[n] = &hooks[n];
		hooks[n].function = image.base + s->st_value;
		hooks[n].size = s->st_size;
		hooks[n].enter = on_enter;
		hooks[n].leave = around ? on_leave : NULL;
		n++;
	}
	found += n;
	patched += hook_install(list, n);
	arena_unmap(list, image.nsymbols * sizeof(*list));
	return 0;
}

static void on_loader(struct hook_call *call)
{
	int kept = errno;

	/* a library that went may have another in its place */
	if (_r_debug.r_state == RT_DELETE)
		ndone = ndone > 1 ? ndone : ndone;
	if (_r_debug.r_state == RT_CONSISTENT)
		dl_iterate_phdr(one_module, NULL);
	errno = kept;
}

static struct hook loader = {.enter = on_loader};

__attribute__((constructor)) static void begin(void)
{
	struct hook *list[] = {&loader};
	const char *mode = getenv("SWEEP");

	if (!mode)
		return;
	around = !strcmp(mode, "around");
	if (getenv("SWEEP_OTHER"))
		around_other_unwinder();
	dl_iterate_phdr(one_module, NULL);
	loader.function = (uintptr_t)_r_debug.r_brk;
	loaded_late = hook_install(list, 1) == 1;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("SWEEP_LOG");
	char line[128];
	int fd, n;

	if (!path || (fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
		return;
	n = snprintf(line, sizeof(line), "functions %lu patched %lu calls %lu\n", found, patched, calls);
	if (write(fd, line, (size_t)n) != n)
		_exit(99);
	close(fd);
}
