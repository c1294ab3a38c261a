#!/usr/bin/env bash
# Dumps that nobody asks for: growth, timer, signal; and the names that they get.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -g -o "$TMP/triggers" "$ROOT/tests/shim/snap/triggers.c" || { fail "triggers: build"; exit 1; }
mkdir "$TMP/d"
run() { rm -f "$TMP"/d/*; env "$@" 2>&1; }
reasons() { for f in "$TMP"/d/*; do "$REFGRAPH" info "$f" | sed -n 's/^meta.reason *//p'; done | sort | uniq -c | tr -s ' \n' ' '; }
base=(REFGRAPH_DIR="$TMP/d" LD_PRELOAD="$SHIM")

equal "triggers: growth: output" "$(run "${base[@]}" REFGRAPH_GROWTH=10M "$TMP/triggers" grow)" "done"
equal "triggers: growth of 40 MiB in steps of 10" "$(reasons)" " 4 growth "
equal "triggers: no growth: output" "$(run "${base[@]}" REFGRAPH_GROWTH=10M "$TMP/triggers" churn)" "done"
equal "triggers: no growth, no dump" "$(ls "$TMP/d")" ""
equal "triggers: timer: output" "$(run "${base[@]}" REFGRAPH_EVERY=1s "$TMP/triggers" wait 3500)" "done"
equal "triggers: a dump each second" "$(reasons)" " 3 timer "
check "triggers: dumps are sound" "$REFGRAPH" check "$TMP"/d/*

rm -f "$TMP"/d/*
env "${base[@]}" REFGRAPH_SIGNAL=USR2 "$TMP/triggers" wait 4000 >"$TMP/out" 2>&1 &
pid=$!; test_pids+=($pid)
wait_for 5 eval '"$REFGRAPH" ps | grep -q "^ *'$pid' .*ready"'
kill -USR2 $pid; wait_for 5 eval '[ $(ls "$TMP/d" | grep -c "rgd$") = 1 ]'
kill -USR2 $pid; wait_for 5 eval '[ $(ls "$TMP/d" | grep -c "rgd$") = 2 ]'
wait $pid
equal "triggers: signal: status and output" "$? $(cat "$TMP/out")" "0 done"
equal "triggers: a dump for each signal" "$(reasons)" " 2 signal "
equal "triggers: a program's own handler wins" "$(run "${base[@]}" REFGRAPH_SIGNAL=USR2 "$TMP/triggers" own)" "done"
equal "triggers: and no dump is made" "$(ls "$TMP/d")" ""

# names
run "${base[@]}" REFGRAPH_ON_EXIT=1 REFGRAPH_DUMP='a%%b-%e-%n-%x' "$TMP/triggers" own >/dev/null
equal "triggers: %% %e %n and an unknown letter" "$(ls "$TMP/d")" "a%b-triggers-1-%x"
pid=$(run "${base[@]}" REFGRAPH_ON_EXIT=1 REFGRAPH_DUMP='%p.%t' sh -c 'echo $$; exec '"$TMP/triggers own" | sed '1!d')
equal "triggers: %p and %t" "$(ls "$TMP/d" | sed -E 's/\.[0-9]{10}$/.time/' | grep -c "^$pid\.time$")" 1
exit $failed
