#!/usr/bin/env bash
# SNAPSHOTS (200) snapshots of a program with 8 threads that allocate, in each mode of tracking (or those in MODES); then the same while threads are made and
# end all the time: in each dump the planted leaks exactly, no call interrupted, no hang.
. "$(dirname "$0")/../lib.sh"
N=${SNAPSHOTS:-200}
gcc -O1 -g -pthread -o "$TMP/threads" "$ROOT/tests/shim/snap/threads.c" || { fail "snapshots: build"; exit 1; }

# judge NAME FOLDER
judge() {
	python3 - "$ROOT" "$2" "$1" "$N" <<'PY' || failed=1
import collections, glob, sys
root, folder, name, n = sys.argv[1:]
sys.path.insert(0, root + "/tests/tools")
import rgd
found, others, lost, partial = collections.Counter(), collections.Counter(), {}, []
for path in glob.glob(folder + "/*.rgd"):
    d = rgd.Dump(path)
    size, live = d.col("OBJECTS", 2), d.reachable()
    leaks = [size[i] for i in range(len(size)) if i not in live]
    found[leaks.count(4321)] += 1
    # libc keeps the stacks of ended threads for new ones, in memory that is no root, with ld.so's 288 bytes for their TLS
    others.update(s for s in leaks if s not in (4321, 288))
    if d.flags & 1:
        partial.append({k: v for k, v in d.meta.items() if k in ("partial", "label", "reason")})
    lost.update((k, v) for k, v in d.counters.items() if (k.startswith("lost.") or k == "freeze.torn") and v)
bad = 0
for what, got, want in (("the planted leaks in each dump", dict(found), {777: int(n)}), ("all complete", partial, []),
                        ("nothing lost", lost, {}), ("nothing else unreachable", dict(others), {})):
    print("ok %s: %s" % (name, what) if got == want else "not ok %s: %s: got %s, want %s" % (name, what, got, want))
    bad |= got != want
sys.exit(bad)
PY
}

for births in "" births; do
	for mode in ${MODES:-caller hybrid exact}; do
		name="snapshots, $mode${births:+, with $births}"
		mkdir "$TMP/dumps"
		REFGRAPH_DIR=$TMP/dumps REFGRAPH_STACKS=$mode shim timeout 1200 "$TMP/threads" "$N" $births >"$TMP/out"
		equal "$name: each made, no call interrupted" "$(cat "$TMP/out")" "failures 0 eintr 0"
		judge "$name" "$TMP/dumps"
		rm -rf "$TMP/dumps"
	done
done
exit $failed
