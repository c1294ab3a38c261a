#!/usr/bin/env bash
# What programs may say about leaks (refgraph.h): checks, scopes, ignored blocks, root regions; with the shim and without.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -g -w -pthread -fno-optimize-sibling-calls -fno-builtin -o "$TMP/api" "$ROOT/tests/cli/programs/leak_api.c" || exit 1
lost() { sed -nE 's/ *definitely lost: ([0-9,]+) bytes in ([0-9,]+) blocks/\1 \2/p' "$1"; }
answers="none 0
meant 0
thirty 1
eighty 1
region 1"
sums="0 0
0 0
30 1
80 2
430 2"

equal "without the shim: nothing happens" "$("$TMP/api" 2>&1)" "$(sed 's/ .*/ 0/' <<<"$answers")"
for mode in caller hybrid exact; do
	equal "$mode: what the checks return" "$("$REFGRAPH" run -C "$TMP" --stacks $mode -- "$TMP/api" 2>"$TMP/err")" "$answers"
	equal "$mode: what they say" "$(lost "$TMP/err")" "$sums"
	equal "$mode: no dump stays" "$(ls "$TMP"/*.rgd 2>/dev/null)" ""
done
contains "exact: with the stack" "$("$REFGRAPH" run -C "$TMP" --stacks exact -- "$TMP/api" 2>&1)" "malloc in lose"

"$REFGRAPH" run --leak-check --error-exitcode 9 -- "$TMP/api" >"$TMP/out" 2>"$TMP/err"
equal "at the end too: exit status" "$?" 9
equal "at the end too: sums" "$(lost "$TMP/err" | tail -n 1)" "430 2"
printf '{\n lose\n Memcheck:Leak\n ...\n fun:lose\n}\n{\n region\n Memcheck:Leak\n ...\n fun:in_region\n}\n' >"$TMP/supp"
equal "suppressed" "$("$REFGRAPH" run --leak-check --suppressions "$TMP/supp" --error-exitcode 9 -- "$TMP/api" 2>"$TMP/err"; echo $?)" \
	"$(sed 's/^\(thirty\|region\) 1/\1 0/' <<<"$answers")
0"

# nobody who judges
equal "by hand: what the checks return" "$(shim "$TMP/api" 2>"$TMP/err")" "$(sed 's/ .*/ -38/' <<<"$answers")"
equal "by hand: the dumps stay" "$(ls "$TMP"/*.rgd | wc -l)" 5
equal "by hand: why" "$("$REFGRAPH" info "$(ls "$TMP"/*.rgd | head -n 1)" | awk '/^meta.(reason|label)/ { $1 = ""; print }')" " leak check
 none"
equal "an analyzer that is not there" "$(REFGRAPH_ANALYZER=/nowhere shim "$TMP/api" 2>/dev/null)" "$(sed 's/ .*/ -5/' <<<"$answers")"
exit $failed
