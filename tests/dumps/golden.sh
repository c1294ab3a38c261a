#!/usr/bin/env bash
# Old dumps stay readable: each vX.Y-*.rgd gives the answers in the .answers file beside it, in every later version.
# Lines that begin with "$ " are command lines, @ the dump; what follows is the output, exactly.
. "$(dirname "$0")/../lib.sh"
cd "$ROOT/tests/dumps" || exit 1
for answers in *.answers; do
	dump=${answers%.answers}.rgd
	while IFS= read -r line; do
		[ "${line:0:2}" = '$ ' ] || continue
		words=${line:2}
		want=$(awk -v line="$line" '$0 == line {on = 1; next} /^\$ / {on = 0} on' "$answers")
		eval "set -- ${words//@/$dump}"
		got=$("$REFGRAPH" "$@" 2>/dev/null)
		equal "golden: ${answers%.answers}: $words" "$got" "$want"
	done <"$answers"
done
exit $failed
