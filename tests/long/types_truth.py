#!/usr/bin/env python3
"""How much of the heap has a type, and how much of that is right: seven programs, built from Debian's sources with debug information.

The truth is from the sources: libclang's syntax trees tell what type each call of an allocator is cast to, assigned to, initializes
or is returned as. (Our own types come from DWARF, machine code and the graph.) A block's truth is that of the innermost frame of
its stack at whose line the source says a type. Prints per program: bytes and blocks with a type, and of the blocks with a type
and a truth the share that agrees. Wants >= 90 % of the bytes and >= 99 % agreement.

    types_truth.py [PROGRAM...]        TRUTH_SOURCES=DIR keeps the sources there; TRUTH_SHOW=1 lists what disagrees"""
import collections
import glob
import json
import os
import random
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools"))
sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rgd
from verdict import *

TRUTH = os.path.join(HERE, "truth")
SOURCES = os.environ.get("TRUTH_SOURCES", os.path.join(TMP, "sources"))
SHOW = os.environ.get("TRUTH_SHOW")


def made(name):
    """Input for the parsers, always the same."""
    r = random.Random(7)
    path = os.path.join(TMP, name)
    if name.endswith(".json"):
        rows = [{"id": i, "name": "row %d" % i, "values": [r.random() for _ in range(r.randrange(8))], "ok": i % 3 == 0,
                 "sub": {"key %d" % k: "v" * r.randrange(40) for k in range(r.randrange(5))}} for i in range(1500)]
        text = json.dumps({"rows": rows, "title": "input"})
    else:
        text = '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY e "some text"><!ATTLIST row kind CDATA "plain">]>\n<a xmlns:n="urn:n">\n'
        text += "\n".join('<row id="%d"><n:name lang="en">row %d &amp; more</n:name>%s<!-- note --></row>' %
                          (i, i, "<v>%d</v>" % i * r.randrange(4)) for i in range(1500)) + "\n</a>\n"
    open(path, "w").write(text)
    return path


# name: (package, folder, sources, options, input)
PROGRAMS = {
    "lua": ("lua5.4", "lua-5.4*/src", "*.c", "-DLUA_USE_LINUX", lambda: os.path.join(TRUTH, "script.lua")),
    "mujs": ("mujs", "mujs-*", "one.c", "", lambda: os.path.join(TRUTH, "script.js")),
    "cjson": ("cjson", "cJSON-*", "cJSON.c cJSON_Utils.c", "", lambda: made("input.json")),
    "yaml": ("libyaml", "libyaml-*", "src/*.c",
             '-Iinclude -Isrc -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 -DYAML_VERSION_STRING="0.2.5"',
             lambda: made("input.json")),
    "expat": ("expat", "libexpat-*/expat", "lib/xmlparse.c lib/xmltok.c lib/xmlrole.c",
              "-Ilib -DXML_DEV_URANDOM -DXML_NS -DXML_DTD -DXML_CONTEXT_BYTES=1024 -DBYTEORDER=1234 -DHAVE_MEMMOVE", lambda: made("input.xml")),
    "tinyxml2": ("tinyxml2", "tinyxml2-*", "tinyxml2.cpp", "", lambda: made("input.xml")),
}
LEFT_OUT = {"lua.c", "luac.c"}

# Where a program casts what it allocates to the head that several structs share, the source does not tell which of them it makes; each of
# these is right then; so is what lies in a pool.
HEADS = {
    "lua": {"GCObject": "TString Table Proto LClosure CClosure UpVal Udata lua_State LX"},
    "tinyxml2": {"tinyxml2::MemPoolT::Block": "tinyxml2::XMLAttribute tinyxml2::XMLElement tinyxml2::XMLText tinyxml2::XMLComment"},
    "expat": {"NAMED": "attribute_id prefix ENTITY ELEMENT_TYPE"},
}


