#!/usr/bin/env python3
"""Types of native blocks, exactly: programs/typed.c and typed.cc, with debug information in every place and form in which it comes,
and without any."""
import glob
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

os.chdir(TMP)
SOURCES = os.path.join(ROOT, "tests", "cli", "programs")
INCLUDE = "-I" + os.path.join(ROOT, "include")


def build(name, source, *options):
    """NAME/prog, in a folder of its own."""
    os.makedirs(name)
    compiler = "g++" if source.endswith(".cc") else "gcc"
    subprocess.run([compiler, "-w", *options, INCLUDE, "-o", name + "/prog", os.path.join(SOURCES, source)], check=True)
    return os.path.join(TMP, name, "prog")


def dump(program):
    name = os.path.basename(os.path.dirname(program)) + ".rgd"
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name)
    if os.path.exists(name):
        os.remove(name)  # it would not be overwritten
    subprocess.run([program], env=env, check=True, stdin=subprocess.DEVNULL)
    return os.path.join(TMP, name)


def ask(*arguments, environment={}):
    p = subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, **environment))
    return p.stdout if p.returncode == 0 else "status %d: %s" % (p.returncode, p.stderr)


def types(path, *options, environment={}):
    """{(type, bytes): (source, count)}: blocks of libraries aside."""
    rows = map(json.loads, ask("types", "--json", "--limit", "0", *options, path, environment=environment).splitlines())
    return {(r["type"], r["bytes"]): (r["source"], r["count"]) for r in rows if "libstdc++" not in r["type"]}


def kinds(path, *options, environment={}):
    """The same without the source: where it is known from depends on the compiler's options."""
    found = {}
    for (name, size), (_, count) in types(path, *options, environment=environment).items():
        old = found.get(name, (0, 0))
        found[name] = old[0] + count, old[1] + size
    return found


WANT_C = {"registry": (1, 40), "item *[]": (2, 88), "item": (5, 240), "job": (10, 320), "circle": (1, 24), "circle[]": (1, 72),
          "message": (1, 50), "char[]": (6, 165), "int[]": (1, 64), "malloc in main": (1, 123)}


def chain(path, selector):
    return [json.loads(line)["edge"] for line in ask("find-backref-chain", "--json", selector, path).splitlines()]


def fields(name, path):
    """The names of references, by the ways that lead to some objects."""
    where = " in prog"
    for selector, want in (
            ("registry[0]", ["table" + where]),
            ("circle[0]", ["shapes[1]" + where]),
            ("message[0]", ["table" + where, "->queue.first"]),
            ("circle[][0]", ["table" + where, "->what.circle"]),
            ("int[][0]", ["numbers" + where])):
        equal("%s: way to %s" % (name, selector), chain(path, selector), want)
    text = ask("why", "item[0]", path)
    judge(name + ": why an item is alive", any(way in text for way in ("cache.slots[2].item->next", "table->buckets[6]", "cursor[2]->next")),
          text)


def forms_of_c():
    """Where and how debug information lies: all the same answer."""
    plain = build("plain", "typed.c", "-g", "-O1")
    path = dump(plain)
    equal("-g -O1", kinds(path), WANT_C)
    fields("-g -O1", path)
    equal("where it is known from", {k: v[0] for k, v in types(path, "--where", "type ~ 'job|registry|malloc'").items()},
          {("job", 320): "site", ("registry", 40): "dwarf", ("malloc in main", 123): "function"})
    for options in ("-g -O0", "-g -O2", "-g -O3", "-gdwarf-4 -O2", "-gdwarf-4 -fdebug-types-section -O1", "-g -gz -O1", "-g -O2 -no-pie",
                    "-g -O2 -flto"):
        path = dump(build(options.replace(" ", ""), "typed.c", *options.split()))
        equal(options, kinds(path), WANT_C)
    path = dump(build("zdebug", "typed.c", "-g", "-O1", "-gz=zlib-gnu"))
    names = subprocess.run(["readelf", "-SW", "zdebug/prog"], stdout=subprocess.PIPE, text=True).stdout
    judge("-gz=zlib-gnu makes .zdebug sections", ".zdebug_info" in names, names)
    equal("-gz=zlib-gnu", kinds(path), WANT_C)
    # split: the rest lies in .dwo files beside the object
    os.makedirs("split")
    os.chdir("split")
    subprocess.run(["gcc", "-w", "-g", "-gsplit-dwarf", "-O1", INCLUDE, "-c", os.path.join(SOURCES, "typed.c")], check=True)
    subprocess.run(["gcc", "-o", "prog", "typed.o"], check=True)
    os.chdir("..")
    path = dump(os.path.join(TMP, "split", "prog"))
    judge("-gsplit-dwarf leaves a .dwo file", os.path.exists("split/typed.dwo"))
    equal("-gsplit-dwarf", kinds(path), WANT_C)
    subprocess.run(["gcc", "-w", "-g", "-gdwarf-4", "-gsplit-dwarf", "-O1", INCLUDE, "-o", "split/prog4", os.path.join(SOURCES, "typed.c")],
                   check=True, cwd=TMP)
    equal("-gdwarf-4 -gsplit-dwarf", kinds(dump(os.path.join(TMP, "split", "prog4"))), WANT_C)
    packed()


