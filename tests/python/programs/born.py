"""Objects made at known lines, between marks."""
import ctypes
import gc
import os

library = ctypes.CDLL(None)
library.refgraph_snapshot.argtypes = library.refgraph_mark.argtypes = [ctypes.c_char_p]


class Thing:
    __slots__ = ("one",)


def inner():
    return Thing()  # the line of inner


def outer(n):
    return [inner() for _ in range(n)]  # the line of outer


def direct(n):
    made = []
    for _ in range(n):
        made.append(Thing())  # the line of direct
    return made


gc.disable()
kept = [outer(100), direct(10)]
library.refgraph_snapshot(b"before")
library.refgraph_mark(b"A")
kept.append(outer(40))
kept.append(direct(7))
library.refgraph_mark(b"B")
kept.append(direct(5))
del kept[1]
library.refgraph_snapshot(b"after")
os._exit(0)
