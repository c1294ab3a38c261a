#!/usr/bin/env bash
# Every form of operator new and delete, with the program's own in their place, with a C++ runtime that comes late.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/track.sh"
cd "$ROOT/tests/shim/track" || exit 1
flags="-std=c++17 -O1 -g -w -fno-optimize-sibling-calls -fno-builtin"
g++ $flags -o "$TMP/forms" forms.cc || exit 1
tracked "$TMP/forms" >"$TMP/expected"
equal "forms: its own checks" $? 0
equal "forms: what lives" "$(blocks 100000)" "$(sort "$TMP/expected")"
equal "forms: nothing lost, nothing unknown" "$(losses)" ""

g++ $flags -static-libstdc++ -static-libgcc -o "$TMP/forms_static" forms.cc || exit 1
tracked "$TMP/forms_static" >"$TMP/expected"
equal "forms, static libstdc++: its own checks" $? 0
# it calls aligned_alloc, with a multiple of the alignment
multiples='s/^100005$/100096/; s/^10000[678]$/100032/'
equal "forms, static libstdc++: what lives" "$(blocks 100000 | cut -d' ' -f1)" "$(cut -d' ' -f1 "$TMP/expected" | sed "$multiples" | sort)"
equal "forms, static libstdc++: nothing unknown" "$(losses)" ""

# its own operator new puts 64 bytes before each block, and is used by the library's other forms
g++ $flags -DOWN_NEW -o "$TMP/forms_own" forms.cc || exit 1
"$TMP/forms_own" >/dev/null
equal "own operator new: alone" $? 0
tracked "$TMP/forms_own" >"$TMP/expected"
equal "own operator new: its own checks" $? 0
equal "own operator new: what lives, with its 64 bytes" "$(blocks 100000 | cut -d' ' -f1 | sort)" \
	"$(awk '{ print /aligned/ ? $1 : $1 + 64 }' "$TMP/expected" | sed "$multiples" | sort)"
equal "own operator new: nothing lost, nothing unknown" "$(losses)" ""

g++ $flags -shared -fPIC -o "$TMP/late.so" late_library.cc && gcc -O1 -o "$TMP/late" late.c || exit 1
equal "late C++ runtime: it works" "$(tracked "$TMP/late" "$TMP/late.so")" 2
contains "late C++ runtime: its block" "$(blocks 100000)" "123456 keeper"
equal "late C++ runtime: nothing lost, nothing unknown" "$(losses)" ""
exit $failed
