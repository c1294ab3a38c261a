"""What the tests of the CPython adapter share: the Pythons at hand, running one under the shim, reading its dump."""
import functools
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import rgd
from verdict import *

HERE = os.path.join(ROOT, "tests", "python")
PROGRAMS = os.path.join(HERE, "programs")

KINDS = "STRONG WEAK INTERNAL CONSERVATIVE BORROWED".split()
CLASSES = "NONE ATTRIBUTE KEY INDEX NEXT KEY_OBJECT IS_KEY MEMBER LOCAL CELL PART OFFSET STACK KEY_INT KEY_TEXT".split()
ROOTS = " GLOBAL STACK REGISTER TLS RUNTIME LOCAL MODULE REGION ANNOTATED PINNED".split(" ")
TRACKED, STATIC, INTERNAL, IMMORTAL, FINALIZED, RUNTIME_CPYTHON = 0x10, 0x800, 0x400, 0x100, 0x200, 1


def pythons():
    """[(version, path)] of the supported CPythons; REFGRAPH_PYTHONS overrides, as in lib.sh."""
    found = os.environ.get("REFGRAPH_PYTHONS", "").split()
    if not found:
        found = ["/usr/bin/python3"] if os.path.exists("/usr/bin/python3") else []
        pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
        for minor in range(8, 14):
            found += sorted(glob.glob("%s/versions/3.%d.*/bin/python3" % (pyenv, minor)))[-1:]
    out = []
    for path in found:
        text = subprocess.run([path, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"], stdout=subprocess.PIPE,
                              universal_newlines=True).stdout.strip()
        out.append((text, path))
    return out


def run(python, arguments, name, env=None, timeout=120, program=True):
    """Runs a Python under the shim; dumps are TMP/name.N.rgd. Returns the finished process."""
    full = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name + ".%n.rgd", PYTHONHASHSEED="0")
    full.update(env or {})
    if program:
        arguments = [os.path.join(PROGRAMS, arguments[0])] + arguments[1:]
    return subprocess.run([python] + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, env=full,
                          timeout=timeout, stdin=subprocess.DEVNULL)


def dump(name, number=1):
    return Objects(os.path.join(TMP, "%s.%d.rgd" % (name, number)))


class Objects:
    """A dump by address."""

    def __init__(self, path):
        d = self.dump = rgd.Dump(path)
        self.strings = d.strings
        rows = d.rows("OBJECTS")
        self.address = [r[0] for r in rows]
        self.number = {a: i for i, a in enumerate(self.address)}
        self.row = {r[0]: r for r in rows}
        self.types = d.rows("TYPES")
        self.labels = d.rows("LABELS")
        self.runtimes = [(r[0], self.strings[r[1]], r[2], self.strings[r[3]]) for r in d.rows("RUNTIMES")]
        self.roots = [(ROOTS[r[0]], KINDS[r[1]], self.strings[r[2]], self.address[r[5]] + r[6], self.strings[r[7]])
                      for r in d.rows("ROOTS")]
        self.gc = {(self.strings[r[1]], r[2]): r[3] for r in d.rows("GC")}
        self.properties = {}
        for n, key, value in d.rows("PROPERTIES"):
            self.properties.setdefault(self.address[n], {})[key] = value

    @functools.cached_property
    def edges(self):
        return self.dump.edges()

    def flags(self, address):
        return self.row[address][4]

    def generation(self, address):
        return self.flags(address) >> 5 & 3

    def refcount(self, address):
        return self.row[address][3]

    def type_name(self, address):
        t = self.types[self.row[address][1]]
        return [self.strings[t[0]], self.strings[t[1]]]

    def tracked(self):
        return [a for a, r in self.row.items() if r[4] & TRACKED]

    def visited(self, address):
        """Addresses that the collector sees from here, in its order."""
        return [self.address[t] for label, _, t, _ in self.edges[self.number[address]] if self.labels[label][2] & 1]

    def named(self, address):
        """[(kind, class, text or value, target, flags)]; NEXT is told as INDEX, key objects by address."""
        out, last = [], -1
        for label, value, target, interior in self.edges[self.number[address]]:
            kind, cls, flags, string = self.labels[label]
            name = CLASSES[cls]
            what = self.strings[string] if string else None
            if name == "NEXT":
                name, what = "INDEX", last + 1
            elif name == "KEY_OBJECT":
                what = self.address[value]
            elif value is not None:
                what = value
            last = what if name == "INDEX" else last
            out.append((KINDS[kind], name, what, self.address[target] + interior, flags))
        return out

    def property(self, address, key):
        return self.properties.get(address, {}).get(key)
