"""php_groups.py - the groups of tests/bench/run about PHP. Each function gets the module of tests/bench/run as `b`.

The budgets are: CPU 1.1 times the plain program for the graph alone, 1.3 with the place of each allocation; peak memory 1.25 times."""
import getpass
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools"))
import fpm

PHP = shutil.which("php8.2") or "/usr/bin/php8.2"
EXTENSIONS = ["-d", "extension=ctype", "-d", "extension=mbstring"]
OPCACHE = ["-d", "zend_extension=opcache", "-d", "opcache.enable_cli=1"]
JIT = OPCACHE + ["-d", "opcache.jit=tracing", "-d", "opcache.jit_buffer_size=64M"]
BUDGETS = {"graph only": 1.1, "a place each (default)": 1.3}


def ways(b, command):
    return {"plain": (command, {}), "graph only": (command, b.shim(php_stacks="off")), "a place each (default)": (command, b.shim()),
            "all frames": (command, b.shim(php_stacks="full"))}


def programs(b):
    for name in "language", "template", "arrays":
        for title, options in ("", []), (" under opcache's JIT", JIT):
            b.title("PHP: %s%s" % (name, title), "CPU, ratio to the plain program; tests/bench/php/%s.php" % name)
            script = os.path.join(HERE, "php", name + ".php")
            command = [PHP, "-n", *EXTENSIONS, *options, script]
            base = b.overhead("php " + name + title, ways(b, command), BUDGETS)
            if not title:
                peers(b, name, [PHP, "-n", *EXTENSIONS], script, base)


def peers(b, name, command, script, base):
    b.peer("php " + name, "heaptrack, USE_ZEND_ALLOC=0", ["heaptrack", "-o", b.TMP + "/heaptrack", *command, script], {"USE_ZEND_ALLOC": "0"},
           base, "heaptrack", 3)
    b.peer("php " + name, "USE_ZEND_ALLOC=0 alone", [*command, script], {"USE_ZEND_ALLOC": "0"}, base, None, 3)
    xdebug = os.environ.get("XDEBUG", "/usr/lib/php/20220829/xdebug.so")
    if not os.path.exists(xdebug):
        print("  %-38s %10s  (php8.2-xdebug is not installed)" % ("xdebug's profiler", "missing"))
        return
    for mode, more in ("profile", []), ("trace", ["-d", "xdebug.start_with_request=yes", "-d", "xdebug.trace_format=1"]):
        b.peer("php " + name, "xdebug, mode " + mode,
               [*command, "-d", "zend_extension=" + xdebug, "-d", "xdebug.mode=" + mode, "-d", "xdebug.output_dir=" + b.TMP, *more, script], {}, base, None, 1)


NGINX = """daemon off; user %(user)s; worker_processes 1; pid %(folder)s/nginx.pid; error_log %(folder)s/nginx.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path %(folder)s/body; fastcgi_temp_path %(folder)s/fastcgi; proxy_temp_path %(folder)s/proxy;
    uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi;
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            fastcgi_pass unix:%(socket)s;
            fastcgi_param SCRIPT_FILENAME %(script)s; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param QUERY_STRING $query_string; fastcgi_param SERVER_PROTOCOL $server_protocol;
        }
    }
}
"""


