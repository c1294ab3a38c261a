#!/usr/bin/env bash
# The fuzzer for FUZZ_SECONDS (default 30 minutes) over everything that reads a dump, and over what users write; and proof that it finds what it is made
# for: with one check taken out of a copy of the reader, it must find a dump that breaks it.
. "$(dirname "$0")/../lib.sh"
seconds=${FUZZ_SECONDS:-1800}
fuzzdir=$O/fuzz
mkdir -p "$fuzzdir"
if ! command -v clang >/dev/null || ! printf 'int LLVMFuzzerTestOneInput(void){return 0;}' | clang -x c -fsanitize=fuzzer -o "$TMP/probe" - 2>/dev/null; then
	fail "fuzz: toolchain" "clang with libFuzzer is missing: apt-get install clang libclang-rt-14-dev"; exit 1
fi
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1

# seeds DIR: the kept corpus, and dumps that the text maker makes now
seeds() {
	mkdir -p "$1"
	cp "$ROOT"/tests/fuzz/corpus/* "$1" 2>/dev/null
	cp "$ROOT"/tests/dumps/*.rgd "$1"
	local n
	for n in 1 3 65536; do
		"$O/tests/tools/mkdump" --no-zstd --chunk-rows $n -o "$1/small$n" "$ROOT/tests/dumps/v1.0-small.txt"
	done
	printf '%s\n' 'frame f unknown function=x' 'site f made=3 blocks=1' 'object o block prop.pool=0' 'object n block prop.pool=1' 'pool 1 0x100 name=a bytes=8 held=99' 'pool 2 0x200 parent=1' |
		"$O/tests/tools/mkdump" --no-zstd -o "$1/pools"
	"$O/tests/tools/mkdump" --no-zstd -o "$1/balance" "$ROOT/tests/graphs/balance.txt"
	real_seeds "$1"
}

# real_seeds DIR: dumps of small programs that have what is only in real ones: calls with their registers, thread-local blocks, reference counts, pools, peaks
real_seeds() {
	local name
	for name in hooks/programs/things cli/programs/locals cli/programs/pools cli/programs/peaks; do
		gcc -g -O1 -w -rdynamic -pthread -I"$ROOT/include" -o "$TMP/${name##*/}" "$ROOT/tests/$name.c" || { fail "fuzz: seed $name" "does not build"; continue; }
	done
	for name in "things leak" "things surplus" locals pools peaks; do
		# shellcheck disable=SC2086 # a program and its argument
		(cd "$TMP" && timeout 60 env LD_PRELOAD="$O/librefgraph.so" REFGRAPH_ON_EXIT=1 REFGRAPH_PEAKS=1 REFGRAPH_TOMBSTONES=100 REFGRAPH_RULES="$ROOT/tests/hooks/programs/things.rules" \
			REFGRAPH_DIR="$1" REFGRAPH_DUMP="${name// /.}.%n.rgd" ./$name </dev/null >/dev/null 2>&1)
		[ -n "$(find "$1" -name "${name// /.}.*.rgd" -size +1k)" ] || fail "fuzz: seed $name" "no dump"
	done
	find "$1" -size +60k -delete # they would be cut off by -max_len, and be slow
}

# plant NAME FILE SED-EXPRESSION: the fuzzer finds the bug that the expression makes, within five minutes
plant() {
	local name=$1 file=$2 expression=$3 rc
	rm -rf "$TMP/tree"; mkdir "$TMP/tree"
	cp -r "$ROOT/analyzer" "$ROOT/include" "$ROOT/Makefile" "$TMP/tree"
	sed -i "$expression" "$TMP/tree/$file"
	if cmp -s "$ROOT/$file" "$TMP/tree/$file"; then fail "fuzz: planted: $name" "the patch does not apply any more"; return; fi
	if ! "$ROOT/tests/fuzz/build" "$TMP/planted" "$TMP/tree" >"$TMP/build" 2>&1; then fail "fuzz: planted: $name" "$(tail -3 "$TMP/build")"; return; fi
	rm -rf "$TMP/corpus"; seeds "$TMP/corpus"
	(cd "$TMP" && nice -n 19 ./planted -max_total_time=300 -timeout=20 -close_fd_mask=2 -max_len=65536 -rss_limit_mb=3000 corpus >"$TMP/log" 2>&1)
	rc=$?
	if [ $rc -ne 0 ] && grep -qE 'ERROR: AddressSanitizer|runtime error|libFuzzer: (deadly|out-of-memory|timeout)' "$TMP/log"; then
		ok "fuzz: planted: $name is found after $(grep -oE '^#[0-9]+' "$TMP/log" | tail -1) runs"
	else
		fail "fuzz: planted: $name" "not found: $(tail -3 "$TMP/log" | tr '\n' '|')"
	fi
}
plant "targets of edges are not compared with the number of objects" analyzer/dump/edges.c \
	's/if (last\[slot\] >= nobjects)/if (nobjects > 4000000000u)/'
plant "lengths of texts are not compared with the payload" analyzer/dump/column.c \
	's/if (!at || n > (uint64_t)(p->end - at))/if (!at)/'
plant "a stack may be its own caller" analyzer/dump/tables.c 's/rows\[i\].parent >= i)/rows[i].parent >= i \&\& i > 1000)/'

if ! "$ROOT/tests/fuzz/build" "$fuzzdir/rgdfuzz" >"$TMP/build" 2>&1; then fail "fuzz: builds" "$(tail -3 "$TMP/build" | tr '\n' '|')"; exit 1; fi
seeds "$fuzzdir/corpus"
(cd "$fuzzdir" && nice -n 19 ./rgdfuzz -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=3000 -timeout=20 -close_fd_mask=2 \
	-print_final_stats=1 corpus >"$fuzzdir/log" 2>&1)
rc=$?
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$fuzzdir/log")
if [ $rc -eq 0 ]; then
	ok "fuzz: $seconds seconds, ${runs:-?} runs, $(grep -oE 'cov: [0-9]+' "$fuzzdir/log" | tail -1)"
else
	fail "fuzz: $seconds seconds" "$(grep -E 'ERROR|SUMMARY|Test unit' "$fuzzdir/log" | head -3 | tr '\n' '|')"
fi

# what lies beside dumps: an eighth of the time
plant_index() {
	local name=$1 file=$2 expression=$3
	rm -rf "$TMP/tree"; mkdir "$TMP/tree"
	cp -r "$ROOT/analyzer" "$ROOT/include" "$ROOT/Makefile" "$TMP/tree"
	sed -i "$expression" "$TMP/tree/$file"
	if cmp -s "$ROOT/$file" "$TMP/tree/$file"; then fail "fuzz: planted: $name" "the patch does not apply any more"; return; fi
	if ! "$ROOT/tests/fuzz/build" "$TMP/planted" "$TMP/tree" index >"$TMP/build" 2>&1; then fail "fuzz: planted: $name" "$(tail -3 "$TMP/build")"; return; fi
	if (cd "$TMP" && FUZZ_DUMP=$ROOT/tests/dumps/v1.0-small.rgd nice -n 19 ./planted -max_total_time=300 -timeout=20 -close_fd_mask=2 -len_control=0 \
		-max_len=256 -rss_limit_mb=3000 >"$TMP/log" 2>&1); then
		fail "fuzz: planted: $name" "not found: $(tail -3 "$TMP/log" | tr '\n' '|')"
	else
		ok "fuzz: planted: $name is found after $(grep -oE '^#[0-9]+' "$TMP/log" | tail -1) runs"
	fi
}
plant_index "targets in an index are not compared with the number of objects" analyzer/dump/index_check.c 's/return all_below(data, n, m->nobjects);/return true;/'
plant_index "the dominators in an index may go in circles" analyzer/dump/index_check.c 's/(up < n && !bits_get(seen, up))/false/'
if ! "$ROOT/tests/fuzz/build" "$fuzzdir/rgxfuzz" "$ROOT" index >"$TMP/build" 2>&1; then fail "fuzz: index: builds" "$(tail -3 "$TMP/build" | tr '\n' '|')"; exit 1; fi
mkdir -p "$fuzzdir/index"
if (cd "$fuzzdir" && FUZZ_DUMP=$ROOT/tests/dumps/v1.0-small.rgd nice -n 19 ./rgxfuzz -max_total_time=$((seconds / 8 + 1)) -len_control=0 -max_len=256 \
	-rss_limit_mb=3000 -timeout=20 -close_fd_mask=2 -print_final_stats=1 index >"$fuzzdir/index.log" 2>&1); then
	ok "fuzz: indexes: $(sed -n 's/^stat::number_of_executed_units: *//p' "$fuzzdir/index.log") runs"
else
	fail "fuzz: indexes" "$(grep -E 'ERROR|SUMMARY|Test unit' "$fuzzdir/index.log" | head -3 | tr '\n' '|')"
fi

# files of rules; an eighth of the time, too
plant_rules() {
	local name=$1 file=$2 expression=$3
	rm -rf "$TMP/tree"; mkdir -p "$TMP/tree/tests"
	cp -r "$ROOT/preload" "$ROOT/include" "$TMP/tree"; cp -r "$ROOT/tests/fuzz" "$TMP/tree/tests"
	sed -i "$expression" "$TMP/tree/$file"
	if cmp -s "$ROOT/$file" "$TMP/tree/$file"; then fail "fuzz: planted: $name" "the patch does not apply any more"; return; fi
	if ! "$ROOT/tests/fuzz/build" "$TMP/planted" "$TMP/tree" rules >"$TMP/build" 2>&1; then fail "fuzz: planted: $name" "$(tail -3 "$TMP/build")"; return; fi
	rm -rf "$TMP/corpus"; mkdir "$TMP/corpus"; cp "$ROOT"/rules/*.rules "$TMP/corpus"
	if (cd "$TMP" && nice -n 19 ./planted -max_total_time=300 -dict="$ROOT/tests/fuzz/rules.dict" -max_len=16384 corpus >"$TMP/log" 2>&1); then
		fail "fuzz: planted: $name" "not found: $(tail -3 "$TMP/log" | tr '\n' '|')"
	else
		ok "fuzz: planted: $name is found after $(grep -oE '^#[0-9]+' "$TMP/log" | tail -1) runs"
	fi
}
plant_rules "rules: a path may have any number of steps" preload/hooks/rules.c 's/path->loads == RULE_LOADS/false/'
plant_rules "rules: a file with a mistake leaves its types behind" preload/hooks/rules.c 's/^\ttypes_used = had_types;//'
if ! "$ROOT/tests/fuzz/build" "$fuzzdir/rules" "$ROOT" rules >"$TMP/build" 2>&1; then fail "fuzz: rules: builds" "$(tail -3 "$TMP/build" | tr '\n' '|')"; exit 1; fi
mkdir -p "$fuzzdir/rules.corpus"; cp "$ROOT"/rules/*.rules "$fuzzdir/rules.corpus"
if (cd "$fuzzdir" && nice -n 19 ./rules -max_total_time=$((seconds / 8 + 1)) -dict="$ROOT/tests/fuzz/rules.dict" -max_len=16384 -timeout=20 \
	-print_final_stats=1 rules.corpus >"$fuzzdir/rules.log" 2>&1); then
	ok "fuzz: rules: $(sed -n 's/^stat::number_of_executed_units: *//p' "$fuzzdir/rules.log") runs"
else
	fail "fuzz: rules" "$(grep -aE 'ERROR|SUMMARY|Test unit' "$fuzzdir/rules.log" | head -3 | tr '\n' '|')"
fi

# what users write: queries, expressions, lists; an eighth of the time, too
if ! "$ROOT/tests/fuzz/build" "$fuzzdir/words" "$ROOT" words >"$TMP/build" 2>&1; then fail "fuzz: words: builds" "$(tail -3 "$TMP/build" | tr '\n' '|')"; exit 1; fi
mkdir -p "$fuzzdir/words.corpus"
if (cd "$fuzzdir" && FUZZ_DUMP=$ROOT/tests/dumps/v1.0-small.rgd nice -n 19 ./words -max_total_time=$((seconds / 8 + 1)) -dict="$ROOT/tests/fuzz/words.dict" \
	-max_len=300 -rss_limit_mb=3000 -timeout=20 -close_fd_mask=2 -print_final_stats=1 words.corpus >"$fuzzdir/words.log" 2>&1); then
	ok "fuzz: queries and expressions: $(sed -n 's/^stat::number_of_executed_units: *//p' "$fuzzdir/words.log") runs"
else
	fail "fuzz: queries and expressions" "$(grep -aE 'ERROR|SUMMARY|Test unit' "$fuzzdir/words.log" | head -3 | tr '\n' '|')"
fi
exit $failed
