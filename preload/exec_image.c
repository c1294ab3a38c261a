/*
 * exec_image.c - programs into which the dynamic loader cannot load us. LD_PRELOAD goes to each program that is started from
 * here, and where we do not fit it harms: musl's loader ends the program, that of 32-bit programs complains on its standard
 * error, and so does glibc's own where our file is not to be found, in a chroot or for another user. A sanitizer's library that
 * is not the first ends the program (ASan), crashes (TSan) or sees nothing (LSan). These are started with
 * LD_PRELOAD without us. Programs that the loader keeps us out of in silence (static, set-user-ID) get what they are given, for
 * the sake of their children.
 *
 * All of this may run in a child of vfork, in the parent's memory: system calls, and memory of the caller. That may be the small
 * stack of a handler of signals, so buffers are small: what does not fit is not looked at.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec_image.h"
#include "shim.h"
#include "sys.h"

#define VARIABLE "LD_PRELOAD="
#define SCRIPTS_MAX 5	     /* the kernel's: scripts whose interpreters are scripts */
#define ENVIRONMENT_MAX 8192 /* more variables than this go as they are: the copy lies on a stack */
#define SEGMENTS_MAX 64	     /* program headers that are looked at */

static const char *own_name; /* of our file, without its folder */

static const char *last_part(const char *path, size_t n)
{
	while (n && path[n - 1] != '/')
		n--;
	return path + n;
}

void exec_image_init(void)
{
	Dl_info info;

	if (dladdr((void *)exec_image_init, &info) && info.dli_fname)
		own_name = last_part(info.dli_fname, strlen(info.dli_fname));
}

/* ---- the variable -------------------------------------------------------------------------------------------------------- */

/* The next item of the list at *at, as the loader takes it apart. False at its end. */
static bool item_next(const char **at, const char **item, size_t *length)
{
	const char *p = *at + strspn(*at, ": ");

	*item = p;
	*length = strcspn(p, ": ");
	*at = p + *length;
	return *length != 0;
}

static bool item_is_ours(const char *item, size_t length)
{
	const char *name = last_part(item, length);
	size_t n = (size_t)(item + length - name);

	return n == strlen(own_name) && !memcmp(name, own_name, n);
}

static const char *list_of(const char *variable)
{
	size_t n = sizeof VARIABLE - 1;

	return strncmp(variable, VARIABLE, n) ? NULL : variable + n;
}

/* The item that means us in any of the variables. */
static bool find_us(char *const *environment, const char **item, size_t *length)
{
	for (; *environment; environment++) {
		const char *at = list_of(*environment);

		while (at && item_next(&at, item, length)) {
			if (item_is_ours(*item, *length))
				return true;
		}
	}
	return false;
}

/* ---- the file -------------------------------------------------------------------------------------------------------------- */

static long open_file(const char *path)
{
	struct stat st;
	long fd = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0)
		return fd;
	if (sys(SYS_fstat, fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		sys(SYS_close, fd);
		return -1;
	}
	return fd;
}

/* Can whoever starts the program read our file? A name without a slash is looked for by the loader: nobody knows. */
static __attribute__((noinline)) bool reaches_us(const char *item, size_t length)
{
	char path[512];
	long fd;

	if (length >= sizeof path || !memchr(item, '/', length) || memchr(item, '$', length))
		return true;
	memcpy(path, item, length);
	path[length] = 0;
	fd = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	if (fd >= 0)
		sys(SYS_close, fd);
	return fd != -ENOENT && fd != -EACCES && fd != -ENOTDIR;
}

/* Loaders that read LD_PRELOAD and are not glibc's: part of their file's name. */
static bool loader_is_foreign(const char *path)
{
	static const char *const foreign[] = {"/ld-musl", "/ld64-uClibc", "/ld-uClibc",
					      "/linker64"};

	for (unsigned i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		if (strstr(path, foreign[i]))
			return true;
	}
	return false;
}

