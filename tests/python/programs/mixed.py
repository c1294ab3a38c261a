"""Python calls C calls Python, and both allocate; from the main thread and from another one. argv: the library."""
import ctypes
import sys
import threading

lib = ctypes.PyDLL(sys.argv[1]) if sys.argv[2:] == ["locked"] else ctypes.CDLL(sys.argv[1])
kept = []


class Thing:
    pass


def generate():
    kept.append(Thing())
    yield 5


def called():
    for n in generate():
        return n


def caller(f):
    return lib.mixed_outer(f)


def main():
    caller(ctypes.CFUNCTYPE(ctypes.c_int)(called))


main()
ctypes.CDLL(None).refgraph_snapshot(b"mixed")
thread = threading.Thread(target=main)
thread.start()
thread.join()
ctypes.CDLL(None).refgraph_snapshot(b"thread")
