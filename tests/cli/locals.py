#!/usr/bin/env python3
"""Roots on stacks, in registers and in thread-local storage by frame and variable: programs/locals.c, exactly; beside gdb, which
is asked for the same variables at the same moment; and without debug information, by function alone."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

os.chdir(TMP)
SOURCE = os.path.join(ROOT, "tests", "cli", "programs", "locals.c")


def build(name, *options, compiler="gcc"):
    subprocess.run([compiler, "-w", *options, "-I" + os.path.join(ROOT, "include"), "-pthread", "-o", name, SOURCE], check=True)
    return os.path.join(TMP, name)


def environment(name):
    return dict(os.environ, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name + ".rgd")


def dump(name):
    run = subprocess.run([os.path.join(TMP, name)], env=dict(environment(name), LD_PRELOAD=SHIM), stdin=subprocess.DEVNULL)
    equal(name + ": runs", run.returncode, 0)
    return os.path.join(TMP, name + ".rgd")


def roots(path, *options):
    p = subprocess.run([REFGRAPH, "roots", "-u", "native", "--limit", "0", "--json", *options, path], stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in p.stdout.splitlines()]


PLACE = re.compile(r"(stack|register \w+|thread-local storage) of thread (\d+) \((\w+)\)(?:: (.*))?$")
WORD = re.compile(r"(\w+)\(\) (\S+) at locals.c:\d+$")


def named(path, *options):
    """{(thread's name, "function variable"): type}, of what has a variable in locals.c."""
    found = {}
    for r in roots(path, *options):
        place = PLACE.match(r["root"])
        if not place or not place.group(4):
            continue
        word = WORD.match(place.group(4))
        if word:
            found[place.group(3), word.group(1) + " " + word.group(2)] = r["type"], r["declared"], r["interior"]
        elif " in " in place.group(4) and place.group(1).startswith("thread"):
            found[place.group(3), place.group(4).split(" in ")[0]] = r["type"], r["declared"], r["interior"]
    return found


def want(main, **threads):
    rows = {(thread, name): (kind, "pointer", 0) for thread, names in threads.items() for name, kind in names.items()}
    rows[main, "main owner"] = "session", "pointer", 0
    return rows


ITEM, SESSION = "item", "session"
TLS = {"mine": SESSION, "state.kept": ITEM}
READER = {"process_request req.buf.start": "char[]", "process_request req.items[2]": ITEM, "process_request first": ITEM,
          "reader session": SESSION}
WAITER = {"wait_for_work owner": SESSION, "wait_for_work waiting": ITEM, "waiter session": SESSION, "waiter pair[0]": ITEM,
          "waiter pair[1]": ITEM}
RUNNER = {"spin spun": ITEM, "spin by": SESSION, "runner session": SESSION, "runner item": ITEM}
ALLOCATOR = {"churn held": ITEM, "allocator item": ITEM}


def without_timing(found):
    """What the allocating thread's void pointer has depends on the moment."""
    return {k: v for k, v in found.items() if k[1] != "churn p"}


def exact():
    build("o0", "-g", "-O0")
    path = dump("o0")
    all_of = want("o0", reader={**TLS, **READER, "read_more head": ITEM, "read_more last": ITEM}, waiter=WAITER, runner=RUNNER,
                  allocator=ALLOCATOR)
    equal("-O0: each variable by its name", without_timing(named(path)), all_of)
    text = subprocess.run([REFGRAPH, "why", "char[][0]", path], stdout=subprocess.PIPE, text=True).stdout
    judge("why", re.search(r"\(stack of thread \d+ \(reader\): process_request\(\) req\.buf\.start at locals\.c:\d+\)", text), text)
    text = subprocess.run([REFGRAPH, "show", "char[][0]", path], stdout=subprocess.PIPE, text=True).stdout
    judge("show", re.search(r"~stack of thread \d+ \(reader\): process_request\(\) req\.buf\.start at locals\.c:\d+$", text, re.M), text)
    for name, options in (("dwarf4", ["-g", "-gdwarf-4", "-O0"]), ("split", ["-g", "-gsplit-dwarf", "-O0"]), ("packed", ["-g", "-gz", "-O0"])):
        build(name, *options)
        equal(" ".join(options), without_timing(named(dump(name))), {(t if t != "o0" else name, v): k for (t, v), k in all_of.items()})
    # what lies in a register of a thread that sleeps in the kernel cannot be had, unless a function has saved it
    build("o2", "-g", "-O2")
    found = named(dump("o2"))
    lost = {"reader": {"read_more head", "read_more last"}}
    wanted = {k: v for k, v in want("o2", reader={**TLS, **READER}, waiter=WAITER, runner=RUNNER, allocator=ALLOCATOR).items()}
    equal("-O2: each variable that lives", {k: v for k, v in without_timing(found).items() if k[1] not in lost.get(k[0], ())}, wanted)


def bare():
    """Functions without debug information; nothing at all of variables."""
    build("bare", "-O0")
    found = [r["root"] for r in roots(dump("bare"))]
    judge("no debug information: the function", any(re.search(r"\(reader\): in process_request\(\)$", f) for f in found), found)
    off = [r["root"] for r in roots(os.path.join(TMP, "o0.rgd"), "--types", "off")]
    judge("--types off: the function", any(re.search(r"\(reader\): in process_request\(\)", f) for f in off) and
          not any("req.buf" in f for f in off), off)


def beside_gdb(name, whole):
    """Whatever we name has the value that gdb says; of what gdb names nothing is missing."""
    out = os.path.join(TMP, name + ".json")
    path = os.path.join(TMP, name + "-gdb.rgd")
    run = subprocess.run(["gdb", "-q", "-nx", "-batch", "-x", os.path.join(ROOT, "tests/tools/gdb_locals.py"), os.path.join(TMP, name)],
                         env=dict(environment(name + "-gdb"), LOCALS_OUT=out, LOCALS_SHIM=SHIM, DEBUGINFOD_URLS=""), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    if not os.path.exists(out) or not os.path.exists(path):
        say("skip %s: gdb cannot run it: %s" % (name, run.stdout[-200:].replace("\n", "|")))
        return
    gdb = json.load(open(out))
    wrong, right, ours = [], 0, set()
    blocks = {int(r["address"], 16) for r in roots(path)}
    for r in roots(path):
        place = PLACE.match(r["root"])
        word = place and place.group(4) and WORD.match(place.group(4))
        if not word or word.group(2) == "p":  # p: what runs on runs on
            continue
        key = "%s %s %s" % (place.group(2), word.group(1), word.group(2))
        value = int(r["address"], 16) + r["interior"]
        ours.add(key)
        if value in gdb.get(key, ()):
            right += 1
        else:
            wrong.append((key, hex(value), gdb.get(key)))
    equal("%s: gdb says the same of %s variables" % (name, "all" if right > 10 else right), wrong, [])
    judge(name + ": there are enough of them", right >= 12, right)
    if whole:
        missing = [k for k, values in gdb.items() if set(values) & blocks and k not in ours and not k.endswith((" p", " argument")) and
                   k.split()[1] in ("main", "reader", "waiter", "runner", "allocator", "spin", "churn", "wait_for_work", "read_more", "process_request")]
        equal(name + ": none is missing", missing, [])


exact()
bare()
if shutil.which("gdb"):
    beside_gdb("o0", True)
    beside_gdb("o2", False)
else:
    say("skip beside gdb: it is not installed")
sys.exit(status())
