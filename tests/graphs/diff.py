#!/usr/bin/env python3
"""Random pairs and series of snapshots: what refgraph diff says against plain loops over the objects. Memory is used again between
snapshots, for the same type or another, and a free list may hand it out within its epoch.
diff.py [SEEDS [FIRST]]"""
import collections, json, os, random, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1
TYPES = ["A", "B", "C", "D"]
SITES = ["make", "load", None]
LABELS = ["attr=x", "attr=y", "index=3", "key=k"]
STEPS = {"attr=x": ".x", "attr=y": ".y", "index=3": "[]", "key=k": "[]"}


class Object:
    def __init__(self, r, address, epoch):
        self.address, self.epoch = address, epoch
        self.type, self.size, self.site = r.choice(TYPES), r.choice([16, 24, 100, 4000]), r.choice(SITES)
        self.edges = []  # (target's address, label)

    def identity(self):
        return self.address, self.epoch, self.type


class Snapshot:
    """One instant of a process; next() is a later one."""

    def __init__(self, r, objects, epoch, process, serial):
        self.r, self.epoch, self.process, self.serial = r, epoch, process, serial
        self.objects = sorted(objects, key=lambda o: o.address)
        here = [o.address for o in self.objects]
        for o in self.objects:
            o.edges = [e for e in o.edges if e[0] in here]
            while here and r.random() < 0.5:
                o.edges.append((r.choice(here), r.choice(LABELS)))
        self.roots = [r.choice(here) for i in range(r.choice([0, 1, 1, 2]))] if here else []
        self.read()

    def read(self):
        at = {o.address: o for o in self.objects}
        self.path, queue = {}, []
        for i, a in enumerate(self.roots):
            if a not in self.path:
                self.path[a] = ["r%d" % i]
                queue.append(a)
        for a in queue:
            for b, label in at[a].edges:
                if b not in self.path:
                    self.path[b] = fold(self.path[a] + [STEPS[label]])
                    queue.append(b)

    def group(self, o, by):
        if by == "path":
            return "".join(self.path[o.address]) if o.address in self.path else "(no root reaches it)", o.type
        return (o.type, o.type) if by == "type" else (o.site + " (a.py)" if o.site else "(unknown)", None)

    def reach(self, without=()):
        at = {o.address: o for o in self.objects}
        seen = {a for a in self.roots if at[a] not in without}
        while True:
            more = {b for a in seen for b, label in at[a].edges if at[b] not in without} - seen
            if not more:
                return seen
            seen |= more

    def retained(self, group, by):
        gone = [o for o in self.objects if self.group(o, by) == group]
        lost = self.reach() - self.reach(gone)
        return sum(o.size for o in self.objects if o.address in lost)

    def next(self):
        r, epoch = self.r, self.epoch + 1
        kept = []
        for o in self.objects:
            copy = Object(r, o.address, o.epoch)
            copy.type, copy.size, copy.site, copy.edges = o.type, o.size, o.site, [e for e in o.edges if r.random() < 0.8]
            how = r.random()
            if how < 0.15:
                continue
            if how < 0.3:  # freed and used again
                copy = Object(r, o.address, epoch)
            elif how < 0.35:  # out of a free list
                copy = Object(r, o.address, o.epoch)
            elif how < 0.5:
                copy.size += r.choice([-8, 8, 1000])
            kept.append(copy)
        used = {o.address for o in self.objects}
        for i in range(r.randrange(5)):
            address = 0x10000 + 8192 * r.randrange(60)
            if address not in used:
                used.add(address)
                kept.append(Object(r, address, epoch))
        return Snapshot(r, kept, epoch, self.process, self.serial + 1)

    def text(self):
        out = ["header pid=%d key=%d serial=%d" % (100 + self.process, self.process, self.serial)]
        out += ["frame %s python function=%s file=a.py" % (s, s) for s in SITES if s]
        out += ["stack %s %s" % (s, s) for s in SITES if s]
        out += ["type %s runtime=python module=app flags=gc" % t for t in self.r.sample(TYPES, len(TYPES))]
        for o in self.objects:
            out.append("object o%d %s addr=%d size=%d epoch=%d%s" % (o.address, o.type, o.address, o.size, o.epoch,
                                                                   " stack=" + o.site if o.site else ""))
        out += ["edge o%d o%d %s" % (o.address, b, label) for o in self.objects for b, label in o.edges]
        out += ["root runtime r%d o%d" % (i, a) for i, a in enumerate(self.roots)]
        return "\n".join(out) + "\n"


