#!/usr/bin/env bash
# A GTK and a Qt program on a virtual screen, plain and with every block's whole stack followed and a snapshot each second: the same
# windows, the same words on standard error, the same exit status. Then one of the dumps is asked who holds a widget's memory.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends xvfb xauth x11-apps x11-utils zenity speedcrunch >/dev/null 2>&1
for p in Xvfb xwininfo xwd zenity speedcrunch; do command -v $p >/dev/null || { skip desktop "$p is not installed"; exit 0; }; done

# A display of its own: Xvfb chooses the number and tells it.
Xvfb -displayfd 3 -screen 0 800x600x24 -nolisten tcp 3>display >xvfb.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null' EXIT
wait_for 20 test -s display || { fail "Xvfb starts" "$(cat xvfb.log)"; exit 1; }
DISPLAY=:$(cat display)
export DISPLAY HOME=$TMP LC_ALL=C.UTF-8 NO_AT_BRIDGE=1 GSETTINGS_BACKEND=memory XDG_RUNTIME_DIR=$TMP QT_QPA_PLATFORM=xcb
mkdir dumps

in_mode() { # MODE COMMAND...
	local mode=$1; shift
	if [ "$mode" = plain ]; then exec "$@"; fi
	exec env LD_PRELOAD="$SHIM" REFGRAPH_STACKS=exact REFGRAPH_EVERY=1s REFGRAPH_DIR="$TMP/dumps" REFGRAPH_DUMP='%e.%n.rgd' "$@"
}

# shows NAME TITLE: there is a window of this title, and what it shows does not change any more
shows() { xwininfo -name "$1" >window 2>/dev/null && xwd -silent -name "$1" -out a.xwd 2>/dev/null && sleep 0.5 && xwd -silent -name "$1" -out b.xwd 2>/dev/null && cmp -s a.xwd b.xwd; }

# program NAME TITLE SIGNAL COMMAND...
program() {
	local name=$1 title=$2 signal=$3 mode pid rc; shift 3
	for mode in plain followed; do
		rm -rf .config .local .cache
		(in_mode $mode "$@") >"$name.$mode.out" 2>"$name.$mode.err" &
		pid=$!
		wait_for 60 shows "$title" || echo "no window" >>"$name.$mode.out"
		cp b.xwd "$name.$mode.xwd" 2>/dev/null; rm -f a.xwd b.xwd
		if [ $mode = followed ]; then wait_for 60 test -e "dumps/$name.2.rgd"; fi
		kill -"$signal" $pid
		wait $pid; rc=$?
		echo "status $rc" >>"$name.$mode.out"
	done
	equal "$name: output and status" "$(cat "$name.followed.out")" "$(cat "$name.plain.out")"
	equal "$name: standard error" "$(cat "$name.followed.err")" "$(cat "$name.plain.err")"
	cmp -s "$name.plain.xwd" "$name.followed.xwd" && ok "$name: the same picture" || fail "$name: the same picture" "$(ls -l "$name".*.xwd 2>&1)"
	"$REFGRAPH" check "dumps/$name.2.rgd" >check.out 2>&1 && ok "$name: its dump" || fail "$name: its dump" "$(cat check.out)"
}

program zenity "Choose one" TERM zenity --list --title "Choose one" --column A --column B 1 one 2 two 3 three
[ "$("$REFGRAPH" stacks dumps/zenity.2.rgd --by stack --limit 0 | grep -c "libgtk-3")" -gt 50 ] && ok "zenity: stacks name GTK" || fail "zenity: stacks name GTK" "$("$REFGRAPH" stacks dumps/zenity.2.rgd | head -3)"
program speedcrunch SpeedCrunch TERM speedcrunch
[ "$("$REFGRAPH" stacks dumps/speedcrunch.2.rgd --by stack --limit 0 | grep -c 'libQt5Widgets')" -gt 50 ] && ok "speedcrunch: stacks name Qt" || fail "speedcrunch: stacks name Qt" "$("$REFGRAPH" stacks dumps/speedcrunch.2.rgd | head -3)"
exit $failed
