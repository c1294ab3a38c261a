#!/usr/bin/env python3
"""REFGRAPH_TRACK_OBJECTS: one object in N is followed, which one its address decides; of those the whole life is known, and the culprit named. With
auto N grows while the program runs: then what is left out is forgotten, and of the others nothing is missing, with eight threads at it as well."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools"))
import rgd
from verdict import *

os.chdir(TMP)
SOURCE = os.path.join(HERE, "programs", "things.c")
subprocess.run(["gcc", "-g", "-O1", "-rdynamic", "-o", "things", SOURCE, "-lpthread"], check=True)
LINE = [n for n, text in enumerate(open(SOURCE), 1) if "thing_ref(thing);" in text][2]
CREATE, REF, UNREF = 1, 3, 4
MADE, LEAKED = 3000, 1000
THREADS, ROUNDS, SHARED = 8, 20000, 4


def refgraph(*args):
    return subprocess.run([REFGRAPH, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def is_followed(address, every):
    """As record.c has it: a multiplicative hash, and the part of its range that is one in `every`."""
    return (address * 0xd6e8feb86659fd93 % 2**64 >> 32) * every >> 32 == 0


def run(every, what="many"):
    """(dump, addresses of what is leaked)"""
    dump = "%s-%s.rgd" % (what, every)
    with open("out", "w") as out:
        subprocess.run([REFGRAPH, "run", "--rules", os.path.join(HERE, "programs", "things.rules"), "--track-objects", every, "--on-exit",
                        "--dump", dump, "./things", what], stdout=out, check=True)
    return dump, [int(line, 16) for line in open("out") if line.startswith("0x")]


def read(dump):
    """(births, addresses of those that live, how many ended, calls by function, N) and what does not fit in any life, as text."""
    d = rgd.Dump(dump)
    at, births, alive, ended, wrong = 0, 0, [], 0, ""
    events = d.rows("EVENTS")
    for row in d.rows("COUNTED"):
        own = events[at:at + row[7]]
        at += row[7]
        sums = {kind: sum(e[7] for e in own if e[0] == kind) for kind in (CREATE, REF, UNREF)}
        births += sums[CREATE] * row[4]
        if row[0] == 0:
            alive.append(row[1])
        else:
            ended += row[4]
        left = sums[CREATE] + sums[REF] - sums[UNREF]
        if sums[CREATE] != 1 or left != (row[5] - 1 if row[0] == 0 else 0):
            wrong = wrong or "%r of %r" % (sums, row)
    counters = {d.strings[n]: v for n, v in d.rows("COUNTERS")}
    return births, sorted(alive), ended, {d.strings[h[0]]: h[8] for h in d.rows("HOOKS")}, counters.get("hooks.objects.every", 1), wrong


for asked in "1", "5", "16", "auto":
    name = "one in " + asked
    dump, leaked = run(asked)
    births, alive, ended, calls, every, wrong = read(dump)
    if asked == "auto":
        equal(name + ": fewer than all", every in (2, 4, 8, 16, 32, 64, 128, 256), True)
    else:
        equal(name + ": so many", every, int(asked))
    want = sorted(a for a in leaked if is_followed(a, every))
    equal(name + ": those whose address says so", alive, want)
    equal(name + ": every call is counted", (calls["thing_new"], calls["thing_unref"] - calls["thing_ref"]), (MADE, MADE - LEAKED))
    equal(name + ": whole lives only", (wrong, births), ("", ended + len(alive)))
    if asked != "auto":
        equal(name + ": about so many", LEAKED / 2 < len(want) * every < LEAKED * 2, True)
        first = refgraph("balance", "--no-header", "--columns", "type,finding,objects,net,per_object,path", dump).splitlines()[0]
        equal(name + ": the culprit is the first row", re.sub(r" +", " ", re.sub(r"\+0x[0-9a-f]*", "", first)),
              "Thing leak %d +%d 1.0 bad_handler (things.c:%d) < serve < run_leak < main" % (len(want), len(want), LINE))
    equal(name + ": said", "one object in %d was followed" % every in refgraph("balance", dump), every > 1)
    equal(name + ": in info", "hooks.objects.every" in refgraph("info", dump), every > 1)
dump, _ = run("auto", what="threads")
births, alive, ended, calls, every, wrong = read(dump)
equal("eight threads: whole lives only", (wrong, births), ("", ended + len(alive)))
equal("eight threads: every call is counted", calls["thing_new"], THREADS * ROUNDS + SHARED)
refused = subprocess.run([REFGRAPH, "run", "--track-objects", "0", "true"], stderr=subprocess.PIPE, text=True)
equal("none of all", (refused.returncode, refused.stderr.strip()), (2, "refgraph: '0' is no part of all objects; 'auto', or one in N: 1 to 1048576"))
sys.exit(status())
