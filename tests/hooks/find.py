#!/usr/bin/env python3
"""Which functions a rule finds: exported of every version, weak, by another name, local by the symbol table or separate debug symbols, in libraries that are
there at the start, that come by dlopen, go, and come again; and that nothing else is touched."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from hooked import *

LIBRARY = r"""
#include <stdlib.h>
struct thing { int count; char pad[60]; };
#define BODY(n) { volatile int x = n; for (int i = 0; i < 3; i++) x += i * n; }
__attribute__((noinline)) void thing_ref(struct thing *t) { t->count++; BODY(3) }
void old_ref(struct thing *t) { t->count++; BODY(5) }
void new_ref(struct thing *t) { t->count++; BODY(7) }
__asm__(".symver old_ref,thing_take@V1");
__asm__(".symver new_ref,thing_take@@V2");
__attribute__((weak)) void thing_weak(struct thing *t) { t->count++; BODY(11) }
extern void thing_alias(struct thing *t) __attribute__((alias("thing_ref")));
static __attribute__((noinline, noipa)) void thing_local(struct thing *t) { t->count++; BODY(13) }
void thing_both(struct thing *t) { thing_local(t); thing_ref(t); BODY(17) }
struct thing *thing_new(void) { struct thing *t = calloc(1, sizeof *t); t->count = 1; BODY(19) return t; }
void thing_unref(struct thing *t) { BODY(23) if (--t->count == 0) free(t); }
static void chosen(struct thing *t) { t->count++; BODY(29) }
static void *choose(void) { return (void *)chosen; }
void thing_chosen(struct thing *t) __attribute__((ifunc("choose")));
int thing_data;
"""
MAP = "V1 { global: thing_take; };\nV2 { global: thing_*; local: *; };\n"
RULES = """family things things of a test
library libthing.so.1
%s
type thing
	count i32 at 0
	create thing_new
	ref thing_ref thing_alias thing_weak %s thing_chosen thing_data thing_absent %s
	unref thing_unr*
"""
CALLS = "struct thing *t = thing_new(); thing_ref(t); thing_alias(t); thing_weak(t); thing_take(t); thing_both(t); "
DECLARED = """#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
struct thing; struct thing *thing_new(void); void thing_ref(void *), thing_alias(void *), thing_weak(void *), thing_take(void *), thing_both(void *),
	thing_unref(void *);
