#!/usr/bin/env bash
# All exported functions of all libraries but libc hooked, counted and called through, under programs that must not notice.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/hooks_sweep.sh"
sweep_build
g++ -O1 -g "$ROOT/tests/hooks/sweep_throw.cc" -o "$TMP/throw" -pthread || fail "sweep: exceptions build" "see above"
sweep "exceptions" 98 "$TMP/throw"
SWEEP_OTHER=1 sweep "exceptions by landing pads" 98 "$TMP/throw"
sweep "openssl" 98 openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -out /dev/null -subj /CN=x
sweep "GStreamer" 98 gst-launch-1.0 -q videotestsrc num-buffers=20 ! videoconvert ! fakesink
exit $failed
