"""Makes blocks of known sizes, frees half of them, and tells where they are. argv: where to write it, then what to turn on."""
import ctypes
import json
import sys

# The call keeps the interpreter's lock, and NULL for a label makes no object: between the snapshot and the count that follows nothing
# is allocated or freed.
snapshot = ctypes.PyDLL(None).refgraph_snapshot
snapshot.argtypes = [ctypes.c_void_p]
counts = [0, 0]


class Instance:
    __slots__ = ("a", "b")


def make():
    keep = [bytes(n) for n in range(2000)] + [bytes(n * 1000) for n in range(1, 40)]
    grown = []
    for i in range(5000):
        grown.append(i)
    for _ in range(4000):
        grown.pop()
    instances = [Instance() for _ in range(500)]
    buffers = [bytearray(b"x" * n) for n in range(0, 3000, 100)]
    for b in buffers:
        b.extend(b"y" * 500)
        del b[:300]
    return keep, grown, instances, buffers


snapshot(None)
if "tracemalloc" in sys.argv:
    import tracemalloc
    tracemalloc.start()
    snapshot(None)
counts[0] = sys.getallocatedblocks()
everything = make()
del everything[0][::2]
if "tracemalloc-stop" in sys.argv:
    tracemalloc.stop()
snapshot(None)
counts[1] = sys.getallocatedblocks()
with open(sys.argv[1], "w") as f:
    json.dump({"counts": counts, "bytes": [[id(b), len(b)] for b in everything[0]], "instances": [id(i) for i in everything[2]],
               "buffers": [[id(b), len(b)] for b in everything[3]], "list": id(everything[1])}, f)
