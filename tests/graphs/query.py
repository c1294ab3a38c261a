#!/usr/bin/env python3
"""refgraph query on random graphs against plain loops over lists, and queries that mean harm.
query.py [SEEDS [FIRST]]"""
import collections, json, os, random, re, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 8
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1


class Graph:
    def __init__(self, seed):
        r = random.Random(seed)
        n = r.choice([0, 1, 3, 10, 40])
        self.objects = [{"id": i, "type": r.choice("ABC"), "size": r.choice([16, 500, 1024, 1536, 4096]), "refcount": r.randrange(4),
                         "epoch": r.randrange(1, 5), "site": r.choice(["", "make (a.py)", "load (b.py)"]),
                         "runtime": "python", "internal": int(r.random() < 0.2)} for i in range(n)]
        self.edges = sorted(((r.randrange(n), r.randrange(n), r.choice(["strong", "strong", "weak", "internal"]), "a%d" % k)
                             for k in range(r.randrange(3 * n + 1))), key=lambda e: e[0])
        self.roots = [(r.randrange(n), r.choice(["runtime", "global"]), "r%d" % k) for k in range(r.randrange(3)) if n]
        out = ["frame make python function=make file=a.py", "frame load python function=load file=b.py", "stack make make", "stack load load"]
        out += ["type %s runtime=python module=app flags=gc" % t for t in "ABC"]
        for o in self.objects:
            out.append("object o%(id)d %(type)s size=%(size)d rc=%(refcount)d epoch=%(epoch)d" % o + (
                " stack=" + o["site"][:4] if o["site"] else "") + (" flags=internal" if o["internal"] else ""))
        out += ["edge o%d o%d kind=%s attr=%s" % e for e in self.edges]
        out += ["root %s %s o%d" % (c, name, t) for t, c, name in self.roots]
        self.text = "\n".join(out) + "\n"
        self.listed = [o for o in self.objects if not o["internal"]]


class Wrong(Exception):
    pass


def ask(query, dump, *options):
    run = Run(["query", query, dump, "--json", *options])
    if run.rc:
        raise Wrong("%s: status %s: %s" % (query, run.rc, run.err))
    return [tuple(json.loads(line).values()) for line in run.out.splitlines()]


def same(what, got, want):
    if got != want:
        raise Wrong("%s: got %s, want %s" % (what, got, want))


def aggregates(g, dump):
    groups = collections.defaultdict(list)
    for o in g.listed:
        if o["size"] >= 1024 and re.search("a[.]py|^$", o["site"]):
            groups[o["type"]].append(o)
    want = sorted(((t, len(x), sum(o["size"] for o in x), max(o["epoch"] for o in x)) for t, x in groups.items()), key=lambda x: (-x[2], x[0]))
    same("group by", ask("select type, count(*), sum(size), max(epoch) where runtime = \"python\" and size >= 1k and site ~ '^$|a[.]py' "
                         "group by type order by 3 desc, 1 limit 2", dump), want[:2])
    same("not ~", ask("select id where type !~ 'A' and size < 1.5k and not (refcount == 0) order by 1", dump),
         [(o["id"],) for o in g.listed if o["type"] != "A" and o["size"] < 1536 and o["refcount"]])
    same("--where", ask("select count(*)", dump, "--where", "size > 600 and type == B"),
         [(sum(o["size"] > 600 and o["type"] == "B" for o in g.listed),)])


