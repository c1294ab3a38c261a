#!/usr/bin/env bash
# The loader: libraries that come and go, constructors before us, static TLS, other allocators beside us, a program with its own
# malloc, or with none of libc's.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/attack.sh"

cat >"$TMP/plug.c" <<'END'
#include <stdlib.h>
#include <string.h>
static void *kept;
__thread char tls[TLS_SIZE];
__attribute__((constructor)) static void up(void) { kept = malloc(100); }
__attribute__((destructor)) static void down(void) { free(kept); }
void *plug(int n) { char *p = malloc(n + 1); memset(p, 1, n); tls[n % sizeof tls] = 1; return p; }
END
for i in 1 2 3; do gcc -shared -fPIC -O1 -DTLS_SIZE=$((i * 100)) -o "$TMP/plug$i.so" "$TMP/plug.c" -Wl,--build-id; done
gcc -shared -fPIC -O1 -DTLS_SIZE=1024 -ftls-model=initial-exec -o "$TMP/plug_ie.so" "$TMP/plug.c"

cat >"$TMP/loops.c" <<'END'
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static _Atomic int stop;
static _Atomic long calls;
static int count(struct dl_phdr_info *i, size_t s, void *d) { void *p = malloc(i->dlpi_phnum + 1); free(p); ++*(int *)d; return 0; }
static void *looper(void *arg)
{
	char path[400];
	for (int i = 0; i < 400; i++) {
		snprintf(path, sizeof path, "%s/plug%d.so", (char *)arg, i % 3 + 1);
		void *h = dlopen(path, i % 2 ? RTLD_NOW : RTLD_LAZY | RTLD_GLOBAL);
		void *(*f)(int) = h ? (void *(*)(int))dlsym(h, "plug") : NULL;
		if (!f) { puts(dlerror()); exit(1); }
		for (int k = 0; k < 50; k++) free(f(k));
		if (dlopen("/nonexistent.so", RTLD_NOW)) exit(2);
		free(malloc(dlerror() ? 10 : 20));
		dlclose(h);
		calls++;
	}
	return NULL;
}
static void *walker(void *arg)
{
	while (!stop) { int n = 0; dl_iterate_phdr(count, &n); if (n < 3) exit(3); }
	return NULL;
}
int main(int argc, char **argv)
{
	pthread_t t[3];
	pthread_create(&t[0], NULL, looper, argv[1]);
	pthread_create(&t[1], NULL, looper, argv[1]);
	pthread_create(&t[2], NULL, walker, NULL);
	pthread_join(t[0], NULL); pthread_join(t[1], NULL);
	stop = 1;
	pthread_join(t[2], NULL);
	printf("%ld\n", calls);
	char path[400];
	snprintf(path, sizeof path, "%s/plug_ie.so", argv[1]); /* needs static TLS, of which there is little */
	void *h = dlopen(path, RTLD_NOW);
	puts(h ? "static TLS" : dlerror());
	void *ns = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW); /* a second libc, with its own malloc */
	puts(ns ? "namespace" : dlerror());
	double (*f)(double) = ns ? (double (*)(double))dlsym(ns, "cos") : NULL;
	if (f) printf("%.1f\n", f(0));
	return 0;
}
END
gcc -O1 -w -D_GNU_SOURCE -o "$TMP/loops" "$TMP/loops.c" -lpthread -ldl && attack "attack: libraries come and go" 1 "$TMP/loops" "$TMP"

cat >"$TMP/early.c" <<'END'
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
static char *early;
__attribute__((constructor(101))) static void up(void) { early = strdup("constructor"); free(malloc(10)); }
char *early_text(void) { return early; }
void early_free(void) { free(early); early = NULL; }
__attribute__((destructor)) static void down(void) { free(early); puts("down"); }
END
cat >"$TMP/main.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
char *early_text(void); void early_free(void);
static void *pre;
static void preinit(int c, char **v, char **e) { pre = malloc(500); }
__attribute__((section(".preinit_array"), used)) static void (*p)(int, char **, char **) = preinit;
__thread char big[1 << 20];
int main(void)
{
	big[100000] = 1;
	pre = realloc(pre, 1000000);
	puts(early_text());
	for (int i = 0; i < 300; i++) { free(malloc(i)); usleep(1000); }
	free(pre);
	early_free();
	return 0;
}
END
gcc -shared -fPIC -O1 -w -o "$TMP/libearly.so" "$TMP/early.c"
gcc -O1 -w -o "$TMP/early" "$TMP/main.c" -L"$TMP" -learly -Wl,-rpath,"$TMP" && attack "attack: allocation before our constructor, 1 MiB of TLS" 1 "$TMP/early"
preload_before=$TMP/libearly.so; attack "attack: another preload before us" 1 "$TMP/early"
preload_before= preload_after=$TMP/libearly.so; attack "attack: another preload behind us" 1 "$TMP/early"
preload_after=

