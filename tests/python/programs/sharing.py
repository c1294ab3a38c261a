"""A parent with a large heap, and children that each do one thing to it before they are dumped, labelled with its name."""
import ctypes
import gc
import os
import sys

shim = ctypes.CDLL(None)
COUNT = 40000


class Node:
    __slots__ = ("value", "next")

    def __init__(self, value):
        self.value = value
        self.next = None


gc.disable()
heap = [Node(None) for i in range(COUNT)]
held = [None] * COUNT


def collect():
    gc.collect()


def frozen():
    gc.collect()


def count():
    held[:] = heap


def change():
    for i in range(0, COUNT // 2):
        heap[i].next = heap[0]


def idle():
    pass


def child(what):
    pid = os.fork()
    if pid == 0:
        what()
        gc.disable()
        shim.refgraph_snapshot(what.__name__.encode())
        with open("/proc/self/smaps") as f:
            text = f.read()
        with open(os.path.join(sys.argv[1], what.__name__), "w") as f:
            f.write(text)
        os._exit(0)
    os.waitpid(pid, 0)


gc.collect()
shim.refgraph_snapshot(b"parent")
for what in (idle, collect, count, change):
    child(what)
gc.freeze()
child(frozen)
