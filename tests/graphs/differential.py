#!/usr/bin/env python3
"""Random graphs: what refgraph answers against a plain model of objgraph's algorithms, written from its documented behaviour
over lists and dicts. Each case is a kind of question over all seeds.
differential.py [SEEDS [FIRST]]"""
import collections, json, os, random, re, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1
PY_TYPES = ["A", "B", "C", "dict", "list"]


class Node:
    def __init__(self, number, address, type, tracked, runtime, size, gen, internal):
        self.number, self.address, self.type, self.tracked = number, address, type, tracked
        self.runtime, self.size, self.gen, self.internal = runtime, size, gen, internal
        self.listed = tracked and gen < 3  # gc.get_objects() and gc.get_referrers() do not read the permanent list
        self.edges = []  # (target, traversed, kind) in order
        self.name = None

    def holds(self, universe):
        """Targets that this object refers to, as the universe sees it, in order, repeated."""
        if universe == "gc":
            return [t for t, traversed, kind in self.edges if traversed]
        return [t for t, traversed, kind in self.edges if kind in ("strong", "internal", "conservative")]


class Heap:
    """A random heap, and its text for mkdump. Two heaps of one seed and different steps are two snapshots."""

    def __init__(self, seed, step=0):
        r = random.Random(seed)
        self.nodes, self.roots, self.lines = [], [], []
        n = r.choice([1, 2, 5, 12, 40, 120])
        address = 0x7f0000000000
        for i in range(n):
            address += 16 * r.randrange(1, 20)
            self.nodes.append(self.make_node(r, i, address))
        # a later snapshot: some objects are gone, some are new
        if step:
            r2 = random.Random(seed * 1000 + step)
            keep = [x for x in self.nodes if r2.random() < 0.8]
            for k in range(r2.randrange(0, n + 1)):
                address += 16 * r2.randrange(1, 20)
                keep.append(self.make_node(r2, 0, address))
            self.nodes = keep
            for i, x in enumerate(self.nodes):
                x.number = i
            r = r2
        self.make_edges(r)
        self.make_modules(r)
        self.write()

    def make_node(self, r, number, address):
        kind = r.random()
        size = r.choice([16, 24, 56, 100, 1024, 5000])
        if kind < 0.65:
            return Node(number, address, r.choice(PY_TYPES), r.random() < 0.9, "python", size, r.randrange(4), False)
        if kind < 0.75:
            return Node(number, address, "module", True, "python", size, 2, False)
        if kind < 0.85:
            return Node(number, address, "str", False, "python", size, 0, False)
        if kind < 0.9:
            return Node(number, address, "storage", False, "python", size, 0, True)
        return Node(number, address, "Struct", False, "native", size, 0, False)

    def make_edges(self, r):
        for x in self.nodes:
            for k in range(r.choice([0, 0, 1, 1, 2, 3, 8])):
                kind = r.choice(["strong"] * 6 + ["weak", "internal", "borrowed"])
                if x.runtime == "native":
                    kind = r.choice(["conservative", "strong"])
                traversed = kind in ("strong", "internal") and x.runtime == "python" and r.random() < 0.9
                x.edges.append((r.choice(self.nodes), traversed, kind))

    def make_modules(self, r):
        """Modules in sys.modules under their own name are proper; the others only look like it."""
        self.proper = set()
        for x in self.nodes:
            if x.type != "module":
                if r.random() < 0.05:
                    self.roots.append(("runtime", "r%d" % x.number, x))
                continue
            x.name = "m%d" % x.number
            how = r.random()
            if how < 0.5:
                self.roots.append(("module", x.name, x))
                self.proper.add(x)
            elif how < 0.7:
                self.roots.append(("module", "other", x))
            elif how < 0.8:
                self.roots.append(("runtime", x.name, x))

    def write(self):
        out = ["header key=5", "type str module=builtins runtime=python",
               "type storage runtime=python flags=internal", "type Struct flags=guess",
               "type module module=builtins runtime=python flags=gc,is_module"]
        out += ["type %s module=%s runtime=python flags=gc" % (t, "app" if len(t) == 1 else "builtins") for t in PY_TYPES]
        for x in self.nodes:
            flags = ["inspected"] + ["tracked"] * x.tracked + ["internal"] * x.internal
            out.append("object o%d %s addr=%d size=%d flags=%s%s%s" % (
                x.number, x.type, x.address, x.size, ",".join(flags), " gen=%d" % x.gen if x.tracked else "",
                " prop.name=" + x.name if x.name else ""))
        for x in self.nodes:
            for i, (t, traversed, kind) in enumerate(x.edges):
                label = ["attr=a%d" % i, "index=%d" % i, "", "key=k%d" % (i % 2), "member=1"][(x.number + i) % 5]
                out.append("edge o%d o%d kind=%s traversed=%d %s" % (x.number, t.number, kind, traversed, label))
        out += ["root %s %s o%d" % (c, label, x.number) for c, label, x in self.roots]
        self.text = "\n".join(out) + "\n"

    def universe(self, name):
        if name == "gc":
            return [x for x in self.nodes if x.listed]
        return [x for x in self.nodes if not x.internal and (name == "all" or x.runtime == name)]

    def referrers(self, x, universe):
        """Objects that hold x, each once."""
        return [y for y in self.nodes if (universe != "gc" or y.listed) and x in y.holds(universe)]

    def neighbours(self, x, universe, backwards):
        return self.referrers(x, universe) if backwards else x.holds(universe)

    def chain(self, start, universe, backwards, good, max_depth, ignore=()):
        """Length of the shortest chain, None when there is none."""
        queue, depth = collections.deque([start]), {start: 0}
        while queue:
            x = queue.popleft()
            if good(x):
                return depth[x] + 1
            if depth[x] < max_depth:
                for y in self.neighbours(x, universe, backwards):
                    if y not in depth and y not in ignore:
                        depth[y] = depth[x] + 1
                        queue.append(y)
        return None

    def picture(self, starts, universe, backwards, max_depth, too_many, keep=lambda x: True, ignore=()):
        """({node: depth}, Counter of edges, {node: not drawn}) of show-refs or show-backrefs."""
        queue, depth, lines, more = collections.deque(starts), {x: 0 for x in starts}, collections.Counter(), {}
        while queue:
            x = queue.popleft()
            if depth[x] >= max_depth or (backwards and x in self.proper):
                continue
            drawn = 0
            for y in self.neighbours(x, universe, backwards):
                if y in ignore or not keep(y):
                    continue
                if drawn >= too_many:
                    more[x] = more.get(x, 0) + 1
                    continue
                drawn += 1
                lines[(y, x) if backwards else (x, y)] += 1
                if y not in depth:
                    depth[y] = depth[x] + 1
                    queue.append(y)
        return depth, lines, more


