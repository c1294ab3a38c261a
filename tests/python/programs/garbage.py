"""Random object graphs, and what the collector makes of them. argv: answers FIRST COUNT.

For each seed: a graph of every kind of container at hand, with cycles, finalizers, weak references and C types, over the
generations; most of it is dropped. Then a snapshot; then a child does gc.collect(generation) with DEBUG_SAVEALL and tells what
became garbage, whose finalizers ran and which weak references called; then the process itself collects, and a second snapshot
shows what is left. One line of JSON a seed.
"""
import array
import asyncio
import collections
import contextvars
import ctypes
import functools
import gc
import io
import itertools
import json
import operator
import os
import queue
import random
import sys
import threading
import types
import weakref
import xml.etree.ElementTree as ElementTree

try:
    from _testcapi import with_tp_del
except ImportError:
    with_tp_del = None

_snapshot = ctypes.CDLL(None).refgraph_snapshot
_snapshot.argtypes = [ctypes.c_char_p]
finalized, called, revived = [], [], []


class Plain:
    pass


class Slots:
    __slots__ = ("one", "two", "__weakref__")


class Mixed(Slots):
    __slots__ = ("three", "__dict__")


class ListChild(list):
    pass


class DictChild(dict):
    __slots__ = ("more",)


class TupleChild(tuple):
    pass


class Final:
    def __del__(self):
        finalized.append(id(self))


class FinalSlots(Slots):
    __slots__ = ()

    def __del__(self):
        finalized.append(id(self))


class Lazarus:
    """Its finalizer keeps it, and so what it refers to."""

    def __del__(self):
        finalized.append(id(self))
        revived.append(self)


class Lender:
    """Its finalizer keeps one thing that it refers to."""

    def __del__(self):
        finalized.append(id(self))
        for value in self.__dict__.values():
            revived.append(value)
            break


if with_tp_del:
    @with_tp_del
    class Legacy:
        def __tp_del__(self):
            pass


class Structure(ctypes.Structure):
    _fields_ = [("pointer", ctypes.py_object), ("number", ctypes.c_int)]


class Node(collections.namedtuple("Node", "left right")):
    pass


class Meta(type):
    pass


# ---- kinds: make(one) gives something that refers to `one`, or can be made to; see add() ---------------------------------------

def closure(one):
    held = [one]

    def inner():
        return held, one
    return inner


def generator_of(one):
    try:
        yield one
        yield None
    finally:
        pass


def plain_generator_of(one):
    yield one
    yield None


def started(g):
    next(g)
    return g


async def coroutine(one):
    await asyncio.sleep(0)
    return one


async def agenerator(one):
    yield one


def begun(c):
    c.send(None)
    return c


def raised(one):
    try:
        local = one
        raise ValueError(local)
    except ValueError as e:
        return e


def frame_of(one):
    local = one
    return sys._getframe(), local


def new_class(one):
    return Meta("Made", (Plain,), {"attribute": one, "method": lambda self: (self, one)})


def cell_of(one):
    return (lambda: one).__closure__[0]


def cached(one):
    @functools.lru_cache(maxsize=4)
    def f(x):
        return one
    f(1)
    return f


def context_of(one):
    c = contextvars.copy_context()
    c.run(VARIABLE.set, one)
    return c


def element(one):
    e = ElementTree.Element("tag")
    e.append(ElementTree.SubElement(e, "child"))
    e.attrib["k"] = one
    return e


def local_of(one):
    local = threading.local()
    local.one = one
    return local


def queue_of(one):
    q = queue.SimpleQueue()
    q.put(one)
    return q


def future(one):
    f = LOOP.create_future()
    f.set_result(one)
    return f


def tee_of(one):
    a, b = itertools.tee(iter([one, one, one]))
    next(a)
    return (a, b)


def told(container):
    """The callback of a weak container tells of itself, as ours do."""
    remove = container._remove

    def tell(w):
        called.append(id(w))
        remove(w)
    container._remove = tell
    return container


def weak_values(one):
    d = told(weakref.WeakValueDictionary())
    if weakable(one):
        d[1] = one
    return d


def weak_keys(one):
    d = told(weakref.WeakKeyDictionary())
    key = Slots()
    key.one = one
    d[key] = "what the callback drops is no object of the graph"
    return (d, key)


def weak_set(one):
    s, item = told(weakref.WeakSet()), Slots()
    item.one = one
    s.add(item)
    return (s, item)


def weakable(o):
    try:
        weakref.ref(o)
        return True
    except TypeError:
        return False


def callback(w):
    called.append(id(w))


def weak(one):
    return weakref.ref(one) if weakable(one) else [one]


def weak_callback(one):
    return weakref.ref(one, callback) if weakable(one) else [one]


def weak_own_callback(one):
    return weakref.ref(one, functools.partial(note, [one])) if weakable(one) else [one]


def note(kept, w):
    called.append(id(w))


def proxy(one):
    return [weakref.proxy(one, callback)] if weakable(one) else [one]


def module_of(one):
    m = types.ModuleType("made")
    m.one = one
    return m


def instance(cls):
    def make(one):
        o = cls()
        if cls in (Slots, FinalSlots, Mixed):
            o.one = one
        else:
            o.attribute = one
        return o
    return make


def structure(one):
    return Structure(pointer=ctypes.py_object(one))


def order(one):
    return collections.OrderedDict(k=one)


VARIABLE = contextvars.ContextVar("variable", default=None)
ARRAY = ctypes.py_object * 3
LOOP = asyncio.new_event_loop()
HASHED = [instance(Plain), instance(Slots), instance(Final)]

