#!/usr/bin/env python3
"""Random object graphs (programs/objects.py tells how they are made): everything that gc and objgraph say inside, beside the dump of
that instant and the commands. OBJECTS_SEEDS: how many graphs a Python (default 20), OBJECTS_FIRST: the first seed,
OBJECTS_GRAPHS: how many are made before each dump (default 20)."""
import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import beside
from shimmed import *

SEEDS, FIRST = int(os.environ.get("OBJECTS_SEEDS", "20")), int(os.environ.get("OBJECTS_FIRST", "7"))
GRAPHS = int(os.environ.get("OBJECTS_GRAPHS", "20"))
INSTANTS = 10  # dumps of a process
CALL = {"tuple", "CArgObject"}  # types of what the call of the snapshot itself makes


def rows(*arguments):
    p = subprocess.run([REFGRAPH] + list(arguments) + ["--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if p.returncode:
        raise RuntimeError(p.stderr)
    return [json.loads(line) for line in p.stdout.splitlines()]


def number(r):
    return int(r["address"], 16)


def differing(got, want):
    return [(k, got.get(k), want.get(k)) for k in set(got) | set(want) if got.get(k) != want.get(k) and k not in CALL]


class Instant:
    """One dump and what was said inside."""

    def __init__(self, name, folder, n):
        self.paths = [os.path.join(TMP, "%s.%d.rgd" % (name, k)) for k in range(1, n + 2)]
        self.path = self.paths[-1]
        with open(os.path.join(folder, "%d.json" % n)) as f:
            self.inside = json.load(f)
        self.d = dump(name, n + 1)
        self.call = beside.call_objects(self.inside, self.d)
        self.asked = set(self.inside["asked"])


def counts(i):
    """typestats, growth, get-new-ids, by short name."""
    wrong = differing({r["type"]: r["count"] for r in rows("typestats", i.path)}, i.inside["short"])
    got = {r["type"]: [r["count"], r["delta"]] for r in rows("growth", "--limit", "0", *i.paths)}
    return wrong + differing(got, {t: [count, delta] for t, count, delta in i.inside["growth"]})


def new_ids(i):
    """Numbers as objgraph's; what it takes for old though it is new has the address of one that died."""
    if len(i.paths) < 2:
        return []
    two = i.paths[-2:]
    found = rows("get-new-ids", "--limit", "0", *two)
    wrong = differing({r["type"]: [r["old_ids"], r["current_ids"]] for r in found}, {t: x for t, x in i.inside["ids"].items() if any(x)})
    listed = {number(r) for r in rows("get-new-ids", "--list", *two)}
    theirs = {a for new in i.inside["new"].values() for a in new}
    wrong += [("not new", hex(a), i.inside["type_of"][str(a)]) for a in theirs - listed]
    old = {number(r) for r in rows("by-type", "--universe", "gc", "--where", "size >= 0", two[0])}
    return wrong + [("new", hex(a)) for a in listed - theirs - i.call if a not in old]


def leaking(i):
    got, want = {number(r) for r in rows("get-leaking-objects", i.path)} - i.call, set(i.inside["leaking"]) - i.call
    return [("no leak", hex(a), i.d.type_name(a)) for a in got - want] + [("a leak", hex(a), a in i.d.row and i.d.type_name(a)) for a in want - got]


def modules(i):
    want = {int(a): proper for a, proper in i.inside["proper"].items()}
    got = {number(r): r["proper"] for r in rows("is-proper-module", *map(hex, want), i.path)}
    return [(hex(a), got.get(a), want[a]) for a in want if got.get(a) != want[a]]


def chains(i):
    wrong = []
    for a in i.inside["picked"]:
        if a not in i.d.row:
            continue
        want = i.inside["backref"][str(a)]
        got = len(rows("find-backref-chain", hex(a), i.path))
        if want is not None and got != want:
            wrong.append(("backref", hex(a), i.d.type_name(a), got, want))
        got, want = len(rows("find-ref-chain", "--predicate", "type == Slots", hex(a), i.path)), i.inside["ref"][str(a)]
        if got != want:
            wrong.append(("ref", hex(a), i.d.type_name(a), got, want))
    return wrong


def referrers(i):
    """The holders in the dump that the recording did not make."""
    wrong = []
    for a in i.inside["picked"]:
        if a not in i.d.row:
            continue
        got = {number(r) for r in rows("referrers", hex(a), i.path)} - i.call
        want = {x for x in i.inside["referrers"][str(a)] if x not in i.asked}
        wrong += [(hex(a), i.d.type_name(a), x in i.d.row and i.d.type_name(x), x in got) for x in got ^ want]
    return wrong


def as_it_says(i):
    """What beside.py compares."""
    if i.d.runtimes[0][2]:
        return [i.d.runtimes[0]]
    return [(f.__name__,) + x for f in beside.ALL for x in f(i.inside, i.d)]


QUESTIONS = [as_it_says, counts, new_ids, leaking, modules, chains, referrers]


def compare(v, python):
    wrong, done, objects, instants = [], 0, 0, 0
    for first in range(FIRST, FIRST + SEEDS, GRAPHS * INSTANTS):
        count = min(INSTANTS, (FIRST + SEEDS - first) // GRAPHS)
        name = "objects-%s-%d" % (v.replace(" ", ""), first)
        folder = os.path.join(TMP, name)
        os.makedirs(folder)
        p = run(python, ["objects.py", folder, str(first), str(count), str(GRAPHS)], name, timeout=600)
        if p.returncode or len(os.listdir(folder)) != count:
            fail(v + " runs", "seed %d: %s" % (first, p.stderr))
            return
        for n in range(count):
            i = Instant(name, folder, n)
            for question in QUESTIONS[:1] if i.d.runtimes[0][2] else QUESTIONS:
                wrong += [(first + n * GRAPHS, question.__name__, x) for x in question(i)]
            objects += len(i.inside["type_of"])
            done += GRAPHS
            instants += 1
        for f in os.listdir(TMP):
            if f.startswith(name + "."):
                os.unlink(os.path.join(TMP, f))
    summary = collections.Counter(w[1] for w in wrong)
    judge("%s objects: %d seeds at %d instants, %d tracked objects" % (v, done, instants, objects), not wrong and done == SEEDS, (dict(summary), wrong[:8]))


for version, python in pythons():
    compare(version if python.startswith("/root") else version + " (system)", python)
sys.exit(status())
