#!/usr/bin/env bash
# Libraries that come and go: found as without us (RUNPATH, $ORIGIN, namespaces), named in the dump, their frames theirs for ever.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/track.sh"

# a plug-in folder that only the RUNPATH of the calling library knows
mkdir "$TMP/sub"
cat >"$TMP/inner.c" <<'C'
#include <stdlib.h>
void *kept;
int inner(void) { kept = malloc(100011); return 42; }
C
cat >"$TMP/outer.c" <<'C'
#include <dlfcn.h>
#include <stdio.h>
int outer(void)
{
	void *h = dlopen("libinner_by_runpath.so", RTLD_NOW);
	int (*f)(void) = h ? (int (*)(void))dlsym(h, "inner") : NULL;
	if (!f)
		puts(dlerror());
	return f ? f() : -1;
}
C
cat >"$TMP/main.c" <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *h = dlopen(argv[1], RTLD_NOW), *ns;
	int (*f)(void) = h ? (int (*)(void))dlsym(h, "outer") : NULL;
	printf("%d\n", f ? f() : -2);
	if (dlopen("libinner_by_runpath.so", RTLD_NOW | RTLD_NOLOAD)) /* not by this program's path: but by its name, it is loaded */
		puts("loaded");
	puts(dlopen("no-such-library.so", RTLD_NOW) ? "?" : dlerror());
	puts(dlerror() ? "?" : "no error left");
	ns = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
	f = ns ? (int (*)(void))dlsym(ns, "outer") : NULL;
	printf("%d\n", f ? f() : -3);
	return 0;
}
C
gcc -shared -fPIC -O1 -g -w -Wl,--build-id -o "$TMP/sub/libinner_by_runpath.so" "$TMP/inner.c" &&
	gcc -shared -fPIC -O1 -g -w -Wl,--enable-new-dtags -Wl,-rpath,'$ORIGIN/sub' -o "$TMP/libouter.so" "$TMP/outer.c" &&
	gcc -D_GNU_SOURCE -O1 -g -w -o "$TMP/main" "$TMP/main.c" || exit 1
"$TMP/main" "$TMP/libouter.so" >"$TMP/plain"
contains "loader: the case is one" "$(cat "$TMP/plain")" 42
tracked "$TMP/main" "$TMP/libouter.so" >"$TMP/out"
equal "loader: RUNPATH of the caller, errors, namespaces as without us" "$(cat "$TMP/out")" "$(cat "$TMP/plain")"
equal "loader: a block of a library that came late" "$(blocks 100000)" "100011 inner"
equal "loader: nothing lost, nothing unknown" "$(losses)" ""

# two libraries, one after the other at the same address, each keeps a block
for i in 1 2; do
	cat >"$TMP/plug.c" <<C
#include <stdlib.h>
extern void *kept[];
void plug_$i(void) { kept[$i] = malloc(10002$i); }
void plug(void) { plug_$i(); }
C
	gcc -shared -fPIC -O0 -g -w -Wl,--build-id -o "$TMP/libplug$i.so" "$TMP/plug.c" || exit 1
done
cat >"$TMP/turns.c" <<'C'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
void *kept[3];
int main(int argc, char **argv)
{
	void *addresses[3];
	for (int i = 1; i < 3; i++) {
		void *h = dlopen(argv[i], RTLD_NOW);
		void (*plug)(void) = (void (*)(void))dlsym(h, "plug");
		plug();
		addresses[i] = (void *)plug;
		if (dlclose(h))
			return 1;
	}
	puts(addresses[1] == addresses[2] ? "same" : "different");
	return 0;
}
C
gcc -rdynamic -O1 -g -w -o "$TMP/turns" "$TMP/turns.c" || exit 1
for stacks in caller full; do
	where=$(tracked REFGRAPH_STACKS=$stacks "$TMP/turns" "$TMP/libplug1.so" "$TMP/libplug2.so")
	[ "$where" = same ] || { skip "loader: code in the place of other code, $stacks" "the libraries lay apart"; continue; }
	equal "loader: code in the place of other code, $stacks" "$(blocks 100000)" "100021 plug_1
