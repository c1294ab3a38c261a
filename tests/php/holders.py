#!/usr/bin/env python3
"""Every place that can hold a value of PHP: programs/holders.php puts a Held into each, and `why` must name the place; `audit` must
see each reference that is counted."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

WANT = {
    "global": "$GLOBALS['global']",
    "array": "$GLOBALS['array']['key']['deep'][3]",
    "reference": "$GLOBALS['alias']",
    "static": "Statics::$member[0]",
    "property": "$GLOBALS['object']->declared",
    "private": "$GLOBALS['object']->hidden",
    "dynamic": "$GLOBALS['std']->dynamic",
    "use": "$GLOBALS['closure']:use($used)",
    "static variable": "$GLOBALS['closure']:use($kept)",
    "generator": "$GLOBALS['generator']:$local",
    "yield from": "$GLOBALS['generator']<yield from>:$in",
    "fiber": "$GLOBALS['fiber']:$high",
    "fiber, inner": "$GLOBALS['fiber']:deep(): $low",
    "suspended": "$GLOBALS['fiber']:argument",
    "weak map": "$GLOBALS['map'][Held]",
    "storage key": "$GLOBALS['storage'][0]",
    "storage": "$GLOBALS['storage'][1]",
    "list": "$GLOBALS['list'][0]",
    "heap": "$GLOBALS['heap'][0][1]",
    "fixed": "$GLOBALS['fixed'][0]",
    "array object": "$GLOBALS['wrapped'][0][0]",
    "constant": "(constant CONSTANT)",
    "context": "$GLOBALS['context'].options['http']['notify']",
    "error handler": "(error handler)[0]",
    "exception handler": "(exception handler)[0]",
    "shutdown function": "(argument of a shutdown function)",
    "tick function": "(tick function)[0]",
    "tick argument": "(argument of a tick function)",
    "former error handler": "(former error handler)[0]",
    "session handler": "(session handler)[0]->held",
    "session data": "(session data)['cart']",
    "stream filter": "$GLOBALS['filtered'].filter->held",
    "stream wrapper": "$GLOBALS['wrapped stream']<wrapper data>->held",
    "foreach": "$GLOBALS['loop']:temporary.iterates->inner",
    "readonly": "$GLOBALS['readonly']->only[0]",
    "enum": "Suit<keep>:$kept",
    "trait": "UsesShared::$shared",
    "callable": "$GLOBALS['callable']:$this",
    "autoloader": "autoloader->held",
    "header callback": "(header callback)[0]",
    "output handler": "(output handler):use($at)",
    "argument": "(local $argument of ready() holders.php:N)",
    "rest": "(local argument of ready() holders.php:N)",
    "variable": "(local $variable of ready() holders.php:N)",
    "argument of a call": "(local $temporary of {closure}() holders.php:N)",
}


def rg(*arguments):
    return subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True).stdout


def rows(*arguments):
    return [json.loads(line) for line in rg(*arguments, "--json").splitlines()]


def main():
    php = shutil.which("php8.2")
    if not php or not os.path.isdir(os.path.join(O, "adapters")):
        say("skip holders: php8.2 or the adapter for it is not there")
        return 0
    script = os.path.join(ROOT, "tests", "php", "programs", "holders.php")
    p = subprocess.Popen([php, "-n", script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         universal_newlines=True, env=dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_VALUES="1", REFGRAPH_DIR=TMP))
    ready = p.stderr.readline()
    judge("holders: ready", ready.startswith("ready"), ready)
    dump = os.path.join(TMP, "holders.rgd")
    rg("snapshot", str(p.pid), "-o", dump)
    p.stdin.write("\n")
    p.communicate()
    equal("holders: ends well", p.returncode, 0)
    found = {}
    for row in rows("by-type", "Held", dump):
        if row.get("record", "object") != "object" or "id" not in row:
            continue
        me = "#%d" % row["id"]
        at = [line for line in rg("referents", "--columns", "edge,repr", "--no-header", me, dump).splitlines() if "->at" in line]
        path = rg("why", me, dump).split("\n")[1]
        found[at[0].split("'", 1)[1].rsplit("'", 1)[0] if at else me] = re.sub(r"\.php:\d+\)", ".php:N)", path)
    for name in sorted(WANT):
        equal("holders: " + name, found.get(name), WANT[name])
    equal("holders: no others", sorted(set(found) - set(WANT)), [])
    unexplained = [r for r in rows("audit", dump) if r.get("type") not in (None, "string")]
    equal("holders: audit", unexplained, [])
    return status()


sys.exit(main())
