# tests/hooks_sweep.sh - sourced: programs with every exported function of their libraries hooked, beside themselves without.
sweep_build() {
	gcc -O2 -g -w -D_GNU_SOURCE -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-plt -shared -I"$ROOT/preload" -o "$TMP/sweep.so" \
		"$ROOT/tests/hooks/sweep.c" -ldl || { fail "sweep: builds" "see above"; exit 1; }
}
# sweep NAME LEAST-PERCENT COMMAND...: same output, same errors, same status, and so many of the functions found are hooked
sweep() {
	local name=$1 least=$2 mode a b figures; shift 2
	timeout 200 "$@" >"$TMP/a.out" 2>"$TMP/a.err" </dev/null; a=$?
	for mode in enter around; do
		rm -f "$TMP/log"
		timeout 200 env ${SWEEP_OTHER:+SWEEP_OTHER=1} SWEEP=$mode SWEEP_LOG="$TMP/log" LD_PRELOAD="$TMP/sweep.so" "$@" >"$TMP/b.out" 2>"$TMP/b.err" </dev/null; b=$?
		figures=$(sort -k6n "$TMP/log" 2>/dev/null | tail -1)
		[ -n "${SWEEP_SAY:-}" ] && echo "# $name, $mode: $figures"
		if [ $a != $b ]; then fail "sweep: $name, $mode" "status $b, alone $a: $(tail -2 "$TMP/b.err" | tr '\n' '|')"
		elif [ -z "${SWEEP_LOOSE:-}" ] && ! cmp -s "$TMP/a.out" "$TMP/b.out"; then fail "sweep: $name, $mode" "another output"
		elif [ -z "${SWEEP_LOOSE:-}" ] && ! cmp -s "$TMP/a.err" "$TMP/b.err"; then fail "sweep: $name, $mode" "other errors: $(head -3 "$TMP/b.err" | tr '\n' '|')"
		elif ! awk -v least="$least" '{ exit !($2 > 100 && $6 > 0 && $4 * 100 >= $2 * least) }' <<<"$figures"; then fail "sweep: $name, $mode" "only $figures"
		else ok "sweep: $name, $mode"; fi
	done
}
