#!/usr/bin/env bash
# The decoder against capstone: the first 64 bytes of every exported function of every library of this machine, and the first 4096
# bytes of every tenth. Prints the figures.
. "$(dirname "$0")/../lib.sh"
gcc -O2 -w -D_GNU_SOURCE "$ROOT/tests/hooks/decode.c" -o "$TMP/decode" -lcapstone || { fail "decode: builds" "see above"; exit 1; }
mapfile -t libraries < <(for f in /lib/x86_64-linux-gnu/*.so*; do readlink -f "$f"; done | sort -u)
run() { # NAME MIN-FUNCTIONS OPTIONS...
	local name=$1 least=$2 out; shift 2
	out=$("$TMP/decode" "$@" "${libraries[@]}" 2>/dev/null)
	echo "# $(tail -1 <<<"$out")"
	set -- $(tail -1 <<<"$out")
	if [ "${2:-0}" -ge 50 ] && [ "${4:-0}" -ge "$least" ] && [ "${8:-1}" = 0 ]; then ok "$name"; else fail "$name" "$(tr '\n' '|' <<<"$out")"; fi
	# data that are called functions, and xbegin
	if [ "${10:-99}" -le $((${4:-0} / 1000)) ]; then ok "$name: knows nearly all"; else fail "$name: knows nearly all" "$(tr '\n' '|' <<<"$out")"; fi
}
run "decode: all functions of all libraries" 50000
run "decode: whole functions" 5000 -n 10 -w 4096
exit $failed
