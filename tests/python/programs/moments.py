"""Snapshots at awkward moments. argv: the moment, then what it needs."""
import ctypes
import gc
import os
import sys
import threading
import time

moment = sys.argv[1]
released, held = ctypes.CDLL(None), ctypes.PyDLL(None)


class Marked:
    pass


keep = [Marked() for _ in range(7)]

if moment == "held":  # the caller holds the interpreter's lock
    print(held.refgraph_snapshot(b"held"))
elif moment == "collecting":
    class Dying:
        def __del__(self):
            print(released.refgraph_snapshot(b"collecting"))
    d = Dying()
    d.me = d
    del d
    gc.collect()
elif moment == "exit":
    import atexit
    atexit.register(print, "our callback")
    keep.append(Marked())
    sys.exit(3)
elif moment == "exit-raise":
    raise ValueError("end")
elif moment == "os-exit":
    os._exit(4)
elif moment == "busy":  # a C function that keeps the lock
    print("ready", flush=True)
    held.read(0, ctypes.create_string_buffer(8), 1)
    print("done")
elif moment == "computing":  # bytecode that never blocks
    print("ready", flush=True)
    end = time.time() + 60
    while time.time() < end and not os.path.exists(sys.argv[2]):
        keep.append([Marked()])
        keep.pop()
    print("done")
elif moment == "threads":
    def work():
        local = [Marked()]
        for i in range(10 ** 9):
            local.append({"i": i})
            if len(local) > 1000:
                del local[1:]
            if stop:
                return
    stop = []
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for _ in range(5):
        assert released.refgraph_snapshot(b"threads") == 0
    stop.append(1)
    for t in threads:
        t.join()
    print("done")
elif moment == "fork":
    pid = os.fork()
    keep.append(Marked())
    if pid == 0:
        keep.append(Marked())
        status = released.refgraph_snapshot(b"child")
        os._exit(status)
    print(os.waitpid(pid, 0)[1], released.refgraph_snapshot(b"parent"))
elif moment == "fork-thread":  # the child's only thread is not the main one, and ends before the process does
    def forks():
        pid = os.fork()
        if pid:
            print(os.waitpid(pid, 0)[1])
    import warnings
    warnings.simplefilter("ignore")
    t = threading.Thread(target=forks)
    t.start()
    t.join()
elif moment == "subinterpreter":
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        import _interpreters as interpreters
    source = "class Inner: pass\nkeep = [Inner() for _ in range(5)]\n"
    shared = {} if sys.argv[2] == "own" or sys.version_info < (3, 10) else {"isolated": False}
    if sys.version_info >= (3, 13):
        i = interpreters.create("isolated" if sys.argv[2] == "own" else "legacy")
        interpreters.exec(i, source)
    else:
        i = interpreters.create(**shared)
        interpreters.run_string(i, source)
    print(released.refgraph_snapshot(b"sub"))
    interpreters.destroy(i)
elif moment == "frozen":
    gc.collect()
    gc.freeze()
    young = [Marked()]
    print(released.refgraph_snapshot(b"frozen"), gc.get_freeze_count())
