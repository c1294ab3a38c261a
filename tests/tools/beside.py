"""beside.py - what a program says of itself (programs/inside.py) beside its dump at that instant: what is different, and not explained
by the question itself. Each function returns a list of differences, empty when there are none."""
import collections

from shimmed import FINALIZED, IMMORTAL, TRACKED


def call_objects(inside, d):
    """What lives only while the program asks for the snapshot: the tuple of the call's arguments, and ctypes' copy of one."""
    return {a for a in d.tracked() if d.type_name(a)[0] == "CArgObject" or
            (d.type_name(a)[0] == "tuple" and d.visited(a) == [inside["label"]])}


def tracked(inside, d):
    """({address: generation} of what the dump has, of what the program has): the collector's objects, without the question's own."""
    call = call_objects(inside, d)
    inner = {a: g for g, list_ in enumerate(inside["generations"]) for a in list_ if a not in call}
    return {a: d.generation(a) for a in d.tracked() if d.generation(a) < 3 and a not in call}, inner


def tracked_too_many(inside, d):
    dumped, inner = tracked(inside, d)
    return [(hex(a), d.type_name(a)) for a in dumped if a not in inner]


def tracked_missing(inside, d):
    dumped, inner = tracked(inside, d)
    return [(hex(a),) for a in inner if a not in dumped and a not in inside["own"]]


def generations(inside, d):
    dumped, inner = tracked(inside, d)
    return [(hex(a), inner[a], dumped[a]) for a in inner if a in dumped and inner[a] != dumped[a]]


def typestats(inside, d):
    """objgraph.typestats(), long names."""
    dumped, _ = tracked(inside, d)
    want, got = inside["typestats"], collections.Counter(".".join(d.type_name(a)[::-1]).lstrip(".") for a in dumped)
    return [(k, got[k], want.get(k)) for k in set(got) | set(want) if got[k] != want.get(k)]


def types(inside, d):
    """Type, finalized, tracked, of everything that can be reached."""
    wrong, own = [], set(inside["own"])
    for a, (t, finalized, is_tracked) in inside["facts"].items():
        a = int(a)
        if a in d.row and a not in own:
            want = inside["types"][str(t)]
            if d.type_name(a) != want:
                wrong.append((hex(a), d.type_name(a), want))
            if finalized is not None and bool(d.flags(a) & FINALIZED) != finalized:
                wrong.append((hex(a), d.type_name(a), "finalized", finalized))
            if bool(d.flags(a) & TRACKED) != bool(is_tracked):
                wrong.append((hex(a), d.type_name(a), "tracked", is_tracked))
    return wrong


def referents(inside, d):
    """gc.get_referents() of everything that can be reached."""
    own, call = set(inside["own"]), call_objects(inside, d)
    wrong = []

    def kind(a):
        return inside["types"].get(str(inside["facts"].get(str(a), [0])[0]))
    for a, want in inside["referents"].items():
        a = int(a)
        if a in own or a in call:
            continue
        if a not in d.row:
            if not own & set(want):
                wrong.append((hex(a), kind(a), "is not in the dump"))
            continue
        got = d.visited(a)
        if got != want and collections.Counter(got) != collections.Counter(w for w in want if w not in own):
            lost = collections.Counter(want) - collections.Counter(got)
            more = collections.Counter(got) - collections.Counter(want)
            wrong.append((hex(a), d.type_name(a), "missing", [kind(x) for x in lost][:4], "too many", [d.type_name(x) for x in more][:4]))
    return wrong


def refcounts(inside, d):
    """Equal but for what the two calls hold: the function that is being called is on the stack once more, and ctypes' argument
    is one more instance of its type."""
    call = call_objects(inside, d)
    holds = {inside["snapshot"]: 1, inside["getrefcount"]: -1}
    for a in call:
        if d.type_name(a)[0] == "CArgObject":
            holds[d.types[d.row[a][1]][5] - 1] = 1
    by_number = {d.number[a]: a for a in d.row}
    holds = {by_number.get(k, k): n for k, n in holds.items()}
    wrong = []
    for a, want in inside["counts"].items():
        a = int(a)
        if a in d.row and a not in call and not d.flags(a) & IMMORTAL and d.refcount(a) - want != holds.get(a, 0):
            wrong.append((hex(a), d.type_name(a), d.refcount(a), want))
    return wrong


ALL = [tracked_too_many, tracked_missing, generations, typestats, types, referents, refcounts]
