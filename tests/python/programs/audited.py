"""What an extension does to reference counts (audited.c). argv: the folder of the extension."""
import ctypes
import gc
import os
import sys

sys.path.insert(0, sys.argv[1])
import audited

_snapshot = ctypes.CDLL(None).refgraph_snapshot


def fill_free_lists():
    """A list that came out of the interpreter's array of free ones stands in it still, above its end, until another is freed."""
    many = [[] for _ in range(300)]
    del many


class Lost:
    pass


class Cached:
    pass


class Borrowed:
    pass


class Kept:
    pass


class InField:
    pass


class Released:
    pass


keep = [Borrowed(), Released()]
keep.append(keep[1])
for i in range(30):
    audited.forget(Lost)
    audited.forget_list(3)
gc.collect()
fill_free_lists()
_snapshot(b"before")
audited.cache(Cached())
audited.borrow(keep[0])
audited.keep(Kept())
keep.append(audited.hide(InField()))
audited.give_back(keep[1])
for i in range(100):
    audited.forget(Lost)
    audited.forget_list(3)
gc.collect()
fill_free_lists()
_snapshot(b"after")
audited.take(keep[1])
os._exit(0)
