#!/usr/bin/env python3
"""Damaged debug information: a program's DWARF with bytes changed at random, asked for types. No crash, no hang: at worst fewer names.

    types_damaged.py [SEED [SOURCE...]]        TURNS=200"""
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import refgraph_run
from refgraph_run import BINARIES, Run, sanitized
from verdict import *

os.chdir(TMP)
PROGRAMS = os.path.join(ROOT, "tests", "cli", "programs")


def sections(path):
    """(offset, size) of the sections with debug information and with rules for frames."""
    text = subprocess.run(["readelf", "-SW", path], stdout=subprocess.PIPE, text=True).stdout
    found = re.findall(r"\] (\.debug_\S+|\.eh_frame)\s+\S+\s+[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)", text)
    return [(int(o, 16), int(s, 16)) for _, o, s in found if int(s, 16)]


def damage(data, places, r):
    data = bytearray(data)
    for _ in range(r.choice((1, 1, 4, 30, 300))):
        offset, size = r.choice(places)
        at = offset + r.randrange(size)
        data[at] = r.choice((0, 1, 0x7f, 0x80, 0xff, data[at] ^ 1 << r.randrange(8), r.randrange(256)))
    return bytes(data)


def build(name, source):
    """The program, and the file that is to be damaged: itself, or for typed.dwp what lies beside it."""
    code, options = source.replace(".dwp", ".c"), []
    if source.endswith(".dwp"):
        options = ["-gdwarf-4", "-gsplit-dwarf"]
    compiler = "g++" if source.endswith("cc") else "gcc"
    subprocess.run([compiler, "-w", "-g", *options, "-O1", "-pthread", "-I" + os.path.join(ROOT, "include"), "-c", "-o", name + ".o",
                    os.path.join(PROGRAMS, code)], check=True)
    subprocess.run([compiler, "-pthread", "-o", name, name + ".o"], check=True)
    if not options:
        return name
    subprocess.run(["dwp", "-e", name, "-o", name + ".dwp"], check=True)
    os.remove(name + ".dwo")
    return name + ".dwp"


COMMANDS = ((["types", "--json"], ["show-growth"], ["by-type", "--universe", "native", "--where", "size > 0"]),
            (["roots", "--json", "--universe", "native"],))


def main():
    r = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    turns = int(os.environ.get("TURNS", "200"))
    BINARIES["san"] = sanitized() or REFGRAPH
    for source in sys.argv[2:] or ("typed.c", "typed.cc", "locals.c", "typed.dwp"):
        name = source.replace(".", "-")
        file = build(name, source)
        env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name + ".rgd")
        subprocess.run(["./" + name], env=env, check=True, stdin=subprocess.DEVNULL)
        whole, places = open(file, "rb").read(), sections(file)
        bad, worse, known = [], 0, Run(COMMANDS[source == "locals.c"][0] + [name + ".rgd"]).out
        for turn in range(turns):
            with open(file, "wb") as f:
                f.write(damage(whole, places, r))
            for command in COMMANDS[source == "locals.c"]:
                run = Run(command + [name + ".rgd"] * (2 if command[0] == "show-growth" else 1), "san", timeout=60)
                worse += command[0] == COMMANDS[source == "locals.c"][0][0] and run.out != known
                if run.crashed():
                    os.rename(file, "%s.bad.%d" % (file, turn))
                    bad.append(run.crashed())
                    break
        judge("%s: %d damaged files: no crash" % (source, turns), not bad, "%d: %s" % (len(bad), bad[:1]))
        judge("%s: some of them told less" % source, worse > turns / 50, worse)
        if os.environ.get("KEEP") and bad:
            subprocess.run("cp -r %s %s" % (TMP, os.environ["KEEP"]), shell=True)


main()
sys.exit(status())
