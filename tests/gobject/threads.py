#!/usr/bin/env python3
"""Snapshots of a program whose threads make and free objects all the time (programs/threads.c): those that stay are there each time, all the
others at most once each, and the program does not notice."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from gobjects import *

KEPT, MOST = 777, 3 * 64


def look(kind, env, program):
    p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, **env))
    p.stdout.readline()
    seen = []
    for i in range(4):
        out = os.path.join(TMP, "%s-%d.rgd" % (kind, i))
        ask("snapshot", str(p.pid), "-o", out)
        o = shimmed.Objects(out)
        named = [a for a in o.address if o.type_name(a)[0] == "GObject" and any(e[2] == 'data["kept"]' for e in o.named(a))]
        alive = sum(o.type_name(a)[0] in ("GObject", "GInitiallyUnowned") for a in o.address)
        state = [r[2] for r in o.runtimes if r[0] == GOBJECT]
        seen.append((len(named), KEPT <= alive <= KEPT + MOST, state))
    equal(kind + ": what stays is there each time", seen, [(KEPT, True, [0])] * 4)
    out, err = p.communicate("\n")
    equal(kind + ": the program ends well", (p.returncode, out, err), (0, "done\n", ""))


program = build("../../tests/gobject/programs/threads", out="threads")
for kind, env in SLICES.items() if program else ():
    look(kind, env, program)
sys.exit(status())
