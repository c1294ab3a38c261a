# tests/foreign.sh - sourced by tests/shim/foreign_*.sh: runs a program alone, under the shim, and under the shim while
# snapshots are taken, each in a fresh folder of the same name, and wants the same standard output, standard error, raw
# wait status and files. The plain run goes first: what it does is the expectation.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
WORK=$TMP/work # where the program runs
DUMPS=$TMP/dumps
mkdir -p "$DUMPS"
ran=0 # programs so far

# need PROGRAM...: skips the whole file when one is missing
need() {
	local p
	for p; do command -v "$p" >/dev/null || { skip "$(basename "$0" .sh)" "$p is not installed"; exit 0; }; done
}

# in_mode plain|shim|often|busy COMMAND...: often is a dump each second, busy one at each end too; SETTINGS: more of the shim's variables
in_mode() {
	local mode=$1; shift
	case $mode in
	plain) env "$@" ;;
	shim) env ${SETTINGS:-} LD_PRELOAD="$SHIM" REFGRAPH_DIR="$DUMPS" "$@" ;;
	often) env ${SETTINGS:-} LD_PRELOAD="$SHIM" REFGRAPH_DIR="$DUMPS" REFGRAPH_EVERY=1s "$@" ;;
	busy) env ${SETTINGS:-} LD_PRELOAD="$SHIM" REFGRAPH_DIR="$DUMPS" REFGRAPH_EVERY=1s REFGRAPH_ON_EXIT=1 "$@" ;;
	esac
}
# The same in place of the calling subshell, so that $! is the program.
exec_in_mode() {
	env() { exec /usr/bin/env "$@"; }
	in_mode "$@"
}

# The raw wait status, which the shell does not show.
run_status='import os, sys
pid = os.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
status = os.waitpid(pid, 0)[1]
with open(sys.argv[1], "w") as f: f.write("%#x\n" % status)'

# What a run leaves: its files with their sums.
files_of() { (cd "$1" && find . -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 -r sha256sum); }

# same NAME [-s SED] COMMAND...: -s removes from both outputs what differs between any two runs (times, pids)
same() {
	local name=$1 filter='' mode; shift
	ran=$((ran + 1))
	if [ "$1" = -s ]; then filter=$2; shift 2; fi
	for mode in plain shim busy; do
		rm -rf "$WORK"; mkdir "$WORK"
		if declare -F setup >/dev/null; then (cd "$WORK" && setup) >/dev/null 2>&1; fi
		(cd "$WORK" && in_mode_status "$TMP/$mode.status" "$mode" "$@") </dev/null >"$TMP/$mode.out" 2>"$TMP/$mode.err"
		files_of "$WORK" >"$TMP/$mode.files"
		if [ -n "$filter" ]; then sed -i -E "$filter" "$TMP/$mode.out" "$TMP/$mode.err"; fi
	done
	for mode in shim busy; do
		local bad='' what
		for what in status out err files; do
			cmp -s "$TMP/plain.$what" "$TMP/$mode.$what" ||
				bad+="$what: $(diff "$TMP/plain.$what" "$TMP/$mode.$what" | head -c 300 | tr '\n' '|') "
		done
		if [ -z "$bad" ]; then ok "$name ($mode)"; else fail "$name ($mode)" "$bad"; fi
	done
}
# The plain python runs the program, so that the shim is in the program and its children only.
in_mode_status() {
	local file=$1 mode=$2; shift 2
	env() { /usr/bin/python3 -c "$run_status" "$file" /usr/bin/env "$@"; }
	in_mode "$mode" "$@"
	unset -f env
}
# dumps_good NAME: the dumps that the busy runs left are complete
dumps_good() {
	local d n=0 bad=''
	for d in "$DUMPS"/*.rgd; do
		[ -f "$d" ] || continue
		n=$((n + 1))
		"$REFGRAPH" check "$d" >"$TMP/check.out" 2>&1 || bad+="$(basename "$d"): $(head -c 120 "$TMP/check.out" | tr '\n' '|') "
	done
	if [ -n "$bad" ]; then fail "$1: its dumps" "$bad"
	elif [ $n -eq 0 ] && [ $ran -gt 0 ]; then fail "$1: its dumps" "none was written"
	elif [ $n -gt 0 ]; then ok "$1: its $n dumps are whole"; fi
	if ls "$DUMPS"/ 2>/dev/null | grep -qv '\.rgd$'; then fail "$1: nothing but dumps" "$(ls "$DUMPS" | grep -v '\.rgd$' | head -3 | tr '\n' ' ')"; fi
}
