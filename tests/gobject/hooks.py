#!/usr/bin/env python3
"""Two views of a GTK program that share nothing: the objects that the hooks of g_type_create_instance and its like followed (--rules gobject), and
those that the adapter found in memory. The same objects, types and counts; and neither sees a leak in a program that has none."""
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from gobjects import *

COUNTED_ALIVE, ALIVE_ADDRESS, ALIVE_TYPE, ALIVE_COUNT = 0, 1, 3, 5


def look(kind, env, program):
    p = subprocess.run([REFGRAPH, "run", "--rules", "gobject", "--on-exit", "--", program, "7"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, env=dict(os.environ, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=kind + ".%n.rgd", **env))
    equal(kind + ": the program is unharmed", p.returncode, 0)
    o = shimmed.Objects(path(kind))
    followed, wrong = set(), []
    found = {a for a in o.address if o.flags(a) & 15 == GOBJECT and o.refcount(a) and o.types[o.row[a][1]][6]}  # with a parent: instances
    for row in o.dump.rows("COUNTED"):
        a = row[ALIVE_ADDRESS]
        if row[0] != COUNTED_ALIVE or a not in found:
            continue
        followed.add(a)
        told = (o.strings[o.types[row[ALIVE_TYPE]][0]], row[ALIVE_COUNT] - 1)
        if told != (o.type_name(a)[0], o.refcount(a)):
            wrong.append((told, o.type_name(a)[0], o.refcount(a)))
    judge(kind + ": instances enough to mean something", len(found) > 1000, len(found))
    equal(kind + ": types and counts", wrong[:5], [])
    equal(kind + ": all that were found were followed", [o.type_name(a)[0] for a in found - followed][:5], [])
    text = ask("audit", path(kind))
    judge(kind + ": nothing is lost", "\nlost" not in text, text)
    rows = [json.loads(line) for line in ask("balance", "--json", path(kind)).splitlines()]
    equal(kind + ": balance names no GObject", {r["type"] for r in rows if r.get("finding") == "leak"} - {"boxed"}, set())


program = build("../../tests/gobject/programs/inside", "gtk+-3.0", "inside")
where, server = display()
for kind, env in SLICES.items() if program else ():
    look(kind, dict(env, DISPLAY=where, NO_AT_BRIDGE="1"), program)
server.terminate()
server.wait()
sys.exit(status())
