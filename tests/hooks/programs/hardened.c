/*
 * hardened.c LIBRARY mdwe | strict | filter - a program that forbids itself things when it is hooked, and then loads and calls hooked functions:
 *
 *   mdwe     memory that was writable never becomes executable (PR_SET_MDWE), then a library by dlopen
 *   strict   read, write and exit only: any other system call of ours would end it
 *   filter   no memory becomes executable, no new mapping is; then a library by dlopen, which is mapped all the same
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(3);
}

static void live(void *library)
{
	void *(*make)(void) = (void *(*)(void))dlsym(library, "gadget_new");
	void (*ref)(void *) = (void (*)(void *))dlsym(library, "gadget_ref");
	int (*unref)(void *) = (int (*)(void *))dlsym(library, "gadget_unref");
	void *gadget = make();

	for (int i = 0; i < 1000; i++) {
		ref(gadget);
		unref(gadget);
	}
	say(unref(gadget) == 0 ? "lived\n" : "wrong count\n");
}

static int no_new_code(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";
	void *library = NULL;

	if (!strcmp(how, "mdwe") && prctl(PR_SET_MDWE, 1, 0, 0, 0))
		return 77;
	if (!strcmp(how, "filter") && no_new_code())
		return 77;
	library = dlopen(argv[1], RTLD_NOW);
	if (!library) {
		say(dlerror());
		return 1;
	}
	live(library);
	if (strcmp(how, "strict") != 0)
		return 0;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(77);
	live(library);
	syscall(SYS_exit, 0);
}
