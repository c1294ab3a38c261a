"""A program that holds one of every kind of object that refers to others. argv: where to write what it sees."""
import array
import collections
import contextvars
import functools
import itertools
import operator
import os
import queue
import re
import sys
import threading
import types
import weakref

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside
from inside import expect


class Plain:
    pass


class Slots:
    __slots__ = ("left", "right", "__weakref__")


class SlotsChild(Slots):
    __slots__ = ("more",)


class SlotsDict(Slots):
    pass


class Big:  # more attributes than an inline table holds
    pass


class ListChild(list):
    pass


class DictChild(dict):
    pass


class IntChild(int):
    pass


class StrChild(str):
    pass


class TupleChild(tuple):
    pass


class Meta(type):
    pass


class WithMeta(metaclass=Meta):
    attribute = []


class Finalizer:
    def __del__(self):
        pass


Point = collections.namedtuple("Point", "x y")


class Prop:
    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, v):
        self._value = v

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def nothing():
        return None


def closure(one, two):
    def inner(step=[1], *, key={}):
        return one, two, step, key
    inner.attribute = one
    return inner


def generator(seed):
    local = [seed]
    for item in local:
        yield item, local


async def coroutine(argument):
    await types.coroutine(generator)(argument)


async def asyncgen(argument):
    yield argument


def raiser(payload):
    held = [payload]
    try:
        raise KeyError("inner")
    except KeyError as inner:
        raise ValueError(held, "outer") from inner


keep = {}


def plain_objects():
    a = keep["plain"] = Plain()
    a.x = [1, 2]
    a.me = a
    if sys.version_info >= (3, 11):  # the attributes are in the object, not in a dict
        expect(a, "ATTRIBUTE", "x", a.x)
        expect(a, "ATTRIBUTE", "me", a)
    else:
        expect(a.__dict__, "KEY", "x", a.x)
        expect(a.__dict__, "KEY", "me", a)
        expect(a, "PART", "__dict__", a.__dict__)
    d = keep["with_dict"] = Plain()
    d.x = [3]
    d.y = {"z": d.x}
    vars(d)  # the dict is made
    keep["dict_of_it"] = d.__dict__
    expect(d.__dict__, "KEY", "x", d.x)
    s = keep["slots"] = SlotsChild()
    s.left, s.more = [4], (5, [6])
    expect(s, "ATTRIBUTE", "left", s.left)
    expect(s, "ATTRIBUTE", "more", s.more)
    t = keep["slots_dict"] = SlotsDict()
    t.left, t.extra = [7], [8]
    expect(t, "ATTRIBUTE", "left", t.left)
    b = keep["big"] = Big()
    for i in range(60):
        setattr(b, "attribute_%d" % i, [i])
    expect(b.__dict__, "KEY", "attribute_59", b.attribute_59)
    deleted = keep["deleted"] = Plain()
    deleted.x, deleted.gone, deleted.y = [1], [2], [3]
    del deleted.gone
    meta = keep["meta"] = WithMeta()
    meta.own = [9]
    keep["finalizer"] = Finalizer()
    keep["finalizer"].data = []
    expect(Plain, "PART", "__base__", object)
    expect(Plain, "PART", "__mro__", Plain.__mro__)
    expect(SlotsChild, "PART", "__bases__", SlotsChild.__bases__)
    expect(meta, "PART", "__class__", WithMeta)


