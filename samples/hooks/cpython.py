"""cpython.py - references on Python objects that foreign code takes by Py_IncRef(), here by ctypes.        rules: cpython

  refgraph run --rules cpython --on-exit python3 cpython.py missing    refgraph balance: 4 lists have references more than their holders
"""
import ctypes
import os
import sys

api = ctypes.pythonapi
api.Py_IncRef.argtypes = api.Py_DecRef.argtypes = [ctypes.py_object]
bug = sys.argv[1] if len(sys.argv) > 1 else "correct"


class Session:
    pass


def hasty(session):
    api.Py_DecRef(session)


for i in range(40):
    session = Session()
    api.Py_IncRef(session)
    if bug != "missing" or i % 10 != 7:
        api.Py_DecRef(session)
    if bug == "surplus" and i == 39:
        hasty(session)
    del session
