#!/usr/bin/env python3
"""Whole stacks of allocations (REFGRAPH_PHP_STACKS=full) beside debug_backtrace() at the same place, by chance: calls of every kind,
closures, generators, fibers, destructors, magic methods, eval(), callbacks of internal functions, recursion. All stacks, and how
many objects each made. And with a small limit each is the inner end of one of them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from phptest import *

SCRIPT = os.path.join(PROGRAMS, "stacks.php")
SEEDS, FIRST = int(os.environ.get("PHP_SEEDS", "2")), int(os.environ.get("PHP_FIRST", "1"))


def stacks(path):
    return {row["place"]: row["objects"] for row in ask("stacks", "--types=off", "--by", "stack", "--where", "type == 'T0'", "--limit", "0", path)}


def differ(got, want):
    return ["%s: %d, want %d" % (s, got.get(s, 0), want.get(s, 0)) for s in sorted(set(got) | set(want)) if got.get(s) != want.get(s)]


for seed in range(FIRST, FIRST + SEEDS):
    done = shimmed(SCRIPT, "all", str(seed), "10", php_stacks="full", stack_depth=256, on_exit=1)
    want = json.loads(done.stdout)
    wrong = differ(stacks(dump_path("all")), want)
    judge("%d: %d stacks of %d objects" % (seed, len(want), sum(want.values())), not wrong and len(want) > 200, "%d differ: %s" % (len(wrong), "; ".join(wrong[:2])))
    shimmed(SCRIPT, "few", str(seed), "10", php_stacks="full", stack_depth=9, on_exit=1)
    got = stacks(dump_path("few"))
    wrong = [s for s in got if s not in want and not (3 <= s.count(" < ") + 1 <= 9 and any(w.startswith(s + " < ") for w in want))]
    judge("%d: cut, each is the inner end of one" % seed, not wrong and sum(got.values()) == sum(want.values()), wrong[:2])
    for name in "all", "few":
        os.unlink(dump_path(name))
sys.exit(status())
