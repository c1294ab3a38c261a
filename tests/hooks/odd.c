/*
 * odd.c - the hook engine where things are not as usual: functions called in every way, libraries that come and go while threads run, programs
 * that patch themselves, memory that must not become executable. odd.sh builds it and says in which ways.
 *
 *   odd calls | loop LIBRARY | threads | wide | itself | hardened | forbidden
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

extern int odd_plain(int), odd_by_own_module(int), odd_alias(int), odd_weak(int), odd_ifunc(int),
	odd_tiny(int), odd_versioned(int), odd_wide(int), odd_call_wide(int);
extern int odd_call_plain(int), odd_call_tiny(int); /* of another library */
extern int (*const odd_pointer)(int);

static int failed;
static _Atomic unsigned long calls;

static void on_enter(struct hook_call *call)
{
	calls++;
}

static void check(const char *name, long got, long want)
{
	printf(got == want ? "ok odd: %s\n" : "not ok odd: %s: got %ld, want %ld\n", name, got,
	       want);
	failed |= got != want;
}

static void check_why(const char *name, const struct hook *hook, enum hook_way way, const char *why)
{
	bool right = hook->way == way && !strcmp(hook->why, why);

	printf(right ? "ok odd: %s\n" : "not ok odd: %s: way %d, \"%s\"\n", name, hook->way,
	       hook->why);
	failed |= !right;
}

static struct hook *hooked(const char *name)
{
	struct hook *hook = calloc(1, sizeof(*hook));

	hook->function = (uintptr_t)dlsym(RTLD_DEFAULT, name);
	hook->enter = on_enter;
	hook_install(&hook, 1);
	return hook;
}

/* ---- calls of every kind ---------------------------------------------------------------------------------------------------- */

static long seen(int (*function)(int), int a, int want)
{
	unsigned long before = calls;

	if (function(a) != want)
		return -1;
	return (long)(calls - before);
}

static void run_calls(void)
{
	struct hook *plain = hooked("odd_plain"), *alias = hooked("odd_alias"),
		    *ifunc = hooked("odd_ifunc"), *tiny = hooked("odd_tiny"),
		    *versioned = calloc(1, sizeof(*versioned));

	check_why("hooked", plain, HOOK_ENTRY, "");
	check_why("an alias shares it", alias, HOOK_ENTRY, "shares the hook of another name of it");
	check("a call from the program", seen(odd_call_plain, 1, 2), 1);
	check("a call inside the module", seen(odd_by_own_module, 1, 4), 1);
	check("a pointer in data", seen(odd_pointer, 1, 2), 1);
	check("an alias", seen(odd_alias, 1, 2), 1);
	check("a weak name", seen(odd_weak, 1, 2), 1);
	check("what dlsym gives", seen((int (*)(int))dlsym(RTLD_DEFAULT, "odd_plain"), 1, 2), 1);
	check_why("IFUNC: what dlsym gives is hooked", ifunc, HOOK_ENTRY, "");
	check("IFUNC: called", seen(odd_ifunc, 1, 8), 1);
	versioned->function = (uintptr_t)dlvsym(RTLD_DEFAULT, "odd_versioned", "ODD_1");
	versioned->enter = on_enter;
	hook_install(&versioned, 1);
	check("versions: the other is not seen", seen(odd_versioned, 1, 201), 0);
	check("versions: this one is", seen((int (*)(int))versioned->function, 1, 101), 1);
	check_why("no room: by the tables of imports", tiny, HOOK_GOT, "is shorter than the patch");
	check("no room: seen from the program", seen(odd_call_tiny, 1, 4), 1);
	check("no room: not by dlsym", seen((int (*)(int))dlsym(RTLD_DEFAULT, "odd_tiny"), 1, 4),
	      0);
	hook_remove((struct hook *[]){plain, ifunc, tiny, versioned}, 4);
	tiny->wants = 1;
	hook_install(&tiny, 1);
	check("no room: seen when it is given something", seen(odd_call_tiny, 1, 4), 1);
	check("no room: not when it is given nothing", seen(odd_call_tiny, 0, 3), 0);
	hook_remove(&tiny, 1);
	check("removed: entry", seen(odd_call_plain, 1, 2), 0);
	check("removed: IFUNC", seen(odd_ifunc, 1, 8), 0);
	check("removed: tables", seen(odd_call_tiny, 1, 4), 0);
}

