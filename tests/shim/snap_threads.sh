#!/usr/bin/env bash
# Consistency while other threads allocate, and no system call of theirs that ends because of us.
. "$(dirname "$0")/../lib.sh"
N=50
gcc -O1 -g -pthread -o "$TMP/threads" "$ROOT/tests/shim/snap/threads.c" || { fail "threads: build"; exit 1; }
shim "$TMP/threads" $N >"$TMP/out"
equal "threads: every snapshot made, no call interrupted" "$(cat "$TMP/out")" "failures 0 eintr 0"
equal "threads: dumps" "$(ls "$TMP" | grep -c '\.rgd$')" $N
equal "threads: nothing left in the making" "$(ls "$TMP" | grep -c '\.tmp$')" 0
check "threads: dumps are sound" "$REFGRAPH" check "$TMP"/*.rgd
python3 - "$ROOT" "$TMP" <<'PY' || failed=1
import collections, glob, sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
found, lost, blocks = collections.Counter(), collections.Counter(), collections.Counter()
partial = 0
for path in glob.glob(sys.argv[2] + "/*.rgd"):
    d = rgd.Dump(path)
    size, live = d.col("OBJECTS", 2), d.reachable()
    leaks = [size[i] for i in range(len(size)) if i not in live]
    found[leaks.count(4321)] += 1
    blocks[len(leaks)] += 1
    partial += d.flags & 1
    for k, v in d.counters.items(): # they count from the program's start
        if (k.startswith("lost.") or k == "freeze.torn") and v:
            lost[k] = max(lost[k], v)
def equal(name, got, want):
    print("ok threads: " + name if got == want else "not ok threads: %s: got %s, want %s" % (name, got, want))
    return got != want
bad = equal("planted leaks in each dump", dict(found), {777: 50})
bad |= equal("nothing else unreachable", dict(blocks), {777: 50})
bad |= equal("nothing lost, no copy torn", dict(lost), {})
bad |= equal("all complete", partial, 0)
sys.exit(bad)
PY
exit $failed