def fold(steps):
    """The last k steps say the same as the k before: they are written once, with a star."""
    bare = [s.rstrip("*") for s in steps]
    for k in range(1, len(steps) // 2 + 1):
        if k < len(steps) - k and bare[-k:] == bare[-2 * k:-k] and not any(s.endswith("*") for s in steps[-2 * k:-k - 1] + steps[-k:]):
            return steps[:-k - 1] + [bare[-k - 1] + "*"]
    return steps


def series(seed):
    r = random.Random(seed)
    first = Snapshot(r, [Object(r, 0x10000 + 8192 * a, 1) for a in r.sample(range(60), r.choice([0, 1, 5, 15]))], 1, 7, 1)
    snapshots = [first]
    for i in range(r.choice([1, 1, 2])):
        snapshots.append(snapshots[-1].next())
    if r.random() < 0.2:
        snapshots[-1].process = 8  # another one that happens to look alike
    return r, snapshots


class Wrong(Exception):
    pass


def same(what, got, want):
    if got != want:
        raise Wrong("%s: got %s, want %s" % (what, got, want))


def ask(args, want=0):
    run = Run(args + ["--json"])
    if run.rc != want:
        raise Wrong("%s: status %s: %s" % (" ".join(args), run.rc, run.err))
    return [json.loads(line) for line in run.out.splitlines()]


def groups(snapshots, dumps, by):
    a, b = snapshots[0], snapshots[-1]
    known = a.process == b.process
    before, now = {o.identity(): o for o in a.objects}, {o.identity(): o for o in b.objects}
    want = {}
    for group in {s.group(o, by) for s in (a, b) for o in s.objects}:
        old, new = [o for o in a.objects if a.group(o, by) == group], [o for o in b.objects if b.group(o, by) == group]
        row = {"count": len(new), "delta": len(new) - len(old), "bytes": sum(o.size for o in new),
               "bytes_delta": sum(o.size for o in new) - sum(o.size for o in old), "retained": b.retained(group, by),
               "retained_delta": b.retained(group, by) - a.retained(group, by),
               "counts": " ".join(str(sum(s.group(o, by) == group for o in s.objects)) for s in snapshots)}
        fresh = [o for o in new if o.identity() not in before]
        gone = [o for o in old if o.identity() not in now]
        both = [o for o in new if o.identity() in before]
        sized = [o for o in both if before[o.identity()].size != o.size]
        row.update(new=len(fresh), gone=len(gone), survived=len(both), resized=len(sized), new_bytes=sum(o.size for o in fresh),
                   gone_bytes=sum(o.size for o in gone), resized_bytes=sum(o.size - before[o.identity()].size for o in sized),
                   moved=row["delta"] - len(fresh) + len(gone))
        if not known:
            row.update(dict.fromkeys(["new", "gone", "survived", "resized", "new_bytes", "gone_bytes", "resized_bytes", "moved"]))
        if row["delta"] or row["bytes_delta"] or row["new"] or row["gone"] or row["resized"] or row["moved"]:
            want[group] = row
    total, *rows = ask(["diff", *dumps, "--by", by, "--limit", "0"])
    got = {(x["group"], x["type"]): {k: x[k] for k in next(iter(want.values()), {})} for x in rows}
    same("diff --by " + by, got, want)
    order = sorted(want, key=lambda g: (-abs(want[g]["bytes_delta"]), -abs(want[g]["delta"]), g[0], g[1] or ""))
    same("order by " + by, [(x["group"], x["type"]) for x in rows], order)
    same("total", (total["count"], total["bytes_delta"], total["new"]),
         (len(b.objects), sum(o.size for o in b.objects) - sum(o.size for o in a.objects),
          sum(o.identity() not in before for o in b.objects) if known else None))


def by_type(r, snapshots, dumps):
    groups(snapshots, dumps, "type")


def by_site(r, snapshots, dumps):
    groups(snapshots, dumps, "site")


def by_path(r, snapshots, dumps):
    groups(snapshots, dumps, "path")


def by_identity(r, snapshots, dumps):
    a, b = snapshots[0], snapshots[-1]
    if a.process != b.process:
        return ask(["diff", *dumps, "--by", "identity"], 2) and None
    before, now = {o.identity(): o for o in a.objects}, {o.identity(): o for o in b.objects}

    def kept(s, o):
        lost = s.reach() - s.reach([o])
        return sum(x.size for x in s.objects if x.address in lost)
    want = {}
    for key in set(before) | set(now):
        old, new = before.get(key), now.get(key)
        state = "new" if not old else "gone" if not new else "resized" if old.size != new.size else "survived"
        want[key[0], key[1], key[2]] = (state, (new.size if new else 0) - (old.size if old else 0),
                                        (kept(b, new) if new else 0) - (kept(a, old) if old else 0))
    rows = ask(["diff", *dumps, "--by", "identity", "--state", "all", "--limit", "0"])
    same("identity", {(int(x["address"], 16), x["epoch"], x["type"]): (x["state"], x["size_delta"], x["retained_delta"]) for x in rows}, want)
    changed = [x for x in rows if x["size_delta"] or x["retained_delta"]]
    same("changed", ask(["diff", *dumps, "--by", "identity", "--limit", "0"]), changed)


def fail_if(r, snapshots, dumps):
    a, b = snapshots[0], snapshots[-1]
    for k in range(3):
        tests, truth = [], []
        for i in range(r.choice([1, 2, 3])):
            t, field, op, number = r.choice(TYPES), r.choice(["delta", "count", "retained_delta"]), r.choice([">", "<=", "=="]), r.choice([-3, 0, 1, 2])
            if field == "retained_delta":
                value = b.retained((t, t), "type") - a.retained((t, t), "type")
            else:
                value = sum(o.type == t for o in b.objects) - (field == "delta" and sum(o.type == t for o in a.objects))
            tests.append("%s(%s) %s %d" % (field, t, op, number))
            truth.append(value > number if op == ">" else value <= number if op == "<=" else value == number)
        joined = r.choice(["and", "or"])
        found = all(truth) if joined == "and" else any(truth)
        ask(["diff", *dumps, "--fail-if", (" %s " % joined).join(tests)], 1 if found else 0)


def main():
    cases = [by_type, by_site, by_path, by_identity, fail_if]
    wrong = {}
    for seed in range(FIRST, FIRST + SEEDS):
        r, snapshots = series(seed)
        dumps = [rgd.make("diff%d.rgd" % i, text=s.text()) for i, s in enumerate(snapshots)]
        for case in cases:
            try:
                case(r, snapshots, dumps)
            except Wrong as e:
                wrong.setdefault(case, []).append("seed %d: %s" % (seed, e))
    for case in cases:
        name = "diff: %s of %d random series" % (case.__name__, SEEDS)
        if case in wrong:
            rgd.fail(name, "%d wrong; %s" % (len(wrong[case]), wrong[case][0]))
        else:
            rgd.ok(name)


main()
sys.exit(rgd.status())
