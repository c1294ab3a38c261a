#!/usr/bin/env bash
# What `make demo` runs: it succeeds, shows what it promises and leaves drawings and no process.
. "$(dirname "$0")/../lib.sh"
command -v dot >/dev/null || { skip demo "graphviz is not installed"; exit 0; }
DEMO_OUT=$TMP/demo-out "$ROOT/samples/demo" "$O" >"$TMP/out" 2>"$TMP/err" </dev/null
equal "demo: ends with status 0" $? 0
equal "demo: nothing on standard error" "$(cat "$TMP/err")" ""
out=$(cat "$TMP/out")
contains "demo: growth of the service" "$out" "Session      400      +200"
contains "demo: growth of the C program" "$out" "session     1000      +500"
contains "demo: the service's chain" "$out" ".sessions "
contains "demo: the C program's chain" "$out" "sessions in hash_table  table "
equal "demo: what is left" "$(ls "$TMP/demo-out" | tr '\n' ' ')" "hash_table service-1.rgd service-2.rgd service.svg table-1.rgd table-2.rgd table.svg "
for svg in service table; do contains "demo: $svg.svg is a drawing" "$(head -c 2000 "$TMP/demo-out/$svg.svg")" "<svg"; done
left=
for p in $(grep '^ready' "$TMP/out" | cut -d' ' -f2); do if [ -e "/proc/$p" ]; then left+="$p "; fi; done
equal "demo: no process is left" "$left" ""
# each command that it shows is one that a user can type: rerun those that only read
n=0
while read -r line; do
	n=$((n + 1))
	(cd "$ROOT" && PATH=$O:$PATH bash -c "$line" >"$TMP/again" 2>&1) || fail "demo: as shown: $line" "$(tail -1 "$TMP/again")"
done < <(sed -nE 's/^\$ (refgraph (show|find)-[^>]*)$/\1/p' "$TMP/out" | grep -v filename)
equal "demo: commands as shown" "$n" 4
exit $failed
