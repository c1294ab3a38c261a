#!/usr/bin/env bash
# Full stacks in threads: one whose first allocation is made under libc's lock of the thread (it must not be asked for its stack
# there), user-made stacks, deep ones, many, cancelled ones; and the same after fork from a thread.
. "$(dirname "$0")/../lib.sh"
cat >"$TMP/t.c" <<'C'
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#define NO_TAIL __asm__ volatile("" ::: "memory")
#define NOINLINE __attribute__((noinline, noclone))
void *keep[8];
NOINLINE void keep_one(int n) { keep[n] = malloc(3000 + n); NO_TAIL; }
NOINLINE void down(int depth, int n)
{
	volatile char room[300];
	room[depth % 300] = 1;
	free(malloc(depth % 100 + 1));
	if (depth) down(depth - 1, n); else keep_one(n);
	NO_TAIL;
}
static void *asks_first(void *arg)
{
	pthread_attr_t a;
	if (pthread_getattr_np(pthread_self(), &a)) abort();
	pthread_attr_destroy(&a);
	down(2, 1);
	return arg;
}
static void *deep(void *arg) { down(20000, 2); return arg; }
static void *shallow(void *arg) { down(2, 3); return arg; }
static void *forks(void *arg)
{
	pid_t p = fork();
	if (p == 0) { down(50, 4); _exit(7); }
	int s = 0;
	waitpid(p, &s, 0);
	if (WEXITSTATUS(s) != 7) abort();
	return arg;
}
static void *is_cancelled(void *arg) { for (;;) { down(10, 5); pthread_testcancel(); } return arg; }
static sigjmp_buf out;
static void jump(int s) { siglongjmp(out, s); }
static void run(void *(*f)(void *), size_t size, void *stack, int cancel)
{
	pthread_attr_t a;
	pthread_t t;
	pthread_attr_init(&a);
	if (stack) pthread_attr_setstack(&a, stack, size); else if (size) pthread_attr_setstacksize(&a, size);
	if (pthread_create(&t, &a, f, NULL)) abort();
	pthread_attr_destroy(&a);
	if (cancel) { usleep(2000); pthread_cancel(t); }
	pthread_join(t, NULL);
}
int main(void)
{
	for (int i = 0; i < 20; i++) run(asks_first, 0, NULL, 0);
	run(deep, 64 << 20, NULL, 0);
	char *stack = mmap(NULL, 256 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	run(shallow, 256 << 10, stack, 0);
	munmap(stack, 256 << 10);
	for (int i = 0; i < 200; i++) run(shallow, 0, NULL, 0);
	run(forks, 0, NULL, 0);
	for (int i = 0; i < 20; i++) run(is_cancelled, 0, NULL, 1);
	/* an alarm that jumps out of allocations, and of walks */
	signal(SIGALRM, jump);
	for (volatile int i = 0; i < 50; i++) {
		if (sigsetjmp(out, 1)) continue;
		ualarm(500, 0);
		for (;;) { volatile char c = 0; (void)c; }
	}
	signal(SIGALRM, SIG_IGN);
	down(3, 6);
	printf("done %d\n", getpid());
	return 0;
}
C
gcc -O2 -g -D_GNU_SOURCE -pthread -o "$TMP/t" "$TMP/t.c" || { fail build; exit 1; }
for u in fast libunwind; do
	if [ $u = libunwind ] && ! ldconfig -p | grep -q 'libunwind\.so\.8'; then skip "$u" "libunwind.so.8 is not installed"; continue; fi
	rm -f "$TMP"/*.rgd
	out=$(LD_PRELOAD=$SHIM REFGRAPH_STACKS=full REFGRAPH_UNWINDER=$u REFGRAPH_ON_EXIT=1 REFGRAPH_DIR=$TMP REFGRAPH_DUMP=%e.%p.rgd \
		timeout -k 5 60 "$TMP/t" 2>&1)
	equal "$u-runs" "${out% *}" done
	dump=$TMP/t.${out#* }.rgd # not that of its child, whose number may be the smaller one
	for n in "3001 keep_one down down down asks_first start_thread clone3" "3003 keep_one down down down shallow start_thread clone3" \
		"3006 keep_one down down down down main __libc_start_call_main __libc_start_main@@GLIBC_2.34 _start"; do
		got=$("$REFGRAPH" show --where "size == ${n%% *} and type ~ keep_one" "$dump" | awk '
			/made by/ { on = 1; n = 0; sub(/made by/, "") }
			/^[^ ]/ || !/\+0x/ { on = 0 }
			on { sub(/^ */, ""); sub(/\+0x.*/, ""); f[++n] = $1 }
			END { for (i = 1; i <= n; i++) printf "%s%s", f[i], i < n ? " " : "" }')
		equal "$u-stack-${n%% *}" "$got" "${n#* }"
	done
done
exit $failed
