#!/usr/bin/env bash
# refgraph run --leak-check: the program's own status and output, the report at its end, findings as an exit status.
. "$(dirname "$0")/../sample.sh"
gcc -g -O1 -o loses "$ROOT/tests/cli/programs/loses.c" || { fail "loses: compiles"; exit 1; }
printf '\n\n' >lines
check_run() { TMPDIR=$TMP "$REFGRAPH" run --leak-check "$@" <lines >out 2>err; rc=$?; }
check_run -- ./loses
equal "status and output are the program's" "$rc $(grep -c '^ready' out) $(wc -l <out)" "0 2 2"
equal "what is lost" "$(grep -E 'definitely|definite ' err | tr -s ' ' | cut -d' ' -f1-4 | tr '\n' ';')" \
	"definite 500 5 0;definite 40 1 320;definite 300 1 0;definite 100 1 0;definite 100 1 0; definitely lost: 1,040;"
contains "whose leaks these are" "$(cat err)" "refgraph: leaks of loses, process $(head -n 1 out | cut -d' ' -f2), at its end"
check_run --error-exitcode 42 -- ./loses; equal "findings: the status that was asked for" $rc 42
check_run --error-exitcode 42 --errors-for-leak-kinds possible -- ./loses; equal "findings of another kind" $rc 0
printf 'leak:loses\n' >known
check_run --error-exitcode 42 --suppressions known -- ./loses; equal "findings that are known" $rc 0
check_run --error-exitcode 42 -- /bin/sh -c 'exit 7'; equal "no findings: the program's status" "$rc" 7
check_run --error-exitcode 42 -- /bin/bash -c './loses >/dev/null; exit 7'
equal "a child's findings" "$rc $(grep -c '^refgraph: leaks of' err)" "42 2"
check_run -- /bin/sh -c 'kill -TERM $$'; equal "the program's signal" "$rc" 143
contains "the program's signal: no dump" "$(cat err)" "refgraph: no dump was written at the end of /bin/sh: nothing was checked"
check_run -- ./nowhere; equal "no such program" "$rc $(cat out)" "127 "
mkdir kept
check_run --dir kept -- ./loses
equal "--dir keeps the dump" "$rc $(rg leaks kept/*.rgd | grep -c '^definite')" "0 5"
# JUnit: one suite a process, one case a record
junit() {
	/usr/bin/python3 - "$1" <<-'END'
	import sys, xml.etree.ElementTree as E
	for suite in E.parse(sys.argv[1]).getroot():
	    print(suite.get("name").split(",")[0].rsplit("/", 1)[-1], suite.get("tests"), suite.get("failures"), suite.get("errors"))
	    for case in suite:
	        for bad in case:
	            print(" ", case.get("classname"), case.get("name").split(",")[0], bad.tag, bad.get("type"), bad.text.split()[0].split("+")[0])
	END
}
check_run --junit all.xml --error-exitcode 42 -- ./loses
equal "--junit" "$rc $(junit all.xml | sort | tr -s ' ' | tr '\n' ';')" \
	"42  leaks.item definitely lost: 40 bytes in 1 blocks (and 320 in 8 indirectly) failure definite item_new; leaks.malloc in build definitely lost: 500 bytes in 5 blocks failure definite build; leaks.malloc in end_new definitely lost: 100 bytes in 1 blocks failure definite end_new; leaks.malloc in end_new definitely lost: 100 bytes in 1 blocks failure definite end_new; leaks.malloc in lose definitely lost: 300 bytes in 1 blocks failure definite lose;loses 5 5 0;"
check_run --junit children.xml -- /bin/bash -c './loses >/dev/null; ./loses <lines >/dev/null; :'
equal "--junit: each process is a suite" "$(junit children.xml | grep -v '^ ' | sort | cut -d' ' -f1 | uniq -c | tr -s ' ' | tr '\n' ';')" " 1 bash; 2 loses;"
check_run --junit none.xml -- /bin/sh -c 'kill -TERM $$'
equal "--junit: nothing was checked" "$(junit none.xml | tr -s ' ' | tr '\n' ';')" "sh 1 0 1; leaks no dump was written error no dump nothing;"
check_run --junit /nowhere/x.xml -- ./loses
contains "--junit: a file that cannot be" "$rc $(tail -n 1 err)" "0 refgraph: /nowhere/x.xml: cannot write"
# what exit() and we left on the stack holds nothing; what its caller has in a register does
gcc -g -O1 -o frames "$ROOT/tests/cli/programs/exit_frames.c" || fail "exit_frames: compiles"
summary() { sed -nE 's/ *(definitely|indirectly|still) [a-z]+: [0-9,]+ bytes in ([0-9,]+) blocks/\2/p' err | tr '\n' ' '; }
for stacks in caller hybrid exact; do
	check_run --stacks $stacks -- ./frames; equal "$stacks: main() returned" "$(summary)" "3 3 0 "
	check_run --stacks $stacks -- ./frames exit; equal "$stacks: exit() was called" "$(summary)" "3 3 2 "
	check_run --stacks $stacks -- ./frames check; equal "$stacks: a check was asked for" "$(summary | cut -d' ' -f1-3)" "3 3 2"
done
# stacks below the table, out to main(); of code out of a system header the line of the program's own
cat >shared.cc <<'END'
#include <memory>
#include <string>
struct loop { std::shared_ptr<loop> self; };
__attribute__((noinline)) void lose(int n)
{
	auto l = std::make_shared<loop>(); l->self = l;
	if (n) lose(n - 1);
}
__attribute__((noinline)) void first() { lose(0); }
int main() { first(); lose(1); }
END
g++ -g -O2 -fno-optimize-sibling-calls -o shared shared.cc || fail "shared: compiles"
lines() { sed -nE '/^#/,/^$/{s/\+0x[0-9a-f]+//;s/^#[0-9]+/#/;p}' err | sed '/^$/d'; }
check_run -- ./shared
equal "stacks" "$(lines | sort -u)" "   at lose(int) (shared.cc:6)
   by first() (shared.cc:9)
   by lose(int) (shared.cc:7)
   by main (shared.cc:10)
# definite, 1 block of std::_Sp_counted_ptr_inplace<loop, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>"
check_run --num-callers 2 -- ./shared
equal "two frames" "$(lines | grep -c '^   and 1 more: --num-callers 3 shows them')" 2
check_run --num-callers 0 -- ./shared; equal "no frames" "$(lines | wc -l) $(grep -c '^definite' err)" "0 3"
check_run --stacks caller -- ./shared; equal "one frame is in the table" "$(lines | wc -l) $(grep -c '^definite.*lose(int).*(shared.cc:6)' err)" "0 1"
# a signal that is sent to refgraph alone is meant for the program
"$REFGRAPH" run --leak-check -- sh -c "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.1; done" >out2 2>err2 &
mine=$!; test_pids+=("$mine")
wait_for 30 grep -q ready out2
kill -TERM "$mine"; wait "$mine"; equal "a signal is passed on" "$? $(tr '\n' ' ' <out2)" "3 ready got "
equal "nothing is left behind" "$(ls -d "$TMP"/refgraph-leaks.* 2>/dev/null)" ""
exit $failed
