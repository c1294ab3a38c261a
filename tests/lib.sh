# tests/lib.sh - sourced by shell tests. Gives: O (build folder, absolute), REFGRAPH, SHIM, ROOT (source), TMP (own, removed
# at the end), ok/fail/skip, and helpers. A test file may hold several cases; it exits 0 when none failed.
set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
O=${O:-$ROOT/build}
case $O in /*) ;; *) O=$ROOT/$O ;; esac
REFGRAPH=$O/refgraph
SHIM=$O/librefgraph.so
TMP=$(mktemp -d "${TMPDIR:-/tmp}/refgraph-test.XXXXXX")
failed=0
test_pids=()
cleanup() {
	for p in ${test_pids[@]+"${test_pids[@]}"}; do kill -9 "$p" 2>/dev/null; done
	rm -rf --one-file-system "$TMP" # a test that was killed may have left a mount
}
trap cleanup EXIT
ok() { echo "ok $1"; }
fail() { echo "not ok $1: ${2:-}"; failed=1; }
skip() { echo "skip $1: ${2:-}"; }
# check NAME COMMAND...: ok when the command succeeds; its output is shown when not
check() {
	local name=$1; shift
	if "$@" >"$TMP/check.out" 2>&1; then ok "$name"; else fail "$name" "$(tail -c 600 "$TMP/check.out" | tr '\n' '|')"; fi
}
# equal NAME GOT WANT
equal() {
	if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "got «$2», want «$3»"; fi
}
# contains NAME TEXT FIXED-STRING
contains() {
	if printf '%s' "$2" | grep -qF -- "$3"; then ok "$1"; else fail "$1" "«$3» is not in «$(printf '%s' "$2" | head -c 400)»"; fi
}
# shim COMMAND...: run it under the shim, quietly private to this test
shim() { LD_PRELOAD=$SHIM REFGRAPH_DIR=${REFGRAPH_DIR:-$TMP} "$@"; }
# wait_for SECONDS COMMAND...: polls until it succeeds
wait_for() {
	local n=$(($1 * 20)); shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1)); [ $n -gt 0 ] || return 1
		sleep 0.05
	done
}
# pythons: paths of the CPythons at hand that are supported, one a line (REFGRAPH_PYTHONS overrides)
pythons() {
	if [ -n "${REFGRAPH_PYTHONS:-}" ]; then printf '%s\n' $REFGRAPH_PYTHONS; return; fi
	[ -x /usr/bin/python3 ] && echo /usr/bin/python3
	local v
	for v in 3.8 3.9 3.10 3.11 3.12 3.13; do
		ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/$v.*/bin/python3 2>/dev/null | tail -1
	done
}
