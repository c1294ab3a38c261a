#!/usr/bin/env python3
"""The commands that answer what gc and objgraph answer inside, beside these, at one instant: gc, referents, referrers, refcount,
get-new-ids, get-leaking-objects, is-proper-module, at-addrs."""
import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *


class Asked:
    """The answers of one Python, and refgraph on its two dumps."""

    def __init__(self, name):
        with open(os.path.join(TMP, name + ".json")) as f:
            self.inside = json.load(f)
        self.dumps = [os.path.join(TMP, "%s.%d.rgd" % (name, n)) for n in (1, 2)]
        self.d = dump(name, 2)

    def text(self, *arguments, dumps=None):
        p = subprocess.run([REFGRAPH] + list(arguments) + (dumps or self.dumps[1:]), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           universal_newlines=True, stdin=subprocess.DEVNULL)
        return p.stdout if p.returncode == 0 else "%d %s" % (p.returncode, p.stderr)

    def rows(self, *arguments, **more):
        return [json.loads(line) for line in self.text(*arguments, "--json", **more).splitlines()]

    def addresses(self, *arguments):
        return [int(line, 16) for line in self.text(*arguments, "--columns", "address", "--no-header").split()]


def collector(v, a):
    want, rows = a.inside["gc"], a.rows("gc")
    state, generations = rows[0], rows[1:]
    equal(v + " gc: state", [state[k] for k in ("enabled", "debug", "freeze_count", "garbage", "callbacks")],
          [want["enabled"], "0", want["freeze_count"], want["garbage"], want["callbacks"]])
    equal(v + " gc: thresholds", [g["threshold"] for g in generations[:3]], want["threshold"])
    equal(v + " gc: statistics", [{k: g[k] for k in ("collections", "collected", "uncollectable")} for g in generations[:3]], want["stats"])
    counts = [g["count"] for g in generations[:3]]
    before = a.inside["count_before"]  # the call itself adds its arguments
    equal(v + " gc: counts", ([counts[0] in range(before[0], before[0] + 5)] + counts[1:]), [True] + before[1:])
    equal(v + " gc: permanent", generations[3]["tracked"], want["freeze_count"])
    contains = "enabled    no\ndebug      0\ndue        nothing: collection is disabled\ngarbage    1 objects in gc.garbage\ncallback   "
    equal(v + " gc: text", a.text("gc")[:len(contains)], contains)


def references(v, a):
    wrong = []
    for address, want in a.inside["referents"].items():
        got = a.addresses("referents", hex(int(address)))
        if got != want and got != want[::-1]:  # lists and tuples are traversed from their end
            wrong.append((a.d.type_name(int(address)), [a.d.type_name(x) for x in got], [a.d.type_name(x) for x in want]))
    equal(v + " referents: as gc.get_referents()", wrong, [])
    wrong, call = [], set(a.inside["own"])
    for address, want in a.inside["referrers"].items():
        got, want = (collections.Counter(x) for x in (set(a.addresses("referrers", hex(int(address)))), want))
        difference = [(a.d.row.get(x) and a.d.type_name(x), got[x], want[x]) for x in set(got) | set(want) if got[x] != want[x] and x not in call]
        if difference:
            wrong.append((a.d.type_name(int(address)), difference))
    equal(v + " referrers: as gc.get_referrers()", wrong, [])


def counts(v, a):
    wrong = []
    for address, want in a.inside["refcounts"].items():
        rows = a.rows("refcount", hex(int(address)))
        parts = sum(r["count"] for r in rows[1:])
        if rows[0]["edge"] == "" and (rows[0]["count"], parts) != (want, want):
            wrong.append((a.d.type_name(int(address)), rows[0]["count"], parts, want))
    equal(v + " refcount: as sys.getrefcount(), and its parts", wrong, [])
    rows = [[r[k] for k in ("count", "kind", "edge", "type")] for r in a.rows("refcount", hex(a.inside["held"]))]
    found = sorted(r for r in rows[1:] if r[1] in ("strong", "unexplained", "weak") and r[3] not in ("frame", "list", "cell", "method"))
    want = [[0, "weak", "referent (weak)", a.d.type_name(a.inside["weak"])[0]], [1, "strong", "['key']", "dict"], [1, "unexplained", "held by something that the dump cannot see", None]]
    equal(v + " refcount: one that is taken by hand", [r for r in want if r not in found], [])
    attribute = [r for r in found if "attribute" in r[2]]
    equal(v + " refcount: the attribute", len(attribute), 1)


