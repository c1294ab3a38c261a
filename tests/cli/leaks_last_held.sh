#!/usr/bin/env bash
# leaks with an earlier dump: what held there what is lost now.
. "$(dirname "$0")/../sample.sh"
gcc -g -O1 -o loses "$ROOT/tests/cli/programs/loses.c" || { fail "loses: compiles"; exit 1; }
REFGRAPH_STACKS=caller start ./loses # one record a caller
take before
go_on
take after
finish
equal "before: nothing is lost" "$(rg leaks before.rgd | head -n 4)" "LEAK SUMMARY:
    definitely lost: 0 bytes in 0 blocks
    indirectly lost: 0 bytes in 0 blocks
      possibly lost: 0 bytes in 0 blocks"
columns=kind,bytes,blocks,indirect_blocks,last_held
equal "after: what held what is lost" "$(rg leaks before.rgd after.rgd --columns $columns --csv)" "kind,bytes,blocks,indirect_blocks,last_held
definite,500,5,0,cache->rows[]
definite,40,1,8,list->next
definite,300,1,0,
definite,200,2,0,pair->first (1 of 2)"
contains "after: the text has a title" "$(rg leaks before.rgd after.rgd)" "LAST HELD BY"
rg leaks after.rgd >one
equal "alone: no such column" "$(grep -c 'LAST HELD' one)" 0
equal "backwards: nothing is lost" "$(rg leaks after.rgd before.rgd | grep -c '^definite')" 0
"$REFGRAPH" leaks --errors-for-leak-kinds definite after.rgd >/dev/null 2>err; rc=$?
equal "a verdict" "$rc $(cat err)" "1 refgraph: 1040 bytes in 9 blocks are lost"
"$REFGRAPH" leaks --errors-for-leak-kinds definite,possible before.rgd >/dev/null 2>err; rc=$?
equal "no verdict" "$rc $(cat err)" "0 "
"$REFGRAPH" leaks --show-leak-kinds definite,lost before.rgd >/dev/null 2>err; rc=$?
equal "a wrong kind" "$rc $(cut -c1-50 err)" "2 refgraph: --show-leak-kinds: 'lost' is no kind; th"
rm -f stdin
REFGRAPH_STACKS=caller start ./loses # one record a caller
take other
go_on
finish
"$REFGRAPH" leaks before.rgd other.rgd >/dev/null 2>err; rc=$?
equal "dumps of two processes" "$rc $(cat err)" "2 refgraph: before.rgd and other.rgd are of different processes"
"$O/tests/tools/mkdump" --partial -o part.rgd "$ROOT/tests/dumps/v1.0-small.txt"
"$REFGRAPH" leaks part.rgd >out 2>err; rc=$?
contains "a partial dump: said" "$rc $(cat err)" "refgraph: part.rgd is marked partial; what it lacks may make blocks look lost"
exit $failed
