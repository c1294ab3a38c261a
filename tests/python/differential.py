#!/usr/bin/env python3
"""What the dump says of a program that holds one of every kind of object, beside what the program itself says at that
instant: tracked objects and generations, types, reference counts, gc.get_referents() of everything reachable, names."""
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import beside
from shimmed import *


def residue(name, found):
    """ok when nothing is left."""
    judge(name, not found, "%d unexplained: %s" % (len(found), found[:6]))


def compare_names(v, inside, d):
    wrong = []
    for source, kind, what, target in inside["expected"]:
        edges = d.named(source)
        if kind == "WEAK":
            hit = any(e[0] == "WEAK" and e[1] == "PART" and e[2] == what and e[3] == target for e in edges)
        else:
            hit = any(e[1] == kind and e[2] == what and e[3] == target for e in edges)
        if not hit:
            wrong.append((d.type_name(source), kind, what, [e[:3] for e in edges if e[3] == target]))
    residue(v + " names: %d expected edges" % len(inside["expected"]), wrong)
    visited = [(d.type_name(a)[0], e) for a in d.tracked() for e in d.named(a) if e[4] & 1]
    nameless = collections.Counter(t for t, e in visited if e[1] in ("NONE", "OFFSET"))
    print("#", v, "without a name:", sum(nameless.values()), "of", len(visited), nameless.most_common(30))


def compare(version, python):
    v = version if python.startswith("/root") else version + " (system)"
    name = "diff-" + version
    path = os.path.join(TMP, name + ".json")
    p = run(python, ["every_kind.py", path], name)
    if p.returncode or not os.path.exists(path):
        fail(v + " runs", p.stderr)
        return
    with open(path) as f:
        inside = json.load(f)
    d = dump(name)
    equal(v + " runtime", [r[:3] for r in d.runtimes], [(1, version, 0)])
    equal(v + " lost", {k: n for k, n in d.dump.counters.items() if k.startswith("lost.") and n}, {})
    for compared in beside.ALL:
        if compared is beside.typestats and inside["typestats"] is None:
            print("skip %s objgraph: not at hand" % v)
            continue
        residue("%s %s" % (v, compared.__name__.replace("_", " ")), compared(inside, d))
    say("# %s: %d objects and %d references that the program can reach" % (v, len(inside["referents"]), sum(map(len, inside["referents"].values()))))
    compare_names(v, inside, d)


for version, python in pythons():
    compare(version, python)
sys.exit(status())
