"""gobjects.py - what the tests of the GObject adapter share: building a sample, running it under the shim, its dump by its own words."""
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import shimmed
from verdict import *

GOBJECT = 3
SLICES = {"slices": {}, "malloc": {"G_SLICE": "always-malloc"}}


def build(name, packages="gobject-2.0", out=None):
    """Path of samples/gobject/NAME.c as a program; None, said as a failure, where it cannot be built."""
    out = os.path.join(TMP, out or name)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs"] + packages.split(), stdout=subprocess.PIPE, text=True).stdout
    run = subprocess.run(["gcc", "-O1", "-g", "-o", out, os.path.join(ROOT, "samples/gobject", name + ".c")] + shlex.split(flags),
                         stderr=subprocess.PIPE, text=True)
    if run.returncode:
        fail("build " + name, run.stderr)
        return None
    return out


def run(arguments, name, env=None, timeout=120):
    """Runs a program under the shim, with a dump at its end: TMP/NAME.1.rgd."""
    full = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name + ".%n.rgd", REFGRAPH_ON_EXIT="1")
    full.update(env or {})
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=full, timeout=timeout,
                          stdin=subprocess.DEVNULL)


def display():
    """A display for this test: the number, the server."""
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"], pass_fds=[write],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        return ":" + pipe.readline().strip(), server


def path(name):
    return os.path.join(TMP, name + ".1.rgd")


def ask(*arguments):
    return subprocess.run([REFGRAPH] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


class Objects(shimmed.Objects):
    """A dump whose objects have the names that the program printed: lines "NAME ADDRESS REFCOUNT"."""

    def __init__(self, name, output):
        super().__init__(path(name))
        self.names, self.told = {}, {}
        for line in output.splitlines():
            word, address, count = line.split()
            self.names[int(address, 16)] = word
            self.told[word] = (int(address, 16), int(count))

    def of(self, word):
        return self.told[word][0]

    def type(self, address):
        return self.type_name(address)[0]

    def count(self, type_name):
        return sum(1 for a in self.address if self.type(a) == type_name and not self.flags(a) & shimmed.INTERNAL)

    def references(self, address):
        """{(name, kind, target's word or type)} of what is not storage."""
        found = set()
        for kind, cls, what, target, _ in self.named(address):
            if kind != "INTERNAL":
                what = "[%d]" % what if cls == "INDEX" else "+0x%x" % (what * 8) if cls == "OFFSET" else what
                found.add((what, kind, self.names.get(target, self.type(target) if target in self.row else "inside")))
        return found

    def state(self, address):
        value = self.property(address, 6)
        return self.strings[value] if value else None

    def ends(self, binding):
        return [(w, k, t) for k, _, w, t, _ in self.named(binding) if w in ("source", "target")]

    def targets(self, address):
        """Objects that it refers to, also where it points inside of them."""
        return {self.address[t] for _, _, t, _ in self.edges[self.number[address]]}
