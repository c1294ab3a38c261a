#!/usr/bin/env python3
"""Snapshots at awkward moments: the lock held by the caller or by C code, a collection under way, the end, a fork, other
interpreters, a frozen heap."""
import concurrent.futures
import glob
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

OK, BUSY = 0, 3


def minor_of(version):
    return int(version.split(".")[1])


def marked(d, name="Marked"):
    types = {n for n, t in enumerate(d.types) if d.strings[t[0]] == name}
    return sum(r[1] in types for r in d.row.values())


def moment(v, python, what, *arguments, **more):
    return run(python, ["moments.py", what] + list(arguments), "%s-%s" % (v, what), **more)


def simple(v, python):
    p = moment(v, python, "held")
    d = dump(v + "-held")
    equal(v + " lock held by the caller", (p.stdout, d.runtimes[0][2], marked(d)), ("0\n", OK, 7))
    p = moment(v, python, "threads")
    found = [Objects(f) for f in glob.glob("%s/%s-threads.*.rgd" % (TMP, v))]
    equal(v + " four threads at work", (p.stdout, [(d.runtimes[0][2], marked(d)) for d in found]), ("done\n", [(OK, 11)] * 5))
    p = moment(v, python, "frozen")
    d = dump(v + "-frozen")
    count = int(p.stdout.split()[1])
    permanent = sum(1 for a in d.tracked() if d.generation(a) == 3)
    equal(v + " frozen heap", (permanent, d.gc["freeze_count", 0]), (count, count))
    young = [d.generation(a) for a in d.row if d.type_name(a)[0] == "Marked"]
    equal(v + " frozen heap: generations", sorted(young), [0] + [3] * 7)


def ends(v, python):
    on_exit = {"REFGRAPH_ON_EXIT": "1"}
    p = moment(v, python, "exit", env=on_exit)
    d = dump(v + "-exit")
    equal(v + " exit: program", (p.returncode, p.stdout, p.stderr), (3, "our callback\n", ""))
    equal(v + " exit: objects", (d.runtimes[0][2], marked(d), len(glob.glob("%s/%s-exit.*.rgd" % (TMP, v)))), (OK, 8, 1))
    p = moment(v, python, "exit-raise", env=on_exit)
    d = dump(v + "-exit-raise")
    equal(v + " exit by an exception", (p.returncode, p.stderr.splitlines()[-1], marked(d)), (1, "ValueError: end", 7))
    p = moment(v, python, "os-exit", env=on_exit)
    d = dump(v + "-os-exit")
    equal(v + " os._exit", (p.returncode, d.runtimes[0][2], marked(d)), (4, OK, 7))


def fork(v, python):
    p = run(python, ["moments.py", "fork"], v + "-fork", env={"REFGRAPH_DUMP": v + "-fork.%p.rgd"})
    found = [Objects(f) for f in glob.glob("%s/%s-fork.*.rgd" % (TMP, v))]
    found = {d.dump.pid: marked(d) for d in found}
    equal(v + " fork: program", (p.returncode, p.stdout), (0, "0 0\n"))
    equal(v + " fork: no warning", [l for l in p.stderr.splitlines() if "Warning" in l], [])
    equal(v + " fork: parent and child", sorted(found.values()), [8, 9])
    p = run(python, ["moments.py", "fork-thread"], v + "-thread", env={"REFGRAPH_DUMP": v + "-thread.%p.rgd", "REFGRAPH_ON_EXIT": "1"})
    equal(v + " fork in a thread: program", (p.returncode, p.stdout, p.stderr), (0, "0\n", ""))
    found = [Objects(f) for f in glob.glob("%s/%s-thread.*.rgd" % (TMP, v))]
    left = (BUSY, "the interpreter has no thread left: no Python objects", 0) if minor_of(v) in (11, 12) else (OK, "", 7)
    equal(v + " fork in a thread: parent and child", sorted((d.runtimes[0][2], d.runtimes[0][3], marked(d)) for d in found), sorted([(OK, "", 7), left]))


def collecting(v, python):
    start = time.time()
    p = moment(v, python, "collecting")
    d = dump(v + "-collecting")
    equal(v + " collection under way: program", (p.returncode, p.stdout), (0, "0\n"))
    equal(v + " collection under way: told", (d.runtimes[0][2], d.runtimes[0][3] != "", marked(d)), (BUSY, True, 0))
    say("# %s gave up after %.1f s" % (v, time.time() - start))


def start(v, python, what, *arguments):
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP="%s-%s.%%n.rgd" % (v, what))
    p = subprocess.Popen([python, os.path.join(PROGRAMS, "moments.py"), what] + list(arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         universal_newlines=True, env=env)
    p.stdout.readline()
    return p


def from_outside(v, python):
    flag = os.path.join(TMP, v + "-stop")
    p = start(v, python, "computing", flag)
    r = subprocess.run([REFGRAPH, "snapshot", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       universal_newlines=True, timeout=60)
    open(flag, "w").close()
    out, _ = p.communicate(timeout=60)
    if r.returncode:
        fail(v + " computing: refgraph snapshot", r.stdout)
        return
    d = dump(v + "-computing")
    equal(v + " computing", (out, d.runtimes[0][2], 7 <= marked(d) <= 8), ("done\n", OK, True))


def busy(v, python):
    p = start(v, python, "busy")
    r = subprocess.run([REFGRAPH, "snapshot", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       universal_newlines=True, timeout=60)
    out, _ = p.communicate("let go\n", timeout=60)
    if r.returncode:
        fail(v + " busy: refgraph snapshot", r.stdout)
        return
    d = dump(v + "-busy")
    equal(v + " busy", (out, d.runtimes[0][2], d.runtimes[0][3] != "", marked(d)), ("done\n", BUSY, True, 0))


def subinterpreters(v, python):
    minor = minor_of(v)
    p = moment(v, python, "subinterpreter", "shared")
    d = dump(v + "-subinterpreter")
    inner = marked(d, "Inner")
    equal(v + " subinterpreter", (p.returncode, p.stdout, inner, marked(d)), (0, "0\n", 5, 7))
    modules = [r for r in d.roots if r[0] == "MODULE" and r[2] == "__main__"]
    equal(v + " subinterpreter: two __main__ modules", len({r[3] for r in modules}), 2)
    if minor >= 12:
        p = run(python, ["moments.py", "subinterpreter", "own"], v + "-own")
        d = dump(v + "-own")
        equal(v + " interpreter with a lock of its own", (p.stdout, marked(d, "Inner"), marked(d), d.runtimes[0][3] != ""),
              ("0\n", 0, 7, True))


at_hand = pythons()
waiting = concurrent.futures.ThreadPoolExecutor(4)  # for what sits out a limit of seconds
waits = [waiting.submit(f, *at) for at in (at_hand[0], at_hand[-1]) for f in (collecting, busy)]
for version, python in at_hand:
    simple(version, python)
    ends(version, python)
    fork(version, python)
    subinterpreters(version, python)
    from_outside(version, python)
for w in waits:
    w.result()
dumps = sorted(glob.glob(TMP + "/*.rgd"))
checks = {f: subprocess.run([REFGRAPH, "check", f], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True) for f in dumps}
equal("all %d dumps are whole" % len(dumps), [p.stdout for p in checks.values() if p.returncode], [])
sys.exit(status())
