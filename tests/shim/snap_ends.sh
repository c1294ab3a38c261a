#!/usr/bin/env bash
# Snapshots at exit and at fatal signals: the dump is there, and the wait status is what it would have been.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -g -w -pthread -o "$TMP/ends" "$ROOT/tests/shim/snap/ends.c" || { fail "ends: build"; exit 1; }
# the blocks of the dump that are ours
blocks() {
	python3 -c '
import glob, sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
print(*[(d.meta["reason"], d.meta.get("label", ""), sorted(s for s in d.col("OBJECTS", 2) if 4000 <= s < 4002))
    for d in map(rgd.Dump, glob.glob(sys.argv[2] + "/*.rgd"))])' "$ROOT" "$TMP/d"
}
# ends HOW STATUS DUMPS SETTING...
ends() {
	local how=$1 want=$2 dumps=$3 status; shift 3
	mkdir -p "$TMP/d"; rm -f "$TMP"/d/*
	{ "$TMP/ends" $how >"$TMP/plain" 2>/dev/null; } 2>/dev/null
	status=$?
	equal "ends: $how alone" "$status" "$want"
	{ env "$@" REFGRAPH_DIR="$TMP/d" LD_PRELOAD="$SHIM" "$TMP/ends" $how >"$TMP/out" 2>/dev/null; } 2>/dev/null
	status=$?
	equal "ends: $how ${*:-}: status and output" "$status $(cat "$TMP/out")" "$want here"
	equal "ends: $how ${*:-}: dumps" "$(blocks)" "$dumps"
	if ls "$TMP/d" | grep -q tmp; then fail "ends: $how: nothing in the making"; fi
}
both=(REFGRAPH_ON_EXIT=1 REFGRAPH_ON_FATAL=1)
ends return 3 "('exit', '', [4000])" "${both[@]}"
ends exit 3 "('exit', '', [4000])" "${both[@]}"
ends _exit 4 "('exit', '', [4000, 4001])" "${both[@]}"
ends thread-exit 5 "('exit', '', [4000])" "${both[@]}"
ends abort 134 "('fatal', 'SIGABRT', [4000, 4001])" "${both[@]}"
ends segv 139 "('fatal', 'SIGSEGV', [4000, 4001])" "${both[@]}"
ends thread-segv 139 "('fatal', 'SIGSEGV', [4000, 4001])" "${both[@]}"
ends fpe 136 "('fatal', 'SIGFPE', [4000, 4001])" "${both[@]}"
ends bus 135 "('fatal', 'SIGBUS', [4000, 4001])" "${both[@]}"
ends ill 132 "('fatal', 'SIGILL', [4000, 4001])" "${both[@]}"
ends term 143 "('fatal', 'SIGTERM', [4000, 4001])" "${both[@]}"
ends corrupt 134 "('fatal', 'SIGABRT', [4000, 4001])" "${both[@]}"
ends kill 137 "" "${both[@]}"
ends exit 3 ""
ends segv 139 ""
ends exit 3 "('exit', '', [4000])" REFGRAPH_ON_EXIT=1 REFGRAPH_HELPER=off
ends segv 139 "('fatal', 'SIGSEGV', [4000, 4001])" REFGRAPH_ON_FATAL=1 REFGRAPH_HELPER=off

# a snapshot that is asked for while the program ends: an answer, never a hang
cat >"$TMP/brief.c" <<'C'
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
	for (int i = 0; i < 200000; i++)
		*(void *volatile *)malloc(40) = 0;
	write(1, "x", 1);
	usleep(120000);
	return 0;
}
C
gcc -O1 -o "$TMP/brief" "$TMP/brief.c"
answered=0 made=0
for i in 1 2 3 4 5 6 7 8; do
	rm -f "$TMP/brief.out"
	REFGRAPH_DIR=$TMP/d LD_PRELOAD=$SHIM "$TMP/brief" >"$TMP/brief.out" &
	pid=$!
	wait_for 10 test -s "$TMP/brief.out"
	sleep 0.0$((i + 1))5
	timeout 30 "$REFGRAPH" snapshot $pid -o "$TMP/d/brief.$i" >/dev/null 2>"$TMP/brief.err"
	rc=$?
	[ $rc -eq 124 ] || answered=$((answered + 1))
	{ wait $pid; } 2>/dev/null
	[ $? -eq 0 ] || fail "ends: the program ends well while it is asked" "status $?"
done
equal "ends: everyone who asks while it ends gets an answer" $answered 8
wait_for 10 eval '! ls "$TMP/d" | grep -q tmp' && ok "ends: nothing in the making" || fail "ends: nothing in the making" "$(ls "$TMP/d")"
# the last thread ends the process by exit(); our helper, which a function at exit stops by setuid, must not do so a second time
cat >"$TMP/last.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_t first;
static void at_exit(void) { if (setuid(getuid())) puts("?"); usleep(300000); puts("handler done"); }
static void *last(void *unused) { pthread_join(first, NULL); return NULL; }
int main(void)
{
	pthread_t t;
	first = pthread_self();
	atexit(at_exit);
	pthread_create(&t, NULL, last, NULL);
	pthread_exit(NULL);
}
C
gcc -w -pthread -o "$TMP/last" "$TMP/last.c" || { fail "ends: build last"; exit 1; }
equal "ends: the last thread's functions at exit" "$(shim "$TMP/last")" "handler done"
exit $failed
