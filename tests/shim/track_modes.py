#!/usr/bin/env python3
"""The modes of tracking: what each keeps of a program whose every allocation is known, estimates of samples, switches at run time."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import rgd
from verdict import *

PROGRAM = os.path.join(TMP, "modes")
SOURCE = os.path.join(ROOT, "tests", "shim", "track", "modes.c")
SAMPLED, SHARE = 0x2000, 0x4000
BATCH = 40000


def refgraph(*arguments):
    return subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def rows(*arguments):
    return [json.loads(line) for line in refgraph(*arguments, "--json").stdout.splitlines()]


class Program:
    """modes.c under the shim."""

    def __init__(self, mode, **settings):
        env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_STACKS=mode)
        env.update({"REFGRAPH_" + k.upper(): str(v) for k, v in settings.items()})
        self.p = subprocess.Popen([PROGRAM], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        self.p.stdout.readline()
        self.shots = 0

    def tell(self, word):
        self.p.stdin.write(word + "\n")
        self.p.stdin.flush()
        self.p.stdout.readline()

    def track(self, *mode):
        return refgraph("track", str(self.p.pid), *mode).stdout.strip()

    def dump(self):
        self.shots += 1
        path = os.path.join(TMP, "%d.%d.rgd" % (self.p.pid, self.shots))
        refgraph("snapshot", str(self.p.pid), "-o", path)
        return path

    def end(self):
        self.p.stdin.close()
        self.p.wait()
        return self.p.returncode


class Blocks:
    """The blocks of leaf() in a dump: (size, flags, epoch, depth of the stack)."""

    def __init__(self, path):
        d = rgd.Dump(path)
        self.meta = dict(d.meta)
        parents = [r[0] for r in d.rows("STACKS")]
        depths = []
        for parent in parents:
            depths.append(1 + (depths[parent - 1] if parent else 0))
        self.all = [(r[2], r[4], r[5], depths[r[6] - 1] if r[6] else 0) for r in d.rows("OBJECTS") if r[2] in (100, 300)]
        self.losses = {d.strings[r[0]]: r[1] for r in d.rows("COUNTERS")
                       if r[1] and (d.strings[r[0]].startswith("lost.") or d.strings[r[0]] == "unknown.frees")}

    def count(self, test=lambda b: True):
        return sum(1 for b in self.all if test(b))


def by_caller(path):
    """{"small": row, "large": row} of `refgraph stacks --by stack`; what is known by leaf() alone is under ""."""
    found = {}
    for r in rows("stacks", "--by", "stack", "--limit", "0", path):
        frames = [f.split("+")[0] for f in r["place"].split(" < ")]
        if frames[0] == "leaf":
            found[frames[1] if len(frames) > 1 else ""] = r
    return found


def near(name, row, objects, size):
    """Within five standard errors, which are no more than a third of what is estimated."""
    good = (abs(row["objects"] - objects) <= 5 * row["objects_error"] <= 5 * objects / 3 and
            abs(row["bytes"] - objects * size) <= 5 * row["bytes_error"] <= 5 * objects * size / 3)
    equal(name, good or row, True)


def every_block(mode, depth):
    program = Program(mode)
    program.tell("make")
    program.tell("make")
    program.tell("drop")
    path = program.dump()
    blocks = Blocks(path)
    equal(mode + ": the program ends well", program.end(), 0)
    equal(mode + ": each block once", (blocks.count(), blocks.count(lambda b: b[0] == 300)), (BATCH, BATCH // 4))
    equal(mode + ": nothing lost or unknown", blocks.losses, {})
    equal(mode + ": no sample", (blocks.meta["sample"], blocks.count(lambda b: b[1] & SAMPLED)), ("0", 0))
    if depth is not None:
        equal(mode + ": its stacks", blocks.count(lambda b: depth(b[3])), BATCH)
    return path, blocks


def hybrid():
    path, blocks = every_block("hybrid", None)
    drawn = blocks.count(lambda b: b[1] & SHARE)
    # the first ones of leaf() were dropped; of 40000, 625 are drawn, with a standard error of 25
    equal("hybrid: one stack in 64 is whole", (500 <= drawn <= 750, blocks.count(lambda b: b[3] > 1)), (True, drawn))
    equal("hybrid: the others have their site", blocks.count(lambda b: b[3] == 1), BATCH - drawn)
    found = by_caller(path)
    near("hybrid: estimate of small()", found["small"], BATCH * 3 // 4, 100)
    near("hybrid: estimate of large()", found["large"], BATCH // 4, 300)
    equal("hybrid: the site is exact", [(r["objects"], r["bytes"], r.get("objects_error", 0)) for r in rows("stacks", path)
                                        if r["place"].startswith("leaf")], [(BATCH, BATCH * 150, 0)])
    equal("hybrid: all of the site's blocks are dealt out", sum(r["objects"] for r in found.values()), BATCH)
    row = [r for r in rows("stacks", path) if r["place"].startswith("leaf")][0]
    equal("hybrid: allocations ever", abs(row["made"] - 2 * BATCH) <= 5 * row["made_error"] <= BATCH, True)
    equal("hybrid: not of chosen ones", [r["made"] for r in rows("stacks", "-w", "size == 300", path)], [0])
    first = Program("hybrid")
    first.tell("make")
    blocks = Blocks(first.dump())
    first.tell("drop")
    gone = [r for r in rows("stacks", first.dump()) if r["place"].startswith("leaf")]
    equal("hybrid: a place from which nothing lives", [(r["objects"], r["made"] > BATCH // 2) for r in gone], [(0, True)])
    first.end()
    equal("hybrid: the first stacks are whole", blocks.count(lambda b: b[3] > 1 and not b[1] & SHARE), 64)


def sampled():
    program = Program("sampled", sample=20000)
    for word in "make", "make", "drop":
        program.tell(word)
    path = program.dump()
    blocks = Blocks(path)
    equal("sampled: the program ends well", program.end(), 0)
    equal("sampled: nothing lost or unknown", blocks.losses, {})
    # 6 MB by 20000 bytes: some 300, each with its stack
    equal("sampled: few blocks", 200 < blocks.count() < 400, True)
    equal("sampled: with their stacks", blocks.count(lambda b: b[1] & SAMPLED and b[3] > 3), blocks.count())
    found = by_caller(path)
    near("sampled: estimate of small()", found["small"], BATCH * 3 // 4, 100)
    near("sampled: estimate of large()", found["large"], BATCH // 4, 300)
    row = [r for r in rows("most-common-types", "-u", "native", path) if r["type"] == "malloc in leaf"][0]
    near("sampled: most-common-types", {"objects": row["count"], "objects_error": row["count_error"], "bytes": row["bytes"],
                                        "bytes_error": row["bytes_error"]}, BATCH, 150)
    leaks = refgraph("leaks", path)
    equal("sampled: leaks refuses", (leaks.returncode, "only a sample" in leaks.stderr), (3, True))
    equal("sampled: the graph is not whole, and it says so", "only a sample" in refgraph("cycles", path).stderr, True)

    program = Program("sampled", sample=1)
    program.tell("make")
    path = program.dump()
    program.end()
    equal("sampled, each byte: all of them, and no error", sorted((n, r["objects"], r["bytes"], r.get("objects_error", 0))
          for n, r in by_caller(path).items()), [("large", BATCH // 4, BATCH * 75, 0), ("small", BATCH * 3 // 4, BATCH * 75, 0)])


def switches():
    program = Program("caller")
    equal("switch: the mode at the start", program.track(), "caller")
    program.tell("make")
    said = []
    for mode in "sampled", "hybrid", "exact", "none", "caller":
        said.append(program.track(mode))
        program.tell("make")
    path = program.dump()
    equal("switch: what track says", said, ["sampled", "hybrid", "exact", "none", "caller"])
    wrong = refgraph("track", str(program.p.pid), "everything")
    equal("switch: no such mode", (wrong.returncode, "there are: none" in wrong.stderr), (2, True))
    for _ in range(6):
        program.tell("drop")
    last = Blocks(program.dump())
    equal("switch: the program ends well", program.end(), 0)
    blocks = Blocks(path)
    equal("switch: the dump tells when", blocks.meta["tracking"], "caller 1, sampled 2, hybrid 3, exact 4, none 5, caller 6")
    depths = {e: sorted({b[3] for b in blocks.all if b[2] == e}) for e in (1, 4, 5, 6)}
    equal("switch: stacks by birth", (depths[1], depths[4][0] > 3, depths[5], depths[6]), ([1], True, [0], [1]))
    equal("switch: blocks by birth", [blocks.count(lambda b: b[2] == e) for e in (1, 3, 4, 5, 6)], [BATCH] * 5)
    equal("switch: few in the sample", blocks.count(lambda b: b[2] == 2) < 100, True)
    equal("switch: all freed", last.count(), 0)
    equal("switch: nothing lost or unknown", last.losses, {})
    info = refgraph("info", path).stdout
    equal("switch: info", "epoch.3                tracking stacks hybrid" in info, True)


if subprocess.run(["gcc", "-O1", "-g", "-o", PROGRAM, SOURCE]).returncode:
    sys.exit("cannot build modes.c")
every_block("none", lambda d: d == 0)
every_block("caller", lambda d: d == 1)
every_block("exact", lambda d: d > 3)
every_block("full", lambda d: d > 3)
hybrid()
sampled()
switches()
sys.exit(status())