def by_http(b, server, script, count):
    """So many requests through nginx, by ab's four clients. How many were answered with 200."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    config = os.path.join(server.folder, "nginx.conf")
    with open(config, "w") as out:
        out.write(NGINX % {"user": getpass.getuser(), "folder": server.folder, "port": port, "socket": server.socket, "script": script})
    front = subprocess.Popen(["nginx", "-c", config], stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with socket.socket() as s:
                if not s.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.01)
        good = 0
        for uri in "/list", "/item/7":
            said = subprocess.run(["ab", "-q", "-l", "-k", "-c", "4", "-n", str(count // 2), "http://127.0.0.1:%d%s?n=1" % (port, uri)],
                                  stdout=subprocess.PIPE, text=True).stdout
            if not re.search(r"Failed requests: +0\n", said) or "Non-2xx" in said:
                raise RuntimeError("ab: " + said[-300:])
            good += int(re.search(r"Complete requests: +(\d+)", said).group(1))
        return good
    finally:
        front.terminate()
        front.wait()


def by_fastcgi(b, server, script, count):
    """The same without a web server in front: two clients of FastCGI."""
    def ask(i):
        status, body, _ = server.get(script, uri="/list" if i % 2 else "/item/%d" % i, query="n=%d" % i)
        return None if status == 200 and body.endswith(" %d" % i) else body
    load = fpm.Load(ask, 2)
    load.until(count)
    load.stop()
    if load.bad:
        raise RuntimeError("php-fpm: %s" % load.bad[:1])
    return load.answers


def requests(b, count=3000):
    """CPU and memory of php-fpm, all its processes, for so many requests: by HTTP, where there are nginx and ab."""
    script = os.path.join(HERE, "php", "request.php")
    send, how = (by_http, "by nginx and ab") if shutil.which("nginx") and shutil.which("ab") else (by_fastcgi, "by FastCGI alone")

    def loop(ini):
        def run(env):
            folder = os.path.join(b.TMP, "fpm%d" % time.monotonic_ns())
            os.mkdir(folder)
            server = fpm.Fpm(folder, env=env, ini=ini)
            try:
                answers = send(b, server, script, count)
            finally:
                server.process.send_signal(fpm.signal.SIGQUIT)
                _, status, usage = os.wait4(server.process.pid, 0)
                server.process.returncode = os.waitstatus_to_exitcode(status)
                server.stop()
            if server.process.returncode:
                raise RuntimeError("php-fpm: exit status %s" % server.process.returncode)
            return (usage.ru_utime + usage.ru_stime) * count / answers, usage.ru_maxrss
        return run

    for title, ini in ("", []), (" with opcache", ["zend_extension=opcache"]):
        b.title("PHP: %d requests to php-fpm%s, %s" % (count, title, how), "CPU of all its processes, ratio to the plain one; tests/bench/php/request.php")
        b.overhead("php requests" + title, ways(b, loop(ini)), BUDGETS)


HEAP = """<?php
class Node { public $next; public $data; public $name; }
$all = [];
for ($i = 0; $i < %d; $i++) { $n = new Node; $n->next = $all[$i >> 1] ?? null; $n->data = [$i, "value $i"]; $n->name = "node $i"; $all[] = $n; }
echo "ready\\n";
while (true) { for ($i = 0; $i < 1000; $i++); usleep(1000); }
"""


def ahead():
    """Before the rest of the machine, where that is allowed: the pause of the program, not of the queue for a processor."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    except OSError:
        pass


def snapshot(b, objects=250000):
    """An object with an array and two strings each: four containers and some 10 zvals."""
    b.title("snapshot of %d PHP objects, as many arrays, twice as many strings" % objects, "medians of 5")
    script = os.path.join(b.TMP, "heap.php")
    with open(script, "w") as out:
        out.write(HEAP % objects)
    clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    p = subprocess.Popen([PHP, "-n", "-d", "memory_limit=-1", script], env={**clean, **b.shim()}, stdout=subprocess.PIPE, text=True, cwd=b.TMP,
                         preexec_fn=ahead)
    try:
        p.stdout.readline()
        shots = []
        for _ in range(5):
            shots.append(b.shoot(p.pid, os.path.join(b.TMP, "php.rgd")))
    finally:
        p.kill()
        p.wait()
    count, edges, size, pause, total, _ = [statistics.median(column) for column in zip(*shots)]
    b.row("php snapshot", "pause", pause, "ms", 10, "%d objects, %d edges" % (count, edges))
    b.row("php snapshot", "walker", total / 1e3, "s", 0.5)
    b.row("php snapshot", "dump", size / count, "bytes/object", 12)
