#!/usr/bin/env python3
"""Types of what the C++ library's containers allocate, with names of fields down to the items (programs/containers.cc), with and
without debug information; and types that a program says itself (programs/annotated.c)."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

os.chdir(TMP)
SOURCES = os.path.join(ROOT, "tests", "cli", "programs")
STRING = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"


def dump(source, name, *options):
    compiler = ["g++", "-std=c++17"] if source.endswith(".cc") else ["gcc"]
    subprocess.run([*compiler, "-w", *options, "-I" + os.path.join(ROOT, "include"), "-o", name, os.path.join(SOURCES, source)], check=True)
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name + ".rgd", REFGRAPH_STACKS="exact")
    subprocess.run([os.path.join(TMP, name)], env=env, check=True, stdin=subprocess.DEVNULL)
    return os.path.join(TMP, name + ".rgd")


def ask(*arguments):
    p = subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return p.stdout if p.returncode == 0 else "status %d: %s" % (p.returncode, p.stderr)


def types(path):
    found = {}
    for r in map(json.loads, ask("types", "--json", "--limit", "0", path).splitlines()):
        if "libstdc++" not in r["type"]:
            count, size = found.get(r["type"], (0, 0))
            found[r["type"]] = count + r["count"], size + r["bytes"]
    return found


def holder(path, selector):
    """What refers to the object, by name."""
    rows = map(json.loads, ask("show", "--json", selector, path).splitlines())
    return sorted(r["edge"] for r in rows if r["record"] == "reference" and r["direction"] == "in")


WANT = {
    "Store": (1, 648), "Item": (46, 736), "Item *[]": (2, 32 + 512), "Item **[]": (1, 64), "Item[]": (5, 4 * 32 + 48), "Row[]": (1, 8 + 5 * 24),
    "std::_List_node<Item*>": (4, 96), "std::_Fwd_list_node<Item*>": (4, 64), "std::_Rb_tree_node<Item*>": (4, 160),
    "std::_Rb_tree_node<std::pair<int const, Item*> >": (8, 384), "std::__detail::_Hash_node_base *[]": (2, 208),
    "std::__detail::_Hash_node<std::pair<int const, Item*>, false>": (4, 96), "std::__detail::_Hash_node<Item*, false>": (4, 64),
    "char[]": (10, 481), STRING + "[]": (1, 128), STRING: (1, 32), "lambda": (1, 32),
    "std::_Sp_counted_ptr_inplace<Item, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>": (1, 32),
    "std::_Sp_counted_ptr<Item*, (__gnu_cxx::_Lock_policy)2>": (1, 24),
}
# how items of a number are held, by the container that they are in
HELD = {101: "[1]", 201: "->_M_storage", 301: "->_M_storage", 401: "[1]", 501: "->_M_storage.second", 601: "->_M_storage.second",
        801: "->_M_storage.second", 1000: "->unique._M_t._M_t._M_head_impl", 1200: "->optional._M_payload._M_payload._M_value",
        1402: "[2].item", 1500: "->either.item"}


def containers():
    for options in ("-g -O1",):  # -O0 and -O2 take long to compile; they say the same
        path = dump("containers.cc", "c" + options[-1], *options.split())
        found = types(path)
        nested = [n for n in found if n.startswith("std::_Rb_tree_node<std::pair<") and "vector" in n]
        equal(options + ": nodes with a string and a vector", [found.pop(n) for n in nested], [(4, 4 * 88)])
        found = {("lambda" if "lambda" in n else n): v for n, v in found.items()}
        equal(options, found, WANT)
        text = ask("types", path)
        judge(options + ": every reference out of a block has a name", "fields: 100.0 % of" in text, text)
    path = os.path.join(TMP, "c1.rgd")
    rows = [json.loads(line)["id"] for line in ask("by-type", "Item", "--json", "--limit", "0", "--columns", "id", path).splitlines()]
    names = sorted(name for i in rows for name in holder(path, "#%d" % i))
    for number, name in HELD.items():
        judge("an item is held as %s" % name, name in names, names)
    bare = types(dump("containers.cc", "bare", "-O0"))
    for kind in ("std::_List_node<Item*>", "std::_Fwd_list_node<Item*>", "std::_Rb_tree_node<Item*>", "main::{lambda()#1}",
                 "std::__detail::_Hash_node<Item*, false>", "std::_Sp_counted_ptr<Item*, (__gnu_cxx::_Lock_policy)2>"):
        equal("no debug information: " + kind, bare.get(kind), WANT["lambda" if "lambda" in kind else kind])


def way(path, selector, *options):
    return [json.loads(line)["edge"] for line in ask("find-backref-chain", *options, "--json", selector, path).splitlines()]


FOLDED = {"->vector[2]", "->list[]", "->forward[]", "->deque[2]", "->map[].second", "->multimap[].second", "->set[]", "->hash[].second",
          "->hash_set[]", "->unique", "->optional", "->variant", "->either.item", "->taken"}


def folded():
    """Chains, why and drawings go from who has a container straight to its items."""
    path = os.path.join(TMP, "c1.rgd")
    ids = [json.loads(line)["id"] for line in ask("by-type", "Item", "--json", "--limit", "0", "--columns", "id", path).splitlines()]
    ways = [way(path, "#%d" % i, "--fold-containers", "--extra-ignore", "Row[],Item[]") for i in ids]
    last = {w[1] for w in ways if len(w) == 2 and w[0].startswith("store in ")}
    judge("chains", FOLDED - {"->taken"} <= last, sorted(last))
    judge("chains: nothing of the library's own", not any("_M_" in step for w in ways for step in w), ways)
    text = ask("why", "--fold-containers", "--json", "#%d" % ids[[w[-1] for w in ways].index("->map[].second")], path)
    row = json.loads(text.splitlines()[0])
    equal("why: the path", row["path"], "store->map[].second")
    dot = os.path.join(TMP, "c.dot")
    for options in (["show-refs", "Store[0]", "--too-many", "50"], ["show-backrefs", "Item", "--too-many", "50"]):
        ask(*options, "--fold-containers", "--max-depth", "8", "--filename", dot, path)
        tips = {t.split(" of Store")[0] for t in re.findall(r'edgetooltip="([^"]* of Store)', open(dot).read())}
        names = {"->" + n for t in tips for n in t.split("\\n")}
        judge(options[0] + ": lines from the object to the items", FOLDED - names <= {"->deque[2]"}, sorted(names))
        judge(options[0] + ": no box of a node", "_node" not in open(dot).read())


def annotated():
    path = dump("annotated.c", "annotated", "-g", "-O1")
    rows = [json.loads(line) for line in ask("types", "--json", "--limit", "0", path).splitlines()]
    said = {r["type"]: (r["count"], r["bytes"]) for r in rows if r["source"] == "annotation"}
    equal("types that the program says", said, {"session": (1, 24), "session[]": (1, 96), "message": (1, 32), "device registers": (1, 100)})
    equal("what they point to is typed from there", sum(r["count"] for r in rows if r["type"] == "session"), 2)
    ids = [json.loads(line)["id"] for line in ask("by-type", "-u", "native", "--where", "size >= 24", "--json", "--limit", "0", "--columns", "id",
                                                   path).splitlines()]
    names = {e for i in ids for e in holder(path, "#%d" % i)}
    equal("their fields have names", sorted(names), ["->name", "->next", "->parts[1]", "[2].name"])
    bare = dump("annotated.c", "annotated0", "-O1")
    rows = [json.loads(line) for line in ask("types", "--json", "--limit", "0", bare).splitlines()]
    said = {r["type"]: (r["count"], r["bytes"]) for r in rows if r["source"] == "annotation"}
    equal("without debug information", said, {"session": (1, 24), "session[]": (1, 96), "message": (1, 32), "device registers": (1, 100)})


containers()
folded()
annotated()
sys.exit(status())
