#!/usr/bin/env python3
"""Objects of many kinds, some of a free list's memory: with 3.13's tracer each has the place and epoch where it was made; elsewhere no
object has a wrong one that is not marked as doubtful."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

REUSED = 1024  # RGD_TYPE_F_REUSED


def lines_of(path, addresses):
    p = subprocess.run([REFGRAPH, "at-addrs", "--universe", "all", "--json", "--columns", "address,site,epoch", *map(hex, addresses), path], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, universal_newlines=True)
    rows = [json.loads(text) for text in p.stdout.splitlines()]
    return {int(r["address"], 16): (int(r["site"].rstrip(")").rsplit(":")[-1]) if r["site"] else None, r["epoch"]) for r in rows}


def judge_dump(v, told, path, exact):
    d = Objects(path)
    late = next(r[0] for r in d.dump.rows("EPOCHS") if d.strings[r[3]] == "late")
    wrong, doubtful = {}, set()
    traced = told.pop("traced", None)
    for kind, (line, addresses) in told.items():
        found = lines_of(path, addresses)
        for a in addresses:
            flagged = d.types[d.row[a][1]][3] & REUSED
            doubtful |= {kind} if flagged else set()
            if not flagged and found[a] != (line, late):
                wrong.setdefault(kind, []).append((found[a], line, late))
    equal(v + " every place is right" + (", and none is in doubt" if exact else " or in doubt"), wrong, {})
    if exact:
        equal(v + " no kind is in doubt", doubtful, set())
    else:
        equal(v + " these kinds are in doubt", {"float", "tuple", "pair", "list", "dict", "slice", "context"} - doubtful, set())
    if traced is not None:
        equal(v + " tracemalloc sees its own", traced, told["list"][0])
    p = subprocess.run([REFGRAPH, "stacks", path], stdout=subprocess.PIPE, universal_newlines=True)
    equal(v + " stacks tells the doubt", "free lists" in p.stdout, not exact)
    p = subprocess.run([REFGRAPH, "show", hex(told["dict"][1][0]), path], stdout=subprocess.PIPE, universal_newlines=True)
    equal(v + " show tells the doubt", "free list" in p.stdout, not exact)


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    thirteen = version.startswith("3.13")
    for what, arguments, env in [("", [], {})] + [(" full", [], {"REFGRAPH_PYTHON_STACKS": "full"}), (" without the tracer", [], {"REFGRAPH_PYTHON_TRACER": "off"}),
                                                  (" tracemalloc", ["tracemalloc"], {})] * thirteen:
        name = "reborn-%s%s" % (v.replace(" ", ""), what.replace(" ", ""))
        p = run(python, ["reborn.py"] + arguments, name, env=env)
        path = os.path.join(TMP, name + ".1.rgd")
        if p.returncode or not os.path.exists(path):
            fail(v + what + " runs", p.stderr)
        else:
            judge_dump(v + what, json.loads(p.stdout), path, thirteen and what in ("", " full"))
sys.exit(status())
