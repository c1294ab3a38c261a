#!/usr/bin/env python3
"""What the dump says of a program that holds one of every kind of object, beside what the program itself says at that
instant: tracked objects and generations, types, reference counts, gc.get_referents() of everything reachable, names."""
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *


def residue(name, found, explained):
    """ok when nothing is left that `explained` does not hold."""
    rest = [f for f in found if f not in explained]
    if rest:
        fail(name, "%d unexplained: %s" % (len(rest), rest[:6]))
    else:
        ok(name)


def call_objects(inside, d):
    """What lives only while the program asks for the snapshot: the tuple of the call's arguments, and ctypes' copy of one."""
    return {a for a in d.tracked() if d.type_name(a)[0] == "CArgObject" or
            (d.type_name(a)[0] == "tuple" and d.visited(a) == [inside["label"]])}


def compare_tracked(v, inside, d):
    own, call = set(inside["own"]), call_objects(inside, d)
    inner = {a: g for g, list_ in enumerate(inside["generations"]) for a in list_ if a not in call}
    dumped = {a: d.generation(a) for a in d.tracked() if d.generation(a) < 3 and a not in call}
    residue(v + " tracked: nothing too many", [(hex(a), d.type_name(a)) for a in dumped if a not in inner], ())
    residue(v + " tracked: nothing is missing", [hex(a) for a in inner if a not in dumped], own)
    both = [a for a in inner if a in dumped]
    residue(v + " tracked: generations", [(hex(a), inner[a], dumped[a]) for a in both if inner[a] != dumped[a]], ())
    want = inside["typestats"]
    if want is None:
        print("skip %s objgraph: not at hand" % v)
        return
    got = collections.Counter(".".join(d.type_name(a)[::-1]).lstrip(".") for a in dumped)
    equal(v + " tracked: objgraph.typestats()", {k: (got[k], want.get(k)) for k in set(got) | set(want) if got[k] != want.get(k)}, {})


def compare_types(v, inside, d):
    wrong = []
    for a, (t, finalized, tracked) in inside["facts"].items():
        a = int(a)
        if a in d.row and a not in inside["own"]:
            want = inside["types"][str(t)]
            if d.type_name(a) != want:
                wrong.append((hex(a), d.type_name(a), want))
            if bool(d.flags(a) & FINALIZED) != bool(finalized):
                wrong.append((hex(a), d.type_name(a), "finalized", finalized))
            if bool(d.flags(a) & TRACKED) != bool(tracked):
                wrong.append((hex(a), d.type_name(a), "tracked", tracked))
    residue(v + " types, finalized, tracked of %d objects" % len(inside["facts"]), wrong, ())


def compare_referents(v, inside, d):
    own, call = set(inside["own"]), call_objects(inside, d)
    wrong, absent, count, order = [], [], 0, 0
    for a, want in inside["referents"].items():
        a = int(a)
        if a in own or a in call:
            continue
        if a not in d.row:
            if not own & set(want):
                absent.append((hex(a), inside["types"][str(inside["facts"][str(a)][0])]))
            continue
        got = d.visited(a)
        count += len(got)
        if got != want and collections.Counter(got) != collections.Counter(w for w in want if w not in own):
            lost = collections.Counter(want) - collections.Counter(got)
            more = collections.Counter(got) - collections.Counter(want)
            wrong.append((hex(a), d.type_name(a), "missing", [inside["types"].get(str(inside["facts"].get(str(x), [0])[0])) for x in lost][:4],
                          "too many", [d.type_name(x) for x in more][:4]))
        order += got == want
    residue(v + " referents: %d references equal" % count, wrong, ())
    residue(v + " referents: every reachable object is in the dump", absent, ())


def compare_refcounts(v, inside, d):
    """Equal but for what the two calls hold: the function that is being called is on the stack once more, and ctypes' argument
    is one more instance of its type."""
    call = call_objects(inside, d)
    holds = {inside["snapshot"]: 1, inside["getrefcount"]: -1}
    for a in call:
        if d.type_name(a)[0] == "CArgObject":
            holds[d.types[d.row[a][1]][5] - 1] = 1
    by_number = {d.number[a]: a for a in d.row}
    holds = {by_number.get(k, k): n for k, n in holds.items()}
    wrong, count = [], 0
    for a, want in inside["counts"].items():
        a = int(a)
        if a in d.row and a not in call and not d.flags(a) & IMMORTAL:
            count += 1
            if d.refcount(a) - want != holds.get(a, 0):
                wrong.append((hex(a), d.type_name(a), d.refcount(a), want))
    residue(v + " refcounts of %d objects" % count, wrong, ())


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
    residue(v + " names: %d expected edges" % len(inside["expected"]), wrong, ())
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
    compare_tracked(v, inside, d)
    compare_types(v, inside, d)
    compare_referents(v, inside, d)
    compare_refcounts(v, inside, d)
    compare_names(v, inside, d)


for version, python in pythons():
    compare(version, python)
sys.exit(status())
