"""A closure that holds a big buffer.

The bug       make_handler() reads 8 MiB to compute one number; the inner function mentions the buffer, so its cell keeps
              all of it for as long as the handler is registered.

The command   refgraph run -- /usr/bin/python3 samples/closure_buffer.py     (prints "ready PID", waits for a line)
              refgraph snapshot PID -o buffer.rgd
              refgraph by-type bytearray buffer.rgd
              refgraph find-backref-chain bytearray buffer.rgd

The answer    One bytearray of 8 MiB, held by: module __main__ -> HANDLERS, a dict -> ['resize'], a function -> its closure
              -> the cell of the free variable buffer -> the bytearray.
"""
import os
import sys

HANDLERS = {}


def make_handler():
    buffer = bytearray(8 << 20)

    def on_resize(event):
        return len(buffer) + len(event)

    return on_resize


HANDLERS["resize"] = make_handler()
print("ready", os.getpid(), flush=True)
sys.stdin.readline()
