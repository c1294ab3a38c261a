#!/usr/bin/env bash
# Exceptions that leave hooked calls, with each unwinder that there is: libgcc's, linked in or not, and those that programs link ahead of it (see
# programs/throws.cc). Each tells frames apart in its own way.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
HERE=$ROOT/tests/hooks/programs
g++ -g -O1 -c -o throws.o "$HERE/throws.cc" || { fail "throws: builds" "see above"; exit 1; }
throws() { # NAME LIBRARY FLAGS...
	local name=$1 library=$2 plain; shift 2
	g++ -rdynamic -o "throws-$name" throws.o "$@" 2>gcc.log || { fail "throws, $name: builds" "$(head -3 gcc.log)"; return; }
	readelf -d "throws-$name" | grep -q "NEEDED.*$library" || { fail "throws, $name: is linked so" "$(readelf -d "throws-$name" | grep NEEDED)"; return; }
	plain=$(./"throws-$name" 2>&1)
	equal "throws, $name: the program is as it was" "$(shim env REFGRAPH_ON_EXIT=1 REFGRAPH_RULES="$HERE/things.rules" REFGRAPH_DUMP="$name.rgd" timeout 60 ./"throws-$name" 2>&1)" "$plain"
	equal "throws, $name: each birth is seen" "$("$REFGRAPH" balance "$name.rgd" 2>&1)" "balanced: 3000 objects ended, 0 live; none has a reference that nobody gave back"
}
throws libgcc libgcc_s
throws static libc.so -static-libgcc -static-libstdc++
throws libunwind libunwind.so.8 -Wl,--no-as-needed -lunwind
llvm=$(ls /usr/lib/llvm-*/lib/libunwind.so.1 2>/dev/null | tail -1)
if [ -n "$llvm" ]; then throws llvm libunwind.so.1 -Wl,--no-as-needed "$llvm"; else skip "throws, llvm" "libunwind-14 is not installed"; fi
exit $failed
