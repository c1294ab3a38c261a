"""Put before a program that is not ours (PYTHONPATH): on SIGVTALRM or at its end, objgraph counts inside, and in the same breath
the shim takes a snapshot. What both say goes to PROBE_OUT; the dump's name comes from REFGRAPH_DUMP."""
import atexit
import ctypes
import gc
import importlib.util
import io
import json
import os
import signal
import sys

spec = importlib.util.spec_from_file_location("objgraph", os.environ["PROBE_OBJGRAPH"])
objgraph = importlib.util.module_from_spec(spec)
sys.modules["objgraph"] = objgraph
spec.loader.exec_module(objgraph)
sys.path.append(os.environ["PROBE_PATH"])  # last, as where packages are: a Python's own modules win
snapshot = ctypes.CDLL(None).refgraph_snapshot
DEPTH = 6


def chain_lengths(addresses):
    """[address, length of objgraph's chain to a module] of each."""
    out = []
    for address in addresses:
        obj = objgraph.at(address)
        if obj is None:
            continue
        own = [id(addresses), id(out), id(sys._getframe()), id(sys._getframe(1)), id(sys._getframe().f_back)]
        chain = objgraph.find_backref_chain(obj, objgraph.is_proper_module, max_depth=DEPTH, extra_ignore=own)
        out.append([address, len(chain), type(obj).__name__])
        del obj, chain
    return out


def drawings(addresses):
    """[function, address, depth, objgraph's drawing] of each, both ways. The default extra_ignore=() would hide the one empty tuple
    wherever it is. What a thread has let go of meanwhile is left out, and so is a drawing of half the program."""
    out = []
    for address in addresses:
        if objgraph.at(address) is None or len(gc.get_referrers(objgraph.at(address))) > 100:
            continue  # gone; or objgraph would scan the heap for each of a parser's thousand nodes
        for function, depth in (("show_backrefs", 3), ("show_refs", 2)):
            text = io.StringIO()
            objgraph.__dict__[function]([objgraph.at(address)], max_depth=depth, too_many=10**6, output=text,
                                        extra_ignore=[id(addresses), id(out), id(sys._getframe()), id(sys._getframe(1))])
            if text.tell() < 1 << 20:
                out.append((function, address, depth, text.getvalue()))
    return out


def some_addresses(n):
    """n tracked objects of different types, the same way each time; none of the interpreter's own plumbing."""
    seen, out = set(), []
    for obj in gc.get_objects():
        t = type(obj)
        if t.__name__ in ("frame", "coroutine", "generator", "list_iterator") or t in seen or gc.is_tracked(t) is False:
            continue
        seen.add(t)
        out.append(id(obj))
    del obj, seen
    step = max(1, len(out) // n)
    return out[::step][:n]


def probe(*_):
    if not os.environ.get("PROBE_OUT"):
        return
    enabled = gc.isenabled()
    gc.disable()
    path = os.environ.pop("PROBE_OUT")
    addresses = some_addresses(int(os.environ.get("PROBE_CHAINS", "5")))
    drawn = []
    for turn in range(2):  # the first turn warms every cache, ours and the interpreter's
        drawn = drawings(addresses[:int(os.environ.get("PROBE_DRAWINGS", "3"))])
        before = objgraph.typestats(shortnames=False)
        status = snapshot(b"probe")
        after = objgraph.typestats(shortnames=False)
    proper = sorted({id(m) for m in sys.modules.values() if objgraph.is_proper_module(m)})
    chains = chain_lengths(addresses)
    with open(path + ".tmp", "w") as f:
        json.dump({"version": sys.version.split()[0], "status": status, "before": before, "after": after, "chains": chains, "proper": proper,
                   "drawings": drawn}, f)
    os.rename(path + ".tmp", path)
    if enabled:
        gc.enable()


signal.signal(signal.SIGVTALRM, probe)
if os.environ.get("PROBE_AT_EXIT"):
    atexit.register(probe)
