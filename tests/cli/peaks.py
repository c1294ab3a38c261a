#!/usr/bin/env python3
"""`refgraph sites`: what programs/peaks.c recorded of itself, number by number, in each mode that has sites; and eight threads."""
import csv
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

os.chdir(TMP)
COLUMNS = "made,made_bytes,temporary,young,peak_bytes,peak_blocks,at_peak_bytes,at_peak_blocks,bytes,blocks,generation_0,generation_1,generation_2"
LIVE = "bytes,blocks,generation_0,generation_1,generation_2"


def run(name, *arguments, program=(), status=0):
    p = subprocess.run([REFGRAPH, "run", *arguments, "--dir", TMP, "--dump", name + ".%n.rgd", "--", "./peaks", *program],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    equal(name + ": status and standard error", (p.returncode, p.stderr), (0, ""))
    return p.stdout.splitlines()


def sites(columns, *arguments):
    p = subprocess.run([REFGRAPH, "sites", *arguments, "--csv", "-b", "-n", "0", "-c", columns + ",place"], stdout=subprocess.PIPE,
                       check=True, text=True)
    found = {}
    for row in csv.reader(p.stdout.splitlines()[1:]):
        m = re.match(r"site_\d", row[-1])
        if m:
            found[m.group()] = row[:-1]
    return found


subprocess.run(["gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "-pthread", "-I", os.path.join(ROOT, "include"), "-o", "peaks",
                os.path.join(ROOT, "tests", "cli", "programs", "peaks.c")], check=True)
for mode in "caller", "hybrid", "exact":
    want = {r[0]: r[1:] for r in csv.reader(run(mode, "--peaks", "--stacks", mode))}
    got = sites(COLUMNS, mode + ".1.rgd")
    for site in sorted(want):
        equal("%s: %s: %s" % (mode, site, COLUMNS), got.get(site), want[site])
    # where nobody counts, generations are there all the same
    if mode == "hybrid":
        life = {k: v[0] for k, v in sites("life", "hybrid.1.rgd").items()}
        equal("what is freed at once is told", life["site_2"], "temporary")
        p = subprocess.run([REFGRAPH, "info", "hybrid.1.rgd"], stdout=subprocess.PIPE, text=True)
        judge("info: the process counted", "peak.bytes" in p.stdout, p.stdout)
want = {r[0]: r[9:] for r in csv.reader(run("plain"))}
equal("without --peaks: generations", sites(LIVE, "plain.1.rgd"), {s: w for s, w in want.items() if w[1] != "0"})
p = subprocess.run([REFGRAPH, "sites", "--by", "temporary", "plain.1.rgd"], stderr=subprocess.PIPE, text=True)
judge("without --peaks: what nobody counted is not told", p.returncode == 2 and "run --peaks" in p.stderr, p.stderr)
run("threads", "--peaks", program=["threads"])
got = sites("made,temporary,young,peak_bytes,bytes,blocks", "threads.1.rgd")
equal("8 threads: what stays", got["site_1"], ["8", "0", "0", "8000", "8000", "8"])
equal("8 threads: what is freed at once", got["site_0"][:3] + got["site_0"][4:], ["240000", "240000", "240000", "0", "0"])
judge("8 threads: a peak of at most eight", 100 <= int(got["site_0"][3]) <= 800, got["site_0"])
sys.exit(status())
