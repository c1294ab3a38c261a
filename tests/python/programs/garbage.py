"""Random object graphs, and what the collector makes of them. argv: answers FIRST COUNT GRAPHS.

COUNT times: GRAPHS graphs, each of a seed of its own, of every kind of container at hand, with cycles, finalizers, weak references
and C types, over the generations; most of it is dropped. Then a snapshot; then a child does gc.collect(generation) with
DEBUG_SAVEALL and tells what became garbage, whose finalizers ran and which weak references called; then the process itself
collects, and a second snapshot shows what is left. One line of JSON each time.
"""
import ctypes
import gc
import json
import os
import random
import sys
import threading
import weakref

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kinds import *

_snapshot = ctypes.CDLL(None).refgraph_snapshot
_snapshot.argtypes = [ctypes.c_char_p]


def build(seed):
    """Returns what stays alive; the rest hangs on itself, or has gone by itself."""
    rng = random.Random(seed)
    final = FINALIZED[:rng.choice([0, 2, 4])]
    legacy = with_tp_del and rng.random() < 0.2
    kinds = rng.sample(KINDS, rng.randrange(4, len(KINDS)))
    survivors, watchers = rng.choice([0, 0.005, 0.02, 0.1]), rng.choice([0, 0.05, 0.3])
    graphs, alive = [], []
    for _ in range(rng.randrange(1, 25)):
        graphs.append(grow(rng, kinds, final, legacy))
        add(rng, rng.choice(graphs[-1]), rng.choice(rng.choice(graphs)))
        if rng.random() < 0.1:
            gc.collect(rng.randrange(2))
    for graph in graphs:
        alive += [o for o in graph if rng.random() < survivors]
        alive += [weakref.ref(o, callback) for o in graph if rng.random() < watchers and weakable(o)]
    if rng.random() < 0.3:
        gc.collect(rng.randrange(2))
        alive = alive[:len(alive) // 2]
    return alive


def collect_in_child(generation, write_end):
    """The answer of the collector, through the pipe; nothing is freed there."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    n = gc.collect(generation)
    gc.set_debug(0)
    text = json.dumps({"returned": n, "garbage": [id(o) for o in gc.garbage], "finalized": finalized, "called": called})
    os.write(write_end, text.encode())
    os._exit(0)


def read_all(fd):
    parts = []
    while True:
        part = os.read(fd, 65536)
        if not part:
            break
        parts.append(part)
    os.close(fd)
    return b"".join(parts).decode()


def forget():
    """What is forgotten may be finalized, and so come back, once."""
    for _ in range(3):
        del revived[:], gc.garbage[:]
    del finalized[:], called[:]


def one(seeds, generation, out):
    for _ in range(3):
        gc.collect()
        forget()
    alive = [build(seed) for seed in seeds]
    forget()
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    status = _snapshot(b"before")
    pid = os.fork()
    if pid == 0:
        collect_in_child(generation, write_end)
    os.close(write_end)
    answer = json.loads(read_all(read_end))
    os.waitpid(pid, 0)
    del read_end, write_end
    n = gc.collect(generation)
    after = _snapshot(b"after")
    answer.update(seed=seeds[0], generation=generation, freed=n, status=[status, after])
    out.write(json.dumps(answer) + "\n")
    out.flush()
    del alive


def main(path, first, count, graphs):
    gc.disable()
    threading.excepthook = sys.unraisablehook = lambda *a: None
    with open(path, "w") as out:
        for n in range(count):
            one(range(first + n * graphs, first + (n + 1) * graphs), (first // graphs + n) % 3, out)
    os._exit(0)


main(sys.argv[1], *map(int, sys.argv[2:]))
