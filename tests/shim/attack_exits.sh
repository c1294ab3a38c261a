#!/usr/bin/env bash
# Every way to end, under a storm of snapshots, and with a snapshot at exit.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/attack.sh"
build exits || exit 1
for how in return exit _exit quick_exit group thread pthread_exit abort segv kill term exec; do
	attack "attack: ends by $how" 0 "$TMP/exits" $how
	shim_env=(REFGRAPH_ON_EXIT=1 REFGRAPH_ON_FATAL=1)
	attack "attack: ends by $how, with snapshots at the end" 0 "$TMP/exits" $how
	shim_env=()
done
build errnos && attack "attack: corners of the allocation functions" 0 "$TMP/errnos"
exit $failed
