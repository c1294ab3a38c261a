"""verdict.py - what every Python test shares: where the build is, a folder that goes with the test, and the cases' verdicts."""
import atexit
import os
import shutil
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
O = os.environ.get("O", "build")
O = O if O.startswith("/") else os.path.join(ROOT, O)
REFGRAPH = os.path.join(O, "refgraph")
SHIM = os.path.join(O, "librefgraph.so")
TMP = tempfile.mkdtemp(prefix="refgraph-test.", dir=os.environ.get("TMPDIR", "/tmp"))
atexit.register(shutil.rmtree, TMP, True)
_failed = 0


def ok(name):
    print("ok", name, flush=True)


def fail(name, why):
    global _failed
    _failed = 1
    print("not ok %s: %s" % (name, str(why).replace("\n", "|")[:1500]), flush=True)


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
