#!/usr/bin/env python3
"""Each request is an epoch with its method, path and script, under FPM and the built-in server (Apache: apache.py); snapshots at the end of a request, at
a size, and from within the fatal error of an exhausted memory_limit, whose answer is the same as without us; calls of a function as epochs
in a worker that is one long loop."""
import glob
import http.client
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import fpm
import rgd
from phptest import *

SHOP = os.path.join(PROGRAMS, "shop.php")


class Dump:
    def __init__(self, path):
        self.path, self.d = path, rgd.Dump(path)
        self.meta = {k.decode() if isinstance(k, bytes) else k: v.decode() if isinstance(v, bytes) else v for k, v in self.d.rows("META")}
        self.epochs = [(number, kind, self.d.strings[label]) for number, _, kind, label in self.d.rows("EPOCHS")]
        self.types = [self.d.strings[t[0]] for t in self.d.rows("TYPES")]

    def labels(self):
        return [label for _, kind, label in self.epochs if kind == 1]

    def of_type(self, name):
        """Epochs of birth of all objects of a type."""
        return [r[5] for r in self.d.rows("OBJECTS") if self.types[r[1]] == name]


def dumps(pattern):
    return sorted(glob.glob(os.path.join(TMP, pattern)))


def wait(condition, seconds=60):
    end = time.time() + seconds
    while not condition() and time.time() < end:
        time.sleep(0.02)
    return condition()


def folder(name):
    path = os.path.join(TMP, name)
    os.mkdir(path)
    return path


# ---- FPM -------------------------------------------------------------------------------------------------------------------------


def under_fpm():
    env = {**shim_environment("fpm", php_request=3, on_fatal=1, php_memory="16M"), "REFGRAPH_DUMP": "fpm.%p.%n.rgd"}
    server = fpm.Fpm(folder("fpm"), env=env, children=1, ini=["memory_limit=24M", "zend_extension=opcache", "opcache.file_update_protection=0"])
    try:
        first = server.get(SHOP, uri="/cart/1", query="n=1&password=secret")
        pid = int(re.search(r"pid=(\d+)", first[1]).group(1))
        server.get(SHOP, uri="/cart/2", query="n=2", method="POST")
        third = server.get(SHOP, uri="/cart/3", query="n=3")
        judge("fpm: a dump at the end of request 3", wait(lambda: dumps("fpm.*.1.rgd")))
        end = Dump(dumps("fpm.%d.1.rgd" % pid)[0])
        equal("fpm: reason and label", (end.meta["reason"], end.meta["label"]), ("php-request", "GET /cart/3 shop.php"))
        equal("fpm: requests are epochs, without what follows the question mark", end.labels(),
              ["GET /cart/1 shop.php", "POST /cart/2 shop.php", "GET /cart/3 shop.php"])
        births = end.of_type("Cart")
        equal("fpm: the request's objects are there at its end, and were born in it", (len(births), set(births)),
              (200, {number for number, kind, label in end.epochs if kind == 1 and "cart/3" in label}))
        places = words("stacks", "--limit", "0", end.path)
        judge("fpm: places of a script that opcache had", "Cart::add (%s:10)" % SHOP in places and "fill (%s:20)" % SHOP in places, [line for line in places.split("\n") if ".php" in line][:6])
        judge("fpm: no secret in the dump's strings", not any("secret" in s for s in end.d.strings), "secret")
        # none of them disturbs the next
        equal("fpm: the answers", (first[1].split(" pid")[0], third[1].split(" pid")[0]), ("n=1 kept=200 blob=0", "n=3 kept=200 blob=0"))
        big = server.get(SHOP, uri="/big", query="megabytes=15")
        equal("fpm: the answer of a large one", big[1].split(" pid")[0], "n= kept=200 blob=%d" % (15 << 20))
        judge("fpm: a dump at a size", wait(lambda: dumps("fpm.%d.2.rgd" % pid)))
        size = Dump(dumps("fpm.%d.2.rgd" % pid)[0])
        equal("fpm: reason and label of that", (size.meta["reason"], size.meta["label"]), ("php-memory", "GET /big shop.php"))
        judge("fpm: it uses so much", int(size.meta["php_memory_real"]) >= 16 << 20, size.meta["php_memory_real"])
        status, body, errors = server.get(SHOP, uri="/all", query="exhaust=1")
        judge("fpm: the fatal error comes as ever", "Allowed memory size of 25165824 bytes exhausted" in body + errors, (status, body, errors))
        fatal = [Dump(p) for p in dumps("fpm.%d.*.rgd" % pid)][-1]
        equal("fpm: reason of its dump", (fatal.meta["reason"], fatal.meta["label"].split(" (")[0]),
              ("fatal", "Allowed memory size of 25165824 bytes exhausted"))
        again = server.get(SHOP, uri="/after", query="n=9")
        equal("fpm: the worker lives on", (again[0], again[1]), (200, "n=9 kept=200 blob=0 pid=%d\n" % pid))
        roots = words("roots", fatal.path, "--limit", "0")
        judge("fpm: locals of the frames that ran", "$carts of fill()" in roots, [l for l in roots.split("\n") if "local" in l][:5])
    finally:
        equal("fpm: ends well", server.stop(), 0)
    judge("fpm: nothing but notices in its log", not [l for l in server.text().split("\n") if l.strip() and "NOTICE" not in l and "Allowed memory" not in l],
          server.text()[-500:])


