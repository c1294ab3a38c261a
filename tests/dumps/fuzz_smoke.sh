#!/usr/bin/env bash
# Ten seconds of the fuzzer of dumps and five of that of indexes (tests/long/fuzz.sh runs them for long), where clang and libFuzzer are there.
. "$(dirname "$0")/../lib.sh"
if ! command -v clang >/dev/null || ! printf 'int LLVMFuzzerTestOneInput(void){return 0;}' | clang -x c -fsanitize=fuzzer -o "$TMP/probe" - 2>/dev/null; then
	skip "fuzz: smoke" "no clang with libFuzzer here"; exit 0
fi
export FUZZ_CFLAGS=-O0
mkdir -p "$O/fuzz-smoke" "$TMP/corpus"
if ! "$ROOT/tests/fuzz/build" "$O/fuzz-smoke/rgdfuzz" >"$TMP/build" 2>&1; then fail "fuzz: smoke: builds" "$(tail -3 "$TMP/build" | tr '\n' '|')"; exit 1; fi
cp "$ROOT"/tests/fuzz/corpus/* "$ROOT"/tests/dumps/*.rgd "$TMP/corpus" 2>/dev/null
cd "$TMP" || exit 1
if "$O/fuzz-smoke/rgdfuzz" -max_total_time=10 -max_len=65536 -rss_limit_mb=3000 -timeout=20 -seed=1 -close_fd_mask=2 corpus >"$TMP/log" 2>&1; then
	ok "fuzz: smoke: $(grep -c . "$TMP/log" | sed 's/$/ lines of log/')"
else
	fail "fuzz: smoke" "$(grep -E 'ERROR|SUMMARY' "$TMP/log" | head -3 | tr '\n' '|')"
fi
if ! "$ROOT/tests/fuzz/build" "$O/fuzz-smoke/rgxfuzz" "$ROOT" index >"$TMP/build" 2>&1; then fail "fuzz: index: builds" "$(tail -3 "$TMP/build" | tr '\n' '|')"; exit 1; fi
if FUZZ_DUMP=$ROOT/tests/dumps/v1.0-small.rgd "$O/fuzz-smoke/rgxfuzz" -max_total_time=5 -len_control=0 -max_len=256 -rss_limit_mb=3000 -timeout=20 -seed=1 \
	-close_fd_mask=2 >"$TMP/log" 2>&1; then
	ok "fuzz: smoke of indexes: $(grep -c . "$TMP/log" | sed 's/$/ lines of log/')"
else
	fail "fuzz: smoke of indexes" "$(grep -E 'ERROR|SUMMARY' "$TMP/log" | head -3 | tr '\n' '|')"
fi
exit $failed
