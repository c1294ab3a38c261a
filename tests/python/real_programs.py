#!/usr/bin/env python3
"""objgraph inside, refgraph outside, at the same instant, in programs that nobody here wrote: tracked objects of each type,
lengths of chains to modules, nodes and edges of drawings. `--all` takes every program in every Python, and more chains and
drawings of each (make check-long)."""
import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from shimmed import *
from drawing import differences, parse

OBJGRAPH = "/usr/lib/python3/dist-packages/objgraph.py"
SYSTEM = "/usr/bin/python3"
DISTRIBUTION = "/usr/lib/python3/dist-packages"  # its modules run in other Pythons too, but for what they have in C
EVERYTHING = "--all" in sys.argv
SAMPLE = {"PROBE_CHAINS": "20", "PROBE_DRAWINGS": "12"} if EVERYTHING else {}  # objects that are asked about
EVERYWHERE = object()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def script(name, text):
    path = os.path.join(TMP, name)
    with open(path, "w") as f:
        f.write(textwrap.dedent(text))
    return path


def environment(name, at_exit):
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name + ".%p.%n.rgd", PYTHONHASHSEED="0",
               PYTHONPATH=os.path.join(HERE, "probe") + ":" + TMP, PROBE_OBJGRAPH=OBJGRAPH, PROBE_PATH=DISTRIBUTION,
               PROBE_OUT=os.path.join(TMP, name + ".json"), **SAMPLE)
    if at_exit:
        env["PROBE_AT_EXIT"] = "1"
    return env


