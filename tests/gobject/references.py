#!/usr/bin/env python3
"""One of each way in which a GObject can hold another (samples/gobject/basket.c): the dump has each with its name and its kind, with
slices and without, and says the same as the program of counts and addresses."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from gobjects import *

WANT = {
    ("g_class", "BORROWED", "BasketClass"),
    ('signal["sold"]', "STRONG", "closure of 8"),
    ('signal["notify::price"]', "STRONG", "closure of 1"),
    ('data["owner"]', "STRONG", "7"), ('data["ten"]', "STRONG", "10"), ('data["eleven"]', "STRONG", "11"), ('data["nine"]', "STRONG", "9"),
    ('data["visitor"]', "CONSERVATIVE", "0"), ('data["floating"]', "CONSERVATIVE", "floating"),
    ("+0x20", "CONSERVATIVE", "GList"), ("+0x28", "CONSERVATIVE", "GHashTable"), ("+0x30", "CONSERVATIVE", "GPtrArray"),
    ("+0x38", "CONSERVATIVE", "9"),
}


def look(kind, env, program):
    p = run([program], kind, env)
    equal(kind + ": the program is unharmed", (p.returncode, p.stderr), (0, ""))
    o = Objects(kind, p.stdout)
    counts = {t: o.count(t) for t in ("Item", "Basket", "GInitiallyUnowned", "GClosure", "GList", "GPtrArray")}
    equal(kind + ": counts by type", counts, {"Item": 13, "Basket": 1, "GInitiallyUnowned": 1, "GClosure": 4, "GList": 1, "GPtrArray": 1})
    equal(kind + ": reference counts", {w: o.refcount(a) for w, (a, _) in o.told.items()}, {w: n for w, (_, n) in o.told.items()})
    equal(kind + ": runtimes", [r[2:] for r in o.runtimes if r[0] == GOBJECT], [(0, "")])
    basket = o.of("basket")
    o.names[[t for k, c, w, t, _ in o.named(basket) if w == "g_class"][0]] = "BasketClass"
    for k, c, what, target, _ in o.named(basket):
        if what and str(what).startswith("signal") and k == "STRONG":
            o.names[target] = "closure of " + [o.names[t] for _, _, w, t, _ in o.named(target) if w == "user_data"][0]
    equal(kind + ": references of the basket", sorted(o.references(basket)), sorted(WANT))
    held = {w: sorted(k for _, k, t in o.references(o.of(w)) if t in o.told) for w in ("0", "8", "9", "10")}
    equal(kind + ": private data; toggle and weak references", held, {"0": ["CONSERVATIVE"], "8": [], "9": ["CONSERVATIVE"], "10": ["BORROWED"]})
    equal(kind + ": private data has the name of its class", {(n, t) for n, k, t in o.references(o.of("0")) if k == "CONSERVATIVE"},
          {("ItemPrivate+0x0", "6")})
    equal(kind + ": states", {w: o.state(o.of(w)) for w in ("0", "9", "floating")}, {"0": None, "9": "toggle reference", "floating": "floating"})
    by_type = {o.type(t): t for _, _, _, t, _ in o.named(basket) if t in o.row}
    equal(kind + ": items of a list", o.references(by_type["GList"]),
          {("[%d]" % i, "CONSERVATIVE", str(i)) for i in range(3)})
    equal(kind + ": items of an array", o.references(by_type["GPtrArray"]), {("[0]", "STRONG", "5")})
    equal(kind + ": items of a table", {r for r in o.references(by_type["GHashTable"]) if r[2] in "34"},
          {("apple", "STRONG", "3"), ("pear", "STRONG", "4")})
    weak = {(k, o.names.get(t)) for c, k, _, t, _ in o.roots if o.names.get(t) in ("10", "11")}
    equal(kind + ": a weak pointer and a weak reference are weak", weak, {("WEAK", "10"), ("WEAK", "11")})
    loop = [t for _, _, w, t, _ in o.named(o.of("loop")) if w == 'signal["sold"]']
    equal(kind + ": a closure that holds its own object", [("user_data", "STRONG", "loop")], [r for c in loop for r in o.references(c)])
    text = ask("cycles", path(kind))
    judge(kind + ": cycles finds it", "Item" in text and 'signal["sold"]' in text and "user_data" in text, text)
    text = ask("by-type", "GClosure", path(kind))
    equal(kind + ": closures by the function that they call", text.count("on_sold"), 3)
    text = ask("leaks", path(kind))
    judge(kind + ": leaks: its object and the closure are lost, and no other", "Item" in text and "Basket" not in text and
          "definitely lost: 32 bytes in 1 blocks" in text, text)
    text = ask("find-backref-chain", "#%d" % o.number[o.of("4")], path(kind))
    judge(kind + ": a chain by names", "['pear']" in text and "GHashTable" in text and "basket in basket" in text, text)


program = build("basket")
for kind, env in SLICES.items() if program else ():
    look(kind, env, program)
sys.exit(status())
