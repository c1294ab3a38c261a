#!/usr/bin/env bash
# Thread-local variables of a library that came by dlopen: ld.so gets them from malloc when a thread first asks. What they hold is not lost,
# in no thread, and has their names; the library's own name is found from another folder though the program said "./".
. "$(dirname "$0")/../sample.sh"
cat >plugin.c <<-'END2'
	#include <stdlib.h>
	static __thread char *held;
	static __thread struct { char *text; char *other[3]; } state;
	__thread char *over __attribute__((aligned(64)));
	static __thread char *lost;
	void keep(int add) {
		lost = malloc(140 + add);
		lost = NULL;
		held = malloc(100 + add); state.other[2] = malloc(110 + add); over = malloc(120 + add);
	}
END2
cat >host.c <<-'END2'
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <pthread.h>
	#include <semaphore.h>
	#include <unistd.h>
	static void (*keep)(int);
	static sem_t kept;
	static void *thread(void *unused) { keep(1); sem_post(&kept); pause(); return unused; }
	int main(void) {
		pthread_t t;
		void *plugin = dlopen("./plugin.so", RTLD_NOW);
		if (!plugin) return 1;
		keep = (void (*)(int))dlsym(plugin, "keep");
		keep(0);
		sem_init(&kept, 0, 0);
		pthread_create(&t, 0, thread, 0);
		pthread_setname_np(t, "other");
		sem_wait(&kept);
		return 0;
	}
END2
gcc -g -O0 -shared -fPIC -o plugin.so plugin.c && gcc -g -O0 -pthread -o host host.c || { fail "compiles"; exit 1; }
"$REFGRAPH" run --on-exit --stacks exact --dir "$TMP" --dump x.rgd -- ./host || fail "runs"
cd /
# Records of what plugin.c allocated: kind and bytes.
records() { rg leaks --json --show-leak-kinds definite,possible,reachable --limit 0 "$@" "$TMP/x.rgd" | grep '"site":"keep+' | sed -nE 's/.*"kind":"(\w+)","bytes":([0-9]+).*/\1 \2/p' | sort | tr '\n' ';'; }
equal "what thread-local variables hold is reachable" "$(records --no-default-suppressions | sed -E 's/\w+ 14[01];//g')" \
	"reachable 100;reachable 101;reachable 110;reachable 111;reachable 120;reachable 121;"
contains "what they held no more is lost" "$(records)" "definite 140;"
roots() { rg roots -u native --json --limit 0 "$TMP/x.rgd" | sed -nE 's/.*"root":"thread-local storage of thread [0-9]+ \((\w+)\): ([^"]+)".*"size":([0-9]+).*/\1 \2 \3/p' | sort; }
equal "by the variable's name, in each thread" "$(roots | tr '\n' ';')" \
	"host held in plugin.so 100;host over in plugin.so 120;host state.other[2] in plugin.so 110;other held in plugin.so 101;other over in plugin.so 121;other state.other[2] in plugin.so 111;"
equal "the vector of each thread is none of the lost" "$(rg leaks --json --no-default-suppressions --limit 0 "$TMP/x.rgd" | grep -c 'allocate_dtv\|tls_get_addr')" 0
exit $failed
