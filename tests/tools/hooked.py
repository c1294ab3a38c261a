"""What tests of hooks share: running a program under rules, what its dump says of functions, objects and their events."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import rgd
from verdict import *

KINDS = " create destroy ref unref sink floats defer acquire unseen".split(" ")
STATES = "alive ended life rest".split()
WAYS = "not entry got".split()


def compile(name, text, *options, cc="gcc"):
    """TMP/name from C text, or from a file when `text` has no line's end. Its path."""
    out = os.path.join(TMP, name)
    source = text
    if "\n" in text:
        source = out + (".cc" if cc == "g++" else ".c")
        with open(source, "w") as f:
            f.write(text)
    p = subprocess.run([cc, "-g", "-O1", "-w", "-o", out, source] + list(options), stderr=subprocess.PIPE, universal_newlines=True)
    if p.returncode:
        fail("compiles: " + name, p.stderr)
    return out


def run(rules, *command, dump="dump.rgd", env=None, timeout=60):
    """Runs it under the rules, with a dump at its end. The finished process."""
    full = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_RULES=rules, REFGRAPH_ON_EXIT="1", REFGRAPH_DIR=TMP, REFGRAPH_DUMP=dump)
    full.update(env or {})
    if os.path.exists(os.path.join(TMP, dump)):
        os.remove(os.path.join(TMP, dump))
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, env=full, timeout=timeout,
                          stdin=subprocess.DEVNULL, cwd=TMP)


class Hooked:
    """A dump's HOOKS and COUNTED."""

    def __init__(self, dump="dump.rgd"):
        self.dump = d = rgd.Dump(os.path.join(TMP, dump))
        s = d.strings
        modules = [s[x] for x in d.col("MODULES", 0)]
        self.hooks = [dict(name=s[h[0]], module=os.path.basename(modules[h[1] - 1]) if h[1] else "", offset=h[2], family=s[h[3]], type=s[h[4]],
                           role=KINDS[h[5]], way=WAYS[h[6]], why=s[h[7]], calls=h[8]) for h in d.rows("HOOKS")]
        events, at = d.rows("EVENTS"), 0
        types = d.rows("TYPES")
        self.objects = []
        for state, address, obj, type, objects, count, memory, n, lost, epoch, flags in (r[:11] for r in d.rows("COUNTED")):
            mine, at = events[at:at + n], at + n
            self.objects.append(dict(
                state=STATES[state], address=address, type=s[types[type][0]], family=s[types[type][1]], objects=objects, count=count - 1, memory=memory - 1,
                flags=flags, events=[dict(kind=KINDS[e[0]], flags=e[1], function=self.hooks[e[2] - 1]["name"] if e[2] else "", stack=e[3],
                                          before=e[5] - 1, after=e[6] - 1, times=e[7]) for e in mine]))

    def functions(self, **want):
        """Names of the hooked functions whose fields are so."""
        return sorted(h["name"] for h in self.hooks if all(h[k] == v for k, v in want.items()))

    def alive(self, type=None):
        return [o for o in self.objects if o["state"] == "alive" and (type is None or o["type"] == type)]