# ---- asking refgraph ------------------------------------------------------------------------------------------------

class Wrong(Exception):
    pass


def ask(args, want=0):
    run = Run(args)
    if run.rc != want:
        raise Wrong("%s: status %s: %s" % (" ".join(args), run.rc, run.err))
    return run.out


def rows(args):
    return [json.loads(line) for line in ask(args + ["--json"]).splitlines()]


def same(what, got, want):
    if got != want:
        raise Wrong("%s: got %s, want %s" % (what, got, want))


def address(text):
    return int(text, 16) if isinstance(text, str) else text


def long_name(x):
    if x.type in "ABC":
        return "app." + x.type
    return x.type if x.type in ("storage", "Struct") else "builtins." + x.type


def counts(heap, dump, r):
    for u in "gc", "all", "python", "native":
        want = collections.Counter(x.type for x in heap.universe(u))
        for t in PY_TYPES + ["str", "Struct", "module", "nothing"]:
            run = Run(["count", t, dump, "--universe", u])
            if run.out != "%d\n" % want[t]:
                raise Wrong("count %s in %s: got %s%s, want %d" % (t, u, run.out, run.err, want[t]))
        got = {row["type"]: row["count"] for row in rows(["typestats", dump, "--universe", u])}
        same("typestats " + u, got, dict(want))
        order = sorted(want.items(), key=lambda i: (-i[1], i[0]))
        width = max([len(t) for t, n in order[:3]] or [0])
        text = "".join("%-*s %d\n" % (width, t, n) for t, n in order[:3])
        same("show-most-common-types " + u, "\n".join(line.rstrip() for line in ask(
            ["show-most-common-types", dump, "--limit", "3", "--universe", u]).split("\n")), text)


