"""An object that refers to itself.

The bug       `a.attr = a` makes a reference cycle of one. When the last name goes away the reference count stays at 1:
              only the collector can free the object, and here it is switched off, as many services do for latency.

The command   refgraph run -- /usr/bin/python3 samples/self_attribute.py     (prints "ready PID", waits for a line)
              refgraph snapshot PID -o direct.rgd
              refgraph show-backrefs 'OBJ[0]' --max-depth 5 --filename direct.dot direct.rgd

The answer    One OBJ, and one edge: from the object to itself, named attr. Nothing else in the program refers to it.
"""
import gc
import os
import sys


class OBJ:
    pass


def leak():
    a = OBJ()
    a.attr = a


gc.disable()
leak()
print("ready", os.getpid(), flush=True)
sys.stdin.readline()
