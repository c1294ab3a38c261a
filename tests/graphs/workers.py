#!/usr/bin/env python3
"""A pool of processes, out of dumps made by hand: who made whom, what grew by task and by type, why pages are shared no more, what to
paste; and runs of pages that cannot be."""
import json, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run, equal

S = 10**9
START = 1700000000 * S
MIB = 1 << 20
BASE = 0x7f0000000000
TYPES = ["type", "dict", "list", "function", "code", "staticmethod", "Record", "bytes"]


KEPT = "(no object: CPython's free lists, buffers of C)"


def head(pid, key, at, serial=1):
    return ["header pid=%d key=%d serial=%d time=%d" % (pid, key, serial, START + at * S)]


def common():
    """Celery's registry with the tasks app.leak and app.clean, and the stacks of what they make."""
    out = ["type %s module=%s runtime=python flags=gc" % (t, "app" if t == "Record" else "builtins") for t in TYPES]
    out += ["type TaskRegistry module=celery.app.registry runtime=python flags=gc"]
    frames = [("loop", "Worker.workloop", "/lib/billiard/pool.py"), ("trace", "build_tracer.<locals>.trace_task", "/lib/celery/app/trace.py"),
              ("retry", "add_autoretry_behaviour.<locals>.run", "/lib/celery/app/autoretry.py"), ("leak", "leak", "/srv/app.py"),
              ("clean", "clean", "/srv/app.py"), ("help", "helper", "/srv/app.py"), ("store", "Backend.store", "/lib/celery/backends/base.py"),
              ("run", "Handle._run", "/lib/asyncio/events.py"), ("step", "Task.__step", "/lib/asyncio/tasks.py"), ("coro", "serve", "/srv/net.py")]
    out += ["frame %s python function=\"%s\" file=%s line=1" % f for f in frames]
    out += ["stack s_loop loop", "stack s_trace trace s_loop", "stack s_retry retry s_trace", "stack s_leak leak s_retry", "stack s_help help s_leak",
            "stack s_clean clean s_trace", "stack s_store store s_trace", "stack s_run run", "stack s_step step s_run", "stack s_coro coro s_step",
            "stack s_alone leak"]
    for t in ("leak", "clean"):
        out += ["object t_%s type addr=%d size=1000 rc=9 epoch=1" % (t, BASE + (0x100000 if t == "leak" else 0x200000)),
                "type %s module=app runtime=python flags=gc,heap object=t_%s" % (t, t),
                "object i_%s %s size=48 rc=9 epoch=1" % (t, t), "object d_%s dict size=64 rc=9 epoch=1" % t, "object sm_%s staticmethod size=32 rc=9 epoch=1" % t,
                "object f_%s function size=136 rc=9 epoch=1" % t,
                "object c_%s code size=200 rc=9 epoch=1 prop.name=%s prop.file=/srv/app.py prop.line=3" % (t, t),
                "edge t_%s d_%s part=__dict__" % (t, t), "edge d_%s sm_%s key=run" % (t, t), "edge sm_%s f_%s part=__func__" % (t, t),
                "edge f_%s c_%s part=__code__" % (t, t)]
    out += ["object reg TaskRegistry size=100 rc=9 epoch=1", "edge reg i_leak key=app.leak", "edge reg i_clean key=app.clean"]
    return out


def maps(rss, private):
    return ["map 0x7f0000000000 0x7f0010000000 rw-p rss=%d dirty=%d anonymous=%d" % (rss, private, rss)]


def parent(serial, at, leaks, cleans):
    out = head(10, 100, at, serial) + common() + maps(40 * MIB, 30 * MIB)
    out += ["meta parent 1", "meta worker.role \"celery main\"", "meta started %d" % START, "meta cpu.us 2000000"]
    out += ["counter \"pool.task.done app.leak\" %d" % leaks, "counter \"pool.task.done app.clean\" %d" % cleans, "counter pool.tasks.done %d" % (leaks + cleans)]
    return rgd.make("parent%d.rgd" % serial, text="\n".join(out) + "\n")


