"""phptest.py - what the tests of requests, places and memory of PHP share: running a script plain and under the shim."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from verdict import *

PHP = shutil.which("php8.2") or "/usr/bin/php8.2"
PROGRAMS = os.path.join(ROOT, "tests", "php", "programs")


def clean_environment():
    return {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("REFGRAPH")}


def shim_environment(name="php", **settings):
    """Dumps are TMP/name.N.rgd."""
    env = {"LD_PRELOAD": SHIM, "REFGRAPH_DIR": TMP, "REFGRAPH_DUMP": name + ".%n.rgd"}
    env.update({"REFGRAPH_" + k.upper(): str(v) for k, v in settings.items()})
    return env


def php(script, *arguments, env=None, ini=(), timeout=120):
    """`script` is a path, or text that begins with <?php."""
    if script.startswith("<?php"):
        path = os.path.join(TMP, "script.php")
        with open(path, "w") as out:
            out.write(script)
        script = path
    options = [word for option in ini for word in ("-d", option)]
    return subprocess.run([PHP, "-n", *options, script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          universal_newlines=True, env={**clean_environment(), **(env or {})}, timeout=timeout)


def shimmed(script, name, *arguments, ini=(), **settings):
    return php(script, *arguments, env=shim_environment(name, **settings), ini=ini)


def dump_path(name, number=1):
    return os.path.join(TMP, "%s.%d.rgd" % (name, number))


def ask(*arguments):
    """Rows of a command with --json."""
    done = subprocess.run([REFGRAPH, arguments[0], "--json", *arguments[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(arguments), done.stderr.strip()))
    return [json.loads(line) for line in done.stdout.splitlines()]


def words(*arguments):
    """What a command prints."""
    done = subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    return done.stdout


OPCACHE = ["zend_extension=opcache", "opcache.enable_cli=1", "opcache.file_update_protection=0"]
JIT = OPCACHE + ["opcache.jit=tracing", "opcache.jit_buffer_size=32M"]
WAYS = {"": [], "opcache": OPCACHE, "JIT": JIT}