def wheres(heap, dump, r):
    fields = {"size": lambda x: x.size, "generation": lambda x: x.gen if x.tracked else 0, "outdegree": lambda x: len(x.edges),
              "indegree": lambda x: sum(t is x and kind != "weak" for y in heap.nodes for t, a, kind in y.edges),
              "tracked": lambda x: int(x.tracked), "internal": lambda x: int(x.internal), "id": lambda x: x.number,
              "address": lambda x: x.address}
    ops = {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
           ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}

    def test(depth):
        if depth and r.random() < 0.6:
            (a, fa), (b, fb) = test(depth - 1), test(depth - 1)
            how = r.choice(["and", "or", "not"])
            if how == "and":
                return "(%s) and %s" % (a, b) if " or " not in b else "(%s) and (%s)" % (a, b), lambda x: fa(x) and fb(x)
            if how == "or":
                return "%s or %s" % (a, b), lambda x: fa(x) or fb(x)
            return "not (%s)" % a, lambda x: not fa(x)
        if r.random() < 0.3:
            t = r.choice(PY_TYPES + ["module"])
            if r.random() < 0.5:
                return "type == %s" % t, lambda x: x.type == t
            pattern = r.choice(["%s$", "^app.[%s]", "[.]%s", "s[.].*[%s]"]) % t[0]
            return 'type ~ "%s"' % pattern, lambda x: re.search(pattern, long_name(x)) is not None
        f, o, pick = r.choice(list(fields)), r.choice(list(ops)), r.choice(heap.nodes)
        value, get, op = fields[f](pick), fields[f], ops[o]
        return "%s %s %s" % (f, o, "1k" if value == 1024 else value), lambda x: op(get(x), value)
    for k in range(6):
        text, good = test(2)
        u = r.choice(["gc", "all"])
        want = [x.number for x in heap.universe(u) if good(x)]
        run = Run(["by-type", "--where", text, dump, "--universe", u, "--json"])
        if want or run.rc != 2: # nothing found is a usage error with a hint
            same("--where '%s' in %s (%s)" % (text, u, run.err), [json.loads(line)["id"] for line in run.out.splitlines()], want)
        t = r.choice(PY_TYPES)
        same("count %s --where '%s' in %s" % (t, text, u), ask(["count", t, "--where", text, dump, "--universe", u]),
             "%d\n" % sum(x.type == t and good(x) for x in heap.universe(u)))


def chains(heap, dump, r):
    for k in range(8):
        start, u, back = r.choice(heap.nodes), r.choice(["gc", "gc", "all"]), r.random() < 0.6
        max_depth, ignore = r.choice([0, 1, 2, 3, 20, 20]), []
        args = ["find-backref-chain" if back else "find-ref-chain", "#%d" % start.number, dump, "--universe", u,
                "--max-depth", str(max_depth)]
        how = r.random()
        if how < 0.5:
            good = lambda x: x in heap.proper
            args += ["--predicate", "is-proper-module"]
        elif how < 0.75:
            t = r.choice(PY_TYPES)
            good = lambda x: x.type == t
            args += ["--predicate", "type == " + t]
        else:
            targets = {x for c, label, x in heap.roots}
            good = lambda x: x in targets
            args += ["--predicate", "is-root"]
        if r.random() < 0.3:
            ignore = [r.choice(heap.nodes)]
            if ignore[0] is start:
                ignore = []
            else:
                args += ["--extra-ignore", "#%d" % ignore[0].number]
        length = heap.chain(start, u, back, good, max_depth, ignore)
        got = [heap.nodes[row["id"]] for row in rows(args)]
        what = " ".join(args)
        same(what, len(got), length or 1)
        if (got[-1] if back else got[0]) is not start:
            raise Wrong("%s: does not begin at the start: %s" % (what, [x.number for x in got]))
        if length and not good(got[0] if back else got[-1]):
            raise Wrong("%s: ends at #%d" % (what, (got[0] if back else got[-1]).number))
        for a, b in zip(got, got[1:]):
            if b not in a.holds(u) or (u == "gc" and back and not a.listed):
                raise Wrong("%s: no edge #%d to #%d" % (what, a.number, b.number))


def pictures(heap, dump, r):
    for k in range(6):
        starts = sorted(r.sample(heap.nodes, min(len(heap.nodes), r.choice([1, 1, 2]))), key=lambda x: x.number)
        back, max_depth = r.random() < 0.5, r.choice([0, 1, 3, 3, 5])
        args = ["show-backrefs" if back else "show-refs"] + ["#%d" % x.number for x in starts]
        args += [dump, "--universe", "gc", "--max-depth", str(max_depth)]
        too_many, keep, ignore = 10, lambda x: True, []
        if r.random() < 0.5:
            too_many = r.choice([0, 1, 2, 1000])
            args += ["--too-many", str(too_many)]
        if r.random() < 0.3:
            keep = lambda x: x.size > 50
            args += ["--filter", "size > 50"]
        if r.random() < 0.3:
            ignore = [x for x in heap.nodes if x.type == "B" and x not in starts]
            if ignore:
                args += ["--extra-ignore", ",".join("#%d" % x.number for x in ignore)]
        nodes, lines, more = heap.picture(starts, "gc", back, max_depth, too_many, keep, ignore)
        by_name = {"o%d" % x.address: x for x in heap.nodes}
        out = rows(args)
        what = " ".join(args)
        got_nodes = {by_name[row["name"]]: row for row in out if row["kind"] == "node"}
        got_lines = collections.Counter((by_name[row["from"]], by_name[row["to"]]) for row in out if row["kind"] == "edge")
        same(what + " (nodes)", {x.number: row["depth"] for x, row in got_nodes.items()}, {x.number: d for x, d in nodes.items()})
        same(what + " (edges)", sorted((a.number, b.number, n) for (a, b), n in got_lines.items()),
             sorted((a.number, b.number, n) for (a, b), n in lines.items()))
        same(what + " (more)", {x.number: row["more"] for x, row in got_nodes.items() if row["more"]},
             {x.number: n for x, n in more.items()})
        dot(args, got_nodes, got_lines, more, by_name)


