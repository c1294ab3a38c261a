"""What an extension by Cython does to reference counts (cythonic.pyx). argv: the folder of the extension."""
import ctypes
import gc
import os
import sys

sys.path.insert(0, sys.argv[1])
import cythonic

_snapshot = ctypes.CDLL(None).refgraph_snapshot


class CyLost:
    pass


class CyCached:
    pass


class CyHeld:
    pass


class CyRaw:
    pass


keep = [cythonic.Holder(CyHeld(), CyRaw())]
cythonic.remember(CyCached())
for n in 20, 50:
    for i in range(n):
        cythonic.forget(CyLost)
    gc.collect()
    _snapshot(b"")
os._exit(0)
