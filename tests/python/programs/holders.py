"""Objects that tasks, threads, contexts and generators hold, each of a class of its own; then a dump out of the event loop."""
import asyncio
import contextvars
import ctypes
import os
import threading

library = ctypes.CDLL(None)
library.refgraph_snapshot.argtypes = [ctypes.c_char_p]


class Held:
    def __init__(self, name):
        self.name = name


def make(name):
    return type(name, (Held,), {})(name)


local = threading.local()
request = contextvars.ContextVar("request")
user = contextvars.ContextVar("user", default=None)
many = [contextvars.ContextVar("many%d" % i) for i in range(100)]
ready = threading.Barrier(4)
done = threading.Event()


def worker(n):
    local.value = make("InLocal%d" % n)
    local.other = [make("DeepInLocal%d" % n)]
    request.set(make("InThreadContext%d" % n))
    stays = make("InThreadFrame%d" % n)
    ready.wait()
    done.wait()
    return stays


def generates():
    inside = make("InGenerator")
    yield 1
    yield inside


def delegates():
    outer = make("InOuterGenerator")
    yield from generates()
    yield outer


async def agenerates():
    inside = make("InAsyncGenerator")
    yield 1
    yield inside


async def inner(n):
    deep = make("InInner%d" % n)
    await asyncio.sleep(1000)
    return deep


async def handler(n):
    request.set({"session": make("InTaskContext%d" % n)})
    if n == 1:
        for i, v in enumerate(many):
            v.set(make("Many%d" % i))
    own = make("InHandler%d" % n)
    await inner(n)
    return own


async def queue(q):
    mine = make("InQueueTask")
    await q.get()
    return mine


async def lock_waiter(lock):
    mine = make("InLockTask")
    async with lock:
        return mine


async def gathers():
    mine = make("InGathering")
    await asyncio.gather(inner(7), inner(8))
    return mine


async def iterates():
    mine = make("InIterating")
    async for _ in agenerates():
        await asyncio.sleep(1000)
    return mine


async def waits_for_task(t):
    mine = make("InWaiting")
    await asyncio.shield(t)
    return mine


async def main():
    q, lock = asyncio.Queue(), asyncio.Lock()
    await lock.acquire()
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(handler(n)) for n in (1, 2)]
    tasks += [loop.create_task(c) for c in (queue(q), lock_waiter(lock), gathers(), iterates(), waits_for_task(tasks[0]))]
    if hasattr(tasks[0], "set_name"):
        tasks[0].set_name("handler one")
    # a coroutine that nobody runs, and one that is only an attribute of something global
    global idle, orphan
    idle = inner(99)
    for _ in range(5):
        await asyncio.sleep(0)
    library.refgraph_snapshot(b"")
    os._exit(0)


threads = [threading.Thread(target=worker, args=(n,), name="worker-%d" % n, daemon=True) for n in (1, 2, 3)]
for t in threads:
    t.start()
ready.wait()
local.value = make("InLocal0")
generator = delegates()
next(generator)
user.set(make("InMainContext"))
everybody = make("Global")
asyncio.new_event_loop().run_until_complete(main())
