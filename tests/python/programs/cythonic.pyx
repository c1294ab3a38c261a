# cythonic.pyx - an extension by Cython: what it holds itself, and what its author counted by hand. tests/python/audit.py builds it.
from cpython.ref cimport Py_INCREF, PyObject

cdef object cache = None


cdef class Holder:
    cdef object held     # Cython shows it to the collector
    cdef PyObject *raw   # counted by hand, shown to nobody

    def __init__(self, held, raw):
        self.held = held
        self.raw = <PyObject *>raw
        Py_INCREF(raw)


def remember(o):
    global cache
    cache = o


def forget(cls):
    Py_INCREF(cls())
