#!/usr/bin/env python3
"""ZendMM behaves under the shim as without it: random programs print memory_get_usage(), its peaks and what gc_mem_caches() freed after
each step, and end by running out of a memory_limit or without; the output is the same byte by byte, without places of
allocations, with one frame, with all frames, under opcache and its JIT. The environment counts ($_SERVER): the plain run has the shim
loaded too, and off."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from phptest import *

SEEDS = int(os.environ.get("PHP_SEEDS", "9"))

HEAD = """<?php
function said($what) {
    printf("%s %d %d %d %d\\n", $what, memory_get_usage(), memory_get_usage(true), memory_get_peak_usage(), memory_get_peak_usage(true));
}
class Node { public $next; public $held; private $more = []; function add($x) { $this->more[] = $x; return $this; } }
register_shutdown_function(function () { said('shutdown'); echo gc_mem_caches(), "\\n"; said('end'); });
"""

STEPS = [
    "$%(v)s = []; for ($i = 0; $i < %(n)d; $i++) { $%(v)s[] = str_repeat('x', %(s)d + $i %% 7); }",
    "$%(v)s = array_fill(0, %(n)d, %(s)d);",
    "$%(v)s = []; for ($i = 0; $i < %(n)d; $i++) { $%(v)s[\"k$i\"] = [$i, 'v' => $i]; }",
    "$%(v)s = null; for ($i = 0; $i < %(n)d; $i++) { $x = new Node; $x->next = $%(v)s; $%(v)s = $x->add($i); }",
    "$%(v)s = []; for ($i = 0; $i < %(n)d; $i++) { $a = new Node; $b = new Node; $a->next = $b; $b->next = $a; $b->held = str_repeat('y', %(s)d); }",
    "$%(v)s = ''; for ($i = 0; $i < %(n)d; $i++) { $%(v)s .= chr(65 + $i %% 26); }",
    "$%(v)s = str_repeat('z', %(s)d * %(n)d);",
    "$%(v)s = json_decode(json_encode(range(0, %(n)d)), true); sort($%(v)s);",
    "$%(v)s = array_map(fn ($x) => function () use ($x) { return $x; }, range(0, %(n)d >> 3));",
    "for ($i = 0; is_array($%(v)s ?? null) && $i < %(n)d; $i += 3) { unset($%(v)s[$i]); }",
    "unset($%(v)s);",
    "$%(v)s = array_merge((array) ($%(v)s ?? []), (array) ($%(w)s ?? []));",
    "echo gc_collect_cycles(), \"\\n\";",
    "echo gc_mem_caches(), \"\\n\";",
    "$%(v)s = (function ($n) { for ($i = 0; $i < $n; $i++) { yield str_repeat('g', $i); } })(%(s)d); $%(v)s->current();",
    "$%(v)s = (eval('return fn ($x) => [$x, [%(n)d]];'))(%(s)d);",
    "$%(v)s = substr(serialize($%(w)s instanceof Closure || $%(w)s instanceof Generator || is_array($%(w)s) ? 0 : $%(w)s), 0, %(n)d);",
]


def program(seed):
    r = random.Random(seed)
    out = [HEAD]
    for v in "abcd":
        out.append("$%s = null;" % v)
    if r.random() < 0.6:
        out.append("ini_set('memory_limit', '%dM');" % r.choice([4, 8, 16, 24]))
    for i in range(r.randrange(12, 30)):
        step = r.choice(STEPS) % {"v": r.choice("abcd"), "w": r.choice("abcd"), "n": int(10 ** r.uniform(1, 4.3)), "s": int(10 ** r.uniform(0, 3))}
        out += [step, "said('%d');" % i]
    return "\n".join(out)


def run(script, modes, ini):
    """(mode, what it did under the shim, and without) for each mode; the environment is part of the memory, so all its values are as long."""
    path, plain = os.path.join(TMP, "same.php"), {}
    with open(path, "w") as out:
        out.write(script)
    for mode in modes:
        env = {"LD_PRELOAD": SHIM, "REFGRAPH_DIR": TMP, "REFGRAPH_PHP_STACKS": mode}
        got = php(path, env=dict(env, REFGRAPH="yes"), ini=ini)
        if len(mode) not in plain:
            plain[len(mode)] = php(path, env=dict(env, REFGRAPH="off"), ini=ini)
        want = plain[len(mode)]
        yield mode, (got.returncode, got.stdout, got.stderr), (want.returncode, want.stdout, want.stderr)


exhausted = cut = 0
for way, ini in WAYS.items():
    bad = []
    for seed in range(SEEDS if not way else SEEDS // 3):
        script = program(seed)
        for mode, got, want in run(script, ["site", "full", "off"] if not way else ["site"], ini):
            cut += "\nend " not in want[1]
            exhausted += "Allowed memory size" in want[1]
            if got != want:
                lines = [i for i, (a, b) in enumerate(zip(got[1].split("\n"), want[1].split("\n"))) if a != b]
                at = lines[0] if lines else -1
                bad.append("seed %d, %s: exit %s, %s; line %d: %s | %s; %s" % (seed, mode, got[0], want[0], at, got[1].split("\n")[at],
                                                                              want[1].split("\n")[at], got[2][-200:]))
    equal("memory functions say the same%s" % (", " + way if way else ""), bad, [])
equal("all of them came to their end", cut, 0)
judge("some of them ran out of memory", exhausted >= 3, exhausted)

info = subprocess.run([PHP, "-n", "-i"], stdout=subprocess.PIPE, universal_newlines=True, env={**clean_environment(), **shim_environment()}).stdout
equal("php -i says that ZendMM is enabled", [line for line in info.split("\n") if "Zend Memory Manager" in line], ["Zend Memory Manager => enabled"])
said = shimmed("<?php ob_start(); phpinfo(INFO_GENERAL); echo preg_match('/Zend Memory Manager => enabled/', ob_get_clean());", "info")
equal("phpinfo() says that ZendMM is enabled", said.stdout, "1")
ffi = "<?php $f = FFI::new('int[4]', false); $p = FFI::addr($f); FFI::free($p); echo 'freed';"
equal("FFI::free() knows ZendMM's blocks", php(ffi, env=shim_environment("ffi"), ini=["extension=ffi", "ffi.enable=1"]).stdout, "freed")
sys.exit(status())
