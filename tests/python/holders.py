#!/usr/bin/env python3
"""`refgraph tasks OBJECT`: which task, thread, threading.local, context variable or generator holds each of a program's objects, and
how; and the parts of tasks, contexts and thread-locals have names."""
import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

# class: the holders, each as (kind, start of what it runs, path)
WANT = {
    "InLocal0": [("thread-local", "thread", "['value']")],
    "InLocal1": [("thread-local", "thread", "['value']")],
    "DeepInLocal2": [("thread-local", "thread", "['other'][0]")],
    "InThreadContext3": [("context", "thread", "['request']")],
    "InThreadFrame2": [("thread", "thread", "local stays of worker() holders.py:%d")],
    "InGenerator": [("generator", "delegates, suspended", "generates() > inside")],
    "InOuterGenerator": [("generator", "delegates, suspended", "outer")],
    "InAsyncGenerator": [("task", "iterates, suspended", "agenerates() > inside")],
    "InIterating": [("task", "iterates, suspended", "mine")],
    "InInner1": [("task", "handler, suspended", "inner() > deep")],
    "InInner7": [("task", "inner, suspended", "deep")],
    "InHandler2": [("task", "handler, suspended", "own")],
    "InQueueTask": [("task", "queue, suspended", "mine")],
    "InLockTask": [("task", "lock_waiter, suspended", "mine")],
    "InGathering": [("task", "gathers, suspended", "mine")],
    "InWaiting": [("task", "waits_for_task, suspended", "mine")],
    "Global": [],
}


def rows(path, *arguments):
    p = subprocess.run([REFGRAPH, "tasks", "--json", *arguments, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return [json.loads(line) for line in p.stdout.splitlines()] if p.returncode == 0 else p.stderr


def short(r):
    runs = r["runs"] or ""
    path = r["path"]
    if path and path.startswith("local stays"):
        path = path.rpartition(":")[0] + ":%d"
    return r["kind"], runs.split()[0] if runs.startswith("thread ") else runs, path


def judge(v, path):
    got = {name: [short(r) for r in rows(path, name)] for name in WANT}
    equal(v + " holders: each has the right one, and says how", {n: (got[n], w) for n, w in WANT.items() if got[n] != w}, {})
    users = collections.Counter(r["runs"].split()[0] for r in rows(path, "InTaskContext1"))
    equal(v + " holders: a context, of its task and of its timer", users, {"Task": 1, "TimerHandle": 1})
    tasks = {r["id"]: r["runs"] for r in rows(path)}
    owner = [tasks[int(r["runs"].split("#")[1])] for r in rows(path, "InTaskContext2") if r["runs"].startswith("Task")]
    equal(v + " holders: the task of a context", owner, ["handler, suspended"])
    wrong = [n for n in (0, 50, 99) if {r["path"] for r in rows(path, "Many%d" % n)} != {"['many%d']" % n}]
    equal(v + " holders: variables of a large context", wrong, [])
    threads = [rows(path, "InLocal%d" % n)[0]["runs"] for n in range(4)]
    equal(v + " holders: four threads", len(set(threads)), 4)
    same = [rows(path, "InThreadFrame%d" % n)[0]["runs"] for n in (1, 2, 3)]
    equal(v + " holders: the thread of a local and of a threading.local are one", same, threads[1:])
    waits = collections.Counter((r["in"], r["waits_for"]) for r in rows(path) if r["runs"] != "main, running")
    equal(v + " tasks: what each waits for", waits, {("sleep, suspended", "Future"): 5, ("get, suspended", "Future"): 1, ("acquire, suspended", "Future"): 1,
                                                    ("gathers, suspended", "_GatheringFuture"): 1, ("waits_for_task, suspended", "Future"): 1})
    kinds = {k: len(rows(path, "--kind", k)) for k in ("task", "thread", "thread-local", "generator")}
    equal(v + " holders: kinds without a choice", [kinds["task"], kinds["thread"] >= 4, kinds["thread-local"] >= 4, kinds["generator"] >= 1], [10, True, True, True])
    equal(v + " holders: one kind", [r["kind"] for r in rows(path, "InLocal1", "InInner1", "--kind", "task")], ["task"])
    names(v, Objects(path))


def names(v, d):
    """Of the parts of tasks, futures and thread-locals, none is an offset."""
    bare = set()
    for a in d.row:
        if d.type_name(a) in (["Task", "_asyncio"], ["Future", "_asyncio"], ["_local", "_thread"], ["Context", "_contextvars"]):
            bare |= {(d.type_name(a)[0], what) for kind, cls, what, target, flags in d.named(a) if flags & 1 and cls in ("OFFSET", "NONE") and d.type_name(target)[0] != "type"}
    equal(v + " holders: every part has a name", bare, set())


for version, python in pythons():
    v = version if python.startswith("/root") else version + " (system)"
    name = "holders-" + v.replace(" ", "")
    p = run(python, ["-W", "ignore", os.path.join(PROGRAMS, "holders.py")], name, program=False)
    path = os.path.join(TMP, name + ".1.rgd")
    if p.returncode or not os.path.exists(path):
        fail(v + " holders: runs", p.stderr)
    else:
        judge(v, path)
sys.exit(status())
