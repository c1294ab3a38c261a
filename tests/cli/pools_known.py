#!/usr/bin/env python3
"""Pools of libraries, read from their memory: APR, talloc, obstack. Each program in programs/pools_*.c has known sizes."""
import csv
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import rgd
from verdict import *

os.chdir(TMP)


def ask(*arguments):
    return subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


def run(name, *flags):
    """The dump of the program; None where its library is not there."""
    source = os.path.join(ROOT, "tests", "cli", "programs", "pools_%s.c" % name)
    built = subprocess.run(["gcc", "-g", "-O1", "-I", os.path.join(ROOT, "include"), "-o", name, source, *flags], stderr=subprocess.PIPE, text=True)
    if built.returncode and "No such file" in built.stderr:
        say("skip pools_known: %s: its headers are not installed" % name)
        return None
    p = subprocess.run([REFGRAPH, "run", "--dir", TMP, "--dump", name + ".rgd", "--", "./" + name], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True)
    equal(name + ": status and standard error", (p.returncode, p.stderr), (0, ""))
    return name + ".rgd"


def pools(dump, columns):
    return sorted(ask("memory", "--by", "pool", "--csv", "-b", "-c", columns, dump).splitlines()[1:])


def leaks(dump):
    """{kind: [(bytes, blocks, type)]} of what is not still reachable."""
    rows = csv.DictReader(ask("leaks", "--show-leak-kinds", "all", "--csv", "-b", "--limit", "0", dump).splitlines())
    return sorted((r["kind"], int(r["bytes"]), int(r["blocks"]), r["type"]) for r in rows if r["kind"] not in ("", "reachable"))


def apr():
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "apr-1"], stdout=subprocess.PIPE, text=True).stdout.split()
    dump = run("apr", *flags)
    if not dump:
        return
    # a node's head is 40 bytes, a pool 120; what apr_initialize() itself allocates is not ours to say
    rows = [r for r in pools(dump, "name,parent,blocks,used,pieces,held") if not r.startswith("apr_")]
    equal("apr: the tree, what is used and held", rows,
          ["(kept for later),apr_global_pool,0,0,1,8192", "request,server,1,1160,1,8192", "request,server,1,1160,1,8192",
           "server,apr_global_pool,1,160,1,8192", "sub,request,2,20280,2,28672"])
    equal("apr: nothing is lost, not even possibly", leaks(dump), [])
    source = [l.strip() for l in open(os.path.join(ROOT, "tests", "cli", "programs", "pools_apr.c"))]
    line = {w: 1 + next(i for i, l in enumerate(source) if w in l) for w in ("apr_initialize()", "create(&server", "create(&request", "create(&sub", "20000")}
    sites = {r.split(",")[0]: r.split("(")[1] for r in pools(dump, "name,site") if "pools_apr.c" in r}
    equal("apr: who created them, not what in libapr did", sites,
          dict({n: "pools_apr.c:%d)" % line["create(&" + n] for n in ("server", "request", "sub")},
               **{n: "pools_apr.c:%d)" % line["apr_initialize()"] for n in ("apr_global_pool", "apr_initialize")}))
    found = subprocess.run([REFGRAPH, "query", "--csv", "select type, site, count(*) where type ~ '^apr_' and site ~ 'pools_apr' group by type, site", dump],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    equal("apr: nodes by who needed them", sorted((r.split(",")[0], r[r.index("pools_apr.c"):]) for r in found.splitlines()[1:]),
          sorted([("apr_pool_t", "pools_apr.c:%d),2" % line["apr_initialize()"]), ("apr_pool_t", "pools_apr.c:%d),1" % line["create(&server"]), ("apr_pool_t", "pools_apr.c:%d),2" % line["create(&request"]),
                  ("apr_pool_t", "pools_apr.c:%d),1" % line["create(&sub"]), ("apr_memnode_t", "pools_apr.c:%d),1" % line["20000"])]))
    d = rgd.Dump(dump)
    sizes, labels = [r[2] for r in d.rows("OBJECTS")], d.rows("LABELS")
    tree = sorted((sizes[source], sizes[edge[2]]) for source, edges in enumerate(d.edges()) for edge in edges
                  if d.strings[labels[edge[0]][3]] == "pools")
    # a node of 40 + 120 and what is in it; 240 is the one of the pool of all pools
    equal("apr: pools hold pools", [t for t in tree if t[0] != 240], [(160, 1160), (160, 1160), (1160, 160)])


def talloc():
    dump = run("talloc", "-ltalloc")
    if not dump:
        return
    # server 64, sessions 5 * 96, their names 5 * 9, 400, 333, 50, a pool of 0, 7 * 64, 200 shorts; and what was lost: 96, 13
    equal("talloc: trees", pools(dump, "name,blocks,used"), ["struct server,23,2220", "struct session,2,109"])
    equal("talloc: lost, and lost with it", leaks(dump), [("definite", 96, 1, "session"), ("indirect", 13, 1, "char")])
    types = {r["type"]: (int(r["count"]), int(r["bytes"])) for r in
             csv.DictReader(ask("most-common-types", "--csv", "-b", "-n", "0", dump).splitlines())}
    want = {"server": (8, 512), "session": (6, 576), "char": (6, 58), "int": (1, 400), "short": (1, 400), "settings": (1, 50)}
    equal("talloc: types by name", {t: n for t, n in types.items() if t in want}, want)
    text = ask("find-backref-chain", "settings[0]", "-c", "edge,type", dump)
    equal("talloc: held by its parent", [l.split() for l in text.splitlines()[-2:]], [["server", "in", "talloc", "server"], ["child", "settings"]])


def obstack():
    dump = run("obstack")
    # 10 objects of 96 in each chunk of 1000, behind a head of 16; then 64 in one of 4064; then 200 and 50 of one that grows
    equal("obstack: chunks, used, held", pools(dump, "blocks,used,pieces,held"),
          ["1,274,1,4064", "1,80,1,4064", "10,9976,10,10000"])
    equal("obstack: nothing is lost", leaks(dump), [])
    lost = [l.split()[-1] for l in ask("info", dump).splitlines() if "lost.blocks" in l]
    equal("obstack: an old copy of one is none, and no block is counted as lost for it", lost, ["0"])


apr()
talloc()
obstack()
sys.exit(status())
