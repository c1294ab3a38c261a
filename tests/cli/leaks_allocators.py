#!/usr/bin/env python3
"""The leaks of programs/leaks.cc with jemalloc, tcmalloc and mimalloc behind us: the same kinds, blocks and bytes as with glibc's malloc;
snapshots of eight threads; and allocators that we do not stand before, which are said."""
import collections
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import rgd
from memcheck import *

os.chdir(TMP)
LIBRARIES = "libjemalloc.so.2 libtcmalloc.so.4 libtcmalloc_minimal.so.4 libmimalloc.so.2".split()
SNAPSHOTS = 3
# case_one_past keeps the end of a block. Where blocks have no heads between them, that is the beginning of the one behind: this case's.
EXPLAINED = {"case_overwritten"}


def preloaded(library, **more):
    return dict(os.environ, LD_PRELOAD=SHIM + (":" + library if library else ""), REFGRAPH_DIR=TMP, **more)


def cases(library, name):
    """As refgraph() of memcheck.py, with a library behind the shim."""
    p = subprocess.run(["./leaks"], env=preloaded(library, REFGRAPH_ON_EXIT="1", REFGRAPH_STACKS="exact", REFGRAPH_DUMP=name + ".rgd"),
                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    equal(name + ": status and standard error", (p.returncode, p.stderr), (0, ""))
    rows = subprocess.run([REFGRAPH, "leaks", "--show-leak-kinds", "all", "--limit", "0", "--json", name + ".rgd"], stdout=subprocess.PIPE,
                          check=True, text=True).stdout
    found, foreign = collections.defaultdict(dict), 0
    for row in map(json.loads, rows.splitlines()):
        case = re.search(r"\b(case_\w+)", row["stack"])
        if case:
            add(found[case.group(1)], row["kind"], row["bytes"], row["blocks"])
        elif row["kind"] in ("definite", "indirect"):
            foreign += row["blocks"]
    return dict(found), foreign


def same(kinds):
    """Which node of a cycle is its head is a matter of addresses."""
    lost = [kinds.get(k, (0, 0)) for k in ("definite", "indirect")]
    return tuple(map(sum, zip(*lost))), {k: v for k, v in kinds.items() if k not in ("definite", "indirect")}


def threads(library, name):
    p = subprocess.run(["./threads", str(SNAPSHOTS)], env=preloaded(library, REFGRAPH_DUMP=name + ".%n.rgd"), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True)
    equal(name + ": 8 threads: each snapshot made, no call interrupted", p.stdout.strip(), "failures 0 eintr 0")
    found, others = collections.Counter(), collections.Counter()
    for path in glob.glob(name + ".*.rgd"):
        d = rgd.Dump(path)
        size, live = d.col("OBJECTS", 2), d.reachable()
        leaks = [size[i] for i in range(len(size)) if i not in live]
        found[leaks.count(4321)] += 1
        others.update(s for s in leaks if s != 4321)
    # tcmalloc replaces an extension of 8 bytes as it starts, and loses the first one; `leaks` knows
    others.pop(8 if "tcmalloc" in name else None, None)
    equal(name + ": 8 threads: the planted leaks in each dump, and nothing else", (dict(found), dict(others)), ({777: SNAPSHOTS}, {}))


def prefixed():
    """jemalloc under other names, in the program itself: its memory is a mapping, whose words count as roots."""
    archive = glob.glob("/usr/lib/*-linux-gnu/libjemalloc.a")
    if not archive:
        say("skip allocators: je_malloc: libjemalloc-dev is not installed")
        return
    names = "malloc calloc realloc free posix_memalign aligned_alloc memalign valloc malloc_usable_size pvalloc".split()
    subprocess.run(["objcopy", *sum((["--redefine-sym", "%s=je_%s" % (n, n)] for n in names), []), archive[0], "je.a"], check=True)
    with open("prefix.c", "w") as f:
        f.write("""#include <stdlib.h>
#include <string.h>
void *je_malloc(size_t size);
void **held;
int main(void) { held = je_malloc(64); memset(held, 0, 64); held[3] = malloc(777); return 0; }""")
    built = subprocess.run(["gcc", "-o", "prefix", "prefix.c", "je.a", "-lstdc++", "-lm", "-lpthread"], stderr=subprocess.PIPE, text=True)
    equal("je_malloc: builds", (built.returncode, built.stderr[-200:]), (0, ""))
    p = subprocess.run(["./prefix"], env=preloaded("", REFGRAPH_ON_EXIT="1", REFGRAPH_DUMP="prefix.rgd"), stderr=subprocess.PIPE, text=True)
    equal("je_malloc: status and standard error", (p.returncode, p.stderr), (0, ""))
    rows = subprocess.run([REFGRAPH, "roots", "--json", "-n", "0", "prefix.rgd"], stdout=subprocess.PIPE, check=True, text=True).stdout
    classes = {r["class"] for r in map(json.loads, rows.splitlines()) if r["size"] == 777}
    judge("je_malloc: what a block of it alone holds is held by the mapping", "region" in classes, rows)
    # linked as malloc itself: said, and its heap is not followed
    subprocess.run(["gcc", "-fno-builtin", "-o", "own", "prefix.c", "-Dje_malloc=malloc", archive[0], "-lstdc++", "-lm", "-lpthread"], check=True)
    p = subprocess.run(["./own"], env=preloaded("", REFGRAPH_VERBOSE="1", REFGRAPH_ON_EXIT="1", REFGRAPH_DUMP="own.rgd"),
                       stderr=subprocess.PIPE, text=True)
    judge("jemalloc in the program: said", "brings its own malloc" in p.stderr, p.stderr)


def main():
    subprocess.run(["g++", "-g", "-O1", "-std=gnu++17", "-pthread", "-o", "leaks", os.path.join(ROOT, "tests/cli/programs/leaks.cc")], check=True)
    subprocess.run(["gcc", "-O1", "-g", "-pthread", "-o", "threads", os.path.join(ROOT, "tests/shim/snap/threads.c")], check=True)
    want, _ = cases("", "glibc")
    for library in LIBRARIES:
        path = glob.glob("/usr/lib/*-linux-gnu/" + library)
        if not path:
            say("skip allocators: %s: not installed" % library)
            continue
        name = library.split(".")[0]
        got, foreign = cases(path[0], name)
        for case in sorted(set(want) - EXPLAINED):
            if same(got.get(case, {})) != same(want[case]):
                fail("%s: %s" % (name, case), "got %s, want %s" % (got.get(case), want[case]))
        equal("%s: %d cases of leaks as with glibc" % (name, len(want)), sorted(got), sorted(want))
        equal(name + ": nothing else is lost, of the allocator's own neither", foreign, 0)
        threads(path[0], name)
    prefixed()


main()
sys.exit(status())
