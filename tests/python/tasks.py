#!/usr/bin/env python3
"""`refgraph tasks` on tasks that wait: what they run, where they are, what for; which of them holds an object."""
import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *


def rows(*arguments):
    p = subprocess.run([REFGRAPH, "tasks", "--json"] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return [json.loads(line) for line in p.stdout.splitlines()] if p.returncode == 0 else p.stderr


def judge(v, path):
    found = collections.Counter((r["runs"], r["in"], r["waits_for"]) for r in rows(path) if r["runs"] != "main, running")
    equal(v + " tasks: what they run and wait for", found,
          {("handle, suspended", "sleep, suspended", "Future"): 5, ("queue, suspended", "get, suspended", "Future"): 1, ("done, closed", "done, closed", None): 1})
    each = [rows("Session[%d]" % n, path) for n in range(6)]
    held = [r[0]["id"] for r in each if len(r) == 1]
    equal(v + " tasks: five sessions have one task each, the result of the done one none", [len(held), len(set(held)), each.count([])], [5, 5, 1])
    equal(v + " tasks: two hold what they share", [(r["runs"], r["holds"]) for r in rows("Shared", path)], [("handle, suspended", 1)] * 2)
    equal(v + " tasks: nobody's", rows("Global", path), [])
    equal(v + " tasks: all sessions", sum(r["holds"] for r in rows("Session", path)), 5)


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    name = "tasks-" + v.replace(" ", "")
    p = run(python, ["-W", "ignore", os.path.join(PROGRAMS, "waiting.py")], name, program=False)
    path = os.path.join(TMP, name + ".1.rgd")
    if p.returncode or not os.path.exists(path):
        fail(v + " tasks: runs", p.stderr)
    else:
        judge(v, path)
sys.exit(status())
