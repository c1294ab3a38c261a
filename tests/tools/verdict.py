"""verdict.py - what every Python test shares: where the build is, a folder that goes with the test, and the cases' verdicts."""
import atexit
import os
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
O = os.environ.get("O", "build")
O = O if O.startswith("/") else os.path.join(ROOT, O)
REFGRAPH = os.path.join(O, "refgraph")
SHIM = os.path.join(O, "librefgraph.so")
TMP = tempfile.mkdtemp(prefix="refgraph-test.", dir=os.environ.get("TMPDIR", "/tmp"))
atexit.register(shutil.rmtree, TMP, True)
_failed = 0


def say(line):
    """Whole, whichever thread says it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def ok(name):
    say("ok " + name)


def fail(name, why):
    global _failed
    _failed = 1
    say("not ok %s: %s" % (name, str(why).replace("\n", "|")[:1500]))


def equal(name, got, want):
    if got == want:
        ok(name)
    else:
        fail(name, "got «%s», want «%s»" % (got, want))


def judge(name, good, why=""):
    if good:
        ok(name)
    else:
        fail(name, why)


def status():
    """The test's exit status: 1 when a case failed."""
    return _failed
