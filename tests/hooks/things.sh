#!/usr/bin/env bash
# Counted references from a program of our own to the answer: exact paths for a reference that is forgotten and for one given back twice, silence for
# what is balanced, eight threads with snapshots meanwhile, fork, selection by type, bounds, a single object's life.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
HERE=$ROOT/tests/hooks/programs
if ! gcc -g -O1 -rdynamic -o things "$HERE/things.c" -lpthread 2>gcc.log; then fail "hooks: program" "$(head -3 gcc.log)"; exit 1; fi
# things NAME ARGUMENT...: runs it under its rules; the dump is NAME.rgd
things() {
	local name=$1; shift
	shim env REFGRAPH_RULES="$HERE/things.rules" REFGRAPH_DUMP="$name.%n.rgd" "$@" >"$name.out" 2>"$name.err"
	mv "$name.1.rgd" "$name.rgd" 2>/dev/null
}
export REFGRAPH_ON_EXIT=1
# first NAME [COLUMNS]: the first row, in few words
first() { "$REFGRAPH" balance --no-header --columns "${2:-type,finding,objects,net,per_object,refs,unrefs,path}" "$1.rgd" | head -1 | sed 's/  */ /g; s/+0x[0-9a-f]*//g; s/ $//'; }

things clean ./things clean
equal "hooks: balanced lives are one line" "$("$REFGRAPH" balance clean.rgd)" "balanced: 20 objects ended, 0 live; none has a reference that nobody gave back"
things leak ./things leak
line=$(grep -n 'thing_ref(thing);' "$HERE/things.c" | sed -n 3p | cut -d: -f1)
back=$(grep -n 'thing_unref(thing);' "$HERE/things.c" | sed -n 3p | cut -d: -f1)
equal "hooks: a forgotten reference is the first row" "$(first leak)" "Thing leak 3 +3 1.0 3 0 bad_handler (things.c:$line) < serve < run_leak < main"
equal "hooks: and where it is usually given back" "$(first leak usually)" "bad_handler (things.c:$back)"
equal "hooks: it is the only row" "$("$REFGRAPH" balance --json leak.rgd | wc -l)" 1
equal "hooks: nothing else nets anything" "$("$REFGRAPH" balance --all --json leak.rgd | grep -c '"net":0,')" 6
equal "hooks: the tree ends in the line" "$("$REFGRAPH" balance --tree --no-header --columns path leak.rgd | sed 's/^ *//; s/+0x[0-9a-f]*//' | tr '\n' '/')" "main > run_leak > serve > bad_handler (things.c:$line)/"
"$REFGRAPH" balance --fail leak.rgd >/dev/null 2>&1
equal "hooks: --fail" "$?" 1
"$REFGRAPH" balance --fail clean.rgd >/dev/null 2>&1
equal "hooks: --fail of what is balanced" "$?" 0
"$REFGRAPH" balance --format dot leak.rgd >leak.dot
contains "hooks: the drawing has the culprit" "$(cat leak.dot)" "bad_handler"
equal "hooks: a life, call by call" "$("$REFGRAPH" refcount --replay --no-header --columns kind,before,after,function 'Thing[0]' leak.rgd | sed 's/  */ /g' | tr '\n' '/')" \
	"create 0 1 thing_new/ref 1 2 thing_ref/ref 2 3 thing_ref/unref 3 2 thing_unref/unref 2 1 thing_unref/ref 1 2 thing_ref/unref 2 1 thing_unref/"
contains "hooks: info tells what is hooked" "$("$REFGRAPH" info leak.rgd)" "3 functions at their entry; 157 calls"
contains "hooks: leaks still knows the blocks" "$("$REFGRAPH" leaks leak.rgd)" "definitely lost: 72 bytes in 3 blocks"

things forget ./things forget
equal "hooks: a birth that is forgotten" "$(first forget)" "Thing leak 1 +1 1.0 1 0 forget (things.c:$(grep -n -A2 'void forget(void)' "$HERE/things.c" | sed -n 3p | cut -d- -f1)) < main"

