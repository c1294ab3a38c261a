"""Two objects that refer to each other, and the same pair with one weak reference.

The bug       A keeps B and B keeps A. After `del` no name reaches them, yet both live until the collector runs. In the
              weak variant B refers to A through weakref.ref: both die with `del`, at once.

The command   refgraph run -- /usr/bin/python3 samples/cycle_ab.py [weak]    (prints "ready PID" three times, each time
              refgraph snapshot PID -o held.rgd                               waiting for a line: held, dropped, collected)
              refgraph snapshot PID -o dropped.rgd
              refgraph snapshot PID -o collected.rgd
              refgraph count A held.rgd; refgraph count B held.rgd; ...

The answer               held    dropped   collected
              plain      1 1     1 1       0 0
              weak       1 1     0 0       0 0
              In dropped.rgd of the plain variant show-backrefs 'A[0]' draws two objects: A -b-> B -a-> A.
"""
import gc
import os
import sys
import weakref


class A:
    pass


class B:
    pass


def pause():
    print("ready", os.getpid(), flush=True)
    sys.stdin.readline()


def main(weak):
    a, b = A(), B()
    a.b = b
    b.a = weakref.ref(a) if weak else a
    pause()
    del a, b
    pause()
    gc.collect()
    pause()


gc.disable()
main("weak" in sys.argv[1:])
