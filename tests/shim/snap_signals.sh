#!/usr/bin/env bash
# The signal that libc keeps for itself and that stops threads: what the program inherited, it keeps and hands on; and none is left
# behind for the program that comes after an exec.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -w -fno-builtin -pthread -o "$TMP/signals" "$ROOT/tests/shim/snap/signals.c" || { fail "signals: build"; exit 1; }

# looks NAME COMMAND...: what "signals look" shows, with two snapshots between the first look and the second; in $TMP/NAME
looks() {
	local name=$1 snapshots=$2 pid; shift 2
	mkfifo "$TMP/$name.in"
	"$@" "$TMP/signals" look <"$TMP/$name.in" >"$TMP/$name" 2>&1 &
	pid=$!; test_pids+=($pid)
	exec 9<>"$TMP/$name.in" # does not wait for a reader
	wait_for 60 grep -q "start SigCgt" "$TMP/$name"
	while [ "$snapshots" -gt 0 ]; do
		timeout 60 "$REFGRAPH" snapshot "$pid" -o "$TMP/$name.$snapshots.rgd" >/dev/null 2>>"$TMP/$name.asked" || { exec 9>&-; kill -9 "$pid"; return 1; }
		snapshots=$((snapshots - 1))
	done
	printf 'go\n\n' >&9
	exec 9>&-
	over() { ! grep -q '^State:.[^Z]' "/proc/$pid/status"; }
	wait_for 60 over || { echo "hung" >>"$TMP/$name"; kill -9 "$pid"; }
	wait $pid
}
looks plain 0 "$TMP/signals" ignore
looks shim 2 "$TMP/signals" ignore env REFGRAPH_DIR="$TMP" LD_PRELOAD="$SHIM" || fail "signals: snapshots" "$(cat "$TMP/shim.asked")"
contains "signals: libc's two are ignored" "$(grep '^start SigIgn' "$TMP/plain")" 000000018
for what in start later initgroups child thread setgid; do
	equal "signals: $what as without the shim" "$(grep "^$what" "$TMP/shim")" "$(grep "^$what" "$TMP/plain")"
done

equal "signals: an exec after a thread" "$(grep '^after SigIgn' "$TMP/shim")" "$(grep '^after SigIgn' "$TMP/plain")"

# by default libc's handler is there early, and nothing of it is handed on
looks plain2 0 env
looks shim2 2 env REFGRAPH_DIR="$TMP" LD_PRELOAD="$SHIM" || fail "signals: snapshots" "$(cat "$TMP/shim2.asked")"
equal "signals: nothing is ignored, then and after an exec" "$(grep -E 'SigIgn|SigBlk' "$TMP/shim2")" "$(grep -E 'SigIgn|SigBlk' "$TMP/plain2")"

mkdir "$TMP/dumps"
equal "signals: execs while the world is being stopped" \
	"$(REFGRAPH_SIGNAL=USR2 REFGRAPH_DIR=$TMP/dumps LD_PRELOAD=$SHIM timeout 120 "$TMP/signals" exec 300 2>&1; echo $?)" "through
0"
n=$(find "$TMP/dumps" -name '*.rgd' | wc -l)
if [ "$n" -ge 10 ]; then ok "signals: snapshots were taken meanwhile"; else fail "signals: snapshots were taken meanwhile" "$n"; fi
exit $failed
