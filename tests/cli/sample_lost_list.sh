#!/usr/bin/env bash
# samples/lost_list.c: nothing reaches the old list; the new one is held by a global.
. "$(dirname "$0")/../sample.sh"
for opt in -O0 -O2; do
	rm -f stdin
	gcc -g $opt -o lost_list "$SAMPLES/lost_list.c" || { fail "lost_list: compiles"; exit 1; }
	start ./lost_list
	take list
	equal "lost_list $opt: nodes" "$(rg count --where 'size == 88' list.rgd) $(rg count --where 'size == 104' list.rgd)" "1000 1"
	chain --where 'size == 104' list.rgd
	contains "lost_list $opt: the new list is held by head" "$(head -1 chain)" "head"
	# each node of the old list but the last lost head has one referrer, its neighbour; no chain ends at a root
	rg find-backref-chain --max-depth 2000 --where 'size == 88' list.rgd >chain; rc=$?
	equal "lost_list $opt: the old list has no chain: the object alone" "$rc $(grep -c . chain)" "0 1"
	equal "lost_list $opt: one lost head" "$(rg count --where 'size == 88 and indegree == 0' list.rgd)" 1
	finish
done
exit $failed
