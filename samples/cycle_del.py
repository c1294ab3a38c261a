"""A cycle of objects with __del__.

The bug       A connection and its transport refer to each other, and __del__ is meant to close the socket. People expect
              that at the `del`; in a cycle it happens when the collector comes by, here never by itself.

The command   refgraph run -- /usr/bin/python3 samples/cycle_del.py          (prints "ready PID" twice: after `del`, and
              refgraph snapshot PID -o dropped.rgd                            after gc.collect())
              refgraph snapshot PID -o collected.rgd
              refgraph show-backrefs 'Connection[0]' --filename cycle.dot dropped.rgd

The answer    dropped.rgd: 10 Connection, 10 Transport; the drawing holds both objects of one pair, the edges transport
              and owner, and the red double circle `__del__` at the Connection.
              collected.rgd: 0 and 0; the program has closed 10 connections.
"""
import gc
import os
import sys

closed = 0


class Transport:
    def __init__(self, owner):
        self.owner = owner


class Connection:
    def __init__(self):
        self.transport = Transport(self)

    def __del__(self):
        global closed
        closed += 1


def pause():
    print("ready", os.getpid(), "closed", closed, flush=True)
    sys.stdin.readline()


gc.disable()
for _ in range(10):
    Connection()
pause()
gc.collect()
pause()
