#!/usr/bin/env python3
"""Programs that nobody here wrote: GIO's tools, GStreamer's, GTK's zenity, a D-Bus client on a bus of its own. They run as without the shim,
the dump knows their instances by type, and nothing of theirs is lost but what their own trackers know."""
import json, os, shutil, signal, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from gobjects import *

PIPELINE = "videotestsrc num-buffers=5 ! video/x-raw,width=64,height=64 ! queue ! fakesink".split()
CALL = "gdbus call --session --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus --method".split()
# name, arguments, types that must be there, lost: gio list of GLib before 2.83 never unrefs its enumerator (GNOME/glib 5b2da7ecb3)
PROGRAMS = [
    ("gio", ["gio", "list", "/usr/share/doc/libglib2.0-0"], {"GLocalFile": 1, "GLocalFileEnumerator": 1}, {"GLocalFileEnumerator": 1}),
    ("gsettings", ["gsettings", "list-schemas"], {}, {}),
    ("inspect", ["gst-inspect-1.0", "fakesink"], {"GstRegistry": 1}, {}),
    ("launch", ["gst-launch-1.0", "-q"] + PIPELINE, {}, {}),
    ("gdbus", ["dbus-run-session", "--"] + CALL + ["org.freedesktop.DBus.GetNameOwner", "org.freedesktop.DBus"], {}, {}),
    ("zenity", ["zenity", "--info", "--timeout=1", "--text=x"], {"GdkX11Display": 1, "GtkSettings": 1}, {}),
]


def glib():
    text = subprocess.run(["pkg-config", "--modversion", "glib-2.0"], stdout=subprocess.PIPE, text=True).stdout
    return tuple(int(n) for n in text.strip().split(".")[:2])


def dumps(name):
    return [os.path.join(TMP, f) for f in sorted(os.listdir(TMP)) if f.startswith(name + ".") and f.endswith(".rgd")]


def look(name, arguments, types, lost, env):
    plain = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, **env))
    p = run(arguments, name, dict(env, REFGRAPH_DUMP=name + ".%p.%n.rgd"))
    equal(name + ": as without the shim", (p.returncode, p.stdout), (plain.returncode, plain.stdout))
    found = [f for f in dumps(name) if os.path.basename(arguments[2] if arguments[0] == "dbus-run-session" else arguments[0]) in
             ask("info", f).split("meta.program", 1)[1].split("\n", 1)[0]]
    if len(found) != 1:
        fail(name + ": one dump", found)
        return
    o = shimmed.Objects(found[0])
    equal(name + ": the adapter's state", [r[2:] for r in o.runtimes if r[0] == GOBJECT], [(0, "")])
    counts = {t: sum(o.type_name(a)[0] == t for a in o.address) for t in types}
    judge(name + ": instances by type", all(counts[t] >= n for t, n in types.items()), counts)
    rows = [json.loads(line) for line in ask("audit", "--json", found[0]).splitlines()]
    got = {}
    for r in rows:
        # a GTask that is under way at the instant holds itself (refgraph-audit(1)): it is there or not
        if r.get("verdict") == "lost" and r["type"] != "GTask":
            got[r["type"]] = got.get(r["type"], 0) + r["references"]
    equal(name + ": references that are lost", got, lost if glib() < (2, 83) else {})


def snapshots(program, serial):
    """A dump of each process of that program that is under the shim in TMP."""
    rows = [line.split() for line in ask("ps").splitlines()]
    for i, pid in enumerate(r[0] for r in rows if os.path.basename(r[-1]) == program):
        try:
            mine = ("REFGRAPH_DIR=" + TMP).encode() in open("/proc/%s/environ" % pid, "rb").read().split(b"\0")
        except OSError:
            continue
        out = os.path.join(TMP, "%s-%d-%d.rgd" % (program, serial, i))
        if mine and "\n" in ask("snapshot", pid, "-o", out) and os.path.exists(out):
            yield shimmed.Objects(out)


def live(name, arguments, program, types, env):
    """While it runs: exactly so many instances, in a dump that comes soon."""
    full = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, **env)
    p = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=full,
                         start_new_session=True)
    counts, end = [], time.time() + 60
    while counts != types and time.time() < end and p.poll() is None:
        time.sleep(0.2)
        for o in snapshots(program, int(time.time() * 1000)):
            counts = {t: sum(o.type_name(a)[0] == t for a in o.address) for t in types}
    equal(name + ": instances while it runs", counts, types)
    judge(name + ": it goes on", p.poll() is None, p.returncode)
    os.killpg(p.pid, signal.SIGINT)
    p.communicate()


where, server = display()
for program in PROGRAMS:
    if shutil.which(program[1][0]):
        look(*program, env={"DISPLAY": where, "NO_AT_BRIDGE": "1", "GSETTINGS_BACKEND": "memory"})
    else:
        say("skip %s: not installed" % program[0])
live("a pipeline", ["gst-launch-1.0", "audiotestsrc", "is-live=true", "!", "queue", "!", "fakesink"], "gst-launch-1.0",
     {"GstPipeline": 1, "GstAudioTestSrc": 1, "GstQueue": 1, "GstFakeSink": 1, "GstPad": 4, "GstSystemClock": 1}, {})
live("a D-Bus client", ["dbus-run-session", "--", "gdbus", "monitor", "--session", "--dest", "org.example"], "gdbus",
     {"GDBusConnection": 1, "GSocket": 1, "GSocketConnection": 0, "GUnixConnection": 1}, {})
server.terminate()
server.wait()
sys.exit(status())
