"""Collects in every way, and tells what gc.callbacks saw: [generation, collected, uncollectable, seconds]; its statistics; and
whether anything of the shim's can be seen."""
import gc
import json
import os
import sys
import time

events = []
told = "callbacks" in sys.argv


class Node:
    pass


def cycles(n):
    for _ in range(n):
        node = Node()
        node.me = node


def seen(phase, info, began=[0]):
    if phase == "start":
        began[0] = time.perf_counter()
    else:
        took = time.perf_counter() - began[0]
        events.append([info["generation"], info["collected"], info["uncollectable"], took])


gc.collect()
before = [dict(s) for s in gc.get_stats()]
if told:
    gc.callbacks.append(seen)
cycles(5000)
keep = [[i] for i in range(20000)]
gc.collect(0)
cycles(10)
gc.collect(1)
cycles(20)
gc.collect()
gc.disable()
cycles(3000)
gc.collect()
gc.enable()
gc.set_threshold(50, 3, 3)
cycles(2000)
gc.set_threshold(0)
cycles(3000)
gc.set_threshold(700)
text = json.dumps([{"a": [i]} for i in range(5000)])
rows = json.loads(text)
cycles(1000)
gc.disable()
if told:
    gc.callbacks.remove(seen)
out = {"events": events, "before": before, "after": [dict(s) for s in gc.get_stats()], "callbacks": len(gc.callbacks), "objects": len(gc.get_objects()),
       "referrers": len(gc.get_referrers(gc.callbacks))}
if os.environ.get("LD_PRELOAD"):
    import ctypes
    ctypes.CDLL(None).refgraph_snapshot(b"")
print(json.dumps(out))