def fetch(package, folder):
    """The package's source, by apt, from lists of our own."""
    found = glob.glob(os.path.join(SOURCES, folder))
    if found:
        return found[0]
    os.makedirs(os.path.join(SOURCES, "parts"), exist_ok=True)
    os.makedirs(os.path.join(SOURCES, "lists/partial"), exist_ok=True)
    os.makedirs(os.path.join(SOURCES, "cache/archives/partial"), exist_ok=True)
    with open(os.path.join(SOURCES, "parts/src.sources"), "w") as f:
        f.write("Types: deb-src\nURIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: main\n"
                "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n")
    options = ["-qq", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=%s/parts" % SOURCES, "-o",
               "Dir::State::lists=%s/lists" % SOURCES, "-o", "Dir::Cache=%s/cache" % SOURCES, "-o", "APT::Sandbox::User=root"]
    if not glob.glob(os.path.join(SOURCES, "lists/*Sources*")):
        subprocess.run(["apt-get", *options, "update"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["apt-get", *options, "source", "--download-only", package], cwd=SOURCES, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    for archive in glob.glob(os.path.join(SOURCES, "*.orig.tar.*")):
        subprocess.run(["tar", "xf", archive], cwd=SOURCES, stderr=subprocess.DEVNULL)
    found = glob.glob(os.path.join(SOURCES, folder))
    return found[0] if found else None


# ---- the truth ------------------------------------------------------------------------------------------------------------

def plain(name):
    """One spelling of a type for both sides."""
    name = re.sub(r"\b(struct|union|enum|class|const|volatile|restrict)\b ?", "", name)
    name = name.replace("long unsigned int", "unsigned long").replace("long int", "long").replace("std::__cxx11::", "std::")
    name = name.replace("short unsigned int", "unsigned short").replace("short int", "short").replace("std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string")
    name = name.replace("unsigned char", "char").replace("signed char", "char").replace("unsigned int", "int")
    return re.sub(r"\s*([*&<>,])\s*", r"\1", name).strip()


class Truth:
    """What the syntax trees say of lines: (file, line) -> types."""

    def __init__(self):
        import clang.cindex
        self.c = clang.cindex
        if not self.c.Config.loaded:
            self.c.Config.set_library_file(sorted(glob.glob("/usr/lib/llvm-*/lib/libclang.so*"))[0])
        self.at = collections.defaultdict(set)

    def read(self, source, options):
        unit = self.c.Index.create().parse(source, args=options)
        errors = [d for d in unit.diagnostics if d.severity >= 4]
        if errors:
            fail("truth: libclang reads " + os.path.basename(source), errors[0])
        self.walk(unit.cursor, None, None)

    def pointee(self, type):
        type = type.get_canonical()
        return type.get_pointee().get_canonical() if type.kind == self.c.TypeKind.POINTER else None

    def note(self, cursor, type):
        if type is None or "type-parameter" in type.spelling or type.kind in (self.c.TypeKind.VOID, self.c.TypeKind.FUNCTIONPROTO, self.c.TypeKind.FUNCTIONNOPROTO):
            return
        place = cursor.extent
        if place.start.file is None:
            return
        for line in range(place.start.line, min(place.end.line, place.start.line + 5) + 1):
            self.at[os.path.basename(place.start.file.name), line].add(plain(type.spelling))

    def walk(self, cursor, sink, function):
        K = self.c.CursorKind
        kind = cursor.kind
        if kind in (K.FUNCTION_DECL, K.CXX_METHOD, K.CONSTRUCTOR, K.DESTRUCTOR, K.FUNCTION_TEMPLATE):
            function = cursor.result_type
        if kind == K.CXX_NEW_EXPR:
            words = [t.spelling for _, t in zip(range(2), cursor.get_tokens())]
            if words != ["new", "("]:  # one with a place of its own allocates nothing
                self.note(cursor, self.pointee(cursor.type))
        if kind == K.CALL_EXPR:
            result = self.pointee(cursor.type)
            if result is not None and result.kind == self.c.TypeKind.VOID and sink is not None:
                self.note(cursor, self.pointee(sink))
            elif "strdup" in cursor.spelling:
                self.note(cursor, self.pointee(sink or cursor.type))
            sink = None
        children = list(cursor.get_children())
        for i, child in enumerate(children):
            self.walk(child, self.sink_of(kind, cursor, children, i, sink, function), function)

    def sink_of(self, kind, cursor, children, i, sink, function):
        K = self.c.CursorKind
        if kind in (K.CSTYLE_CAST_EXPR, K.CXX_STATIC_CAST_EXPR, K.CXX_REINTERPRET_CAST_EXPR):
            return cursor.type
        if kind == K.VAR_DECL:
            return cursor.type
        if kind == K.BINARY_OPERATOR and i == 1:
            return children[0].type if children[0].type.get_canonical().kind == self.c.TypeKind.POINTER else None
        if kind == K.RETURN_STMT:
            return function
        if kind in (K.UNEXPOSED_EXPR, K.PAREN_EXPR) or (kind == K.CONDITIONAL_OPERATOR and i > 0):
            return sink
        return None


# ---- the measurement ------------------------------------------------------------------------------------------------------

class Lines:
    """Places of return addresses, with what is inlined there, by addr2line."""

    def __init__(self, program, offsets):
        offsets = sorted(offsets)
        text = subprocess.run(["addr2line", "-a", "-i", "-f", "-C", "-e", program], input="".join("%x\n" % (o - 1) for o in offsets),
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        self.of, self.functions, now, lines = {}, {}, 0, iter(text.splitlines())
        for line in lines:
            if line.startswith("0x"):
                now = int(line, 16) + 1
                self.of[now], self.functions[now] = [], []
            else:
                path, _, number = next(lines).partition(":")
                self.of[now].append((os.path.basename(path), int(re.match(r"\d*", number).group() or 0)))
                self.functions[now].append(line)


def of_allocator(functions):
    """What a template of the C++ library allocates: the library's source is generic, its functions' names are not."""
    for f in functions:
        m = re.match(r"(?:std::__new_allocator|std::allocator|__gnu_cxx::new_allocator)<(.*)>::allocate\(", f)
        if m:
            return {plain(m.group(1))}
    return None


def inferred(path):
    """(type, source) by number of the object."""
    text = subprocess.run([REFGRAPH, "by-type", "--universe", "native", "--where", "size >= 0", "--json", "--limit", "0", "--columns",
                           "id,type,size", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {r["id"]: (r["type"], r["size"]) for r in map(json.loads, text.splitlines())}


def agree(program, ours, truth):
    ours = plain(re.sub(r"\[\]$", "", ours))
    without = re.sub(r"<.*?>", "", ours)  # the source of a template does not say of which one
    return ours in truth or without in truth or any(ours in HEADS.get(program, {}).get(t, "").split() for t in truth)


def measure(name, program, path, truth):
    dump, types = rgd.Dump(path), inferred(path)
    objects, frames, stacks = dump.rows("OBJECTS"), dump.rows("FRAMES"), dump.rows("STACKS")
    modules = [dump.strings[r[0]] for r in dump.rows("MODULES")]
    own = {i for i, f in enumerate(frames) if f[1] and modules[f[1] - 1] == program}
    lines = Lines(program, {frames[i][2] for i in own})
    typed = [0, 0]
    whole = [0, 0]
    right = [0, 0]
    judged = [0, 0]
    wrong = collections.Counter()
    unknown = collections.Counter()
    for number, row in enumerate(objects):
        if number not in types:
            continue
        kind, size = types[number]
        known = not kind.startswith("malloc in ")
        whole[0] += 1
        whole[1] += size
        typed[0] += known
        typed[1] += size if known else 0
        if not known:
            unknown[kind] += size
            continue
        want, stack = None, row[6]
        while stack and want is None:
            parent, frame = stacks[stack - 1]
            if frame in own:
                want = of_allocator(lines.functions.get(frames[frame][2], ()))
                for place in lines.of.get(frames[frame][2], ()):
                    want = want or truth.at.get(place)
            stack = parent
        if want is None or len(want) > 1:
            continue
        judged[0] += 1
        judged[1] += size
        if agree(name.split()[0], kind, want):
            right[0] += 1
            right[1] += size
        else:
            wrong[kind, "/".join(want), size] += 1
    say("# %-9s %7d blocks %9d bytes; typed %5.1f %% of bytes, %5.1f %% of blocks; %6d judged, right %6.2f %% of bytes, %6.2f %% of blocks"
        % (name, whole[0], whole[1], 100.0 * typed[1] / whole[1], 100.0 * typed[0] / whole[0], judged[0],
           100.0 * right[1] / max(judged[1], 1), 100.0 * right[0] / max(judged[0], 1)))
    if SHOW:
        for (kind, want, size), n in wrong.most_common(12):
            say("#    %d times %s instead of %s (%d bytes)" % (n, kind, want, size))
        for kind, size in unknown.most_common(8):
            say("#    %d bytes unknown: %s" % (size, kind))
    judge("%s: >= 90 %% of the bytes have a type" % name, typed[1] >= 0.9 * whole[1], "%.2f %%" % (100.0 * typed[1] / whole[1]))
    judge("%s: a truth for most" % name, judged[0] >= 0.4 * whole[0], "%d of %d" % (judged[0], whole[0]))
    judge("%s: >= 99 %% of the bytes with a type are right" % name, right[1] >= 0.99 * judged[1], "%.2f %%" % (100.0 * right[1] / max(judged[1], 1)))
    judge("%s: >= 99 %% of the blocks with a type are right" % name, right[0] >= 0.99 * judged[0], "%.2f %%" % (100.0 * right[0] / max(judged[0], 1)))


def work(name, optimize):
    package, folder, sources, options, make_input = PROGRAMS[name]
    root = fetch(package, folder)
    if not root:
        say("skip %s: apt-get source %s" % (name, package))
        return
    driver = glob.glob(os.path.join(TRUTH, name + ".c*"))[0]
    cxx = driver.endswith(".cc")
    flags = [o if not o.startswith("-I") else "-I" + os.path.join(root, o[2:]) for o in options.split()]
    flags += ["-I" + root, "-I" + os.path.join(ROOT, "include")]
    files = [f for pattern in sources.split() for f in sorted(glob.glob(os.path.join(root, pattern)))
             if os.path.basename(f) not in LEFT_OUT] + [driver]
    program = os.path.join(TMP, name + optimize)
    label = name + " " + optimize
    build = subprocess.run(["g++" if cxx else "gcc", "-w", "-g", optimize, *flags, "-o", program, *files, "-lm", "-ldl"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if build.returncode:
        fail(label + ": builds", build.stdout[-500:])
        return
    path = program + ".rgd"
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP=os.path.basename(path), REFGRAPH_STACKS="full")
    run = subprocess.run([program, make_input()], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
    if run.returncode or not os.path.exists(path):
        fail(label + ": runs", run.stdout[-300:])
        return
    truth = Truth()
    for f in files:
        system = ["-I" + p for p in glob.glob("/usr/lib/llvm-*/lib/clang/*/include")]
        truth.read(f, flags + system + (["-xc++", "-std=c++17"] if cxx else []))
    measure(label, program, path, truth)


for program in sys.argv[1:] or PROGRAMS:
    for level in ("-O0", "-O2"):
        work(program, level)
sys.exit(status())
