#!/usr/bin/env bash
# jemalloc, tcmalloc and mimalloc behind us, before us and linked: small blocks too, whose neighbours are 8 and 16 bytes apart there.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/track.sh"
cd "$ROOT/tests/shim/track" || exit 1
gcc -O1 -g -w -o "$TMP/small" small.c && g++ -std=c++17 -O1 -g -w -fno-builtin -o "$TMP/forms" forms.cc || exit 1
found=0
for name in libjemalloc.so.2 libtcmalloc.so.4 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
	so=$(ls /usr/lib/*-linux-gnu/"$name" 2>/dev/null | head -1)
	[ -n "$so" ] || { skip "allocators: $name" "not installed"; continue; }
	found=$((found + 1))
	behind=$so
	tracked "$TMP/small" >"$TMP/expected"
	equal "allocators: $name behind us: its own checks" $? 0
	equal "allocators: $name behind us: every small block" "$("$REFGRAPH" by-type -u all -n 0 --json -w 'size < 100 and type ~ "maker"' \
		"$TMP/tracked.rgd" | grep -o '"size":[0-9]*' | cut -d: -f2 | sort -n | uniq -c | awk '{ print $2, $1 }')" "$(cat "$TMP/expected")"
	equal "allocators: $name behind us: nothing lost, nothing unknown" "$(losses)" ""
	# mimalloc aborts where operator new should throw, without us too
	case $name in libmimalloc*) argument=granted ;; *) argument= ;; esac
	tracked "$TMP/forms" $argument >"$TMP/expected"
	equal "allocators: $name behind us: C++, its own checks" $? 0
	equal "allocators: $name behind us: C++, what lives" "$(blocks 100000)" "$(sort "$TMP/expected")"
	equal "allocators: $name behind us: C++, nothing lost, nothing unknown" "$(losses)" ""
	contains "allocators: $name behind us: named" "$("$REFGRAPH" info "$TMP/tracked.rgd")" "$(basename "$(readlink -f "$so")" | cut -d. -f1)"
	behind= before=$so
	equal "allocators: $name before us: the program works" "$(tracked REFGRAPH_VERBOSE=1 "$TMP/small" 2>"$TMP/err" | head -1)" "0 250"
	contains "allocators: $name before us: said once" "$(cat "$TMP/err")" "brings its own malloc"
	contains "allocators: $name before us: the dump says so" "$("$REFGRAPH" info "$TMP/tracked.rgd")" "is not followed"
	before=
	gcc -O1 -g -w -o "$TMP/linked" small.c "$so" || exit 1
	tracked "$TMP/linked" >"$TMP/expected"
	equal "allocators: $name linked: every small block" "$("$REFGRAPH" by-type -u all -n 0 --json -w 'size < 100 and type ~ "maker"' \
		"$TMP/tracked.rgd" | grep -o '"size":[0-9]*' | cut -d: -f2 | sort -n | uniq -c | awk '{ print $2, $1 }')" "$(cat "$TMP/expected")"
done
[ $found -gt 0 ] || skip "allocators" "none is installed"
exit $failed
