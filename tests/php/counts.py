#!/usr/bin/env python3
"""Every reference that PHP counts has a holder in the dump: programs/counts.php has whatever counts one, and `audit` must find none lost and
none missing; with opcache off, on, and with its JIT. A script that was included and is gone leaves functions, classes, closures; a library's
strings are not interned when opcache is loaded and not enabled, as on Debian's command line."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

SCRIPT = os.path.join(ROOT, "tests", "php", "programs", "counts.php")
INCLUDED = """<?php
$autoload = spl_autoload_register(function ($name) use ($argv) { static $names = null; $names ??= ['one' => 1, 'two' => 2]; return null; });
function of_file(array &$list, ?Payload ...$more): ?array { static $kept = ['first' => 1, 'second' => []]; $kept['n'] = $more; return $kept; }
of_file($keep, P('argument of a file'));
#[Attribute] class OfFile { #[OfFile('a', b: 'c')] public ?array $typed = null; const EARLY = self::LATE . '!'; const LATE = 'late'; public $made = self::EARLY; }
$keep['of file'] = new OfFile;
return 1;
"""
MODES = {
    "opcache off": ["-d", "opcache.enable_cli=0"],
    "opcache": ["-d", "opcache.enable_cli=1", "-d", "opcache.file_update_protection=0"],
    "JIT": ["-d", "opcache.enable_cli=1", "-d", "opcache.jit=1255", "-d", "opcache.jit_buffer_size=16M"],
}


def rows(*arguments):
    out = subprocess.run([REFGRAPH, *arguments, "--json"], stdout=subprocess.PIPE, universal_newlines=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def holders(mode, options):
    included = os.path.join(TMP, "included.php")
    with open(included, "w") as f:
        f.write(INCLUDED)
    p = subprocess.Popen([shutil.which("php8.2"), *options, SCRIPT, included], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         universal_newlines=True, env=dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP))
    said = []
    for line in p.stderr:
        said.append(line)
        if line == "ready\n":
            break
    dump = os.path.join(TMP, "counts.%s.rgd" % mode.replace(" ", "_"))
    subprocess.run([REFGRAPH, "snapshot", str(p.pid), "-o", dump], stdout=subprocess.DEVNULL)
    p.communicate("\n")
    equal("counts: %s: ends well" % mode, (p.returncode, said), (0, ["ready\n"]))
    found = [r for r in rows("audit", dump) if r.get("verdict") in ("lost", "missing")]
    equal("counts: %s: every reference has a holder" % mode, found, [])
    summary = rows("audit", dump)[0]
    judge("counts: %s: many are counted" % mode, summary["explained"] > 500, summary)


def main():
    if not shutil.which("php8.2") or not os.path.isdir(os.path.join(O, "adapters")):
        say("skip counts: php8.2 or the adapter for it is not there")
        return 0
    for mode, options in MODES.items():
        holders(mode, options)
    return status()


sys.exit(main())
