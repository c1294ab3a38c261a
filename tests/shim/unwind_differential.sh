#!/usr/bin/env bash
# The built-in unwinder against libunwind and glibc's backtrace(), frame by frame, and its memo against its plain walk: on
# stacks made to be hard, and at allocations of real programs.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
export UNWIND_DIFF_OUT=$TMP/out UNWIND_LIBRARIES=$TMP
flags="-O2 -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Wno-infinite-recursion -Wno-unused-but-set-variable"
# shellcheck disable=SC2086
gcc $flags -fPIC -shared -fvisibility=hidden -ftls-model=initial-exec -fno-plt -fno-stack-protector \
	-fasynchronous-unwind-tables -fexceptions -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
	-o diff.so "$ROOT/tests/shim/unwind_diff.c" "$ROOT"/preload/unwind_*.c -ldl -lpthread &&
	gcc $flags -fno-stack-protector -o stacks "$ROOT/tests/shim/unwind_stacks.c" -ldl -lpthread &&
	gcc $flags -fPIC -shared -o turn0.so "$ROOT/tests/shim/unwind_turn.c" &&
	gcc $flags -fPIC -shared -DSECOND -o turn1.so "$ROOT/tests/shim/unwind_turn.c" &&
	g++ -O2 -g -o cpp "$ROOT/tests/shim/unwind_cpp.cc" || { fail build "see above"; exit 1; }

with_libunwind=1
ldconfig -p | grep -q 'libunwind\.so\.8' || { with_libunwind=0; skip libunwind "libunwind.so.8 is not installed: compared with backtrace() only"; }

# diff NAME PROGRAM MINIMUM COMMAND...: at least MINIMUM stacks of PROGRAM were compared, and none differed
total=0; total_frames=0
diff_run() {
	local name=$1 program=$2 minimum=$3 line; shift 3
	rm -f out
	LD_PRELOAD=$TMP/diff.so "$@" >"$TMP/stdout" 2>"$TMP/stderr" </dev/null
	local rc=$?
	[ -e out ] || { fail "$name" "no result, exit status $rc: $(tail -c 300 "$TMP/stderr")"; return; }
	line=$(awk -v p="$program" '$1 == p && NF == 8 { w += $2; c += $3; f += $4; l += $5; b += $6; m += $7 }
		END { print c + 0, f + 0, l + 0, b + 0, m + 0 }' out)
	read -r compared frames libunwind backtrace memo <<<"$line"
	total=$((total + compared)); total_frames=$((total_frames + frames))
	if [ $rc -ne 0 ]; then
		fail "$name" "exit status $rc: $(tail -c 300 "$TMP/stderr")"
	elif [ "$compared" -lt "$minimum" ]; then
		fail "$name" "only $compared stacks were compared"
	elif [ "$libunwind$backtrace$memo" != 000 ]; then
		fail "$name" "of $compared stacks differ: libunwind $libunwind, backtrace $backtrace, memo $memo: $(grep -A2 '^differs' out | head -3 | tr '\n' '|' | head -c 900)"
	else
		ok "$name"
	fi
}

for c in "deep 15000" "reentered 6000" "balanced 2000" "callbacks 1200" "jumps 2500" "signals 4000" "alternate 4000" "contexts 7000" \
	"jit 100" "wild 100" "registers 700" "reload 400" "threads 100000"; do
	read -r name minimum <<<"$c"
	diff_run "stacks-$name" stacks "$minimum" ./stacks "$name"
	grep -q "^$name done" stdout || fail "stacks-$name-ran" "$(cat stdout stderr | head -c 300)"
done
for depth in 1 5 40 200; do UNWIND_DIFF_DEPTH=$depth diff_run "stacks-depth-$depth" stacks 20000 ./stacks deep reentered; done
equal reload-same-address "$(LD_PRELOAD=$TMP/diff.so ./stacks reload | head -1)" "reload: the same address often"
diff_run cpp cpp 3000 ./cpp
contains cpp-ran "$(cat stdout)" "caught 500"

# real programs; every 31st allocation is compared, all of them are walked by the memo
export UNWIND_DIFF_EVERY=${UNWIND_EVERY:-31}
have() { command -v "$1" >/dev/null 2>&1 || { skip "$1" "not installed"; return 1; }; }
have sqlite3 && diff_run sqlite3 sqlite3 1000 sqlite3 :memory: "
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<20000) insert into t select i, 'row '||i, i*1.5 from n;
create index ti on t(b); select count(*), sum(c) from t where b like '%7%';
select substr(b,1,5), count(*) from t group by 1 order by 2 desc limit 5;"
[ -x /usr/bin/python3 ] && PYTHONMALLOC=malloc diff_run python3 python3 2500 /usr/bin/python3 -c '
import json, re
def f(n): return [n] if n == 0 else [n] + f(n - 1)
x = [{"a": i, "b": str(i)} for i in range(3000)]
json.loads(json.dumps(x)); re.compile("(a|b)*c"); f(300); print(len(x))'
have perl && diff_run perl perl 1000 perl -e 'my %h; for (1..20000) { $h{$_}="x$_"; } print scalar(keys %h),"\n";
sub r { my $n=shift; return $n ? [r($n-1)] : []; } r(200);'
seq 1 2000 >numbers
have jq && diff_run jq jq 500 jq -s 'map({a:., b:(tostring)}) | map(.b) | length' numbers
printf '#include <vector>\n#include <map>\n#include <string>\nstd::map<std::string,std::vector<int>> m;\nint main() { m["a"].push_back(3); }\n' >m.cc
have g++ && diff_run cc1plus cc1plus 5000 g++ -O1 -c m.cc -o m.o
git -c init.defaultBranch=m init -q r 2>/dev/null && for i in $(seq 1 30); do echo "$i" >"r/$i"; done && git -C r add . && git -C r -c user.name=t -c user.email=t@t commit -q -m t
have git && diff_run git git 25 git -C r log --stat
have bash && diff_run bash bash 100 bash -c 'for i in 1 2 3 4 5; do x=$(echo $i | sed s/1/2/); done; declare -A a; for i in {1..3000}; do a[$i]=$i; done; ls -l / | sort | tail -1'
if [ -n "${UNWIND_LONG:-}" ]; then # tests/long/unwind.sh
	real=$total
	for i in $(seq 400); do printf 'struct s%d { int a; std::map<int, std::vector<std::string>> b; };\n' "$i"; done >>m.cc
	have clang-format && diff_run clang-format clang-format 1000 clang-format m.cc
	have cmake && diff_run cmake cmake 1000 cmake --help-full
	have gdb && diff_run gdb gdb 5000 gdb -nx -batch -ex "info functions deep" -ex "info types ." ./stacks
	have valgrind && diff_run objdump objdump 1000 objdump -dS ./cpp
	have dot && diff_run dot dot 1000 dot -Tsvg -o m.svg <(printf 'digraph { '; for i in $(seq 300); do printf 'n%d -> n%d; ' "$i" $((i * 7 % 300)); done; printf '}')
	have git && diff_run git git 1000 git -C "$ROOT" log --stat -n 300
	[ "$total" -ge 1000000 ] && ok "a million stacks" || fail "a million stacks" "$total, $((total - real)) of the programs added here"
fi
echo "# $total stacks, $total_frames frames compared with backtrace()$([ $with_libunwind = 1 ] && echo ' and libunwind')"
exit $failed
