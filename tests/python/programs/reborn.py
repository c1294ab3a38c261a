"""Makes objects of many kinds, drops them, and makes more, elsewhere: those of free lists are of the first ones' memory. Tells
the addresses and the line of each kind, and takes a dump."""
import collections
import contextvars
import ctypes
import json
import os
import sys
import weakref

library = ctypes.CDLL(None)
library.refgraph_mark.argtypes = library.refgraph_snapshot.argtypes = [ctypes.c_char_p]
if "tracemalloc" in sys.argv:
    import tracemalloc
    tracemalloc.start()


class Thing:
    def method(self):
        return sys._getframe()


async def numbers():
    yield 1


def cell(x):
    return (lambda: x).__closure__[0]


def generator():
    yield


thing = Thing()
asynchronous = [numbers() for _ in range(40)]
# the place is where the object is made: inner functions make some of them
MAKERS = {
    "float": lambda i: float(i) / 3,
    "tuple": lambda i: (i, thing),
    "pair": lambda i: tuple([i, i, i]),
    "list": lambda i: [i],
    "dict": lambda i: {},
    "slice": lambda i: slice(i, i + 1),
    "context": lambda i: contextvars.Context(),
    "method": lambda i: thing.method,
    "builtin": lambda i: [].append,
    "asend": lambda i: asynchronous[i].asend(None),
    "int": lambda i: i + 10**20,
    "str": lambda i: "%d and more" % i,
    "bytes": lambda i: b"%d" % (i + 1000),
    "set": lambda i: {i},
    "thing": lambda i: Thing(),
    "function": lambda i: lambda: i,
    "complex": lambda i: complex(i, 1),
    "range": lambda i: range(i, 1000),
    "deque": lambda i: collections.deque(),
    "weakref": lambda i: weakref.ref(thing, lambda r: i),
    "iterator": lambda i: iter([i]),
    "object": lambda i: object(),
    "MemoryError": lambda i: MemoryError(i),
}


def early():
    return [[make(i) for i in range(40)] for make in MAKERS.values()]


dropped = early()
del dropped
library.refgraph_mark(b"late")
kept = {}
out = {}
for kind, make in MAKERS.items():
    kept[kind] = [None] * 40
    for i in range(40):
        kept[kind][i] = make(i)
    out[kind] = [make.__code__.co_firstlineno, [id(x) for x in kept[kind]]]
# a list of free lists is empty now: the last ones are of fresh memory
library.refgraph_snapshot(b"")
if "tracemalloc" in sys.argv:
    out["traced"] = tracemalloc.get_object_traceback(kept["list"][0])[0].lineno
print(json.dumps(out))
sys.stdout.flush()
os._exit(0)