def containers():
    inner = [[10], (11, [12]), {13: [14]}]
    keep["list"] = inner
    for i, item in enumerate(inner):
        expect(inner, "INDEX", i, item)
    t = keep["tuple"] = (inner, [15], "text")
    expect(t, "INDEX", 1, t[1])
    keep["untracked_tuple"] = (1, "two", 3.0)
    d = keep["dict"] = {"name": inner, "not an identifier": [16], 17: [18], (19, 20): [21], None: [22]}
    expect(d, "KEY", "name", inner)
    expect(d, "KEY_OBJECT", id(list(d)[2]), d[17])
    expect(d, "IS_KEY", None, list(d)[3])
    keep["int_dict"] = {i: [i] for i in range(1000, 1100)}
    keep["text_dict"] = {"k%d" % i: [i] for i in range(100)}
    mixed = keep["was_mixed"] = {"a": [1], 2: [2]}
    del mixed[2]
    gaps = keep["gaps"] = {i: [i] for i in range(50)}
    for i in range(0, 50, 3):
        del gaps[i]
    keep["untracked_dict"] = {"a": 1}
    s = keep["set"] = {"member", (23, (24,)), frozenset([25, (26,)])}
    for m in s:
        expect(s, "MEMBER", None, m)
    keep["big_set"] = {(i,) for i in range(100)}
    bigger = keep["set_with_holes"] = set(range(100))
    for i in range(90):
        bigger.discard(i)
    lc = keep["list_child"] = ListChild([[27], [28]])
    lc.attribute = [29]
    expect(lc, "INDEX", 1, lc[1])
    dc = keep["dict_child"] = DictChild(key=[30])
    dc.attribute = [31]
    expect(dc, "KEY", "key", dc["key"])
    keep["dict_child"].update({(32,): [33], 34: [35]})
    ic = keep["int_child"] = IntChild(2 ** 70)
    ic.attribute = [36]
    sc = keep["str_child"] = StrChild("text of a subclass")
    sc.attribute = [37]
    tc = keep["tuple_child"] = TupleChild(([38], [39]))
    tc.attribute = [40]
    expect(tc, "INDEX", 0, tc[0])
    p = keep["namedtuple"] = Point([41], [42])
    expect(p, "INDEX", 1, p.y)
    dd = keep["defaultdict"] = collections.defaultdict(list, key=[43])
    expect(dd, "ATTRIBUTE", "default_factory", list)
    expect(dd, "KEY", "key", dd["key"])
    od = keep["ordered"] = collections.OrderedDict([("a", [44]), ("b", [45]), (46, [47])])
    od.attribute = [48]
    expect(od, "KEY", "b", od["b"])
    expect(od, "PART", "__dict__", od.__dict__)
    keep["counter"] = collections.Counter("some text")
    keep["chain"] = collections.ChainMap({"a": [49]}, {"b": [50]})
    q = keep["deque"] = collections.deque([[i] for i in range(200)])
    q.appendleft([51])
    q.popleft()
    expect(q, "INDEX", 150, q[150])
    keep["deque_small"] = collections.deque([[52]], maxlen=3)
    keep["bytearray"] = bytearray(b"x" * 1000)
    keep["array"] = array.array("d", [1.0] * 100)
    keep["memoryview"] = memoryview(keep["bytearray"])[10:20]
    keep["numbers"] = [1.5, 2 ** 100, 3j, b"bytes", "\u00e9t\u00e9", "\U0001f600" * 10, True, None, ..., NotImplemented]
    keep["view"] = [d.keys(), d.values(), d.items(), types.MappingProxyType(d)]
    keep["recursive"] = []
    keep["recursive"].append(keep["recursive"])


def callables():
    f = keep["function"] = closure([53], {"k": [54]})
    expect(f, "PART", "__closure__", f.__closure__)
    expect(f, "PART", "__code__", f.__code__)
    expect(f, "PART", "__globals__", f.__globals__)
    expect(f, "PART", "__defaults__", f.__defaults__)
    expect(f, "PART", "__kwdefaults__", f.__kwdefaults__)
    expect(f, "PART", "__dict__", f.__dict__)
    for cell, name in zip(f.__closure__, f.__code__.co_freevars):
        expect(f.__closure__, "CELL", name, cell)
        expect(cell, "PART", "cell_contents", cell.cell_contents)
    expect(f.__code__, "PART", "co_consts", f.__code__.co_consts)
    expect(f.__code__, "PART", "co_filename", f.__code__.co_filename)
    m = keep["method"] = Prop().make
    expect(m, "PART", "__self__", Prop)
    expect(m, "PART", "__func__", m.__func__)
    b = keep["builtin"] = keep["list"].append
    expect(b, "PART", "__self__", keep["list"])
    keep["slot_wrapper"] = [].__len__
    keep["descriptors"] = [str.join, int.__add__, type.__dict__["__mro__"], type.__dict__["__name__"], dict.__dict__["fromkeys"]]
    p = keep["partial"] = functools.partial(f, [55], word=[56])
    expect(p, "PART", "func", f)
    pr = Prop.__dict__["value"]
    expect(pr, "PART", "fget", pr.fget)
    expect(pr, "PART", "fset", pr.fset)
    keep["lru"] = functools.lru_cache(maxsize=None)(lambda x: [x])
    keep["lru"](57)
    keep["lru_bounded"] = functools.lru_cache(maxsize=4)(lambda x: [x])
    keep["lru_bounded"](58)
    keep["getters"] = [operator.itemgetter(1, (2,)), operator.attrgetter("a.b"), operator.methodcaller("m", [59])]
    keep["super"] = super(SlotsChild, keep["slots"])
    keep["alias"] = list[int] if sys.version_info >= (3, 9) else None
    keep["union"] = eval("int | str") if sys.version_info >= (3, 10) else None
    keep["pattern"] = re.compile("(a)(?P<name>b)")
    keep["match"] = keep["pattern"].match("ab")


