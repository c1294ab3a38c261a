# tests/cpython_tests.sh - sourced. own_tests VERSION MODULE...: runs CPython's own test modules alone and under the shim,
# with a snapshot each second, and wants the same result for each method.
. "$(dirname "${BASH_SOURCE[0]}")/foreign.sh"
# results FILE: "method (class) ... ok" lines in order of name; what a test itself prints between is dropped
results() { grep -aoE '^test[A-Za-z0-9_]* \([A-Za-z0-9_.]+\).*' "$1" >/dev/null; /usr/bin/python3 - "$1" <<-'END'
	import re, sys
	text = open(sys.argv[1], errors="replace").read()
	seen = {}
	for m in re.finditer(r"^(test\w*) \(([\w.]+)\)", text, re.M):
	    rest = text[m.end():m.end() + 4000]
	    r = re.search(r"\.\.\. (?:.*?)(ok|FAIL|ERROR|skipped|expected failure|unexpected success)\b", rest, re.S)
	    if r:
	        seen[m.group(2) + "." + m.group(1)] = r.group(1)
	for k in sorted(seen):
	    print(k, seen[k])
	END
}
own_tests() {
	local v=$1 py m mode; shift
	py=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$v".*/bin/python3 2>/dev/null | tail -1)
	if [ -z "$py" ] || ! "$py" -c 'import test.test_gc' 2>/dev/null; then skip "CPython $v's own tests" "no such Python with its test package"; return; fi
	for m; do
		"$py" -c "import test.$m" 2>/dev/null || { skip "CPython $v $m" "not in this version"; continue; }
		for mode in plain busy; do
			rm -rf "$WORK"; mkdir "$WORK"
			(cd "$WORK" && in_mode $mode timeout 500 "$py" -m unittest -v "test.$m") >"$TMP/$m.$mode" 2>&1 </dev/null
			echo "status $?" >"$TMP/$m.$mode.status"
			results "$TMP/$m.$mode" >"$TMP/$m.$mode.results"
		done
		if [ "$(wc -l <"$TMP/$m.plain.results")" -lt 2 ]; then fail "CPython $v $m" "the plain run has no results: $(tail -2 "$TMP/$m.plain" | tr '\n' '|')"; continue; fi
		# A method that differs gets a second chance in both modes: some of them measure time. What differs twice is ours.
		diff "$TMP/$m.plain.results" "$TMP/$m.busy.results" >"$TMP/diff"
		local bad='' t
		for t in $(sed -nE 's/^[<>] (test\.)?'"$m"'\.([^ ]*) .*/\2/p' "$TMP/diff" | sed "s/^__main__\.//" | sort -u); do
			for mode in plain busy; do
				(cd "$WORK" && in_mode $mode timeout 200 "$py" -m unittest -v "test.$m.$t") >"$TMP/again" 2>&1 </dev/null
				results "$TMP/again" >"$TMP/again.$mode"
			done
			cmp -s "$TMP/again.plain" "$TMP/again.busy" || bad+="$t: $(cat "$TMP/again.plain") alone, $(cat "$TMP/again.busy") under the shim: $(grep -aE '^[A-Za-z]*(Error|Warning)' "$TMP/again" | head -2 | tr '\n' '|'); "
		done
		if [ -s "$TMP/diff" ] && ! grep -qE '^[<>] ' "$TMP/diff"; then bad+=$(head -c 200 "$TMP/diff"); fi
		if [ -z "$bad" ] && ! cmp -s "$TMP/$m.plain.status" "$TMP/$m.busy.status" && [ ! -s "$TMP/diff" ]; then
			bad="$(cat "$TMP/$m.plain.status") alone, $(cat "$TMP/$m.busy.status") under the shim: $(tail -3 "$TMP/$m.busy" | tr '\n' '|')"
		fi
		if [ -z "$bad" ]; then ok "CPython $v $m: $(wc -l <"$TMP/$m.plain.results") methods"; else fail "CPython $v $m" "$bad"; fi
	done
	if ls "$DUMPS"/*.rgd >/dev/null 2>&1; then rm -f "$DUMPS"/*; fi
}
