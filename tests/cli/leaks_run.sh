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
# a signal that is sent to refgraph alone is meant for the program
"$REFGRAPH" run --leak-check -- sh -c "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.1; done" >out2 2>err2 &
mine=$!; test_pids+=("$mine")
wait_for 30 grep -q ready out2
kill -TERM "$mine"; wait "$mine"; equal "a signal is passed on" "$? $(tr '\n' ' ' <out2)" "3 ready got "
equal "nothing is left behind" "$(ls -d "$TMP"/refgraph-leaks.* 2>/dev/null)" ""
exit $failed
