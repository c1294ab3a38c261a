"""heap.py - a heap of N objects that the collector tracks (instances, lists, dicts; 70 % as many plain strings and numbers beside
them) with a chain of 100 references from a module to an object of type Target. Then commands from stdin, one a line:

  collect          times gc.collect(), prints seconds
  grow             makes 10000 more objects
  objgraph         times each function of objgraph on this heap, prints "name seconds", one a line
  exit
"""
import gc
import io
import random
import sys
import time


class Record:
    def __init__(self, i, before):
        self.number = i
        self.name = "record %d" % i
        self.items = [before] + ["tag %d" % (i + k) for k in range(i % 5)]
        self.more = {"items": self.items, "size": i * 3}


class Link:
    def __init__(self, to):
        self.to = to


class Target:
    pass


def records(n):
    """References go to records anywhere, and one in eight is made anew late: neighbours in memory are not neighbours in the graph."""
    rng, made = random.Random(n), [None]
    for i in range(n // 3):
        made.append(Record(i, made[rng.randrange(len(made))]))
    for i in rng.sample(range(1, len(made)), len(made) // 8):
        made[i] = Record(i, made[rng.randrange(len(made))])
    return made


def chain(hops):
    link = Target()
    for _ in range(hops - 2):  # module -> its dict -> head -> ... -> target
        link = Link(link)
    return link


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def objgraph_times():
    import objgraph

    target = objgraph.by_type("Target")[0]
    sink = io.StringIO()
    objgraph.growth()
    functions = [
        ("count", lambda: objgraph.count("Record")),
        ("typestats", objgraph.typestats),
        ("most-common-types", objgraph.most_common_types),
        ("growth", objgraph.growth),
        ("by-type", lambda: objgraph.by_type("Target")),
        ("at", lambda: objgraph.at(id(target))),
        ("show-refs", lambda: objgraph.show_refs([head], max_depth=5, output=sink)),
        ("show-backrefs", lambda: objgraph.show_backrefs([target], max_depth=5, output=sink)),
        ("get-leaking-objects", objgraph.get_leaking_objects),
        ("find-backref-chain", backref_chain),
    ]
    for name, function in functions:
        print(name, "%.6f" % timed(function), flush=True)
    print("done", flush=True)


def backref_chain():
    import objgraph

    # the target must not be found by a name in a frame of ours
    found = objgraph.find_backref_chain(objgraph.by_type("Target")[0], objgraph.is_proper_module, max_depth=200)
    assert len(found) > 90, len(found)


if __name__ == "__main__":
    gc.disable()
    heap = records(int(sys.argv[1]))
    head = chain(100)
    gc.enable()
    print("ready", len(gc.get_objects()), flush=True)
    for line in sys.stdin:
        word = line.strip()
        if word == "collect":
            print("%.6f" % timed(gc.collect), flush=True)
        elif word == "grow":
            heap.append(records(10000))
            print("grown", flush=True)
        elif word == "objgraph":
            objgraph_times()
        elif word == "exit":
            break
    sys.stdout.flush()
    import os

    os._exit(0)  # freeing the heap takes long and is not measured
