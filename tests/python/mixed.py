#!/usr/bin/env python3
"""REFGRAPH_PYTHON_STACKS=mixed: native and Python frames in one stack, in the order in which they called each other."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

MAIN = ["caller", "main", "<module>"]
THREAD = ["caller", "main", "run", "_bootstrap_inner", "_bootstrap"]
C = ["mixed_inner", "mixed_outer"]
LOOP = "_PyEval_EvalFrameDefault"


def functions(path, where):
    """[functions of one stack, innermost first], sorted; only those that this test is about. The interpreter's loop must not show."""
    p = subprocess.run([REFGRAPH, "stacks", "--json", "--by", "stack", "--limit", "0", "--where", where, path], stdout=subprocess.PIPE,
                       universal_newlines=True)
    out = []
    for line in p.stdout.splitlines():
        frames = [re.match(r"[^ (+]*", f).group().rsplit(".", 1)[-1] for f in json.loads(line)["place"].split(" < ")]
        out.append([f for f in frames if f in ["generate", "called"] + C + MAIN + THREAD + [LOOP]])
    return sorted(out)


library = os.path.join(TMP, "libmixed.so")
subprocess.run(["gcc", "-O1", "-g", "-fno-optimize-sibling-calls", "-shared", "-fPIC", "-o", library, os.path.join(PROGRAMS, "mixed.c")], check=True)
for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    for lock in ("locked", "unlocked"):
        name = "mixed-%s-%s" % (v.replace(" ", ""), lock)
        p = run(python, ["mixed.py", library, lock], name, env={"REFGRAPH_PYTHON_STACKS": "mixed"})
        equal("%s mixed, %s: runs" % (v, lock), (p.returncode, p.stderr), (0, ""))
        first, second = (os.path.join(TMP, "%s.%d.rgd" % (name, n)) for n in (1, 2))
        made = ["generate", "called"] + C
        equal("%s mixed, %s: an object's stack" % (v, lock), functions(first, "type = Thing"), [made + MAIN])
        equal("%s mixed, %s: objects of two threads" % (v, lock), functions(second, "type = Thing"), sorted([made + MAIN, made + THREAD]))
        stacks = [s for s in functions(second, 'size = 777 and type ~ "mixed_inner"')]
        equal("%s mixed, %s: a block's stack" % (v, lock), stacks, sorted([C + MAIN, C + THREAD]))
sys.exit(status())
