#!/usr/bin/env python3
"""What a GTK program says of itself (programs/inside.c) and what the dump says of it: the same widgets, and no others; the same types, counts,
floating states, parents, data, and both ends of each binding, weak."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from gobjects import *


def ancestors(o, t):
    while t is not None:
        yield o.strings[o.types[t][0]]
        base = o.types[t][6]
        t = base - 1 if base else None


def look(kind, env, program, seed):
    name = "%s, seed %d" % (kind, seed)
    p = run([program, str(seed)], kind, env)
    if p.returncode:
        fail(name + ": the program ends well", (p.returncode, p.stderr))
        return
    o = Objects(kind, "")
    inside, data, bindings = {}, [], []
    for line in p.stdout.splitlines():
        word, *rest = line.split()
        if word == "widget":
            inside[int(rest[0])] = (rest[1], int(rest[2]), rest[3] == "1", int(rest[4]))
        elif word == "data":
            data.append((int(rest[0]), int(rest[2])))
        else:
            bindings.append(tuple(int(r) for r in rest))
    is_widget = [("GtkWidget" in ancestors(o, t)) for t in range(len(o.types))]
    outside = {}
    for a, row in o.row.items():
        if is_widget[row[1]] and not o.flags(a) & shimmed.INTERNAL:
            parent = [t for k, _, w, t, _ in o.named(a) if w == "parent"]
            outside[a] = (o.type(a), o.refcount(a), o.state(a) == "floating", parent[0] if parent else 0)
    judge(name + ": widgets enough to mean something", len(inside) > 20, len(inside))
    equal(name + ": the same widgets with types, counts, parents", sorted(set(inside.items()) ^ set(outside.items()))[:6], [])
    children = {(a, t) for a in inside for k, _, w, t, _ in o.named(a) if str(w).startswith("child[") and k == "STRONG"}
    equal(name + ": each child is held by its parent", children ^ {(p, a) for a, (_, _, _, p) in inside.items() if p}, set())
    equal(name + ": data", sorted((a, t) for a in inside for k, _, w, t, _ in o.named(a) if w == 'data["friend"]' and k == "STRONG"), sorted(data))
    equal(name + ": bindings know their ends, and hold neither", [o.ends(b) for b, _, _ in bindings],
          [[("source", "WEAK", s), ("target", "WEAK", t)] for _, s, t in bindings])
    # what is behind the binding: weak references in a block that is not ours
    blocks = {t: {(k, u) for k, _, _, u, _ in o.named(t)} for b, _, _ in bindings for t in o.targets(b) - set(inside)}
    judge(name + ": nothing that a binding has holds them", not [1 for edges in blocks.values() for k, u in edges if k != "WEAK" and u in inside],
          "held")


program = build("../../tests/gobject/programs/inside", "gtk+-3.0", "inside")
where, server = display()
for seed, (kind, env) in enumerate(SLICES.items() if program else ()):
    look(kind, dict(env, DISPLAY=where, NO_AT_BRIDGE="1"), program, seed + 1)
server.terminate()
server.wait()
sys.exit(status())
