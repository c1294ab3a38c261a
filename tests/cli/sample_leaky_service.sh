#!/usr/bin/env bash
# samples/leaky_service.py: what `make demo` shows.
. "$(dirname "$0")/../sample.sh"
start $PY "$SAMPLES/leaky_service.py"
port=$(grep '^ready' stdout | cut -d' ' -f3)
requests() { $PY -c 'import sys, urllib.request as u
o = u.build_opener(u.ProxyHandler({}))
for i in range(200): o.open("http://127.0.0.1:%s/" % sys.argv[1]).read()' "$port"; }
requests; take 1; requests; take 2
equal "leaky_service: sessions" "$(rg count Session 1.rgd) $(rg count Session 2.rgd)" "200 400"
equal "leaky_service: growth" "$(rg show-growth --limit 0 1.rgd 2.rgd | grep -E '^(Session|Cart) ' | tr -s ' ')" "Cart 400 +200
Session 400 +200"
chain 'Session[7]' 2.rgd
contains "leaky_service: the chain starts at __main__" "$(head -1 chain)" "__main__"
equal "leaky_service: chain types" "$chain_types" "module,dict,App,dict,Session,"
contains "leaky_service: the chain names sessions" "$(cat chain)" "sessions"
finish
exit $failed