def objgraphs(v, a):
    if a.inside["leaking"] is None:
        print("skip %s objgraph: not at hand" % v)
        return
    want, call = dict(a.inside["leaking"]), set(a.inside["own"])
    rows = a.rows("get-leaking-objects")
    got = {int(r["address"], 16) if isinstance(r["address"], str) else r["address"]: r["type"] for r in rows}
    equal(v + " get-leaking-objects: too many but the call's arguments", [t for x, t in got.items() if x not in want and t != "CArgObject"], ["tuple"])
    equal(v + " get-leaking-objects: missing but what is new", [t for x, t in want.items() if x not in got and x in a.d.row], [])
    equal(v + " get-leaking-objects: leaked on purpose", list(got.values()).count("ViewLeaked"), 6)
    proper = {int(r["address"], 16) if isinstance(r["address"], str) else r["address"]: r["proper"]
              for r in a.rows("is-proper-module", *[hex(int(x)) for x in a.inside["proper"]])}
    wanted = {int(x): p for x, p in a.inside["proper"].items()}
    equal(v + " is-proper-module of %d" % len(proper), {a.d.strings[a.d.property(x, 1) or 0]: p for x, p in proper.items() if wanted[x] != p}, {})
    equal(v + " is-proper-module: some are not", sorted(wanted.values()).count(False) >= 4, True)
    asked = [hex(x) for x in a.inside["addresses"]] + [hex(a.inside["addresses"][0] + 8)]
    equal(v + " at-addrs", a.addresses("at-addrs", *asked), a.inside["at_addrs"])


def fresh(v, a):
    """objgraph takes what was put where another died for the old one (its issue 62)."""
    own = ("--filter", 'type ~ "View(New|Gone|Same)$"')
    rows = {r["type"]: [r[k] for k in ("old_ids", "current_ids", "new_ids", "count_deltas")] for r in a.rows("get-new-ids", *own, dumps=a.dumps)}
    reused = a.inside["reused"]
    equal(v + " get-new-ids", rows, {"ViewNew": [50, 455, 425, 405], "ViewGone": [9, 3, 0, -6], "ViewSame": [4, 4, 0, 0]})
    equal(v + " get-new-ids: addresses are reused here", reused > 0, True)
    if "new_ids" in a.inside:
        theirs = {r[0]: r[1:] for r in a.inside["new_ids"]}
        equal(v + " get-new-ids: objgraph misses those", theirs["ViewNew"], [50, 455, 425 - reused, 405])
        equal(v + " get-new-ids: else as objgraph", [theirs[k] for k in ("ViewGone", "ViewSame")], [rows[k] for k in ("ViewGone", "ViewSame")])
    for sortby, order in (("deltas", "ViewNew ViewSame ViewGone"), ("old", "ViewNew ViewGone ViewSame"), ("new", "ViewNew ViewSame ViewGone")):
        want = ["=" * 60, "%-8s%13s%13s%13s%13s" % ("Type", "Old_ids", "Current_ids", "New_ids", "Count_Deltas"), "=" * 60]
        want += ["%-8s%13d%13d%+13d%+13d" % tuple([t] + rows.get(t, [0] * 4)) for t in order.split()] + ["=" * 60]
        equal(v + " get-new-ids: text by " + sortby, a.text("get-new-ids", "--sortby", sortby, *own, dumps=a.dumps).splitlines(), want)
    listed = a.text("get-new-ids", "--list", *own, "--columns", "type", "--no-header", dumps=a.dumps).split()
    equal(v + " get-new-ids --list", listed, ["ViewNew"] * 425)
    equal(v + " get-new-ids of one dump", {r["type"]: r["new_ids"] for r in a.rows("get-new-ids", *own)},
          {"ViewNew": 455, "ViewGone": 3, "ViewSame": 4})


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    name = "views-" + version
    p = run(python, ["views.py", os.path.join(TMP, name + ".json")], name)
    if p.returncode:
        fail(v + " runs", p.stderr)
        continue
    asked = Asked(name)
    for judge in (collector, references, counts, objgraphs, fresh):
        judge(v, asked)
sys.exit(status())
