#!/usr/bin/env bash
# balance and refcount --replay on a made dump: pairs learned from lives that ended, a tombstone, folded events, floating and deferred references; and
# what a forged dump may not do.
. "$(dirname "$0")/../lib.sh"
"$O/tests/tools/mkdump" -o "$TMP/b.rgd" "$ROOT/tests/graphs/balance.txt" || { fail "balance: made dump" ""; exit 1; }
rg() { "$REFGRAPH" "$@" "$TMP/b.rgd" 2>&1 | sed 's/  */ /g; s/ $//'; }
equal "balance: the culprits" "$(rg balance --no-header --columns type,finding,objects,net,refs,unrefs,path,usually)" \
	"$(printf 'Session leak 1 +1 1 0 (fail) < main (fail)\nSession surplus 1 -1 0 1 (rude) < main')"
equal "balance: what nets nothing, too" "$(rg balance --all --json | grep -c '"finding":"leak"')" 4
equal "balance: one that is held says whose reference it has" "$(rg balance --no-header --columns finding,net,path,usually 'Session[0]')" "asked +1 (open_session) < main (close_session)"
equal "balance: a tombstone by its address" "$(rg balance --no-header --columns net,path 0x20000)" "-1 (rude) < main"
equal "balance: a type that is in balance" "$(rg balance --type Buffer)" "balanced: 0 objects ended, 1 live; none has a reference that nobody gave back"
equal "balance: --tree" "$(rg balance --tree --no-header --columns depth,net,path | tr '\n' '/')" "0 +1 main > (fail)/0 -1 main > (rude)/"
contains "balance: a drawing" "$(rg balance --format dot)" "Session: 1 object"
equal "balance: the life of a floating object" "$(rg refcount --replay --no-header --columns kind,before,after 'Buffer' | tr '\n' '/')" \
	"create 0 1/sink 1 1/unseen 1 2/defer 2 2/unref (deferred) 2 1/"
contains "balance: folded events" "$(rg refcount --replay 'Session[1]')" "3 unref 40 session_unref (use) < main"
contains "balance: info tells what a hook cannot see" "$(rg info)" "not seen; it is shorter than the patch"
"$REFGRAPH" balance "$ROOT/tests/dumps/v1.0-small.rgd" >"$TMP/none" 2>&1
equal "balance: a dump without rules" "$? $(grep -c -- '--rules' "$TMP/none")" "2 1"
# where nothing was learned of the very type and place
"$O/tests/tools/mkdump" -o "$TMP/p.rgd" "$ROOT/tests/graphs/balance_pairs.txt"
equal "balance: what other types teach, what lies next to it, a hook's own frame, what follows from what is lost, the one object of a class, a circle, what libraries take for themselves, a task, a use after the end" \
	"$("$REFGRAPH" balance --no-header --columns type,example,net,path "$TMP/p.rgd" 2>/dev/null | sed 's/  */ /g; s/ $//')" \
	"$(printf 'GTask 0x10240 +1 (keep) < list_add < run < main\nGTask 0x10240 +1 (grab) < helper < stop < main\nGTask 0x10240 +1 (open_session) < main\nHolder 0x100c0 +1 (keep) < list_add < run < main\nLate 0x30000 -1 (keep) < list_add < run < main\nLate 0x30000 +1 (grab) < helper < stop < main\nLone 0x10000 +1 (grab) < helper < stop < main\nNear 0x10040 +1 libnear.so.1+0x9000 < helper < stop < main\nOwn 0x101c0 +1 libnear.so.1+0x20000 < server+0x100\nWhole 0x10180 +1 (open_session) < main')"
contains "balance: info tells of hooks that went" "$("$REFGRAPH" info "$TMP/p.rgd")" "hooked no more; it was in a library that is gone"
# forged: events of nobody, more events than there are, a stack and a hook that are not there
forge() { # NAME SED-SCRIPT TEXT
	sed "$2" "$ROOT/tests/graphs/balance.txt" >"$TMP/f.txt"
	"$O/tests/tools/mkdump" "${@:4}" -o "$TMP/f.rgd" "$TMP/f.txt" 2>"$TMP/f.err" || { fail "balance: forged: $1" "$(cat "$TMP/f.err")"; return; }
	"$REFGRAPH" balance "$TMP/f.rgd" >"$TMP/f.out" 2>&1
	equal "balance: forged: $1" "$? $(grep -c "$3" "$TMP/f.out")" "3 1"
}
forge "an event more often than can be" 's/times=40$/times=99999999999999/' "more often than can be"
forge "a life of too many objects" 's/objects=100$/objects=99999999999999/' "events that are not there"
exit $failed
