#!/usr/bin/env python3
"""What keeps what alive, on random graphs: refgraph's answers against the definitions, written over sets: an object is retained by
a set when no root reaches it once the set is gone; a dominates b when b is lost without a.
liveness.py [SEEDS [FIRST]]"""
import collections, json, os, random, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1
TYPES = ["A", "B", "C"]
KINDS = ["strong"] * 6 + ["weak", "internal", "borrowed", "conservative", "conservative"]


class Graph:
    def __init__(self, seed):
        r = random.Random(seed)
        n = r.choice([1, 2, 4, 7, 12, 12])
        self.n = n
        self.type = [r.choice(TYPES) for i in range(n)]
        self.size = [r.randrange(1, 500) for i in range(n)]
        self.rc = [r.choice([0, 0, 1, 2, 3]) for i in range(n)]
        shape = r.choice(["random", "random", "random", "star", "chain", "complete"])
        if shape == "random":
            pairs = [(r.randrange(n), r.randrange(n)) for i in range(r.randrange(2 * n + 1))]
        elif shape == "star":
            pairs = [(0, i) for i in range(n)] + [(i, 0) for i in range(n)]
        elif shape == "chain":
            pairs = [(i, i + 1) for i in range(n - 1)] + [(i, i - 1) for i in range(1, n) if r.random() < 0.5]
        else:
            pairs = [(i, j) for i in range(n) for j in range(n)]
        pairs += r.sample(pairs, min(len(pairs), r.choice([0, 0, 2])))  # parallel ones
        # in order of their source, as in a dump
        self.edges = sorted(((a, b, r.choice(KINDS)) for a, b in pairs), key=lambda e: e[0])
        self.roots = [(r.randrange(n), r.choice(["strong", "strong", "weak", "conservative"])) for i in range(r.choice([0, 1, 1, 2, 4]))]
        counted = collections.Counter(b for a, b, kind in self.edges if kind == "strong")
        counted.update(t for t, kind in self.roots if kind == "strong")

        def keeps(kind, target):
            if kind == "conservative":
                return not (self.rc[target] and self.rc[target] <= counted[target])
            return kind in ("strong", "internal")
        self.holds = [(a, b) for a, b, kind in self.edges if keeps(kind, b)]
        self.starts = [t for t, kind in self.roots if keeps(kind, t)]
        self.live = self.reach()

    def text(self):
        out = ["type %s runtime=python module=app flags=gc" % t for t in TYPES]
        out += ["object o%d %s size=%d rc=%d" % (i, self.type[i], self.size[i], self.rc[i]) for i in range(self.n)]
        out += ["edge o%d o%d kind=%s attr=a%d" % (a, b, kind, i) for i, (a, b, kind) in enumerate(self.edges)]
        out += ["root runtime r%d o%d kind=%s" % (i, t, kind) for i, (t, kind) in enumerate(self.roots)]
        return "\n".join(out) + "\n"

    def reach(self, without=(), starts=None, holds=None):
        seen = set(self.starts if starts is None else starts) - set(without)
        while True:
            more = {b for a, b in (self.holds if holds is None else holds) if a in seen and b not in without} - seen
            if not more:
                return seen
            seen |= more

    def bytes(self, objects):
        return sum(self.size[i] for i in objects)

    def retained(self, objects):
        return self.live - self.reach(without=objects)

    def dominated(self, a):
        return self.retained([a]) if a in self.live else set()


# ---- asking refgraph ------------------------------------------------------------------------------------------------

class Wrong(Exception):
    pass


def rows(args):
    run = Run(args + ["--json"])
    if run.rc:
        raise Wrong("%s: status %s: %s" % (" ".join(args), run.rc, run.err))
    return [json.loads(line) for line in run.out.splitlines()]


def same(what, got, want):
    if got != want:
        raise Wrong("%s: got %s, want %s" % (what, got, want))