def joins(g, dump):
    listed = {o["id"]: o for o in g.listed}
    want = sorted((a, b, kind, label) for a, b, kind, label in g.edges)
    same("edges", sorted(ask("select * from edges", dump)), want)
    same("in and out", ask("select o.id, (select count(*) from edges where target = o.id), (select count(*) from edges where source = o.id) "
                           "from objects o order by 1", dump),
         [(i, sum(e[1] == i for e in g.edges), sum(e[0] == i for e in g.edges)) for i in listed])
    same("who holds", sorted(ask("select e.source, e.label from edges e join objects o on o.id = e.target where o.type = 'B' "
                                 "and e.kind <> 'weak'", dump)),
         sorted((a, label) for a, b, kind, label in g.edges if b in listed and listed[b]["type"] == "B" and kind != "weak"))
    same("incoming", sorted(ask("select o.id, e.source, e.label, e.kind from objects o join edges e on e.target = o.id", dump)),
         sorted((b, a, label, kind) for a, b, kind, label in g.edges if b in listed))
    same("roots", sorted(ask("select target, class, name from roots", dump)), sorted(
        (t, c, name if c == "runtime" else name) for t, c, name in g.roots))
    same("recursion", ask("with recursive reach(id) as (select target from roots union select e.target from reach r join edges e "
                          "on e.source = r.id) select count(*) from reach", dump), [(len(reach(g)),)])


def reach(g):
    seen, todo = set(), [t for t, c, n in g.roots]
    while todo:
        i = todo.pop()
        if i not in seen:
            seen.add(i)
            todo += [b for a, b, kind, label in g.edges if a == i]
    return seen


def fields(g, dump):
    """Each column says what --where says."""
    for field in ["size", "refcount", "epoch", "generation", "indegree", "outdegree", "retained", "unexplained", "age", "is_root", "tracked"]:
        for row in ask("select id, %s" % field, dump)[:2]:
            run = Run(["by-type", dump, "--universe", "all", "--where", "%s == %d and id == %d" % (field.replace("_", "-"), row[1], row[0]), "--json"])
            same("%s of #%d is %s" % (field, row[0], row[1]), len(run.out.splitlines()), 1)


def harm():
    """None of these writes, hangs when interrupted, or takes the machine."""
    dump = rgd.make("evil.rgd", text=Graph(5).text)
    here = os.path.join(rgd.TMP, "evil")
    for i, query in enumerate([
            "attach '%s' as x" % here, "vacuum into '%s'" % here, "create table t(x)", "create temp table t as select * from objects",
            "insert into objects(id) values(1)", "delete from objects", "update objects set size = 0", "drop table objects",
            "pragma journal_mode = wal", "pragma temp_store_directory = '/tmp'", "select * from pragma_temp_store", "begin", "reindex", "analyze",
            "select load_extension('%s')" % here, "select writefile('%s', 'x')" % here, "select 1; delete from objects",
            "create virtual table t using fts5(x)", "explain delete from objects", "select randomblob(999999999) from roots",
            "select zeroblob(3000000000)"]):
        run = Run(["query", query, dump])
        if run.rc in (2, 3) and run.err and not os.path.exists(here):
            rgd.ok("query: harm %d is refused" % i)
        else:
            rgd.fail("query: harm %d is refused" % i, "%s: status %s: %s" % (query, run.rc, run.out + run.err))
    p = subprocess.Popen([rgd.BINARIES["plain"], "query", "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c", dump],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    p.send_signal(2)
    try:
        p.wait(10)
        rgd.equal("query: Ctrl-C ends an endless one", p.returncode, -2)
    except subprocess.TimeoutExpired:
        p.kill()
        rgd.fail("query: Ctrl-C ends an endless one", "it went on")


def main():
    cases = [aggregates, joins, fields]
    wrong = {}
    for seed in range(FIRST, FIRST + SEEDS):
        g = Graph(seed)
        dump = rgd.make("query.rgd", text=g.text)
        for case in cases:
            try:
                case(g, dump)
            except Wrong as e:
                wrong.setdefault(case, []).append("seed %d: %s" % (seed, e))
    for case in cases:
        name = "query: %s of %d random graphs" % (case.__name__, SEEDS)
        if case in wrong:
            rgd.fail(name, "%d wrong; %s" % (len(wrong[case]), wrong[case][0]))
        else:
            rgd.ok(name)
    harm()


main()
sys.exit(rgd.status())
