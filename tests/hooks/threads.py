#!/usr/bin/env python3
"""Eight threads over the same counted objects while snapshots are taken: every count exact, no event torn, none lost."""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools"))
import rgd
from verdict import *

os.chdir(TMP)
PROGRAMS = os.path.join(HERE, "programs")
subprocess.run(["gcc", "-g", "-O1", "-rdynamic", "-o", "things", PROGRAMS + "/things.c", "-lpthread"], check=True)
CREATE, DESTROY, REF, UNREF = 1, 2, 3, 4
CHANGE = {CREATE: 1, REF: 1, UNREF: -1}
THREADS, ROUNDS = 8, 20000


def read(path):
    d = rgd.Dump(path)
    events, at, out = d.rows("EVENTS"), 0, []
    types = d.rows("TYPES")
    for row in d.rows("COUNTED"):
        out.append((row, d.strings[types[row[3]][0]], events[at:at + row[7]]))
        at += row[7]
    assert at == len(events)
    counters = {d.strings[n]: v for n, v in d.rows("COUNTERS")}
    calls = {d.strings[h[0]]: h[8] for h in d.rows("HOOKS")}
    return out, counters, calls


def wrong(path, final):
    """What does not fit, as text; "" all does."""
    rows, counters, calls = read(path)
    made = ended = 0
    taken = {CREATE: 0, REF: 0, UNREF: 0}
    for row, name, events in rows:
        state, objects, count, memory, lost = row[0], row[4], row[5] - 1, row[6] - 1, row[8]
        times = {CREATE: 0, REF: 0, UNREF: 0}
        last = None
        for kind, flags, hook, stack, thread, before, after, n in events:
            if kind not in CHANGE or not hook or not stack:
                return "%s: an event of kind %d, hook %d, stack %d" % (name, kind, hook, stack)
            times[kind] += n
            if before and state == 0:
                if after - before != CHANGE[kind] or (last is not None and before != last and kind != CREATE):
                    return "%s: %d to %d after %s" % (name, before - 1, after - 1, last)
                last = after if not flags and events.index(events[0]) == 0 and kind != CREATE else last
        if lost:
            return "%s: %d events lost" % (name, lost)
        weight = 1 if state != 2 else objects
        for kind in times:
            taken[kind] += times[kind] * weight
        if state == 0:
            if times[CREATE] != 1 or times[CREATE] + times[REF] - times[UNREF] != count:
                return "%s: %r, and a count of %d" % (name, times, count)
            # a thread may be between what we saw and what it does
            if abs(memory - count) > (0 if final else THREADS):
                return "%s: %d by its events, %d by its word" % (name, count, memory)
            made += 1
        elif state == 2:
            made += objects
            ended += objects
    for key in "locks", "memory", "events", "lives", "nested":
        if counters["lost.hook." + key]:
            return "lost.hook.%s is %d" % (key, counters["lost.hook." + key])
    if final and (made, ended) != (THREADS * ROUNDS + 4, THREADS * ROUNDS):
        return "%d made, %d ended" % (made, ended)
    for function, kind in ("thing_new", CREATE), ("thing_ref", REF), ("thing_unref", UNREF):
        # calls are counted before they are recorded: those of the threads that were parked in between are missing
        if not 0 <= calls[function] - taken[kind] <= (0 if final else THREADS):
            return "%s: %d calls, %d events" % (function, calls[function], taken[kind])
    return ""


env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP="t.%n.rgd", REFGRAPH_RULES=PROGRAMS + "/things.rules", REFGRAPH_ON_EXIT="1")
program = subprocess.Popen(["./things", "threads"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
taken = 0
while program.poll() is None and taken < 6:
    done = subprocess.run([REFGRAPH, "snapshot", str(program.pid), "-o", "during%d.rgd" % taken], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    taken += os.path.exists("during%d.rgd" % taken)
out, err = program.communicate(timeout=300)
equal("threads: the program is as it was", (out, err, program.returncode), ("threads done\n", "", 0))
bad = [w for w in (wrong("during%d.rgd" % i, False) for i in range(taken)) if w]
judge("threads: snapshots meanwhile: counts fit, nothing torn", taken and not bad, "%d snapshots; %s" % (taken, bad))
last = [f for f in sorted(os.listdir(".")) if f.startswith("t.")]
equal("threads: at the end: every call is an event, every count the object's", wrong(last[-1], True) if last else "no dump", "")
sys.exit(status())