/* ---- a library in a loop, threads running ------------------------------------------------------------------------------------ */

static _Atomic bool stop;
static void *hammer(void *unused)
{
	unsigned long wrong = 0;

	while (!stop)
		wrong += odd_plain(1) != 2;
	return (void *)wrong;
}

static struct hook fresh_hook, loader = {.enter = NULL};

/* _r_debug would be a copy in a program. */
static struct r_debug *debug(void)
{
	for (const ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_DEBUG)
			return (struct r_debug *)d->d_un.d_ptr;
	abort();
}

/* What find.c does, for one function. */
static void on_loader(struct hook_call *call)
{
	struct link_map *m = debug()->r_map;
	struct hook *list[] = {&fresh_hook};

	if (debug()->r_state != RT_CONSISTENT || fresh_hook.way)
		return;
	for (; m; m = m->l_next)
		if (strstr(m->l_name, "odd_fresh")) {
			struct image image;

			if (!image_find(&image, (uintptr_t)m->l_ld))
				return;
			for (size_t i = 1; i < image.nsymbols; i++)
				if (!strcmp(image.strings + image.symbols[i].st_name, "odd_plain"))
					fresh_hook.function =
						image.base + image.symbols[i].st_value;
			hook_install(list, 1);
		}
}

static void forget(struct link_map *map)
{
	struct image image;

	if (!map || !image_find(&image, (uintptr_t)map->l_ld))
		return;
	dlclose(map);
	hook_forget(image.low & ~4095ul, (image.high + 4095) & ~4095ul);
}

static void run_loop(const char *library)
{
	struct hook *list[] = {&loader}, *other = hooked("odd_plain");
	pthread_t threads[3];
	unsigned long wrong = 0, patched = 0;
	void *result;

	loader.function = (uintptr_t)debug()->r_brk;
	loader.enter = on_loader;
	check("the loader's notice can be hooked", (long)hook_install(list, 1), 1);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, hammer, NULL);
	for (int i = 0; i < 1000; i++) {
		struct link_map *map;
		int (*function)(int);
		unsigned long before;

		memset(&fresh_hook, 0, sizeof(fresh_hook));
		fresh_hook.enter = on_enter;
		map = dlopen(library, RTLD_NOW | RTLD_LOCAL);
		function = map ? (int (*)(int))dlsym(map, "odd_plain") : NULL;
		patched += fresh_hook.way == HOOK_ENTRY;
		before = calls;
		wrong += !function || function(1) != 2 || calls == before;
		forget(map);
	}
	stop = true;
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		wrong += (unsigned long)result;
	}
	check("each time it came it was hooked ahead of its first call", (long)patched, 1000);
	check("all calls right", (long)wrong, 0);
	hook_remove(&other, 1);
}

/* ---- hooks that come and go while threads run --------------------------------------------------------------------------------- */

static void run_threads(void)
{
	struct hook *hook = hooked("odd_plain"), *late;
	pthread_t threads[3];
	unsigned long wrong = 0, before;
	void *result;

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, hammer, NULL);
	while (calls < 10000)
		;
	hook_remove(&hook, 1);
	check_why("removed with threads inside", hook, HOOK_NOT, "was removed");
	usleep(1000); /* those in the slot come out */
	before = calls;
	for (int i = 0; i < 10000; i++)
		wrong += odd_plain(1) != 2;
	check("no call is seen any more", (long)(calls - before), 0);
	late = hooked("odd_plain");
	check_why("while threads run: by the tables", late, HOOK_GOT,
		  "other threads run, and may be in it");
	check("and seen", seen(odd_call_plain, 1, 2) > 0, 1);
	stop = true;
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		wrong += (unsigned long)result;
	}
	check("all results right", (long)wrong, 0);
}

