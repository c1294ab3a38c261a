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
# busy COMMAND...: refgraph with this command meets the busy program
busy() {
	local pid
	rm -f "$TMP"/out "$TMP"/in; mkfifo "$TMP/in"
	LD_PRELOAD=$SHIM REFGRAPH_DIR=$TMP "$TMP/single" busy <"$TMP/in" >"$TMP/out" & pid=$!
	test_pids+=($pid)
	exec 3>"$TMP/in"
	wait_for 20 grep -q here "$TMP/out"
	"$REFGRAPH" "$1" $pid "${@:2}" >/dev/null 2>&1 || echo "no $*" >>"$TMP/out"
	exec 3>&-
	wait $pid || echo "status $?" >>"$TMP/out"
	tr '\n' , <"$TMP/out"
}
equal "single: a question changes nothing" "$(busy track)" "here,wrong 0 single 1,"
equal "single: another mode does" "$(busy track caller)" "here,wrong 0 single 0,"
for i in 1 2 3 4 5 6; do
	busy snapshot -o "$TMP/busy.$i.rgd" >>"$TMP/all"
done
equal "single: first snapshots of a busy program: it goes on unharmed" "$(tr , '\n' <"$TMP/all" | sort | uniq -c | sed 's/^ *//' | tr '\n' ,)" \
	"6 here,6 wrong 0 single 0,"
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