things surplus env REFGRAPH_TOMBSTONES=1000 REFGRAPH_VERBOSE=1 ./things surplus
equal "hooks: an unref too many is the first row" "$(first surplus)" "Thing surplus 1 -1 -1.0 0 1 rude_handler (things.c:$(grep -n -A3 'void rude_handler' "$HERE/things.c" | sed -n 4p | cut -d- -f1)) < run_surplus < main"
contains "hooks: and a line at once" "$(cat surplus.err)" "Thing: thing_unref of 0x"
address=$(python3 - "$ROOT" surplus.rgd <<'P'
import sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
print(["0x%x" % r[1] for r in rgd.Dump(sys.argv[2]).rows("COUNTED") if r[0] == 1][0])
P
)
equal "hooks: a tombstone's life" "$("$REFGRAPH" refcount --replay --no-header --columns kind "$address" surplus.rgd | tail -2 | tr '\n' '/')" "unref/unref after its end/"

things types env REFGRAPH_TRACK_TYPES='Od?,Nothing' ./things keep
equal "hooks: one type of two is followed" "$("$REFGRAPH" refcount --replay --no-header --columns kind 'Odd' types.rgd 2>&1 | grep -c create) $("$REFGRAPH" balance --type Even types.rgd)" "50 balanced: 0 objects ended, 0 live; none has a reference that nobody gave back"
contains "hooks: calls of the others are counted" "$("$REFGRAPH" info types.rgd)" "500 calls"
things few env REFGRAPH_HOOK_MEMORY=1M ./things keep
contains "hooks: little memory: a loss that is told" "$("$REFGRAPH" info few.rgd; cat few.err)" "counter.lost.hook.memory"

# The child goes on with what it has inherited; both tell their own.
things fork ./things fork
mv fork.2.rgd child.rgd 2>/dev/null
for name in fork child; do
	[ "$("$REFGRAPH" info "$name.rgd" | grep -c 'fork.parent')" = 1 ] && child=$name || parent=$name
done
equal "hooks: fork: the program does not notice" "$(cat fork.out)" "child 0"
equal "hooks: fork: the parent keeps its hundred" "$("$REFGRAPH" balance "${parent:-none}.rgd")" "balanced: 0 objects ended, 100 live; none has a reference that nobody gave back"
contains "hooks: fork: the child's own leak" "$("$REFGRAPH" balance "${child:-none}.rgd")" "Thing: 3 of 3 that live should be gone; 27 ended"
equal "hooks: fork: the child ended fifty" "$("$REFGRAPH" balance --all --json --type Odd "${child:-none}.rgd" | wc -l)" 0

# Calls that longjmp leaves, more than there are places for: what begins later is seen to begin.
things jump ./things jump
equal "hooks: jumps over calls: births are still seen" "$(first jump)" "Thing leak 3 +3 1.0 3 0 bad_handler (things.c:$line) < serve < run_leak < main"

# A thread's places for calls under way go to the next one.
things births ./things births
equal "hooks: a thread for each request: no memory is left behind" "$(cat births.out)" "births done"
equal "hooks: and each birth is seen" "$("$REFGRAPH" balance births.rgd)" "balanced: 480 objects ended, 0 live; none has a reference that nobody gave back"

# Coroutines that go from thread to thread within hooked calls, more than there are places for: the returns of 1024 are seen, twice.
things coroutines ./things coroutines
equal "hooks: coroutines: the program is as it was" "$(cat coroutines.out coroutines.err)" "coroutines done"
contains "hooks: coroutines: all calls are seen" "$("$REFGRAPH" info coroutines.rgd)" "3 functions at their entry; 48000 calls"
contains "hooks: coroutines: a return that is not seen is counted" "$("$REFGRAPH" info coroutines.rgd | tr -s ' ')" "counter.lost.hook.returns 3952"

if command -v valgrind >/dev/null; then
	things valgrind valgrind -q --tool=none ./things leak
	equal "hooks: valgrind has nothing to say of us" "$(cat valgrind.err)" ""
	equal "hooks: below it: a forgotten reference" "$(first valgrind finding,objects,net)" "leak 3 +3"
else
	skip "hooks: below valgrind" "not installed"
fi

if gcc -g -O1 -rdynamic -o vectors "$HERE/vectors.c" -lpthread 2>gcc.log; then
	things vectors ./vectors
	equal "hooks: the recorder leaves vector registers and errno alone" "$(cat vectors.out)" "vectors done"
	contains "hooks: and had them all" "$("$REFGRAPH" info vectors.rgd)" "3 functions at their entry"
else
	fail "hooks: program of vectors" "$(head -3 gcc.log)"
fi
exit $failed
