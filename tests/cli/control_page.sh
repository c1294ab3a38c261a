#!/usr/bin/env bash
# ps, snapshot, mark, watch against control pages of processes that only pretend to be under the shim: every answer, every
# refusal, stale and hostile entries.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
FAKE=$O/tests/tools/control_fake
dir=/dev/shm/refgraph-$(id -u)

# fake [OPTION...]: starts one, sets $pid; what it was asked is in $TMP/fake.PID
fake() {
	local log
	log=$(mktemp "$TMP/fake.XXXXXX")
	"$FAKE" "$@" >"$log" 2>&1 </dev/null &
	pid=$!
	test_pids+=("$pid"); disown "$pid"
	wait_for 5 grep -q '^ready' "$log" || fail "fake $*" "$(cat "$log")"
	asked=$log
}
refuses() { # NAME STATUS TEXT COMMAND...: exit status, and one line on stderr that holds TEXT
	local name=$1 status=$2 text=$3; shift 3
	"$@" >out 2>err; equal "$name status" $? "$status"
	contains "$name" "$(cat err)" "$text"
	equal "$name lines" "$(wc -l <err) $(wc -c <out)" "1 0"
}

# ---- an ordinary one: its page is out of date until it is asked; a mark adds 10 objects and 1000 bytes
fake --program "/usr/bin/my prog"
equal "ps: row" "$("$REFGRAPH" ps --json | grep "\"pid\":$pid," )" \
"{\"pid\":$pid,\"objects\":22,\"bytes\":4456,\"epoch\":1,\"snapshots\":0,\"state\":\"ready\",\"program\":\"/usr/bin/my prog\",\"parent_pid\":$$,\"inner_pid\":$pid,\"page\":\"$(ls -d $dir/$pid-*)\"}"
equal "ps: text" "$("$REFGRAPH" ps | head -1 | tr -s ' ' | sed 's/^ //')" "PID OBJECTS BYTES EPOCH SNAPSHOTS STATE PROGRAM"
equal "ps: sizes for people" "$("$REFGRAPH" ps | grep "^ *$pid " | tr -s ' ' | sed 's/^ //')" "$pid 22 4.4 KiB 1 0 ready /usr/bin/my prog"

equal "snapshot: prints the path" "$("$REFGRAPH" snapshot $pid -o here.rgd --label 'läbel one' --deadline 7 2>&1)" "$TMP/here.rgd"
equal "snapshot: the dump is there" "$(cat here.rgd)" "fake dump"
contains "snapshot: absolute name, label, deadline in ms" "$(cat "$asked")" "snapshot $TMP/here.rgd läbel one 7000"
equal "snapshot: own name" "$("$REFGRAPH" snapshot $pid)" "/tmp/fake.$pid.rgd"
rm -f "/tmp/fake.$pid.rgd"
equal "snapshot: absolute name stays" "$("$REFGRAPH" snapshot $pid -o "$TMP/a b'\"ü.rgd")" "$TMP/a b'\"ü.rgd"
equal "snapshot: -v" "$("$REFGRAPH" snapshot $pid -v -o x.rgd 2>&1 >/dev/null)" \
	"refgraph: 100 objects, 200 edges, 10 bytes; the program paused for 1.5 ms, the dump took 20.5 ms"
long=$(printf 'x%.0s' $(seq 1100))
refuses "snapshot: name too long" 3 "the name of the dump file is too long" "$REFGRAPH" snapshot $pid -o "$long"
refuses "snapshot: folder missing" 3 "cannot write $TMP/no/x.rgd" "$REFGRAPH" snapshot $pid -o no/x.rgd

equal "mark: prints the epoch" "$("$REFGRAPH" mark $pid 'after warm-up')" 6
contains "mark: label" "$(cat "$asked")" "mark after warm-up"
equal "mark: without label" "$("$REFGRAPH" mark $pid)" 7

"$REFGRAPH" watch $pid --count 3 >watched & watcher=$!
wait_for 10 grep -q . watched; "$REFGRAPH" mark $pid >/dev/null; wait $watcher
equal "watch: lines to a pipe" "$(sed 's/resident.*, epoch/resident R, epoch/; s/^[0-9]* s/T s/' watched | sed '2d')" \
"T s: 42 objects (+0), 6.3 KiB (+0), resident R, epoch 7, 4 snapshots
T s: 52 objects (+10), 7.3 KiB (+1000), resident R, epoch 8, 4 snapshots"
equal "watch: json" "$("$REFGRAPH" watch $pid --count 1 --json | sed 's/"resident":[1-9][0-9]*/"resident":R/; s/"milliseconds":[0-9]*/"milliseconds":T/')" \
"{\"pid\":$pid,\"milliseconds\":T,\"objects\":52,\"bytes\":7456,\"resident\":R,\"epoch\":8,\"snapshots\":4}"
"$REFGRAPH" watch $pid >watched-to-its-end 2>watch.err & watcher=$!
wait_for 10 grep -q . watched-to-its-end; kill -9 $pid; wait $watcher
equal "watch: ends with the process" $? 0
equal "watch: without complaint" "$(cat watch.err)" ""

# ---- two at a time, and slow ones
fake --delay 600
"$REFGRAPH" snapshot $pid -o slow1.rgd >out1 & one=$!
"$REFGRAPH" snapshot $pid -o slow2.rgd >out2; wait $one
equal "snapshot: two at a time take turns" "$(cat out1 out2 | sort) $(grep -c '^snapshot' "$asked")" "$TMP/slow1.rgd
$TMP/slow2.rgd 2"
"$REFGRAPH" snapshot $pid -o slow3.rgd >out1 & one=$!
wait_for 5 grep -q slow3 "$asked"
contains "ps: busy one" "$("$REFGRAPH" ps --json | grep "\"pid\":$pid,")" '"state":"busy"'
wait $one
fake --ready-after 300
equal "snapshot: waits for a start" "$("$REFGRAPH" snapshot $pid -o started.rgd)" "$TMP/started.rgd"
fake --partial --message "a walker failed"
equal "snapshot: partial" "$("$REFGRAPH" snapshot $pid -o partial.rgd 2>err; cat err)" "$TMP/partial.rgd
refgraph: the dump is marked partial: a walker failed"