def dot(args, nodes, lines, more, by_name):
    """The drawing has the nodes and edges of --json, and a stub for each node with more neighbours."""
    text = ask(args)
    drawn = set(re.findall(r"^\s*(o\d+)\s*\[", text, re.M))
    edges = collections.Counter(re.findall(r"^\s*(o\d+) -> (o\d+)\b", text, re.M))
    same(" ".join(args) + " (dot nodes)", drawn, {"o%d" % x.address for x in nodes})
    same(" ".join(args) + " (dot edges)", edges,
         collections.Counter({("o%d" % a.address, "o%d" % b.address): n for (a, b), n in lines.items()}))
    word = "backreferences" if args[0] == "show-backrefs" else "references"
    same(" ".join(args) + " (dot stubs)", sorted(re.findall(r"(\d+) more (\w+)", text)), sorted((str(n), word) for n in more.values()))


def growths(seed, dump, r):
    heaps = [Heap(seed, step) for step in range(3)]
    dumps = [rgd.make("g%d.rgd" % i, text=h.text) for i, h in enumerate(heaps)]
    stats = [collections.Counter(x.type for x in h.universe("gc")) for h in heaps]
    peak = {}
    for s in stats[:-1]:
        for t, n in s.items():
            peak[t] = max(n, peak.get(t, 0))
    want = [(t, n, n - peak.get(t, 0)) for t, n in stats[-1].items() if n > peak.get(t, 0)]
    want.sort(key=lambda i: (-i[2], i[0]))
    got = [(row["type"], row["count"], row["delta"]) for row in rows(["growth", *dumps, "--limit", "0", "--universe", "gc"])]
    same("growth of 3 dumps, seed %d" % seed, got, want)
    width = max([len(t) for t, n, d in want[:10]] or [0])
    text = "".join("%-*s%9d %+9d\n" % (width, t, n, d) for t, n, d in want[:10])
    same("show-growth, seed %d" % seed, ask(["show-growth", *dumps, "--universe", "gc"]), text)


def selectors(heap, dump, r):
    for u in "gc", "all":
        for t in PY_TYPES:
            want = [x.number for x in heap.universe(u) if x.type == t]
            run = Run(["by-type", t, dump, "--universe", u, "--json"])
            if want or run.rc == 0:
                same("by-type %s in %s" % (t, u), [json.loads(line)["id"] for line in run.out.splitlines()], want)
            if want:
                k = r.randrange(len(want))
                same("%s[%d]" % (t, k), [row["id"] for row in rows(["by-type", "%s[%d]" % (t, k), dump, "--universe", u])][:1], [want[k]])
    for x in r.sample(heap.nodes, min(5, len(heap.nodes))):
        same("at", [row["id"] for row in rows(["at", hex(x.address), dump])][:1], [x.number])


def main():
    cases = [counts, wheres, chains, pictures, selectors, growths]
    wrong = {}
    for seed in range(FIRST, FIRST + SEEDS):
        heap = Heap(seed)
        dump = rgd.make("heap.rgd", *random.Random(seed).choice([[], ["--no-zstd"], ["--chunk-rows", "3"]]), text=heap.text)
        for case in cases:
            try:
                case(seed if case is growths else heap, dump, random.Random(seed * 7 + 1))
            except Wrong as e:
                wrong.setdefault(case, []).append("seed %d: %s" % (seed, e))
    for case in cases:
        name = "differential: %s of %d random heaps" % (case.__name__, SEEDS)
        if case in wrong:
            rgd.fail(name, "%d wrong; %s" % (len(wrong[case]), wrong[case][0]))
            if os.environ.get("VERBOSE"):
                print("\n".join(wrong[case]))
        else:
            rgd.ok(name)


main()
sys.exit(rgd.status())