static void *hammer_wide(void *unused)
{
	unsigned long wrong = 0;

	while (!stop)
		wrong += odd_call_wide(1) != 4;
	return (void *)wrong;
}

/* In and out while eight threads are at it. */
static void run_wide(void)
{
	pthread_t threads[8];
	unsigned long wrong = 0, patched = 0, unseen = 0, before;
	void *result;

	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, hammer_wide, NULL);
	for (int i = 0; i < 200; i++) {
		struct hook *hook = hooked("odd_wide");

		patched += hook->way == HOOK_ENTRY;
		before = calls;
		wrong += odd_call_wide(1) != 4;
		unseen += calls == before;
		hook_remove(&hook, 1);
	}
	stop = true;
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &result);
		wrong += (unsigned long)result;
	}
	before = calls;
	wrong += odd_call_wide(1) != 4;
	check("one instruction: in while threads run", (long)patched, 200);
	check("one instruction: seen each time", (long)unseen, 0);
	check("one instruction: out again", (long)(calls - before), 0);
	check("one instruction: all results right", (long)wrong, 0);
}

/* ---- a program that patches itself ------------------------------------------------------------------------------------------------ */

__attribute__((noinline, noipa, aligned(64))) static int patched_by_itself(int a)
{
	__asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop" : "+r"(a));
	return a;
}

static void run_itself(void)
{
	struct hook hook = {.function = (uintptr_t)patched_by_itself, .enter = on_enter},
		    *list[] = {&hook};
	uint8_t *code = (uint8_t *)patched_by_itself,
		*page = (uint8_t *)((uintptr_t)code & ~4095ul);
	static const uint8_t returns_42[] = {0xb8, 42, 0, 0, 0, 0xc3};

	hook_install(list, 1);
	check_why("hooked", &hook, HOOK_ENTRY, "");
	if (mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC)) {
		printf("skip odd: programs that patch themselves: not allowed here\n");
		return;
	}
	memcpy(code, returns_42, sizeof(returns_42));
	check("the program's own patch is in force", patched_by_itself(1), 42);
	hook_remove(list, 1);
	check("and stays", patched_by_itself(1), 42);
}

/* ---- no new executable memory -------------------------------------------------------------------------------------------------------- */

static void run_hardened(void)
{
	struct hook *hook;

	if (prctl(PR_SET_MDWE, 1, 0, 0, 0)) {
		printf("skip odd: PR_SET_MDWE: this kernel has none\n");
		return;
	}
	hook = hooked("odd_plain");
	check_why("PR_SET_MDWE: hooked", hook, HOOK_ENTRY, "");
	check("PR_SET_MDWE: seen", seen(odd_call_plain, 1, 2), 1);
	hook_remove(&hook, 1);
	check("PR_SET_MDWE: removed", seen(odd_call_plain, 1, 2), 0);
}

/* As systemd's MemoryDenyWriteExecute, and no memfd_create either. */
static void run_forbidden(void)
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
	struct hook *hook;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		printf("skip odd: seccomp: %s\n", strerror(errno));
		return;
	}
	hook = hooked("odd_plain");
	check_why("no executable memory: said", hook, HOOK_NOT,
		  "memory must not become executable here");
	check("no executable memory: as before", seen(odd_call_plain, 1, 2), 0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "calls"))
		run_calls();
	else if (!strcmp(what, "loop") && argc > 2)
		run_loop(argv[2]);
	else if (!strcmp(what, "threads"))
		run_threads();
	else if (!strcmp(what, "wide"))
		run_wide();
	else if (!strcmp(what, "itself"))
		run_itself();
	else if (!strcmp(what, "hardened"))
		run_hardened();
	else if (!strcmp(what, "forbidden"))
		run_forbidden();
	else
		return 2;
	return failed;
}
