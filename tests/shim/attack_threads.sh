#!/usr/bin/env bash
# Threads, forks, signals and odd stacks under a storm of snapshots.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/attack.sh"
build churn && attack "attack: short threads on the smallest stacks" 1 "$TMP/churn"
build forks && attack "attack: threads that fork" 1 "$TMP/forks"
lost=$("$REFGRAPH" info "$TMP/storm.rgd" | sed -n 's/^counter\.lost\.\(stacks\|blocks\|modules\) *//p' | tr '\n' ' ')
equal "attack: nothing is lost after threads that fork" "$lost" "0 0 0 "
build waits && attack "attack: waits for any child" 5 "$TMP/waits"
build signals && attack "attack: timer signals, jumps, restarts" 5 "$TMP/signals"
build rawclone && attack "attack: threads of a bare clone()" 1 "$TMP/rawclone"
build sigall && attack "attack: takes hold of every signal" 1 "$TMP/sigall"
build spawn && attack "attack: vfork, spawn, system, popen" 1 "$TMP/spawn"
build stacks && attack "attack: alternate stacks, coroutines, overflow" 0 "$TMP/stacks"
build busyline && attack "attack: coroutines that never rest" 1 "$TMP/busyline"
exit $failed
