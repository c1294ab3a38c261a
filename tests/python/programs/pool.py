"""A pool of two workers whose tasks leave two Items behind each. Every worker is asked for a dump by a task that tells, as the dump's
label, how many tasks it did; last the parent, labelled "parent"."""
import concurrent.futures
import ctypes
import multiprocessing
import os
import sys
import time

shim = ctypes.CDLL(None)
done = 0
last = None


class Item:
    __slots__ = ("previous",)

    def __init__(self, previous):
        self.previous = previous


def task(n):
    global done, last
    last = Item(Item(last))
    done += 1


def dump(folder):
    """The others wait until each worker has one of these."""
    shim.refgraph_snapshot(b"%d" % done)
    open(os.path.join(folder, str(os.getpid())), "w").close()
    wait_for(lambda: len(os.listdir(folder)) >= 2)


def wait_for(condition):
    end = time.time() + 60
    while not condition() and time.time() < end:
        time.sleep(0.01)


def only(queue, folder):
    for n in iter(queue.get, None):
        task(n)
    dump(folder)


def plain_fork(folder, count):
    """A server's children, which count what they serve themselves."""
    for child in range(2):
        if os.fork() == 0:
            for n in range(count // 2 + child):
                task(n)
                shim.refgraph_task_done(b"request")
            dump(folder)
            wait_for(lambda: os.path.exists(folder + ".end"))
            os._exit(0)
    wait_for(lambda: len(os.listdir(folder)) >= 2)
    shim.refgraph_snapshot(b"parent")
    open(folder + ".end", "w").close()
    for child in range(2):
        os.wait()


def main():
    kind, folder, count = sys.argv[1], sys.argv[2], 31
    if kind == "plain":
        return plain_fork(folder, count)
    method = {"executor": "fork", "processes": "fork"}.get(kind, kind)
    context = multiprocessing.get_context(method)
    if kind == "processes":
        queue = context.SimpleQueue()
        workers = [context.Process(target=only, args=(queue, folder)) for i in range(2)]
        for w in workers:
            w.start()
        for n in list(range(count)) + [None, None]:
            queue.put(n)
        shim.refgraph_snapshot(b"parent")
        for w in workers:
            w.join()
    elif kind == "executor":
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            list(pool.map(task, range(count)))
            list(pool.map(dump, [folder] * 2))
            shim.refgraph_snapshot(b"parent")
    else:
        with context.Pool(2) as pool:
            pool.map(task, range(count), chunksize=1)
            pool.map(dump, [folder] * 2, chunksize=1)
            shim.refgraph_snapshot(b"parent")


if __name__ == "__main__":
    main()
