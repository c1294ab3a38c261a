#!/usr/bin/env bash
# libc's own signals, forks in handlers, a crowd of threads, exceptions, under a storm of snapshots.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/attack.sh"
build setxid && attack "attack: changes of group, cancelled threads, timers' threads" 1 "$TMP/setxid"
build sigfork && attack "attack: handlers that fork in the middle of anything" 1 "$TMP/sigfork"
build crowd && attack "attack: a thousand idle threads" 1 "$TMP/crowd"
equal "attack: a thousand idle threads: all are stopped" "$("$REFGRAPH" info "$TMP/storm.rgd" | sed -n 's/^\(complete\|counter.lost.threads\) *//p' | tr '\n' ' ')" "yes 0 "
g++ -O1 -w -o "$TMP/cxx" "$ROOT/tests/shim/attack/cxx.cc" -lpthread && attack "attack: C++ exceptions through new" 1 "$TMP/cxx"
exit $failed
