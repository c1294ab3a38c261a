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
exit $failed
