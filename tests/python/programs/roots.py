"""Known roots: modules, locals of two threads, a handled exception, atexit, thread-local and context data. argv: output file."""
import atexit
import contextvars
import ctypes
import gc
import json
import sys
import threading
import types

snapshot = ctypes.CDLL(None).refgraph_snapshot
known = {}


class Marked:
    pass


def outer(argument):
    local = Marked()
    known["local"] = id(local)
    known["argument"] = id(argument)
    cell = Marked()
    known["cell"] = id(cell)

    def inner():
        try:
            raise ValueError(Marked())
        except ValueError as handled:
            known["handled"] = id(handled)
            known["status"] = snapshot(b"roots")
            known["line"] = sys._getframe().f_lineno - 1
        return cell
    inner()
    return local


def waits(ready, finish):
    in_thread = Marked()
    known["in_thread"] = id(in_thread)
    ready.set()
    finish.wait()
    return in_thread


def generates():
    in_generator = Marked()
    known["in_generator"] = id(in_generator)
    outer(Marked())
    yield in_generator


def is_shut():
    local, more = Marked(), [Marked()]
    for item in more:
        yield local


def at_exit(marked):
    pass


def main():
    made = types.ModuleType("made_here")
    sys.modules["made_here"] = made
    argument = Marked()
    known["at_exit"] = id(argument)
    atexit.register(at_exit, argument)
    variable = contextvars.ContextVar("variable")
    value = Marked()
    variable.set(value)
    known["context_value"] = id(value)
    ready, finish = threading.Event(), threading.Event()
    t = threading.Thread(target=waits, args=(ready, finish))
    t.start()
    ready.wait()
    gc.set_threshold(701, 11, 12)
    gc.collect()
    gc.disable()
    stats = gc.get_stats()
    shut = is_shut()
    known["generator_shut"] = id(shut)
    next(shut)
    shut.close()
    [Marked() for _ in range(9)]  # where they lay: 3.13 leaves standing there what a closed generator gave back
    known["generator"] = 0
    g = generates()
    known["generator"] = id(g)
    next(g)
    finish.set()
    t.join()
    known["modules"] = {n: id(m) for n, m in sys.modules.items()}
    known["sys.modules"] = id(sys.modules)
    known["gc"] = {"stats": stats, "threshold": gc.get_threshold()}
    with open(sys.argv[1], "w") as f:
        json.dump(known, f)


main()
