#!/usr/bin/env bash
# samples/worker_pool.py: each child is asked and dumped under its own pid.
. "$(dirname "$0")/../sample.sh"
start $PY "$SAMPLES/worker_pool.py"
workers=$(sed -n 's/^worker [0-9] //p' stdout)
for p in $pid $workers; do wait_for 10 sh -c "'$REFGRAPH' ps | grep -qE '^ *$p '" || fail "worker_pool: ps lists $p" "$(rg ps | tr '\n' '|')"; done
take parent
n=0
for p in $workers; do n=$((n + 1)); take $n "$p"; done
equal "worker_pool: jobs" "$(rg count Job parent.rgd) $(rg count Job 1.rgd) $(rg count Job 2.rgd) $(rg count Job 3.rgd)" "0 100 200 300"
n=0
for p in $workers; do
	n=$((n + 1))
	equal "worker_pool: worker $n is dumped under its own pid" "$(rg info --json $n.rgd | jq -r '[.pid, .["meta.parent"]] | join(" ")' 2>&1)" "$p $pid"
done
finish
left=; for p in $pid $workers; do if [ -e "/proc/$p" ]; then left+="$p "; fi; done
equal "worker_pool: nobody is left behind" "$left" ""
equal "worker_pool: ps forgets them" "$(rg ps | grep -cE "^ *($(echo $pid $workers | tr ' ' '|')) ")" 0
exit $failed
