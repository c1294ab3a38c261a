#!/usr/bin/env bash
# fork in a thread, vfork, posix_spawn, system, exec, thousands of threads, jumps out of hooks.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/track.sh"
gcc -O1 -g -w -pthread -o "$TMP/process" "$ROOT/tests/shim/track/process.c" || exit 1
counts() { blocks 100000 "$@" | cut -d' ' -f1 | uniq -c | awk '{ print $2, $1 }'; }

tracked REFGRAPH_DUMP=%p.rgd "$TMP/process" fork >"$TMP/out"
child=$(head -1 "$TMP/out")
parent=$(ls "$TMP"/*.rgd | grep -v "/$child.rgd")
equal "fork: the parent" "$(counts "$parent")" "$(tail -n +2 "$TMP/out")"
equal "fork: the child of a thread, under its own pid" "$(counts "$TMP/$child.rgd")" "100001 1
100002 1"
equal "fork: nothing lost, nothing unknown" "$(losses "$parent")$(losses "$TMP/$child.rgd")" ""
equal "fork: the child's epoch" "$("$REFGRAPH" info "$TMP/$child.rgd" | awk '/^epoch/ { print $1, $2 }' | tr '\n' ' ')" "epoch.1 start epoch.2 fork "
equal "fork: what is older than the child" "$("$REFGRAPH" by-type -u all --json -w 'size >= 100000' "$TMP/$child.rgd" | grep -o '"size":.*' | sed 's/"size":\([0-9]*\).*"epoch":\([0-9]*\).*/\1 \2/' | sort | tr '\n' ' ')" \
	'100001 1 100002 2 '
rm -f "$TMP"/*.rgd

tracked REFGRAPH_CHILDREN=off REFGRAPH_DUMP=%p.rgd "$TMP/process" fork >"$TMP/out"
equal "fork, children off: one dump" "$(ls "$TMP"/*.rgd | wc -l)" 1
rm -f "$TMP"/*.rgd

# the children that system and posix_spawn start are programs of their own, with dumps of their own
tracked REFGRAPH_DUMP=%e.%p.rgd "$TMP/process" vfork >"$TMP/expected"
equal "vfork: its own checks" $? 0
equal "vfork: the child's blocks are the parent's" "$(counts "$TMP"/process.*.rgd)" "$(cat "$TMP/expected")"
equal "vfork: nothing lost, nothing unknown" "$(losses "$TMP"/process.*.rgd)" ""
rm -f "$TMP"/*.rgd

for n in 80 8000; do
	tracked MALLOC_ARENA_MAX=1 "$TMP/process" churn $n >"$TMP/expected"
	equal "$n threads: what lives" "$(counts)" "$(cat "$TMP/expected")"
	equal "$n threads: nothing lost, nothing unknown" "$(losses)" ""
	eval "mapped_$n=$("$REFGRAPH" info "$TMP/tracked.rgd" | awk '$1 == "counter.shim.bytes.mapped" { print $2 }')"
done
# a record has 5 KiB: 8000 of them would be 40 MiB; one more leaf of the live table has 16
equal "their records were used again" "$((mapped_8000 - mapped_80 < 20 * 1048576))" 1

tracked "$TMP/process" jump >"$TMP/expected"
equal "jumps out of hooks: what lives" "$(counts)" "$(cat "$TMP/expected")"
equal "jumps out of hooks: no block lost" "$(losses | grep -v regions)" ""

tracked "$TMP/process" exec >"$TMP/expected"
equal "exec: the new program alone" "$(counts)" "$(cat "$TMP/expected")"

# What only a program of one thread may do, on a busy machine: the helper is out of the way, for the kernel too.
cat >"$TMP/alone.c" <<-'END'
	#define _GNU_SOURCE
	#include <sched.h>
	#include <stdio.h>
	#include <stdlib.h>
	int main(void)
	{
		int refused = 0;
		free(malloc(100));
		for (int i = 0; i < 1000; i++)
			refused += unshare(CLONE_THREAD) != 0;
		return printf("%d\n", refused) < 0;
	}
END
gcc -O1 -o "$TMP/alone" "$TMP/alone.c" || exit 1
for i in 1 2 3; do
	sh -c 'while :; do :; done' &
	test_pids+=($!)
	disown
done
refused=""
for i in 1 2 3; do refused+="$(LD_PRELOAD=$SHIM REFGRAPH_DIR=$TMP "$TMP/alone") "; done
equal "unshare(CLONE_THREAD) is never refused" "$refused" "0 0 0 "
exit $failed
