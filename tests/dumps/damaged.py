#!/usr/bin/env python3
"""Dumps that are no dumps, are cut short, have flipped bits, or lie with correct checksums. Each is refused with exit status 3
and one line that names the file (and where it can: section and offset); `check` prints such lines as its answer. No command
crashes, hangs, or takes much memory. All with the plain build under a small RLIMIT_AS, and with the sanitized one."""
import os, random, re, socket, sys, zlib
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import refgraph_run as rgd
from refgraph_run import Run, fail, ok, make, write, TMP

MEMORY = 1 << 29
COMMANDS = [["info"], ["typestats", "--universe", "all"], ["count", "list"], ["most-common-types"],
            ["find-backref-chain", "#4"], ["find-ref-chain", "#2"], ["show", "#4"], ["at", "0x10000"], ["by-type", "Node"],
            ["show-refs", "#2", "--filename", TMP + "/x.dot"], ["show-backrefs", "#5", "--filename", TMP + "/x.dot"],
            ["count", "list", "--where", "size > 1k and generation == 2 or age > 0"]]


def one_line(run, path, want):
    """Why `run` is no proper refusal; "" when it is."""
    check = run.args[0] == "check"
    lines = run.err.splitlines()
    findings = run.out.splitlines() if check else lines
    if run.crashed():
        return run.crashed()
    if run.rc != 3:
        return "%s: exit status %s: %s" % (" ".join(run.args), run.rc, (run.out + run.err)[-200:])
    if len(lines) != 1:
        return "%s: %d lines: %s" % (" ".join(run.args), len(lines), run.err)
    if not findings or (check and len(findings) > 20):
        return "%s: %d findings: %s" % (" ".join(run.args), len(findings), run.out)
    if not all(path in line for line in findings):
        return "does not name the file: " + "|".join(findings)
    if want and not re.search(want, findings[0]):
        return "«%s» is not in: %s" % (want, findings[0])
    return ""


def commands(build, name):
    """Each case has a half of the commands, each command a half of the cases. The sanitized build takes ten times as long: a quarter."""
    share = 2 if build == "plain" else 4
    return COMMANDS[zlib.crc32(name.encode()) % share::share]


def judge(name, path, want, everywhere, builds):
    for build in builds:
        why = one_line(Run(["check", path], build, MEMORY), path, want)
        for command in commands(build, name):
            if why:  # perhaps a hang, which need not be waited for again
                break
            run = Run(command + [path], build, MEMORY)
            why = one_line(run, path, want) if everywhere else run.crashed()
        why = why or Run(["growth", path, path], build, MEMORY).crashed()
        if why:
            return "%s build: %s" % (build, why)
    return ""


def refuse(name, path, want=None, everywhere=True):
    """check refuses the file; with `everywhere` all commands do, else they may also answer."""
    pool_jobs.append((name, pool.submit(judge, name, path, want, everywhere, list(rgd.BINARIES))))


def accept(name, path):
    """Unusual, but right: read without a word."""
    def work():
        for build in rgd.BINARIES:
            for command in [["check"]] + commands(build, name):
                run = Run(command + [path], build, MEMORY)
                if run.crashed() or run.rc == 3 or (command[0] in ("check", "info", "typestats") and run.rc):
                    return run.crashed() or "%s: %s: %s" % (run.args, run.rc, run.err)
        return ""
    pool_jobs.append((name, pool.submit(work)))


def survive(name, path):
    """Nobody says what the answer is; nobody crashes."""
    def work():
        for build in rgd.BINARIES:
            for command in [["check"]] + commands(build, name):
                why = Run(command + [path], build, MEMORY).crashed()
                if why:
                    return why
        return ""
    pool_jobs.append((name, pool.submit(work)))


def finish():
    for name, job in pool_jobs:
        why = job.result()
        if why:
            fail(name, why)
        else:
            ok(name)
    pool_jobs.clear()


# ---- what is no dump ---------------------------------------------------------------------------------------------

