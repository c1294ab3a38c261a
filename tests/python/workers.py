#!/usr/bin/env python3
"""Pools of processes, as their dumps tell of them: parent, role and number of tasks of each, exactly; what a task leaves behind, by its
name; why pages are shared no more. fork, multiprocessing (fork, spawn, forkserver), concurrent.futures, gunicorn, celery."""
import http.client
import json
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

SYSTEM = "/usr/bin/python3"


def workers(dumps, *options):
    out = subprocess.run([REFGRAPH, "workers", "--json", "--limit", "0"] + list(options) + sorted(dumps), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True)
    return [json.loads(line) for line in out.stdout.splitlines()] if out.returncode == 0 else [{"error": out.stderr}]


def dumps_of(name):
    return glob.glob(os.path.join(TMP, name + ".*.rgd"))


def info(path):
    return json.loads(subprocess.run([REFGRAPH, "info", "--json", path], stdout=subprocess.PIPE, check=True).stdout)


def wait(condition, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


# ---- pools of the standard library --------------------------------------------------------------------------------------------

ROLES = {  # of the parent and of the workers
    "fork": ("multiprocessing.Pool", "multiprocessing.Pool worker"),
    "spawn": ("multiprocessing.Pool", "multiprocessing.Pool worker"),
    "forkserver": ("multiprocessing.Pool", "multiprocessing.Pool worker"),
    "executor": ("ProcessPoolExecutor", "ProcessPoolExecutor worker"),
    "processes": ("", "multiprocessing process"),
    "plain": ("", ""),
}


def pool(version, python, kind):
    name = "%s-%s" % (version, kind)
    folder = os.path.join(TMP, name)
    os.mkdir(folder)
    done = run(python, ["pool.py", kind, folder], name, env={"REFGRAPH_DUMP": name + ".%p.%n.rgd", "REFGRAPH_PYTHON_STACKS": "full", "REFGRAPH_STACKS": "none"})
    title = "%s %s" % (version, kind)
    if done.returncode:
        fail(title, done.stderr[-500:])
        return
    facts = {info(d)["pid"]: info(d) for d in dumps_of(name)}
    parent = [pid for pid, i in facts.items() if i.get("meta.label") == "parent"]
    told = {pid: int(i["meta.label"]) for pid, i in facts.items() if i.get("meta.label", "").isdigit()}
    rows = {r["pid"]: r for r in workers(dumps_of(name))}
    if len(parent) != 1 or len(told) != 2:
        fail(title, "dumps: %s" % {pid: i.get("meta.label") for pid, i in facts.items()})
        return
    counted = kind != "processes"  # a worker without a library counts nothing
    equal("%s: all tasks were done" % title, sum(told.values()), 31)
    equal("%s: parent, role and tasks of each" % title, {p: (r["parent"], r["role"], r["tasks"]) for p, r in rows.items() if p != parent[0]},
          {p: (parent[0], ROLES[kind][1], n if counted else None) for p, n in told.items()})
    equal("%s: the parent's role" % title, rows[parent[0]]["role"], ROLES[kind][0])
    equal("%s: how they were made" % title, {r["method"] for p, r in rows.items() if p != parent[0]},
          {kind if kind in ("spawn", "forkserver") else "fork"})
    if kind == "spawn":  # nothing to compare one dump with
        return
    by_type = [r for r in workers(dumps_of(name), "--by", "type") if r["type"] in ("__main__.Item", "__mp_main__.Item")]
    equal("%s: what a task leaves behind" % title, [(r["objects"], r["tasks"], r["objects_per_task"]) for r in by_type],
          [(62, 31 if counted else None, 2 if counted else None)])
    if kind in ("fork", "executor", "forkserver"):
        by_task = [r for r in workers(dumps_of(name), "--by", "task") if (r["type"] or "").endswith("_main__.Item")]
        equal("%s: which task" % title, [(r["task"], r["objects"]) for r in by_task], [("task", 62)])


def aio(version, python):
    name = "%s-aio" % version
    done = run(python, ["aio_tasks.py"], name, env={"REFGRAPH_PYTHON_STACKS": "full", "REFGRAPH_STACKS": "none"})
    if done.returncode:
        fail(name, done.stderr[-500:])
        return
    rows = workers(dumps_of(name), "--by", "task")
    records = [(r["task"], r["tasks"], r["objects"], r["objects_per_task"]) for r in rows if r["type"] in ("__main__.Record", None)]
    # the ping that asks for the dump still has its own
    equal("%s asyncio: what each coroutine leaves behind" % version, [r for r in records if r[0] == "handle"][-1:], [("handle", 40, 80, 2)])
    equal("%s asyncio: and ping" % version, [(r["task"], r["tasks"], r["objects"]) for r in rows if r["task"] == "ping" and r["type"] == "__main__.Record"],
          [("ping", 40, 1)])
    equal("%s asyncio: the task that asked" % version, [r["task"] for r in workers(dumps_of(name))], ["ping"])


# ---- what became private, and why ---------------------------------------------------------------------------------------------


def anonymous(text):
    """Bytes of anonymous memory in writable private mappings, and those of them that are private."""
    head, total, own = False, 0, 0
    for line in text.splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            head = line.split()[1][1] == "w" and line.split()[1][3] == "p"
        elif head and line.startswith("Anonymous:"):
            total += int(line.split()[1]) * 1024
        elif head and line.startswith("Private_Dirty:"):
            own += int(line.split()[1]) * 1024
    return total, own


def sharing(version, python):
    name = "%s-sharing" % version
    folder = os.path.join(TMP, name)
    os.mkdir(folder)
    done = run(python, ["sharing.py", folder], name, env={"REFGRAPH_DUMP": name + ".%p.%n.rgd"})
    if done.returncode:
        fail(name, done.stderr[-500:])
        return
    label = {info(d)["pid"]: info(d)["meta.label"] for d in dumps_of(name)}
    rows = {label[r["pid"]]: r for r in workers(dumps_of(name), "--by", "sharing")}
    if len(rows) != 5:
        fail(name, rows)
        return
    parent = [d for d in dumps_of(name) if info(d)["meta.label"] == "parent"][0]
    nodes = sum(r[2] for r in dump_rows(parent, "Node"))
    title = "%s: 40000 objects, %d bytes:" % (version, nodes)
    for what, column in (("collect", "collector"), ("count", "refcounts")):
        judge("%s %s: their pages are private by %s" % (title, what, column), nodes * 0.95 < rows[what][column] < nodes * 1.6, rows[what])
    judge("%s change: by contents" % title, nodes * 0.45 < rows["change"]["contents"] < nodes * 0.9, rows["change"])
    for what in ("idle", "frozen"):
        total = sum(rows[what][c] for c in ("contents", "refcounts", "collector"))
        judge("%s %s: little is" % (title, what), total < nodes * 0.5 and rows[what]["collector"] < nodes * 0.1, rows[what])
    equal("%s who ran a full collection" % title, {k: r["collected"] for k, r in rows.items()},
          {"idle": False, "collect": True, "count": False, "change": False, "frozen": True})
    saved = rows["collect"]["collector"] - rows["frozen"]["collector"]
    judge("%s what gc.freeze() saves is what it saved" % title, nodes * 0.95 < saved < nodes * 1.6, saved)
    by_type = {r["type"]: r for r in workers([d for d in dumps_of(name) if info(d)["meta.label"] in ("parent", "count")], "--by", "refcounts")}
    judge("%s which counts" % title, 39000 <= by_type.get("__main__.Node", {"objects": 0})["objects"] <= 40000, by_type)
    for what, r in rows.items():
        with open(os.path.join(folder, what)) as f:
            total, own = anonymous(f.read())
        private = sum(r[c] for c in ("own", "contents", "refcounts", "collector", "other"))
        # the kernel's sums, a moment later; refgraph's own pages are in both
        judge("%s %s: the kernel's sums" % (title, what), abs(private + r["shared"] + r["refgraph"] - total) < total * 0.02 + 65536 and
              private - 65536 <= own <= private + r["refgraph"] + 65536, (r, total, own))


def dump_rows(path, type_name):
    d = rgd.Dump(path)
    wanted = {i for i, t in enumerate(d.rows("TYPES")) if d.strings[t[0]] == type_name}
    return [r for r in d.rows("OBJECTS") if r[1] in wanted]


# ---- servers ----------------------------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def children(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                text = f.read()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == pid:
            found.append(int(path.split("/")[2]))
    return sorted(found)


def snapshots(name, round, pids, expected):
    """A dump of each, again while the workers have not counted their last task yet."""
    for attempt in range(10):
        dumps = []
        for pid in pids:
            path = os.path.join(TMP, "%s.%d.%d.%d.rgd" % (name, pid, round, attempt))
            done = subprocess.run([REFGRAPH, "snapshot", str(pid), "-o", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
            if done.returncode == 0:
                dumps.append(path)
        if len(dumps) < len(pids):
            continue
        if sum(info(d).get("counter.tasks.done", 0) for d in dumps) == expected:
            break
    return dumps


def start(argv, **env):
    full = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_PYTHON_STACKS="full", REFGRAPH_STACKS="none", PYTHONPATH=PROGRAMS, **env)
    return subprocess.Popen(argv, env=full, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=TMP,
                            start_new_session=True)


def stop(p):
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.wait()


def family(title, p, role, dumps, count):
    rows = workers(dumps)
    main = [r for r in rows if r["pid"] == p.pid]
    rest = [r for r in rows if r["pid"] != p.pid]
    equal("%s: parent and role of each" % title, {(r["parent"], r["role"]) for r in rest}, {(p.pid, role)})
    equal("%s: all tasks" % title, sum(r["tasks"] for r in rest), count)
    return main[0]


def importable(module):
    return subprocess.run([SYSTEM, "-c", "import " + module], stderr=subprocess.DEVNULL).returncode == 0


def gunicorn():
    port = free_port()

    def ask(n):
        for i in range(n):
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            c.request("GET", "/")
            c.getresponse().read()
            c.close()

    p = start([SYSTEM, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:%d" % port, "--chdir", PROGRAMS, "wsgi_app:app"])
    try:
        wait(lambda: listening(port) and len(children(p.pid)) == 2)
        ask(10)
        pids = [p.pid] + children(p.pid)
        first = snapshots("gunicorn", 1, pids, 10)
        ask(40)
        second = snapshots("gunicorn", 2, pids, 50)
    finally:
        stop(p)
    main = family("gunicorn", p, "gunicorn worker", second, 50)
    equal("gunicorn: the parent's role", main["role"], "gunicorn arbiter")
    got = [r for r in workers(first + second, "--by", "task") if r["type"] == "wsgi_app.Record"]
    equal("gunicorn: what a request leaves behind", [(r["task"], r["tasks"], r["objects"], r["objects_per_task"]) for r in got], [("request", 40, 80, 2)])


def celery():
    port = free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL, cwd=TMP)

    def ask(n):
        code = "import celery_tasks as t\nfor i in range(%d): assert t.leak.delay(i).get(timeout=60) == i and t.clean.delay(i).get(timeout=60) == i" % n
        subprocess.run([SYSTEM, "-c", code], env=dict(os.environ, PYTHONPATH=PROGRAMS, REDIS_PORT=str(port)), check=True, timeout=200)

    p = None
    try:
        wait(lambda: listening(port))
        p = start([SYSTEM, "-m", "celery", "-A", "celery_tasks", "worker", "--concurrency=2", "--loglevel=error"], REDIS_PORT=str(port))
        ask(5)
        pids = [p.pid] + children(p.pid)
        first = snapshots("celery", 1, pids, 10)
        ask(40)
        second = snapshots("celery", 2, pids, 90)
    finally:
        if p:
            stop(p)
        redis.kill()
        redis.wait()
    main = family("celery", p, "celery worker", second, 90)
    equal("celery: the parent's role", main["role"], "celery main")
    record = dump_rows(second[1], "Record") + dump_rows(second[2], "Record")
    size = record[0][2]
    got = [r for r in workers(first + second, "--by", "task") if r["task"] in ("celery_tasks.leak", "celery_tasks.clean")]
    equal("celery: exactly what leak leaves behind each time, and nothing of clean", [(r["task"], r["type"], r["tasks"], r["objects"], r["bytes"],
          r["objects_per_task"], r["bytes_per_task"]) for r in got],
          [("celery_tasks.leak", None, 40, 240, 120 * (1033 + size), 6, 3 * (1033 + size)),
           ("celery_tasks.leak", "builtins.bytes", 40, 120, 120 * 1033, 3, 3 * 1033),
           ("celery_tasks.leak", "celery_tasks.Record", 40, 120, 120 * size, 3, 3 * size),
           ("celery_tasks.clean", None, 40, 0, 0, 0, 0)])
    text = subprocess.run([REFGRAPH, "workers"] + first + second, stdout=subprocess.PIPE, universal_newlines=True).stdout
    judge("celery: in words", "celery_tasks.leak leaves 3.0 celery_tasks.Record behind" in text and "celery_tasks.clean" not in text, text)
    judge("celery: settings to paste", re.search(r"(?m)^  worker_max_tasks_per_child = \d+$\n^  worker_max_memory_per_child = \d+  # ", text), text)


def main():
    wanted = [a for a in sys.argv[1:]]
    for version, python in pythons():
        # layouts of frames and instances differ between these
        kinds = ROLES if python == SYSTEM else ("executor",) if version.startswith(("3.8.", "3.10.", "3.12.", "3.13.")) else ()
        for kind in kinds:
            if not wanted or kind in wanted:
                pool(version, python, kind)
        if (python == SYSTEM or version.startswith(("3.8.", "3.13."))) and (not wanted or "aio" in wanted):
            aio(version, python)
        if python == SYSTEM and (not wanted or "sharing" in wanted):
            sharing(version, python)
    for name, server, needs in (("gunicorn", gunicorn, "gunicorn"), ("celery", celery, "celery.bin.worker, redis")):
        if wanted and name not in wanted:
            continue
        if importable(needs):
            server()
        else:
            print("skip %s: python3 cannot import %s" % (name, needs))
    sys.exit(status())


main()