def retained(g, dump, r):
    for k in range(3):
        chosen = r.sample(range(g.n), r.randrange(1, g.n + 1))
        freed = g.retained(chosen)
        total, *types = rows(["retained", *["#%d" % i for i in chosen], dump])
        same("retained %s" % chosen, (total["count"], total["selected"], total["bytes"]),
             (len(freed), len(freed & set(chosen)), g.bytes(freed)))
        want = collections.Counter(g.type[i] for i in freed)
        same("retained %s by type" % chosen, {t["type"]: t["count"] for t in types}, dict(want))
        same("order", types, sorted(types, key=lambda t: (-t["bytes"], -t["count"], t["type"])))
    got = {x["id"]: x["retained"] for x in rows(["by-type", "--where", "size", dump, "--columns", "id,retained"])}
    same("the column retained", got, {i: g.bytes(g.dominated(i)) if i in g.live else None for i in range(g.n)})
    limit = r.choice(list(got.values())) or 0
    found = Run(["by-type", "--where", "retained >= %d" % limit, dump, "--columns", "id", "--json"])
    same("--where retained", [json.loads(x)["id"] for x in found.out.splitlines()], [i for i in got if (got[i] or 0) >= limit])


def tree(g, members, by_type):
    """The dominator tree as nested groups: [(members, retained, children)], by retained, descending."""
    below = {i: g.dominated(i) for i in g.live}

    def children(group):
        """Dominated by one of the group, and by nothing between."""
        inside = {c for m in group for c in below[m] - {m}}
        return [c for c in inside if not any(c in below[d] for d in inside - {c})]
    groups = collections.defaultdict(list)
    for i in members:
        groups[g.type[i] if by_type else i].append(i)
    found = []
    for group in groups.values():
        group.sort(key=lambda i: (-g.bytes(below[i]), i))
        under = set().union(*(below[i] for i in group))
        found.append((group, under, tree(g, children(group), by_type)))
    return sorted(found, key=lambda x: (-g.bytes(x[1]), x[0][0]))


def accumulation(g, node):
    """{object: children} where what this node of the tree retains spreads over many; {} when it does not."""
    group, under, children = node
    while children and g.bytes(children[0][1]) >= g.bytes(under) // 10 * 7:
        group, under, children = children[0]
    return {group[0]: len(children)} if len(children) > 1 and g.bytes(group) < g.bytes(under) // 10 * 7 else {}


def dominators(g, dump, r):
    below = {i: g.dominated(i) for i in g.live}
    for by_type in False, True:
        starts = r.sample(range(g.n), r.randrange(1, g.n + 1)) if r.random() < 0.4 else None
        tops = [i for i in (starts or g.live) if i in g.live and not any(i in below[d] for d in (starts or g.live) if d != i and d in g.live)]
        least, limit, levels = r.choice([0, 0, 300, 800]), r.choice([0, 0, 3]), r.choice([None, None, 1])
        flat = []

        def walk(nodes, depth, up):
            for group, under, children in nodes:
                at = len(flat)
                flat.append([group, under, depth, up, children])
                walk(children, depth + 1, at)
        roots = tree(g, tops, by_type)
        walk(roots, 0, None)
        points = {}
        for node in roots if not by_type else []:
            points.update(accumulation(g, node) if g.bytes(node[1]) >= least else {})
        kept = [i for i, x in enumerate(flat) if g.bytes(x[1]) >= least and (levels is None or x[2] <= levels)]
        if limit:
            # equal ones are taken from above, so that it stays a tree; which of several is not asked here
            sizes = sorted((g.bytes(flat[i][1]) for i in kept), reverse=True)
            if len(sizes) > limit and sizes[limit] == sizes[limit - 1]:
                limit = 0
            else:
                kept = [i for i in kept if g.bytes(flat[i][1]) >= sizes[limit - 1]] if len(sizes) > limit else kept
        want = []
        for i in kept:
            group, under, depth, up, children = flat[i]
            shown = [flat[k] for k in kept if flat[k][3] == i]
            want.append((group[0], depth, flat[up][0][0] if up is not None else None, len(group), g.bytes(under), len(under), g.bytes(group),
                         sum(len(c[0]) for c in children) - sum(len(x[0]) for x in shown),
                         g.bytes(under) - g.bytes(group) - sum(g.bytes(x[1]) for x in shown), points.get(group[0])))
        args = ["dominators", *["#%d" % i for i in starts or []], dump, "--min", str(least), "--limit", str(limit)]
        args += ["--group-by", "type"] * by_type + (["--max-depth", str(levels)] if levels is not None else [])
        got = [tuple(x[k] for k in ("id", "depth", "parent", "count", "retained", "objects", "size", "hidden", "hidden_bytes", "accumulates")) for x in rows(args)]
        same(" ".join(args), got, want)


