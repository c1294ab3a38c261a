# tests/cpython_tests.sh - sourced. own_tests VERSION MODULE...: runs CPython's own test modules alone and under the shim,
# with a snapshot each second, and wants the same result for each method.
. "$(dirname "${BASH_SOURCE[0]}")/foreign.sh"
# results FILE: "module.class.method ok" lines in order of name; what a test itself prints between is dropped
results() { /usr/bin/python3 - "$1" <<-'END'
	import re, sys
	text = open(sys.argv[1], errors="replace").read()
	seen = {}
	for m in re.finditer(r"^(test\w*) \(([\w.]+)\)", text, re.M):
	    method, where = m.groups()
	    if not where.endswith("." + method):  # 3.11+ names the method there too
	        where += "." + method
	    rest = text[m.end():m.end() + 4000]
	    r = re.search(r"\.\.\. (?:.*?)\b(ok|FAIL|ERROR|skipped|expected failure|unexpected success)\b", rest, re.S)
	    if r:
	        seen[where] = r.group(1)
	for k in sorted(seen):
	    print(k, seen[k])
	END
}
# own_run FILE MODE SECONDS PYTHON NAME: what it prints goes to FILE, its status to FILE.status, its results to FILE.results
own_run() {
	(cd "$WORK" && in_mode "$2" timeout "$3" "$4" -m unittest -v "$5") >"$1" 2>&1 </dev/null
	echo "status $?" >"$1.status"
	results "$1" >"$1.results"
}
# own_module VERSION PYTHON MODULE
own_module() {
	local v=$1 py=$2 m=$3 mode busy=busy bad='' t
	case $m in                                 # no dump at each end where
	test_subprocess) busy=often ;;           # a method forks 2048 children that find nothing to execute
	test_multiprocessing_fork) busy=often ;; # a manager has one second to leave before it is terminated
	esac
	for mode in plain $busy; do
		rm -rf "$WORK"; mkdir "$WORK"
		own_run "$TMP/$m.$mode" $mode 900 "$py" "test.$m"
	done
	if [ "$(wc -l <"$TMP/$m.plain.results")" -lt 2 ] || grep -qx 'status 124' "$TMP/$m.plain.status"; then
		fail "CPython $v $m" "the plain run has no results, or no end: $(tail -2 "$TMP/$m.plain" | tr '\n' '|')"
		return
	fi
	# A method that differs gets a second chance in both modes: some of them measure time. What differs twice is ours.
	for t in $(diff "$TMP/$m.plain.results" "$TMP/$m.$busy.results" | sed -nE 's/^[<>] ([^ ]*) .*/\1/p' | sort -u); do
		own_run "$TMP/alone" plain 200 "$py" "$t"
		own_run "$TMP/again" $busy 200 "$py" "$t"
		echo "# $v $t: $(grep -F "$t" "$TMP/$m.plain.results") alone, $(grep -F "$t" "$TMP/$m.$busy.results") under the shim, at first"
		if [ -s "$TMP/alone.results" ] && cmp -s "$TMP/alone.results" "$TMP/again.results"; then continue; fi
		bad+="$t: $(cat "$TMP/alone.results") alone, $(cat "$TMP/again.results") under the shim"
		bad+=" ($(cat "$TMP/again.status"), $(grep -aE '^[A-Za-z]*(Error|Warning)' "$TMP/again" | head -2 | tr '\n' '|')); "
	done
	if [ -z "$bad" ] && cmp -s "$TMP/$m.plain.results" "$TMP/$m.$busy.results" && ! cmp -s "$TMP/$m.plain.status" "$TMP/$m.$busy.status"; then
		bad="$(cat "$TMP/$m.plain.status") alone, $(cat "$TMP/$m.$busy.status") under the shim: $(tail -3 "$TMP/$m.$busy" | tr '\n' '|')"
	fi
	if [ -z "$bad" ]; then ok "CPython $v $m: $(wc -l <"$TMP/$m.plain.results") methods"; else fail "CPython $v $m" "$bad"; fi
}
own_tests() {
	local v=$1 py m; shift
	py=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$v".*/bin/python3 2>/dev/null | tail -1)
	if [ -z "$py" ] || ! "$py" -c 'import test.test_gc' 2>/dev/null; then skip "CPython $v's own tests" "no such Python with its test package"; return; fi
	for m; do
		if ! "$py" -c "import test.$m" 2>/dev/null; then skip "CPython $v $m" "not in this version"; continue; fi
		own_module "$v" "$py" "$m"
	done
	if ls "$DUMPS"/*.rgd >/dev/null 2>&1; then rm -f "$DUMPS"/*; fi
}
