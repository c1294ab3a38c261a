#!/usr/bin/env bash
# samples/self_attribute.py: the loop is the whole picture, and it has its name.
. "$(dirname "$0")/../sample.sh"
start $PY "$SAMPLES/self_attribute.py"
take direct
equal "self_attribute: one OBJ" "$(rg count OBJ direct.rgd)" 1
rg show-backrefs 'OBJ[0]' --max-depth 5 --filename direct.dot direct.rgd >show.out; equal "self_attribute: show-backrefs" $? 0
equal "self_attribute: one node, the start in red" "$(dot_nodes direct.dot | sed 's/|.*(/ (/')" "OBJ (red)"
equal "self_attribute: one edge, named attr" "$(dot_edges direct.dot | sed -E 's/\|[^:>]*//g; s/ +/ /g')" "OBJ -> OBJ: attr"
contains "self_attribute: objgraph's digraph" "$(head -1 direct.dot)" "digraph ObjectGraph"
equal "self_attribute: no chain holds it" "$(rg find-backref-chain 'OBJ[0]' direct.rgd | grep -c .)" 1
# without a dump on the command line the newest of this folder is meant, as the header of the sample says
rg show-backrefs 'OBJ[0]' --max-depth 5 --filename newest.dot >show.out
check "self_attribute: the newest dump is the default" cmp direct.dot newest.dot
finish
exit $failed
