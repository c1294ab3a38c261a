"""What a Python program sees of itself, at the instant of a snapshot of it.

record(path) asks the shim for a snapshot and then writes down, from the same heap: the tracked objects by generation, and for
each object that can be reached from them its type, reference count and gc.get_referents(). Everything that the recording
itself needs exists before the snapshot or is made after it; what it makes is told, so that the test can take it out.
"""
import ctypes
import gc
import importlib.util
import json
import os
import sys

_snapshot = ctypes.CDLL(None).refgraph_snapshot
_snapshot.argtypes = [ctypes.c_char_p]
OBJGRAPH = "/usr/lib/python3/dist-packages/objgraph.py"


def load_objgraph():
    """Pure Python: the distribution's copy serves every version."""
    if not os.path.exists(OBJGRAPH):
        return None
    spec = importlib.util.spec_from_file_location("objgraph", OBJGRAPH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


objgraph = load_objgraph()
LABEL = b"inside"
expected = []  # [source id, label class, text or number, target id]


def expect(source, kind, what, target):
    expected.append((id(source), kind, what, id(target)))


def names_of(cls):
    module = getattr(cls, "__module__", None)
    return [cls.__name__, module if isinstance(module, str) else ""]


def record(path, more=None):
    """more(out, objects, own) adds to the answers, given what was tracked and the ids of what this recording holds on to."""
    gc.disable()
    get_objects, get_referents, getrefcount, getid, gettype, size = gc.get_objects, gc.get_referents, sys.getrefcount, id, \
        type, len
    finalized = getattr(gc, "is_finalized", lambda o: None)  # from 3.9 on
    generations = o = r = refs = ids = facts = closure = queue = types_ = status = stats = None
    status = _snapshot(LABEL)
    stats = objgraph.typestats(shortnames=False) if objgraph else None
    generations = [get_objects(generation=0), get_objects(generation=1), get_objects(generation=2)]
    closure = {}
    queue = []
    for g in generations:
        queue.extend(g)
    # Reference counts first, before this recording takes more of them: +1 from the list of its generation, +1 from the
    # queue, +1 from the variable, +1 from the call.
    counts = {}
    for o in queue:
        counts[getid(o)] = getrefcount(o) - 4
    own = [generations, closure, queue, counts, generations[0], generations[1], generations[2]]
    types_ = {}
    facts = {}
    own += [types_, facts, own]
    while queue:
        o = queue.pop()
        if getid(o) in closure:
            continue
        refs = get_referents(o)
        ids = []
        for r in refs:
            ids.append(getid(r))
            if getid(r) not in closure:
                queue.append(r)
        closure[getid(o)] = ids
        types_[getid(gettype(o))] = gettype(o)
        facts[getid(o)] = [getid(gettype(o)), finalized(o), 1 if gc.is_tracked(o) else 0]
    keep = {getid(x) for x in own}
    # What the recording made since the snapshot is reachable now, through this frame at least.
    made = [getid(own), getid(generations)]
    modules = {name: getid(m) for name, m in list(sys.modules.items()) if m is not None}
    out = {
        "label": getid(LABEL), "snapshot": getid(_snapshot), "getrefcount": getid(getrefcount), "status": status, "typestats": stats, "version": list(sys.version_info[:3]),
        "generations": [[getid(o) for o in g] for g in generations],
        "referents": closure, "counts": counts, "facts": facts,
        "types": {k: names_of(v) for k, v in types_.items()},
        "own": sorted(keep | set(made)), "modules": modules, "expected": expected,
        "gc": {"threshold": gc.get_threshold(), "stats": gc.get_stats(), "freeze_count": gc.get_freeze_count(),
               "enabled": gc.isenabled()},
    }
    if more:
        objects = [o for g in generations for o in g if getid(o) not in keep]
        more(out, objects, keep | {getid(objects), getid(made), getid(keep), getid(modules), getid(out), getid(queue)})
    with open(path, "w") as f:
        json.dump(out, f)
    del own[:]  # it holds itself
