"""Tasks that wait, each with a session of its own, one that two of them share, and one that no task has."""
import asyncio
import ctypes
import os


class Session:
    pass


class Shared:
    pass


class Global:
    pass


kept = Global()


class Child(asyncio.Task):
    pass


async def handle(n, *shared):
    held = {"session": [Session()], "shared": shared}
    await step(held)


async def step(held):
    await asyncio.sleep(1000)


async def queue(q):
    await q.get()


async def done():
    return [Session()]


async def main():
    shared = Shared()
    tasks = [asyncio.ensure_future(handle(i, *([shared] if i in (1, 2) else []))) for i in range(4)]
    tasks.append(asyncio.ensure_future(queue(asyncio.Queue())))
    tasks.append(Child(handle(9), loop=asyncio.get_running_loop()))
    tasks.append(asyncio.ensure_future(done()))
    del shared
    await asyncio.sleep(0.01)
    ctypes.CDLL(None).refgraph_snapshot(b"waiting")
    os._exit(0)


asyncio.run(main())
