# tests/tools/track.sh - sourced after lib.sh by tests/shim/track_*.sh: a program under the shim whose dump at exit is compared
# with what it says of itself.

# tracked [VARIABLE=VALUE...] COMMAND...: run it; its dump is $TMP/tracked.rgd
tracked() {
	rm -f "$TMP/tracked.rgd"
	env REFGRAPH_ON_EXIT=1 REFGRAPH_DUMP=tracked.rgd REFGRAPH_DIR="$TMP" LD_PRELOAD="${before:+$before:}$SHIM${behind:+:$behind}" "$@"
}
before= behind= # other libraries to preload

# blocks LEAST [DUMP]: "SIZE FUNCTION" of each native block of at least that size, sorted
blocks() {
	"$REFGRAPH" by-type -u all -n 0 --json -w "size >= $1" "${2:-$TMP/tracked.rgd}" 2>/dev/null | python3 -c '
import json, sys
for line in sys.stdin:
    o = json.loads(line)
    print(o["size"], (o["site"] or "?").split("+")[0].split(" ")[0])' | sort
}

# losses [DUMP]: every counter of something lost or unknown that is not 0
losses() {
	"$REFGRAPH" info "${1:-$TMP/tracked.rgd}" | awk '/^counter\.(lost\.|unknown)/ && $2 != 0 { print $1, $2 }'
}
