#!/usr/bin/env bash
# samples/cycle_ab.py: counts of A and B while held, after del, after a collection; plain and weak.
. "$(dirname "$0")/../sample.sh"
for variant in plain weak; do
	rm -f stdin
	start $PY "$SAMPLES/cycle_ab.py" $variant
	take "$variant.held"; go_on
	take "$variant.dropped"; go_on
	take "$variant.collected"
	finish
	counts=
	for at in held dropped collected; do counts+="$(rg count A $variant.$at.rgd) $(rg count B $variant.$at.rgd), "; done
	case $variant in
	plain) equal "cycle_ab: plain counts" "$counts" "1 1, 1 1, 0 0, " ;;
	weak) equal "cycle_ab: weak counts" "$counts" "1 1, 0 0, 0 0, " ;;
	esac
done
rg show-backrefs 'A[0]' --filename ab.dot plain.dropped.rgd >show.out
equal "cycle_ab: the picture holds both" "$(dot_nodes ab.dot | sed 's/|.*(/ (/; s/|.*//')" "A (red)
B"
equal "cycle_ab: the picture's edges" "$(dot_edges ab.dot | sed -E 's/\|[^:>]*//g; s/ +/ /g')" "A -> B: b
B -> A: a"
# the same pair while `main` holds both: the weak reference is drawn, and is no strong one
rg show-refs 'B[0]' --max-depth 1 --filename weak.dot weak.held.rgd >show.out
equal "cycle_ab: weak variant refers through a weakref" "$(dot_edges weak.dot | grep -cE "^B.* -> (weakref|ReferenceType).*: a$")" 1
exit $failed
