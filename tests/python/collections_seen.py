#!/usr/bin/env python3
"""`refgraph gc --events` beside gc.callbacks: the same collections in the same order; and the program
collects with the shim as without it."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *


def rows(path, *arguments):
    p = subprocess.run([REFGRAPH, "gc", "--json", *arguments, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return [json.loads(line) for line in p.stdout.splitlines()]


def plain(python, *arguments):
    p = subprocess.run([python, os.path.join(PROGRAMS, "collected.py"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       universal_newlines=True, env=dict(os.environ, PYTHONHASHSEED="0"))
    return json.loads(p.stdout)


def judge_events(v, inside, path):
    events = rows(path, "--events")
    want = [e[:3] for e in inside["events"]]
    own = events[-len(want):]
    equal(v + " collections: as gc.callbacks", [[e["generation"], e["collected"], e["uncollectable"]] for e in own], want)
    # the callback itself runs within what it measures, and may be interrupted there: not each, but most
    enough = sum(e["wall_us"] * 2 >= w[3] * 1e6 for e, w in zip(own, inside["events"]))
    judge(v + " collections: the bounds are of the size of what they bound", enough * 10 >= len(own) * 8, "%d of %d" % (enough, len(own)))
    order = [e["at_ms"] for e in events]
    equal(v + " collections: in order of time", order, sorted(order))


def judge_sums(v, inside, path):
    generations = rows(path)[1:4]
    seen = {g: [sum(e[k] for e in rows(path, "--events") if e["generation"] == g) for k in ("collections", "collected", "uncollectable")] for g in range(3)}
    # those before the interpreter was found are in the statistics alone
    first = [inside["before"][g]["collections"] - (g == 2) for g in range(3)]
    equal(v + " collections: all but those of the start", [0 <= inside["after"][g]["collections"] - seen[g][0] <= first[g] for g in range(3)], [True] * 3)
    equal(v + " collections: sums by generation", [g["seen"] for g in generations], [seen[g][0] for g in range(3)])


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    for arguments in ([], ["callbacks"]):
        name = "collected-%s%d" % (v.replace(" ", ""), len(arguments))
        p = run(python, ["collected.py"] + arguments, name)
        path = os.path.join(TMP, name + ".1.rgd")
        if p.returncode or not os.path.exists(path):
            fail(v + " collections: runs", p.stderr)
            continue
        inside, alone = json.loads(p.stdout), plain(python, *arguments)
        if arguments:
            judge_events(v, inside, path)
            equal(v + " collections: the same without the shim", [e[:3] for e in inside["events"]], [e[:3] for e in alone["events"]])
        else:
            judge_sums(v, inside, path)
        equal(v + " collections: nothing of ours in sight" + " with callbacks" * len(arguments), [inside[k] for k in ("callbacks", "objects", "referrers", "after")],
              [alone[k] for k in ("callbacks", "objects", "referrers", "after")])
sys.exit(status())