def wait(condition, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def get(port, path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    c.request("GET", path)
    body = c.getresponse().read()
    c.close()
    return body


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def at_exit(name, argv, **more):
    done = subprocess.run(argv, env=environment(name, True), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=300, **more)
    if done.returncode != 0:
        fail(name + ": the program itself", done.stderr[-500:])


def while_running(name, argv, drive, env=None, **more):
    """Starts, lets `drive(process)` make it work, asks it by the signal, ends it."""
    p = subprocess.Popen(argv, env=dict(environment(name, False), **(env or {})), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True, **more)
    try:
        drive(p)
        p.send_signal(signal.SIGVTALRM)
        wait(lambda: os.path.exists(os.path.join(TMP, name + ".json")) or p.poll() is not None, 120)
    finally:
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        p.wait()


def server(name, argv_of_port, paths=("/",), **more):
    port = free_port()

    def drive(p):
        wait(lambda: listening(port))
        for i in range(30):
            get(port, paths[i % len(paths)])

    while_running(name, argv_of_port(port), drive, **more)


# ---- the programs --------------------------------------------------------------------------------------------------------

def empty(name, python):
    at_exit(name, [python, "-c", "pass"])


def http_server(name, python):
    server(name, lambda port: [python, "-m", "http.server", "--bind", "127.0.0.1", str(port)], ("/", "/nothing"), cwd=TMP)


def leaky_service(name, python):
    at_exit(name, [python, "-c", "import sys; sys.path.insert(0, %r)\nimport ast, json, decimal, argparse, xml.dom.minidom, email\n"
                   "kept = [ast.parse(open(argparse.__file__).read()), json.loads('[{\"a\": [1, 2]}]' ), decimal.Decimal(3),\n"
                   "        xml.dom.minidom.parseString('<a><b/><c x=\"1\">t</c></a>'), email.message_from_string('To: x\\n\\nhello')]"
                   % os.path.join(ROOT, "samples")])


def unittest_itself(name, python):
    at_exit(name, [python, "-m", "unittest", "test.test_json.test_decode", "test.test_bisect"])


def asyncio_service(name, python):
    at_exit(name, [python, script("aio.py", """
        import asyncio
        async def one(n):
            await asyncio.sleep(0)
            return {n: [n]}
        async def main():
            return await asyncio.gather(*[one(i) for i in range(200)])
        kept = asyncio.run(main())
        """)])


def pydoc(name, python):
    at_exit(name, [python, "-m", "pydoc", "subprocess"])


def flask(name, python):
    script("flaskapp.py", """
        import flask
        app = flask.Flask(__name__)
        seen = []
        @app.route("/")
        def index():
            seen.append({"agent": flask.request.headers.get("Host")})
            return flask.render_template_string("<p>{{ n }}</p>", n=len(seen))
        """)
    server(name, lambda port: [python, "-m", "flask", "--app", "flaskapp", "run", "--port", str(port)], cwd=TMP)


def reportbug(name, python):
    at_exit(name, [python, "/usr/bin/querybts", "--help"])


def django(name, python):
    script("djangoapp.py", """
        import sys
        from django.conf import settings
        if not settings.configured: settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF="djangoapp", SECRET_KEY="x", MIDDLEWARE=["django.middleware.common.CommonMiddleware"])
        from django.http import HttpResponse
        from django.urls import path
        urlpatterns = [path("", lambda request: HttpResponse("hello"))]
        if __name__ == "__main__":
            from django.core.management import execute_from_command_line
            execute_from_command_line(["x", "runserver", "--noreload", sys.argv[1]])
        """)
    server(name, lambda port: [python, os.path.join(TMP, "djangoapp.py"), str(port)], cwd=TMP)


def sphinx(name, python):
    os.makedirs(os.path.join(TMP, "doc"), exist_ok=True)
    script("doc/conf.py", "project = 'x'\n")
    script("doc/index.rst", "Title\n=====\n\n.. code-block:: python\n\n   import this\n\n* one\n* two\n")
    at_exit(name, [python, "-m", "sphinx", "-b", "html", os.path.join(TMP, "doc"), os.path.join(TMP, "doc-out")])


def celery(name, python):
    port = free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL, cwd=TMP)
    script("tasks.py", """
        from celery import Celery
        app = Celery("tasks", broker="redis://127.0.0.1:%d/0", backend="redis://127.0.0.1:%d/1")
        kept = []
        @app.task
        def leak(n):
            kept.append(dict(n=n))
            return n
        """ % (port, port))

    def drive(p):
        code = "import sys; sys.path += [%r, %r]; import tasks\n" % (TMP, DISTRIBUTION)
        done = subprocess.run([python, "-c", code + "for i in range(20): assert tasks.leak.delay(i).get(timeout=60) == i"],
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=200)
        equal(name + ": the worker works under the shim", (done.returncode, done.stderr[-300:]), (0, ""))

    try:
        wait(lambda: listening(port))
        while_running(name, [python, "-m", "celery", "-A", "tasks", "worker", "--concurrency=2", "--loglevel=error"], drive, cwd=TMP)
    finally:
        redis.kill()
        redis.wait()


def mercurial(name, python):
    folder = os.path.join(TMP, name)
    os.makedirs(folder)
    code = "import sys; sys.argv = ['hg', 'log', '-v', '-p']; import hgdemandimport; hgdemandimport.enable(); from mercurial import dispatch; dispatch.run()"
    for command in (["init"], ["commit", "-A", "-m", "first", "-u", "someone"]):
        with open(os.path.join(folder, "file"), "w") as f:
            f.write("a line\n")
        subprocess.run(["hg"] + command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    at_exit(name, [python, "-c", code], cwd=folder)


def extensions(name, python):
    """Types that only C knows: with and without the collector, with arrays of objects."""
    at_exit(name, [python, "-c", "import numpy, lxml.etree, PIL.Image, sqlite3\n"
                   "objects = numpy.array([[1], {2: 3}, None], dtype=object); records = numpy.zeros(9, dtype=[('a', int), ('b', float)])\n"
                   "tree = lxml.etree.fromstring('<a><b x=\"1\"/><c>t</c></a>'); nodes = tree.xpath('//*'); image = PIL.Image.new('RGB', (9, 9))\n"
                   "base = sqlite3.connect(':memory:'); rows = base.execute('select 1 union select 2').fetchall(); cursor = base.cursor()"])


def docutils(name, python):
    at_exit(name, [python, "-c", "from docutils.core import publish_doctree\n"
                   "kept = publish_doctree('Title\\n=====\\n\\n* one\\n* two_\\n\\n.. _two: http://localhost/\\n\\n=  =\\na  b\\n=  =\\n')"])


def pygments(name, python):
    at_exit(name, [python, "-m", "pygments", "-l", "python", "-f", "html", os.path.join(HERE, "real_programs.py")])


# name, program, Pythons for make check (with --all every Python that has them), what it must be able to import
NOWHERE = None
PROGRAMS_HERE = [
    ("http.server", http_server, EVERYWHERE, ()),
    ("parsers", leaky_service, EVERYWHERE, ()),
    ("unittest", unittest_itself, NOWHERE, ("test.test_bisect",)),
    ("asyncio", asyncio_service, EVERYWHERE, ()),
    ("pydoc", pydoc, NOWHERE, ()),
    ("docutils", docutils, NOWHERE, ("docutils.core",)),
    ("pygments", pygments, NOWHERE, ("pygments.cmdline",)),
    ("flask", flask, SYSTEM, ("flask.cli; flask.cli.FlaskGroup()._load_plugin_commands()",)),
    ("reportbug", reportbug, SYSTEM, ("reportbug", "reportbug.ui.text_ui")),
    ("django", django, NOWHERE, ("django.core.management.commands.runserver",)),
    ("sphinx", sphinx, NOWHERE, ("sphinx.builders.html",)),
    ("celery", celery, NOWHERE, ("celery.bin.worker", "celery.concurrency.prefork", "kombu.transport.redis")),
    ("mercurial", mercurial, NOWHERE, ("mercurial.dispatch", "mercurial.cext.parsers")),
    ("extensions", extensions, NOWHERE, ("numpy", "lxml.etree", "PIL.Image")),
]


# ---- comparing --------------------------------------------------------------------------------------------------------------

def outside_counts(path):
    """Tracked objects by long type name, as typestats prints them."""
    out = subprocess.run([REFGRAPH, "typestats", "--no-shortnames", "--json", "--limit", "0", path], stdout=subprocess.PIPE, check=True,
                         universal_newlines=True).stdout
    return {row["type"]: row["count"] for row in map(json.loads, out.splitlines())}


def outside_chain(path, address):
    out = subprocess.run([REFGRAPH, "find-backref-chain", hex(address), path, "--max-depth", "6"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         universal_newlines=True)
    return len(out.stdout.splitlines()) if out.returncode == 0 else out.stderr.strip()


def outside_drawing(path, function, address, depth):
    args = [function.replace("_", "-"), hex(address), path, "--max-depth", str(depth), "--too-many", "1000000"]
    out = subprocess.run([REFGRAPH] + args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return out.stdout if out.returncode == 0 else b"digraph { \"%s\" }" % out.stderr.replace(b'"', b"")


def outside_proper(path):
    out = subprocess.run([REFGRAPH, "by-type", "--where", "is-proper-module", path, "--limit", "0", "--json"], stdout=subprocess.PIPE, check=True,
                         universal_newlines=True).stdout
    return sorted(int(row["address"], 16) for row in map(json.loads, out.splitlines()))


def examine(name):
    """(difference of counts, chains inside, chains outside, objects, what differs in the drawings, proper modules inside and
    outside), or a reason why not."""
    try:
        with open(os.path.join(TMP, name + ".json")) as f:
            inside = json.load(f)
    except OSError:
        return None
    dumps = [f for f in glob.glob(os.path.join(TMP, name + ".*.2.rgd"))]
    if inside["status"] != 0 or not dumps:
        return None
    if inside["before"] != inside["after"]:
        return "the program changed while it was counted"
    got, want = outside_counts(dumps[0]), inside["before"]
    delta = {k: got.get(k, 0) - want.get(k, 0) for k in set(got) | set(want) if got.get(k, 0) != want.get(k, 0)}
    chains = [(t, n) for a, n, t in inside["chains"]]
    theirs = parse([text for *_, text in inside["drawings"]])
    ours = parse([outside_drawing(dumps[0], function, a, depth) for function, a, depth, _ in inside["drawings"]])
    drawn = {"%s 0x%x" % (function, a): differences(t, o) for (function, a, *_), t, o in zip(inside["drawings"], theirs, ours)}
    return delta, chains, [(t, outside_chain(dumps[0], a)) for a, n, t in inside["chains"]], sum(want.values()), drawn, \
        (inside["proper"], outside_proper(dumps[0]))


def compare(version, name, own):
    title = "%s %s" % (version, name)
    found = examine("%s-%s" % (version, name))
    if not isinstance(found, tuple):
        fail(title, found or "no probe, or no dump")
        return
    delta, inside, outside, total, drawn, proper = found
    equal("%s: %d objects counted alike" % (title, total), delta, own)
    equal("%s: %d chains as long" % (title, len(inside)), outside, inside)
    equal("%s: %d proper modules" % (title, len(proper[0])), [hex(a) for a in set(proper[0]) ^ set(proper[1])], [])
    if drawn:
        equal("%s: %d drawings alike" % (title, len(drawn)), {k: v for k, v in drawn.items() if v}, {})
    else:
        fail("%s: drawings" % title, "none was made")


def available(python, modules):
    path = "import sys; sys.path.append(%r); import " % DISTRIBUTION
    return all(subprocess.run([python, "-c", path + m], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
               for m in modules)


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    for version, python in pythons():
        # What lives only while ctypes calls the shim: the tuple of the call's arguments. Nothing else may differ.
        own = {"builtins.tuple": 1}
        empty("%s-empty" % version, python)
        compare(version, "empty", own)
        for name, program, where, needs in PROGRAMS_HERE:
            if wanted and name not in wanted or not EVERYTHING and where not in (EVERYWHERE, python):
                continue
            if not available(python, needs):
                print("skip %s %s: this Python cannot import %s" % (version, name, ", ".join(needs)))
                continue
            try:
                program("%s-%s" % (version, name), python)
            except (OSError, subprocess.SubprocessError) as e:
                fail("%s %s" % (version, name), repr(e))
                continue
            compare(version, name, own)
    sys.exit(status())


main()
