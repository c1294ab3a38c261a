#!/usr/bin/env bash
# Every function of C that makes or frees a block: the dump at exit holds exactly the blocks that live, with their sizes and callers.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/track.sh"
gcc -O1 -g -w -fno-builtin -fno-optimize-sibling-calls -o "$TMP/calls" "$ROOT/tests/shim/track/calls.c" || exit 1
for stacks in caller hybrid full; do
	tracked REFGRAPH_STACKS=$stacks "$TMP/calls" >"$TMP/expected"
	equal "calls, $stacks: its own checks" $? 0
	equal "calls, $stacks: what lives" "$(blocks 100000)" "$(sort "$TMP/expected")"
	equal "calls, $stacks: nothing lost, nothing unknown" "$(losses)" ""
done
tracked REFGRAPH_STACKS=none "$TMP/calls" >"$TMP/expected"
equal "calls, none: what lives" "$(blocks 100000 | cut -d' ' -f1)" "$(sort "$TMP/expected" | cut -d' ' -f1)"
tracked REFGRAPH_NATIVE=off "$TMP/calls" >/dev/null
equal "calls, native off: nothing" "$(blocks 0)" ""

gcc -O1 -g -w -o "$TMP/libc" "$ROOT/tests/shim/track/libc.c" || exit 1
head -c 119999 /dev/zero | tr '\0' y >"$TMP/line"
echo >>"$TMP/line"
tracked REFGRAPH_STACKS=caller "$TMP/libc" "$TMP/line" >"$TMP/expected"
equal "libc: its own checks" $? 0
equal "libc: large results" "$(blocks 100000 | cut -d' ' -f1)" "$(grep -E '^[0-9]{6}' "$TMP/expected" | sort | cut -d' ' -f1)"
contains "libc: wcsdup" "$(blocks 0)" "20 wcsdup"
contains "libc: realpath of /" "$(blocks 0)" "2 strdup"
equal "libc: opendir" "$(blocks 30000 | grep -c "opendir\|alloc_dir")" 1
equal "libc: fopen" "$(blocks 0 | grep -c "^472 .*fopen")" 1
equal "libc: nothing lost, nothing unknown" "$(losses)" ""
exit $failed
