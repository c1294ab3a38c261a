#!/usr/bin/env python3
"""PyGObject: wrapper and instance hold each other as their counts say (samples/gobject/wrappers.py); libgobject came by dlopen."""
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from gobjects import *

WRAPPER = "data[\"PyGObject::wrapper\"]"
p = run(["/usr/bin/python3", os.path.join(ROOT, "samples/gobject/wrappers.py")], "wrappers")
equal("wrappers: the program is unharmed", (p.returncode, p.stderr), (0, ""))
o = Objects("wrappers", "")
python, native = {}, {}
for line in p.stdout.splitlines():
    name, wrapper, instance, count = line.split()
    native[name] = int(instance)
    if name != "red":  # its wrapper was made for the question, and is gone
        python[name] = int(wrapper)
    if name not in ("red", "loop"):
        equal("wrappers: count of " + name, o.refcount(native[name]), int(count))


def edges(address):
    return [(k, w, t) for k, _, w, t, _ in o.named(address)]


equal("wrappers: each wrapper holds its instance", {n: [(k, t == native[n]) for k, w, t in edges(python[n]) if w == "GObject"] for n in python},
      {n: [("STRONG", True)] for n in python})
equal("wrappers: an instance holds its wrapper when somebody else holds it",
      {n: [(k, t == python[n]) for k, w, t in edges(native[n]) if w == WRAPPER] for n in python},
      {n: [("WEAK" if n in ("alone", "watcher") else "STRONG", True)] for n in python})
kinds = {n: [(k, o.type(t), w) for _, what, c in edges(native[n]) if what == 'signal["sold"]' for k, w, t in edges(c) if w in ("callback", "arguments")]
         for n in ("watched", "loop")}
equal("wrappers: closures hold what Python connected", kinds,
      {n: [("STRONG", "method", "callback"), ("STRONG", "tuple", "arguments")] for n in ("watched", "loop")})
rows = ask("audit", "-w", 'type ~ "Thing"', "--json", path("wrappers"))
judge("wrappers: counts of wrappers and instances are explained", '"verdict":"lost"' not in rows and '"verdict":"missing"' not in rows, rows)
rows = [json.loads(line) for line in ask("cycles", "--limit", "0", "--json", path("wrappers")).splitlines()]
equal("wrappers: cycles: the three that C code holds too; one goes over a closure and a bound method",
      sorted((r["count"], r["objects"]) for r in rows if WRAPPER in r.get("pattern", "")), [(1, 4), (2, 4)])
text = ask("find-backref-chain", "-u", "all", "#%d" % o.number[python["loop"]], path("wrappers"))
judge("wrappers: a chain out of C", "GListStore" in text and WRAPPER in text, text)
sys.exit(status())