# a program whose own malloc comes before everybody's
cat >"$TMP/own.c" <<'END'
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static char heap[64 << 20] __attribute__((aligned(16)));
static _Atomic size_t used;
static _Atomic long frees;
void *malloc(size_t n) { size_t at = __atomic_fetch_add(&used, ((n + 15) & ~15ul) + 16, 5); if (at + n + 16 > sizeof heap) { errno = ENOMEM; return NULL; } *(size_t *)(heap + at) = n; return heap + at + 16; }
void free(void *p) { if (p) { if ((char *)p < heap || (char *)p > heap + sizeof heap) { write(2, "foreign block\n", 14); _exit(50); } frees++; } }
void *calloc(size_t a, size_t b) { return malloc(a * b); }
void *realloc(void *p, size_t n) { void *q = malloc(n); if (p && q) { size_t o = ((size_t *)p)[-2]; memcpy(q, p, o < n ? o : n); } free(p); return q; }
int main(void)
{
	for (int i = 0; i < 500; i++) { free(strdup("own")); char *p = malloc(10); p = realloc(p, 20); free(p); usleep(1000); }
	FILE *f = fopen("/dev/null", "r"); fclose(f);
	printf("%d\n", frees > 1000);
	return 0;
}
END
gcc -O1 -w -rdynamic -o "$TMP/own" "$TMP/own.c" && attack "attack: the program's own malloc" 0 "$TMP/own"
gcc -O1 -w -o "$TMP/own2" "$TMP/own.c" -Wl,--exclude-libs,ALL -fvisibility=hidden && attack "attack: the program's own malloc, hidden" 0 "$TMP/own2"

# GCL's way (maxima, axiom): its malloc gives from the end of the program before main(), and its free knows nothing yet
cat >"$TMP/unborn.c" <<'END'
#include <stddef.h>
#include <string.h>
#include <unistd.h>
static char heap[1 << 20] __attribute__((aligned(16)));
static size_t used;
static int born;
void *malloc(size_t n) { void *p = heap + used; used += (n + 15) & ~15ul; return p; }
void free(void *p) { if (p && !born) { write(2, "too early\n", 10); _exit(51); } }
void *calloc(size_t a, size_t b) { return malloc(a * b); }
void *realloc(void *p, size_t n) { void *q = malloc(n); if (p) memcpy(q, p, n); return q; }
int main(void) { born = 1; write(1, "born\n", 5); return 0; }
END
gcc -O1 -w -rdynamic -o "$TMP/unborn" "$TMP/unborn.c" && for rules in none all; do
	shim_env=(REFGRAPH_RULES=$rules)
	attack "attack: an allocator that is none before main, rules $rules" 0 "$TMP/unborn"
done
shim_env=()
gcc -O1 -w -static -o "$TMP/static" "$TMP/own.c" 2>/dev/null && attack "attack: a static program" 0 "$TMP/static"
gcc -O1 -w -static-pie -o "$TMP/staticpie" "$TMP/own.c" 2>/dev/null && attack "attack: a static PIE" 0 "$TMP/staticpie"

# other allocators
build churn && build errnos && build forks
for lib in libjemalloc.so.2 libtcmalloc_minimal.so.4 libtcmalloc.so.4 libmimalloc.so.2 libmimalloc.so.2.0; do
	so=$(ls /usr/lib/*/"$lib" 2>/dev/null | head -1)
	[ -n "$so" ] || continue
	for program in churn forks; do
		preload_after=$so; attack "attack: $program with $lib behind us" 1 "$TMP/$program"
		preload_after= preload_before=$so; attack "attack: $program with $lib before us" 1 "$TMP/$program"
		preload_before=
	done
	gcc -O1 -w -o "$TMP/linked" "$ROOT/tests/shim/attack/churn.c" "$so" -lpthread && attack "attack: churn linked with $lib" 1 "$TMP/linked"
done
exit $failed
