#!/usr/bin/env bash
# memory: a library's variables without a name and a block's own mapping right behind, which the kernel makes one mapping.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
cat >m.txt <<'END'
module exe /bin/server base=0x400000 low=0x400000 high=0x500000
module lib /lib/libx.so base=0x7f0000000000 low=0x7f0000000000 high=0x7f0000002800
map 0x400000 0x500000 rw-p /bin/server rss=4096
map 0x7f0000000000 0x7f0000001000 r-xp /lib/libx.so rss=4096
map 0x7f0000001000 0x7f0000103000 rw-p rss=1056768
map 0x7f0000200000 0x7f0000201000 rw-p rss=4096
object b block size=1000000 addr=0x7f0000003010
END
"$O/tests/tools/mkdump" -o m.rgd m.txt || exit 1
rows() { "$REFGRAPH" memory --bytes --no-header "$@" m.rgd | awk '$1 ~ /libraries|malloc|total/ { print $1, $2, $3, $4 }'; }
equal "memory: what lies behind a library's variables is not its own" "$(rows)" "libraries 12288 0 0
malloc 1048576 1000000 1
total 1069056 1000000 1"
exit $failed
