#!/usr/bin/env python3
"""Where each block of ZendMM was allocated: function, file and line of all objects of some types, exactly, with the innermost frame and
with all; in code of eval(), closures, generators, magic methods, through internal functions; under opcache's JIT too, where only
the line may be the one before. Freed slots that are used again have their new place. And the collector's runs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from phptest import *

SCRIPT = os.path.join(PROGRAMS, "places.php")
EVAL = SCRIPT + "(%d) : eval()'d code"


def at(function, file, line):
    return "%s (%s:%d)" % (function, file, line)


WANT = {
    "Node": {at("leaf", SCRIPT, 3): 6, at("{closure}", SCRIPT, 10): 9},
    "ArrayObject": {at("{closure}", EVAL % 7, 1): 7},
    "SplObjectStorage": {at("Magic::__call", SCRIPT, 11): 1},
    "SplQueue": {at("Magic::__get", SCRIPT, 11): 1},
    "DateTime": {at("gen", SCRIPT, 13): 2},
    "SplFixedArray": {at("{main}", SCRIPT, 16): 1500},
    "SplMinHeap": {at("{main}", EVAL % 17, 1): 20},
}


def places(path, kind):
    return {row["place"]: row["objects"] for row in ask("stacks", "--types=off", "--where", "type == '%s'" % kind, "--limit", "0", path)}


def functions(rows):
    """By function alone."""
    out = {}
    for place, n in rows.items():
        out[place.split(" ")[0]] = out.get(place.split(" ")[0], 0) + n
    return out


if __name__ == "__main__":
    for way in "", "opcache", "JIT":
        for mode in ("site", "full") if not way else ("site",):
            name = "places-%s%s" % (mode, way)
            done = shimmed(SCRIPT, name, ini=WAYS[way], php_stacks=mode, on_exit=1)
            title = "%s%s" % (mode, ", " + way if way else "")
            equal("%s: it runs" % title, (done.returncode, done.stdout, done.stderr), (0, "", ""))
            got = {kind: places(dump_path(name), kind) for kind in WANT}
            if way:  # opcache may put one line's code with another's
                got, want = [{kind: functions(rows) for kind, rows in x.items()} for x in (got, WANT)]
            else:
                want = WANT
            equal("%s: each object's place" % title, got, want)
    stacks = [row["place"] for row in ask("stacks", "--types=off", "--by", "stack", "--where", "type == 'Node'", "--limit", "0", dump_path("places-full"))]
    main = at("{main}", SCRIPT, 10)
    judge("full: internal functions are frames too", "%s < array_map < %s" % (at("{closure}", SCRIPT, 10), main) in stacks, stacks)
    judge("full: each level of a recursion is a frame", sorted(place.count("tree (") for place in stacks) == [0, 1, 2, 3, 4, 5, 6], stacks)

    done = shimmed("<?php for ($i = 0; $i < 25000; $i++) { $a = new stdClass; $a->a = $a; }\n$live = [];\n"
                   "for ($i = 0; $i < 12000; $i++) { $o = new stdClass; $live[] = [$o, &$live]; $p = $live[$i]; }\ngc_collect_cycles();\n"
                   "echo json_encode(gc_status());", "runs", on_exit=1)
    said = json.loads(done.stdout)
    state = ask("gc", dump_path("runs"))[0]
    runs = ask("gc", "--events", dump_path("runs"))
    equal("gc: as gc_status() says", (state["runs"], state["collected"], state["threshold"]), (said["runs"], said["collected"], said["threshold"]))
    equal("gc: the runs of the full buffer", [(r["cause"], r["roots_before"], r["collected"]) for r in runs[:2]], [("full", 10000, 9999)] * 2 if runs[0]["collected"] == 9999 else [("full", 10000, 10000)] * 2)
    judge("gc: the script's own is the last", runs[-1]["cause"] == "script" and runs[-1]["place"].endswith("script.php:4"), runs[-1])
    judge("gc: it tells of what is alive", sum(r["threshold_after"] > r["threshold_before"] for r in runs) == (state["threshold"] - 10001) // 10000, runs)
    sys.exit(status())