# ---- the built-in server, Apache -----------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def http_get(port, path, seconds=20):
    end = time.time() + seconds
    while True:
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
            c.request("GET", path)
            return c.getresponse().read().decode()
        except OSError:
            if time.time() > end:
                raise
            time.sleep(0.05)


def server_case(name, command, prefix=""):
    port = free_port()
    env = {**clean_environment(), **shim_environment(name, php_request=2)}
    with open(os.path.join(TMP, name + ".log"), "w") as log:
        p = subprocess.Popen(command(port), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=TMP)
    try:
        said = [http_get(port, "/shop.php?n=%d" % n).split(" pid")[0] for n in (1, 2, 3)]
        equal(name + ": the answers", said, ["n=%d kept=200 blob=0" % n for n in (1, 2, 3)])
        judge(name + ": a dump at the end of request 2", wait(lambda: os.path.exists(dump_path(name))), open(log.name).read()[-300:])
        if os.path.exists(dump_path(name)):
            d = Dump(dump_path(name))
            equal(name + ": requests are epochs", d.labels(), ["GET /shop.php shop.php"] * 2)
            equal(name + ": 200 carts of the second", [d.of_type("Cart").count(n) for n, kind, _ in d.epochs if kind == 1], [0, 200])
    finally:
        p.send_signal(signal.SIGINT if name == "built-in" else signal.SIGTERM)
        p.wait()


def under_built_in():
    server_case("built-in", lambda port: [PHP, "-n", "-S", "127.0.0.1:%d" % port, "-t", PROGRAMS])



# ---- the command line ------------------------------------------------------------------------------------------------------------------

WORKER = """<?php
namespace App;
class Worker { public $seen = []; function process($job) { $this->seen[$job] = new Job($job); if ($job % 2) unset($this->seen[$job]); } }
class Job { public $id; function __construct($id) { $this->id = $id; } }
$w = new Worker;
for ($i = 1; $i <= 6; $i++) $w->process($i);
echo count($w->seen);
"""


def loop():
    for function in "App\\\\Worker::process", "app\\\\worker::PROCESS":
        name = "loop%d" % len(dumps("loop*"))
        done = shimmed(WORKER, name, php_epoch_function=function.replace("\\\\", "\\"), on_exit=1)
        equal("loop: it works, %s" % function, (done.returncode, done.stdout, done.stderr), (0, "3", ""))
        d = Dump(dump_path(name))
        function = function.replace("\\\\", "\\")
        equal("loop: each call is an epoch", d.labels(), ["script.php"] + ["%s #%d" % (function, i) for i in range(1, 7)])
        calls = [n for n, kind, label in d.epochs if "#" in label]
        equal("loop: what survives, by call", d.of_type("App\\Job"), [calls[1], calls[3], calls[5]])


def exhausted():
    script = "<?php function grow() { $rows = []; for ($i = 0; ; $i++) { $rows[] = \"row number $i\"; } }\nregister_shutdown_function(function () { echo 'down'; });\ngrow();"
    plain = php(script, ini=["memory_limit=6M", "display_errors=1"])
    for mode in "off", "full":
        got = shimmed(script, "exhausted-" + mode, ini=["memory_limit=6M", "display_errors=1"], on_fatal=1, php_stacks=mode)
        equal("exhausted, %s: exit status and output" % mode, (got.returncode, got.stdout, got.stderr), (plain.returncode, plain.stdout, plain.stderr))
        d = Dump(dump_path("exhausted-" + mode))
        equal("exhausted, %s: the graph is whole" % mode, (d.meta["reason"], d.meta.get("partial")), ("fatal", None))
        roots = words("roots", dump_path("exhausted-" + mode), "--limit", "0")
        judge("exhausted, %s: the local that holds it" % mode, "$rows of grow()" in roots, [line for line in roots.split("\n") if "local" in line][:4])


under_fpm()
under_built_in()
loop()
exhausted()
sys.exit(status())
