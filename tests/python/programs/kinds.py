"""Every kind of object that refers to others, and random graphs of them: what garbage.py and objects.py build from."""
import array
import asyncio
import collections
import contextvars
import ctypes
import dataclasses
import datetime
import decimal
import enum
import functools
import hashlib
import io
import itertools
import operator
import queue
import random
import re
import struct
import sys
import threading
import types
import weakref
import xml.etree.ElementTree as ElementTree

try:
    from _testcapi import with_tp_del
except ImportError:
    with_tp_del = None

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


class Text(str):
    pass


class Bytes(bytes):
    pass


class Number(int):
    pass


class Colour(enum.Enum):
    RED = [1]
    GREEN = (2, [3])


class Bits(enum.IntFlag):
    ONE = 1
    TWO = 2


@dataclasses.dataclass
class Record:
    one: object
    more: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class FrozenRecord:
    one: object
    more: tuple = ()


class Aligned(ctypes.Structure):
    _fields_ = [("a", ctypes.c_char), ("b", ctypes.c_double)]


class Properties:
    def __init__(self, one):
        self._one = one

    @property
    def one(self):
        return self._one

    def method(self):
        return self._one


def with_attribute(o, one):
    o.attribute = one
    return o


def text_of(one):
    return with_attribute(Text("text %d" % (id(one) % 10)), one)


def bytes_of(one):
    return with_attribute(Bytes(b"bytes"), one)


def number_of(one):
    return with_attribute(Number(2 ** 70), one)


def enum_of(one):
    return [Colour.RED, Bits.ONE | Bits.TWO, one]


def many_attributes(one):
    o = Plain()
    for i in range(40):
        setattr(o, "a%d" % i, one)
    return o


def holes(one):
    o = Plain()
    o.a, o.b, o.c = one, [one], 3
    del o.b
    d = {i: one for i in range(20)}
    for i in range(0, 20, 3):
        del d[i]
    return [o, o.__dict__, d]


def unhashed(one):
    return {frozenset([1, (2,)]): one, Plain(): [one], None: one, 1.5: one, b"bytes": one, "not a name": one}


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
# What only objects.py makes: nothing that the collector treats in a way of its own.
MORE_KINDS = [
    text_of, bytes_of, number_of, enum_of, lambda one: Record(one), lambda one: FrozenRecord(one), lambda one: Properties(one),
    lambda one: Properties(one).method, lambda one: [one].append, lambda one: {1: one}.get, lambda one: begun(coroutine(one)),
    lambda one: lambda: one, lambda one: memoryview(bytearray(b"x" * 99))[3:], lambda one: array.array("d", [1.5] * 9),
    lambda one: collections.ChainMap({1: one}, {2: [one]}), lambda one: collections.Counter({"k": 3}), lambda one: collections.UserDict(k=one),
    lambda one: weakref.WeakMethod(Properties(one).method), lambda one: operator.itemgetter(one), lambda one: operator.attrgetter("a", "b.c"),
    lambda one: functools.singledispatch(lambda x: one), lambda one: types.CodeType.co_name, lambda one: compile("def f(a=[1]): return a", "made", "exec"),
    lambda one: tuple([one] * 40), lambda one: [one] * 100, lambda one: {i: one for i in range(60)}, lambda one: {"k%d" % i: one for i in range(40)},
    lambda one: {(i, str(i)) for i in range(30)}, lambda one: collections.deque([one] * 150, maxlen=200), many_attributes, holes, unhashed,
    lambda one: dict.fromkeys(["a", "b"], one).keys(), lambda one: range(2 ** 70), lambda one: 3 + 2j, lambda one: "\u00e9" * 50 + str(id(one) % 7),
    lambda one: iter(collections.deque([one])), lambda one: iter({one for one in (1, 2)}), lambda one: reversed({1: one}) if sys.version_info >= (3, 8) else [],
    lambda one: iter(collections.OrderedDict(a=one)), lambda one: collections.OrderedDict(a=one).items(), lambda one: itertools.permutations([one, 1]),
    lambda one: itertools.combinations([one, 1], 1), lambda one: itertools.zip_longest([one], [1, 2], fillvalue=one), lambda one: itertools.count(3),
    lambda one: itertools.takewhile(lambda x: one, [one]), lambda one: itertools.dropwhile(lambda x: one, [one]), lambda one: itertools.compress([one], [1]),
    lambda one: types.CoroutineType.send, lambda one: type(one), lambda one: type("Made%d" % (id(one) % 5), (Slots,), {"__slots__": ("deep",)}),
    lambda one: threading.Condition(), lambda one: threading.Event(), lambda one: random.Random(3), lambda one: io.StringIO("x" * 70),
    lambda one: ElementTree.ElementTree(element(one)), lambda one: contextvars.ContextVar("made", default=one), lambda one: KeyError(one, [one]),
    lambda one: OSError(2, "no", [one]), lambda one: UnicodeDecodeError("utf-8", b"abc", 0, 1, "why"), lambda one: ImportError(one, name=[one]),
    lambda one: re.compile("(a)|b").match("a"), lambda one: decimal.Decimal("1.5"), lambda one: datetime.datetime(2020, 1, 1), lambda one: Aligned(1, 2),
    lambda one: (ctypes.c_long * 9)(), lambda one: struct.Struct("<ii"), lambda one: hashlib.sha256(b"x"),
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
