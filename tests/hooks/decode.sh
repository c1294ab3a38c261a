#!/usr/bin/env bash
# The decoder against capstone: a share of the exported functions of a few libraries. tests/long/hooks_decode.sh takes all of all.
. "$(dirname "$0")/../lib.sh"
gcc -O2 -w -D_GNU_SOURCE "$ROOT/tests/hooks/decode.c" -o "$TMP/decode" -lcapstone || { fail "decode: builds" "see above"; exit 1; }
lib=/lib/x86_64-linux-gnu
out=$("$TMP/decode" -n 7 $lib/{libc.so.6,libm.so.6,libstdc++.so.6,libcrypto.so.3,libglib-2.0.so.0,libgtk-3.so.0,libgnutls.so.30} 2>/dev/null)
set -- $(tail -1 <<<"$out")
if [ "${4:-0}" -gt 2000 ] && [ "${8:-1}" = 0 ]; then ok "decode: agrees with capstone"; else fail "decode: agrees with capstone" "$(tr '\n' '|' <<<"$out")"; fi
if [ "${10:-99}" -le 4 ]; then ok "decode: knows what libraries begin with"; else fail "decode: knows what libraries begin with" "$(tr '\n' '|' <<<"$out")"; fi
exit $failed
