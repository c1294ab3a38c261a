#!/usr/bin/env bash
# samples/hash_table.c: never emptied; the chain starts at a C global with its name.
. "$(dirname "$0")/../sample.sh"
gcc -g -O1 -o hash_table "$SAMPLES/hash_table.c" || { fail "hash_table: compiles"; exit 1; }
start ./hash_table
take 1; go_on; take 2
equal "hash_table: entries" "$(rg count --where 'size == 72' 1.rgd) $(rg count --where 'size == 72' 2.rgd)" "500 1000"
equal "hash_table: all made by session_open" "$(rg count --where 'size == 72 and site ~ "session_open"' 2.rgd)" 1000
equal "hash_table: growth of the type" "$(rg show-growth --limit 0 1.rgd 2.rgd | grep '^session ' | grep -oE '[0-9]+ +\+[0-9]+$' | tr -s ' ')" "1000 +500"
chain 'malloc in session_open[0]' 2.rgd
id=$(grep -c . chain)
contains "hash_table: the chain starts at sessions" "$(head -1 chain)" "sessions"
contains "hash_table: of hash_table" "$(head -1 chain)" "hash_table"
if [ "$id" -ge 3 ]; then ok "hash_table: through the table and its buckets"; else fail "hash_table: chain" "$(tr '\n' '|' <chain)"; fi
chain 'session[0]' 2.rgd
equal "hash_table: types of the chain" "$chain_types" "table,session *[],session,"
equal "hash_table: fields of the chain" "$(rg find-backref-chain --columns edge --no-header 'session[0]' 2.rgd | sed 's/ *$//' | tr '\n' ',')" \
	"sessions in hash_table,->buckets,[3666],"
finish
exit $failed