def foreign():
    refuse("foreign: empty file", write("empty.rgd", b""), "is empty")
    refuse("foreign: one byte", write("byte.rgd", b"\x89"))
    refuse("foreign: text", write("text.rgd", b"I am a letter, not a dump.\n" * 100), "not a refgraph dump")
    refuse("foreign: PNG", write("png.rgd", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9), "not a refgraph dump")
    refuse("foreign: ELF", write("elf.rgd", open("/bin/true", "rb").read()), "not a refgraph dump")
    refuse("foreign: zeros", write("zeros.rgd", bytes(100000)), "not a refgraph dump")
    refuse("foreign: noise", write("noise.rgd", random.Random(1).randbytes(100000)), "not a refgraph dump")
    refuse("foreign: magic alone", write("magic.rgd", b"\x89RGD\r\n\x1a\n"))
    refuse("foreign: newlines translated", write("crlf.rgd", small.replace(b"\r\n", b"\n")), "text-mode copy")
    refuse("foreign: two dumps in one file", write("two.rgd", small + small))
    refuse("foreign: bytes after the end", write("after.rgd", small + b"\0"))
    refuse("foreign: nothing there", TMP + "/no-such-file")
    os.mkdir(TMP + "/directory.rgd")
    refuse("foreign: directory", TMP + "/directory.rgd", "is a directory")
    os.mkfifo(TMP + "/fifo.rgd")
    refuse("foreign: FIFO without a writer", TMP + "/fifo.rgd", "is a pipe")
    s = socket.socket(socket.AF_UNIX)
    s.bind(TMP + "/socket.rgd")
    refuse("foreign: socket", TMP + "/socket.rgd", "is a socket")
    os.symlink(TMP + "/loop.rgd", TMP + "/loop.rgd")
    refuse("foreign: symbolic link to itself", TMP + "/loop.rgd")
    for device in "zero", "null", "full", "urandom":
        refuse("foreign: /dev/" + device, "/dev/" + device, "is a device")
    refuse("foreign: /dev/tty", "/dev/tty", "is a device" if os.path.exists("/dev/tty") else "")
    with open(TMP + "/sparse.rgd", "wb") as f:
        f.truncate(1 << 40)
    refuse("foreign: sparse terabyte", TMP + "/sparse.rgd")
    with open(TMP + "/sparse2.rgd", "wb") as f:
        f.write(small)
        f.truncate(1 << 36)
    refuse("foreign: a dump and then a hole", TMP + "/sparse2.rgd")


# ---- truncation and flipped bits -----------------------------------------------------------------------------------

def many(name, variants, judge_one):
    """One case for many files: the first that is judged wrong names it."""
    def work():
        n = 0
        for what, data in variants:
            path = write("%s.%d" % (name.split(":")[0], n), data)
            why = judge_one(path)
            os.unlink(path)
            n += 1
            if why:
                return "%s: %s" % (what, why)
        return "" if n else "no variant"
    pool_jobs.append((name, pool.submit(work)))


def truncated():
    places = sorted({0, 1, 8, 12, 63, 64, len(small) - 1, len(small) - 40, len(small) - 41}
                    | {at for c in rgd.chunks(small) for at in (c[0], c[0] + 47, c[0] + 48, c[1] - 1)}
                    | set(range(0, len(small), 331)))
    for half in 0, 1:
        many("truncated%d: at every chunk and many offsets" % half,
             [("at %d" % n, small[:n]) for n in places[half::2]],
             lambda path: one_line(Run(["check", path], "plain", MEMORY), path, "is empty|cut short")
             or one_line(Run(["typestats", path], "plain", MEMORY), path, None))
    many("truncated3: sanitized", [("at %d" % n, small[:n]) for n in places[::5]],
         lambda path: one_line(Run(["check", path], "san"), path, None))


def flipped():
    """Every byte is under some checksum, so that any flipped bit is noticed by check."""
    def flip(at, bit):
        data = bytearray(small)
        data[at] ^= 1 << bit
        return bytes(data)

    def judge_flip(path, build="plain"):
        other = ["find-backref-chain", "show", "typestats"][len(turns) % 3]
        turns.append(other)
        return one_line(Run(["check", path], build, MEMORY), path, None) or \
            Run([other] + (["#4"] if other != "typestats" else []) + [path], build, MEMORY).crashed()
    turns = []
    heads = {at for c in rgd.chunks(small) for at in range(c[0], c[0] + 48, 7)}
    places = sorted(heads | set(range(64)) | set(range(len(small) - 40, len(small))) | set(range(0, len(small), 29)))
    for part in 0, 1:
        many("flipped%d: a bit in every part" % part,
             [("byte %d" % n, flip(n, n % 8)) for n in places[part::2]], judge_flip)
    many("flipped2: sanitized", [("byte %d" % n, flip(n, n % 7)) for n in places[::11]],
         lambda path: judge_flip(path, "san"))


