#!/usr/bin/env bash
# samples/cycle_del.py: a cycle with __del__ waits for the collector; the drawing marks who has a finalizer.
. "$(dirname "$0")/../sample.sh"
start $PY "$SAMPLES/cycle_del.py"
take dropped
contains "cycle_del: nothing closed by del" "$(cat stdout)" "closed 0"
go_on
take collected
finish
equal "cycle_del: dropped" "$(rg count Connection dropped.rgd) $(rg count Transport dropped.rgd)" "10 10"
equal "cycle_del: collected" "$(rg count Connection collected.rgd) $(rg count Transport collected.rgd)" "0 0"
contains "cycle_del: all closed" "$(tail -1 stdout)" "closed 10"
rg show-backrefs 'Connection[0]' --filename cycle.dot dropped.rgd >show.out
equal "cycle_del: nodes" "$(dot_nodes cycle.dot | sed 's/|.*(/ (/; s/|.*//')" "Connection (red)
Transport
__del__"
equal "cycle_del: edges" "$(dot_edges cycle.dot | sed -E 's/\|[^:>]*//g; s/ +/ /g' | grep -v __del__)" "Connection -> Transport: transport
Transport -> Connection: owner"
equal "cycle_del: the mark is at the Connection" "$(dot_edges cycle.dot | sed -E 's/\|[^:>]*//g; s/ +/ /g' | grep __del__ | grep -c Connection)" 1
equal "cycle_del: growth is empty" "$(rg show-growth dropped.rgd collected.rgd | grep -cE 'Connection|Transport')" 0
exit $failed
