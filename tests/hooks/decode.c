/*
 * decode.c - holds the hook engine's decoder against capstone: for the first 64 bytes of every exported function of the libraries named,
 * the length of each instruction, where it jumps, and what it reads relative to rip.
 *
 *   decode [-n STEP] [-w BYTES] LIBRARY...      every STEP-th function only; another number of bytes
 *
 * Prints what differs, at most ten of a kind, and one line of figures. Exit status 1 when anything does.
 */
#include <capstone/capstone.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../preload/hooks/decode.c"

static size_t first = 64;
static csh handle;
static cs_insn *theirs;
static unsigned long libraries, functions, instructions, differ, refused, unknown_to_them;

static void say(const char *what, const char *library, uint64_t at, const uint8_t *code, size_t n)
{
	static unsigned long said;

	if (said++ >= 10)
		return;
	printf("# %s: %s %#lx:", what, library, at);
	for (size_t i = 0; i < n && i < 12; i++)
		printf(" %02x", code[i]);
	printf("\n");
}

static bool in_group(unsigned which)
{
	return cs_insn_group(handle, theirs, which);
}

static bool same_flow(const struct insn *ours)
{
	const cs_x86 *x = &theirs->detail->x86;
	bool immediate = x->op_count && x->operands[x->op_count - 1].type == X86_OP_IMM;

	switch (ours->flow) {
	case FLOW_BRANCH:
	case FLOW_LOOP:
	case FLOW_JUMP:
		return in_group(CS_GRP_JUMP) && immediate &&
		       (uint64_t)x->operands[0].imm == ours->target &&
		       (theirs->id == X86_INS_JMP) == (ours->flow == FLOW_JUMP);
	case FLOW_CALL:
		return theirs->id == X86_INS_CALL && immediate &&
		       (uint64_t)x->operands[0].imm == ours->target;
	case FLOW_JUMP_INDIRECT:
		return (theirs->id == X86_INS_JMP || theirs->id == X86_INS_LJMP) && !immediate;
	case FLOW_CALL_INDIRECT:
		return (theirs->id == X86_INS_CALL || theirs->id == X86_INS_LCALL) && !immediate;
	case FLOW_RETURN:
		return in_group(CS_GRP_RET) || in_group(CS_GRP_IRET);
	case FLOW_STOP:
		return theirs->id == X86_INS_UD2 || theirs->id == X86_INS_INT3 ||
		       theirs->id == X86_INS_HLT || theirs->id == X86_INS_UD2B;
	case FLOW_KERNEL:
		return theirs->id == X86_INS_SYSCALL || in_group(CS_GRP_INT) ||
		       theirs->id == X86_INS_SYSENTER;
	default:
		return !in_group(CS_GRP_JUMP) && !in_group(CS_GRP_CALL) && !in_group(CS_GRP_RET);
	}
}

static bool same_memory(const struct insn *ours)
{
	const cs_x86 *x = &theirs->detail->x86;

	for (unsigned i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM && x->operands[i].mem.base == X86_REG_RIP)
			return ours->rip_relative &&
			       ours->target == theirs->address + theirs->size +
						       (uint64_t)x->operands[i].mem.disp &&
			       ours->relative_at == x->encoding.disp_offset;
	return !ours->rip_relative || x->op_count == 0 || theirs->id == X86_INS_NOP;
}

static void compare(const char *library, const uint8_t *code, size_t size, uint64_t address)
{
	for (size_t at = 0; at < size;) {
		const uint8_t *here = code + at;
		size_t left = size - at;
		uint64_t pc = address + at;
		struct insn ours;
		bool known = decode(here, left, pc, &ours), they;
		const uint8_t *end = here;

		they = cs_disasm_iter(handle, &end, &left, &pc, theirs);
		if (!known && !they)
			return; /* the end of what was given, mostly */
		instructions++;
		if (!known) {
			/* the last instruction may reach beyond the 64 bytes; theirs must agree then */
			refused++;
			say("refused", library, address + at, here, theirs->size);
			return;
		}
		if (!they) {
			unknown_to_them++;
			return;
		}
		if (ours.length != theirs->size || !same_flow(&ours) || !same_memory(&ours)) {
			differ++;
			say("differs", library, address + at, here, theirs->size);
			return;
		}
		at += ours.length;
	}
}

static const void *by_address(const uint8_t *file, uint64_t address, uint64_t *left)
{
	const Elf64_Ehdr *h = (const void *)file;
	const Elf64_Phdr *p = (const void *)(file + h->e_phoff);

	for (unsigned i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && address - p[i].p_vaddr < p[i].p_filesz) {
			*left = p[i].p_filesz - (address - p[i].p_vaddr);
			return file + p[i].p_offset + (address - p[i].p_vaddr);
		}
	return NULL;
}

static void one_library(const char *path, const uint8_t *file, unsigned step)
{
	const Elf64_Ehdr *h = (const void *)file;
	const Elf64_Shdr *s = (const void *)(file + h->e_shoff);
	unsigned long n = 0;

	for (unsigned i = 0; i < h->e_shnum; i++) {
		const Elf64_Sym *symbols = (const void *)(file + s[i].sh_offset);

		if (s[i].sh_type != SHT_DYNSYM)
			continue;
		for (size_t k = 0; k < s[i].sh_size / sizeof(*symbols); k++) {
			uint64_t left;
			const uint8_t *code;

			if (ELF64_ST_TYPE(symbols[k].st_info) != STT_FUNC || !symbols[k].st_value ||
			    n++ % step)
				continue;
			code = by_address(file, symbols[k].st_value, &left);
			if (!code)
				continue;
			if (symbols[k].st_size && symbols[k].st_size < left)
				left = symbols[k].st_size; /* data may lie behind it */
			functions++;
			compare(path, code, left < first ? left : first, symbols[k].st_value);
		}
	}
	libraries++;
}

int main(int argc, char **argv)
{
	unsigned step = 1;
	int at = 1;

	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (argv[at][1] == 'n')
			step = (unsigned)atoi(argv[at + 1]);
		else
			first = (size_t)atol(argv[at + 1]);
	}
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return 3;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	theirs = cs_malloc(handle);
	for (; at < argc; at++) {
		int fd = open(argv[at], O_RDONLY | O_CLOEXEC);
		struct stat st;
		const uint8_t *file;

		if (fd < 0 || fstat(fd, &st))
			continue;
		file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
		if (file == MAP_FAILED)
			continue;
		if (st.st_size > 64 && !memcmp(file, ELFMAG, SELFMAG) &&
		    file[EI_CLASS] == ELFCLASS64 &&
		    ((const Elf64_Ehdr *)file)->e_machine == EM_X86_64)
			one_library(argv[at], file, step);
		munmap((void *)file, (size_t)st.st_size);
	}
	printf("libraries %lu functions %lu instructions %lu differ %lu refused %lu "
	       "unknown-to-capstone %lu\n",
	       libraries, functions, instructions, differ, refused, unknown_to_them);
	return differ != 0;
}