# ---- damage with correct checksums: the structure -------------------------------------------------------------------

# name, what the line must hold, mkdump's options; all commands refuse
STRUCTURE = [
    ("newer major version", "newer", ["--header", "major=2"]),
    ("much newer major version", "newer", ["--header", "major=65535", "--header", "minor=9"]),
    ("major version 0", None, ["--header", "major=0"]),
    ("header too small", None, ["--header", "header_size=32"]),
    ("header larger than the file", None, ["--header", "header_size=0x7fffffff"]),
    ("contents beyond the end", None, ["--tail", "toc_offset=0x7fffffff"]),
    ("contents at 2^64-8", None, ["--tail", "toc_offset=0xfffffffffffffff8"]),
    ("contents in the header", None, ["--tail", "toc_offset=8"]),
    ("contents at another chunk", None, ["--tail", "toc_offset=64"]),
    ("file size too big", None, ["--tail", "file_size=0x7fffffffffff"]),
    ("file size too small", None, ["--tail", "file_size=100"]),
    ("file size 0", None, ["--tail", "file_size=0"]),
    ("tail without magic", None, ["--tail", "magic=0"]),
    ("contents: absurd rows", "absurd number of chunks", ["--chunk", "0.0.0", "rows=0xffffffff"]),
    ("contents: rows one too many", "absurd number of chunks", ["--chunk", "0.0.0", "rows=116"]),
    ("contents: more chunks than fit into the file", "absurd number of chunks",
     ["--chunk", "0.0.0", "raw_size=56000", "--chunk", "0.0.0", "rows=1000"]),
    ("contents: absurd raw size", None, ["--chunk", "0.0.0", "raw_size=0xffffffff"]),
    ("contents: absurd both", "absurd number of chunks", ["--chunk", "0.0.0", "raw_size=0xffffffc0", "--chunk", "0.0.0", "rows=76695844"]),
    ("contents: absurd stored size", None, ["--chunk", "0.0.0", "stored_size=0xffffffff"]),
    ("contents: not zstd", "zstd cannot decompress it", ["--junk", "0.0.0"]),
    ("contents: a bomb", "zstd cannot decompress it", ["--bomb", "0.0.0", "100000000"]),
    ("contents: a bomb that says so", None, ["--bomb", "0.0.0", "200000000", "--chunk", "0.0.0", "raw_size=200000000"]),
    ("contents: all zero", None, ["--garble", "0.0.0", "0"]),
    ("contents: all ones", None, ["--garble", "0.0.0", "255"]),
    ("contents: cut", None, ["--cut", "0.0.0", "17"]),
    ("contents: wrong section", None, ["--chunk", "0.0.0", "section=5"]),
    ("contents: unknown compression", None, ["--chunk", "0.0.0", "compression=9"]),
    ("entry: offset beyond the end", None, ["--in-toc", "5.1.0", "offset=0x7fffffff"]),
    ("entry: offset 2^64-1", None, ["--in-toc", "5.1.0", "offset=0xffffffffffffffff"]),
    ("entry: offset 2^64-48", None, ["--in-toc", "5.1.0", "offset=0xffffffffffffffd0"]),
    ("entry: offset 0", None, ["--in-toc", "5.1.0", "offset=0"]),
    ("entry: overlaps another chunk", None, ["--in-toc", "5.1.0", "offset=64"]),
    ("entry: wrong magic", None, ["--in-toc", "5.1.0", "magic=0"]),
    ("chunk: stored beyond the end", None, ["--chunk", "5.1.0", "stored_size=0x7fffffff"]),
    ("chunk: stored size 2^32-1", None, ["--chunk", "5.1.0", "stored_size=0xffffffff"]),
    ("chunk: raw size above the limit", "larger than the format allows",
     ["--chunk", "5.1.0", "compression=1", "--chunk", "5.1.0", "raw_size=0x800001"]),
    ("chunk: raw size 2^32-1", None, ["--chunk", "5.1.0", "raw_size=0xffffffff"]),
    ("chunk: rows 2^32-1", None, ["--chunk", "5.1.0", "rows=0xffffffff"]),
    ("chunk: rows above the limit everywhere", None,
     [w for c in range(9) for w in ("--chunk", "5.%d.0" % c, "rows=0xfffffff8")]),
    ("chunk: more rows than bytes, everywhere", None,
     [w for c in range(9) for w in ("--chunk", "5.%d.0" % c, "rows=131072")]),
    ("chunk: rows differ between columns", None, ["--chunk", "5.2.0", "rows=15"]),
    ("chunk: rows differ between columns of TYPES", None, ["--chunk", "3.1.0", "rows=3"]),
    ("chunk: first row leaves a gap", None, ["--chunk", "5.2.0", "first_row=1"]),
    ("chunk: first row 2^63", None, ["--chunk", "2.0.0", "first_row=0x8000000000000000"]),
    ("chunk: twice in the file", None, ["--twice", "5.2.0"]),
    ("chunk: second one missing", None, ["--chunk-rows", "4", "--drop", "3.2.1"]),
    ("chunk: second one twice", None, ["--chunk-rows", "4", "--twice", "3.2.1"]),
    ("chunk: unknown encoding", None, ["--chunk", "5.2.0", "encoding=99"]),
    ("chunk: encoding 0", None, ["--chunk", "5.2.0", "encoding=0"]),
    ("chunk: uncompressed with two sizes", None, ["--no-zstd", "--chunk", "5.2.0", "raw_size=1000"]),
    ("groups: too small", "not one group", ["--group-rows", "5"]),
    ("groups: a column with another grouping", None, ["--chunk", "6.1.0", "first_row=1"]),
]

