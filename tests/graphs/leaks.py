#!/usr/bin/env python3
"""leaks on random heaps of C blocks and a runtime's objects: kinds against their definitions, written over sets.
leaks.py [SEEDS [FIRST]]"""
import collections, json, os, random, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1
STACKS = 3


class Heap:
    def __init__(self, seed):
        r = random.Random(seed)
        self.n = n = r.choice([1, 2, 4, 8, 14, 14])
        self.size = [r.randrange(0, 500) for i in range(n)]
        self.stack = [r.randrange(STACKS) for i in range(n)]
        python = r.choice([0, 0, 0.3])
        self.block = [r.random() >= python for i in range(n)]
        self.edges = [(r.randrange(n), r.randrange(n), r.random() < 0.3) for i in range(r.randrange(2 * n + 1))]
        if r.random() < 0.3:
            self.edges += [(i, (i + 1) % n, False) for i in range(n)]  # one ring
        self.edges.sort(key=lambda e: e[0])
        self.roots = [(r.randrange(n), r.random() < 0.4) for i in range(r.choice([0, 1, 1, 2, 3]))]

    def text(self):
        out = ["type T runtime=python module=app flags=gc"]
        for i in range(STACKS):
            out += ["frame f%d python function=maker%d file=x.py line=1" % (i, i), "stack s%d f%d" % (i, i)]
        out += ["object o%d %s size=%d stack=s%d" % (i, "block" if self.block[i] else "T", self.size[i], self.stack[i])
                for i in range(self.n)]
        out += ["edge o%d o%d kind=conservative offset=%d%s" % (a, b, i * 8, " interior=8" if inside else "")
                for i, (a, b, inside) in enumerate(self.edges)]
        out += ["root global g o%d kind=conservative value=%d%s" % (t, i * 8, " interior=16" if inside else "")
                for i, (t, inside) in enumerate(self.roots)]
        return "\n".join(out) + "\n"

    def reach(self, starts, inside=True):
        seen = set(starts)
        while True:
            more = {b for a, b, i in self.edges if a in seen and (inside or not i)} - seen
            if not more:
                return seen
            seen |= more

    def kinds(self):
        """{object: kind} of the blocks."""
        exact = self.reach([t for t, inside in self.roots if not inside], inside=False)
        live = self.reach([t for t, inside in self.roots])
        waiting = self.reach([i for i in range(self.n) if i not in live and not self.block[i]]) - live
        lost = [i for i in range(self.n) if i not in live and i not in waiting]
        after = {i: self.reach([i]) for i in lost}
        # a head: whoever reaches it, it reaches too, and it is the first of these
        heads = [i for i in lost if all(k in after[i] and i <= k for k in lost if i in after[k])]
        kind = {}
        for i in range(self.n):
            if self.block[i]:
                kind[i] = ("reachable" if i in exact else "possible" if i in live else "garbage" if i in waiting
                           else "definite" if i in heads else "indirect")
        self.after = after
        self.looped = {i for i in heads if any(b == i and a in after[i] and not (a == i and inside) for a, b, inside in self.edges)}
        return kind


def problem(h, dump):
    kind = h.kinds()
    run = Run(["leaks", dump, "--show-leak-kinds", "all", "--limit", "0", "--json"])
    if run.rc:
        return "status %s: %s" % (run.rc, run.err)
    rows = [json.loads(line) for line in run.out.splitlines()]
    want = collections.Counter()
    for i, k in kind.items():
        want[k, h.stack[i], "blocks"] += 1
        want[k, h.stack[i], "bytes"] += h.size[i]
        want[k, h.stack[i], "cyclic"] += i in h.looped
    got = collections.Counter()
    for x in rows:
        stack = int(x["stack"][len("maker"):].split()[0])
        for field in "blocks", "bytes", "cyclic":
            got[x["kind"], stack, field] += x[field] or 0
        if x["kind"] == "definite":
            under = set().union(*(h.after[i] for i in kind if kind[i] == "definite" and h.stack[i] == stack))
            most = [i for i in under if kind.get(i) == "indirect"]
            if x["indirect_blocks"] > len(most) or x["indirect_bytes"] > sum(h.size[i] for i in most):
                return "more is lost by stack %d than it reaches: %s" % (stack, x)
        if kind[x["id"]] != x["kind"] or h.stack[x["id"]] != stack:
            return "the example is of another kind or stack: %s" % x
    if +got != +want:
        return "got %s, want %s" % (dict(+got), dict(+want))
    under = [i for i in kind if kind.get(i) == "indirect"]
    if sum(x["indirect_blocks"] or 0 for x in rows) != len(under) or sum(x["indirect_bytes"] or 0 for x in rows) != sum(h.size[i] for i in under):
        return "what is lost indirectly does not add up"
    lost = sum(h.size[i] for i in kind if kind[i] in ("definite", "possible")), sum(kind[i] in ("definite", "possible") for i in kind)
    run = Run(["leaks", dump, "--errors-for-leak-kinds", "definite,possible"])
    if (run.rc, "%d bytes in %d blocks are lost" % lost in run.err) != ((1, True) if lost[1] else (0, False)):
        return "verdict: status %s, %s; want %d bytes in %d blocks" % ((run.rc, run.err) + lost)
    return None


def main():
    seen, wrong = collections.Counter(), []
    for seed in range(FIRST, FIRST + SEEDS):
        h = Heap(seed)
        why = problem(h, rgd.make("leaks.rgd", text=h.text()))
        if why:
            wrong.append("seed %d: %s" % (seed, why))
        seen.update(h.kinds().values())
    if wrong:
        rgd.fail("leaks of %d random heaps" % SEEDS, "%d wrong; %s" % (len(wrong), wrong[0]))
    else:
        rgd.ok("leaks of %d random heaps" % SEEDS)
    if SEEDS >= 60:
        rgd.equal("every kind is met", sorted(seen), ["definite", "garbage", "indirect", "possible", "reachable"])


def into_itself():
    """What points into itself, as a short std::string does, is no cycle; what points to its start is one."""
    dump = rgd.make("itself.rgd", text="""
object inside block size=40
object start block size=48
object held block size=56
edge inside inside kind=conservative offset=8 interior=16
edge start start kind=conservative offset=8
edge held held kind=conservative offset=8 interior=16
root global g held kind=conservative value=8
""")
    rows = [json.loads(l) for l in Run(["cycles", dump, "--json"]).out.splitlines()]
    rgd.equal("into itself: cycles", [(r["state"], r["bytes"]) for r in rows], [("garbage", 48)])
    rows = [json.loads(l) for l in Run(["leaks", dump, "--json"]).out.splitlines()]
    rgd.equal("into itself: root cycles", sorted((r["bytes"], r["cyclic"]) for r in rows if "kind" in r), [(88, 1)])


main()
into_itself()
sys.exit(rgd.status())
