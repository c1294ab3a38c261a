#!/usr/bin/env bash
# Pythons that are not followed say so in one line, run as without the shim, and their dumps say why.
. "$(dirname "$0")/../lib.sh"

code='print("output"); import sys; sys.exit(5)'
# refused NAME EXPECTED-NOTE COMMAND...: one line on stderr, exit status and output unchanged
refused() {
	local name=$1 note=$2 out status; shift 2
	out=$(shim x "$@" 2>"$TMP/err" >"$TMP/out"; echo $?)
	status=$out
	equal "$name: exit status" "$status" 5
	equal "$name: output" "$(cat "$TMP/out")" output
	equal "$name: one line" "$(grep -c '^refgraph: ' "$TMP/err")" 1
	contains "$name: says why" "$(cat "$TMP/err")" "$note"
}
shim() { shift; LD_PRELOAD=$SHIM REFGRAPH_DIR=$TMP "$@"; }

for v in 2.7 3.6 3.7; do
	py=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/$v.*/bin/python 2>/dev/null | tail -1)
	if [ -z "$py" ]; then skip "Python $v" "not at hand"; continue; fi
	refused "Python $v" "only CPython 3.8 to 3.13 is supported" "$py" -c "$code"
done

# Runtimes that are not at hand: what we ask is whether they show certain symbols.
fake() {
	printf '%s\n' '#include <stdio.h>' "$2" 'int main(void) { puts("output"); return 5; }' >"$TMP/$1.c"
	gcc -rdynamic -o "$TMP/$1" "$TMP/$1.c"
}
fake threaded 'const char *Py_GetVersion(void) { return "3.13.0 experimental free-threading build (main)"; }'
refused "free-threaded" "free-threaded build" "$TMP/threaded"
fake next 'const char *Py_GetVersion(void) { return "3.14.0 (main)"; }'
refused "3.14" "only CPython 3.8 to 3.13 is supported" "$TMP/next"
fake pypy 'int rpython_startup_code;'
refused "PyPy" "PyPy" "$TMP/pypy"
fake pypylib 'const char *Py_GetVersion(void) { return "3.10.13 (main)"; } int pypy_main_startup;'
refused "PyPy with a C API" "PyPy" "$TMP/pypylib"
fake four 'const char *Py_GetVersion(void) { return "4.11.0 (main)"; }'
refused "4.11" "only CPython 3.8 to 3.13 is supported" "$TMP/four"
fake debug 'const char *Py_GetVersion(void) { return "3.11.2 (main)"; } int _Py_NegativeRefcount;'
refused "debug build" "a debug build" "$TMP/debug"
fake odd 'const char *Py_GetVersion(void) { return "3.11.2 (main)"; }'
refused "a build without its API" "is missing" "$TMP/odd"

# The dump says it too.
py=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.7.*/bin/python 2>/dev/null | tail -1)
if [ -n "$py" ]; then
	REFGRAPH_DUMP=old.rgd shim x "$py" -c 'import ctypes; ctypes.CDLL(None).refgraph_snapshot(b"old")' 2>/dev/null
	contains "Python 3.7: the dump says it" "$("$REFGRAPH" info "$TMP/old.rgd")" "only CPython 3.8 to 3.13"
fi

# REFGRAPH_PYTHON=off leaves Python alone.
py=$(pythons | head -1)
if [ -n "$py" ]; then
	REFGRAPH_PYTHON=off REFGRAPH_DUMP=off.rgd shim x "$py" -c 'import ctypes; ctypes.CDLL(None).refgraph_snapshot(b"off")'
	equal "REFGRAPH_PYTHON=off" "$("$REFGRAPH" info "$TMP/off.rgd" | grep -c '^runtime.cpython')" 0
fi
exit $failed