# name, what the line must hold, options; check refuses, others may answer what does not need the column
CONTENT = [
    ("chunk: bytes where numbers belong", None, ["--chunk", "5.2.0", "encoding=7"]),
    ("chunk: numbers where bytes belong", None, ["--chunk", "2.0.0", "encoding=4"]),
    ("chunk: target coding outside edges", None, ["--chunk", "5.2.0", "encoding=8"]),
    ("chunk: unknown compression", None, ["--chunk", "5.2.0", "compression=2"]),
    ("header differs from its copy", None, ["--in-file", "5.1.0", "rows=3"]),
    ("section differs from its copy", None, ["--in-file", "5.1.0", "section=9"]),
    ("objects: payload is no zstd frame", "OBJECTS.*offset", ["--junk", "5.0.0"]),
    ("strings: payload is no zstd frame", "STRINGS.*offset", ["--junk", "2.0.0"]),
    ("edges: payload is no zstd frame", "EDGES.*offset", ["--junk", "6.2.0"]),
    ("objects: bomb", "OBJECTS.*offset.*frame is not of", ["--bomb", "5.1.0", "100000000"]),
    ("strings: bomb", "STRINGS.*offset.*frame is not of", ["--bomb", "2.0.0", "1000000000"]),
    ("objects: frame shorter than it says", "OBJECTS.*offset", ["--bomb", "5.1.0", "3"]),
    ("objects: last row missing", "OBJECTS.*offset", ["--cut", "5.1.0", "1"]),
    ("types: last rows missing", "TYPES.*offset", ["--cut", "3.0.0", "4"]),
    ("edges: last row missing", "EDGES.*offset", ["--cut", "6.2.0", "1"]),
    ("edges: last value missing", "EDGES.*offset", ["--cut", "6.1.0", "1"]),
    ("objects: a number that never ends", "OBJECTS.*offset", ["--garble", "5.1.0", "0x80"]),
    ("objects: numbers of ten bytes and more", "OBJECTS.*offset", ["--garble", "5.2.0", "0xff"]),
    ("edges: numbers of ten bytes and more", "EDGES.*offset", ["--garble", "6.2.0", "0xff"]),
    ("edges: labels of ten bytes and more", "EDGES.*offset", ["--garble", "6.0.0", "0xff"]),
    ("strings: lengths beyond the end", "STRINGS.*offset.*a text is cut off", ["--garble", "2.0.0", "0x7f"]),
    ("strings: no UTF-8", "STRINGS", ["--garble", "2.0.0", "0xc1"]),
    ("meta: lengths beyond the end", "META", ["--garble", "1.0.0", "0x7f"]),
    ("type of an object", "OBJECTS.*offset", ["--poke", "5.1.3", "9999"]),
    ("type of an object 2^32", "OBJECTS.*offset", ["--poke", "5.1.3", "0x100000000"]),
    ("stack of an object", "OBJECTS.*offset", ["--poke", "5.6.3", "6"]),
    ("stack of an object 2^64-1", "OBJECTS.*offset", ["--poke", "5.6.3", "0xffffffffffffffff"]),
    ("addresses descend", "OBJECTS.*offset", ["--poke", "5.0.5", "0x1000"]),
    ("degrees: one too many", None, ["--poke", "5.7.3", "5"]),
    ("degrees: none", None, ["--poke", "5.7.3", "0"]),
    ("degrees: 2^32", None, ["--poke", "5.7.3", "0x100000004"]),
    ("degrees: 2^64-1", None, ["--poke", "5.7.3", "0xffffffffffffffff"]),
    ("edge to nowhere", "EDGES.*offset", ["--poke", "6.100.4", "16"]),
    ("edge to 2^31", "EDGES.*offset", ["--poke", "6.100.4", "0x80000000"]),
    ("edge to 2^32-1", "EDGES.*offset", ["--poke", "6.100.4", "0xffffffff"]),
    ("edge difference of 2^40", "EDGES.*offset", ["--poke", "6.2.4", "0x10000000000"]),
    ("label of an edge", "EDGES.*offset", ["--poke", "6.0.4", "0x100"]),
    ("label of an edge 2^40", "EDGES.*offset", ["--poke", "6.0.4", "0x10000000000"]),
    ("key of an edge", "EDGES", ["--poke", "6.1.0", "4096"]),
    ("string of a label", "LABELS.*offset", ["--poke", "4.3.2", "77777"]),
    ("string of a type", "TYPES.*offset", ["--poke", "3.0.2", "77777"]),
    ("object of a type", "TYPES.*offset", ["--poke", "3.5.2", "17"]),
    ("base of a type", "TYPES.*offset", ["--poke", "3.6.2", "12"]),
    ("target of a root", "ROOTS.*offset", ["--poke", "7.5.2", "16"]),
    ("label of a root", "ROOTS.*offset", ["--poke", "7.2.2", "77777"]),
    ("context of a root", "ROOTS.*offset", ["--poke", "7.7.2", "77777"]),
    ("owner of a root", "ROOTS", ["--poke", "7.3.1", "77777"]),
    ("module of a frame", "FRAMES.*offset", ["--poke", "8.1.1", "3"]),
    ("function of a frame", "FRAMES.*offset", ["--poke", "8.3.3", "77777"]),
    ("parent of a stack is itself", "STACKS.*offset", ["--poke", "9.0.2", "3"]),
    ("parent of a stack is younger", "STACKS.*offset", ["--poke", "9.0.1", "5"]),
    ("two stacks are each other's parents", "STACKS.*offset", ["--poke", "9.0.1", "3", "--poke", "9.0.2", "2"]),
    ("frame of a stack", "STACKS.*offset", ["--poke", "9.1.1", "5"]),
    ("path of a module", "MODULES.*offset", ["--poke", "10.0.1", "77777"]),
    ("path of a map", "MAPS.*offset", ["--poke", "11.3.1", "77777"]),
    ("name of a thread", "THREADS.*offset", ["--poke", "12.1.1", "77777"]),
    ("version of a runtime", "RUNTIMES.*offset", ["--poke", "13.1.1", "77777"]),
    ("name of a gc row", "GC.*offset", ["--poke", "14.1.1", "77777"]),
    ("name of a counter", "COUNTERS.*offset", ["--poke", "15.0.1", "77777"]),
    ("object of a property", "PROPERTIES.*offset", ["--poke", "16.0.9", "16"]),
    ("string of a property", "PROPERTIES", ["--poke", "16.2.0", "77777"]),
    ("properties out of order", "PROPERTIES.*offset", ["--poke", "16.0.5", "0"]),
    ("type of a summary row", "SUMMARY.*offset", ["--poke", "17.0.1", "12"]),
    ("stack of a summary row", "SUMMARY.*offset", ["--poke", "17.1.1", "6"]),
    ("label of an epoch", "EPOCHS.*offset", ["--poke", "18.3.1", "77777"]),
    ("stack of a region", "REGIONS.*offset", ["--poke", "19.2.1", "77"]),
    ("strings missing", None, ["--drop", "2.0.0"]),
    ("labels missing", None, [w for c in range(4) for w in ("--drop", "4.%d.0" % c)]),
    ("types missing", None, [w for c in range(7) for w in ("--drop", "3.%d.0" % c)]),
    ("objects missing", None, [w for c in range(9) for w in ("--drop", "5.%d.0" % c)]),
    ("edges missing", None, [w for c in range(4) for w in ("--drop", "6.%d.0" % c)]),
    ("targets of edges missing", None, ["--drop", "6.2.0"]),
    ("values of edges missing", None, ["--drop", "6.1.0"]),
    ("interiors of edges missing", None, ["--drop", "6.3.0"]),
]