def cycles(g, dump, r):
    after = {i: g.reach(starts=[b for a, b in g.holds if a == i]) for i in range(g.n)}
    groups = {frozenset(k for k in range(g.n) if k in after[i] and i in after[k]) for i in range(g.n) if i in after[i]}

    def one_breaks(group):
        """Whether some single reference is on every cycle of the group; each has a name of its own here."""
        inside = [(a, b) for a, b in g.holds if a in group and b in group]
        for k in range(len(inside)):
            left = inside[:k] + inside[k + 1:]
            if not any(i in g.reach(starts=[b for a, b in left if a == i], holds=left) for i in group):
                return True
        return False
    want = []
    for group in groups:
        live = min(group) in g.live
        lost = g.retained(group) if live else g.reach(starts=group) - g.live
        want.append(("live" if live else "garbage", 1, len(group), g.bytes(group), g.bytes(lost), min(group), one_breaks(group)))
    want.sort(key=lambda x: (x[0], -x[3], x[5]))
    got = [tuple(x[k] for k in ("state", "count", "objects", "bytes", "retained", "id")) + (x["weak"] != "",)
           for x in rows(["cycles", dump, "--limit", "0"])]
    same("cycles", got, want)


def distances(g, avoid=(), holds=None, starts=None):
    far, level = {}, 0
    new = {i for i in (g.starts if starts is None else starts) if i not in avoid}
    while new:
        far.update((i, level) for i in new)
        level += 1
        new = {b for a, b in (g.holds if holds is None else holds) if a in far and b not in avoid} - set(far)
    return far


def without(g, lost):
    """What is freed when these references go: (None, target) is one of a root's."""
    starts, holds = list(g.starts), list(g.holds)
    for a, b in lost:
        starts.remove(b) if a is None else holds.remove((a, b))  # raises when there is no such reference
    return g.live - g.reach(starts=starts, holds=holds), starts, holds


def fewest(g, goal):
    """References that must go at least, by Ford and Fulkerson over lists."""
    left = collections.Counter([("root", t) for t in g.starts] + [e for e in g.holds])
    ways = 0
    while True:
        came, todo = {"root": None}, ["root"]
        while todo:
            a = todo.pop()
            for (x, b), n in left.items():
                if x == a and n > 0 and b not in came:
                    came[b] = a
                    todo.append(b)
        if goal not in came:
            return ways
        ways += 1
        at = goal
        while came[at] is not None:
            left[came[at], at] -= 1
            left[at, came[at]] += 1
            at = came[at]


