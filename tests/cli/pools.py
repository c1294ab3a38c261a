#!/usr/bin/env python3
"""Pools by refgraph.h. programs/pools.c tells memcheck the same by valgrind's requests: kinds, blocks and bytes of each case must agree.
Then what the dump has of them, and eight threads."""
import collections
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import rgd
from memcheck import *

os.chdir(TMP)
PROP_POOL = 11


def ask(*arguments):
    return subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


def pools(path):
    """[(name, blocks, bytes, pieces, held)] of a dump, and for each row the sizes of the objects that say they are its blocks."""
    d = rgd.Dump(path)
    size = [r[2] for r in d.rows("OBJECTS")]
    members = collections.defaultdict(list)
    for number, key, value in d.rows("PROPERTIES"):
        if key == PROP_POOL:
            members[value].append(size[number])
    rows = [(d.strings[r[2]], r[6], r[7], r[8], r[9]) for r in d.rows("POOLS")]
    return rows, [members[i] for i in range(len(rows))], d


def agree(name, path):
    """Each pool's row says what its objects say."""
    rows, members, d = pools(path)
    equal(name, [(r[1], r[2]) for r in rows], [(len(m), sum(m)) for m in members])
    return rows, d


def judged(program):
    want, total = memcheck(program)
    got, dump = refgraph(program, "full")
    for case in sorted(set(re.findall(r"void (case_\w+)", open(SOURCE).read()))):
        equal("memcheck and refgraph: " + case, dict(sorted(got[case].items())), dict(sorted(want[case].items())))
    text = ask("leaks", dump)
    lines = {WORDS[w]: (number(b), number(n)) for w, b, n in re.findall(r"(\w+ \w+): ([\d,]+) bytes in ([\d,]+) blocks", text)}
    equal("summary", {k: lines[k] for k in total}, total)
    return dump


def described(dump):
    rows, d = agree("a pool's row is the sum of its blocks", dump)
    found = {r[0]: r[1:] for r in rows}
    equal("dense: blocks, bytes, superblocks and their bytes", found["dense"], (13, 160, 1, 4096))
    equal("pieces: two superblocks", found["pieces"], (3, 352, 2, 768))
    equal("mapped: the mapping", found["mapped"], (3, 176, 1, 65536))
    judge("a destroyed pool is gone", "destroyed" not in found, found)
    equal("memory --by pool", ask("memory", "--by", "pool", "--csv", "-b", "-c", "name,blocks,used,pieces,held,free,free_share", dump)
          .splitlines()[1], "mapped,3,176,1,65536,65360,99")
    sizes = sorted(r[2] for r in d.rows("OBJECTS"))
    judge("no superblock is an object", not {4096, 1000, 512, 768} & set(sizes), sizes[-10:])
    text = ask("show", "#%d" % [r[2] for r in d.rows("OBJECTS")].index(88), dump)
    judge("show names the pool, and the place in the program", re.search(r"pool +to 0x", text) and "pools.c:" in text, text)


def threads(program):
    p = subprocess.run([REFGRAPH, "run", "--on-exit", "--dir", TMP, "--dump", "t.%n.rgd", "--", program, "threads"],
                       stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    equal("8 threads: status and standard error", (p.returncode, p.stderr), (0, ""))
    for i in range(1, 6):
        agree("8 threads: snapshot %d" % i, "t.%d.rgd" % i)
    rows, d = agree("8 threads: at the end", "t.6.rgd")
    equal("8 threads: what must be left", sorted(r[:3] for r in rows), [("own", 100, 2400)] * 8 + [("shared", 400, 16000)])
    counters = {d.strings[n]: v for n, v in d.rows("COUNTERS")}
    equal("8 threads: nothing lost", (counters["lost.blocks"], counters.get("unknown.frees", 0)), (0, 0))
    equal("all pools of a name", ask("memory", "--by", "pool-name", "--csv", "-b", "-c", "name,pools,blocks,used", "t.6.rgd")
          .splitlines()[1:], ["shared,1,400,16000", "own,8,800,19200"])


SOURCE = os.path.join(ROOT, "tests", "cli", "programs", "pools.c")
program = os.path.join(TMP, "pools")
subprocess.run(["gcc", "-g", "-O1", "-pthread", "-I", os.path.join(ROOT, "include"), "-o", program, SOURCE], check=True)
plain = subprocess.run([program], stderr=subprocess.PIPE, text=True)
equal("without the shim nothing happens", (plain.returncode, plain.stderr), (0, ""))
described(judged(program))
threads(program)
sys.exit(status())
