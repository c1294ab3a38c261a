#!/usr/bin/env python3
"""Folded drawings of random graphs: the same drawing unfolded, its nodes put together by plain partition refinement over lists.
fold.py [SEEDS [FIRST]]"""
import json, os, random, re, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1


def text(r):
    n = r.choice([1, 3, 8, 20])
    out = ["type %s runtime=python module=app flags=gc" % t for t in "AB"]
    out += ["object o%d %s size=8" % (i, r.choice("AAB")) for i in range(n)]
    for i in range(n):
        for k in range(r.choice([0, 1, 1, 2, 4])):
            out.append("edge o%d o%d %s" % (i, r.randrange(n), r.choice(["attr=x", "attr=x", "attr=y", "index=%d" % k])))
    return "\n".join(out) + "\n"


def draw(args):
    run = Run(args + ["--json", "--max-depth", "4"])
    if run.rc:
        raise SystemExit("not ok fold: %s: %s" % (args, run.err))
    rows = [json.loads(line) for line in run.out.splitlines()]
    return [x for x in rows if x["kind"] == "node"], [x for x in rows if x["kind"] == "edge"]


def general(label):
    return "[]" if re.fullmatch(r"\[[0-9]+\]", label) else label


def partition(nodes, edges):
    """Blocks are split until no two members of one see different sets of blocks."""
    of = {n["name"]: (n["label"].split("\n")[0], n["depth"], n["start"]) for n in nodes}
    while True:
        seen = {n["name"]: (of[n["name"]], frozenset([(">", general(e["label"]), of[e["to"]]) for e in edges if e["from"] == n["name"]] +
                                                    [("<", general(e["label"]), of[e["from"]]) for e in edges if e["to"] == n["name"]]))
                for n in nodes}
        numbers = {key: i for i, key in enumerate(dict.fromkeys(seen.values()))}
        new = {name: numbers[key] for name, key in seen.items()}
        if len(set(new.values())) == len(set(of.values())):
            return new
        of = new


def main():
    wrong = []
    for seed in range(FIRST, FIRST + SEEDS):
        r = random.Random(seed)
        dump = rgd.make("fold.rgd", text=text(r))
        for command in "show-refs", "show-backrefs":
            chosen = r.choice([["A"], ["#0"], ["B"], ["A", "B"]])
            if Run(["by-type", *chosen, dump]).rc:
                continue
            nodes, edges = draw([command, *chosen, dump, "--too-many", "5000"])
            small, lines = draw([command, *chosen, dump, "--fold"])
            of = partition(nodes, edges)
            first, size = {}, {}
            for n in nodes:
                first.setdefault(of[n["name"]], n["name"])
                size[of[n["name"]]] = size.get(of[n["name"]], 0) + 1
            want = {(first[c], size[c]) for c in first}
            got = {(n["name"], int((re.match(r"(\d+) x ", n["label"]) or [0, "1"])[1])) for n in small}
            joined = {(first[of[e["from"]]], first[of[e["to"]]], general(e["label"])) for e in edges}
            shown = {(e["from"], e["to"], "[]" if re.match(r"\[[0-9]", e["label"]) and "\n" not in e["label"] else e["label"]) for e in lines}
            if got != want:
                wrong.append("seed %d: %s %s: nodes %s, want %s" % (seed, command, chosen, sorted(got - want), sorted(want - got)))
            elif shown != joined:
                wrong.append("seed %d: %s %s: edges %s, want %s" % (seed, command, chosen, sorted(shown - joined), sorted(joined - shown)))
    if wrong:
        rgd.fail("fold: %d random graphs" % SEEDS, "%d wrong; %s" % (len(wrong), wrong[0]))
    else:
        rgd.ok("fold: %d random graphs" % SEEDS)


main()
sys.exit(rgd.status())
