"""memcheck.py - a program of cases, functions named case_*, judged by memcheck and by refgraph."""
import collections
import json
import os
import re
import subprocess

from verdict import *

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