# ---- refusals: each says what to do
refuses "no such process" 3 "there is no process 2147483646" "$REFGRAPH" snapshot 2147483646
refuses "no number" 2 "'12x' is no process number" "$REFGRAPH" snapshot 12x
refuses "negative number" 2 "" "$REFGRAPH" mark -- -5
sleep 1000 & sleeper=$!; test_pids+=("$sleeper"); disown "$sleeper"
refuses "not under the shim" 3 "process $sleeper (sleep) is not under the shim: start it with \`refgraph run\`" "$REFGRAPH" snapshot $sleeper
fake --status 28 --message "no space left in /x: choose another folder with -o"
refuses "shim's own message" 3 "process $pid (control_fake): no space left in /x: choose another folder with -o" "$REFGRAPH" snapshot $pid
fake --status 28
refuses "status without message" 3 "No space left on device" "$REFGRAPH" snapshot $pid
fake --state 2
refuses "no helper" 3 "it has no helper thread" "$REFGRAPH" snapshot $pid
contains "ps: no helper" "$("$REFGRAPH" ps --json | grep "\"pid\":$pid,")" '"state":"no-helper"'
fake --state 3; refuses "sandboxed" 3 "its sandbox (seccomp)" "$REFGRAPH" snapshot $pid
fake --state 4; refuses "exiting" 3 "it is exiting" "$REFGRAPH" mark $pid
fake --state 5; refuses "turned off" 3 "the shim turned itself off in it" "$REFGRAPH" watch $pid
fake --state 77; refuses "state of the future" 3 "it is in a state that this refgraph does not know" "$REFGRAPH" snapshot $pid --timeout 1
fake --die; refuses "ends while asked" 3 "it ended before it answered" "$REFGRAPH" snapshot $pid
fake --hang
refuses "timeout" 3 "no answer within 1 s" "$REFGRAPH" snapshot $pid --timeout 1
kill -STOP $pid
refuses "stopped" 3 "it is stopped (SIGSTOP or a debugger)" "$REFGRAPH" snapshot $pid --timeout 1
contains "ps: stopped" "$("$REFGRAPH" ps --json | grep "\"pid\":$pid,")" '"state":"stopped"'
kill -CONT $pid
fake --version 99
refuses "page of another version" 3 "process $pid (control_fake) is not under the shim" "$REFGRAPH" snapshot $pid

# ---- stale entries
page_of() { ls -d "$dir/$1"-* 2>/dev/null; }
fake --leave; gone=$pid; kill -9 $gone;
wait_for 5 test ! -e "/proc/$gone"
"$REFGRAPH" ps --json >out
equal "stale: not listed" "$(grep -c "\"pid\":$gone," out)" 0
equal "stale: removed" "$(page_of $gone)" ""
fake --start 12345 --pid $$
equal "pid reuse: not listed" "$("$REFGRAPH" ps --json | grep -c "\"pid\":$$,")" 0
equal "pid reuse: entry removed" "$(page_of $$)" ""