# Strange, and nobody's fault: a later minor version, another machine.
FINE = [
    ("later minor version", ["--header", "minor=7"]),
    ("later minor version with a larger header", ["--header", "minor=1", "--grow-header", "24"]),
    ("unknown column in OBJECTS", ["--extra-column", "5"]),
    ("unknown column in STRINGS", ["--extra-column", "2"]),
    ("unknown column in EDGES", ["--extra-column", "6"]),
    ("unknown section", ["--extra-section"]),
    ("all of them", ["--header", "minor=300", "--extra-section", "--extra-column", "3", "--extra-column", "17"]),
    ("another machine", ["--header", "machine=183", "--header", "page_size=65536"]),
    ("big-endian process", ["--header", "byte_order=2"]),
    ("reserved numbers in use", ["--chunk", "5.1.0", "reserved=7", "--tail", "reserved=9", "--tail", "flags=0xfffffffe"]),
    ("uncompressed", ["--no-zstd"]),
    ("tiny chunks", ["--chunk-rows", "1"]),
    ("partial", ["--partial"]),
    ("unknown kinds and classes", ["--poke", "4.0.1", "200", "--poke", "7.0.1", "99", "--poke", "8.0.1", "50"]),
]

STRANGE = [
    ("pointers of 4 bytes", ["--header", "pointer_size=4"]),
    ("sizes of 2^64-1", ["--poke", "5.2.1", "0xffffffffffffffff", "--poke", "5.2.2", "0xffffffffffffffff"]),
    ("refcounts of 2^64-1", ["--poke", "5.3.1", "0xffffffffffffffff"]),
    ("epochs of 2^40", ["--poke", "5.5.1", "0x10000000000"]),
    ("flags of all ones", ["--poke", "5.4.1", "0xffffffff"]),
    ("flags of 2^40", ["--poke", "5.4.1", "0x10000000000"]),
    ("base beyond the address", ["--poke", "5.8.1", "0xffffffffffffffff"]),
    ("same address twice", ["--poke", "5.0.5", "0x7f1000001140"]),
    ("summary counts of 2^64-1", ["--poke", "17.3.1", "0xffffffffffffffff", "--poke", "17.4.1", "0xffffffffffffffff"]),
    ("type is its own base", ["--poke", "3.6.2", "3"]),
    ("runtime of a type", ["--poke", "3.2.2", "255"]),
    ("values of edges of 2^64-1", [w for i in range(1, 6) for w in ("--poke", "6.1.%d" % i, "0xffffffffffffffff")]),
    ("interior of 2^64-1", ["--poke", "6.3.0", "0xffffffffffffffff"]),
    ("line of 2^64-1", ["--poke", "8.5.3", "0xffffffffffffffff"]),
    ("thread of 2^64-1", ["--poke", "12.0.1", "0xffffffffffffffff"]),
    ("module upside down", ["--poke", "10.3.0", "0xffffffffffffffff", "--poke", "10.4.0", "0"]),
    ("no columns of types but names", [w for c in range(1, 7) for w in ("--drop", "3.%d.0" % c)]),
    ("no addresses", ["--drop", "5.0.0"]),
    ("time 2^64-1", ["--header", "time_ns=0xffffffffffffffff"]),
    ("page size 0", ["--header", "page_size=0"]),
]


