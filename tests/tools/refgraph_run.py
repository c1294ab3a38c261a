"""refgraph_run.py - what Python tests over dumps share: the tools, where chunks lie in a file, and judging a run of refgraph."""
import os, resource, shlex, struct, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from verdict import O, REFGRAPH, ROOT, TMP, equal, fail, ok, status

MKDUMP = os.path.join(O, "tests/tools/mkdump")
GEN = os.path.join(O, "tests/bench/gen")
SMALL = os.path.join(ROOT, "tests/dumps/v1.0-small.txt")


def sanitized():
    """Path of the analyzer with sanitizers, built when needed; None where it cannot be."""
    san = os.path.join(O, "san")
    run = subprocess.run(["flock", os.path.join(O, ".san.lock"), "make", "-C", ROOT, "--no-print-directory", "O=" + san,
                          "SAN=address,undefined", "CFLAGS=-O0 -g1", "-j2", san + "/refgraph"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode:
        fail("sanitized build", run.stdout[-300:])
        return None
    return san + "/refgraph"


BINARIES = {"plain": REFGRAPH}
SAN_ENV = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99:allocator_may_return_null=1",
           "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1"}


class Run:
    """One run of refgraph: rc, out, err. rc is "timeout" when it hung."""

    def __init__(self, args, build="plain", memory=None, timeout=60, stdin=None):
        def limit():
            if memory and build == "plain":
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        if build != "plain":
            env.update(SAN_ENV)
        self.args = args
        try:
            p = subprocess.run([BINARIES[build]] + args, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, timeout=timeout, preexec_fn=limit, env=env)
            self.rc, self.out, self.err = p.returncode, p.stdout.decode("utf8", "replace"), p.stderr.decode("utf8", "replace")
        except subprocess.TimeoutExpired:
            self.rc, self.out, self.err = "timeout", "", ""

    def crashed(self):
        """What is wrong with any run, whatever its input; "" when nothing is."""
        if self.rc not in (0, 1, 2, 3):
            return "%s: status %s: %s" % (" ".join(self.args), self.rc, self.err[-300:])
        if "Sanitizer" in self.err or "runtime error:" in self.err:
            return "%s: %s" % (" ".join(self.args), self.err[:300])
        return ""


def make(name, *options, text=None):
    """A dump under TMP from SMALL or from a text, with mkdump's options."""
    path = os.path.join(TMP, name)
    p = subprocess.run([MKDUMP, *options, "-o", path] + ([SMALL] if text is None else []),
                       input=None if text is None else text.encode(), stderr=subprocess.PIPE)
    if p.returncode:
        raise SystemExit("not ok mkdump %s: %s" % (" ".join(options), p.stderr.decode()))
    return path


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def chunks(data):
    """(offset, end, section, column) of each chunk, the table of contents last."""
    at, found = struct.unpack_from("<I", data, 12)[0], []
    while struct.unpack_from("<I", data, at)[0] == 0x48434752:
        section, column = struct.unpack_from("<HH", data, at + 4)
        stored = struct.unpack_from("<I", data, at + 20)[0]
        found.append((at, at + 48 + stored, section, column))
        at += 48 + stored
        if section == 0:
            break
    return found


# ---- questions and answers in text: the form is told in tests/graphs/cases.py -----------------------------------------

def cases(path):
    found = []
    for line in open(path):
        line = line.rstrip("\n")
        if line.startswith("# $ "):
            found.append({"line": line[4:], "rc": 0, "out": [], "err": []})
        elif line.startswith("# ? "):
            found[-1]["rc"] = int(line[4:])
        elif line.startswith("# >"):
            found[-1]["out"].append(line[4:])
        elif line.startswith("# ! "):
            found[-1]["err"].append(line[4:])
    return found


def arguments(line, name, dumps):
    return [dumps[w[1:] or name] if w.startswith("@") else w for w in shlex.split(line)]


def ask_all(name, path, dumps):
    """Runs the cases in the file at `path`, one ok or not ok each. `dumps`: path by name."""
    for case in cases(path):
        run = Run(arguments(case["line"], name, dumps))
        title = "%s: %s" % (name, case["line"])
        out = run.out
        for dump in dumps.values():
            out = out.replace(os.path.dirname(dump) + "/", "")
        out = out.rstrip("\n").split("\n") if out else []
        if run.rc != case["rc"]:
            fail(title, "exit status %s: %s" % (run.rc, run.err))
        elif out != case["out"]:
            fail(title, "got «%s», want «%s»" % ("\n".join(out), "\n".join(case["out"])))
        elif [e for e in case["err"] if e not in run.err]:
            fail(title, "on standard error: «%s»" % run.err)
        else:
            ok(title)
