#!/usr/bin/env bash
# What bash offers for a word: commands, options, choices, fields, types of the dump in the line or of the newest one.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
"$O/tests/tools/mkdump" -o a.rgd "$ROOT/tests/graphs/liveness.txt"
"$O/tests/tools/mkdump" -o b.rgd "$ROOT/tests/graphs/diff1.txt"
touch -d '1 hour ago' a.rgd
PATH=$O:$PATH
. "$ROOT/completion/refgraph.bash"
# offered WORD...: what bash would show, one line, sorted
offered() {
	COMP_WORDS=(refgraph "$@"); COMP_CWORD=$#
	_refgraph
	printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} | LC_ALL=C sort | tr '\n' ' '
}
equal "completion: commands" "$(offered dom)" "dominators "
equal "completion: several commands" "$(offered show-)" "show-backrefs show-chain show-growth show-most-common-types show-refs "
contains "completion: nothing typed yet" "$(offered '')" "why"
equal "completion: options" "$(offered why --a)" "--avoid "
equal "completion: options of this command only" "$(offered ps --avo)" " "
equal "completion: choices" "$(offered cycles --state '')" "all garbage live "
equal "completion: choices by letter" "$(offered dominators -g t)" "type "
equal "completion: universes" "$(offered count -u p)" "php python "
equal "completion: fields" "$(offered by-type --where re)" "refcount retained "
equal "completion: types of the dump in the line" "$(offered why a.rgd S)" "Session Shared "
equal "completion: types of the newest dump" "$(offered why '')" "Buffer Cart Session block dict module "
equal "completion: help" "$(offered help suspe)" "suspects "
equal "completion: an unknown command" "$(offered nothing '')" " "
rm -f ./*.rgd
equal "completion: no dump at all" "$(offered why S)" " "
equal "completion: a broken dump" "$(printf 'x' >c.rgd; offered why c.rgd S)" " "
exit $failed
