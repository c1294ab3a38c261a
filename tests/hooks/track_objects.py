#!/usr/bin/env python3
"""REFGRAPH_TRACK_OBJECTS: one object in N is followed, which one its address decides; of those the whole life is known, and the culprit named."""
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
CREATE = 1
MADE, LEAKED = 3000, 1000


def refgraph(*args):
    return subprocess.run([REFGRAPH, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def is_followed(address, every):
    """As record.c has it: a multiplicative hash, and the part of its range that is one in `every`."""
    return (address * 0xd6e8feb86659fd93 % 2**64 >> 32) * every >> 32 == 0


def run(every, *more):
    dump = "%d.rgd" % every
    subprocess.run([REFGRAPH, "run", "--rules", os.path.join(HERE, "programs", "things.rules"), "--track-objects", str(every), "--on-exit",
                    "--dump", dump, *more, "./things", "many"], stdout=open("out", "w"), check=True)
    return dump, [int(line, 16) for line in open("out")]


for every in 1, 5, 16:
    name = "one in %d" % every
    dump, leaked = run(every)
    d = rgd.Dump(dump)
    at, births, alive, ended = 0, 0, [], 0
    events = d.rows("EVENTS")
    for row in d.rows("COUNTED"):
        own = events[at:at + row[7]]
        at += row[7]
        births += sum(e[0] == CREATE and e[7] for e in own) * row[4]
        if row[0] == 0:
            alive.append(row[1])
        else:
            ended += row[4]
    want = sorted(a for a in leaked if is_followed(a, every))
    equal(name + ": those whose address says so", sorted(alive), want)
    equal(name + ": about so many", len(leaked) / 2 < len(want) * every < len(leaked) * 2, True)
    calls = {d.strings[h[0]]: h[8] for h in d.rows("HOOKS")}
    equal(name + ": every call is counted", (calls["thing_new"], calls["thing_unref"] - calls["thing_ref"]), (MADE, MADE - LEAKED))
    equal(name + ": whole lives only", births, ended + len(alive))
    equal(name + ": all of them", every > 1 or births, every > 1 or MADE)
    first = re.sub(r" +", " ", re.sub(r"\+0x[0-9a-f]*", "", refgraph("balance", "--no-header", "--columns", "type,finding,objects,net,per_object,path",
                                                                    dump).splitlines()[0]))
    equal(name + ": the culprit is the first row", first, "Thing leak %d +%d 1.0 bad_handler (things.c:%d) < serve < run_leak < main" % (len(want), len(want), LINE))
    equal(name + ": said", "one object in %d was followed" % every in refgraph("balance", dump), every > 1)
    equal(name + ": in info", "hooks.objects.every" in refgraph("info", dump), every > 1)
refused = subprocess.run([REFGRAPH, "run", "--track-objects", "0", "true"], stderr=subprocess.PIPE, text=True)
equal("none of all", (refused.returncode, refused.stderr.strip()), (2, "refgraph: '0' is no part of all objects; one in N: 1 to 1048576"))
sys.exit(status())
