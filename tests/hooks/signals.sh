#!/usr/bin/env bash
# Hooked functions and signals (see programs/signals.c), and a debugger: breakpoints in hooked functions, out of them, and one where the loader tells us.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
HERE=$ROOT/tests/hooks/programs
gcc -g -O1 -rdynamic -o signals "$HERE/signals.c" -lpthread || { fail "signals: program" "see above"; exit 1; }
# signals CASE: its output under rules; counters and calls to CASE.info
signals() {
	shim env REFGRAPH_ON_EXIT=1 REFGRAPH_RULES="$HERE/signals.rules" REFGRAPH_DUMP="$1.rgd" timeout 100 ./signals "$1" 2>&1
	"$REFGRAPH" info "$1.rgd" >"$1.info" 2>&1
}
lost() { sed -n "s/^counter.lost.hook.$2 *//p" "$1.info"; }

equal "signals: after each instruction of a hooked call: the program is as it was" "$(signals steps)" "done"
[ "$(lost steps nested)" -gt 100 ] && ok "signals: what a handler calls within the recorder is counted as lost" || fail "signals: counted as lost" "$(lost steps nested)"
equal "signals: and no lock is waited for" "$(lost steps locks)" 0
equal "signals: the object's count is right all the same" "$("$REFGRAPH" balance steps.rgd)" "balanced: 0 objects ended, 1 live; none has a reference that nobody gave back"
equal "signals: a handler that leaves by a jump" "$(signals away)" "done"
[ "$(lost away events)" -gt 0 ] && ok "signals: what was half written down is given up, and counted" || fail "signals: given up" "$(lost away events)"
equal "signals: and its locks are given back" "$(lost away locks)" 0
equal "signals: crashes in hooked functions that the program survives" "$(signals crash)" "done"
contains "signals: each call is seen" "$(cat crash.info)" " 4005 calls"
equal "signals: their objects end" "$("$REFGRAPH" balance crash.rgd)" "balanced: 500 objects ended, 1 live; none has a reference that nobody gave back"
equal "signals: faults that a handler repairs" "$(signals repaired)" "done"
equal "signals: each count is right" "$("$REFGRAPH" balance repaired.rgd)" "balanced: 100 objects ended, 0 live; none has a reference that nobody gave back"
equal "signals: whenever they come, in three threads" "$(signals storm)" "done"
equal "signals: nothing waited" "$(lost storm locks)" 0

command -v gdb >/dev/null || { skip "hooks: gdb" "is not there"; exit $failed; }
gcc -g -O1 -rdynamic -o things "$HERE/things.c" -lpthread
# gdb_run COMMAND...: things, leaking, stopped in main when all is hooked
gdb_run() {
	local commands=()
	for c in "set pagination off" "set startup-with-shell off" "set env LD_PRELOAD $SHIM" "set env REFGRAPH_DIR $TMP" "set env REFGRAPH_ON_EXIT 1" \
		"set env REFGRAPH_RULES $HERE/things.rules" "set env REFGRAPH_DUMP gdb.rgd" "$@"; do commands+=(-ex "$c"); done
	rm -f gdb.rgd
	timeout 100 gdb -q -nx -batch "${commands[@]}" --args ./things leak >gdb.out 2>&1 </dev/null
}
gdb_run "break main" run "break thing_new" continue bt finish "break thing_unref" continue bt finish "delete" continue
equal "hooks: gdb: a breakpoint in a function that we stand around, and its callers" "$(grep -A1 '^#0 *thing_new ' gdb.out | sed -n 's/^#1 .* in \(serve\) .*/\1/p')" serve
contains "hooks: gdb: finish out of it" "$(cat gdb.out)" "Value returned is"
equal "hooks: gdb: in one that we stand before" "$(grep -A4 '^#0 *thing_unref ' gdb.out | grep -oE 'look_at|good_handler|serve|run_leak' | tr '\n' ' ')" "look_at good_handler serve run_leak "
contains "hooks: gdb: the program goes on" "$(cat gdb.out)" "exited normally"
contains "hooks: gdb: all calls were seen" "$("$REFGRAPH" info gdb.rgd)" "3 functions at their entry; 157 calls"
contains "hooks: gdb: what its breakpoint at the loader means is said" "$(cat gdb.out)" "attach it later"
# set before we come: a function with a breakpoint in its first bytes is left alone
gdb_run "break *thing_ref" run "delete" continue
contains "hooks: gdb: a breakpoint that was there first" "$("$REFGRAPH" info gdb.rgd)" "its calls are not seen; it has a breakpoint in its first bytes"
contains "hooks: gdb: and the program goes on" "$(cat gdb.out)" "exited normally"
exit $failed
