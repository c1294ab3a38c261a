#!/usr/bin/env bash
# Every process has its own helper, control page and dumps; a child's dump holds what the child holds.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -g -pthread -o "$TMP/forks" "$ROOT/tests/shim/snap/forks.c" || { fail "forks: build"; exit 1; }
cat >"$TMP/expect.py" <<'PY'
import glob, os, sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
dumps = [rgd.Dump(p) for p in glob.glob(sys.argv[2] + "/*.rgd")]
got = sorted((d.meta["label"], sorted(s for s in d.col("OBJECTS", 2) if 5000 <= s < 5010)) for d in dumps)
want = sorted([("parent", [5000]), ("parent again", [5000, 5009]), ("child", [5000, 5001]), ("child", [5000, 5002]),
    ("grandchild", [5002, 5003])])
print("ok" if got == want else "not ok: %s" % got, len({d.pid for d in dumps}), "pids", len({d.key for d in dumps}), "keys")
PY
for threads in "" busy; do
	name="forks${threads:+ with a busy thread}"
	mkdir -p "$TMP/d"; rm -f "$TMP"/d/*
	equal "$name: output" "$(REFGRAPH_DIR=$TMP/d shim "$TMP/forks" $threads 2>&1)" "done 0"
	check "$name: dumps are sound" "$REFGRAPH" check "$TMP"/d/*.rgd
	equal "$name: who holds what" "$(python3 "$TMP/expect.py" "$ROOT" "$TMP/d")" "ok 4 pids 4 keys"
done

# the control pages of a parent and its waiting children, and the dump of one child
cat >"$TMP/workers.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *volatile held;
int main(void)
{
	for (int i = 1; i <= 3; i++)
		if (!fork()) {
			held = malloc(6000 + (size_t)i);
			printf("%d %d\n", i, (int)getpid());
			fflush(stdout);
			for (;;)
				pause();
		}
	for (;;)
		pause();
}
C
gcc -O1 -o "$TMP/workers" "$TMP/workers.c" || { fail "forks: build"; exit 1; }
REFGRAPH_DIR=$TMP/d LD_PRELOAD=$SHIM "$TMP/workers" >"$TMP/workers.out" &
parent=$!; test_pids+=($parent)
wait_for 10 eval '[ $(wc -l <"$TMP/workers.out") = 3 ]'
children=$(cut -d' ' -f2 "$TMP/workers.out"); test_pids+=($children)
for pid in $parent $children; do
	wait_for 10 eval '"$REFGRAPH" ps | grep -q "^ *'$pid' .*ready"' || fail "forks: refgraph ps lists $pid" "$("$REFGRAPH" ps)"
done
ok "forks: refgraph ps lists parent and children"
rm -f "$TMP"/d/*
second=$(sed -n 's/^2 //p' "$TMP/workers.out")
"$REFGRAPH" snapshot "$second" -o "$TMP/d/second.rgd" >/dev/null
equal "forks: the dump of one child" "$(python3 -c '
import sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
d = rgd.Dump(sys.argv[2])
print(d.pid, [s for s in d.col("OBJECTS", 2) if s > 6000])' "$ROOT" "$TMP/d/second.rgd")" "$second [6002]"
kill $parent $children; { wait $parent; } 2>/dev/null
exit $failed
