#!/usr/bin/env python3
"""PHP as a module of Apache (prefork): pages answer as without us; requests are epochs with their URI; a worker is asked for a dump while
it works and while it waits; a graceful reload, for which Apache unloads libphp and loads it again, loses no request, and the
workers that come after have PHP in their dumps as those before."""
import glob
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import apache
import fpm
import rgd
from phptest import *

ROUNDS = int(os.environ.get("PHP_APACHE_RELOADS", "2"))
PAGES = {"page.php": """<?php
class Page { public $self; public $uri; public static $all = []; }
for ($i = 0; $i < 10; $i++) { $p = new Page; $p->self = $p; $p->uri = $_SERVER['REQUEST_URI']; Page::$all[] = $p; }
header('X-Pages: ' . count(Page::$all));
echo json_encode([php_sapi_name(), $_GET, $_SERVER['PATH_INFO'] ?? '', array_map('strtoupper', apache_request_headers())['Host'] ? 'host' : '', count(Page::$all)]);
""", "wait.php": """<?php
class Waiter { public $held = []; }
$w = new Waiter; $w->held['k'] = [new ArrayObject([1, 2, 3])];
file_put_contents(sys_get_temp_dir() . '/waits', getmypid());
$end = microtime(true) + 60;
while (!file_exists(sys_get_temp_dir() . '/go') && microtime(true) < $end) { if (isset($_GET['busy'])) { for ($i = 0; $i < 1000; $i++); } else { usleep(2000); } clearstatcache(); }
echo count($w->held), ' ', getmypid();
""", "broken.php": "<?php throw new RuntimeException('on purpose');\n"}
PATHS = ["/page.php", "/page.php/cart/3?n=7", "/page.php?a[]=1&a[]=2", "/broken.php", "/none.php", "/page.php/cart/4"]


def folder(name):
    path = os.path.join(TMP, name)
    os.mkdir(path)
    os.chmod(path, 0o777)
    return path


class Epochs:
    def __init__(self, path):
        d = rgd.Dump(path)
        self.labels = [d.strings[label] for _, _, kind, label in d.rows("EPOCHS") if kind == 1]
        types = [d.strings[t[0]] for t in d.rows("TYPES")]
        self.count = lambda name: sum(types[row[1]] == name for row in d.rows("OBJECTS"))


def server(name, env, documents, **options):
    return apache.Apache(folder(name), documents, env=env, more="MaxConnectionsPerChild 40\n",
                         ini=["zend_extension=opcache", "opcache.file_update_protection=0", "sys_temp_dir=%s" % documents, "display_errors=0"], **options)


def snapshot(pid, path):
    done = subprocess.run([REFGRAPH, "snapshot", str(pid), "-o", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if not os.path.exists(path):
        raise RuntimeError("snapshot of %d: %s" % (pid, done.stdout))
    return path


def whole(title, path):
    """There is PHP in the dump."""
    said = words("info", path)
    judge(title + ": PHP is whole", re.search(r"runtime.php +8\.2\.[0-9]+, ok", said), said[:600])


def waiting(one, documents, title, query):
    """A worker in the midst of a request, that sleeps or works."""
    for name in "waits", "go":
        if os.path.exists(os.path.join(documents, name)):
            os.unlink(os.path.join(documents, name))
    said = []
    asker = threading.Thread(target=lambda: said.append(one.get("/wait.php" + query)))
    asker.start()
    end = time.time() + 60
    while time.time() < end and not (os.path.exists(documents + "/waits") and open(documents + "/waits").read()):
        time.sleep(0.01)
    pid = int(open(documents + "/waits").read())
    path = snapshot(pid, os.path.join(TMP, "dumps", "%s.rgd" % title.replace(" ", "-")))
    open(documents + "/go", "w").close()
    asker.join()
    equal(title + ": the answer", said, [(200, "1 %d" % pid)])
    equal(title + ": its request is the epoch", Epochs(path).labels[-1:], ["GET /wait.php wait.php"])
    chain = words("find-backref-chain", "--columns", "edge", "--no-header", "ArrayObject[0]", path).split()
    equal(title + ": the way to an object", chain, ["$GLOBALS", "['w']", "->held", "['k']", "[0]"])
    whole(title, path)


def main():
    documents = folder("pages")
    for name, text in PAGES.items():
        with open(os.path.join(documents, name), "w") as out:
            out.write(text)
    os.chmod(TMP, 0o755)
    dumps = folder("dumps")
    plain = server("plain", None, documents)
    try:
        want = [plain.get(path) for path in PATHS]
    finally:
        equal("plain: Apache ends well", plain.stop(), 0)
    env = {"LD_PRELOAD": SHIM, "REFGRAPH_DIR": dumps, "REFGRAPH_DUMP": "%p.%n.rgd"}
    one = server("shimmed", env, documents, workers=1)
    try:
        equal("pages answer as without us", [one.get(path) for path in PATHS], want)
        judge("the page is one", want[1][0] == 200 and json.loads(want[1][1]) == ["apache2handler", {"n": "7"}, "/cart/3", "host", 10], want[1])
        waiting(one, documents, "asleep", "")
        waiting(one, documents, "at work", "?busy")
        path = snapshot(one.workers()[0], os.path.join(dumps, "idle.rgd"))
        labels = ["GET /page.php page.php", "GET /page.php/cart/3 page.php", "GET /page.php page.php", "GET /broken.php broken.php", None,
                  "GET /page.php/cart/4 page.php", "GET /wait.php wait.php", "GET /wait.php wait.php"]
        got = Epochs(path)
        equal("requests are epochs, without what follows the question mark", [l for l in got.labels if "none.php" not in l], [l for l in labels if l])
        equal("between two requests there are no objects of PHP code", got.count("Page"), 0)
    finally:
        equal("Apache ends well", one.stop(), 0)

    some = server("reloads", {**env, "REFGRAPH_EVERY": "1s"}, documents, workers=2)
    try:
        before = set(some.workers())

        def request(i):
            time.sleep(0.002)
            status, body = some.get("/page.php/item/%d?n=%d" % (i, i))
            return None if status == 200 and json.loads(body)[1:3] == [{"n": str(i)}, "/item/%d" % i] else (status, body[:200])
        load = fpm.Load(request, 2)
        for i in range(ROUNDS):
            load.until(load.answers + 60)
            some.reload()
        load.until(load.answers + 60)
        load.stop()
        equal("reload: no request lost, no wrong answer", load.bad[:3], [])
        judge("reload: other workers", not before & set(some.workers()), "%s, then %s" % (before, some.workers()))
        pid = some.workers()[0]
        path = snapshot(pid, os.path.join(dumps, "after.rgd"))
        whole("reload: a new worker", path)
    finally:
        equal("reload: Apache ends well", some.stop(), 0)
    log = [line for line in some.text().split("\n") if line.strip() and ":notice]" not in line and "was already loaded" not in line]  # that of OPcache is plain Apache's too
    equal("reload: nothing but notices in its log", log[:3], [])
    paths = glob.glob(dumps + "/*.rgd")
    bad = [line for line in words("check", *paths).splitlines() if ": ok: " not in line] if paths else []
    equal("all dumps are whole", bad[:3], [])


if not apache.installed():
    say("skip apache: libapache2-mod-php8.2 is not installed")
else:
    main()
sys.exit(status())
