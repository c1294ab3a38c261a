#!/usr/bin/env python3
"""Blocks of the runtime's allocator under every setting of PYTHONMALLOC: what is counted, what is recorded, with which size."""
import glob
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

SETTINGS = [
    ("default", {}, [], []),
    ("PYTHONMALLOC=debug", {"PYTHONMALLOC": "debug"}, [], []),
    ("PYTHONMALLOC=malloc", {"PYTHONMALLOC": "malloc"}, [], []),
    ("PYTHONMALLOC=malloc_debug", {"PYTHONMALLOC": "malloc_debug"}, [], []),
    ("PYTHONMALLOC=pymalloc_debug", {"PYTHONMALLOC": "pymalloc_debug"}, [], []),
    ("-X dev", {}, ["-X", "dev"], []),
    ("-X tracemalloc", {}, ["-X", "tracemalloc"], []),
    ("tracemalloc later", {}, [], ["tracemalloc"]),
    ("tracemalloc later, then off", {}, [], ["tracemalloc", "tracemalloc-stop"]),
    ("REFGRAPH_PYTHON_STACKS=site", {"REFGRAPH_PYTHON_STACKS": "site"}, [], []),
    ("REFGRAPH_PYTHON_STACKS=full", {"REFGRAPH_PYTHON_STACKS": "full"}, [], []),
]


def observe(python, name, file, env, options, arguments):
    """(what the program saw, dump before, dump after), or None."""
    path = os.path.join(TMP, file + ".json")
    p = run(python, options + [os.path.join(PROGRAMS, "blocks.py"), path] + arguments, file, env, program=False)
    if p.returncode or p.stdout or not os.path.exists(path):
        fail(name + " runs", p.stderr + p.stdout)
        return None
    with open(path) as f:
        seen = json.load(f)
    more = "tracemalloc" in arguments
    return seen, dump(file, 2 if more else 1), dump(file, 3 if more else 2)


# Now and then the first dump has one block more than the program counts right after it, for a while in each run: seen three times in some
# thousand, why is not known (ctypes' objects and other threads are ruled out: the program makes none and keeps the lock).
# A kind of blocks that we miss or count twice would be off by many.
KNOWN_SURPLUS = 1


def check(version, python, what, env, options, arguments):
    name = "%s %s" % (version, what)
    file = "".join(c if c.isalnum() else "-" for c in name)
    found = observe(python, name, file, env, options, arguments)
    if not found:
        return
    seen, before, after = found
    counted = [d.dump.counters["python.blocks"] for d in (before, after)]
    if seen["counts"][1] > 1000:  # 0 when pymalloc is not in use
        equal(name + ": as many blocks as sys.getallocatedblocks() says", (counted[0] - seen["counts"][0] in (0, KNOWN_SURPLUS),
              counted[1]), (True, seen["counts"][1]))
    equal(name + ": no unknown frees", after.dump.counters["unknown.frees"], 0)
    equal(name + ": nothing lost", {k: n for k, n in after.dump.counters.items() if k.startswith("lost.") and n}, {})
    wrong = [(n, after.row[a][2] if a in after.row else None) for a, n in seen["bytes"]
             if n > 1 and (a not in after.row or after.row[a][2] != n + 33 or not after.flags(a) & 0x80)]
    equal(name + ": size of %d bytes objects" % len(seen["bytes"]), wrong[:5], [])
    size = {after.row[a][2] for a in seen["instances"]}
    equal(name + ": size of instances", size, {48})  # header 16, object 16, two slots
    wrong = []
    for a, n in seen["buffers"]:
        storage = [t for kind, _, what, t, _ in after.named(a) if kind == "INTERNAL"]
        if n and (len(storage) != 1 or not n <= after.row[storage[0]][2] <= n * 2 + 1000):
            wrong.append((n, len(storage)))
    equal(name + ": buffers", wrong, [])
    storage = [t for kind, _, what, t, _ in after.named(seen["list"]) if kind == "INTERNAL"]
    size = [after.row[t][2] for t in storage]
    equal(name + ": storage of a list that shrank", len(size) == 1 and 1000 * 8 <= size[0] < 3000 * 8, True)


EVERYWHERE = ("default", "PYTHONMALLOC=debug", "PYTHONMALLOC=malloc", "tracemalloc later, then off")
at_hand = pythons()
for version, python in at_hand:
    for setting in SETTINGS:
        if (version, python) not in (at_hand[0], at_hand[-1]) and setting[0] not in EVERYWHERE:
            continue
        check(version, python, *setting)


def neighbours(version, python):
    """The debug hooks' blocks lie inside blocks of malloc: their records must not meet the next one's."""
    name = version + " PYTHONMALLOC=malloc_debug: empty blocks beside blocks of malloc"
    p = run(python, ["neighbours.py"], "neighbours" + version, {"PYTHONMALLOC": "malloc_debug"})
    if p.returncode or p.stderr:
        fail(name + " runs", p.stderr)
        return
    equal(name, dump("neighbours" + version).dump.counters["unknown.frees"], 0)


def debug_report(version, python):
    """The debug hooks tell of the size that was asked for, and see a write behind it: we must not have raised it."""
    name = version + " PYTHONMALLOC=debug: reports an overflow as without the shim"
    code = "import _testcapi; _testcapi.pymem_buffer_overflow()"
    env = {"PYTHONMALLOC": "debug"}
    p = run(python, ["-X", "faulthandler", "-c", code], "overflow", env, program=False)
    if "No module named" in p.stderr:
        print("skip %s: no _testcapi" % name)
        return
    equal(name, ("16 bytes originally requested" in p.stderr, p.returncode != 0), (True, True))


EMBEDDED = r"""
#include <stdio.h>
void PyMem_SetupDebugHooks(void);
void Py_Initialize(void);
int PyRun_SimpleString(const char *), Py_FinalizeEx(void);
int main(void)
{
	PyMem_SetupDebugHooks();
	Py_Initialize();
	printf("%d ", PyRun_SimpleString("kept = [object() for i in range(1000)]"));
	printf("%d\n", Py_FinalizeEx());
	return 0;
}
"""


def embedded():
    """A program that puts the debug hooks on top of ours before it starts Python: ours must not be put on top of them again."""
    name = "embedded: debug hooks before the start"
    library = sorted(glob.glob("/usr/lib/*/libpython3.[0-9]*[0-9].so.1.0"))
    if not library:
        print("skip %s: no libpython" % name)
        return
    program = os.path.join(TMP, "embedded")
    p = subprocess.run(["gcc", "-x", "c", "-o", program, "-", "-x", "none", library[-1]], input=EMBEDDED, text=True,
                       stderr=subprocess.PIPE)
    if p.returncode:
        fail(name + " builds", p.stderr)
        return
    p = run(program, [], "embedded", program=False)
    equal(name, (p.returncode, p.stdout, p.stderr), (0, "0 0\n", ""))


embedded()
for version, python in at_hand:
    neighbours(version, python)
    debug_report(version, python)
sys.exit(status())
