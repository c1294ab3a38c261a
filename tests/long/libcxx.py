#!/usr/bin/env python3
"""libc++'s containers and strings (tests/cli/programs/containers.cc by clang), with and without debug information: exactly. Its headers
are in a package that excludes libunwind-dev, which we build with: it is unpacked here, not installed."""
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

os.chdir(TMP)
SOURCE = os.path.join(ROOT, "tests", "cli", "programs", "containers.cc")
LIBRARIES = ["/usr/lib/x86_64-linux-gnu/libc++.so.1", "/usr/lib/x86_64-linux-gnu/libc++abi.so.1"]


def headers():
    """The folder of libc++'s headers; None: not to be had."""
    for place in ("/usr/lib/llvm-14", os.path.join(TMP, "package/usr/lib/llvm-14")):
        if place.startswith(TMP):
            subprocess.run("apt-get download -q libc++-14-dev && dpkg -x libc++-14-dev*.deb package", shell=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        found = glob.glob(place + "/include/c++/v1")
        if found:
            return found[0]
    return None


def dump(include, name, *options):
    subprocess.run(["clang++", "-std=c++17", "-nostdinc++", "-isystem", include, "-nostdlib++", "-w", *options, "-I" + os.path.join(ROOT, "include"),
                    "-o", name, SOURCE, *LIBRARIES], check=True)
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=name + ".rgd", REFGRAPH_STACKS="exact")
    subprocess.run([os.path.join(TMP, name)], env=env, check=True, stdin=subprocess.DEVNULL)
    return os.path.join(TMP, name + ".rgd")


def ask(*arguments):
    p = subprocess.run([REFGRAPH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return p.stdout if p.returncode == 0 else "status %d: %s" % (p.returncode, p.stderr)


def types(path):
    found = {}
    for r in map(json.loads, ask("types", "--json", "--limit", "0", path).splitlines()):
        count, size = found.get(r["type"], (0, 0))
        found[r["type"]] = count + r["count"], size + r["bytes"]
    return found


STRING = "std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >"
FUNCTION = "std::__1::__function::__func<main::$_0, std::__1::allocator<main::$_0>, long ()>"
SHARED = "std::__1::__shared_ptr_emplace<Item, std::__1::allocator<Item> >"
TAKEN = "std::__1::__shared_ptr_pointer<Item*, std::__1::shared_ptr<Item>::__shared_ptr_default_delete<Item, Item>, std::__1::allocator<Item> >"
HASH = "std::__1::__hash_node_base<std::__1::__hash_node<%s, void *> *> *[]"
# the vector's array and the deque's one block of 512 items; 4 texts, 4 keys, 2 texts in the store (one of them in std::any)
WANT = {
    "Store": (1, 528), "Item": (46, 736), "Item *[]": (2, 4 * 8 + 512 * 8), "Item **": (1, 8), "Item[]": (5, 4 * 32 + 48), "Row[]": (1, 8 + 5 * 24),
    "char[]": (10, 496), STRING + "[]": (1, 4 * 24), FUNCTION: (1, 40), SHARED: (1, 40), TAKEN: (1, 32),
    "std::__1::__list_node<Item *, void *>": (4, 4 * 24), "std::__1::__forward_list_node<Item *, void *>": (4, 4 * 16),
    "std::__1::__tree_node<Item *, void *>": (4, 4 * 40),
    "std::__1::__tree_node<std::__1::__value_type<int, Item *>, void *>": (8, 8 * 48),
    "std::__1::__tree_node<std::__1::__value_type<%s, std::__1::vector<Item, std::__1::allocator<Item> > >, void *>" % STRING: (4, 4 * 80),
    "std::__1::__hash_node<std::__1::__hash_value_type<int, Item *>, void *>": (4, 4 * 32), "std::__1::__hash_node<Item *, void *>": (4, 4 * 24),
    HASH % "Item *": (1, 40), HASH % "std::__1::__hash_value_type<int, Item *>": (1, 40),
}
# what every compiler's names give, and how nodes lie
BARE = {"char[]": (10, 496), "Item[]": (4, 128), "Item*[]": (1, 32), STRING + "[]": (1, 96), FUNCTION: (1, 40), SHARED: (1, 40), TAKEN: (1, 32),
        "tree node in main": (12, 648), "list node in main": (4, 96)}
FOLDED = {"->vector[2]", "->list[]", "->forward[]", "->deque[0][2]", "->map[].second", "->multimap[].second", "->set[]", "->hash[].second",
          "->hash_set[]", "->unique", "->optional", "->variant", "->either.item", "->taken"}


def main():
    include = headers()
    if not include or not os.path.exists(LIBRARIES[0]):
        say("skip libc++: its headers and library are not to be had")
        return
    path = dump(include, "c1", "-g", "-O1")
    equal("types", types(path), WANT)
    text = ask("types", path)
    judge("types: all blocks", "typed: 100.0 %" in text, text)
    ids = [json.loads(line)["id"] for line in ask("by-type", "Item", "--json", "--limit", "0", "--columns", "id", path).splitlines()]
    ways = [[json.loads(line)["edge"] for line in ask("find-backref-chain", "--fold-containers", "--json", "#%d" % i, path).splitlines()] for i in ids]
    last = {w[1] for w in ways if len(w) == 2 and w[0].startswith("store in ")}
    judge("chains: from the object to the item", FOLDED - last <= {"->list[]"}, sorted(FOLDED - last))
    judge("chains: nothing of the library's own", not any(re.search(r"__\w|_M_", step) for w in ways for step in w), ways)
    text = ask("leaks", path)
    judge("leaks: none", "definitely lost: 0 bytes in 0 blocks" in text and "possibly lost: 0 bytes in 0 blocks" in text, text)
    bare = types(dump(include, "bare", "-O0"))
    for kind, want in BARE.items():
        equal("no debug information: " + kind, bare.get(kind), want)


main()
sys.exit(status())
