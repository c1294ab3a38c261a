#!/usr/bin/env bash
# mmap, munmap and mremap: the regions in the dump are those of the program, page for page.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/track.sh"
gcc -O1 -g -w -D_GNU_SOURCE -o "$TMP/maps" "$ROOT/tests/shim/track/maps.c" || exit 1
tracked "$TMP/maps" >"$TMP/expected"
equal "regions: its own checks" $? 0
regions=$(python3 - "$ROOT" "$TMP/tracked.rgd" $(cut -d' ' -f1 "$TMP/expected") <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + "/tests/tools")
import rgd
base = int(sys.argv[3], 16)
rows = [r for r in rgd.Dump(sys.argv[2]).rows("REGIONS") if base <= r[0] < base + 1000 * 4096]
print(*[r[1] // 4096 for r in rows], all(r[2] for r in rows))
PY
)
equal "regions: what is mapped, each with its caller" "$regions" "$(cut -d' ' -f2- "$TMP/expected") True"
equal "regions: nothing lost" "$(losses)" ""
exit $failed
