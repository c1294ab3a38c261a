#!/usr/bin/env bash
# Mappings that a scan must not touch (or not for long), under a storm of snapshots.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/attack.sh"
build memory || exit 1
for what in truncated huge hugeblock dontfork wipe protected global many stackgrows brk secret locked; do
	attack "attack: memory $what" 1 "$TMP/memory" $what
	equal "attack: memory $what: the dump is complete" "$("$REFGRAPH" info "$TMP/storm.rgd" 2>/dev/null | sed -n 's/^complete *//p')" yes
done
if build faultfork; then
	attack "attack: a program that hears of each fork of its memory" 0 "$TMP/faultfork"
	rm -f "$TMP/enough"
	env LD_PRELOAD="$SHIM" REFGRAPH_DIR="$TMP" ATTACK_ENOUGH="$TMP/enough" "$TMP/faultfork" >"$TMP/faultfork.out" 2>&1 &
	pid=$!; test_pids+=($pid)
	refused() { rm -f "$TMP/never.rgd"; "$REFGRAPH" snapshot $pid -o "$TMP/never.rgd" 2>&1 | grep -qF "(userfaultfd)"; }
	if ! grep -q forks "$TMP/plain.out"; then skip "attack: why there is no dump of it" "$(cat "$TMP/plain.out")"
	elif wait_for 30 refused; then ok "attack: why there is no dump of it"
	else fail "attack: why there is no dump of it" "the answer does not say it"; fi
	: >"$TMP/enough"; wait $pid
fi
exit $failed
