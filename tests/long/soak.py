#!/usr/bin/env python3
"""A week in an hour: two services (programs/shop.py: flask with a thread a request, asyncio) under constant load for SOAK_MINUTES (30),
each three times side by side: alone, under the shim as it is by default, and with full stacks; a snapshot every SOAK_EVERY (10)
seconds. All get the same requests (SOAK_RATE a second and process, 10) in turns, by the clock and not by their answers, so that a
pause is seen by all that would have come meanwhile.

Judged: every answer is right; every dump is whole and lost nothing; and from the second quarter to the last no descriptor, thread,
mapping or memory more than the service alone has. Told, not judged: the percentiles of latency, as the machine may be busy."""
import asyncio
import collections
import glob
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools"))
from verdict import *

MINUTES, EVERY = float(os.environ.get("SOAK_MINUTES", "30")), int(os.environ.get("SOAK_EVERY", "10"))
RATE, SESSIONS = float(os.environ.get("SOAK_RATE", "10")), int(os.environ.get("SOAK_SESSIONS", "20000"))
PYTHON = os.environ.get("SOAK_PYTHON", "/usr/bin/python3")
SERVICES = ["flask", "asyncio"]
WAYS = {"alone": None, "default": {}, "full": {"REFGRAPH_STACKS": "full", "REFGRAPH_PYTHON_STACKS": "full"}}
PERCENTS = [50, 90, 99, 99.9]
KIB = 1024
# What may differ between the medians of two quarters: mappings, resident KiB of the service beyond the one alone, of the shim (whose
# table of blocks is a quarter of what the service itself grew by).
SLACK = {"fds": 0, "threads": 0, "maps": 8, "rss": 2048, "shim": 1024}
TABLE = 0.25


