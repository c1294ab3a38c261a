#!/usr/bin/env bash
# run, ps, snapshot, mark, watch with the real shim: a C program and Python, a fork, a container, another user, a dump
# that cannot be written.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
unset REFGRAPH_LIB REFGRAPH_DIR LD_PRELOAD
export PYTHONDONTWRITEBYTECODE=1
PY=/usr/bin/python3
row() { "$REFGRAPH" ps --json | grep "\"pid\":$1,"; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }

cat >holder.c <<'C'
#include <stdio.h>
#include <stdlib.h>
void *held[1000];
int main(void)
{
	for (int i = 0; i < 1000; i++)
		held[i] = malloc(100 + i);
	printf("ready\n");
	fflush(stdout);
	while (getchar() == '\n') {
		held[0] = malloc(12345);
		printf("more\n");
		fflush(stdout);
	}
	return 3;
}
C
gcc -g -O1 -o "hold er" holder.c || exit 1
# begin COMMAND...: sets pid and file descriptor 9
begin() {
	rm -f in; mkfifo in
	"$@" <in >out 2>err & pid=$!
	test_pids+=("$pid")
	exec 9>in
	wait_for 20 grep -q ready out || fail "start $*" "$(cat out err)"
	[ "$1" = unshare ] || wait_for 20 sh -c "'$REFGRAPH' ps --json | grep -q '\"pid\":$pid,.*\"state\":\"ready\"'" || fail "ready $*" "$(row $pid)"
}

begin "$REFGRAPH" run --dir . -- "./hold er"
equal "ps: program" "$(row $pid | field program)" "$TMP/hold er"
equal "ps: objects" "$(($(row $pid | field objects) >= 1000))" 1
before=$(row $pid | field objects)
echo >&9; wait_for 5 grep -q more out
equal "ps: one more block" "$(row $pid | field objects)" $((before + 1))
equal "snapshot: path" "$("$REFGRAPH" snapshot $pid -o one.rgd --label 'before; "quoted"')" "$TMP/one.rgd"
equal "snapshot: private" "$(stat -c %a one.rgd)" 600
equal "snapshot: all blocks" "$("$REFGRAPH" count --where 'size >= 100 and size < 1100 and site ~ main' one.rgd)" 1000
contains "snapshot: label" "$("$REFGRAPH" info one.rgd)" 'before; "quoted"'
default=$("$REFGRAPH" snapshot $pid)
contains "snapshot: own name in --dir" "$default" "$TMP/hold er.$pid."
[ -f "$default" ] && ok "snapshot: own name exists" || fail "snapshot: own name exists" "$default"
epoch=$(row $pid | field epoch)
equal "mark: next epoch" "$("$REFGRAPH" mark $pid 'cache warm')" $((epoch + 1))
echo >&9; wait_for 5 sh -c '[ $(grep -c more out) = 2 ]'
"$REFGRAPH" snapshot $pid -o two.rgd >/dev/null
equal "mark: births after it" "$("$REFGRAPH" count --where "size == 12345 and epoch == $((epoch + 1))" two.rgd)" 1
equal "watch: three lines" "$("$REFGRAPH" watch $pid -n 3 | grep -c "^[0-9]* s: $((before + 2)) objects (+0), ")" 3
equal "ps: snapshots" "$(row $pid | field snapshots)" 3

"$REFGRAPH" snapshot $pid -o /no/such/folder/x.rgd >out.txt 2>err.txt; equal "unwritable folder: status" $? 3
contains "unwritable folder: says so" "$(cat err.txt)" "/no/such/folder"
ln -s "$TMP/elsewhere" link.rgd
"$REFGRAPH" snapshot $pid -o link.rgd >/dev/null 2>&1; [ ! -e elsewhere ] && ok "never through a link" || fail "never through a link" "$(ls -l)"
"$REFGRAPH" snapshot $pid -o after.rgd >/dev/null; equal "works again after a failure" "$("$REFGRAPH" count --where 'size >= 100 and size < 1100 and site ~ main' after.rgd)" 1000
kill -STOP $pid; sleep 0.2
"$REFGRAPH" snapshot $pid --timeout 1 2>err.txt; contains "stopped: says so" "$(cat err.txt)" "it is stopped"
kill -CONT $pid
exec 9>&-; wait $pid; equal "the program's own exit status" $? 3
equal "nothing on its standard error" "$(cat err)" ""
equal "no page is left" "$(ls -d /dev/shm/refgraph-*/$pid-* 2>/dev/null)" ""

# ---- picture of a C program: ends at its global
"$REFGRAPH" show-backrefs --where 'size == 101' one.rgd --json >json
contains "native: the global that holds it" "$(grep '"kind":"root"' json)" '"label":"held[1] in hold er"'

# ---- fork: the child has its own entry, and asks and answers for itself
cat >fork.py <<'P'
import os, sys
class Mine: pass
kept = [Mine() for i in range(10)]
child = os.fork()
if child == 0:
    kept += [Mine() for i in range(5)]
    open('child-ready', 'w').write(str(os.getpid()))
    sys.stdin.readline()
    os._exit(0)
print('ready', flush=True)
os.waitpid(child, 0)
P
begin "$REFGRAPH" run $PY fork.py
wait_for 10 test -s child-ready; child=$(cat child-ready)
wait_for 10 sh -c "'$REFGRAPH' ps --json | grep -q '\"pid\":$child,.*\"state\":\"ready\"'"
"$REFGRAPH" snapshot $pid -o parent.rgd >/dev/null; "$REFGRAPH" snapshot $child -o child.rgd >/dev/null
equal "fork: parent and child" "$("$REFGRAPH" count Mine parent.rgd) $("$REFGRAPH" count Mine child.rgd)" "10 15"
exec 9>&-; wait $pid

# ---- a container: another pid namespace and other /dev/shm; another root
if unshare --pid --mount --fork true 2>/dev/null; then
	begin unshare --pid --mount --fork --kill-child sh -c "mount -t tmpfs none /dev/shm; mount -t tmpfs none /mnt; cd /mnt; exec '$REFGRAPH' run '$TMP/hold er'" 2>/dev/null
	inner=$(pgrep -P $pid)
	wait_for 10 sh -c "'$REFGRAPH' ps --json | grep -q '\"pid\":$inner,.*\"state\":\"ready\"'"
	equal "container: own pid" "$(row $inner | field inner_pid)" 1
	equal "container: snapshot" "$("$REFGRAPH" snapshot $inner -o /mnt/c.rgd)" "/proc/$inner/root/mnt/c.rgd"
	equal "container: the dump" "$("$REFGRAPH" count --where 'size >= 100 and size < 1100 and site ~ main' /proc/$inner/root/mnt/c.rgd)" 1000
	exec 9>&-; wait $pid
else
	skip "container" "no namespaces here"
fi
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$TMP"; mkdir -m 777 "$TMP/for all"; cp "$SHIM" "$TMP/librefgraph.so"; cp "$REFGRAPH" "$TMP/refgraph"
	begin setpriv --reuid 65534 --regid 65534 --clear-groups "$TMP/refgraph" run --dir "$TMP/for all" "$TMP/hold er"
	equal "root asks a user's process" "$("$REFGRAPH" snapshot $pid -o "$TMP/for all/n.rgd"; stat -c %u "$TMP/for all/n.rgd")" "$TMP/for all/n.rgd
65534"
	exec 9>&-; wait $pid
else
	skip "another user" "needs root"
fi
exit $failed
