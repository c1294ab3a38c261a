"""What objgraph's users ask for and it does not do. argv: where to write what objgraph says."""
import contextlib
import ctypes
import gc
import inspect
import io
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inside import _snapshot, objgraph


class Target:
    pass


class Plain:
    pass


class Slots:
    __slots__ = ("slot",)


class Outside:
    pass


class Wobble:
    pass


class Big:
    def __init__(self):
        self.payload = [bytes(1000) for _ in range(1000)]


def only_in_c():
    """Held by a reference count alone, as an extension does."""
    o = Outside()
    o.note = "held from outside"
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(o))
    return id(o)


def drawn_without_a_viewer():
    """What objgraph does where there is neither a display nor Graphviz: (what it prints, the files that it leaves)."""
    path, os.environ["PATH"] = os.environ["PATH"], "/nowhere"
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            objgraph.show_backrefs([target], max_depth=1)
    finally:
        os.environ["PATH"] = path
    left = [word for word in text.getvalue().split() if word.endswith(".dot") and os.path.exists(word)]
    for word in left:
        os.unlink(word)
    return text.getvalue(), len(left)


def closure(captured):
    return lambda: captured


def labels(o, target):
    """Of the edge in objgraph's drawing from `o` to what it holds."""
    return objgraph._edge_label(o, target)


target = Target()
plain, slots = Plain(), Slots()
plain.attribute = slots.slot = target
holders = {"list": [0, target], "set": {target}, "slots": slots, "plain": plain, "cell": closure(target), "dict": {"a": target, "b": target}}
gc.collect()
gc.disable()
out = {}
for _ in range(2):
    garbage = Plain()
    garbage.itself = garbage
del garbage
outside = only_in_c()
big = Big()
wobbles = [Wobble() for _ in range(10)]
assert _snapshot(b"wishes") == 0
if objgraph:
    out["before"] = sum(type(o) is Plain for o in gc.get_objects())
    objgraph.growth()
    out["after"] = sum(type(o) is Plain for o in gc.get_objects())
    try:
        objgraph.show_most_common_types(objects=[], file=io.StringIO())
        out["empty"] = "fine"
    except ValueError:
        out["empty"] = "ValueError"
    out["labels"] = {k: labels(holders[k], target) for k in ("list", "set", "slots")}
if objgraph:
    peaks = {}
    objgraph.growth(limit=None, peak_stats=peaks)
for count in 4, 7:
    wobbles = [Wobble() for _ in range(count)]
    assert _snapshot(b"wishes") == 0
    if objgraph:
        out.setdefault("growth", []).append([row for row in objgraph.growth(limit=None, peak_stats=peaks) if row[0] == "Wobble"])
if objgraph:
    out["sizes"] = [name for name in dir(objgraph) if "size" in name or "retain" in name or "why" in name]
    out["legend"] = [name for name in inspect.signature(objgraph.show_backrefs).parameters if "legend" in name]
    found = [o for o in gc.get_objects() if id(o) == outside]
    out["chain"] = len(objgraph.find_backref_chain(found[0], objgraph.is_proper_module, extra_ignore=[id(found)]))
    del found
    out["drawn"] = drawn_without_a_viewer()
out["ids"] = {k: id(v) for k, v in holders.items()}
out["target"], out["outside"], out["big"] = id(target), outside, id(big)
with open(sys.argv[1], "w") as f:
    json.dump(out, f)
