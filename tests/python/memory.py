#!/usr/bin/env python3
"""`refgraph memory` beside what the kernel says of the same instant: a Python and a C program that freed most of what they made."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *


def views(path, by):
    return [json.loads(line) for line in ask("--json", "--by", by, path).splitlines()]


def total(rows, *names):
    return sum(r[n] for r in rows for n in names)


def ask(*arguments):
    p = subprocess.run([REFGRAPH, "memory"] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return p.stdout if p.returncode == 0 else p.stderr


def rows(path):
    return {r["kind"]: r for r in (json.loads(line) for line in ask("--json", path).splitlines())}


def sums(v, path, inside):
    r = rows(path)
    total = r.pop("total")
    equal(v + " memory: the kinds are the total", [sum(x[k] for x in r.values()) for k in ("rss", "live", "objects")],
          [total["rss"], total["live"], total["objects"]])
    low, high = min(inside["before"], inside["after"]) * 0.99, max(inside["before"], inside["after"]) * 1.01
    if low <= total["rss"] <= high:
        ok(v + " memory: the total is the kernel's, within 1 %")
    else:
        fail(v + " memory: the total is the kernel's, within 1 %", "%d, kernel %s" % (total["rss"], inside))
    return r


def python_program(v, python):
    name = "memory-" + v.replace(" ", "")
    answers = os.path.join(TMP, name + ".json")
    p = run(python, ["sparse.py", answers], name)
    if p.returncode:
        fail(v + " memory: runs", p.stderr)
        return
    path = os.path.join(TMP, name + ".1.rgd")
    r = sums(v, path, json.load(open(answers)))
    text = ask(path)
    full = r["arenas"]["live"] * 4 < r["arenas"]["rss"]
    source = open(os.path.join(PROGRAMS, "sparse.py")).read().splitlines()
    line = next(n for n, s in enumerate(source, 1) if s.endswith("# the line of make"))
    equal(v + " memory: most of the arenas is free", full, True)
    arenas, classes = views(path, "arena"), views(path, "class")
    equal(v + " memory: blocks that live in pools, by the pools' heads and by what was followed", total(arenas, "blocks"), r["arenas"]["objects"])
    equal(v + " memory: the classes are the arenas", [total(classes, n) for n in ("blocks", "used", "free", "free_blocks")],
          [total(arenas, n) for n in ("blocks", "used", "free", "free_blocks")])
    equal(v + " memory: free pools are most of the arenas", total(arenas, "free_pools") * 2 > total(arenas, "size") > total(arenas, "free_pools"), True)
    equal(v + " memory: parts of an arena", [a for a in arenas if not a["size"] * 0.95 < total([a], "used", "free", "free_pools", "top") <= a["size"]], [])
    pinned = [a for a in arenas if a["pinned"]]
    equal(v + " memory: what keeps nearly empty arenas", len([a for a in pinned if "sparse.py:%d" % line in a["site"]]) * 10 > len(pinned) * 9, True)
    equal(v + " memory: and why", ["less than a tenth full" in text, "sparse.py:%d)" % line in text], [True, True])


def c_program():
    binary = os.path.join(TMP, "sparse")
    subprocess.run(["gcc", "-O1", "-g", "-o", binary, os.path.join(PROGRAMS, "sparse.c"), "-ldl"], check=True)
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP="csparse.%n.rgd")
    p = subprocess.run([binary], stdout=subprocess.PIPE, universal_newlines=True, env=env)
    r = sums("C", os.path.join(TMP, "csparse.1.rgd"), json.loads(p.stdout))
    equal("C memory: what lives in the heap", [r["malloc"]["objects"] in range(800, 820), r["malloc"]["live"] >= 800000], [True, True])
    equal("C memory: what does not", r["malloc"]["rss"] > 20 * r["malloc"]["live"], True)
    equal("C memory: no arenas", "arenas" in r, False)


def heaps():
    binary = os.path.join(TMP, "heaps")
    subprocess.run(["gcc", "-O1", "-g", "-o", binary, os.path.join(PROGRAMS, "heaps.c"), "-ldl", "-lpthread"], check=True)
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP="heaps.%n.rgd")
    inside = json.loads(subprocess.run([binary], stdout=subprocess.PIPE, universal_newlines=True, env=env).stdout)
    rows = views(os.path.join(TMP, "heaps.1.rgd"), "heap")
    main, mapped = [r for r in rows if r["heap"] == "main"], [r for r in rows if r["heap"] == "mapped"]
    brk = main + [r for r in rows if r["heap"] == "thread"]
    equal("heaps: one of main, one a thread at least", [len(main), len(brk) >= 3], [1, True])
    equal("heaps: bytes, free bytes, the end, as mallinfo2() says", [total(brk, "size"), total(brk, "free", "top"), total(main, "top")],
          [inside["arena"], inside["fordblks"], inside["keepcost"]])
    equal("heaps: blocks that are mappings", [total(mapped, "blocks"), total(mapped, "size")], [inside["hblks"], inside["hblkhd"]])
    equal("heaps: of the threads' blocks", [r["blocks"] for r in brk if r["heap"] == "thread" and r["blocks"]], [500, 500])
    equal("heaps: the rest are heads", 0 <= inside["uordblks"] - total(brk, "used", "kept") < 2400 * len(brk), True)


def freed_arenas(v, python):
    """An arena that CPython gave back is no arena any more: the walker would read what is not there."""
    name = "arenas-" + v.replace(" ", "")
    program = "import ctypes\na = [object() for _ in range(400000)]\ndel a\nctypes.CDLL(None).refgraph_snapshot(b'')"
    run(python, ["-c", program], name, program=False)
    d = dump(name).dump
    maps, arenas = [r[:2] for r in d.rows("MAPS")], [r for r in d.rows("REGIONS") if r[4] == 1]
    pages = [page for r in arenas for page in range(r[0], r[0] + r[1], 4096)]
    gone = [hex(page) for page in pages if not any(low <= page < high for low, high in maps)]
    equal(v + " memory: arenas, none that was given back", (len(pages) > 0, gone[:4]), (True, []))


c_program()
heaps()
for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    python_program(v, python)
    freed_arenas(v, python)
sys.exit(status())
