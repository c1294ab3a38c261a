#!/usr/bin/env python3
"""Every shipped family of rules on its sample (samples/hooks): a program that gives back all, one that forgets a reference or an end, one that gives back what it
never took. The functions are hooked at their entry, counts agree with those in the objects, what is left is exactly what was forgotten; and the first line of
`refgraph balance` is the call path of who forgot, of correct programs there is none."""
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from hooked import *

SAMPLES = os.path.join(ROOT, "samples", "hooks")
# sample: what the type of its objects is called, or a part of it
TYPES = {
    "cairo": "cairo_surface_t", "com": "Document", "curl": "CURLSH", "cxx": "Engine", "dbus": "DBusMessage", "ffmpeg": "AVBuffer", "ffmpeg_frame": "AVFrame",
    "fontconfig": "FcPattern", "freetype": "FT_Library", "glib": "GVariant (si)", "glib_bytes": "GBytes", "glib_context": "GMainContext", "glib_hash": "GHashTable",
    "glib_source": "GSource", "gobject": "GObject", "gobject_boxed": "boxed", "gobject_closure": "GClosure", "gobject_task": "GTask",
    "gstreamer": "GstBuffer", "gstreamer_boxed": "GstBuffer",
    "harfbuzz": "hb_buffer_t", "jansson": "json_t object", "json_c": "json_object object", "libusb": "libusb_transfer", "libuv": "uv_handle_t timer",
    "libxml2": "xmlDoc", "libxml2_dict": "xmlDict", "libxml2_node": "xmlNode", "openssl": "X509", "openssl_ctx": "SSL_CTX", "pango": "PangoAttrList", "sd_bus": "sd_bus",
    "sd_event": "sd_event_source", "systemd": "sd_device", "v4l": "v4l2_buffer", "wayland": "wl_callback", "wayland_surface": "wl_surface", "x11": "pixmap",
}
# What the library itself still reaches (GLib's list of contexts, a loop's handles and sources, a display's proxies) is no leak for sure, but the first row all the same.
REACHED = {"glib_context", "libuv", "wayland", "wayland_surface", "sd_event"}
MISSING = 4
# What releases once more is compiled into the program: seen in the memory of the object, told by the path that ended it.
INLINED = {"jansson"}


def source(name):
    return glob.glob(os.path.join(SAMPLES, name + ".c*"))[0]


def build(name):
    with open(source(name)) as f:
        text = f.read()
    packages = re.search(r"packages: ((?:[\w.+-]+ ?)+[\w.+-])", text)
    flags = []
    if packages:
        flags = subprocess.run(["pkg-config", "--cflags", "--libs"] + packages.group(1).split(), stdout=subprocess.PIPE, universal_newlines=True).stdout.split()
    rules = re.search(r"rules: (\w+)", text).group(1)
    cxx = source(name).endswith(".cc")
    return compile(name, source(name), *flags, *(["-O0"] if cxx else []), cc="g++" if cxx else "gcc"), rules


def of_type(objects, type):
    return [o for o in objects if type in o["type"]]


def changes(o):
    return sum(dict(create=1, acquire=1, ref=1, unref=-1, unseen=0).get(e["kind"], 0) * e["times"] for e in o["events"])


def balance(name, bug):
    """(type, finding, path) of each row."""
    p = subprocess.run([REFGRAPH, "balance", "--types", "off", "--json"] + [os.path.join(TMP, "%s.%s.rgd" % (name, bug))], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, universal_newlines=True)
    if p.returncode:
        fail("families: balance of %s, %s" % (name, bug), p.stderr)
    return [(r["type"], r["finding"], r["path"] or "") for r in map(json.loads, p.stdout.splitlines())]


def judge_balance(name, bug):
    rows = balance(name, bug)
    title = "families: %s, %s: " % (name, bug)
    # who forgot something is there, innermost of the sample's own functions
    culprit = {"missing": r"\b(keeper|forgetful)\b", "surplus": r"\b(hasty|twice)\b"}.get(bug)
    if bug == "correct":
        judge(title + "balance is silent", not rows, rows)
    else:
        judge(title + "balance names who did it first", rows and re.search(culprit, rows[0][2]), rows[:3])
        finding = "kept" if bug == "missing" and name in REACHED else {"missing": "leak"}.get(bug, bug)
        judge(title + "as " + finding, rows and rows[0][1] == finding, rows[:3])