"""
PROGRAM = DECLARED + "int main(void) { " + CALLS + "return 0; }\n"
LOADS = """#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int c, char **v) {
	for (int i = 0; i < atoi(v[1]); i++) {
		void *h = dlopen("./libthing.so.1", RTLD_NOW | RTLD_LOCAL);
		void *(*make)(void) = dlsym(h, "thing_new");
		void (*ref)(void *) = dlsym(h, "thing_ref"), (*unref)(void *) = dlsym(h, "thing_unref");
		void *t = make();
		ref(t); unref(t); unref(t);
		if (i < atoi(v[1]) - 1) dlclose(h);
	}
	return 0;
}
"""
# Built into the library: the thread runs until the program has begun, so that others cannot be alone.
EARLY = r"""
#include <pthread.h>
#include <stdio.h>
struct thing; void thing_ref(struct thing *);
#include <sched.h>
#include <unistd.h>
static pthread_t thread;
static _Atomic int called;
static void *run(void *unused)
{
	char thing[64] = {0};
	for (int i = 0; i < 1000; i++)
		thing_ref((void *)thing);
	puts("a thread"), fflush(stdout);
	called = 1;
	for (;;)
		pause();
}
__attribute__((constructor)) static void begin(void)
{
	pthread_create(&thread, NULL, run, NULL);
	while (!called)
		sched_yield();
}
"""


def library(*options):
    with open(os.path.join(TMP, "map"), "w") as f:
        f.write(MAP)
    return compile("libthing.so.1", LIBRARY, "-shared", "-fPIC", "-Wl,-soname,libthing.so.1", "-Wl,--version-script=" + os.path.join(TMP, "map"),
                   "-Wl,--build-id", *options)


def rules(symbols="", version="thing_take", more=""):
    path = os.path.join(TMP, "thing.rules")
    with open(path, "w") as f:
        f.write(RULES % (symbols, version, more))
    return path


def exported():
    h = Hooked()
    equal("find: exported functions", h.functions(way="entry"), ["thing_new", "thing_ref", "thing_take", "thing_take", "thing_unref", "thing_weak"])
    equal("find: an indirect function is named, and why", [(x["way"], x["why"]) for x in h.hooks if x["name"] == "thing_chosen"],
          [("not", "is chosen at run time (IFUNC)")])
    calls = {x["name"]: 0 for x in h.hooks}
    for x in h.hooks:
        calls[x["name"]] += x["calls"]
    equal("find: calls of each, by another name and from inside", calls,
          {"thing_new": 1, "thing_ref": 3, "thing_take": 1, "thing_weak": 1, "thing_unref": 0, "thing_chosen": 0})
    thing = h.alive("thing")
    equal("find: one object, its count", [(o["count"], o["memory"]) for o in thing], [(7, 7)])  # the local one's too: it is not seen, but counted


def main():
    library()
    program = compile("program", PROGRAM, os.path.join(TMP, "libthing.so.1"), "-Wl,-rpath," + TMP)
    p = run(rules(), program)
    equal("find: the program says nothing", (p.returncode, p.stderr), (0, ""))
    exported()
    run(rules(version="thing_take@V1"), program)
    equal("find: one version only", [(x["name"], x["calls"]) for x in Hooked().hooks if x["name"] == "thing_take"], [("thing_take", 0)])
    run(rules(version="thing_take@V2"), program)
    equal("find: the other version only", [(x["name"], x["calls"]) for x in Hooked().hooks if x["name"] == "thing_take"], [("thing_take", 1)])

    # local ones
    run(rules(more="thing_local"), program)
    equal("find: a local function is not looked for unasked", Hooked().functions(name="thing_local"), [])
    run(rules("symbols local", more="thing_loca?"), program)
    equal("find: a local function by .symtab", [(x["calls"], x["way"]) for x in Hooked().hooks if x["name"] == "thing_local"], [(1, "entry")])
    so = os.path.join(TMP, "libthing.so.1")
    shutil.copy(so, so + ".whole")
    os.mkdir(os.path.join(TMP, ".debug"))
    debug = os.path.join(TMP, ".debug", "libthing.debug")
    subprocess.run(["objcopy", "--only-keep-debug", so, debug], check=True)
    subprocess.run(["objcopy", "--strip-all", "--add-gnu-debuglink=" + debug, so], check=True)
    run(rules("symbols local", more="thing_local"), program)
    equal("find: a local function by debug symbols", [x["calls"] for x in Hooked().hooks if x["name"] == "thing_local"], [1])
    library("-O2")
    os.rename(so, so + ".other")
    subprocess.run(["objcopy", "--only-keep-debug", so + ".other", debug], check=True)
    shutil.copy(so + ".whole", so)
    subprocess.run(["objcopy", "--strip-all", "--add-gnu-debuglink=" + debug, so], check=True)
    p = run(rules("symbols local", more="thing_local"), program, env={"REFGRAPH_VERBOSE": "1"})
    equal("find: debug symbols of another build are not taken", Hooked().functions(name="thing_local"), [])
    judge("find: and it is said", "libthing.so.1: is stripped, and there are no debug symbols of it here" in p.stderr, p.stderr)

    # libraries that come and go
    loads = compile("loads", LOADS)
    rows = {}
    for times in 1, 30, 1500:
        p = run(rules(), loads, str(times))
        h = Hooked()
        rows[times] = len(h.hooks)
        equal("find: dlopen, %d times" % times, (p.returncode, p.stderr, sum(x["calls"] for x in h.hooks if x["name"] == "thing_unref")), (0, "", 2 * times))
        lives = [o for o in h.objects if o["state"] == "life"]
        equal("find: %d lives of those things" % times, sum(o["objects"] for o in lives), times)
    equal("find: what comes again has the hooks that it had", rows, {times: rows[1] for times in rows})
    # into a program whose threads run: the loader tells of a library before anybody can be inside
    threads = compile("loads_threads", "#include <pthread.h>\nstatic volatile long n;\nstatic void *spin(void *x) { for (;;) n++; }\n" + LOADS.replace(
        "for (int i = 0;", "pthread_t t[3];\n\tfor (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, spin, NULL);\n\tfor (int i = 0;", 1), "-lpthread")
    p = run(rules(), threads, "20")
    h = Hooked()
    equal("find: dlopen while threads run", (p.returncode, p.stderr, h.functions(way="got"), sum(x["calls"] for x in h.hooks if x["name"] == "thing_unref")),
          (0, "", [], 40))
    # a thread that runs before main does, and before our constructor: started by a constructor of the library
    with open(os.path.join(TMP, "early.c"), "w") as f:
        f.write(EARLY)
    so = library("-x", "c", os.path.join(TMP, "early.c"), "-lpthread")
    early = compile("early", PROGRAM, so, "-Wl,-rpath," + TMP)
    p = run(rules(), early)
    h = Hooked()
    equal("find: a library starts a thread ahead of main", (p.returncode, p.stderr, p.stdout), (0, "", "a thread\n"))
    equal("find: its functions are hooked at their entry all the same", [h.functions(way="entry"), h.functions(way="got")],
          [["thing_new", "thing_ref", "thing_take", "thing_take", "thing_unref", "thing_weak"], []])
    equal("find: calls in that thread are seen", [x["calls"] for x in h.hooks if x["name"] == "thing_ref"], [1003])
    library()

    # other names, other libraries
    with open(os.path.join(TMP, "program.rules"), "w") as f:
        f.write("family f x\nlibrary program\ntype t\nref main*\nlibrary libthing*\ntype u\nref thing_n[1&1] thing_new[1&1]\n")
    run(os.path.join(TMP, "program.rules"), program)
    equal("find: of the program and of a library by a pattern", Hooked().functions(), ["thing_new"])
    with open(os.path.join(TMP, "bad.rules"), "w") as f:
        f.write("family f x\nlibrary program\ntypo t\n")
    p = run(os.path.join(TMP, "bad.rules") + ":" + rules(), program)
    judge("find: a file with a mistake is named, and the others count",
          p.stderr == "refgraph: rules %s/bad.rules:3: typo: no such statement; there are family, needs, library, symbols, type, object, count, floating, name, "
          "detail, only, dies, and create, destroy, ref, unref, sink, floats, defer, acquire; these rules are not in force\n" % TMP
          and len(Hooked().functions(way="entry")) == 6, p.stderr)


main()
sys.exit(status())
