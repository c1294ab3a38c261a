#!/usr/bin/env bash
# A native heap of known shape: every object, edge and root of the dump, and nothing else.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -g -pthread -o "$TMP/native" "$ROOT/tests/shim/snap/native.c" || { fail "native: build"; exit 1; }
equal "native: without the shim" "$("$TMP/native" | cut -d' ' -f1,2)" "95 0"
shim "$TMP/native" >"$TMP/out"
equal "native: a snapshot by call" "$(cut -d' ' -f1,2 "$TMP/out")" "0 1"
check "native: the dump is sound" "$REFGRAPH" check "$TMP"/native.*.rgd
cat >"$TMP/expect.py" <<'PY'
import glob, sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
d = rgd.Dump(glob.glob(sys.argv[2] + "/native.*.rgd")[0])
size, base, edges = d.col("OBJECTS", 2), d.col("OBJECTS", 0), d.edges()
bad = 0
def equal(name, got, want):
    global bad
    print("ok native: " + name if got == want else "not ok native: %s: got %s, want %s" % (name, got, want))
    bad += got != want
mine = {s: i for i, s in enumerate(size) if 1000 < s < 4000}
labels = d.rows("LABELS")
equal("objects", sorted(mine), [1001, 1002, 1003, 1010, 1020, 1021, 1030, 1031, 1040, 1050, 1080, 1081, 1091, 3071])
got = sorted((size[i], value * 8, size[t], inside) for s, i in mine.items() for _, value, t, inside in edges[i])
equal("edges", got, [(1001, 0, 1002, 0), (1001, 48, 3071, 0), (1002, 24, 1003, 0), (1002, 32, 1003, 17), (1003, 56, 1001, 0),
    (1030, 8, 1031, 0), (1031, 16, 1030, 0)])
equal("kinds", {labels[l][:2] for e in edges for l, _, _, _ in e}, {(3, 11)})
equal("inside", all((labels[l][2] & 2 != 0) == (i != 0) for e in edges for l, _, _, i in e), True)
roots = d.rows("ROOTS")
where = lambda s: sorted({(r[0], r[6]) for r in roots if r[5] == mine[s]})
GLOBAL, STACK, TLS, REGION = 1, 2, 4, 8
equal("a global", where(1001), [(GLOBAL, 0)])
equal("a global into the interior", where(1010), [(GLOBAL, 40)])
equal("held by objects only", [where(s) for s in (1002, 1003, 3071)], [[], [], []])
equal("thread-local, main", where(1020), [(TLS, 0)])
equal("thread-local, other", (TLS, 0) in where(1021), True) # and where it came through on the stack
equal("mapped memory", where(1050), [(REGION, 0)])
equal("stack, main", where(1080), [(STACK, 0)])
equal("stack, other", where(1081)[:1], [(STACK, 0)])
equal("stack, other, left for a coroutine", (STACK, 0) in where(1091), True)
equal("lost ones have no root", [where(s) for s in (1030, 1031, 1040)], [[], [], []])
seen, todo = set(), [r[5] for r in roots]
while todo:
    i = todo.pop()
    if i not in seen:
        seen.add(i)
        todo += [t for _, _, t, _ in edges[i]]
equal("unreachable", sorted(size[i] for i in range(len(size)) if i not in seen), [1030, 1031, 1040])
address = int(open(sys.argv[2] + "/out").read().split()[2], 16)
modules = d.rows("MODULES")
place = [r for r in roots if r[5] == mine[1001]][0]
equal("a global's module and offset", modules[place[3] - 1][2] + place[4], address)
stack = int(open(sys.argv[2] + "/out").read().split()[3], 16)
equal("a stack slot's address", stack in [r[4] for r in roots if r[5] == mine[1080]], True)
equal("summary", sum(r[3] for r in d.rows("SUMMARY")), len(size))
equal("summary's bytes", sum(r[4] for r in d.rows("SUMMARY")), sum(size))
equal("meta", [d.meta[k] for k in ("reason", "label", "native")], ["call", "native", "yes"])
equal("threads", sorted(r[5] == 2 for r in d.rows("THREADS")), [False, False, False, True])
equal("losses", [k for k, v in d.counters.items() if k.startswith("lost.") and v], [])
sys.exit(bad > 0)
PY
python3 "$TMP/expect.py" "$ROOT" "$TMP" || failed=1
exit $failed
