#!/usr/bin/env python3
"""The same program judged by memcheck and by refgraph: kinds, blocks and bytes of every way to lose memory in programs/leaks.cc.

Both with all of memcheck's heuristics, as they are by default; leaks_heuristics.py asks for each of them."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from memcheck import *

os.chdir(TMP)
def lost(kinds):
    """The nodes of a std::map lead back into the map: which block is the head of a cycle is a matter of addresses, and so of the
    allocator."""
    return {"lost": tuple(map(sum, zip(kinds["definite"], kinds["indirect"])))}


def main():
    program = os.path.join(TMP, "leaks")
    source = os.path.join(ROOT, "tests", "cli", "programs", "leaks.cc")
    subprocess.run(["g++", "-g", "-O1", "-std=gnu++17", "-pthread", "-o", program, source], check=True)
    want, total = memcheck(program)
    got, dump = refgraph(program, "full")
    cases = sorted(set(re.findall(r"CASE (case_\w+)", open(source).read())))
    equal("memcheck speaks of every case but those that hold nothing", [c for c in cases if c not in want], [])
    for case in cases:
        a, b = got[case], want[case]
        if case == "case_lost_map":
            a, b = lost(a), lost(b)
        equal("leaks: " + case, dict(sorted(a.items())), dict(sorted(b.items())))
    # The summary, in memcheck's own lines. Reachable and possible blocks of the C and C++ libraries themselves differ: memcheck
    # has them freed, or another size of the thread's vector of modules.
    text = subprocess.run([REFGRAPH, "leaks", dump], stdout=subprocess.PIPE, check=True, text=True).stdout
    lines = {WORDS[w]: (number(b), number(n)) for w, b, n in re.findall(r"(\w+ \w+): ([\d,]+) bytes in ([\d,]+) blocks", text)}
    equal("summary: bytes lost", lost(lines)["lost"][0], lost(total)["lost"][0])
    for kind in "definite", "indirect":
        equal("summary: blocks, " + kind, lines[kind][1], total[kind][1])
    sites, dump = refgraph(program, "caller")
    # With the caller alone, what a library allocates for a case has no name of the case.
    for case in cases:
        if not re.search("map|vector|shared|strdup", case):
            equal("callers: " + case, dict(sorted(sites[case].items())), dict(sorted(want[case].items())))


main()
sys.exit(status())
