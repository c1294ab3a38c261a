#include "control/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_INTERPRETERS 4 /* as the kernel: a script may name a script */
#define MAX_HEADERS 128
#define MAX_NOTES 65536

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#elif defined(__riscv)
#define OUR_MACHINE EM_RISCV
#else
#define OUR_MACHINE EM_NONE
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_DATA ELFDATA2LSB
#else
#define OUR_DATA ELFDATA2MSB
#endif

/* Finding --------------------------------------------------------------------------------------------------------- */

static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOTDIR ? ENOENT : errno;
	if (S_ISDIR(st.st_mode) || access(path, X_OK) < 0)
		return EACCES;
	return 0;
}

/* As execvp: a name with a slash is a path; else the folders of PATH, where a forbidden file is remembered. */
static int find(const char *program, char path[PATH_MAX])
{
	const char *list = getenv("PATH");
	int error = ENOENT;

	if (!program[0])
		return ENOENT;
	if (strchr(program, '/')) {
		if (snprintf(path, PATH_MAX, "%s", program) >= PATH_MAX)
			return ENAMETOOLONG;
		return executable(path);
	}
	for (list = list ? list : "/bin:/usr/bin";; list++) {
		int length = (int)strcspn(list, ":");
		if (snprintf(path, PATH_MAX, "%.*s%s%s", length, list, length ? "/" : "", program) <
		    PATH_MAX) {
			int result = executable(path);
			if (result == 0)
				return 0;
			if (result == EACCES)
				error = EACCES;
		}
		list += length;
		if (!*list)
			break;
	}
	snprintf(path, PATH_MAX, "%s", program);
	return error;
}

/* Privileges ------------------------------------------------------------------------------------------------------ */

