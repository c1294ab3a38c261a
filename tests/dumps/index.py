#!/usr/bin/env python3
"""The index beside a dump (`refgraph index`, 1.rgx for 1.rgd): every command says byte for byte the same with it, and is not fooled by one
that is damaged, cut, of another dump, of another build or of another user; one is written whole or not at all."""
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools"))
from refgraph_run import GEN
from verdict import REFGRAPH, ROOT, TMP, equal, fail, judge, ok, status

# @ the dump, & another one (of the same process where there is one), X an object
LINES = r"""info @
count list @
typestats @
most-common-types @
show-most-common-types @
growth & @
show-growth & @
get-new-ids & @
stacks @
memory @
diff & @
diff --by path --universe all & @
by-type --where 'retained > 100' --columns id,retained --universe all @
at 0x550000000000 @
at-addrs 0x550000000000 @
show X @
tasks @
is-proper-module X @
get-leaking-objects @
referents X --universe all @
referrers X --universe all @
refcount X @
find-backref-chain X @
find-backref-chain --all-roots X @
find-ref-chain X @
show-backrefs X --max-depth 6 --filename OUT @
show-backrefs X --fold --shade retained --max-depth 5 --universe all --filename OUT @
show-refs X --max-depth 5 --filename OUT @
show-chain X --filename OUT @
roots @
suspects --min 1 & @
slopes & @
survivors @
types @
workers & @
query "select type, count(*), max(retained) group by type" @
query "select count(*) from objects o join edges e on e.target = o.id where o.id < 50" @
retained X --universe all @
dominators @
dominators --group-by type --max-depth 3 @
cycles --universe all @
why X @
why --ways 5 --json X @
why --merge --where 'size > 100' --universe all @
leaks --show-leak-kinds all @
gc @
collect @
audit @
check @"""


def run(arguments, **settings):
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("REFGRAPH")}
    env.update(settings)
    p = subprocess.run([REFGRAPH] + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                       cwd=TMP)
    return p.returncode, p.stdout, p.stderr.decode("utf8", "replace")


def ask(line, dump, other, what):
    """What a line of LINES says, its picture included."""
    picture = os.path.join(TMP, "out.dot")
    words = [{"@": dump, "&": other, "X": what, "OUT": picture}.get(w, w) for w in shlex.split(line)]
    if os.path.exists(picture):
        os.unlink(picture)
    said = run(words)
    return said + (open(picture, "rb").read() if os.path.exists(picture) else b"",)


def index_of(dump):
    return dump[:-4] + ".rgx"


def without(text):
    """info tells of the index, and of nothing else."""
    return re.sub(rb"(?m)^index(_size)? .*\n", b"", text)


def same_answers(name, dump, other, objects):
    wrong = []
    for line in LINES.split("\n") + unlisted():
        for what in objects if " X" in line else objects[:1]:
            for path in (index_of(dump), index_of(other)):
                if os.path.exists(path):
                    os.rename(path, path + ".away")
            plain = ask(line, dump, other, what)
            for path in (index_of(dump), index_of(other)):
                if os.path.exists(path + ".away"):
                    os.rename(path + ".away", path)
            indexed = ask(line, dump, other, what)
            if (indexed[0], without(indexed[1])) + indexed[2:] != plain:
                wrong.append("%s of %s: %s, then %s" % (line, what, plain[0:3], indexed[0:3]))
            elif plain[0] not in (0, 1, 2, 3):
                wrong.append("%s of %s: %s" % (line, what, plain[2]))
    judge("index: %s: every command answers the same" % name, not wrong, wrong[:2])


def unlisted():
    """Commands that read a dump and that LINES does not have, with the dump alone."""
    known = re.findall(r"(?m)^  ([a-z][a-z-]+) ", run(["help"])[1].decode().split("commands:")[1])
    listed = {line.split()[0] for line in LINES.split("\n")} | {"index"}
    fresh = [c for c in known if c not in listed and "DUMP" in run(["help", c])[1].decode().split("\n")[0]]
    if len(known) < 40:
        fail("index: commands of refgraph help", known)
    return [c + " @" for c in fresh]


