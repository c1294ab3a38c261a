#!/usr/bin/env bash
# A program of one thread stays one in libc's eyes, our helper or not, until the helper enters libc; the first snapshot meets it anywhere.
. "$(dirname "$0")/../lib.sh"
# an executable at a fixed address has a copy of libc's word
for way in "-fPIE -pie" "-fno-pie -no-pie"; do
	gcc -O1 -w -D_GNU_SOURCE $way -pthread -o "$TMP/single" "$ROOT/tests/shim/snap/single.c" || { fail "single: build $way"; exit 1; }
	equal "single: libc's belief, $way" "$(shim "$TMP/single" belief | tr '\n' ',')" \
		"start 1 1,child 1 1,parent 1 1,snapshot 0 0,thread 0 0,"
done
equal "single: without a helper nothing changes" "$(REFGRAPH_HELPER=off shim "$TMP/single" belief | tr '\n' ',')" \
	"start 1 1,child 1 1,parent 1 1,snapshot 1 1,thread 0 0,"
for i in 1 2 3 4 5 6; do
	rm -f "$TMP"/out "$TMP"/in; mkfifo "$TMP/in"
	LD_PRELOAD=$SHIM REFGRAPH_DIR=$TMP "$TMP/single" busy <"$TMP/in" >"$TMP/out" & pid=$!
	test_pids+=($pid)
	exec 3>"$TMP/in"
	wait_for 20 grep -q here "$TMP/out"
	"$REFGRAPH" snapshot $pid -o "$TMP/busy.$i.rgd" >/dev/null 2>&1 || echo "no snapshot" >>"$TMP/bad"
	exec 3>&-
	wait $pid || echo "status $?" >>"$TMP/bad"
	grep -q "^wrong 0$" "$TMP/out" || cat "$TMP/out" >>"$TMP/bad"
done
equal "single: first snapshots of a busy program: it goes on unharmed" "$(cat "$TMP/bad" 2>/dev/null)" ""
equal "single: each planted block is there, nothing lost" "$(python3 - "$ROOT" "$TMP" <<'PY'
import glob, sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
for path in glob.glob(sys.argv[2] + "/busy.*.rgd"):
    d = rgd.Dump(path)
    print(list(d.col("OBJECTS", 2)).count(4300), sum(v for k, v in d.counters.items() if k.startswith("lost.")), end=", ")
PY
)" "777 0, 777 0, 777 0, 777 0, 777 0, 777 0, "
exit $failed
