#!/usr/bin/env bash
# What goes wrong in the walker and on the disk costs the dump, gives one clear line, and leaves the program alone.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -g -pthread -o "$TMP/faults" "$ROOT/tests/shim/snap/faults.c" || { fail "faults: build"; exit 1; }
well=", children 0, errno 0"
# none_left NAME FOLDER: neither a dump nor one in the making
none_left() { equal "faults: $1: nothing left" "$(ls "$2" 2>/dev/null)" ""; }

# a walker that hangs and whose parent has died: its own timer ends it, a few seconds later; looked for at the end of this file
mkdir "$TMP/orphan"
REFGRAPH_TEST_FAULT=hang-timed REFGRAPH_DEADLINE=3s REFGRAPH_DIR=$TMP/orphan LD_PRELOAD=$SHIM "$TMP/faults" >/dev/null 2>&1 &
orphaned=$!; test_pids+=($orphaned)
walker_of() { ps -o pid=,comm= --ppid "$1" | awk '$2 == "refgraph-walk" { print $1; n++ } END { exit !n }'; }
if wait_for 20 walker_of $orphaned; then
	walker=$(walker_of $orphaned); test_pids+=($walker)
else
	fail "faults: a walker to be orphaned" "none"
fi
gone() { ! grep -q '^refgraph-walk$' "/proc/$1/comm"; }
{ kill -9 $orphaned; wait $orphaned; } 2>/dev/null

# planted: by REFGRAPH_TEST_FAULT
planted() {
	local fault=$1 want=$2 dir=$TMP/$1; shift 2
	mkdir "$dir"
	equal "faults: $fault" "$(timeout 60 env "$@" REFGRAPH_TEST_FAULT=$fault REFGRAPH_DIR="$dir" LD_PRELOAD=$SHIM "$TMP/faults" 2>&1)" "$want$well"
	none_left "$fault" "$dir"
}
planted crash "Bad address"
equal "faults: the program's handler of a fault is not the walker's" \
	"$(REFGRAPH_TEST_FAULT=crash REFGRAPH_DIR=$TMP/crash LD_PRELOAD=$SHIM "$TMP/faults" handler="$TMP/witness" 2>&1) $(ls "$TMP/witness" 2>/dev/null)" \
	"Bad address$well "
planted hang "Connection timed out" REFGRAPH_DEADLINE=1s
planted walker-enomem "Cannot allocate memory"
planted write "No space left on device"
planted clone "Resource temporarily unavailable"

# each copy is torn, because somebody moved: the last one is kept, and says what it is
mkdir "$TMP/moved"
equal "faults: torn copies" "$(REFGRAPH_TEST_FAULT=moved REFGRAPH_DIR=$TMP/moved LD_PRELOAD=$SHIM "$TMP/faults" 2>&1)" "fine$well"
contains "faults: a torn copy is marked" "$("$REFGRAPH" check "$TMP"/moved/*.rgd 2>&1)" "marked partial: a thread ran while"
equal "faults: and says why" "$("$REFGRAPH" info "$TMP"/moved/*.rgd | sed -n 's/^\(complete\|meta.partial\|counter.freeze.[a-z]*\|counter.lost.threads\)  */\1=/p' | sort | tr '\n' ' ')" \
	"complete=no: marked partial counter.freeze.held=0 counter.freeze.retries=19 counter.freeze.torn=1 counter.lost.threads=0 meta.partial=a thread ran while the memory was copied, in each of the tries "

# a walker that may yet be killed, because somebody moved, has made no file; it does not wait for a parent that is gone
mkdir "$TMP/verdict"
REFGRAPH_TEST_FAULT=verdict REFGRAPH_DIR=$TMP/verdict LD_PRELOAD=$SHIM "$TMP/faults" >"$TMP/verdict.out" 2>&1 &
waiting=$!; test_pids+=($waiting)
if wait_for 20 walker_of $waiting; then
	sleep 1 # a walker that does not wait is through in milliseconds
	equal "faults: no file before the verdict" "$(ls "$TMP/verdict") $(walker_of $waiting | wc -l)" " 1"
	wait $waiting
	equal "faults: a file after the verdict" "$(cat "$TMP/verdict.out") $(ls "$TMP/verdict" | grep -c '\.rgd$')" "fine$well 1"
else
	fail "faults: a walker that waits for its verdict" "none"
