#!/usr/bin/env bash
# gc and memory of a PHP process, from a dump made by hand: chunks, bins, a huge block, an empty chunk; runs of the collector with
# a cause nobody knows, a place that is no string, and values that are missing.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
"$O/tests/tools/mkdump" -o php.rgd "$ROOT/tests/graphs/php.txt" || exit 1
squeeze() { "$REFGRAPH" "$@" php.rgd | tr -s ' ' | sed 's/^ //; s/ $//'; }
equal "gc: sums" "$(squeeze gc --no-header | tail -1)" "2 90 1 17 20001 20001 5000 3000 4000"
equal "gc: a threshold that rose" "$(squeeze gc | grep -c 'began at 10001 and is at 20001')" 1
equal "gc: runs" "$(squeeze gc --events --no-header)" "0 1000 full 10000 10001 20001 3000
1 2000 other 90"
equal "memory: chunks" "$(squeeze memory --by arena --no-header | cut -d' ' -f1,2,3,4,5)" "0x7f0000200000 2.0 MiB 112 2
0x7f0000400000 2.0 MiB 56 1"
equal "memory: huge blocks and empty chunks" "$(squeeze memory --by heap --no-header | cut -d' ' -f1,2)" "huge 0x7f0000800000
cached 0x7f0000c00000"
equal "memory: bins" "$(squeeze memory --by class --no-header)" "56 8.0 KiB 3 168 143 7.8 KiB"
words=$(squeeze memory)
for part in "ZendMM has 4.0 MiB in 2 chunks: 168 bytes used by 3 blocks" "8.0 KiB of pages whose slots are all free" "1 block is a mapping of its own (4.0 MiB)" \
	"1 chunk is empty and kept (2.0 MiB)" "memory_get_usage() is 293.0 KiB, memory_get_usage(true) 6.0 MiB of a memory_limit of 128.0 MiB" \
	"2 of the chunks, 4.0 MiB, are less than a tenth full"; do
	case $words in *"$part"*) ok "memory: $part" ;; *) fail "memory: $part" "$words" ;; esac
done
exit "$failed"
