#!/usr/bin/env python3
"""php-fpm under load with a snapshot every second in each worker: no request is lost or answered wrongly, workers are recycled after
pm.max_requests, a graceful reload loses nothing, all dumps are whole, and dumps of requests are of requests. PHP_FPM_SECONDS (4) of load,
PHP_FPM_RELOADS (1) reloads; tests/long/php_fpm.sh runs it for ten minutes."""
import glob
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import fpm
from phptest import *

SECONDS, RELOADS = float(os.environ.get("PHP_FPM_SECONDS", "4")), int(os.environ.get("PHP_FPM_RELOADS", "1"))
SHOP = os.path.join(PROGRAMS, "shop.php")
seen = set()


def ask(server):
    def one(i):
        time.sleep(0.002)
        status, body, errors = server.get(SHOP, uri="/cart/%d" % (i % 5), query="n=%d" % i)
        found = re.match(r"n=(\d+) kept=200 blob=0 pid=(\d+)\n$", body)
        if status != 200 or not found or int(found.group(1)) != i or errors:
            return (status, body[:200], errors[:200])
        seen.add(int(found.group(2)))
    return one


def whole(paths):
    """What refgraph check finds wrong with dumps."""
    bad = []
    for at in range(0, len(paths), 50):
        done = subprocess.run([REFGRAPH, "check", *paths[at:at + 50]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        bad += [line for line in done.stdout.splitlines() if ": ok: " not in line]
    return bad


folder = os.path.join(TMP, "fpm")
os.mkdir(folder)
dumps = os.path.join(TMP, "dumps")
os.mkdir(dumps)
os.chmod(dumps, 0o777)
os.chmod(TMP, 0o755)
env = {"LD_PRELOAD": SHIM, "REFGRAPH_DIR": dumps, "REFGRAPH_DUMP": "%p.%n.rgd", "REFGRAPH_EVERY": "1s"}
# as pools run: the master as root, workers as somebody else
user = "user = www-data\nlisten.owner = root\n" if os.getuid() == 0 else ""
server = fpm.Fpm(folder, env=env, pool=user + "pm.max_requests = 1500", ini=["zend_extension=opcache", "opcache.file_update_protection=0"])
checked, bad = 0, []
try:
    load = fpm.Load(ask(server), 2)
    start, reloads = time.time(), 0
    while time.time() - start < SECONDS:
        time.sleep(0.1)
        if reloads < RELOADS and time.time() - start > SECONDS * (reloads + 1) / (RELOADS + 1):
            server.reload()
            reloads += 1
        paths = sorted(glob.glob(dumps + "/*.rgd"))
        if len(paths) > 400:  # as they come: many minutes of them would fill the disk
            bad += whole(paths)
            checked += len(paths)
            for path in paths:
                os.unlink(path)
    load.stop()
    asked = load.answers
finally:
    code = server.stop()
paths = sorted(glob.glob(dumps + "/*.rgd"))
bad += whole(paths)
checked += len(paths)
equal("no request lost, no wrong answer", load.bad[:3], [])
judge("there was load", asked > 20 * SECONDS, asked)
judge("workers are recycled", len(seen) > 2 * (1 + RELOADS) or asked < 8000, "%d workers for %d requests" % (len(seen), asked))
equal("the reload came", reloads, RELOADS)
equal("php-fpm ends well", code, 0)
judge("snapshots came", checked >= SECONDS / 2, checked)
equal("all dumps are whole", bad[:3], [])
log = [l for l in server.text().split("\n") if l.strip() and "NOTICE" not in l]
equal("nothing but notices in the log", log[:5], [])
left = [name for name in os.listdir(dumps) if not name.endswith(".rgd")]
equal("no half dump is left", left, [])
print("# %d requests in %.0f s, %d workers, %d dumps" % (asked, SECONDS, len(seen), checked))
sys.exit(status())
