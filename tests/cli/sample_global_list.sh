#!/usr/bin/env bash
# samples/global_list.py: a module-level list that grows per request.
. "$(dirname "$0")/../sample.sh"
start $PY "$SAMPLES/global_list.py"
take 1; go_on; take 2; go_on; take 3
equal "global_list: counts" "$(for i in 1 2 3; do rg count Request $i.rgd; done | tr '\n' ' ')" "100 200 300 "
equal "global_list: growth" "$(rg show-growth --limit 0 1.rgd 2.rgd | grep -E '^(Request|Headers) ' | tr -s ' ')" "Headers 200 +100
Request 200 +100"
equal "global_list: growth of three dumps is against the peak" "$(rg show-growth --limit 0 1.rgd 2.rgd 3.rgd | grep -E '^Request ' | tr -s ' ')" "Request 300 +100"
chain 'Request[50]' 2.rgd
equal "global_list: chain types" "$chain_types" "module,dict,list,Request,"
contains "global_list: the chain starts at __main__" "$(head -1 chain)" "__main__"
contains "global_list: the chain names HISTORY" "$(cat chain)" "HISTORY"
index=$(sed -nE '$s/^\[([0-9]+)\] .*/\1/p' chain)
if [ -n "$index" ] && [ "$index" -lt 200 ]; then ok "global_list: the chain names the index"; else fail "global_list: the chain names the index" "$(cat chain)"; fi
finish
exit $failed
