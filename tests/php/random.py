#!/usr/bin/env python3
"""Random PHP heaps (programs/random.php makes them): what the engine holds (programs/truth.c, an extension of its own), what
gc_collect_cycles() then frees, beside the dump of that instant. PHP_SEEDS: how many heaps (default 12), PHP_FIRST: the first seed,
PHP_BINARY: which PHP."""
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

HERE = os.path.join(ROOT, "tests", "php", "programs")
PHP = os.environ.get("PHP_BINARY", "php8.2")
SEEDS, FIRST = int(os.environ.get("PHP_SEEDS", "12")), int(os.environ.get("PHP_FIRST", "1"))
KNOWN = [7011176]  # a cycle that only a suspended fiber of the garbage refers to: the second run frees it
BUFFERED = 0x8000
NAMES = {"a": "array", "r": "reference", "s": "string"}
EXTENSION = os.path.join(TMP, "truth.so")


def build():
    flags = subprocess.run(["php-config8.2", "--includes"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout.split()
    subprocess.run(["gcc", "-O1", "-g", "-shared", "-fPIC", *flags, "-o", EXTENSION, os.path.join(HERE, "truth.c")], check=True)


class Truth:
    """What truth_write() wrote: {address: (type, count)} and {address of an object: [(kind, name, target)]}."""

    def __init__(self, path):
        self.things, self.references, owner = {}, {}, None
        with open(path, errors="replace") as f:
            for line in f:
                w = line.rstrip("\n").split(" ")
                if w[0] == "o":
                    owner = int(w[1], 16)
                    self.things[owner] = (" ".join(w[3:-1]), int(w[2]))
                    self.references[owner] = []
                elif w[0] in NAMES:
                    owner = None
                    self.things[int(w[1], 16)] = (NAMES[w[0]], int(w[2]))
                elif owner is not None:
                    self.references[owner].append((w[1], " ".join(w[2:-1]), int(w[-1], 16)))
        self.objects = set(self.references)


def collected(path):
    p = subprocess.run([REFGRAPH, "collect", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if p.returncode:
        raise RuntimeError(p.stderr)
    summary = next(r for r in map(json.loads, p.stdout.splitlines()) if r.get("record") == "collection")
    p = subprocess.run([REFGRAPH, "collect", "--list", "--json", path], stdout=subprocess.PIPE, universal_newlines=True, check=True)
    rows = [json.loads(line) for line in p.stdout.splitlines()]
    return summary, {int(r["address"], 16): r["fate"] for r in rows}


def short(name):
    """Of a class's name as the dump may write it."""
    return name.split("\\")[-1].lower()


def things_differ(d, t):
    wrong = []
    for a, (name, count) in t.things.items():
        if a not in d.number:
            wrong.append("%s %#x is not in the dump" % (name, a))
            continue
        got = d.type_name(a)[0]
        if short(got) != short(name) and not got.startswith("class@anonymous"):
            wrong.append("%#x is a %s, not a %s" % (a, name, got))
        if d.refcount(a) != count:
            wrong.append("%s %#x: refcount %d in the dump, %d inside" % (name, a, d.refcount(a), count))
    classes = {t.things[a][0] for a in t.objects}
    for a in d.number:
        if d.row[a][4] & 15 == 2 and a not in t.objects and d.type_name(a)[0] in classes and not d.flags(a) & INTERNAL:
            wrong.append("%s %#x is in the dump, not inside" % (d.type_name(a)[0], a))
    return wrong


def references_differ(d, t):
    wrong = []
    for a, references in t.references.items():
        if a not in d.number:
            continue
        seen = d.named(a)
        for place in [x[3] for x in seen if x[0] == "INTERNAL" and x[3] in d.number]:
            seen = seen + d.named(place)
        for kind, name, target in references:
            if not any(s[3] == target and str(s[2]) == name for s in seen):
                wrong.append("%s %#x: no %s %s to %#x, only %s" % (t.things[a][0], a, kind, name, target, [s[:3] for s in seen if s[3] == target]))
    return wrong


def unexplained(d, t):
    """Counts that no references in the dump explain."""
    counted = {}
    for source, edges in enumerate(d.edges):
        for label, _, target, _ in edges:
            if d.labels[label][0] in (0,):
                counted[target] = counted.get(target, 0) + 1
    for cls, kind, _, target, _ in d.roots:
        if kind == "STRONG" and target in d.number:
            n = d.number[target]
            counted[n] = counted.get(n, 0) + 1
    return ["%s %#x: %d references, count %d" % (t.things[a][0], a, counted.get(d.number[a], 0), d.refcount(a))
            for a in t.things if a in d.number and not d.flags(a) & IMMORTAL and counted.get(d.number[a], 0) != d.refcount(a)]


def orphans(d):
    """Only garbage is unreachable here, and no root of it is to be seen."""
    return ["%#x is an orphan of the objects store" % root[3] for root in d.roots if root[2] == "objects store: orphan"]


def is_closed(d, a):
    """When it goes, code may run, and things are let go of one by one."""
    name = d.type_name(a)[0]
    bases, t = set(), d.row[a][1]
    while t is not None and d.types[t][6]:
        t = d.types[t][6] - 1
        bases.add(d.strings[d.types[t][0]])
    return ({name} | bases) & {"Generator", "Fiber", "Noisy", "Lazarus"}


def collection_differs(path, d, t, after, answer):
    summary, fates = collected(path)
    wrong = []
    gone = {a for a in t.objects if a not in after.objects or after.things[a][0] != t.things[a][0]}
    runs = any(f not in ("alive", "outside") and is_closed(d, a) for a, f in fates.items())
    surely = {a for a, f in fates.items() if f in ("freed", "dropped") and a in t.objects}
    perhaps = surely | {a for a, f in fates.items() if f in ("unknowable", "dropped?") and a in t.objects}
    for a in surely - gone:
        wrong.append("%s %#x should be freed, and stayed" % (t.things[a][0], a))
    for a in gone - perhaps:
        wrong.append("%s %#x was freed, and should stay: %s" % (t.things[a][0], a, fates.get(a)))
    if summary["answer"] != answer["freed"] and not runs: # strings of what is looked at twice are counted twice
        wrong.append("gc_collect_cycles() returned %d, collect says %d" % (answer["freed"], summary["answer"]))
    return wrong


def one(seed):
    where = os.path.join(TMP, "seed%d" % seed)
    os.makedirs(where)
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=where, REFGRAPH_DUMP="%n.rgd", REFGRAPH_SIGNAL="USR2")
    p = subprocess.run([PHP, "-d", "extension=" + EXTENSION, "-d", "display_errors=1", "-d", "opcache.enable_cli=%d" % (seed % 2),
                        os.path.join(HERE, "random.php"), str(seed), where],
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120, stdin=subprocess.DEVNULL)
    if p.returncode or not os.path.exists(where + "/answer"):
        return ["ended with %d: %s" % (p.returncode, (p.stdout + p.stderr)[-300:])]
    path = where + "/1.rgd"
    d, t, after = Objects(path), Truth(where + "/truth"), Truth(where + "/after")
    with open(where + "/answer") as f:
        answer = json.load(f)
    wrong = things_differ(d, t) + references_differ(d, t) + unexplained(d, t) + orphans(d) + collection_differs(path, d, t, after, answer)
    if not wrong and "PHP_KEEP" not in os.environ:
        shutil.rmtree(where)
    return wrong


def main():
    build()
    n = 0
    with ThreadPoolExecutor(2) as pool:
        seeds = KNOWN + list(range(FIRST, FIRST + SEEDS))
        for seed, wrong in zip(seeds, pool.map(one, seeds)):
            if wrong:
                fail("random heap %d" % seed, "%d: %s" % (len(wrong), "; ".join(wrong[:4])))
            n += not wrong
    if n:
        ok("random heaps: %d alike inside and outside" % n)
    sys.exit(status())


main()
