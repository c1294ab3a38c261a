#!/usr/bin/env python3
"""`refgraph stacks`: objects made at known lines, by place, stack and tree, between marks, and between two dumps."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

SOURCE = open(os.path.join(PROGRAMS, "born.py")).read().splitlines()
THINGS = ("--where", "type == Thing")


def line(what):
    return next(n for n, text in enumerate(SOURCE, 1) if text.endswith("# the line of " + what))


def rows(*arguments):
    p = subprocess.run([REFGRAPH, "stacks", "--json"] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return [json.loads(text) for text in p.stdout.splitlines()] if p.returncode == 0 else p.stderr


def place(row):
    """The function and line of the first frame."""
    function, _, where = row["place"].strip().split(" < ")[0].partition(" (")
    return function, int(where.rstrip(")").rsplit(":")[-1])


def judge(v, full, before, after):
    inner, direct = ("inner", line("inner")), ("direct", line("direct"))
    found = {place(r): r["objects"] for r in rows(*THINGS, after)}
    equal(v + " stacks: by place", found, {inner: 140, direct: 12})
    found = {place(r): [r["objects"], r["objects_delta"]] for r in rows(*THINGS, before, after)}
    equal(v + " stacks: between two dumps", found, {inner: [140, 40], direct: [12, 2]})
    found = {place(r): r["objects"] for r in rows(*THINGS, "--since", "A", "--until", "B", after)}
    equal(v + " stacks: between two marks", found, {inner: 40, direct: 7})
    found = {place(r): r["objects"] for r in rows(*THINGS, "--since", "B", after)}
    equal(v + " stacks: since a mark", found, {direct: 5})
    equal(v + " stacks: no such mark", "knows of no mark" in rows("--since", "C", after), True)
    summed = sum(r["bytes"] for r in rows("--limit", "0", after))
    equal(v + " stacks: every byte has a place", summed, sum(r[2] for r in Objects(after).row.values()))
    if not full:
        return
    found = {r["place"].count(" < "): r["objects"] for r in rows(*THINGS, "--by", "stack", "--since", "A", "--until", "B", after) if "inner" in r["place"]}
    equal(v + " stacks: whole ones", list(found.values()), [40])
    tree = rows(*THINGS, "--by", "tree", "--limit", "0", after)
    # four lines of the module called
    equal(v + " stacks: the tree's roots have all", sorted(r["objects"] for r in tree if r["depth"] == 0), [5, 7, 40, 100])
    equal(v + " stacks: outer's rows have what inner made", sorted(r["objects"] for r in tree if place(r)[0] == "outer"), [40, 100])
    shape = [(r["depth"], place(r)[0], r["objects"]) for r in tree if place(r)[0] in ("outer", "inner")]
    depths = [d for d, f, n in shape if f == "inner"]
    equal(v + " stacks: inner stands below outer", [f for d, f, n in shape if f == "inner"] == ["inner"] * 2 and min(depths) >= 2, True)


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    for stacks in ("site", "full"):
        name = "stacks-%s-%s" % (v.replace(" ", ""), stacks)
        p = run(python, ["born.py"], name, env={"REFGRAPH_PYTHON_STACKS": stacks})
        if p.returncode:
            fail(v + " runs", p.stderr)
            continue
        judge("%s %s" % (v, stacks), stacks == "full", *[os.path.join(TMP, "%s.%d.rgd" % (name, n)) for n in (1, 2)])
sys.exit(status())
