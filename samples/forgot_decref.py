"""A Python list that a C extension forgot to release.

The bug       forgot_decref.c appends each row to the result and keeps its own reference. When Python drops the result, 500
              lists stay, each with a reference count of 1 and nobody who refers to it.

The command   gcc -shared -fPIC -O2 $(/usr/bin/python3-config --includes) -o forgot_decref_ext.so samples/forgot_decref.c
              PYTHONPATH=. refgraph run -- /usr/bin/python3 samples/forgot_decref.py   (prints "ready PID" twice)
              refgraph snapshot PID -o before.rgd
              refgraph snapshot PID -o after.rgd                                        (after one line)
              refgraph show-growth before.rgd after.rgd
              refgraph count --where 'type == list and unexplained == 1 and epoch > 1' after.rgd

The answer    show-growth: list, +500. 500 lists, born since before.rgd, have a reference count of 1 that nothing in the process explains: a
              count without a holder is a reference that C code took and never gave back.
"""
import gc
import os
import sys

import forgot_decref_ext


def pause():
    gc.collect()
    print("ready", os.getpid(), flush=True)
    while os.read(0, 1) not in (b"\n", b""):  # a large buffer could lie where the list of rows was, and still show its pointers
        pass


def work():
    return sum(len(row) for row in forgot_decref_ext.rows(500))


pause()
total = work()
pause()
sys.exit(0 if total == 1500 else 1)
