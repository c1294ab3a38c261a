#!/usr/bin/env bash
# As tests/hooks/sweep.sh, with large programs; prints how many functions were hooked and called.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/hooks_sweep.sh"
SWEEP_SAY=1
sweep_build
cat >"$TMP/gtk.py" <<'END'
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk, GLib
w = Gtk.Window()
box = Gtk.Box()
w.add(box)
for i in range(50):
    b = Gtk.Button(label=str(i))
    b.connect("clicked", lambda b: b.set_label("x"))
    box.add(b)
w.show_all()
for b in box.get_children():
    b.clicked()
GLib.timeout_add(300, Gtk.main_quit)
Gtk.main()
print([b.get_label() for b in box.get_children()])
END
python3 -c 'print("<r>" + "".join("<a n=\"%d\"><b>t</b></a>" % i for i in range(20000)) + "</r>")' >"$TMP/x.xml"
# of a window's libraries a part comes while threads run
SWEEP_LOOSE=1 sweep "a GTK program" 80 xvfb-run -a /usr/bin/python3 "$TMP/gtk.py"
sweep "xmllint" 98 xmllint --format "$TMP/x.xml"
SWEEP_LOOSE=1 sweep "openssl speed" 98 openssl speed -seconds 1 sha256 ecdsap256
sweep "GStreamer with threads" 98 gst-launch-1.0 -q videotestsrc num-buffers=200 ! queue ! videoconvert ! queue ! fakesink
sweep "Python" 98 /usr/bin/python3 -c 'import json, ssl, sqlite3, hashlib; print(hashlib.sha256(b"x").hexdigest(), json.dumps([1, 2]))'
sweep "git" 90 git -C "$ROOT" log -3 --stat
sweep "curl" 98 curl --version
sweep "gdb" 98 gdb -batch -ex 'p 1 + 1' -ex 'info line main' /usr/bin/gst-launch-1.0
exit $failed