def iterators():
    source = [[60], [61], [62]]
    keep["iterators"] = [
        iter(source), reversed(source), iter(tuple(source)), iter({63: 64}), iter({65: [66]}.items()), iter({67}),
        enumerate(source), zip(source, source), map(str, source), filter(None, source), iter(list, None),
        itertools.chain(source, source), itertools.cycle(source), itertools.count(68, 2), itertools.repeat([69]),
        itertools.islice(source, 2), itertools.tee(source)[0], itertools.groupby(source), itertools.product(source, source),
        itertools.starmap(str, source), itertools.accumulate(source), itertools.permutations(source),
    ]
    for it in keep["iterators"][:3]:
        next(it)
    expect(keep["iterators"][0], "PART", "sequence", source)
    expect(keep["iterators"][8], "PART", "function", str)


def frames():
    g = keep["generator"] = generator([70])
    next(g)
    keep["generator_new"] = generator([71])
    done = keep["generator_done"] = generator([72])
    list(done)
    c = keep["coroutine"] = coroutine([73])
    c.send(None)
    keep["coroutine_new"] = coroutine([74])
    keep["asyncgen"] = asyncgen([75])
    keep["genexpr"] = (x for x in [[76], [77]])
    next(keep["genexpr"])
    try:
        raiser([78])
    except ValueError as e:
        keep["exception"] = e
        expect(e, "PART", "args", e.args)
        expect(e, "PART", "__traceback__", e.__traceback__)
        expect(e, "PART", "__cause__", e.__cause__)
        tb = e.__traceback__.tb_next
        expect(tb, "PART", "tb_frame", tb.tb_frame)
        frame = tb.tb_frame
        expect(frame, "LOCAL", "held", frame.f_locals["held"])
    inner = g.gi_frame.f_locals["local"]
    expect(g if sys.version_info >= (3, 11) else g.gi_frame, "LOCAL", "local", inner)
    os_error = keep["os_error"] = OSError(2, "no", [79])
    os_error.note = [80]
    stop = keep["stop"] = StopIteration([81])
    expect(stop, "ATTRIBUTE", "value", stop.value)
    keep["unicode_error"] = UnicodeDecodeError("utf-8", b"abc", 0, 1, "why")
    if sys.version_info >= (3, 11):
        group = eval("ExceptionGroup('group', [ValueError([82])])")
        group.add_note("a note")
        keep["group"] = group


def weak():
    target = keep["weak_target"] = Plain()
    callback = keep["weak_callback"] = lambda ref: None
    w = keep["weakref"] = weakref.ref(target, callback)
    expect(w, "PART", "__callback__", callback)
    expect(w, "WEAK", "referent", target)
    keep["proxy"] = weakref.proxy(target)
    dead = Plain()
    keep["dead_weakref"] = weakref.ref(dead)
    del dead
    wv = keep["weak_values"] = weakref.WeakValueDictionary()
    wv["key"] = target
    wk = keep["weak_keys"] = weakref.WeakKeyDictionary()
    wk[target] = [83]
    ws = keep["weak_set"] = weakref.WeakSet()
    ws.add(target)
    keep["weak_method"] = weakref.WeakMethod(Prop().make)
    keep["finalize"] = weakref.finalize(target, list)
    keep["finalize"].atexit = False


def runtime():
    keep["module"] = types.ModuleType("made_here", "doc")
    keep["module"].attribute = [84]
    keep["namespace"] = types.SimpleNamespace(a=[85])
    var = keep["contextvar"] = contextvars.ContextVar("var", default=[86])
    keep["token"] = var.set([87])
    ctx = keep["context"] = contextvars.copy_context()
    ctx.run(var.set, [88])
    local = keep["thread_local"] = threading.local()
    local.attribute = [89]
    keep["locks"] = [threading.Lock(), threading.RLock(), threading.Condition(), threading.Event()]
    keep["queue"] = queue.Queue()
    keep["queue"].put([90])
    if sys.version_info >= (3, 8):
        sq = keep["simple_queue"] = queue.SimpleQueue()
        sq.put([91])
    keep["file"] = open(os.devnull, "w")
    import io
    keep["io"] = [io.BytesIO(b"abc" * 100), io.StringIO("abc" * 100)]
    keep["stat"] = os.stat("/")
    keep["code"] = compile("def f(a, b=[]):\n    return lambda: (a, b)\n", "made", "exec")
    keep["simple_slice"] = slice([92], None, [93])
    keep["range"] = range(2 ** 70, 2 ** 71)
    keep["frozen"] = frozenset([(94,)])


def started(ready, finish, payload):
    waiting = [payload, "a local of a thread"]
    ready.set()
    finish.wait()
    return waiting


plain_objects()
containers()
callables()
iterators()
frames()
weak()
runtime()
ready, finish = threading.Event(), threading.Event()
thread = threading.Thread(target=started, args=(ready, finish, [95]))
thread.start()
ready.wait()
inside.record(sys.argv[1])
finish.set()
thread.join()
