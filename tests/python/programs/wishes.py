"""What objgraph's users ask for and it does not do. argv: where to write what objgraph says."""
import gc
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
out["ids"] = {k: id(v) for k, v in holders.items()}
out["target"] = id(target)
with open(sys.argv[1], "w") as f:
    json.dump(out, f)
