"""Random object graphs, and what gc and objgraph say of them. argv: folder of the answers, FIRST COUNT GRAPHS.

COUNT times: the older half of what is kept is dropped, GRAPHS graphs are made, each of a seed of its own, and most of each is dropped
too, cycles and all; then a snapshot, and all answers (inside.py, and below) at that instant.
"""
import gc
import os
import random
import sys
import types
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside
from kinds import *

VISITS = 300  # objgraph scans the heap for each
keep, state, peaks = [], {}, {}


class TooFar(Exception):
    pass


def build(seed):
    rng = random.Random(seed)
    kinds = rng.sample(KINDS + MORE_KINDS, rng.randrange(4, 60))
    final = FINALIZED[:rng.choice([0, 2, 4])]
    graphs = [grow(rng, kinds, final, False) for _ in range(rng.randrange(1, 3))]
    for graph in graphs:
        add(rng, rng.choice(graph), rng.choice(rng.choice(graphs)))
    survivors = rng.choice([0.02, 0.2, 0.9])
    return [o for graph in graphs for o in graph if rng.random() < survivors]


def chain(find, o, predicate, own):
    """Length, or None when it would take too long."""
    visits = [0]

    def counted(x):
        visits[0] += 1
        if visits[0] > VISITS and find is inside.objgraph.find_backref_chain:
            raise TooFar
        return predicate(x)
    try:
        return len(find(o, counted, extra_ignore=own | {id(visits)}))
    except TooFar:
        return None


def ask(rng):
    def more(out, objects, own):
        objgraph = inside.objgraph
        out["type_of"] = {id(o): objgraph._short_typename(o) for o in objects}
        out["leaking"] = [id(o) for o in objgraph.get_leaking_objects(objects)]
        out["short"] = objgraph.typestats(objects)
        real, objgraph.gc = objgraph.gc, types.SimpleNamespace(collect=lambda: 0, get_objects=lambda: objects, get_referents=gc.get_referents,
                                                               get_referrers=gc.get_referrers)
        try:
            new = objgraph.get_new_ids(limit=0, _state=state)
            out["new"] = {k: sorted(v) for k, v in new.items() if v}
            out["ids"] = {k: [len(state["old"][k]), len(v)] for k, v in state["current"].items()}
            out["growth"] = objgraph.growth(limit=None, peak_stats=peaks)
        finally:
            objgraph.gc = real
        out["proper"] = {id(o): objgraph.is_proper_module(o) for o in objects if issubclass(type(o), types.ModuleType)}
        own.add(id(objects))
        picked = rng.sample(objects, 3) + rng.sample(keep, min(len(keep), 5))
        picked = [o for o in picked if gc.is_tracked(o)]
        own |= {id(picked), id(own)}
        out["picked"], out["referrers"], out["backref"], out["ref"] = [], {}, {}, {}
        for i in range(len(picked)):  # no comprehension: it would refer to this module's dict
            out["picked"].append(id(picked[i]))
            out["referrers"][id(picked[i])] = list(map(id, gc.get_referrers(picked[i])))
            out["backref"][id(picked[i])] = chain(objgraph.find_backref_chain, picked[i], objgraph.is_proper_module, own)
            out["ref"][id(picked[i])] = chain(objgraph.find_ref_chain, picked[i], is_slots, own)
        out["asked"] = sorted(own)
    return more


def is_slots(o):
    return type(o) is Slots


def main(folder, first, count, graphs):
    gc.disable()
    warnings.simplefilter("ignore")
    threading.excepthook = sys.unraisablehook = lambda *a: None
    for n in range(count):
        rng = random.Random(first + n)
        del keep[:len(keep) // 2]
        if n % 3 == 1:
            gc.collect(rng.randrange(3))
        for seed in range(first + n * graphs, first + (n + 1) * graphs):
            keep.extend(build(seed))
        del finalized[:], called[:]
        inside.record(os.path.join(folder, "%d.json" % n), ask(rng))
    os._exit(0)


main(sys.argv[1], *map(int, sys.argv[2:]))
