#!/usr/bin/env bash
# How the shim starts: settings and their mistakes, no memory, told to stay out; its words on stderr and nowhere else.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/track.sh"
cat >"$TMP/p.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void *kept[100];
int main(void)
{
	for (int i = 0; i < 100; i++) {
		kept[i] = calloc(1, 100001);
		kept[i] = realloc(kept[i], 100002);
		memset(kept[i], 1, 100002);
	}
	for (int i = 0; i < 50; i++)
		free(kept[i]);
	puts("fine");
	return 3;
}
C
gcc -O1 -w -o "$TMP/p" "$TMP/p.c" || exit 1

run() { tracked "$@" "$TMP/p" >"$TMP/out" 2>"$TMP/err"; echo "$? $(cat "$TMP/out") | $(cat "$TMP/err")"; }
equal "start: silent" "$(run A=b)" "3 fine | "
equal "start: 50 blocks" "$(blocks 100000 | wc -l)" 50
equal "start: off" "$(run REFGRAPH=off) $(ls "$TMP/tracked.rgd" 2>/dev/null)" "3 fine |  "
equal "start: no memory" "$(run REFGRAPH_TEST_FAULT=enomem) $(ls "$TMP/tracked.rgd" 2>/dev/null)" \
	"3 fine | refgraph: there is no memory for the tables: this program is not followed "
equal "start: no memory for the live table" "$(run REFGRAPH_TEST_FAULT=leaf)" "3 fine | "
equal "start: no memory for the live table: no block" "$(blocks 100000)" ""
lost=$(losses | awk '$1 == "counter.lost.blocks" { print ($2 >= 200) }')
equal "start: no memory for the live table: counted" "$lost" 1

mistake() { equal "start: $1" "$(run "$1")" "3 fine | refgraph: $1 is not understood; it stays at \"$2\""; }
mistake REFGRAPH=maybe on
mistake REFGRAPH_STACKS=some hybrid
mistake REFGRAPH_STACK_DEPTH=0 64
mistake REFGRAPH_STACK_DEPTH=257 64
mistake REFGRAPH_STACK_DEPTH=12x 64
mistake REFGRAPH_STACK_DEPTH=99999999999999999999 64
mistake REFGRAPH_SIGNAL=KILL ""
mistake REFGRAPH_SIGNAL=65 ""
mistake REFGRAPH_SIGNAL=RTMIN+99 ""
mistake REFGRAPH_GROWTH=12Q ""
mistake REFGRAPH_GROWTH=99999999999T ""
mistake REFGRAPH_EVERY=-1s ""
mistake REFGRAPH_DEADLINE=1ms 120s
mistake REFGRAPH_VALUES=2 off
equal "start: a dump name with a slash" "$(run REFGRAPH_DUMP=../x | sed 's/^3 fine . //')" \
	'refgraph: REFGRAPH_DUMP=../x is not understood; it stays at "%e.%p.%n.rgd"'
rm -f "$TMP"/*.rgd
for good in REFGRAPH_STACK_DEPTH=256 REFGRAPH_SIGNAL=SIGUSR1 REFGRAPH_SIGNAL=usr2 REFGRAPH_SIGNAL=RTMIN+5 REFGRAPH_SIGNAL=10 \
	REFGRAPH_GROWTH=64MiB REFGRAPH_EVERY=1h REFGRAPH_DEADLINE=90s REFGRAPH_DEADLINE=500ms REFGRAPH_VALUES=Off REFGRAPH_STACKS=; do
	equal "start: $good" "$(run $good)" "3 fine | "
done

contains "start: verbose ends with the counters" "$(run REFGRAPH_VERBOSE=1)" "live blocks, "
# a program that has put a file of its own where standard error was
cat >"$TMP/own2.c" <<'C'
#include <fcntl.h>
#include <unistd.h>
int main(int argc, char **argv) { close(2); return open(argv[1], O_WRONLY | O_CREAT, 0600) == 2 && write(2, "data", 4) == 4 ? 0 : 1; }
C
gcc -O1 -w -o "$TMP/own2" "$TMP/own2.c" || exit 1
REFGRAPH_VERBOSE=1 shim "$TMP/own2" "$TMP/data" 2>"$TMP/err"
equal "start: not into a file that stands where standard error was" "$? $(cat "$TMP/data")" "0 data"

# a set-uid program is left alone by the loader: no message of ours, no dump
if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
	mkdir -m 777 "$TMP/open" && chmod 755 "$TMP" && cp "$TMP/p" "$TMP/open/p" && chmod 4755 "$TMP/open/p"
	out=$(REFGRAPH_ON_EXIT=1 REFGRAPH_DIR=$TMP/open LD_PRELOAD=$SHIM setpriv --reuid nobody --clear-groups "$TMP/open/p" 2>&1)
	equal "start: a set-uid program" "$? $(echo "$out" | grep -v "^ERROR: ld.so") $(ls "$TMP/open" | grep -c p.*rgd)" "3 fine 0"
else
	skip "start: a set-uid program" "needs root"
fi
# and where the loader does let us in (a set-uid library in a folder of the system), the shim itself stays out
name=libBrokenLocale.so.1 # of libc6, in whose place we lie in a mount namespace of our own
place=$(ldconfig -p 2>/dev/null | sed -n "s/.*$name (libc6,x86-64) => //p" | head -1)
if [ "$(id -u)" = 0 ] && [ -n "$place" ] && [ -d "$TMP/open" ] && unshare -m true 2>/dev/null; then
	cp "$SHIM" "$TMP/privileged.so" && chmod 4755 "$TMP/privileged.so"
	inside() { # PROGRAM: its status, output, and dumps
		rm -f "$TMP"/open/*.rgd
		out=$(unshare -m sh -c 'mount --bind "$1" "$2" && exec env REFGRAPH_ON_EXIT=1 REFGRAPH_DIR="$3" LD_PRELOAD="$4" \
			setpriv --reuid nobody --clear-groups "$5"' - "$TMP/privileged.so" "$place" "$TMP/open" "$name" "$1" 2>&1)
		echo "$? $out $(ls "$TMP/open" | grep -c '^p.*rgd')"
	}
	cp "$TMP/p" "$TMP/open/plain"
	equal "start: the loader takes a library of the system" "$(inside "$TMP/open/plain")" "3 fine 1"
	equal "start: a set-uid program that was given the shim" "$(inside "$TMP/open/p")" "3 fine 0"
else
	skip "start: a set-uid program that was given the shim" "needs root, mount namespaces, $name"
fi
# The first malloc of all comes from inside of newlocale(), which holds libc's lock of locales (libp11-kit's constructor is like
# that, and with it all that links gnutls): the shim that starts there must not ask libc for a translation.
cat >"$TMP/first.c" <<'C'
#include <locale.h>
static __attribute__((constructor)) void first(void) { freelocale(newlocale(LC_ALL_MASK, "C.UTF-8", 0)); }
void first_of_all(void) {}
C
cat >"$TMP/locale.c" <<'C'
#include <locale.h>
#include <stdio.h>
void first_of_all(void);
int main(void) { first_of_all(); puts(setlocale(LC_ALL, "C.UTF-8") ? "set" : "not set"); return 0; }
C
gcc -shared -fPIC -o "$TMP/libfirst.so" "$TMP/first.c" && gcc -o "$TMP/locale" "$TMP/locale.c" -L"$TMP" -lfirst -Wl,-rpath,"$TMP" || exit 1
equal "start: inside of newlocale" "$(tracked timeout -s KILL 20 "$TMP/locale" 2>&1)" set
exit $failed
