#!/usr/bin/env bash
# The walker and the helper are not seen by the program: no child, no signal, no descriptor.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -g -o "$TMP/invisible" "$ROOT/tests/shim/snap/invisible.c" || { fail "invisible: build"; exit 1; }
mkdir "$TMP/jail"
REFGRAPH_EVERY=1s shim "$TMP/invisible" "$TMP/jail" >"$TMP/out" 2>"$TMP/err"
line() { sed -n "$1p" "$TMP/out"; }
equal "invisible: no child, no SIGCHLD, no descriptor" "$(line 1)" "failures 0 sigchld 0 foreign 0 descriptors 0"
equal "invisible: a real child is the only one" "$(line 2)" "child 1 sigchld 1 more 1"
equal "invisible: SIGCHLD ignored" "$(line 3)" "ignored 0"
equal "invisible: the lowest descriptor stays while dumps are made" "$(line 4)" "moves 0"
equal "invisible: snapshot after chroot and without descriptors" "$(line 5)" "chroot 0"
equal "invisible: descriptors after that" "$(line 6)" "first 0"
equal "invisible: nothing on stderr" "$(cat "$TMP/err")" ""
equal "invisible: the dump lies where it was asked for, not in the jail" "$(ls "$TMP/jail")" ""
check "invisible: dumps are sound" "$REFGRAPH" check "$TMP"/*.rgd
made=$(ls "$TMP" | grep -c '\.rgd$')
if [ "$made" -ge 15 ]; then ok "invisible: the timer made dumps too"; else fail "invisible: the timer made dumps too" "$made dumps"; fi
if ls "$TMP" | grep -q '\.tmp$'; then fail "invisible: nothing left in the making" "$(ls "$TMP")"; else ok "invisible: nothing left in the making"; fi

# how many threads there are, as browsers ask before they build a sandbox
cat >"$TMP/links.c" <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "refgraph.h"
int __xstat(int, const char *, struct stat *);
int __fxstatat(int, int, const char *, struct stat *, int);
int main(void)
{
	static const char task[] = "/proc/self/task", slash[] = "/proc/self/task/";
	int proc = open("/proc", O_RDONLY), failures = 0;
	for (int i = 0; i < 20; i++) {
		struct stat a, b, c, d;
		struct stat64 e;
		struct statx x;
		failures += refgraph_snapshot("") != 0; /* there is a helper */
		if (stat(task, &a) || fstatat(proc, "self/task/", &b, 0) || __xstat(1, slash, &c) || __fxstatat(1, proc, "self/task", &d, 0) ||
		    stat64(task, &e) || statx(AT_FDCWD, slash, 0, STATX_NLINK, &x))
			return 1;
		if (a.st_nlink != 3 || b.st_nlink != 3 || c.st_nlink != 3 || d.st_nlink != 3 || e.st_nlink != 3 || x.stx_nlink != 3)
			return 2;
	}
	printf("alone %d\n", failures);
	return 0;
}
END
gcc -w -I"$ROOT/include" -o "$TMP/links" "$TMP/links.c" || fail "invisible: build of links"
equal "invisible: no thread more in /proc/self/task" "$(shim "$TMP/links"; echo $?)" "alone 0
0"
exit $failed
