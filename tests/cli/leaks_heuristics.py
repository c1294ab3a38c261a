#!/usr/bin/env python3
"""memcheck's heuristics, judged by memcheck and by refgraph: each of programs/heuristics.cc's blocks, with each choice of them."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

os.chdir(TMP)
WORDS = {"definitely lost": "definite", "indirectly lost": "indirect", "possibly lost": "possible", "still reachable": "reachable"}


def memcheck(heuristics):
    """{case: kind} and the lines about heuristics of the summary."""
    p = subprocess.run(["valgrind", "--leak-check=full", "--show-leak-kinds=all", "--leak-check-heuristics=" + heuristics, "./prog"],
                       stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    found = {}
    for part in re.split(r"(?m)^==\d+== *\n", p.stderr):
        kind, case = re.search(r"blocks? are (\w+ \w+) in loss record", part), re.search(r": (case_\w+)", part)
        if kind and case:
            found.setdefault(case.group(1), set()).add(WORDS[kind.group(1)])
    return found, re.findall(r"==\s{20,}(.*)", p.stderr)


def refgraph(heuristics):
    arguments = ["--leak-check-heuristics", heuristics] if heuristics else []
    p = subprocess.run([REFGRAPH, "leaks", "--show-leak-kinds", "all", "--limit", "0", "--json", *arguments, "prog.rgd"],
                       stdout=subprocess.PIPE, check=True, text=True)
    found = {}
    for row in map(json.loads, p.stdout.splitlines()):
        case = re.search(r"\b(case_\w+)", row["stack"])
        if case:
            found.setdefault(case.group(1), set()).add(row["kind"])
    text = subprocess.run([REFGRAPH, "leaks", *arguments, "prog.rgd"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return found, re.findall(r"(?m)^\s{20,}(.*)", text)


subprocess.run(["g++", "-w", "-g", "-O1", "-o", "prog", os.path.join(ROOT, "tests/cli/programs/heuristics.cc")], check=True)
subprocess.run([REFGRAPH, "run", "--on-exit", "--stacks", "exact", "--dir", TMP, "--dump", "prog.rgd", "--", "./prog"], check=True, stdin=subprocess.DEVNULL)
for choice in "all", "none", "stdstring,multipleinheritance", "length64", "newarray":
    want, got = memcheck(choice), refgraph(choice)
    equal("%s: kinds" % choice, sorted(got[0].items()), sorted(want[0].items()))
    equal("%s: summary" % choice, got[1], want[1])
equal("the default is all", refgraph(""), refgraph("all"))
judge("each heuristic occurs", len(refgraph("all")[1]) == 5, refgraph("all")[1])
p = subprocess.run([REFGRAPH, "leaks", "--leak-check-heuristics", "stdstring,x", "prog.rgd"], stderr=subprocess.PIPE, text=True)
equal("a wrong name", (p.returncode, p.stderr[:47]), (2, "refgraph: --leak-check-heuristics: 'x' is none;"))
sys.exit(status())