def why(g, dump, r):
    for i in r.sample(range(g.n), min(g.n, 4)):
        avoid = set(r.sample(range(g.n), min(g.n, r.choice([0, 0, 1, 2]))))
        args = ["why", "#%d" % i, dump] + (["--avoid", ",".join("#%d" % k for k in avoid)] if avoid else [])
        found = rows(args)
        what, steps, cut = found[0], [x for x in found if x["record"] == "step"], [x for x in found if x["record"] == "cut"]
        same("object", (what["record"], what["id"]), ("object", i))
        closed = avoid - {i}
        ways = collections.defaultdict(list)
        for x in steps:
            ways[x["way"]].append(x)
        lost, starts, holds = set(), list(g.starts), list(g.holds)
        for number in range(1, len(ways) + 2):
            near = distances(g, closed, holds, starts).get(i)
            way = [x["id"] for x in ways.get(number, [])]
            if number == 4:
                break
            same("%s: way %d: length" % (args, number), len(way), 0 if near is None else near + 1)
            if near is None:
                break
            same("%s: end" % args, (way[-1], set(way) & closed), (i, set()))
            for k, at in enumerate(way):
                starts.remove(at) if k == 0 else holds.remove((way[k - 1], at))
        for k, row in enumerate(ways.get(1, [])):
            freed = without(g, [(ways[1][k - 1]["id"] if k else None, row["id"])])[0]
            same("why #%d: cut %d" % (i, k), row["frees"], g.bytes(freed) if i in freed else None)
        least = fewest(g, i)
        same("why #%d: the smallest cut" % i, what["cut_size"], least if least <= 8 else None)
        same("why #%d: its references" % i, len(cut), least if least <= 8 else 0)
        direct = [b for b in g.starts if b == i] + [a for a, b in g.holds if b == i and a in g.live - g.dominated(i)]
        same("why #%d: references to it" % i, sum(x["record"] == "direct" for x in found), len(direct) if len(direct) <= 8 else 0)
        same("why #%d: retained" % i, what["retained"], g.bytes(g.dominated(i)) if i in g.live else None)
        if cut:
            # a path is root.attribute.attribute...; here each reference has a name of its own
            names = [x["path"].replace("[", ".").split(".")[-1] for x in cut]
            gone = [(None, int(n[1:])) if n[0] == "r" else int(n[1:]) for n in names]
            refs = [(None, g.roots[n[1]][0]) if isinstance(n, tuple) else g.edges[n][:2] for n in gone]
            freed = without(g, refs)[0]
            same("why #%d: the cut frees it" % i, (i in freed, what["frees"]), (True, g.bytes(freed)))


def merged(g, dump, r):
    chosen = r.sample(range(g.n), r.randrange(1, g.n + 1))
    avoid = set(r.sample(range(g.n), r.choice([0, 0, 1])))
    args = ["why", "--merge", *["#%d" % i for i in chosen], dump, "--limit", "0"] + (["--avoid", "#%d" % min(avoid)] if avoid else [])
    # parents as a breadth-first search in the order of roots and references meets them
    up, queue = {}, []
    for k, i in enumerate(g.starts):
        if i not in up and i not in avoid:
            up[i] = None
            queue.append(i)
    for i in queue:
        for a, b in g.holds:
            if a == i and b not in up and b not in avoid:
                up[b] = i
                queue.append(b)
    # all labels differ here, but where parallel references have the same ends: a row is an object, or a chain of them
    below = collections.Counter()
    for i in chosen:
        while i is not None and i in up:
            below[i] += 1
            i = up[i]
    ends = [i for i in below if i in chosen or not any(up[k] == i and below[k] == below[i] for k in below)]
    got = rows(args)
    same(" ".join(args), sorted((x["id"], x["count"], x["here"]) for x in got), sorted((i, below[i], int(i in chosen)) for i in ends))
    depth = {}
    for i in ends:
        k, n = up[i], 0
        while k is not None:
            n += k in ends
            k = up[k]
        depth[i] = n
    same("depth", {x["id"]: x["depth"] for x in got}, depth)


def main():
    cases = [retained, dominators, cycles, why, merged]
    wrong = {}
    for seed in range(FIRST, FIRST + SEEDS):
        g = Graph(seed)
        dump = rgd.make("live.rgd", text=g.text())
        for case in cases:
            try:
                case(g, dump, random.Random(seed * 11 + 5))
            except Wrong as e:
                wrong.setdefault(case, []).append("seed %d: %s" % (seed, e))
    for case in cases:
        name = "liveness: %s of %d random graphs" % (case.__name__, SEEDS)
        if case in wrong:
            rgd.fail(name, "%d wrong; %s" % (len(wrong[case]), wrong[case][0]))
        else:
            rgd.ok(name)


main()
sys.exit(rgd.status())
