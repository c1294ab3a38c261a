"""What gc and objgraph answer inside, at the instants of two snapshots. argv: where to write the answers."""
import contextlib
import ctypes
import gc
import io
import json
import os
import sys
import types
import weakref

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inside import _snapshot, objgraph


class ViewNew:
    __slots__ = ("one", "two")


class ViewGone(ViewNew):
    pass


class ViewSame(ViewNew):
    pass


class ViewLeaked:
    pass


class ViewHeld:
    def __init__(self):
        self.part = [1, "two", None]

    def method(self):
        return self.part


def generator(local):
    yield local


def closure(captured):
    return lambda: captured


def new_ids(sortby):
    """objgraph's own answer, as it prints it, and as it returns it."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        found = objgraph.get_new_ids(limit=None, sortby=sortby)
    rows = [line.split() for line in text.getvalue().splitlines() if line.startswith("View")]
    return [[r[0]] + [int(n) for n in r[1:]] for r in rows], {k: sorted(v) for k, v in found.items() if k.startswith("View")}


def main(path):
    out = {}
    gc.freeze()  # what is there by now is in no list of gc.get_objects()
    new, gone, same = [ViewNew() for _ in range(50)], [ViewGone() for _ in range(9)], [ViewSame() for _ in range(4)]
    gc.callbacks.append(print_nothing)
    gc.set_threshold(123, 7, 5)
    gc.set_debug(0)
    if objgraph:
        new_ids("deltas")
        new_ids("deltas")
    assert _snapshot(b"first") == 0
    died = {id(o) for o in new[:20]}
    del new[:20], gone[3:]
    new += [ViewNew() for _ in range(425)]
    out["reused"] = sum(id(o) in died for o in new)
    if objgraph:
        out["new_ids"], out["new"] = new_ids("deltas")

    held = ViewHeld()
    holders = [held, {"key": held}, types.SimpleNamespace(attribute=held), weakref.ref(held)]
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    leaked = [ViewLeaked() for _ in range(6)]
    for o in leaked:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(o))
    del leaked, o
    running = generator([3])
    next(running)
    subjects = [held, holders, holders[1], ViewHeld, ViewHeld.method, held.method, running, closure([4]), sys, main, (5, [6]), {7, (8,)},
                frozenset([9]), main.__globals__, ViewHeld.__dict__["method"], holders[2], holders[3]]
    impostor = sys.modules["impostor"] = types.ModuleType("other")
    sys.modules["a_class"] = type("a_class", (), {})
    modules = [m for m in sys.modules.values() if m is not None] + [types.ModuleType("nowhere"), impostor, held]
    gc.garbage.append([10])
    gc.disable()
    counts = [0] * len(subjects)
    out["count_before"] = gc.get_count()
    status = _snapshot(b"second")
    for i in range(len(subjects)):
        counts[i] = sys.getrefcount(subjects[i]) - 1
    out["gc"] = {"threshold": gc.get_threshold(), "stats": gc.get_stats(), "freeze_count": gc.get_freeze_count(),
                 "enabled": gc.isenabled(), "debug": gc.get_debug(), "callbacks": len(gc.callbacks), "garbage": len(gc.garbage)}
    out["leaking"] = objgraph and [[id(o), type(o).__name__] for o in objgraph.get_leaking_objects()]
    out["referrers"], out["referents"] = referrers, referents = {}, {}
    for s in subjects:  # no comprehensions: they would refer to this module's dict
        referrers[id(s)] = list(map(id, gc.get_referrers(s)))
        referents[id(s)] = list(map(id, gc.get_referents(s)))
    out["refcounts"] = {id(s): n for s, n in zip(subjects, counts)}
    out["own"] = [id(out), id(counts)]
    out["proper"] = {id(m): bool(objgraph.is_proper_module(m)) for m in modules} if objgraph else None
    out["addresses"] = [id(o) for o in same]
    out["at_addrs"] = objgraph and sorted(id(o) for o in objgraph.at_addrs({id(o) for o in same} | {id(same[0]) + 8, id("text")}))
    out["held"], out["weak"], out["status"] = id(held), id(holders[3]), status
    with open(path, "w") as f:
        json.dump(out, f)
    gc.garbage.clear()


def print_nothing(phase, info):
    pass


main(sys.argv[1])
