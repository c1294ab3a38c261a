"""gdb_locals.py - run inside gdb (-x): stops the program where it asks for a snapshot (or attaches to LOCALS_PID), writes what gdb says of all local variables of all
threads to LOCALS_OUT, and lets it go on. One JSON object: "TID FUNCTION PATH" to the values of the words of that name."""
import json
import os

import gdb

MOST = 64  # elements of an array
found = {}


def flatten(value, path, key, depth=0):
    t = value.type.strip_typedefs()
    if depth > 8:
        return
    if t.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
        found.setdefault(key + path, []).append(int(value.cast(gdb.lookup_type("unsigned long"))))
    elif t.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM) and t.sizeof == 8:
        found.setdefault(key + path, []).append(int(value) & (1 << 64) - 1)
    elif t.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        for f in t.fields():
            if hasattr(f, "bitpos") and not f.bitsize:
                name = "" if f.is_base_class or not f.name else "." + f.name
                flatten(value[f], path + name, key, depth + 1)
    elif t.code == gdb.TYPE_CODE_ARRAY:
        low, high = t.range()
        for i in range(low, min(high, low + MOST) + 1):
            flatten(value[i], "%s[%d]" % (path, i), key, depth + 1)


def frame_variables(tid, frame):
    function = frame.function()
    if function is None:
        return
    block = frame.block()
    while block and not block.is_global and not block.is_static:
        for s in block:
            if not (s.is_argument or s.is_variable):
                continue
            try:
                value = s.value(frame)
                if not value.is_optimized_out:
                    flatten(value, s.print_name, "%d %s " % (tid, function.print_name.split("(")[0]))
            except (gdb.error, TypeError):
                pass
        if block.function:
            break
        block = block.superblock


def look():
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frame = gdb.newest_frame()
        while frame is not None:
            try:
                frame_variables(thread.ptid[1], frame)
            except (RuntimeError, gdb.error):
                pass
            try:
                frame = frame.older()
            except gdb.error:
                break
    json.dump(found, open(os.environ["LOCALS_OUT"], "w"))


gdb.execute("set pagination off")
if "LOCALS_PID" in os.environ:  # it sleeps: what it has now it had when the dump was made
    gdb.execute("attach " + os.environ["LOCALS_PID"])
    look()
    gdb.execute("detach")
else:
    gdb.execute("set breakpoint pending on")
    gdb.execute("set environment LD_PRELOAD " + os.environ["LOCALS_SHIM"])
    gdb.execute("handle all nostop noprint pass")
    gdb.execute("tbreak refgraph_snapshot")
    gdb.execute("run")
    look()
    gdb.execute("continue")
