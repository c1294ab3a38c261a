#!/usr/bin/env python3
"""Every offset of cpython_layout.h, compiled against the headers of each Python at hand."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *

HEADERS = """internal/pycore_pystate.h internal/pycore_interp.h internal/pycore_runtime.h internal/pycore_object.h
internal/pycore_context.h internal/pycore_frame.h internal/pycore_dict.h internal/pycore_gc.h internal/pycore_typeobject.h
internal/pycore_code.h internal/pycore_moduleobject.h frameobject.h structmember.h""".split()
# What the headers of that version do not show, from its .c files.
PRIVATE = {
    "PyDictKeysObject": ((8, 10), "struct _dictkeysobject { Py_ssize_t dk_refcnt, dk_size; void *dk_lookup;"
                                  " Py_ssize_t dk_usable, dk_nentries; char dk_indices[]; };"),
    "PyModuleObject": ((8, 9), "typedef struct { PyObject_HEAD PyObject *md_dict; void *md_def, *md_state;"
                               " PyObject *md_weaklist, *md_name; } private_module;\n#define PyModuleObject private_module"),
}


def rows(minor):
    """[(name, C type, [members], value)] for 3.minor, without what it does not have."""
    with open(os.path.join(ROOT, "preload/adapters/cpython_layout.h")) as f:
        text = f.read()
    out = []
    for name, type_, member, value in re.findall(r'^\tSAME\((\w+), "([^"]+)", "([^"]*)", (-?\d+)\)', text, re.M):
        out.append((name, type_, member.split("|"), int(value)))
    for name, type_, member, values in re.findall(r'^\tVARY\((\w+), "([^"]+)", "([^"]*)", ([-\d, ]+)\)', text, re.M):
        value = int(values.split(",")[minor - 8])
        if value >= 0:
            out.append((name, type_, member.split("|"), value))
    return out


def header_folder(python):
    code = "import sysconfig; print(sysconfig.get_paths()['include'])"
    return subprocess.run([python, "-c", code], stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()


def compiles(folder, lines, minor):
    """Line numbers (of `lines`) that the compiler refuses."""
    head = ["#define Py_BUILD_CORE 1", "#include <Python.h>"]
    head += ['#include "%s"' % h for h in HEADERS if os.path.exists(os.path.join(folder, h))]
    head += [text for (low, high), text in PRIVATE.values() if low <= minor <= high]
    first = sum(t.count("\n") + 1 for t in head)
    path = os.path.join(TMP, "layout.c")
    with open(path, "w") as f:
        f.write("\n".join(head + lines) + "\n")
    p = subprocess.run(["gcc", "-w", "-fsyntax-only", "-fmax-errors=0", "-I", folder, "-I", folder + "/internal", path],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    bad = {int(n) - first - 1 for n in re.findall(r"layout\.c:(\d+):\d+: (?:fatal )?error", p.stdout)}
    return bad, p.stdout


def check(version, python):
    minor = int(version.split(".")[1])
    folder = header_folder(python)
    if not os.path.exists(os.path.join(folder, "internal")):
        print("skip layout %s: no headers in %s" % (version, folder))
        return
    lines, owner = [], []
    for name, type_, members, value in rows(minor):
        for t in type_.split("|"):
            for m in members:
                what = "sizeof(%s)" % t if m == "" else "__builtin_offsetof(%s, %s)" % (t, m)
                lines.append('_Static_assert(%s == %d, "%s");' % (what, value, name))
                owner.append(name)
    bad, output = compiles(folder, lines, minor)
    if bad and min(bad) < 0:
        fail("layout %s compiles" % version, output[:600])
        return
    good = {owner[i] for i in range(len(lines)) if i not in bad}
    wrong = sorted(set(owner) - good)
    equal("layout %s: %d offsets" % (version, len(set(owner))), wrong, [])
    # The test sees a wrong offset.
    bad, _ = compiles(folder, ['_Static_assert(__builtin_offsetof(PyObject, ob_type) == 16, "x");'], minor)
    equal("layout %s: a planted fault is seen" % version, bad, {0})


for version, python in pythons():
    check(version, python)
sys.exit(status())
