#!/usr/bin/env bash
# What the shim shows to the program: exactly the symbols of exports.want, and no library but libc and the loader.
# To accept a change:  tests/house/exports.sh --write
. "$(dirname "$0")/../lib.sh"
want=$ROOT/tests/house/exports.want

exported() { nm -D --defined-only --format=posix "$SHIM" | awk '{ sub(/@.*/, "", $1); print $1 }' | LC_ALL=C sort -u; }
if [ "${1:-}" = --write ]; then exported >"$want"; exit 0; fi

diff -u "$want" <(exported) >"$TMP/diff"
if [ -s "$TMP/diff" ]; then fail "exports: exactly exports.want" "$(grep '^[+-][^+-]' "$TMP/diff" | tr '\n' ' ')"; else ok "exports: exactly exports.want"; fi

needed=$(readelf -dW "$SHIM" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vxE 'libc\.so\.6|ld-linux-x86-64\.so\.2' | tr '\n' ' ')
equal "exports: needs nothing but libc" "$needed" ""
equal "exports: no libpython by name" "$(readelf -dW "$SHIM" | grep -c libpython)" 0
# A symbol of a runtime that is not weak would keep programs without that runtime from starting.
strong=$(nm -D --undefined-only --format=posix "$SHIM" | awk '$2 == "U" { sub(/@.*/, "", $1); print $1 }' |
	grep -E '^(Py|_Py|g_|zend_|php_|unw_|_U)' | tr '\n' ' ')
equal "exports: no runtime's symbol is needed" "$strong" ""
equal "exports: no text relocations" "$(readelf -dW "$SHIM" | grep -c TEXTREL)" 0
equal "exports: no executable stack" "$(readelf -lW "$SHIM" | awk '/GNU_STACK/ { print $7 }')" RW
equal "exports: bound at once, relocations read-only" "$(readelf -dW "$SHIM" | grep -c 'BIND_NOW')" 1
exit $failed
