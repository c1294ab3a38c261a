#!/usr/bin/env python3
"""objgraph's users' open wishes: where objgraph fails, and what refgraph says there."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

WANT = {"list": ["[1]"], "set": ["(member)"], "slots": [".slot"], "plain": [".attribute"], "dict": ["['a']", "['b']"]}


def ask(*arguments):
    p = subprocess.run([REFGRAPH] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return p.returncode, p.stdout, p.stderr


def names(path, inside, holder):
    """Of the references from one holder to the target."""
    lines = ask("referents", "--universe", "all", "--json", hex(inside["ids"][holder]), path)[1].splitlines()
    return sorted(r["edge"] for r in map(json.loads, lines) if int(r["address"], 16) == inside["target"])


def judge(v, path, inside):
    inline = int(v.split(".")[1]) >= 11  # before, the dict of an instance is an object that holds it
    want = dict(WANT, plain=WANT["plain"] if inline else [])
    equal(v + " wishes: every way to hold has a name", {k: names(path, inside, k) for k in WANT}, want)
    equal(v + " wishes: garbage is counted (objgraph's #61)", ask("count", "Plain", path)[1], "3\n")
    equal(v + " wishes: an empty table", ask("show-most-common-types", "--filter", "type == NoSuchType", path), (0, "", ""))
    if "labels" in inside:
        equal(v + " wishes: objgraph has no name for these", set(inside["labels"].values()), {""})
        equal(v + " wishes: objgraph collects first", [inside["before"], inside["after"]], [3, 1])
        equal(v + " wishes: objgraph fails on an empty table", inside["empty"], "ValueError")


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    name = "wishes-" + v.replace(" ", "")
    answers = os.path.join(TMP, name + ".json")
    p = run(python, ["wishes.py", answers], name)
    if p.returncode:
        fail(v + " wishes: runs", p.stderr)
    else:
        judge(v, os.path.join(TMP, name + ".1.rgd"), json.load(open(answers)))
sys.exit(status())