def tables():
    for n, (name, want, options) in enumerate(STRUCTURE):
        refuse("structure: " + name, make("structure%d" % n, *options), want)
    for n, (name, want, options) in enumerate(CONTENT):
        refuse("content: " + name, make("content%d" % n, *options), want, everywhere=False)
    for n, (name, options) in enumerate(FINE):
        accept("fine: " + name, make("fine%d" % n, *options))
    for n, (name, options) in enumerate(STRANGE):
        survive("strange: " + name, make("strange%d" % n, *options))


def texts():
    accept("fine: nothing at all", make("nothing", text=""))
    accept("fine: one object", make("one", text="object o block\n"))
    survive("strange: a stack of 200000 frames",
            make("deep", text="frame f unknown function=x\nstack s0 f\nrepeat 200000\nstack s{i+1} f s{i}\nend\n"
                              "object o block stack=s200000\n"))
    survive("strange: a string of 900000 bytes", make("long", text="type %s runtime=python flags=gc\n" % ("x" * 900000)))
    survive("strange: names with control characters",
            make("control", text='type "a\\n\\x1b[31m\\"<b>&|{}\\\\" runtime=python flags=gc as=t\nobject o t prop.name="\\t\\n"\n'
                                 'edge o o attr="\\n\\\\\\"x"\nroot module "\\x0d" o\n'))
    survive("strange: a chain of types", make("bases", text="type t0\nrepeat 5000\ntype t{i+1} base=t{i}\nend\nobject o t5000\n"))
    pool = "frame f unknown function=x\nstack s f\nobject o block prop.pool=1\npool 1 0x100 name=a stack=s bytes=8 held=4\npool 9 0x200 parent=%d\n"
    accept("fine: pools", make("pools", text=pool % 1))
    refuse("content: a pool in one that is not there", make("pools1", text=pool % 3), "POOLS", everywhere=False)
    refuse("content: an object in a pool that is not there", make("pools2", text="object o block prop.pool=1\npool 1 0x100\n"),
           "PROPERTIES", everywhere=False)
    calls = ("module m /bin/nothing base=0x1000\nthread 7 t\nobject o block\nroot stack \"\" o owner=1 value=0x7000\n"
             "root register \"\" o owner=1 value=3\nroot tls \"\" o owner=1 value=0x9000\n")
    frames = "call 0 1 0x10 0x6ff0 0x7010 0\ncall %d %d 0xffffffffffffffff 0x7010 0x7000 6\ncallreg %d 3 0x7000 0\ncallreg %d 3 0 0x7000\n"
    accept("fine: calls", make("calls", text=calls + frames % (0, 0, 0, 1) + "tls 0 0 0x9000 8\n"))
    for name, text in (("of a thread that is not there", frames % (1, 0, 0, 1)), ("of a module that is not there", frames % (0, 9, 0, 1)),
                       ("that a register has not", frames % (0, 0, 0, 2)), ("whose registers are not in order", frames % (0, 0, 1, 0)),
                       ("of threads in no order", "thread 8 u\ncall 1 1 1 1 1 1\n" + frames % (0, 0, 0, 1)),
                       ("whose thread-local storage is of no thread", frames % (0, 0, 0, 1) + "tls 4 0 0x9000 8\n")):
        refuse("content: calls " + name, make("calls1", text=calls + text), "CALL|TLS", everywhere=False)
    site = "frame f unknown function=x\nsite f made=3 temporary=9 gone0=7\nobject o block\n"
    accept("fine: what sites count, though it does not add up", make("sites", text=site))
    refuse("content: a site of a frame that is not there", make("sites1", "--poke", "25.0.0", "5", text=site), "SITES", everywhere=False)
    refuse("content: names that are no UTF-8", make("utf8", text='type "a\\xff\\xfe"\n'), "STRINGS", everywhere=False)


rgd.BINARIES["san"] = rgd.sanitized()
if not rgd.BINARIES["san"]:
    del rgd.BINARIES["san"]
small = open(make("small.rgd"), "rb").read()
pool, pool_jobs = ThreadPoolExecutor(int(os.environ.get("TEST_JOBS", "2"))), []
only = sys.argv[1:]
for part in foreign, truncated, flipped, tables, texts:
    if not only or part.__name__ in only:
        part()
        finish()
sys.exit(rgd.status())