KINDS = [
    lambda one: [one], lambda one: [one, [one]], lambda one: {"k": one}, lambda one: {1: one, (2,): [one]}, lambda one: (one, []),
    lambda one: (one,), lambda one: {(1, Plain())}, lambda one: frozenset([Plain()]), lambda one: ListChild([one]),
    lambda one: DictChild(k=one), lambda one: TupleChild([one]), lambda one: Node(one, []), lambda one: collections.deque([one]), order,
    lambda one: collections.defaultdict(list, {1: one}), lambda one: types.SimpleNamespace(one=one), instance(Plain), instance(Slots),
    instance(Mixed), closure, cell_of, lambda one: generator_of(one), lambda one: started(generator_of(one)),
    lambda one: plain_generator_of(one), lambda one: started(plain_generator_of(one)), lambda one: agenerator(one), raised, frame_of,
    new_class, cached, context_of, element, local_of, queue_of, future, tee_of, weak_values, weak_keys, weak, weak_callback,
    weak_own_callback, proxy, module_of, structure, lambda one: functools.partial(note, one, key=one),
    lambda one: functools.partialmethod(note, one), lambda one: types.MethodType(note, one), lambda one: property(lambda s: one),
    lambda one: staticmethod(lambda: one), lambda one: classmethod(lambda c: one), lambda one: types.MappingProxyType({1: one}),
    lambda one: iter([one, one]), lambda one: iter({1: one}.values()), lambda one: {1: one}.items(), lambda one: map(note, [one]),
    lambda one: zip([one], [one]), lambda one: enumerate([one]), lambda one: reversed([one]), lambda one: filter(None, [one]),
    lambda one: itertools.chain([one], [one]), lambda one: itertools.cycle([one]), lambda one: itertools.repeat(one),
    lambda one: itertools.islice([one], 1), lambda one: itertools.groupby([one]), lambda one: itertools.product([one], [one]),
    lambda one: itertools.accumulate([one], operator.is_), lambda one: itertools.starmap(note, [one]), lambda one: slice(one, [one]),
    lambda one: io.BytesIO(b"x" * 50), lambda one: array.array("l", [1]), lambda one: memoryview(bytearray(9)),
    lambda one: super(Mixed, Mixed()), lambda one: operator.methodcaller("append", one), lambda one: iter(lambda: one, 5),
    lambda one: list[one, int] if sys.version_info >= (3, 9) else [one], lambda one: ctypes.pointer(structure(one)),
    lambda one: ctypes.py_object(one), lambda one: ARRAY(one, one), lambda one: ctypes.CFUNCTYPE(None)(lambda: one),
    weak_set, lambda one: BaseException(one), lambda one: StopIteration([one]),
]
FINALIZED = [instance(Final), instance(FinalSlots), instance(Lazarus), instance(Lender)]


def add(rng, o, other):
    """Makes `o` refer to `other`, where it can."""
    try:
        add_to(rng, o, other)
    except (TypeError, ValueError, AttributeError, RuntimeError, RecursionError):
        pass


def add_to(rng, o, other):
    if isinstance(o, (list, collections.deque)):
        o.append(other)
    elif isinstance(o, dict):
        o[rng.randrange(50)] = other
    elif isinstance(o, (Slots, FinalSlots)):
        o.two = other
    elif isinstance(o, (Plain, Final, Lazarus, Lender, types.SimpleNamespace, types.ModuleType, types.FunctionType, BaseException, ListChild,
                        TupleChild, threading.local, functools.partial)) or (with_tp_del and isinstance(o, Legacy)) or isinstance(o, Meta):
        setattr(o, "a%d" % rng.randrange(5), other)
    elif isinstance(o, set):
        o.add(other)
    elif isinstance(o, types.CellType):
        o.cell_contents = other
    elif isinstance(o, Structure):
        o.pointer = ctypes.py_object(other)
    elif isinstance(o, ctypes.py_object):
        o.value = other
    elif isinstance(o, queue.SimpleQueue):
        o.put(other)
    elif isinstance(o, asyncio.Future):
        o.add_done_callback(functools.partial(note, other))
    elif type(o).__name__ == "Element":
        o.set("k%d" % rng.randrange(3), other)
    elif isinstance(o, tuple) and o:
        add(rng, o[-1], other)
    elif isinstance(o, contextvars.Context):
        o.run(VARIABLE.set, other)


def grow(rng, kinds, final, legacy):
    """One graph that hangs together."""
    nodes = [[]]
    for _ in range(rng.randrange(2, 25)):
        kind = rng.choice(kinds)
        if rng.random() < 0.08:
            kind = rng.choice(final) if final else kind
        if legacy and rng.random() < 0.02:
            kind = instance(Legacy)
        one = rng.choice(nodes)
        try:
            nodes.append(kind(one))
        except (TypeError, ValueError):
            nodes.append([one])
    for _ in range(int(len(nodes) * rng.random() * 2)):
        add(rng, rng.choice(nodes), rng.choice(nodes))
    return nodes


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


def one(seed, out):
    generation = seed % 3
    for _ in range(3):
        gc.collect()
        forget()
    alive = build(seed)
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
    answer.update(seed=seed, generation=generation, freed=n, status=[status, after])
    out.write(json.dumps(answer) + "\n")
    out.flush()
    del alive


def main(path, first, count):
    gc.disable()
    threading.excepthook = sys.unraisablehook = lambda *a: None
    with open(path, "w") as out:
        for seed in range(first, first + count):
            one(seed, out)
    os._exit(0)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