class Service:
    """One process: where it listens, what was measured of it."""

    def __init__(self, kind, way):
        self.kind, self.way, self.name = kind, way, "%s-%s" % (kind, way)
        self.latency, self.samples, self.own, self.bad = [], [], [], []
        self.wrong = self.dumps = 0
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("REFGRAPH")}
        if WAYS[way] is not None:
            env.update(WAYS[way], LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=self.name + ".%n.rgd", REFGRAPH_EVERY="%ds" % EVERY)
        self.log = os.path.join(TMP, self.name + ".log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([PYTHON, os.path.join(HERE, "programs", "shop.py"), kind, str(self.port), str(SESSIONS)],
                                            env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def ready(self):
        if "ready" not in open(self.log).read():
            return False
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    async def request(self, user, item, due):
        """Latency is from when it was due."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /cart/u%d?item=%d HTTP/1.0\r\nHost: x\r\n\r\n" % (user, item))
            answer = await reader.read()
            writer.close()
        except OSError as why:
            answer = str(why).encode()
        self.latency.append(time.perf_counter() - due)
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = body.split(b"\n")
        self.wrong += not (b" 200 OK" in head and lines[0] == b"u%d" % user and lines[-2].endswith(b" item %d" % item))

    def sample(self):
        pid = self.process.pid
        with open("/proc/%d/status" % pid) as f:
            status = dict(line.split(":", 1) for line in f)
        with open("/proc/%d/maps" % pid) as f:
            maps = sum(1 for _ in f)
        self.samples.append({"rss": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]), "maps": maps,
                             "fds": len(os.listdir("/proc/%d/fd" % pid))})

    def judge_dumps(self):
        """Those that are complete by now; they go."""
        for path in sorted(glob.glob(os.path.join(TMP, glob.escape(self.name) + ".*.rgd")), key=os.path.getmtime)[:-1]:
            self.judge_dump(path)
            os.unlink(path)

    def judge_dump(self, path):
        self.dumps += 1
        check = subprocess.run(["nice", REFGRAPH, "check", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        if check.returncode:
            self.bad.append(check.stdout.strip())
        info = dict(line.split(None, 1) for line in answer("info", path).splitlines() if len(line.split(None, 1)) == 2)
        self.bad += ["%s %s" % (k, n) for k, n in info.items() if k.startswith("counter.lost.") and n.strip() != "0"]
        if info.get("complete") != "yes":
            self.bad.append("complete: %s" % info.get("complete"))
        rows = {r["kind"]: r for r in map(json.loads, answer("memory", "--json", path).splitlines()) if "kind" in r}
        self.own.append(rows["refgraph"]["rss"])

    def stop(self):
        children = open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)).read().split()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.status = "does not end"
        return children


def answer(*arguments):
    return subprocess.run(["nice", REFGRAPH, *arguments], stdout=subprocess.PIPE, universal_newlines=True).stdout


def quarter(values, n):
    """Median of that quarter of the time."""
    size = len(values) // 4
    return statistics.median(values[n * size:(n + 1) * size] or [0])


def rise(values):
    """From the second quarter to the last."""
    return quarter(values, 3) - quarter(values, 1)


async def load(services, end, loop):
    rng, tick, start, pending = random.Random(1), 1 / (RATE * len(services)), time.perf_counter(), set()
    number, user, item = 0, 0, 0
    while time.perf_counter() < end:
        if number % len(services) == 0:
            user, item = rng.randrange(2 * SESSIONS), rng.randrange(10000)
            order = rng.sample(services, len(services))
        due = start + number * tick
        await asyncio.sleep(max(0, due - time.perf_counter()))
        task = loop.create_task(order[number % len(services)].request(user, item, due))
        pending.add(task)
        task.add_done_callback(pending.discard)
        number += 1
    await asyncio.gather(*pending)


async def watch(services, end, loop):
    while time.perf_counter() + EVERY < end:
        await asyncio.sleep(EVERY)
        for s in services:
            s.sample()
        for s in services:
            if WAYS[s.way] is not None:
                await loop.run_in_executor(None, s.judge_dumps)


async def soak(services):
    loop = asyncio.get_running_loop()
    end = time.perf_counter() + MINUTES * 60
    await asyncio.gather(load(services, end, loop), watch(services, end, loop))


def tell(services):
    """Tables of latencies and of what grew."""
    say("# %-16s %8s %s" % ("latency, ms", "requests", " ".join("%8s" % ("p%g" % p) for p in PERCENTS) + "      max     mean"))
    for s in services:
        times = sorted(s.latency)
        points = [times[min(len(times) - 1, int(len(times) * p / 100))] for p in PERCENTS] + [times[-1], statistics.mean(times)]
        say("# %-16s %8d %s" % (s.name, len(times), " ".join("%8.2f" % (t * 1e3) for t in points)))
    say("# %-16s %10s %10s %8s %8s %8s %8s %12s %12s" % ("second -> last", "rss KiB", "rise", "fds", "threads", "maps", "dumps", "shim KiB", "rise"))
    for s in services:
        columns = {k: [x[k] for x in s.samples] for k in s.samples[0]}
        say("# %-16s %10d %+10d %+8d %+8d %+8d %8d %12d %+12d" % (
            s.name, quarter(columns["rss"], 3), rise(columns["rss"]), rise(columns["fds"]), rise(columns["threads"]), rise(columns["maps"]),
            s.dumps, quarter(s.own, 3) / KIB, rise(s.own) / KIB))


def judge_growth(s, alone):
    grown, service = {}, {}
    for key in "fds", "threads", "maps", "rss":
        service[key] = max(0, rise([x[key] for x in alone.samples]))
        excess = rise([x[key] for x in s.samples]) - service[key]
        if excess > SLACK[key] + (TABLE * service[key] if key == "rss" else 0):
            grown[key] = excess
    if rise(s.own) / KIB > SLACK["shim"] + TABLE * service["rss"]:
        grown["shim's resident KiB"] = rise(s.own) / KIB
    equal("soak %s: no growth from us in %g minutes" % (s.name, MINUTES), grown, {})


def main():
    services = [Service(kind, way) for kind in SERVICES for way in WAYS]
    try:
        deadline = time.time() + 60
        while not all(s.ready() for s in services):
            if time.time() > deadline or any(s.process.poll() is not None for s in services):
                fail("soak: the services start", [open(s.log).read()[-300:] for s in services if not s.ready()])
                return
            time.sleep(0.1)
        asyncio.run(soak(services))
        children = {s.name: s.stop() for s in services}
    finally:
        for s in services:
            if s.process.poll() is None:
                s.process.kill()
    tell(services)
    for s in services:
        equal("soak %s: all of %d answers are right" % (s.name, len(s.latency)), s.wrong, 0)
        equal("soak %s: ends, and said nothing" % s.name, (s.status, open(s.log).read().count("refgraph")), (0, 0))
        if WAYS[s.way] is not None:
            alone = next(x for x in services if x.kind == s.kind and WAYS[x.way] is None)
            judge("soak %s: dumps come, and are whole (%d)" % (s.name, s.dumps), not s.bad and s.dumps >= MINUTES * 60 / EVERY / 2, s.bad[:5])
            judge_growth(s, alone)


main()
sys.exit(status())