def judge_sample(name):
    program, rules = build(name)
    type = TYPES[name]
    for bug in "correct", "missing", "surplus":
        title = "families: %s, %s" % (name, bug)
        dump = "%s.%s.rgd" % (name, bug)
        env = {"REFGRAPH_TOMBSTONES": "1000"}
        if bug != "surplus":
            env["G_SLICE"] = "always-malloc"  # what lies in a slice may be free: it is no leak for sure
        p = run(rules, program, bug, dump=dump, env=env)
        if p.returncode or not os.path.exists(os.path.join(TMP, dump)):
            fail(title, "status %d: %s" % (p.returncode, p.stderr))
            continue
        h = Hooked(dump)
        left = of_type(h.alive(), type)
        after = [e for o in h.objects for e in o["events"] if e["flags"] & 4]
        if bug == "correct":
            bad = [(x["name"], x["way"], x["why"]) for x in h.hooks if x["way"] != "entry"]
            judge(title + ": every function by its entry", h.hooks and not bad, bad)
            judge(title + ": nothing is said, nothing left", not p.stderr and not left and not after, (p.stderr, left, after))
        elif bug == "missing":
            wrong = [o for o in left if o["count"] != 1 or o["memory"] not in (1, -1) or (not o["flags"] & 1 and changes(o) != 1)]
            judge(title + ": %d objects with one reference" % MISSING, len(left) == MISSING and not wrong and not p.stderr, (len(left), wrong, p.stderr))
        else:
            judge(title + ": one call after the end", len(after) == 1 and not left, (after, left))
            equal(title + ": is it known which", after[0]["flags"] & 8 if after else 0, 8 if name in INLINED else 0)
        judge_balance(name, bug)


def judge_cpython():
    """The functions, by ctypes; the macros of the interpreter itself are not seen, and nothing is said of them."""
    script = os.path.join(SAMPLES, "cpython.py")
    for bug, more in ("correct", 0), ("missing", 4), ("surplus", -1):
        name = "cpython.%s.rgd" % bug
        p = run("cpython", "/usr/bin/python3", script, bug, dump=name, env={"REFGRAPH_TOMBSTONES": "1000", "REFGRAPH_PYTHON_STACKS": "mixed"})
        calls = {x["name"]: x["calls"] for x in Hooked(name).hooks}
        judge("families: cpython, %s: each call of the functions" % bug, not p.stderr and calls["Py_IncRef"] == 40 and calls["Py_DecRef"] >= 40 - more, (p.stderr, calls))
        out = subprocess.run([REFGRAPH, "balance", "--json", os.path.join(TMP, name)], stdout=subprocess.PIPE, universal_newlines=True).stdout
        rows = [json.loads(line) for line in out.splitlines()]
        equal("families: cpython, %s: balance" % bug, [(r["type"], r["net"]) for r in rows[:1]], [("Session", more)] if more else [])
        if bug == "surplus":
            judge("families: cpython, surplus: balance names who did it first", " < hasty < <module>" in rows[0]["path"], rows)


def judge_php():
    """What makes and ends objects and arrays is followed; what counts them is inlined."""
    p = run("php", "/usr/bin/php", "-n", "-r", "class A {} for ($i = 0; $i < 5; $i++) { $a = new A; $b = [$i, $a]; }", dump="php.rgd")
    h = Hooked("php.rgd")
    calls = {x["name"]: x["calls"] for x in h.hooks}
    judge("families: php: births and ends of objects", not p.stderr and calls["zend_objects_new"] == 5 and calls["zend_objects_store_del"] >= 3, (p.stderr, calls))
    # by FFI, as an extension may
    for bug, expected in ("correct", []), ("missing", [("stdClass", "leak", 4)]), ("surplus", [("stdClass", "surplus", -1)]):
        name = "php.%s.rgd" % bug
        p = run("php", "/usr/bin/php", "-n", "-d", "extension=ffi", "-d", "ffi.enable=1", os.path.join(SAMPLES, "php.php"), bug, dump=name,
                env={"REFGRAPH_TOMBSTONES": "1000", "REFGRAPH_ON_EXIT": "0", "REFGRAPH_PHP_REQUEST": "1"})
        if "FFI" in p.stdout + p.stderr:
            say("skip families: php, by FFI: " + p.stderr)
            return
        rows = subprocess.run([REFGRAPH, "balance", "--json", os.path.join(TMP, name)], stdout=subprocess.PIPE, universal_newlines=True).stdout
        equal("families: php, %s: balance" % bug, [(r["type"], r["finding"], r["net"]) for r in map(json.loads, rows.splitlines())], expected)
    # what the collector has yet to come by is no leak
    # the walker asks objects of the engine's own classes for what they hold, which makes arrays: no events of the program
    run("php", "/usr/bin/php", "-n", "-r", "$a = []; for ($i = 0; $i < 20; $i++) { $a[] = new ArrayObject([$i]); }", dump="php.arrays.rgd")
    facts = subprocess.run([REFGRAPH, "info", os.path.join(TMP, "php.arrays.rgd")], stdout=subprocess.PIPE, universal_newlines=True).stdout
    equal("families: php: nothing is lost", re.findall(r"lost\.hook\.\w+ +[1-9].*", facts), [])
    run("php", "/usr/bin/php", "-n", "-r", "class A {} function f() { $a = new A; $b = new A; $a->x = $b; $b->x = $a; } for ($i = 0; $i < 40; $i++) { f(); new A; }",
        dump="php.cycles.rgd", env={"REFGRAPH_ON_EXIT": "0", "REFGRAPH_PHP_REQUEST": "1"})
    equal("families: php: cycles that wait for the collector", balance("php", "cycles"), [])


