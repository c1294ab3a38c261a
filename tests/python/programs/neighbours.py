"""Blocks of no bytes beside small blocks of malloc; a snapshot at the end."""
import ctypes


def neighbours():
    """Blocks of no bytes of the runtime's allocator in holes between small ones of malloc: no record must meet another."""
    native, runtime, empty = ctypes.CDLL(None), ctypes.pythonapi, ctypes.c_size_t(0)
    makers = [runtime.PyMem_Malloc, runtime.PyObject_Malloc, lambda size: runtime.PyMem_Calloc(size, empty)]
    frees = [runtime.PyMem_Free, runtime.PyObject_Free, runtime.PyMem_Free]
    for f in [native.malloc, runtime.PyMem_Calloc] + makers[:2]:
        f.restype = ctypes.c_void_p
    small, none = (ctypes.c_void_p * 1000)(), (ctypes.c_void_p * 500)()
    for i in range(1000):
        small[i] = native.malloc(24)
    for i in range(0, 1000, 2):
        native.free(ctypes.c_void_p(small[i]))
    for i in range(500):
        none[i] = makers[i % 3](empty)
    for i in range(1, 1000, 2):
        native.free(ctypes.c_void_p(small[i]))
    for i in range(500):
        frees[i % 3](ctypes.c_void_p(none[i]))


neighbours()
ctypes.CDLL(None).refgraph_snapshot(b"neighbours")
