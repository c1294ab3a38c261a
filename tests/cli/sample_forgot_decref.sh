#!/usr/bin/env bash
# samples/forgot_decref.c and .py: lists with a count and no holder.
. "$(dirname "$0")/../sample.sh"
# shellcheck disable=SC2046
if ! gcc -shared -fPIC -O2 $(/usr/bin/python3-config --includes) -o forgot_decref_ext.so "$SAMPLES/forgot_decref.c" 2>gcc.err; then
	skip forgot_decref "python3-dev is not installed: $(head -1 gcc.err)"; exit 0
fi
export PYTHONPATH=$TMP
start $PY "$SAMPLES/forgot_decref.py"
take before; go_on; take after
finish
equal "forgot_decref: growth" "$(rg show-growth --limit 0 before.rgd after.rgd | grep -E '^list ' | grep -oE '\+[0-9]+$')" "+500"
held='type == list and unexplained == 1 and epoch > 1'
equal "forgot_decref: a count and no holder" "$(rg count --where "$held" before.rgd) $(rg count --where "$held" after.rgd)" "0 500"
equal "forgot_decref: audit names them" "$(rg audit --columns verdict,type,objects,references,holder --no-header after.rgd | grep '^lost  *list  *500 ' | tr -s ' ')" "lost list 500 500 nobody"
equal "forgot_decref: audit of two dumps" "$(rg audit --columns verdict,type,objects_delta,references_delta --no-header before.rgd after.rgd | grep '^lost  *list ' | tr -s ' ')" "lost list +500 +500"
rg audit --fail after.rgd >/dev/null; equal "forgot_decref: audit --fail" $? 1
equal "forgot_decref: suspects finds it" "$(rg suspects before.rgd after.rgd --columns kind,count --csv | tr '\n' ' ')" "kind,count forgotten,500 "
equal "forgot_decref: suspects is silent before" "$(rg suspects before.rgd --csv --columns kind,count | tr '\n' ' ')" "kind,count "
exit $failed
