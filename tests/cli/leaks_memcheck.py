#!/usr/bin/env python3
"""The same program judged by memcheck and by refgraph: kinds, blocks and bytes of every way to lose memory in programs/leaks.cc.

Both with all of memcheck's heuristics, as they are by default; leaks_heuristics.py asks for each of them."""
import collections
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

os.chdir(TMP)
WORDS = {"definitely lost": "definite", "indirectly lost": "indirect", "possibly lost": "possible", "still reachable": "reachable"}


def number(text):
    return int(text.replace(",", ""))


def memcheck(program):
    """{case: {kind: (bytes, blocks)}}, and the summary. Bytes of a definite record are its own."""
    p = subprocess.run(["valgrind", "--leak-check=full", "--show-leak-kinds=all", "--num-callers=60",
                        program], stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    found, total = collections.defaultdict(dict), {}
    for part in re.split(r"(?m)^==\d+== *\n", p.stderr):
        m = re.search(r"([\d,]+) (?:\(([\d,]+) direct, [\d,]+ indirect\) )?bytes in ([\d,]+) blocks? are (.*) in loss record", part)
        case = re.search(r": (case_\w+)", part)
        if m and case:
            add(found[case.group(1)], WORDS[m.group(4)], number(m.group(2) or m.group(1)), number(m.group(3)))
    for words, bytes, blocks in re.findall(r"(\w+ \w+): ([\d,]+) bytes in ([\d,]+) blocks", p.stderr):
        if words in WORDS:
            total[WORDS[words]] = number(bytes), number(blocks)
    return found, total


def add(kinds, kind, bytes, blocks):
    old = kinds.get(kind, (0, 0))
    kinds[kind] = old[0] + bytes, old[1] + blocks


def lost(kinds):
    """The nodes of a std::map lead back into the map: which block is the head of a cycle is a matter of addresses, and so of the
    allocator."""
    return {"lost": tuple(map(sum, zip(kinds["definite"], kinds["indirect"])))}


def refgraph(program, stacks):
    dump = os.path.join(TMP, stacks + ".rgd")
    p = subprocess.run([REFGRAPH, "run", "--on-exit", "--stacks", stacks, "--dir", TMP, "--dump", stacks + ".rgd", "--", program],
                       stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    equal("%s: the program's status and standard error" % stacks, (p.returncode, p.stderr), (0, ""))
    text = subprocess.run([REFGRAPH, "leaks", "--show-leak-kinds", "all", "--limit", "0", "--json", dump], stdout=subprocess.PIPE,
                          check=True, text=True).stdout
    found = collections.defaultdict(dict)
    for row in map(json.loads, text.splitlines()):
        case = re.search(r"\b(case_\w+)", row["stack"])
        if case:
            add(found[case.group(1)], row["kind"], row["bytes"], row["blocks"])
    return found, dump


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