/* Libraries that must stand before all others. */
static bool is_sanitizer(const char *library)
{
	static const char *const names[] = {"libasan.so", "libtsan.so", "liblsan.so",
					    "libhwasan.so"};

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strncmp(library, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

static bool segment_read(long fd, const Elf64_Ehdr *header, unsigned i, Elf64_Phdr *segment)
{
	return i < header->e_phnum && i < SEGMENTS_MAX &&
	       sys(SYS_pread64, fd, segment, sizeof *segment,
		   header->e_phoff + i * sizeof *segment) == sizeof *segment;
}

/* Where in the file this address lies; 0: nowhere. */
static uint64_t file_offset(long fd, const Elf64_Ehdr *header, uint64_t address)
{
	Elf64_Phdr s;

	for (unsigned i = 0; segment_read(fd, header, i, &s); i++) {
		if (s.p_type == PT_LOAD && address - s.p_vaddr < s.p_filesz)
			return s.p_offset + (address - s.p_vaddr);
	}
	return 0;
}

/* What a program is linked with stands at the beginning of its dynamic section, most often within the first entries. */
static bool needs_sanitizer(long fd, const Elf64_Ehdr *header, const Elf64_Phdr *dynamic)
{
	Elf64_Dyn entries[64];
	long n = sys(SYS_pread64, fd, entries, sizeof entries, dynamic->p_offset);
	uint64_t strings = 0;

	n = n < 0 ? 0 : n / (long)sizeof *entries;
	for (long i = 0; i < n && entries[i].d_tag != DT_NULL; i++) {
		if (entries[i].d_tag == DT_STRTAB)
			strings = file_offset(fd, header, entries[i].d_un.d_ptr);
	}
	for (long i = 0; i < n && strings && entries[i].d_tag != DT_NULL; i++) {
		char library[16] = "";

		if (entries[i].d_tag != DT_NEEDED)
			continue;
		sys(SYS_pread64, fd, library, sizeof library - 1, strings + entries[i].d_un.d_val);
		if (is_sanitizer(library))
			return true;
	}
	return false;
}

static bool elf_is_foreign(long fd, const Elf64_Ehdr *header, const char *path)
{
	char interpreter[256] = "";
	Elf64_Phdr s;

	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64)
		return true;
	for (unsigned i = 0; segment_read(fd, header, i, &s); i++) {
		if (s.p_type == PT_INTERP)
			sys(SYS_pread64, fd, interpreter, sizeof interpreter - 1, s.p_offset);
		if (s.p_type == PT_DYNAMIC && needs_sanitizer(fd, header, &s))
			return true;
	}
	/* without one: a loader that is called by its name */
	return loader_is_foreign(*interpreter ? interpreter : path);
}

/* "#! /bin/sh -e": the path, in place. NULL: no such line. */
static char *script_interpreter(char *text)
{
	char *path;

	if (strncmp(text, "#!", 2))
		return NULL;
	path = text + 2 + strspn(text + 2, " \t");
	path[strcspn(path, " \t\n")] = 0;
	return *path ? path : NULL;
}

/* Whose loader would not take us. What cannot be read is no such file: the exec will say what it is. */
static bool file_is_foreign(long fd, const char *path)
{
	union {
		Elf64_Ehdr elf;
		char text[256];
	} head;
	char interpreter[sizeof head.text];
	const char *next;

	for (unsigned scripts = 0; scripts <= SCRIPTS_MAX && fd >= 0; scripts++) {
		long n = sys(SYS_pread64, fd, head.text, sizeof head - 1, 0);

		head.text[n < 0 ? 0 : n] = 0;
		if (n >= (long)sizeof head.elf && !memcmp(head.text, ELFMAG, SELFMAG)) {
			bool foreign = elf_is_foreign(fd, &head.elf, path);

			sys(SYS_close, fd);
			return foreign;
		}
		sys(SYS_close, fd);
		next = script_interpreter(head.text);
		if (!next)
			return false;
		memcpy(interpreter, next, strlen(next) + 1);
		path = interpreter;
		fd = open_file(path);
	}
	if (fd >= 0)
		sys(SYS_close, fd);
	return false;
}

/* ---- both ------------------------------------------------------------------------------------------------------------------ */

static size_t copy_size(char *const *environment)
{
	size_t variables = 0, text = 0;

	for (; environment[variables]; variables++) {
		if (list_of(environment[variables]))
			text += strlen(environment[variables]) + 1;
	}
	return variables > ENVIRONMENT_MAX ? 0 : (variables + 1) * sizeof *environment + text;
}

size_t exec_image_size(const char *path, char *const *environment)
{
	const char *item;
	size_t length;

	if (!own_name || shim_sandboxed || !environment || !find_us(environment, &item, &length))
		return 0;
	if (reaches_us(item, length) && !file_is_foreign(open_file(path), path))
		return 0;
	return copy_size(environment);
}

/* LD_PRELOAD without us; *to is behind it then. NULL: nothing is left. */
static char *copy_variable(const char *variable, char **to)
{
	const char *at = list_of(variable), *item;
	char *copy = *to, *end = copy + sizeof VARIABLE - 1;
	size_t length;

	memcpy(copy, VARIABLE, sizeof VARIABLE - 1);
	while (item_next(&at, &item, &length)) {
		if (item_is_ours(item, length))
			continue;
		if (end != copy + sizeof VARIABLE - 1)
			*end++ = ':';
		memcpy(end, item, length);
		end += length;
	}
	if (end == copy + sizeof VARIABLE - 1)
		return NULL;
	*end++ = 0;
	*to = end;
	return copy;
}

char *const *exec_image_copy(void *memory, char *const *environment)
{
	char **copy = memory, *text;
	size_t variables = 0;

	while (environment[variables])
		variables++;
	text = (char *)(copy + variables + 1);
	for (; *environment; environment++) {
		*copy = list_of(*environment) ? copy_variable(*environment, &text) : *environment;
		copy += *copy != NULL;
	}
	*copy = NULL;
	return memory;
}

bool exec_image_search(const char *file, char *path, size_t size)
{
	const char *at = "/bin:/usr/bin";
	size_t name = strlen(file);

	for (char **variable = environ; variable && *variable; variable++) {
		if (!strncmp(*variable, "PATH=", 5)) {
			at = *variable + 5;
			break;
		}
	}
	for (size_t n = strcspn(at, ":");; at += n + 1, n = strcspn(at, ":")) {
		struct stat st;

		if (n + 1 + name < size) {
			memcpy(path, at, n);
			path[n] = '/';
			memcpy(path + n + (n != 0), file,
			       name + 1); /* an empty part: this folder */
			if (!sys(SYS_newfstatat, AT_FDCWD, path, &st, 0) && S_ISREG(st.st_mode) &&
			    !sys(SYS_faccessat, AT_FDCWD, path, X_OK))
				return true;
		}
		if (!at[n])
			return false;
	}
}
