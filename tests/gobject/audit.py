#!/usr/bin/env python3
"""References to GObjects that were forgotten, and one that is held twice and counted once: `refgraph audit` finds exactly those
(samples/gobject/forgot_unref.c); of a correct program it says nothing."""
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from gobjects import *


def rows(name):
    found = [json.loads(line) for line in ask("audit", "--json", path(name)).splitlines()]
    return sorted((r["verdict"], r["type"], r["objects"], r["references"]) for r in found if "verdict" in r)


for kind, env in SLICES.items():
    for sample, want in (("forgot_unref", [("lost", "Visitor", 20, 20), ("missing", "Visitor", 1, 1)]), ("basket", [])):
        program = os.path.join(TMP, sample)
        if not os.path.exists(program) and not build(sample):
            continue
        name = "%s with %s" % (sample, kind)
        p = run([program], name.replace(" ", "-"), env)
        equal(name + ": the program is unharmed", (p.returncode, p.stderr), (0, ""))
        equal(name + ": what is lost and what is missing", rows(name.replace(" ", "-")), want)
text = ask("audit", "--fail", path("forgot_unref-with-malloc"))
judge("audit --fail says how many", "20 references lost, 1 missing" in text, text)
sys.exit(status())