static bool gains_privileges(int fd, const struct stat *st, const char **what)
{
	struct statvfs fs;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
	    (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID)))
		return false;
	if ((st->st_mode & S_ISUID) && st->st_uid != getuid())
		*what = "set-uid";
	else if ((st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		 st->st_gid != getgid())
		*what = "set-gid";
	else if (getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		*what = "given file capabilities";
	else
		return false;
	return true;
}

/* ELF --------------------------------------------------------------------------------------------------------------- */

struct elf_facts {
	Elf64_Ehdr header;
	char interpreter[256]; /* "" = none */
	char sanitizer[32];    /* its library; "" = none */
	bool go;
};

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {{EM_386, "i386"},	      {EM_X86_64, "x86-64"}, {EM_ARM, "ARM"},
		     {EM_AARCH64, "AArch64"}, {EM_RISCV, "RISC-V"},  {EM_PPC64, "PowerPC"},
		     {EM_S390, "s390"},	      {EM_MIPS, "MIPS"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "another architecture";
}

/* The Go linker marks what it makes with a note of the owner "Go". */
static bool has_go_note(int fd, const Elf64_Phdr *segment)
{
	static _Alignas(8) char notes[MAX_NOTES];
	size_t size = segment->p_filesz < sizeof(notes) ? segment->p_filesz : sizeof(notes);
	ssize_t got = pread(fd, notes, size, (off_t)segment->p_offset);

	for (size_t at = 0; got > 0 && at + sizeof(Elf64_Nhdr) <= (size_t)got;) {
		const Elf64_Nhdr *note = (const Elf64_Nhdr *)(notes + at);
		size_t name = at + sizeof(*note);
		if (note->n_namesz > MAX_NOTES || note->n_descsz > MAX_NOTES)
			return false;
		if (note->n_namesz >= 3 && name + 3 <= (size_t)got &&
		    memcmp(notes + name, "Go", 3) == 0)
			return true;
		at = name + ((note->n_namesz + 3) & ~3ul) + ((note->n_descsz + 3) & ~3ul);
	}
	return false;
}

/* Where in the file this address lies; 0: nowhere. */
static uint64_t file_offset(int fd, const Elf64_Ehdr *header, uint64_t address)
{
	for (unsigned i = 0; i < header->e_phnum && i < MAX_HEADERS; i++) {
		Elf64_Phdr s;

		if (pread(fd, &s, sizeof(s),
			  (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize)) !=
		    (ssize_t)sizeof(s))
			return 0;
		if (s.p_type == PT_LOAD && address - s.p_vaddr < s.p_filesz)
			return s.p_offset + (address - s.p_vaddr);
	}
	return 0;
}

/* Libraries that must stand before all others, among those that the program is linked with. */
static void find_sanitizer(int fd, const Elf64_Ehdr *header, const Elf64_Phdr *dynamic, char *name,
			   size_t size)
{
	static const char *const sanitizers[] = {"libasan.so", "libtsan.so", "liblsan.so",
						 "libhwasan.so"};
	Elf64_Dyn entries[128];
	ssize_t got = pread(fd, entries, sizeof(entries), (off_t)dynamic->p_offset);
	size_t n = got > 0 ? (size_t)got / sizeof(*entries) : 0;
	uint64_t strings = 0;

	for (size_t i = 0; i < n && entries[i].d_tag != DT_NULL; i++)
		if (entries[i].d_tag == DT_STRTAB)
			strings = file_offset(fd, header, entries[i].d_un.d_ptr);
	for (size_t i = 0; i < n && strings && entries[i].d_tag != DT_NULL; i++) {
		char library[32] = "";

		if (entries[i].d_tag != DT_NEEDED ||
		    pread(fd, library, sizeof(library) - 1,
			  (off_t)(strings + entries[i].d_un.d_val)) <= 0)
			continue;
		for (size_t k = 0; k < sizeof(sanitizers) / sizeof(*sanitizers); k++)
			if (strncmp(library, sanitizers[k], strlen(sanitizers[k])) == 0)
				snprintf(name, size, "%s", library);
	}
}

static bool read_facts(int fd, struct elf_facts *facts)
{
	const Elf64_Ehdr *header = &facts->header;

	for (unsigned i = 0; i < header->e_phnum && i < MAX_HEADERS; i++) {
		Elf64_Phdr segment;
		if (pread(fd, &segment, sizeof(segment),
			  (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize)) !=
		    (ssize_t)sizeof(segment))
			return false;
		if (segment.p_type == PT_INTERP && segment.p_filesz < sizeof(facts->interpreter)) {
			ssize_t n = pread(fd, facts->interpreter, segment.p_filesz,
					  (off_t)segment.p_offset);
			facts->interpreter[n > 0 ? n : 0] = 0;
		} else if (segment.p_type == PT_DYNAMIC) {
			find_sanitizer(fd, header, &segment, facts->sanitizer,
				       sizeof(facts->sanitizer));
		} else if (segment.p_type == PT_NOTE) {
			facts->go = facts->go || has_go_note(fd, &segment);
		}
	}
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_glibc_loader(const char *path)
{
	const char *name = base_name(path);

	return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld64.so", 7) == 0 ||
	       strncmp(name, "ld.so", 5) == 0 || strncmp(name, "ld-2.", 5) == 0;
}

/* Writes the reason against an ELF file, or leaves it empty. `header` holds at least the identification. */
static void judge_elf(int fd, const char *path, const Elf64_Ehdr *header, size_t got, char *reason,
		      size_t size)
{
	struct elf_facts facts = {.header = *header};

	if (header->e_ident[EI_CLASS] != ELFCLASS64) {
		snprintf(reason, size, "it is a 32-bit program");
		return;
	}
	if (got < sizeof(*header))
		return;
	if (header->e_ident[EI_DATA] != OUR_DATA || header->e_machine != OUR_MACHINE) {
		snprintf(reason, size, "it is a program for %s", machine_name(header->e_machine));
		return;
	}
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !read_facts(fd, &facts))
		return;
	if (facts.go)
		snprintf(reason, size,
			 "it is a %sGo program, whose runtime manages its memory alone",
			 facts.interpreter[0] ? "" : "static ");
	else if (!facts.interpreter[0] && !is_glibc_loader(path))
		snprintf(reason, size, "it is statically linked");
	else if (facts.sanitizer[0])
		snprintf(reason, size, "it is built with a sanitizer (%s), which must come first",
			 facts.sanitizer);
	else if (strstr(facts.interpreter, "ld-musl"))
		snprintf(reason, size, "it uses the musl libc, not glibc");
	else if (facts.interpreter[0] && !is_glibc_loader(facts.interpreter))
		snprintf(reason, size, "its loader is %.150s, not glibc's", facts.interpreter);
}

/* Scripts ----------------------------------------------------------------------------------------------------------- */

/* "#!/usr/bin/env -S VAR=x python3": the word that env will look for in PATH; NULL when there is none. */
static char *env_program(char *words)
{
	char *state;

	for (char *word = strtok_r(words, " \t", &state); word;
	     word = strtok_r(NULL, " \t", &state))
		if (word[0] != '-' && !strchr(word, '='))
			return word;
	return NULL;
}

/* Puts the interpreter's path into `path`. False when there is none that we could find. */
static bool next_interpreter(char *line, char path[PATH_MAX])
{
	char *start = line + strspn(line, " \t");
	char *end = start + strcspn(start, " \t");
	char *rest = *end ? end + 1 : end;
	char *program;

	*end = 0;
	if (!start[0] || strlen(start) >= PATH_MAX)
		return false;
	memmove(path, start, strlen(start) + 1);
	if (strcmp(base_name(path), "env") != 0)
		return true;
	program = env_program(rest);
	return program && find(program, path) == 0;
}

/* One file of the chain. True when `path` was replaced by its interpreter. */
static bool inspect_file(char path[PATH_MAX], bool *is_elf, char *reason, size_t size)
{
	union {
		Elf64_Ehdr header;
		char text[512];
	} start = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	const char *what;
	ssize_t got;
	bool again = false;

	*is_elf = true; /* as far as is known */
	if (fd < 0)
		return false;
	got = read(fd, start.text, sizeof(start.text) - 1);
	*is_elf = got >= EI_NIDENT && memcmp(start.text, ELFMAG, SELFMAG) == 0;
	if (*is_elf) {
		if (fstat(fd, &st) == 0 && gains_privileges(fd, &st, &what))
			snprintf(reason, size,
				 "it is %s, and the loader preloads nothing into such programs",
				 what);
		else
			judge_elf(fd, path, &start.header, (size_t)got, reason, size);
	} else if (got > 2 && start.text[0] == '#' && start.text[1] == '!') {
		start.text[2 + strcspn(start.text + 2, "\n")] = 0;
		again = next_interpreter(start.text + 2, path);
	} else if (got >= 0) {
		again = strcmp(path, "/bin/sh") != 0; /* execvp hands such files to the shell */
		snprintf(path, PATH_MAX, "/bin/sh");
	}
	close(fd);
	return again;
}

void target_inspect(const char *program, struct target *target)
{
	char path[PATH_MAX], reason[256] = "";
	bool is_elf;

	*target = (struct target){0};
	target->error = find(program, target->path);
	if (target->error)
		return;
	memcpy(path, target->path, sizeof(path));
	for (int i = 0; i < MAX_INTERPRETERS; i++) {
		bool more = inspect_file(path, &is_elf, reason, sizeof(reason));
		if (i == 0)
			target->is_elf = is_elf;
		if (!more)
			break;
	}
	if (reason[0] && strcmp(path, target->path) != 0)
		snprintf(target->reason, sizeof(target->reason), "its interpreter %.200s: %s", path,
			 reason);
	else
		memcpy(target->reason, reason, sizeof(reason));
}

bool target_is_shim(const char *path, char *reason, unsigned size)
{
	Elf64_Ehdr header;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t got = fd < 0 ? -1 : read(fd, &header, sizeof(header));

	if (fd < 0) {
		snprintf(reason, size, "%s", strerror(errno));
		return false;
	}
	close(fd);
	if (got == (ssize_t)sizeof(header) && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
	    header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == OUR_DATA &&
	    header.e_machine == OUR_MACHINE && header.e_type == ET_DYN)
		return true;
	snprintf(reason, size, "not a shared object for this machine");
	return false;
}
