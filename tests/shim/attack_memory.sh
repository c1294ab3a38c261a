#!/usr/bin/env bash
# Mappings that a scan must not touch (or not for long), under a storm of snapshots.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/attack.sh"
build memory || exit 1
for what in truncated huge hugeblock dontfork wipe protected global many stackgrows brk secret locked; do
	attack "attack: memory $what" 1 "$TMP/memory" $what
	equal "attack: memory $what: the dump is complete" "$("$REFGRAPH" info "$TMP/storm.rgd" 2>/dev/null | sed -n 's/^complete *//p')" yes
done
exit $failed
