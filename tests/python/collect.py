#!/usr/bin/env python3
"""`refgraph collect` beside gc.collect() at the same instant, object by object, on random graphs (programs/garbage.py tells how they
are made). COLLECT_SEEDS: how many a Python (default 8), COLLECT_FIRST: the first of them, COLLECT_GRAPHS: how many are collected
at once (default 1)."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

SEEDS, FIRST = int(os.environ.get("COLLECT_SEEDS", "8")), int(os.environ.get("COLLECT_FIRST", "56"))
FATES = ["freed and dropped", "unknowable", "callbacks_called"]  # the first seldom in 3.8, which gives all up with one
GRAPHS = int(os.environ.get("COLLECT_GRAPHS", "1"))
AT_ONCE = 50  # dumps that lie about


TRACEABLE = {"Plain", "Slots", "Mixed", "Final", "FinalSlots", "Lazarus", "Lender", "ListChild", "DictChild", "TupleChild", "Node",
             "Structure", "Meta"}
NEVER_ENTERED = {"generator", "async_generator", "coroutine"}
SPEAKING = {"Final", "FinalSlots", "Lazarus", "Lender"}  # their __del__ tells
WHERE = " or ".join("type == %s" % t for t in sorted(TRACEABLE))


def ask(*arguments):
    p = subprocess.run([REFGRAPH] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if p.returncode:
        raise RuntimeError(p.stderr)
    return p.stdout


def rows(*arguments):
    return [json.loads(line) for line in ask(*arguments, "--json").splitlines()]


def number(address):
    return int(address, 16) if isinstance(address, str) else address


def type_at(address, path):
    """Of what begins there: something else may live there by now."""
    return next((r["type"] for r in rows("at-addrs", hex(address), path)), None)


def judge_garbage(inside, by_fate, names, closed, after):
    """What the collector found with DEBUG_SAVEALL, which frees nothing: [what is wrong]."""
    sure = by_fate.get("freed", set()) | by_fate.get("uncollectable", set()) | by_fate.get("held", set())
    unknowable, garbage, dropped = by_fate.get("unknowable", set()), set(inside["garbage"]), by_fate.get("tp_del", set())
    # what a generator holds that was never entered goes when it is closed, before the garbage is saved; free lists hand it out again
    missing = [a for a in sure - garbage if not (closed and names[a] not in TRACEABLE) and type_at(a, after) == names[a]]
    wrong = [("is no garbage", names[a]) for a in missing]
    return wrong + [("is garbage", names.get(a, hex(a))) for a in garbage - sure - unknowable - dropped]


def judge_calls(inside, summary, by_fate, names):
    """Finalizers of Python classes tell who they are; weak references with a callback too."""
    wrong = []
    dying = by_fate.get("unknowable", set())
    for a in inside["finalized"]:
        if a not in dying:
            wrong.append(("was finalized", names.get(a, hex(a))))
    if len(set(inside["called"])) != summary["callbacks_called"] and not dying:
        wrong.append(("callbacks", len(set(inside["called"])), summary["callbacks_called"]))
    return wrong


def traceable(path):
    """{address: type} of the instances that no free list keeps."""
    found = rows("by-type", "--universe", "python", "--where", WHERE, "--columns", "address,type", path)
    return {number(r["address"]): r["type"] for r in found if r["type"] in TRACEABLE}


def judge_rest(before, after, by_fate):
    """What the program had after it had collected: what is dropped is gone, and nothing else of what was there before."""
    were, left = traceable(before), traceable(after)
    gone = by_fate.get("freed", set()) | by_fate.get("dropped", set())
    unsure = by_fate.get("unknowable", set()) | by_fate.get("dropped?", set())
    wrong = [("should be gone", by_fate_of(by_fate, a), t) for a, t in were.items() if a in gone and left.get(a) == t]
    return wrong + [("should be there", by_fate_of(by_fate, a), t) for a, t in were.items() if a not in gone | unsure and left.get(a) != t]


def by_fate_of(by_fate, address):
    return next((f for f, addresses in by_fate.items() if address in addresses), "alive or outside")


def judge(name, n, inside):
    before, after = (os.path.join(TMP, "%s.%d.rgd" % (name, k)) for k in (2 * n + 1, 2 * n + 2))
    generation = str(inside["generation"])
    summary = rows("collect", "--generation", generation, before)[0]
    by_fate, names, due, closed = {}, {}, set(), False
    for r in rows("collect", "--list", "--generation", generation, "--columns", "fate,type,address,repr,why", before):
        closed |= r["type"] in NEVER_ENTERED and "created" in r["repr"]
        if r["why"].startswith("unreachable; its finalizer runs") and r["type"] in SPEAKING:
            due.add(number(r["address"]))
        if "tp_del" in r["why"] and r["fate"].startswith("dropped"):
            by_fate.setdefault("tp_del", set()).add(number(r["address"]))  # which goes without gc.garbage, unless all is saved
        by_fate.setdefault(r["fate"], set()).add(number(r["address"]))
        names[number(r["address"])] = r["type"]
    wrong = judge_garbage(inside, by_fate, names, closed, after) + judge_calls(inside, summary, by_fate, names)
    wrong += [("was not finalized", names[a]) for a in due - set(inside["finalized"])]
    wrong += judge_rest(before, after, by_fate)
    return wrong, summary


def compare(v, python):
    totals, wrong, done = {}, [], 0
    for first in range(FIRST, FIRST + SEEDS, AT_ONCE * GRAPHS):
        count = min(AT_ONCE, (FIRST + SEEDS - first) // GRAPHS)
        name = "collect-%s-%d" % (v.replace(" ", ""), first)
        answers = os.path.join(TMP, name + ".json")
        p = run(python, ["garbage.py", answers, str(first), str(count), str(GRAPHS)], name, timeout=600)
        lines = open(answers).read().splitlines() if os.path.exists(answers) else []
        if len(lines) != count:
            fail(v + " runs", p.stderr)
            return
        for n, line in enumerate(lines):
            inside = json.loads(line)
            try:
                bad, summary = judge(name, n, inside)
            except RuntimeError as why:
                bad, summary = [(str(why),)], {}
            wrong += [(inside["seed"],) + b for b in bad]
            done += GRAPHS
            for k, x in summary.items():
                if isinstance(x, int):
                    totals[k] = totals.get(k, 0) + x
            totals[FATES[0]] = min(totals["freed"], totals["dropped"])
        for f in os.listdir(TMP):
            if f.startswith(name):
                os.unlink(os.path.join(TMP, f))
    told = ", ".join("%s %d" % (k, totals.get(k, 0)) for k in ("freed", "dropped", "unknowable", "uncollectable", "held", "finalizers", "callbacks_called"))
    equal("%s collect: %d seeds (%s)" % (v, done, told), (len(wrong), wrong[:8]), (0, []))
    equal(v + " collect: of every fate but tp_del", [k for k in FATES[v.startswith("3.8"):] if not totals[k]], [])


for version, python in pythons():
    compare(version if python.startswith("/root") else version + " (system)", python)
sys.exit(status())
