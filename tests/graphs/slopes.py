#!/usr/bin/env python3
"""What grows over many dumps: slopes of owners, types and sites against their definition, and what survives of which epoch."""
import itertools, json, os, random, statistics, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run, equal

DUMPS = 8
TYPES = ["module", "dict", "list", "Node", "bytes", "Session"]


def dump(i, name="slope", key=9, shift=0):
    """The i-th of a series: app.cache['x'] grows by 1000 bytes a dump, app.cache['y'] shrinks, app.few has three items that come one
    after the other, app.head is a list that grows at its front, app.noise jumps; app.shared is held twice, by paths of one
    length, of which now this and now that one is found first; 300 bytes a dump leak."""
    out = ["header pid=7 key=%d serial=%d time=%d" % (key, i + 1, 1700000000000000000 + (i * i + i) * 1800 * 10**9)]
    out += ["type %s module=%s runtime=python flags=gc" % (t, "app" if t in ("Node", "Session") else "builtins") for t in TYPES]
    out += ["frame f%d python function=make%d file=app.py line=%d" % (k, k, k) for k in (1, 2)]
    out += ["stack s%d f%d" % (k, k) for k in (1, 2)]
    out += ["epoch %d time=%d kind=%d label=\"%s\"" % (e, 10**9 * e, 1 if e > 1 else 0, "request %d" % (e - 1) if e > 1 else "")
            for e in range(1, i + 2)]
    objects = [("m", "module", 100, 1), ("d", "dict", 200, 1), ("c", "dict", 200, 1), ("x", "list", 56, 1), ("y", "list", 5000 - 100 * i, 1),
               ("few", "list", 80, 1), ("noise", "bytes", 3000 + (90000 if i in (2, 5) else 0), 1), ("p", "dict", 100, 1), ("q", "dict", 100, 1)]
    edges = ["m d part=__dict__", "d c key=cache", "c x key=x", "c y key=y", "d few key=few", "d noise key=noise"] + ["d %s key=%s" % (k, k) for k in ("pq" if i % 2 else "qp")]
    for k in range(i + 1):
        objects += [("b%d" % k, "bytes", 1000, k + 1), ("g%d" % k, "bytes", 300, k + 1), ("n%d" % k, "Node", 400, k + 1)]
        edges.append("x b%d index=%d" % (k, k))
        edges.append("n%d n%d attr=next" % (k, k - 1) if k else "d n%d key=head" % i)
    for k in range(i // 3 + 1):
        objects.append(("i%d" % k, "bytes", 2000, 3 * k + 1))
        edges.append("few i%d index=%d" % (k, k))
    objects += [("s", "Session", 2000 + 300 * i, 1)]
    edges += ["p s key=shared", "q s key=shared"]
    for o, t, size, epoch in objects:
        out.append("object %s %s addr=%d size=%d epoch=%d%s" % (o, t, int.from_bytes(o.encode(), "big") * 0x10000 + shift, size, epoch, " stack=s%d" % (1 if t == "bytes" else 2) if t != "dict" else ""))
    out += ["edge " + e for e in edges] + ["root module app m"]
    return rgd.make("%s%d.rgd" % (name, i), text="\n".join(out) + "\n")


def rows(*args):
    run = Run(list(args) + ["--json"])
    return [json.loads(line) for line in run.out.splitlines()] if run.rc == 0 else (run.rc, run.err)


def theil_sen(x, y):
    return statistics.median([(b - a) / (d - c) for (c, a), (d, b) in itertools.combinations(list(zip(x, y)), 2) if c != d])


def r2(x, y):
    mx, my = statistics.mean(x), statistics.mean(y)
    sums = [(sum((a - ma) * (b - mb) for a, b in zip(p, q))) for p, q, ma, mb in ((x, y, mx, my), (x, x, mx, mx), (y, y, my, my))]
    return 100 * sums[0] ** 2 / (sums[1] * sums[2])


series = [dump(i) for i in range(DUMPS)]
steps = list(range(DUMPS))
hours = [(i * i + i) / 2 for i in steps]
got = rows("slopes", *series, "--against", "dump")
want = [("app.cache['x']", "list", 1000, [56 + 1000 * (i + 1) for i in steps]),
        ("app.few", "list", round(theil_sen(steps, [80 + 2000 * (i // 3 + 1) for i in steps])), [80 + 2000 * (i // 3 + 1) for i in steps]),
        ("app.p['shared']", "Session", 300, [2000 + 300 * i for i in steps]),
        ("app.head", "Node", 400, [400 * (i + 1) for i in steps]),
        ("(no root reaches it)", None, 300, [300 * (i + 1) for i in steps])]
equal("slopes: where the growth spreads, by slope; shrinking, steady and jumping ones are not there",
      [(r["name"], r["type"], r["slope"], [int(b) for b in r["bytes"].split()]) for r in got],
      sorted(want, key=lambda r: (-r[2], r[0])))
equal("slopes --min", [r["name"] for r in rows("slopes", *series, "--against", "dump", "--min", "8000")], ["app.__dict__", "app.cache['x']"])
got = rows("slopes", *series, "--all", "--limit", "0")
table = {r["name"]: r for r in got}
for name, y in (("app.cache['y']", [5000 - 100 * i for i in steps]), ("app.noise", [3000 + (90000 if i in (2, 5) else 0) for i in steps]),
                ("app.cache['x']", [56 + 1000 * (i + 1) for i in steps])):
    slope = theil_sen(hours, y)
    equal("slopes --all: %s over hours" % name, (table[name]["slope"], "%.5g" % table[name]["fit"], table[name]["per"]),
          (int(abs(slope) + 0.5) * (-1 if slope < 0 else 1), "%.5g" % r2(hours, y), "hour"))
for r in rows("slopes", *series, "--by", "type", "--against", "epoch"):
    y = [int(b) for b in r["bytes"].split()]
    equal("slopes --by type: %s" % r["name"], (r["slope"], "%.5g" % r["fit"]),
          (int(theil_sen([i + 1 for i in steps], y) + 0.5), "%.5g" % r2(steps, y)))
sites = rows("slopes", *series, "--by", "site", "--against", "dump", "--limit", "1")
# the two dumps with 90000 bytes more do not count
equal("slopes --by site: robust against two dumps out of eight", [(r["name"], r["slope"] < 5000) for r in sites], [("make1 (app.py:1)", True)])
r = random.Random(4)
for n in (2, 4, 5, 9, 20):
    y = [r.randrange(10**6) for i in range(n)]
    files = [rgd.make("random%d.%d.rgd" % (n, i), text="header time=%d\ntype T runtime=python flags=gc\nobject o T size=%d\n" % (10**9 * i, b))
             for i, b in enumerate(y)]
    got = rows("slopes", *files, "--by", "type", "--against", "dump", "--all")[0]
    slopes = sorted(b - a if j - i == 1 else (b - a) / (j - i) for (i, a), (j, b) in itertools.combinations(enumerate(y), 2))
    spread = 1.959964 * (n * (n - 1) * (2 * n + 5) / 18) ** .5
    low, high = max(0, int((len(slopes) - spread) // 2) - 1), min(len(slopes) - 1, -int(-(len(slopes) + spread) // 2))
    nearest = lambda v: int(abs(v) + 0.5) * (-1 if v < 0 else 1)
    want = [nearest(theil_sen(range(n), y))] + ([nearest(slopes[low]), nearest(slopes[high])] if n >= 5 else [None, None])
    equal("slopes: %d random points, slope and interval" % n, [got["slope"], got["low"], got["high"]], want)
equal("slopes: the same dump twice", Run(["slopes", series[0], series[0]]).rc, 2)
equal("slopes: not in order", Run(["slopes", series[1], series[0]]).rc, 2)
equal("slopes: nothing grows", Run(["slopes", *series, "--by", "site", "--where", "type == 'list'"]).out, "nothing grows\n")
equal("slopes: text", Run(["slopes", series[0], series[4], series[7], "--limit", "1", "--against", "dump"]).out.replace("  ", " ").split("\n")[0].split(),
      ["OWNER", "TYPE", "SLOPE/DUMP", "FIT", "%", "BYTES"])
other = [dump(i, "other", key=10 + i, shift=0x1000 * i) for i in range(3)]
equal("slopes: the path alone, of three processes", [(x["name"], x["slope"]) for x in rows("slopes", *other, "--against", "dump") if "cache" in x["name"]],
      [("app.cache['x']", 1000)])

# ---- survivors ---------------------------------------------------------------------------------------------------------

got = rows("survivors", series[7], "--age", "0")
equal("survivors: one row an epoch", [(x["epoch"], x["label"], x["age"], x["objects"], x["what"]) for x in got if x["epoch"] > 1],
      [(e, "request %d" % (e - 1), 8 - e, 4 if e in (4, 7) else 3, "bytes %d, Node 1" % (3 if e in (4, 7) else 2)) for e in range(2, 9)])
equal("survivors --age 3", [x["epoch"] for x in rows("survivors", series[7], "--age", "3")], [1, 2, 3, 4, 5])
got = rows("survivors", series[7], "--born", "request 3")
equal("survivors --born: by type", [(x["name"], x["epochs"], x["each"], x["objects"], x["bytes"], x["label"]) for x in got],
      [("bytes", 1, "3", 3, 3300, "request 3"), ("Node", 1, "1", 1, 400, "request 3")])
got = rows("survivors", series[2], series[4], series[7], "--since", "request 2", "--until", "7")
equal("survivors: over three dumps", [(x["epoch"], x["alive"], x["objects"]) for x in got],
      [(3, "3 3", 3), (4, "- 4", 4), (5, "- 3", 3), (6, "- -", 3)])
got = rows("survivors", series[7], "--by", "type", "--since", "2")
equal("survivors --by type: of each request", [(x["name"], x["epochs"], x["each"], x["objects"]) for x in got],
      [("bytes", 6, "2 (2-3)", 14), ("Node", 6, "1", 6)])
got = rows("survivors", series[7], "--by", "site", "--since", "2", "--where", "type == 'Node'")
equal("survivors --by site --where", [(x["name"], x["epochs"], x["each"]) for x in got], [("make2 (app.py:2)", 6, "1")])
equal("survivors: no such mark", Run(["survivors", series[7], "--born", "request x"]).rc, 2)
equal("survivors: of another process", Run(["survivors", other[0], series[7]]).rc, 2)
equal("survivors: of the dump's own epoch none is old enough", Run(["survivors", series[7], "--born", "request 7"]).out,
      "nothing of these epochs is alive\n")
sys.exit(rgd.status())