fi
rm -f "$TMP"/verdict/*
REFGRAPH_TEST_FAULT=verdict REFGRAPH_DIR=$TMP/verdict LD_PRELOAD=$SHIM "$TMP/faults" >/dev/null 2>&1 &
waiting=$!; test_pids+=($waiting)
if wait_for 20 walker_of $waiting; then
	waiter=$(walker_of $waiting); test_pids+=($waiter)
	{ kill -9 $waiting; wait $waiting; } 2>/dev/null
	if wait_for 20 gone "$waiter"; then ok "faults: no verdict from a dead parent"; else fail "faults: no verdict from a dead parent" "the walker waits on"; fi
	none_left "no verdict" "$TMP/verdict"
fi

# the disk: small and then read-only, mounted where only this child sees it
mkdir "$TMP/small" "$TMP/dir" "$TMP/ro"
small() {
	mount -t tmpfs -o size=4k none "$TMP/small" || exit 77
	REFGRAPH_DIR=$TMP/small LD_PRELOAD=$SHIM "$TMP/faults" 2>&1; ls "$TMP/small"
	mount -o remount,ro "$TMP/small"
	REFGRAPH_DIR=$TMP/small LD_PRELOAD=$SHIM "$TMP/faults" 2>&1; ls "$TMP/small"
}
export -f small; export TMP SHIM
if disk=$(unshare --mount --propagation private bash -c small 2>/dev/null); then
	equal "faults: a full disk, a read-only one: said, nothing left" "$disk" "No space left on device$well
Read-only file system$well"
else
	skip "faults: a full disk" "no right to mount"
fi
equal "faults: RLIMIT_FSIZE" "$(REFGRAPH_DIR=$TMP/dir LD_PRELOAD=$SHIM "$TMP/faults" fsize=2000 2>&1)" "File too large$well"
equal "faults: RLIMIT_FSIZE of 0" "$(REFGRAPH_DIR=$TMP/dir LD_PRELOAD=$SHIM "$TMP/faults" fsize=0 2>&1)" "File too large$well"
none_left "RLIMIT_FSIZE" "$TMP/dir"
equal "faults: RLIMIT_NOFILE" "$(REFGRAPH_DIR=$TMP/dir LD_PRELOAD=$SHIM "$TMP/faults" nofile=3 2>&1)" "fine$well"
rm -f "$TMP"/dir/*
# nothing but the walker's own care: no helper that has closed them already
for limit in nofile=3 softfile=0 softspace=1024; do
	equal "faults: $limit, no helper" "$(REFGRAPH_HELPER=off REFGRAPH_DIR=$TMP/dir LD_PRELOAD=$SHIM "$TMP/faults" $limit 2>&1)" "fine$well"
	rm -f "$TMP"/dir/*
done
# a limit that nobody may raise: at once in the parent, and somewhere in the walker
for helper in on off; do
	for limit in hardspace=1024 hardspace=4096 hardspace=16384; do
		equal "faults: $limit, helper $helper" "$(REFGRAPH_HELPER=$helper REFGRAPH_DIR=$TMP/dir LD_PRELOAD=$SHIM "$TMP/faults" $limit 2>&1)" "Cannot allocate memory$well"
	done
done
none_left "a hard limit" "$TMP/dir"
equal "faults: no such folder" "$(REFGRAPH_DIR=$TMP/none LD_PRELOAD=$SHIM "$TMP/faults" 2>&1)" "No such file or directory$well"
ln -s "$TMP/dir/elsewhere" "$TMP/dir/link"
equal "faults: a link instead of the dump" "$(REFGRAPH_DUMP=link REFGRAPH_DIR=$TMP/dir LD_PRELOAD=$SHIM "$TMP/faults" 2>&1)" "File exists$well"
rm -f "$TMP"/dir/*
for i in 1 2 3; do REFGRAPH_DUMP=n.%n REFGRAPH_DIR=$TMP/dir LD_PRELOAD=$SHIM "$TMP/faults" >/dev/null; done
equal "faults: an existing name takes the next number" "$(ls "$TMP/dir" | tr '\n' ' ')" "n.1 n.2 n.3 "
rm -f "$TMP"/dir/*

# as the tool sees it
limit=
asked() { # ARGUMENT... : a running program, then refgraph snapshot with these arguments; its stderr in $said
	local pid; rm -f "$TMP/stay.out"
	REFGRAPH_DIR=$TMP/dir "${with[@]}" LD_PRELOAD=$SHIM "$TMP/faults" ${limit:-x} stay >"$TMP/stay.out" &
	pid=$!; test_pids+=($pid)
	wait_for 10 test -s "$TMP/stay.out"
	said=$("$REFGRAPH" snapshot "$pid" "$@" 2>&1 >"$TMP/asked.out"); rc=$?
	kill $pid; { wait $pid; } 2>/dev/null
}
with=(env)
touch "$TMP/exists"
asked -o "$TMP/exists"
contains "faults: an existing file is not overwritten" "$said" "exists and is not overwritten"
equal "faults: and is left as it was" "$(stat -c %s "$TMP/exists") $rc" "0 3"
asked -o "$TMP/none/x.rgd"
contains "faults: the tool says what to do" "$said" "no such folder; make it"
with=(env REFGRAPH_TEST_FAULT=crash)
asked
contains "faults: the tool hears of a crash" "$said" "the walker crashed (signal 11"
contains "faults: and of its phase" "$said" "in writing objects"
with=(env REFGRAPH_TEST_FAULT=hang REFGRAPH_DEADLINE=1s)
asked --deadline 1
contains "faults: the tool hears of a hang" "$said" "the walker was stopped after 1000 ms in writing objects"
with=(env)
limit=hardspace=1024
asked -o "$TMP/hard.rgd"
contains "faults: the tool hears of a hard limit" "$said" "no memory for the walker; the limit of the program's address space (ulimit -v) may be too low"
equal "faults: and no dump is left" "$rc $(ls "$TMP"/hard.rgd* 2>/dev/null)" "3 "
limit=
asked -o "$TMP/good.rgd"
equal "faults: mode and name of a dump" "$(stat -c %a "$TMP/good.rgd") $(cat "$TMP/asked.out")" "600 $TMP/good.rgd"
check "faults: the good one is sound" "$REFGRAPH" check "$TMP/good.rgd"

# a runtime's walker that crashes: everything else is there
mkdir "$TMP/py"
for python in $(pythons | head -1); do
	REFGRAPH_TEST_FAULT=adapter-crash REFGRAPH_DIR=$TMP/py LD_PRELOAD=$SHIM "$python" -c \
		'import ctypes; print(ctypes.CDLL(None).refgraph_snapshot(b""))' >"$TMP/py.out" 2>&1
	equal "faults: an adapter that crashes" "$(cat "$TMP/py.out")" 0
	contains "faults: its dump is marked" "$("$REFGRAPH" check "$TMP"/py/*.rgd 2>&1)" "marked partial"
	contains "faults: and says why" "$("$REFGRAPH" info "$TMP"/py/*.rgd 2>&1)" "its objects are only blocks here"
	rm -f "$TMP"/py/*
	REFGRAPH_DIR=$TMP/py LD_PRELOAD=$SHIM "$python" -c \
		'import ctypes
class Late:
	def __del__(self, snapshot=ctypes.CDLL(None).refgraph_snapshot): snapshot(b"")
late = Late(); late.itself = [late.__class__]' >"$TMP/py.out" 2>&1
	contains "faults: a runtime that is not to be had" "$("$REFGRAPH" check "$TMP"/py/*.rgd 2>&1)" "marked partial: the interpreter is finalizing: no Python objects"
done

if wait_for 60 gone "${walker:-0}"; then ok "faults: an orphan that hangs ends itself"; else fail "faults: an orphan that hangs ends itself" "it is there"; fi

# who may not write there
if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
	mkdir "$TMP/mine"; chmod 755 "$TMP" "$TMP/faults"; cp "$SHIM" "$TMP/shim.so"; chmod 644 "$TMP/shim.so"
	equal "faults: an unwritable folder" \
		"$(REFGRAPH_DIR=$TMP/mine LD_PRELOAD=$TMP/shim.so setpriv --reuid nobody --clear-groups "$TMP/faults" 2>&1)" "Permission denied$well"
	none_left "an unwritable folder" "$TMP/mine"
	SHIM=$TMP/shim.so; with=(setpriv --reuid nobody --clear-groups env); chown nobody "$TMP/dir"
	asked -o "$TMP/mine/x.rgd"
	contains "faults: the tool says who may not write" "$said" "the program's user may not write there"
else
	skip "faults: an unwritable folder" "needs root"
fi
exit $failed
