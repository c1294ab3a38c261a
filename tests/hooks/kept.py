#!/usr/bin/env python3
"""Memory of counted objects that ended is kept with --tombstones, where it is not a small block of malloc's. Slices of GLib's (before 2.76), with nothing
said in the environment: a release too many is told with both stacks though the slice would have been used again; slices come back to their allocator, freed as
the program freed them; in the dump what is kept is free. Large blocks, within a bound of bytes that they do not take from the small ones."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from hooked import *

SOURCE = os.path.join(ROOT, "tests", "hooks", "programs", "slices.c")
RULES = os.path.join(TMP, "things.rules")
LARGE = """
#include <stdio.h>
#include <stdlib.h>
#define NOINLINE __attribute__((noinline, noclone))
struct thing { volatile long count; };
NOINLINE struct thing *thing_new(size_t size) { struct thing *t = malloc(size); t->count = 1; return t; }
NOINLINE void thing_unref(struct thing *t) { if (!--t->count) free(t); }
NOINLINE void rightful(struct thing *t) { thing_unref(t); __asm__ volatile(""); }
NOINLINE void hasty(struct thing *t) { thing_unref(t); __asm__ volatile(""); }

int main(int argc, char **argv)
{
	struct thing *first, *second;

	/* N SIZE...: so many of this size come and go */
	for (int i = 1; i + 1 < argc; i += 2)
		for (int k = atoi(argv[i]); k; k--)
			rightful(thing_new(atol(argv[i + 1])));
	if (argc % 2)
		return 0;
	/* and the last SIZE: one ends, another comes, the first is given back once more */
	rightful(first = thing_new(atol(argv[argc - 1])));
	second = thing_new(atol(argv[argc - 1]));
	printf("%p %s\\n", first, second == first ? "used again" : "kept");
	fflush(stdout);
	hasty(first);
	rightful(second);
	return 0;
}
"""
TYPES = {"variant": "GVariant (si)", "param": "GParamInt", "object": "Boat", "thing": "thing"}


def version():
    text = subprocess.run(["pkg-config", "--modversion", "glib-2.0"], stdout=subprocess.PIPE, universal_newlines=True).stdout
    return [int(x) for x in text.strip().split(".")]


def run_slices(*arguments, dump="dump.rgd", tombstones=5000, **env):
    return run("glib:gobject:" + RULES, program, *arguments, dump=dump, env=dict(env, REFGRAPH_TOMBSTONES=str(tombstones)))


def ask(*arguments):
    return subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True).stdout


def judge_surplus(kind, type):
    """One event after the end, of that very object; of all others, which would have had its place, none."""
    dump = kind + ".rgd"
    p = run_slices(kind, dump=dump)
    first, told = p.stdout.split(" ", 1)
    title = "slices: %s: " % kind
    equal(title + "its memory waits", (p.returncode, told), (0, "kept\n"))
    objects = [o for o in Hooked(dump).objects if o["type"] == type and o["state"] in ("alive", "ended")]
    after = [(o["address"], e["kind"]) for o in objects for e in o["events"] if e["flags"] & 4]
    equal(title + "one release after the end, of this one", after, [(int(first, 16), "unref")])
    judge(title + "the others ended as they should", len(objects) > 20 and all(o["state"] == "ended" for o in objects), len(objects))
    rows = [json.loads(line) for line in ask("balance", "--types", "off", "--json", os.path.join(TMP, dump)).splitlines()]
    judge(title + "balance names who did it", rows and rows[0]["finding"] == "surplus" and " < hasty < surplus < main" in rows[0]["path"], rows)
    lines = [line for line in ask("refcount", "--replay", "--no-header", first, os.path.join(TMP, dump)).splitlines() if "unref" in line]
    judge(title + "and its replay both stacks", len(lines) == 2 and "rightful" in lines[0] and "after" in lines[1] and "hasty" in lines[1], lines)


def types_of(dump):
    return {r["type"]: r["count"] for r in map(json.loads, ask("typestats", "--json", "--limit", "0", os.path.join(TMP, dump)).splitlines())}


def judge_dump():
    """Fifty that are kept, and as many objects in the dump as without them."""
    for name, tombstones in ("kept.rgd", 50), ("plain.rgd", 0):
        run_slices("many", dump=name, tombstones=tombstones)
    kept, plain = types_of("kept.rgd"), types_of("plain.rgd")
    judge("slices: what is kept is free in the dump", plain and kept == plain, (kept, plain))


def judge_given_back():
    plain = int(subprocess.run([program, "many"], stdout=subprocess.PIPE).stdout)
    ours = int(run_slices("many", tombstones=100).stdout)
    judge("slices: so many are kept, and no more", 100 <= ours <= plain + 100, (plain, ours))
    equal("slices: always-malloc goes by free()", int(run_slices("many", tombstones=8, G_SLICE="always-malloc").stdout), 9)
    p = run_slices("threads", tombstones=50)
    equal("slices: threads that end each other's", (p.returncode, p.stdout), (0, "0 wrong\n"))


def judge_twice():
    """What is freed twice is freed twice: GLib's own check says what it says without us."""
    said = []
    for shim in False, True:
        env = {"G_SLICE": "debug-blocks"}
        p = run_slices("twice", **env) if shim else subprocess.run([program, "twice"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                                                    universal_newlines=True, env=dict(os.environ, **env))
        said.append((p.returncode, p.stdout, re.sub("0x[0-9a-f]+", "", p.stderr)))
    judge("slices: freed twice is freed twice", said[0] == said[1] and said[0][0] == -6 and "non-allocated block" in said[0][2], said)


def judge_large():
    """How many bytes are kept of these, in their order; and one of a megabyte is given back once too often."""
    large = compile("large", LARGE)
    kb, mb = 1 << 10, 1 << 20

    def bytes_kept(*lives):
        p = run(RULES, large, *map(str, lives), dump="large.rgd", env={"REFGRAPH_TOMBSTONES": "5000"})
        told = re.search(r"hooks.quarantine.bytes +(\d+)", ask("info", os.path.join(TMP, "large.rgd")))
        return p.returncode, int(told[1]) if told else 0

    equal("large: blocks are kept whole", bytes_kept(3, 100 * kb), (0, 300 * kb))
    equal("large: the newest, and what fits beside it", bytes_kept(4, 12 * mb), (0, 24 * mb))
    equal("large: they take half of the bound, and nothing from the small ones", bytes_kept(5, 64, 100, mb), (0, 5 * 64 + 32 * mb))
    equal("large: small ones take all of it", bytes_kept(2500, 32 * kb), (0, 64 * mb))
    equal("large: and of the large ones' half, the oldest first", bytes_kept(40, mb, 1040, 32 * kb), (0, 31 * mb + 1040 * 32 * kb))
    equal("large: what libc unmaps at once is not kept", bytes_kept(2, 33 * mb), (0, 0))
    p = run(RULES, large, "5", str(mb), str(mb), dump="large.rgd", env={"REFGRAPH_TOMBSTONES": "1000"})
    equal("large: its memory waits", (p.returncode, p.stdout.split(" ", 1)[1:]), (0, ["kept\n"]))
    after = [hex(o["address"]) for o in Hooked("large.rgd").objects for e in o["events"] if e["flags"] & 4]
    equal("large: one release after the end", after, [p.stdout.split()[0]])


def judge_rule():
    """A rule that names the very function goes first: nothing is kept then."""
    rules = os.path.join(TMP, "slice.rules")
    with open(rules, "w") as f:
        f.write("family things in slices\nlibrary libglib-2.0.so.*\ntype slice\n\tcreate g_slice_alloc\n\tdestroy g_slice_free1(2)\n")
    p = run(rules, program, "many", dump="rule.rgd", env={"REFGRAPH_TOMBSTONES": "5000"})
    h = Hooked("rule.rgd")
    calls = {x["name"]: x["calls"] for x in h.hooks}
    judge("slices: a rule for g_slice_free1 sees every call", p.returncode == 0 and calls["g_slice_free1"] >= 1000 and not h.alive(), (calls, len(h.alive())))


def main():
    global program
    with open(RULES, "w") as f:
        f.write("family things of the program's own\nlibrary program\nsymbols local\ntype thing\n\tcount i64 at 0\n\tcreate thing_new\n\tunref thing_unref\n")
    judge_large()
    if version() >= [2, 75]:
        say("skip slices: this GLib has none")
        return
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gobject-2.0"], stdout=subprocess.PIPE, universal_newlines=True).stdout.split()
    program = compile("slices", SOURCE, *flags)
    for kind, type in TYPES.items():
        judge_surplus(kind, type)
    judge_dump()
    judge_given_back()
    judge_twice()
    judge_rule()


main()
sys.exit(status())
