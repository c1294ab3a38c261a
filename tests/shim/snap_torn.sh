#!/usr/bin/env bash
# No dump shows what a thread was in the middle of: neither of one that woke up just before the clone, nor of one inside a hook, nor
# of one that got no processor for a while.
. "$(dirname "$0")/../lib.sh"
N=20
gcc -O1 -g -pthread -o "$TMP/torn" "$ROOT/tests/shim/snap/torn.c" &&
	gcc -O1 -g -shared -fPIC -o "$TMP/slow.so" "$ROOT/tests/shim/snap/slow.c" || { fail "torn: build"; exit 1; }
# what FOLDER: its dumps by what they hold
what() {
	python3 - "$ROOT" "$TMP/$1" <<-'PY'
	import collections, glob, sys
	sys.path.insert(0, sys.argv[1] + "/tests/tools")
	import rgd
	found = collections.Counter()
	for path in glob.glob(sys.argv[2] + "/*.rgd"):
	    d = rgd.Dump(path)
	    size, live = d.col("OBJECTS", 2), d.reachable()
	    held = [i for i in range(len(size)) if size[i] == 4321]
	    found["%d held, %d leaked, %d resized%s" % (len(held), sum(i not in live for i in held),
	          sum(s in (5432, 6543) for s in size), ", partial" if d.flags & 1 else "")] += 1
	for k, n in sorted(found.items()):
	    print(n, k)
	PY
}
# some time between the last look and the clone, so that sleepers do wake in it
mkdir "$TMP/sleepers" "$TMP/resizers" "$TMP/faulters"
equal "torn: sleepers: snapshots" "$(REFGRAPH_DIR=$TMP/sleepers REFGRAPH_TEST_FAULT=late-clone LD_PRELOAD=$SHIM "$TMP/torn" sleepers $N)" "failures 0"
equal "torn: sleepers that wake" "$(what sleepers)" "$N 2 held, 0 leaked, 0 resized"
equal "torn: resizers: snapshots" "$(REFGRAPH_DIR=$TMP/resizers LD_PRELOAD=$SHIM:$TMP/slow.so "$TMP/torn" resizers $N)" "failures 0"
equal "torn: threads inside realloc" "$(what resizers)" "$N 0 held, 0 leaked, 4 resized"
faulters=$(REFGRAPH_DIR=$TMP/faulters LD_PRELOAD=$SHIM "$TMP/torn" faulters $N)
if [ "$faulters" = "no userfaultfd" ]; then
	skip "torn: threads in page faults" "$faulters here"
else
	equal "torn: faulters: snapshots" "$faulters" "failures 0"
	equal "torn: threads in page faults" "$(what faulters)" "$N 2 held, 0 leaked, 0 resized"
fi

# whoever wakes up meanwhile waits, and finds everything as the kernel left it; signals come and go, children and threads too
gcc -O1 -g -pthread -o "$TMP/wakers" "$ROOT/tests/shim/snap/wakers.c" || { fail "torn: wakers: build"; exit 1; }
mkdir "$TMP/wakers.d"
equal "torn: wakers" "$(REFGRAPH_DIR=$TMP/wakers.d REFGRAPH_TEST_FAULT=late-clone LD_PRELOAD=$SHIM "$TMP/wakers" $N)" \
	"failures 0, bad 0 0 0 0 0 0 0, some naps, some signals"
equal "torn: wakers: held" "$(python3 - "$ROOT" "$TMP/wakers.d" <<-'PY'
	import glob, sys
	sys.path.insert(0, sys.argv[1] + "/tests/tools")
	import rgd
	dumps = [rgd.Dump(path) for path in glob.glob(sys.argv[2] + "/*.rgd")]
	print(len(dumps), "some" if max(d.counters["freeze.held"] for d in dumps) else "none")
	PY
)" "$N some"

# those that never allocate are held, too; a handler on an alternate stack is noticed: its thread is not taken for one that slept
gcc -O1 -g -fno-builtin -pthread -o "$TMP/asleep" "$ROOT/tests/shim/snap/sleepers.c" || { fail "torn: sleepers: build"; exit 1; }
asleep() { # KIND: what came of ten snapshots
	mkdir "$TMP/$1"
	REFGRAPH_DIR=$TMP/$1 REFGRAPH_TEST_FAULT=late-clone LD_PRELOAD=$SHIM "$TMP/asleep" "$1" 10
	python3 - "$ROOT" "$TMP/$1" <<-'PY'
		import glob, sys
		sys.path.insert(0, sys.argv[1] + "/tests/tools")
		import rgd
		dumps = [rgd.Dump(path) for path in glob.glob(sys.argv[2] + "/*.rgd")]
		most = {name: max(d.counters["freeze." + name] for d in dumps) for name in ("held", "retries")}
		print(len(dumps), "some" if most["held"] else "none", "held,", "few" if most["retries"] < 40 else "many", "retries")
	PY
}
equal "torn: threads that never allocate" "$(asleep quiet)" "failures 0
10 some held, few retries"
contains "torn: handlers on an alternate stack" "$(asleep signals)" "failures 0
10 none held, "

# a program that stands still in the middle of it, for longer than any thread is waited for, as on a machine without a processor for it
mkdir "$TMP/still"
REFGRAPH_DIR=$TMP/still REFGRAPH_TEST_FAULT=standstill LD_PRELOAD=$SHIM:$TMP/slow.so "$TMP/torn" resizers $N >"$TMP/still.out" &
still=$!; test_pids+=($still)
if wait_for 20 grep -q '^State:.T' /proc/$still/status; then
	sleep 2.5; kill -CONT $still; wait $still
	equal "torn: standstill: snapshots" "$(cat "$TMP/still.out")" "failures 0"
	equal "torn: standstill" "$(what still)" "$N 0 held, 0 leaked, 4 resized"
else
	fail "torn: standstill" "it does not stand still"
fi
exit $failed
