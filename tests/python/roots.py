#!/usr/bin/env python3
"""Roots by name, and the collector's numbers, against what the program says. Places of allocation. Values only when asked for."""
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *


def reachable_by_local(d, target, name, function):
    """A LOCAL root of that name in that function, straight to the target (3.11+) or borrowed beside its frame (before)."""
    return [r[4] for r in d.roots if r[0] == "LOCAL" and r[2] == name and r[3] == target and r[4].startswith(function + "() ")]


def holders(d, target):
    return {(d.type_name(a)[0], e[1], e[2]) for a in d.row for e in d.named(a) if e[3] == target}


def check(v, python):
    path = os.path.join(TMP, v + ".json")
    p = run(python, ["roots.py", path], v + "-roots")
    if p.returncode:
        fail(v + " roots: runs", p.stderr)
        return
    with open(path) as f:
        known = json.load(f)
    d = dump(v + "-roots")
    modules = {r[2]: r[3] for r in d.roots if r[0] == "MODULE"}
    equal(v + " roots: sys.modules", modules, {n: a for n, a in known["modules"].items()})
    equal(v + " roots: the dict itself", [r[3] for r in d.roots if r[:3] == ("RUNTIME", "STRONG", "sys.modules")], [known["sys.modules"]])
    equal(v + " roots: local", reachable_by_local(d, known["local"], "local", "outer")[:1] != [], True)
    equal(v + " roots: argument", reachable_by_local(d, known["argument"], "argument", "outer")[:1] != [], True)
    equal(v + " roots: local of another thread", [c.split(":")[0] for c in
          reachable_by_local(d, known["in_thread"], "in_thread", "waits")], ["waits() roots.py"])
    contexts = [r[4] for r in d.roots if r[0] == "LOCAL" and r[4].startswith("inner() ")]
    equal(v + " roots: line of the call", set(contexts), {"inner() roots.py:%d" % known["line"]})
    handled = [r[3] for r in d.roots if r[2] == "handled exception"]
    local = reachable_by_local(d, known["handled"], "handled", "inner")
    equal(v + " roots: exception being handled", (known["handled"] in handled or holders(d, known["handled"]) != set(), local != []),
          (True, True))
    # A generator that runs: its locals hang on the generator (or its frame), which is a root.
    held = holders(d, known["in_generator"])
    equal(v + " roots: local of a running generator", bool([h for h in held if h[1:] == ("LOCAL", "in_generator")]), True)
    running = [r for r in d.roots if r[0] == "LOCAL" and r[3] == known["generator"]]
    equal(v + " roots: the running generator", running != [], True)
    shut = [e[:3] for e in d.named(known["generator_shut"]) if e[1] in ("LOCAL", "STACK")]
    equal(v + " roots: a generator that was closed holds nothing any more", shut, [])
    # Before 3.10 the module atexit itself holds them.
    if int(v.split(".")[1]) >= 10:
        found = [r for r in d.roots if r[2] == "atexit arguments" and known["at_exit"] in d.visited(r[3])]
        equal(v + " roots: atexit", len(found), 1)
    context = [r for r in d.roots if r[2] == "thread's context"]
    equal(v + " roots: context", len(context) >= 1, True)
    equal(v + " gc: thresholds", [d.gc["threshold", i] for i in range(3)], list(known["gc"]["threshold"]))
    equal(v + " gc: enabled", d.gc["enabled", 0], 0)
    stats = [{k: d.gc[k, i] for k in ("collections", "collected", "uncollectable")} for i in range(3)]
    equal(v + " gc: statistics", stats, known["gc"]["stats"])
    pinned = {r[3] for r in d.roots if r[0] == "PINNED"}
    static = [a for a in d.row if d.flags(a) & 15 == 1 and d.flags(a) & (STATIC | IMMORTAL)]
    equal(v + " roots: static objects are pinned", [hex(a) for a in static if a not in pinned], [])
    # Arenas of pymalloc and stacks of frames hold leftovers: they are marked, and no root lies in them.
    # An arena is a multiple of 256 KiB, a chunk of frames (3.11+) 16 KiB; neighbours, wherever the kernel put them, are one region.
    marked = sum(r[1] for r in d.dump.rows("REGIONS") if r[4] == 1)
    frames = marked % 262144
    wanted = int(v.split(".")[1]) >= 11
    equal(v + " roots: arenas are marked", (marked >= 262144, frames % 16384, frames > 0), (True, 0, wanted))
    equal(v + " roots: none in arenas", [r for r in d.roots if r[0] == "REGION"], [])
    reach(v, d)
    if "interned strings" in {r[2] for r in d.roots}:
        ok(v + " roots: interned strings")
    else:
        fail(v + " roots: interned strings", "not found")


