#!/usr/bin/env python3
"""objgraph's users' open wishes: where objgraph fails, and what refgraph says there."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

WANT = {"list": ["[1]"], "set": ["(member)"], "slots": [".slot"], "plain": [".attribute"], "dict": ["['a']", "['b']"]}


def ask(*arguments):
    p = subprocess.run([REFGRAPH] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return p.returncode, p.stdout, p.stderr


def rows(*arguments):
    return [json.loads(line) for line in ask(*arguments, "--json")[1].splitlines()]


def names(path, inside, holder):
    """Of the references from one holder to the target."""
    lines = ask("referents", "--universe", "all", "--json", hex(inside["ids"][holder]), path)[1].splitlines()
    return sorted(r["edge"] for r in map(json.loads, lines) if int(r["address"], 16) == inside["target"])


def judge(v, path, inside):
    inline = int(v.split(".")[1]) >= 11  # before, the dict of an instance is an object that holds it
    want = dict(WANT, plain=WANT["plain"] if inline else [])
    equal(v + " wishes: every way to hold has a name", {k: names(path, inside, k) for k in WANT}, want)
    equal(v + " wishes: garbage is counted (objgraph's #61)", ask("count", "Plain", path)[1], "3\n")
    equal(v + " wishes: an empty table", ask("show-most-common-types", "--filter", "type == NoSuchType", path), (0, "", ""))
    if "labels" in inside:
        equal(v + " wishes: objgraph has no name for these", set(inside["labels"].values()), {""})
        equal(v + " wishes: objgraph collects first", [inside["before"], inside["after"]], [3, 1])
        equal(v + " wishes: objgraph fails on an empty table", inside["empty"], "ValueError")


def wobbling(v, paths, inside):
    """objgraph's #48: what grew since the dump before, though it has been more."""
    got = [rows("growth", "--limit", "0", "--baseline", baseline, *paths) for baseline in ("previous", "peak")]
    got = [[[r["count"], r["delta"]] for r in found if r["type"] == "Wobble"] for found in got]
    equal(v + " wishes: growth against the dump before (#48)", got, [[[7, 3]], []])
    if "growth" in inside:
        equal(v + " wishes: objgraph sees no growth there", inside["growth"], [[], []])


def sized(v, path, inside):
    """#39: how much memory, and which reference to cut."""
    big = hex(inside["big"])
    found = rows("by-type", "--columns", "size,retained,address", "Big", path)
    equal(v + " wishes: what an object retains (#39)", [r["retained"] > 1000000 > 1000 > r["size"] for r in found], [True])
    cut = [r for r in rows("why", big, path) if r["record"] == "step" and r["frees"]]
    equal(v + " wishes: which reference to cut (#39)", [(r["edge"], r["frees"] > 1000000) for r in cut][-1:], [("['big']", True)])
    if "sizes" in inside:
        equal(v + " wishes: objgraph knows no sizes", inside["sizes"], [])


def rooted(v, path, inside):
    """#3, #5: from an object to what holds it in one command, even when no container does."""
    chain = rows("find-backref-chain", "--all-roots", hex(inside["target"]), path)
    equal(v + " wishes: one command to the root (#3, #5)", bool(chain[0]["edge"]), True)
    told = [r["kind"] for r in rows("refcount", hex(inside["outside"]), path)]
    equal(v + " wishes: held by a count alone (#3, #5)", "unexplained" in told, True)
    if "chain" in inside:
        equal(v + " wishes: objgraph finds nobody", inside["chain"], 1)


def drawn(v, path, inside):
    """#70: a legend; #9, #47: to any stream, no viewer, no file left."""
    arguments = ["show-backrefs", "--max-depth", "1", hex(inside["target"])]
    plain, legend = ask(*arguments, path), ask(*arguments, "--legend", path)
    equal(v + " wishes: a drawing goes to the stream (#9, #47)", (plain[0], plain[1][:7], plain[2]), (0, "digraph", ""))
    equal(v + " wishes: a legend (#70)", ("legend" in plain[1].lower(), "legend" in legend[1].lower()), (False, True))
    if "drawn" in inside:
        equal(v + " wishes: objgraph leaves a file and asks for a viewer", (inside["drawn"][1], "xdot" in inside["drawn"][0]), (1, True))
        equal(v + " wishes: objgraph has no legend", inside["legend"], [])


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    name = "wishes-" + v.replace(" ", "")
    answers = os.path.join(TMP, name + ".json")
    p = run(python, ["wishes.py", answers], name)
    if p.returncode:
        fail(v + " wishes: runs", p.stderr)
    else:
        paths, inside = [os.path.join(TMP, "%s.%d.rgd" % (name, n)) for n in (1, 2, 3)], json.load(open(answers))
        judge(v, paths[0], inside)
        wobbling(v, paths, inside)
        for ask_for in (sized, rooted, drawn):
            ask_for(v, paths[-1], inside)
sys.exit(status())