# ---- what else may lie there: never followed, never touched
fake; real=$(page_of $pid)
echo precious >precious
ln -s "$TMP/precious" "$dir/999999991-1"
mkdir "$dir/999999992-1"
mkfifo "$dir/999999993-1"; chmod 600 "$dir/999999993-1"
head -c 100 "$real" >"$dir/999999994-1"; chmod 600 "$dir/999999994-1"
: >"$dir/not-a-page"; chmod 600 "$dir/not-a-page"
cp "$real" "$dir/999999995-1"; chmod 666 "$dir/999999995-1"
ln "$real" "$dir/hard-link" 2>/dev/null
ln "$dir/hard-link" "$dir/999999996-1"; rm "$dir/hard-link"
timeout 20 "$REFGRAPH" ps --json >out 2>err; equal "hostile entries: ps ends well" "$? $(cat err)" "0 "
equal "hostile entries: untouched" "$(cat precious) $(ls -d $dir/99999999[1-6]-1 "$dir/not-a-page" | wc -l)" "precious 7"
rm -rf $dir/99999999[1-6]-1 "$dir/not-a-page"
contains "hostile entries: the real one again" "$("$REFGRAPH" ps --json)" "\"pid\":$pid,"
fake --program "$(printf 'evil\033]0;x\007\nname\302\233')"
contains "names are made printable" "$("$REFGRAPH" ps --json | grep "\"pid\":$pid,")" '"program":"evil?]0;x??name??"'

# ---- other users, other namespaces
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$TMP"
	cp "$REFGRAPH" "$TMP/rg"; cp "$FAKE" "$TMP/fk"
	fake; root_pid=$pid
	as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
	refuses "another user's process" 3 "process $root_pid (control_fake) belongs to root: run this as that user or as root" as_nobody "$TMP/rg" snapshot $root_pid
	FAKE_ROOT=$FAKE; FAKE=as_nobody_fake
	as_nobody_fake() { exec setpriv --reuid 65534 --regid 65534 --clear-groups "$TMP/fk" "$@"; }
	fake; nobody_pid=$pid
	contains "root sees all users" "$("$REFGRAPH" ps --json)" "\"pid\":$nobody_pid,"
	equal "a user sees own ones only" "$(as_nobody "$TMP/rg" ps --json | grep -cE "\"pid\":($root_pid|$nobody_pid),")" 1
	chmod 777 /dev/shm/refgraph-65534
	equal "an open folder is not trusted" "$("$REFGRAPH" ps --json | grep -c "\"pid\":$nobody_pid,")" 0
	chmod 700 /dev/shm/refgraph-65534
	mkdir -m 700 /dev/shm/refgraph-65533; cp "$(ls -d /dev/shm/refgraph-65534/$nobody_pid-*)" /dev/shm/refgraph-65533/
	kill -9 $nobody_pid; wait_for 5 test ! -e "/proc/$nobody_pid"
	"$REFGRAPH" ps >/dev/null
	equal "a folder under another user's name is not touched" "$(ls /dev/shm/refgraph-65533 | wc -l)" 1
	rm -rf /dev/shm/refgraph-65533
	equal "root cleans up for users" "$(ls -d /dev/shm/refgraph-65534/$nobody_pid-* 2>/dev/null)" ""
	FAKE=$FAKE_ROOT
else
	skip "other users" "needs root and setpriv"
fi

if unshare --pid --mount --fork true 2>/dev/null; then
	contained() { exec unshare --pid --mount --fork --kill-child sh -c "mount -t tmpfs none /dev/shm && mount -t tmpfs none /mnt && exec '$O/tests/tools/control_fake'"; }
	FAKE=contained
	fake; outer=$pid
	inner=$(pgrep -P $outer control_fake)
	row=$("$REFGRAPH" ps --json | grep "\"pid\":$inner,")
	contains "container: listed under our pid" "$row" "\"pid\":$inner,"
	contains "container: with its own pid" "$row" '"inner_pid":1,'
	equal "container: snapshot by our pid" "$("$REFGRAPH" snapshot $inner -o /mnt/in.rgd)" "/proc/$inner/root/mnt/in.rgd"
	equal "container: the printed path works" "$(cat /proc/$inner/root/mnt/in.rgd)" "fake dump"
	# the same folder, seen through its root as well, is judged but once; one that names another user stays untouched
	mkdir -m 700 /proc/$inner/root/dev/shm/refgraph-65533; cp "/proc/$inner/root$dir/"1-* /proc/$inner/root/dev/shm/refgraph-65533/77-1
	"$REFGRAPH" ps --json >out; equal "container: listed once" "$(grep -c "\"pid\":$inner," out) $(ls /proc/$inner/root/dev/shm/refgraph-65533)" "1 77-1"
	contains "container: label arrives" "$("$REFGRAPH" mark $inner x; cat "$asked")" "mark x"
else
	skip "container" "no namespaces here"
fi
exit $failed