def reached(d, kinds, roots, more=()):
    seen, todo = set(), [r[3] for r in d.roots if r[1] in roots] + list(more)
    while todo:
        a = todo.pop()
        if a in seen or a not in d.number:
            continue
        seen.add(a)
        todo += [e[3] for e in d.named(a) if e[0] in kinds]
    return seen


def reach(v, d):
    """What C holds alone (types that only an extension knows) is a small part; with C's own memory nothing is left over but
    what the process of asking left on the way: the shim's own data is no root."""
    python_objects = [a for a in d.row if d.flags(a) & 15 == 1]
    precise = reached(d, ("STRONG", "INTERNAL", "BORROWED"), ("STRONG", "BORROWED"))
    lost = [a for a in python_objects if a not in precise]
    if len(lost) < len(python_objects) // 25:
        ok(v + " roots: %d of %d objects by names alone" % (len(python_objects) - len(lost), len(python_objects)))
    else:
        fail(v + " roots: by names alone", "%d of %d are not: %s" % (len(lost), len(python_objects),
             collections.Counter(d.type_name(a)[0] for a in lost).most_common(20)))
    every = reached(d, KINDS, KINDS)
    # 3.8 makes _warnings twice and leaks the first one, with all that only it holds.
    leaked = [a for a in python_objects if a not in every and d.type_name(a)[0] == "module"] if v.startswith("3.8.") else []
    every |= reached(d, KINDS, KINDS, leaked)
    lost = [d.type_name(a)[0] for a in python_objects if a not in every]
    equal(v + " roots: all objects, with C's memory", lost, [])


def values(v, python):
    path = os.path.join(TMP, v + ".json")
    code = "secret = 'a secret text'; number = 1234567; d = {7: secret, (1, 2): 3, -5: 1.5}\n" \
           "import ctypes; ctypes.CDLL(None).refgraph_snapshot(b'values')"
    for on in (False, True):
        name = "%s-values-%d" % (v, on)
        run(python, ["-c", code], name, env={"REFGRAPH_VALUES": "1" if on else "0"}, program=False)
        d = dump(name)
        text = [s for s in d.strings if "a secret text" in s]
        shown = [d.strings[p[5]] for p in d.properties.values() if 5 in p]
        keys = {CLASSES[l[1]] for l in d.labels}
        if on:
            equal(v + " values: shown when asked for", ("'a secret text'" in shown, "1234567" in shown, "1.5" in shown,
                                                        "KEY_INT" in keys), (True,) * 4)
        else:
            equal(v + " values: private by default", (text, shown, keys & {"KEY_INT", "KEY_TEXT"}), ([], [], set()))


def places(v, python):
    """The line that allocated, and the lines that called it."""
    code = "import ctypes\nclass Made: pass\ndef make():\n    return Made()\ndef calls():\n    return make()\n" \
           "keep = [calls() for _ in range(3)]\nctypes.CDLL(None).refgraph_snapshot(b'places')\n"
    script = os.path.join(TMP, "places.py")
    with open(script, "w") as f:
        f.write(code)
    for mode, want in (("site", [("make", 4)]), ("full", [("make", 4), ("calls", 6)])):
        name = "%s-places-%s" % (v, mode)
        run(python, [script], name, env={"REFGRAPH_PYTHON_STACKS": mode}, program=False)
        d = dump(name)
        frames, stacks = d.dump.rows("FRAMES"), d.dump.rows("STACKS")
        found = set()
        for a in d.row:
            if d.type_name(a)[0] != "Made":
                continue
            stack, trace = d.row[a][6], []
            while stack:
                parent, frame = stacks[stack - 1]
                kind, _, _, function, file, line = frames[frame][:6]
                trace.append((d.strings[function].split(".")[-1], line, os.path.basename(d.strings[file]), kind))
                stack = parent
            found.add(tuple(trace))
        got = [[(t[0], t[1]) for t in trace][:len(want)] for trace in found]
        equal("%s places: %s" % (v, mode), got, [want] * max(1, len(got)))
        equal("%s places: %s: files" % (v, mode), {t[2:] for trace in found for t in trace}, {("places.py", 1)})


for version, python in pythons():
    check(version, python)
    values(version, python)
    places(version, python)
sys.exit(status())