def dump_of(name, *shape):
    path = os.path.join(TMP, name + ".rgd")
    if len(shape) == 1:
        shutil.copy(shape[0], path)
    else:
        subprocess.run([GEN, *shape, "-o", path], check=True)
    rc, out, err = run(["index", path])
    if rc or not os.path.exists(index_of(path)):
        fail("index: %s is made" % name, (rc, out, err))
    return path


# What is damaged must cost the index, not the answer. Sections are found by their offsets in the header: 14 of (offset, n, sum).
HEADER = 8 + 8 + 16 + 16 + 8 + 16 + 16


def sections(data):
    for i in range(14):
        at = HEADER + 24 * i
        offset, n = (int.from_bytes(data[at + 8 * k:at + 8 * k + 8], "little") for k in (0, 1))
        if offset and n:
            yield i, offset


ASKING = ["dominators @", "why X @", "retained X --universe all @", "show-backrefs X --filename OUT --universe all @",
          'query "select count(*) from objects o join edges e on e.target = o.id where o.id < 50" @']


def damaged(dump):
    path, chance = index_of(dump), random.Random(7)
    os.rename(path, path + ".good")
    good = open(path + ".good", "rb").read()
    plain = {line: ask(line, dump, dump, "#5") for line in ASKING}
    places = [("header, byte %d" % at, at) for at in (3, 9, 20, 40, 60, HEADER + 3, HEADER + 200)]
    places += [("section %d" % i, at + chance.randrange(4)) for i, at in sections(good)]
    places += [("section %d" % i, at + chance.randrange(30000)) for i, at in sections(good) if i != 9]
    wrong, noted = [], set()
    for where, at in places:
        bad = bytearray(good)
        bad[at] ^= 1 << chance.randrange(8)
        with open(path, "wb") as f:
            f.write(bad)
        for line in ASKING:
            said = ask(line, dump, dump, "#5")
            notes = [n for n in said[2].splitlines() if ".rgx is not used: " in n]
            if notes:
                noted.add(where)
            if said[:2] + said[3:] != plain[line][:2] + plain[line][3:] or len(notes) > 1 or \
                    [n for n in said[2].splitlines() if n not in notes] != plain[line][2].splitlines():
                wrong.append((where, line, said[0], said[2]))
    judge("index: %d flipped bits change no answer" % len(places), not wrong, wrong[:3])
    equal("index: each flipped bit is noticed by somebody", sorted({w for w, _ in places} - noted), [])
    for name, data, why in (("cut short", good[:len(good) // 2], "damaged"), ("empty", b"", "damaged"),
                            ("a header alone", good[:400], "damaged"), ("something else", b"hello\n" * 999, "no index")):
        with open(path, "wb") as f:
            f.write(data)
        said = ask(ASKING[0], dump, dump, "#5")
        judge("index: %s: not used, and said so" % name, said[:2] == plain[ASKING[0]][:2] and why in said[2] and "1.rgd" not in why,
              said[2])
    os.unlink(path)
    os.symlink(path + ".good", path)
    equal("index: a link is not followed", ask(ASKING[0], dump, dump, "#5"), plain[ASKING[0]])
    os.unlink(path)
    os.mkdir(path)
    judge("index: a folder of its name", ask(ASKING[0], dump, dump, "#5")[:2] == plain[ASKING[0]][:2])
    os.rmdir(path)
    os.rename(path + ".good", path)
    return good, plain


def strangers(dump, good, plain):
    path = index_of(dump)
    other = dump_of("other", "native", "20000", "--seed", "5")
    shutil.copy(index_of(other), path)
    said = ask(ASKING[0], dump, dump, "#5")
    judge("index: of another dump", said[:2] == plain[ASKING[0]][:2] and "made for another dump" in said[2], said[2])
    with open(path, "wb") as f:
        f.write(good)
    equal("index: good again", ask(ASKING[0], dump, dump, "#5"), plain[ASKING[0]])
    if os.geteuid() == 0:
        os.chown(path, 4321, 4321)
        said = ask(ASKING[0], dump, dump, "#5")
        judge("index: of another user", said[:2] == plain[ASKING[0]][:2] and "somebody else" in said[2], said[2])
        os.chown(dump, 4321, 4321)
        equal("index: of another user, whose the dump is, too", ask(ASKING[0], dump, dump, "#5")[2], "")
        run(["index", dump])
        equal("index: its owner is the dump's", (os.stat(path).st_uid, os.stat(path).st_gid), (4321, 4321))
        os.chown(dump, 0, 0)
    os.chmod(dump, 0o640)
    run(["index", dump])
    equal("index: its mode is the dump's", oct(os.stat(path).st_mode & 0o777), oct(0o640))
    trace = subprocess.run(["strace", "-f", "-e", "trace=openat", REFGRAPH, "dominators", dump], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True, env=dict(os.environ, REFGRAPH_INDEX="off")).stderr if \
        shutil.which("strace") else ""
    judge("index: REFGRAPH_INDEX=off", ".rgx" not in trace)
    equal("index: made twice it is the same file", (run(["index", dump])[0], open(path, "rb").read() == good), (0, True))


def auto():
    small, large = (os.path.join(TMP, n) for n in ("small.rgd", "large.rgd"))
    subprocess.run([GEN, "native", "1000", "-o", small], check=True)
    subprocess.run([GEN, "native", "150000", "-o", large], check=True)
    first = [run(["dominators", f], REFGRAPH_INDEX="auto") for f in (small, large)]
    equal("index: REFGRAPH_INDEX=auto writes one for a large dump", [os.path.exists(index_of(f)) for f in (small, large)], [False, True])
    equal("index: the first command and the second say the same", run(["dominators", large]), first[1])
    folder = os.path.join(TMP, "no")
    os.mkdir(folder)
    shutil.copy(large, folder)
    os.mkdir(os.path.join(folder, "large.rgx"))
    said = run(["dominators", os.path.join(folder, "large.rgd")], REFGRAPH_INDEX="auto")
    judge("index: auto, and it cannot be written", said[:2] == first[1][:2] and "cannot write" in said[2], said[2])


def nothing_left():
    """Whatever ends the writing leaves the folder as it was."""
    folder = os.path.join(TMP, "left")
    os.mkdir(folder)
    dump = os.path.join(folder, "a.rgd")
    subprocess.run([GEN, "native", "300000", "-o", dump], check=True)
    seen = set()
    for delay in [k * 0.03 for k in range(12)]:
        p = subprocess.Popen([REFGRAPH, "index", dump], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        p.send_signal(signal.SIGINT if delay < 0.2 else signal.SIGKILL)
        p.wait()
        found = sorted(os.listdir(folder))
        seen.add(tuple(found))
        if "a.rgx" in found:
            if run(["info", dump])[2]:
                seen.add("a broken one")
            os.unlink(os.path.join(folder, "a.rgx"))
    judge("index: interrupted, whole or nothing", seen <= {("a.rgd",), ("a.rgd", "a.rgx")}, seen)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    p = subprocess.run([REFGRAPH, "index", dump], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=small_files)
    equal("index: no room: an error, and nothing left",
          (p.returncode, p.stdout, b"cannot write" in p.stderr, os.listdir(folder)), (3, b"", True, ["a.rgd"]))


def main():
    native = dump_of("native", "native", "20000")
    same_answers("native", native, dump_of("native2", "native", "20000", "--seed", "3"), ["#5", "#64", "#19999"])
    # several blocks of each section
    big = dump_of("random", "random", "300000", "--degree", "3")
    judge("index: a large one", os.path.getsize(index_of(big)) > 10 << 20)
    for line in ASKING:
        path = index_of(big)
        indexed = ask(line, big, big, "#77")
        os.rename(path, path + ".away")
        equal("index: random: %s" % line.split()[0], ask(line, big, big, "#77"), indexed)
        os.rename(path + ".away", path)
    for name in "small", "python", "native":
        dump = dump_of("v1.0-" + name, os.path.join(ROOT, "tests/dumps/v1.0-%s.rgd" % name))
        same_answers("v1.0-" + name, dump, dump, ["#4", "#9"])
    empty = dump_of("empty", "native", "0")
    equal("index: of an empty dump", run(["dominators", empty])[0], 0)
    good, plain = damaged(native)
    strangers(native, good, plain)
    auto()
    nothing_left()
    return status()


sys.exit(main())