def judge_held():
    """Handles that the program itself still has are none that it forgot, wherever they were made."""
    with open(source("libuv")) as f:
        text = f.read().replace("\treturn timer;", "\tmine[made++ % 40] = timer;\n\treturn timer;")
    text = text.replace("static uv_timer_t *make", "uv_timer_t *volatile mine[40];\nstatic int made;\n\nstatic uv_timer_t *make")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libuv"], stdout=subprocess.PIPE, universal_newlines=True).stdout.split()
    program = compile("libuv_held", text, "-I" + SAMPLES, *flags)
    run("libuv", program, "missing", dump="libuv_held.missing.rgd")
    of_timers = [o for o in Hooked("libuv_held.missing.rgd").alive() if o["type"] == TYPES["libuv"]]
    judge("families: handles that the program keeps are no finding", len(of_timers) == MISSING and not balance("libuv_held", "missing"), len(of_timers))


def judge_known_numbers():
    """The number of a pixmap that stands in the program's memory is not lost; what libxcb's own buffers hold of it does not count."""
    with open(source("x11")) as f:
        text = f.read().replace("\treturn 0x200001 + i;", "\tmine[i] = 0x200001 + i;\n\treturn 0x200001 + i;")
    text = text.replace("static xcb_pixmap_t make", "xcb_pixmap_t mine[40];\n\nstatic xcb_pixmap_t make")
    program = compile("x11_known", text, "-I" + SAMPLES, "-lxcb")
    run("x11", program, "missing", dump="x11_known.missing.rgd")
    left = [o["flags"] & 16 for o in Hooked("x11_known.missing.rgd").alive("pixmap")]
    judge("families: numbers that the program knows are no finding", left == [16] * MISSING and not balance("x11_known", "missing"), left)


UNNAMED = """
#include <stdlib.h>
struct thing { long count; char text[56]; } *volatile kept;
__attribute__((noinline)) struct thing *thing_new(void) { struct thing *t = calloc(1, sizeof(*t)); t->count = 1; return t; }
__attribute__((noinline)) void thing_unref(struct thing *t) { if (!--t->count) free(t); }
__attribute__((noinline)) void inner_unref(struct thing *t) { if (!--t->count) free(t); __asm__ volatile(""); }
int main(void)
{
	for (int i = 0; i < 40; i++)
		thing_unref(thing_new());
	for (int i = 0; i < 3; i++) {
		struct thing *t = thing_new();
		inner_unref(t);
		*(long *)malloc(sizeof(struct thing)) = 1; /* the same block: lost, but no thing */
	}
	return 0;
}
"""


def judge_unnamed_end():
    """An object that ends in a function that no rule names is not the block that lies in its place later."""
    with open(os.path.join(TMP, "unnamed.rules"), "w") as f:
        f.write("family f things\nlibrary program\nsymbols local\ntype thing\ncount i64 at 0\ncreate thing_new\nunref thing_unref\n")
    program = compile("unnamed", UNNAMED)
    run(os.path.join(TMP, "unnamed.rules"), program, dump="unnamed.end.rgd")
    alive = Hooked("unnamed.end.rgd").alive()
    judge("families: what ended unseen is not what came after it", alive and all(o["flags"] & 4 for o in alive) and not balance("unnamed", "end"), alive)


def main():
    if sys.argv[1:]:  # some only
        for name in sys.argv[1:]:
            judge_sample(name) if name != "held" else judge_held()
        return
    there = sorted(os.path.splitext(os.path.basename(f))[0] for f in glob.glob(os.path.join(SAMPLES, "*.c*")))
    equal("families: every sample is judged", there, sorted(TYPES))
    for name in there:
        judge_sample(name)
    judge_held()
    judge_known_numbers()
    judge_unnamed_end()
    judge_cpython()
    judge_php()


main()
sys.exit(status())