def child(pid, key, serial, at, done, records, others, cpu, name=None):
    """`records` Records with 1000 bytes each that leak left behind; others: {stack: number of lists of 100 bytes}."""
    out = head(pid, key, at, serial) + common() + maps(20 * MIB + done * 4096, 8 * MIB + done * 4096)
    out += ["meta parent 10", "meta worker.parent 10", "meta worker.name ForkPoolWorker-%d" % (pid - 10), "meta worker.role \"celery worker\"",
            "meta started %d" % (START + 10 * S), "meta cpu.us %d" % cpu, "meta fork.parent 10", "meta fork.key 64", "meta fork.epoch 2",
            "counter tasks.done %d" % done]
    for i in range(records):
        out += ["object r%d Record size=48 rc=1 epoch=3 stack=%s" % (i, "s_leak" if i % 2 else "s_help"),
                "object b%d bytes size=1000 rc=2 epoch=3 stack=s_help" % i, "edge r%d b%d attr=payload" % (i, i)]
    for stack, n in others.items():
        out += ["object %s%d list size=100 rc=1 epoch=3 stack=%s" % (stack, i, stack) for i in range(n)]
    # on a free list: a block in an arena that is no object
    out += ["region 0x7e0000000000 0x100000 kind=1"] + ["object k%d block addr=%d size=64 epoch=3 stack=s_clean" % (i, 0x7e0000000000 + i * 64) for i in range(done // 10)]
    # garbage that nobody has collected yet: as much as tasks were done
    for i in range(0, done, 2):
        out += ["object x%d list size=100 rc=1 epoch=3 stack=s_clean" % i, "object y%d list size=100 rc=1 epoch=3 stack=s_leak" % i,
                "edge x%d y%d index=0" % (i, i), "edge y%d x%d index=0" % (i, i)]
    out += ["pages 0x7f0000000000 %d private" % (2048 + done), "pages 0x7f0001000000 3072 shared", "pages 0x7f0002000000 10 shim"]
    return rgd.make(name or "child%d.%d.rgd" % (pid, serial), text="\n".join(out) + "\n")


def rows(*args):
    run = Run(["workers", "--json"] + list(args))
    return [json.loads(line) for line in run.out.splitlines()] if run.rc == 0 else (run.rc, run.err)


def some(table, *names):
    return [tuple(r[n] for n in names) for r in table] if isinstance(table, list) else table


# child 11: 20 tasks, then 60 more: 30 leaks of 2 Records, 30 clean ones. Child 12: 10, then 30 more, of them 20 leaks.
first = [parent(1, 20, 15, 15), child(11, 101, 1, 21, 20, 20, {"s_clean": 3, "s_store": 1}, 50000), child(12, 102, 1, 22, 10, 10, {"s_clean": 3}, 40000)]
second = [parent(2, 60, 65, 55), child(11, 101, 2, 61, 80, 80, {"s_clean": 3, "s_store": 7}, 110000), child(12, 102, 2, 62, 40, 50, {"s_clean": 3}, 70000)]
both = second + first  # in any order

pool = rows(*both)
equal("workers: who made whom, roles, tasks", some(pool, "pid", "parent", "role", "name", "tasks", "age", "growth_tasks"),
      [(10, 1, "celery main", "", None, 60, None), (11, 10, "celery worker", "ForkPoolWorker-1", 80, 51, 60),
       (12, 10, "celery worker", "ForkPoolWorker-2", 40, 52, 30)])
equal("workers: memory", some(pool, "pid", "rss", "shared", "private", "refgraph"),
      [(10, 40 * MIB, 10 * MIB, 30 * MIB, None), (11, 20 * MIB + 80 * 4096, 12 * MIB, (2048 + 80) * 4096, 40960),
       (12, 20 * MIB + 40 * 4096, 12 * MIB, (2048 + 40) * 4096, 40960)])
equal("workers: growth", some(pool, "pid", "growth", "objects_growth", "per_task", "first"),
      [(10, None, None, None, first[0]), (11, 60 * 1048 + 600 + 6 * 64, 132, 1064.4, first[1]), (12, 40 * 1048 + 3 * 64, 83, 1403.73, first[2])])
equal("workers: garbage is no growth", some(pool, "pid", "garbage"), [(10, None), (11, 8000), (12, 4000)])
equal("workers --by task: exactly what a task leaves behind, and 0 of the other", rows("--by", "task", *both), [
    {"task": "app.leak", "type": None, "tasks": 50, "objects": 200, "bytes": 104800, "objects_per_task": 4, "bytes_per_task": 2096, "workers": None},
    {"task": "app.leak", "type": "builtins.bytes", "tasks": 50, "objects": 100, "bytes": 100000, "objects_per_task": 2, "bytes_per_task": 2000, "workers": 2},
    {"task": "app.leak", "type": "app.Record", "tasks": 50, "objects": 100, "bytes": 4800, "objects_per_task": 2, "bytes_per_task": 96, "workers": 2},
    {"task": "app.clean", "type": None, "tasks": 40, "objects": 0, "bytes": 0, "objects_per_task": 0, "bytes_per_task": 0, "workers": None},
    {"task": "(none)", "type": None, "tasks": None, "objects": 15, "bytes": 1176, "objects_per_task": None, "bytes_per_task": None, "workers": None},
    {"task": "(none)", "type": "builtins.list", "tasks": None, "objects": 6, "bytes": 600, "objects_per_task": None, "bytes_per_task": None, "workers": 1},
    {"task": "(none)", "type": KEPT, "tasks": None, "objects": 9, "bytes": 576, "objects_per_task": None, "bytes_per_task": None, "workers": 2}])
equal("workers --by type", some(rows("--by", "type", *both), "type", "tasks", "objects", "bytes", "workers"),
      [("builtins.bytes", 90, 100, 100000, 2), ("app.Record", 90, 100, 4800, 2), ("builtins.list", 90, 6, 600, 1), (KEPT, 90, 9, 576, 2)])
# what was born since the fork, where there is one dump
equal("workers: one dump of each: growth since the fork", some(rows(*first), "pid", "growth", "growth_tasks", "first"),
      [(10, None, None, None), (11, 20 * 1048 + 400 + 128, 20, None), (12, 10 * 1048 + 300 + 64, 10, None)])
equal("workers: one dump of each, by task", some(rows("--by", "task", *first), "task", "type", "tasks", "objects", "objects_per_task"),
      [("app.leak", None, 15, 60, 4), ("app.leak", "builtins.bytes", 15, 30, 2), ("app.leak", "app.Record", 15, 30, 2),
       ("app.clean", None, 15, 6, 0.4), ("app.clean", "builtins.list", 15, 6, 0.4), ("(none)", None, None, 4, None), ("(none)", KEPT, None, 3, None), ("(none)", "builtins.list", None, 1, None)])
# other names: asyncio's tasks by their function; a lone frame of a registered task counts as that task; a stack that is none of these
lone = [child(11, 101, 1, 21, 4, 0, {"s_coro": 0}, 50000, "x1.rgd"), child(11, 101, 2, 61, 14, 0, {"s_coro": 5, "s_step": 1, "s_alone": 2}, 50000, "x2.rgd")]
equal("workers --by task: asyncio's, and one frame alone", some(rows("--by", "task", *lone), "task", "type", "tasks", "objects"),
      [("serve", None, None, 5), ("serve", "builtins.list", None, 5), ("app.leak", None, None, 2), ("app.leak", "builtins.list", None, 2),
       ("(none)", None, None, 2), ("(none)", "builtins.list", None, 1), ("(none)", KEPT, None, 1)])
run = Run(["workers"] + first + second[:2])
equal("workers: says when counts by name are not those of the workers", ("counted by name are not those" in run.out, run.rc), (True, 0))
run = Run(["workers"] + both)
equal("workers: and not when they are", ("counted by name are not those" in run.out, run.rc), (False, 0))

# A fresh worker has 20 MiB without our own 40 KiB, and starts in 30 ms, a task takes 1 ms: below 3000 tasks starting takes more than 1 % of the work.
advice = rows("--by", "advice", *both)[0]
left = (60 * 1048 + 600 + 40 * 1048 + 9 * 64) / 90
equal("workers --by advice: what was measured", (advice["bytes_per_task"], advice["fresh"], advice["start"], advice["each"]), (float("%.6g" % left), 20 * MIB - 40960, 30, 1))
most = int(16 * MIB / left)
want = most // 1000 * 1000
equal("workers --by advice: settings", some(rows("--by", "advice", *both), "setting", "by_memory", "by_cost"),
      [("worker_max_tasks_per_child = %d" % want, want, 3000), ("worker_max_memory_per_child = %d" % int((20 * MIB - 40960 + want * left) / 1024 + 1), want, 3000)])

# ---- sharing: 7 pages, each with its reason -----------------------------------------------------------------------------------------


def family(is_child, name):
    at = BASE
    out = head(21 if is_child else 20, 201 if is_child else 200, 50 if is_child else 20)
    out += ["type list module=builtins runtime=python flags=gc", "type str module=builtins runtime=python", "meta started %d" % (START + 30 * S)]
    if is_child:
        out += ["meta fork.parent 20", "meta fork.key c8", "meta fork.epoch 2", "meta parent 20", "gc python collections 2 5", "gc python collections.at.fork 2 4",
                "pages %d 7 private" % at, "pages %d 5 shared" % (at + 0x100000), "pages %d 2 shim" % (at + 0x200000)]

    def put(o, type, page, offset, **more):
        out.append("object %s %s addr=%d %s" % (o, type, at + page * 4096 + offset, " ".join("%s=%s" % kv for kv in {"size": 64, "epoch": 1, "rc": 1, **more}.items())))
    gc = dict(base=16, flags="tracked,inspected,block", gen=2)
    put("counted", "list", 0, 16, **{**gc, "rc": 3 if is_child else 2})
    put("also", "str", 0, 1000, rc=9 if is_child else 4)
    put("same", "list", 1, 16, **gc)                                     # the collector alone
    put("plain", "str", 2, 0)                                            # nothing that can be seen
    put("holder", "list", 3, 16, **gc)                                   # holds something else
    out.append("edge holder %s index=0" % ("plain" if is_child else "same"))
    put("grown", "list", 4, 16, **{**gc, "size": 96 if is_child else 64})
    if is_child:
        put("new", "str", 5, 0, epoch=2)                                 # own
        put("kept", "str", 6, 0)
        put("fresh", "str", 6, 2048, epoch=2)                            # made beside what was there
    else:
        put("kept", "str", 6, 0)
    put("far", "list", 256, 16, **{**gc, "rc": 8 if is_child else 7})    # still shared: its count is no matter
    return rgd.make(name, text="\n".join(out) + "\n")


family = [family(False, "p.rgd"), family(True, "c.rgd")]
equal("workers --by sharing: the reason of each page", rows("--by", "sharing", *family),
      [{"pid": 21, "parent": 20, "shared": 20480, "own": 4096, "contents": 3 * 4096, "refcounts": 4096, "collector": 4096, "other": 4096,
        "refgraph": 8192, "collected": True, "compared": True}])
equal("workers --by sharing: without the parent", some(rows("--by", "sharing", family[1]), "contents", "refcounts", "collector", "other", "compared"),
      [(4096, 0, 4 * 4096, 4096, False)])
equal("workers --by refcounts", rows("--by", "refcounts", *family),
      [{"type": "builtins.list", "objects": 1, "pages": 1, "bytes": 4096, "workers": 1}, {"type": "builtins.str", "objects": 1, "pages": 1, "bytes": 4096, "workers": 1}])
run = Run(["workers", "--by", "sharing"] + family)
equal("workers --by sharing: what gc.freeze() saves", "at most 4.0 KiB in these 1: a full collection ran in 1 of them." in run.out, True)

# ---- damage -----------------------------------------------------------------------------------------------------------------------------
for name, lines in (("overlap", ["pages 0x1000 3 private", "pages 0x3000 1 shared"]), ("past the end", ["pages 0xfffffffffffff000 2 private"]),
                    ("more than there can be", ["pages 0x1000 0xffffffffffffffff private"])):
    run = Run(["workers", rgd.make("bad.rgd", text="\n".join(["header pid=1 key=1"] + lines) + "\n")])
    equal("runs of pages: %s" % name, (run.rc, "PAGES" in run.err, "offset" in run.err), (3, True, True))
run = Run(["workers", rgd.make("empty.rgd", text="header pid=1 key=1\n"), "--by", "task"])
equal("a dump without anything", (run.rc, run.err), (0, ""))
sys.exit(rgd.status())