def packed():
    """All .dwo files in one .dwp, which libdw reads from 0.191 on, and we before: by binutils of DWARF 4, by LLVM of 5."""
    subprocess.run(["gcc", "-w", "-g", "-gdwarf-4", "-gsplit-dwarf", "-O1", INCLUDE, "-c", "-o", "typed4.o", os.path.join(SOURCES, "typed.c")],
                   check=True, cwd="split")
    subprocess.run(["gcc", "-o", "prog4", "typed4.o"], check=True, cwd="split")
    tools = {"prog4": shutil.which("dwp"), "prog": shutil.which("llvm-dwp") or shutil.which("llvm-dwp-14")}
    for program, tool in tools.items():
        if not tool:
            say("skip .dwp of %s: no tool that makes one" % program)
        else:
            subprocess.run([tool, "-e", program, "-o", program + ".dwp"], check=True, cwd="split")
    for name in glob.glob("split/*.dwo"):
        os.remove(name)
    for program, tool in tools.items():
        if not tool:
            continue
        path = dump(os.path.join(TMP, "split", program))
        equal(".dwp of %s" % program, kinds(path), WANT_C)
        package = os.path.join("split", program + ".dwp")
        whole = open(package, "rb").read()
        os.remove(package)
        judge(".dwp of %s gone: by allocation site" % program, "item" not in kinds(path), kinds(path))
        for cut in range(1, 8):
            open(package, "wb").write(whole[:len(whole) * cut // 8])
            kinds(path)
        ok(".dwp of %s cut off: no harm" % program)


def separate():
    """Stripped; the debug file is found by build-id, by .gnu_debuglink, in a dwz'ed form, or not at all."""
    program = build("byid", "typed.c", "-g", "-O1", "-Wl,--build-id")
    notes = subprocess.run(["readelf", "-n", program], stdout=subprocess.PIPE, text=True).stdout
    build_id = notes.split("Build ID: ")[1].split()[0]
    folder = os.path.join(TMP, "store", ".build-id", build_id[:2])
    os.makedirs(folder)
    subprocess.run(["objcopy", "--only-keep-debug", program, os.path.join(folder, build_id[2:] + ".debug")], check=True)
    subprocess.run(["strip", program], check=True)
    path = dump(program)
    equal("stripped, with --symbol-path by build-id", kinds(path, "--symbol-path", os.path.join(TMP, "store")), WANT_C)
    bare = kinds(path)
    # as debuginfod's clients keep it, compressed for good measure
    cache = os.path.join(TMP, "home", ".cache", "debuginfod_client", build_id)
    os.makedirs(cache)
    subprocess.run(["objcopy", "--compress-debug-sections=zlib", os.path.join(folder, build_id[2:] + ".debug"), os.path.join(cache, "debuginfo")],
                   check=True)
    equal("stripped, in debuginfod's cache", kinds(path, environment={"HOME": os.path.join(TMP, "home")}), WANT_C)
    equal("stripped, in another cache of debuginfod", kinds(path, environment={"DEBUGINFOD_CACHE_PATH": os.path.dirname(cache)}), WANT_C)
    # nothing is known of the program itself: libc's functions and what they make are
    judge("stripped: blocks by their place in the file",
          bare and all(t.startswith(("malloc in prog+0x", "list node in prog+0x")) or t == "char[]" for t in bare), bare)
    equal("stripped: a list is known by its shape", [v for t, v in bare.items() if t.startswith("list node")], [(10, 320)])
    equal("stripped: strdup's are strings", bare.get("char[]"), (5, 125))

    program = build("bylink", "typed.c", "-g", "-O1", "-Wl,--build-id=none")
    subprocess.run(["objcopy", "--only-keep-debug", program, program + ".debug"], check=True)
    subprocess.run(["strip", program], check=True)
    subprocess.run(["objcopy", "--add-gnu-debuglink=" + program + ".debug", program], check=True)
    equal("stripped, with .gnu_debuglink", kinds(dump(program)), WANT_C)
    if not shutil.which("dwz"):
        say("skip dwz: it is not installed")
        return
    programs = [build("dwz" + n, "typed.c", "-g", "-O1", "-Wl,--build-id", "-DPART=" + n) for n in "ab"]
    subprocess.run(["dwz", "-m", os.path.join(TMP, "common.debug"), *programs], check=True)
    both = dump(programs[1])
    sections = subprocess.run(["readelf", "-SW", programs[0]], stdout=subprocess.PIPE, text=True).stdout
    judge("dwz: types went to the common file", ".gnu_debugaltlink" in sections)
    equal("dwz", kinds(dump(programs[0])), WANT_C)
    # all at once: dwz, then a stripped program with a compressed debug file by link, which names the common file
    debug = programs[1] + ".debug"
    subprocess.run(["objcopy", "--only-keep-debug", "--compress-debug-sections=zlib", programs[1], debug], check=True)
    subprocess.run(["strip", programs[1]], check=True)
    subprocess.run(["objcopy", "--add-gnu-debuglink=" + debug, programs[1]], check=True)
    equal("dwz, compressed, by .gnu_debuglink", kinds(both), WANT_C)


def classes():
    """By vtable: also in stripped programs; without RTTI by the vtables' symbols."""
    want = {"ns::Derived<int>": 1, "(anonymous namespace)::Hidden": 1, "ns::Derived<long>[]": 1, "Both": 2,
            "std::_Sp_counted_ptr_inplace<Both, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>": 1,
            "ns::Derived<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > >": 10}
    for name, options in (("rtti", ("-O1",)), ("rtti stripped", ("-O1", "-s")), ("no rtti", ("-O1", "-fno-rtti"))):
        path = dump(build(name.replace(" ", ""), "typed.cc", *options))
        found = {t: c for (t, _), (source, c) in types(path).items() if source == "rtti"}
        if name == "no rtti":  # the control block has another class then
            wanted = {t: c for t, c in want.items() if "_Sp_" not in t}
            found = {t: c for t, c in found.items() if "_Sp_" not in t}
        else:
            wanted = want
        equal(name, found, wanted)
        equal(name + ": count", ask("count", "Both", path), "2\n")
    path = dump(build("cxx", "typed.cc", "-g", "-O1"))
    equal("fields of classes", chain(path, "Both[1]")[-1], "->other")
    equal("a struct with a table of functions is no class", types(path).get(("Driver", 16), ("?",))[0] in ("dwarf", "site"), True)


def folded():
    """A map's nodes and strings and a vector's array count to the object that has them, or to the variable."""
    path = os.path.join(TMP, "cxx.rgd")
    def sums(*options):
        rows = map(json.loads, ask("typestats", "--json", "--limit", "0", *options, path).splitlines())
        return {r["type"]: (r["count"], r["bytes"]) for r in rows}
    plain, fold = sums(), sums("--fold-containers")
    node = [v for t, v in plain.items() if t.startswith(("std::_Rb_tree_node<std::pair<const int, ", "std::_Rb_tree_node<std::pair<int const, "))]
    equal("nodes of a map", node, [(10, 720)])
    equal("a vector's array", plain.get("long int[]"), (1, 160))
    equal("folded: an object with its containers", fold.get("Shop"), (1, plain["Shop"][1] + 720 + 160 + 10 * 31))
    equal("folded: a variable with its array", fold.get("std::vector<ns::Base*, std::allocator<ns::Base*> >"), (0, plain["ns::Base *[]"][1]))
    equal("folded: nothing is lost", sum(b for _, b in fold.values()), sum(b for _, b in plain.values()))


def members():
    """The whole, not the member that is constructed first at the same address."""
    want = {"Connection": (3, 3 * 64), "Label": (3, 3 * 32), "Derived": (3, 3 * 104), "shop::Order<int>": (3, 3 * 48), "long int[]": (3, 3 * 16)}
    for option in ("-O0", "-O1", "-O2"):
        equal("members " + option, kinds(dump(build("members" + option, "members.cc", "-g", option))), want)


def effort():
    path = os.path.join(TMP, "plain.rgd")
    off = kinds(path, "--types", "off")
    judge("--types off: by allocation site", {t.split(" in ")[0] for t in off} == {"malloc"}, off)
    equal("a site's blocks can be asked for whatever their type is", ask("count", "malloc in job_add", path), "10\n")
    equal("types count, too", ask("count", "job", path), "10\n")
    equal("sums by type", [line.split() for line in ask("typestats", "--no-header", "--where", "type ~ '^(job|item)$'", path).splitlines()],
          [["job", "10", "320"], ["item", "5", "240"]])
    text = ask("types", path)
    for line in ("typed: 89.6 % of 1.2 KiB, 96.6 % of 29 blocks", "fields: 100.0 % of 33 references out of blocks have a name",
                 "conflicts: 0 blocks"):
        judge("coverage: " + line, line in text, text)


forms_of_c()
separate()
classes()
folded()
members()
effort()
sys.exit(status())