100022 plug_2"
done
equal "loader: both modules are kept, gone" "$(python3 - "$ROOT" "$TMP/tracked.rgd" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
d = rgd.Dump(sys.argv[2])
names = d.rows("STRINGS")
for m in d.rows("MODULES"):
    path = names[m[0]][0].decode()
    if "plug" in path:
        print(path.split("/")[-1], len(names[m[1]][0]), m[6] > 0)
PY
)" "libplug1.so 40 True
libplug2.so 40 True"

# a plug-in that comes and goes a thousand times is one module
cat >"$TMP/often.c" <<'C'
#include <dlfcn.h>
#include <stdlib.h>
void *kept[3];
int main(int argc, char **argv)
{
	for (int i = 0; i < 1000; i++) {
		void *h = dlopen(argv[1], RTLD_NOW);
		void (*plug)(void) = (void (*)(void))dlsym(h, "plug");
		plug();
		free(kept[1]);
		dlclose(h);
	}
	return 0;
}
C
gcc -rdynamic -O1 -g -w -o "$TMP/often" "$TMP/often.c" || exit 1
tracked "$TMP/often" "$TMP/libplug1.so"
equal "loader: a thousand times" "$(python3 - "$ROOT" "$TMP/tracked.rgd" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
d = rgd.Dump(sys.argv[2])
print(len(d.rows("MODULES")) < 12)
PY
)" True
equal "loader: a thousand times: nothing lost, nothing unknown" "$(losses)" ""

# a library that looks for malloc() and free() among its own dependencies first, bound at once and by and by
cat >"$TMP/deep.c" <<'C'
#include <stdlib.h>
#include <string.h>
void *keep(void) { return malloc(100041); }
void *keep_zeroed(void) { return calloc(1, 100042); }
void *keep_longer(void *p) { return realloc(p, 100043); }
void give_back(void *p) { free(p); free(strdup("made by libc, which calls us")); }
C
cat >"$TMP/deeper.c" <<'C'
#include <dlfcn.h>
#include <stdlib.h>
void *kept[8];
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		void *h = dlopen(argv[i], (i == 1 ? RTLD_NOW : RTLD_LAZY) | RTLD_DEEPBIND), *p = malloc(8);
		void *(*keep)(void) = dlsym(h, "keep"), *(*zeroed)(void) = dlsym(h, "keep_zeroed"), *(*longer)(void *) = dlsym(h, "keep_longer");
		void (*give_back)(void *) = dlsym(h, "give_back");
		kept[3 * i - 3] = keep();
		kept[3 * i - 2] = zeroed();
		kept[3 * i - 1] = longer(malloc(100040));
		give_back(malloc(100044));
		free(p);
	}
	return 0;
}
C
gcc -shared -fPIC -O1 -fno-builtin -g -w -o "$TMP/libdeep1.so" "$TMP/deep.c" && gcc -shared -fPIC -O1 -fno-builtin -g -w -o "$TMP/libdeep2.so" "$TMP/deep.c" &&
	gcc -D_GNU_SOURCE -O1 -g -w -o "$TMP/deeper" "$TMP/deeper.c" || exit 1
for mode in none caller hybrid exact; do
	tracked REFGRAPH_STACKS=$mode "$TMP/deeper" "$TMP/libdeep1.so" "$TMP/libdeep2.so"
	equal "loader: RTLD_DEEPBIND: $mode" "$(blocks 100000 | cut -d' ' -f1 | tr '\n' ' ')" "100041 100041 100042 100042 100043 100043 "
	equal "loader: RTLD_DEEPBIND: $mode: nothing lost, nothing unknown" "$(losses)" ""
	equal "loader: RTLD_DEEPBIND: $mode: no leak" "$("$REFGRAPH" leaks "$TMP/tracked.rgd" | grep -c 'definitely lost: 0 bytes')" 1
done
exit $failed
