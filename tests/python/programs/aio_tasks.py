"""asyncio: a service whose handler leaves two Records behind each time, and whose ping leaves nothing; dumps after 5 and after 45 of each,
the second from within a ping."""
import asyncio
import ctypes

shim = ctypes.CDLL(None)
last = None


class Record:
    __slots__ = ("previous",)

    def __init__(self, previous):
        self.previous = previous


async def store():
    global last
    await asyncio.sleep(0)
    last = Record(Record(last))


async def handle():
    await store()
    shim.refgraph_task_done(b"handle")


async def ping(label):
    kept = Record(None)
    await asyncio.sleep(0)
    if label:
        shim.refgraph_snapshot(label)
    shim.refgraph_task_done(b"ping")


async def main():
    for n in range(5):
        await asyncio.gather(handle(), ping(b""))
    shim.refgraph_snapshot(b"first")
    for n in range(40):
        await asyncio.gather(handle(), ping(b""))
    await asyncio.create_task(ping(b"second"))


asyncio.run(main())
