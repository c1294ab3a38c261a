#!/usr/bin/env python3
"""Each command's --json against `refgraph schema`; --csv, --columns, --sort, --limit and repetition, the same of every table; completion of
their columns. A command that has --json and no line here fails."""
import csv, functools, io, json, os, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
import json_schema
from verdict import *

MKDUMP = os.path.join(O, "tests/tools/mkdump")
os.chdir(TMP)
PROGRAM = """
import asyncio, ctypes, gc, sys
class Session: pass
class Node: pass
kept = [Session() for i in range(300)]
def cycle():
    a, b = Node(), Node()
    a.other, b.other = b, a
async def wait(session):
    await asyncio.sleep(1000)
async def main():
    tasks = [asyncio.create_task(wait(s)) for s in kept[:3]]
    await asyncio.sleep(0)
    gc.collect(); gc.disable()
    shim = ctypes.CDLL(sys.argv[1])
    buffer = ctypes.create_string_buffer(4096)
    shim.refgraph_pool_create(buffer, b"buffer")
    shim.refgraph_pool_alloc(buffer, ctypes.byref(buffer, 64), 128)
    for name in b"p1.rgd", b"p2.rgd", b"p3.rgd":
        for i in range(20):
            cycle()
            kept.append(Session())
        ctypes.CDLL(None).malloc(5000)
        shim.refgraph_snapshot(None)
asyncio.run(main())
"""
PHP = "for ($i = 0; $i < 3; $i++) { $a = new stdClass; $a->a = $a; unset($a); gc_collect_cycles(); }"

# command, arguments ([] several calls); "@" stands for nothing: dumps are named as they are
LINES = {
    "info": ["p1.rgd p2.rgd", "--coverage p1.rgd"], "check": ["p1.rgd life1.rgd", "bad.rgd"], "count": ["Session p1.rgd p2.rgd"],
    "typestats": ["p1.rgd"], "most-common-types": ["p1.rgd"], "show-most-common-types": ["p1.rgd"], "by-type": ["Session p1.rgd"],
    "growth": ["p1.rgd p2.rgd"], "show-growth": ["p1.rgd p2.rgd"], "slopes": ["p1.rgd p2.rgd p3.rgd"],
    "survivors": ["p1.rgd p2.rgd p3.rgd", "p3.rgd"], "get-new-ids": ["p1.rgd p2.rgd", "p1.rgd p2.rgd --list"],
    "stacks": ["p1.rgd", "p1.rgd p2.rgd"], "sites": ["p1.rgd", "p1.rgd p2.rgd"], "memory": ["p1.rgd", "p1.rgd --by heap", "p1.rgd --by arena", "p1.rgd --by class",
                                                         "p1.rgd --by pool"],
    "diff": ["p1.rgd p3.rgd", "p1.rgd p3.rgd --by site", "p1.rgd p3.rgd --by path", "p1.rgd p3.rgd --by identity --state all"],
    "at": ["{address} p1.rgd"], "at-addrs": ["{address} p1.rgd"], "show": ["Session p1.rgd --limit 3", "module p1.rgd -u all --limit 1", "-u native -w size==128 p1.rgd"],
    "tasks": ["p1.rgd", "Session p1.rgd"], "types": ["p1.rgd -u native"], "is-proper-module": ["module p1.rgd"], "get-leaking-objects": ["p1.rgd", "p1.rgd -u all"],
    "referents": ["Session[0] p1.rgd"], "referrers": ["Session[0] p1.rgd"], "refcount": ["Session[0] p1.rgd", "Session --replay balance.rgd"],
    "balance": ["balance.rgd", "--all balance.rgd", "--tree balance.rgd"],
    "find-backref-chain": ["Session[5] p1.rgd"], "find-ref-chain": ["Session[5] p1.rgd"],
    "show-backrefs": ["Session[5] p1.rgd -u all --cluster --shade retained"], "show-refs": ["module[0] p1.rgd", "module[0] p1.rgd -u all"],
    "show-chain": ["Session[5] p1.rgd -u all"], "roots": ["p1.rgd"], "suspects": ["life1.rgd life2.rgd", "p1.rgd p2.rgd --min 1k"],
    "query": ["select~*~limit~50 p1.rgd", "select~type,count(*),avg(size)~group~by~1 p1.rgd"], "retained": ["Session p1.rgd"],
    "dominators": ["p1.rgd"], "cycles": ["p1.rgd"], "why": ["Session[7] p1.rgd", "Session p1.rgd --merge"], "leaks": ["p1.rgd"],
    "gc": ["p1.rgd", "p1.rgd --events", "php.rgd", "php.rgd --events"], "collect": ["p1.rgd", "p1.rgd --list"], "audit": ["p1.rgd", "p1.rgd -a"], "index": ["p3.rgd"], "rules": ["", "gobject"],
}
# Of processes, and of dumps of several of them: other tests look at what they say. The fields of `info` and `query` are whatever a dump or the query has.
PROCESSES = {"ps", "watch", "workers"}
OPEN = {"info", "query"}
SUMMARIES = {"audit", "gc", "collect"}  # another line behind those of the table


@functools.lru_cache(None)
def options_of(command):
    return subprocess.run([REFGRAPH, command, "--help"], stdout=subprocess.PIPE, universal_newlines=True).stdout


def rg(command, *args):
    args = (command, *args)
    if command in LINES and "--types auto" in options_of(command):  # debug information is another test's, and takes its time
        args += ("--types", "off")
    return subprocess.run([REFGRAPH, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def dumps():
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, REFGRAPH_DUMP="p%n.rgd", PYTHONHASHSEED="0", REFGRAPH_STACKS="full")
    p = subprocess.run(["/usr/bin/python3", "-S", "-W", "ignore", "-c", PROGRAM, SHIM], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       universal_newlines=True)
    php = subprocess.run(["php8.2", "-r", PHP], env=dict(env, REFGRAPH_DUMP="php.rgd", REFGRAPH_ON_EXIT="1"), stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, universal_newlines=True)
    judge("schema: a dump of PHP", os.path.exists("php.rgd"), php.stdout)
    for name in "life1", "life2", "balance":
        subprocess.run([MKDUMP, "-o", name + ".rgd", os.path.join(ROOT, "tests/graphs", name + ".txt")], check=True)
    with open("p1.rgd", "rb") as f, open("bad.rgd", "wb") as g:
        g.write(f.read()[:-1000])
    judge("schema: three dumps of a program", all(os.path.exists("p%d.rgd" % i) for i in (1, 2, 3)), p.stderr)


def words(line, address):
    return [w.replace("~", " ").replace("{address}", address) for w in line.split()]


def judge_table(command, args, rows, small):
    """What every table can do."""
    name = "%s %s" % (command, " ".join(args))
    keys = list(rows[0])
    out = rg(command, *args, "--csv")
    table = list(csv.reader(io.StringIO(out.stdout, newline="")))
    if command not in SUMMARIES:
        judge(name + ": --csv is the same table", table[0] == keys and len(table) == len(rows) + 1, "%s: %d lines of %s" % (table[0], len(table), keys))
    two = [keys[-1], keys[0]]
    few = [list(json.loads(l)) for l in rg(command, *args, "--json", "--columns", ",".join(two)).stdout.splitlines()]
    judge(name + ": --columns in their order", few.count(two) == len(rows), few[:2])
    again = [rg(command, *args, "--json").stdout for i in range(2)]
    judge(name + ": the same again", again[0] == again[1], again)
    wrong = []
    for key in keys if small else keys[:1]:
        for minus in "", "-":
            got = rg(command, *args, "--json", "--limit", "0", "--sort", minus + key)
            shown = [json.loads(l) for l in got.stdout.splitlines()]
            shown = [r[key] for r in shown if r.keys() == rows[0].keys()]
            rank = lambda v: (v is not None, int(v, 16) if isinstance(v, str) and v.startswith("0x") and key in ("address",) else v.encode() if isinstance(v, str) else v or 0)
            if got.returncode or shown != sorted(shown, key=rank, reverse=bool(minus)):
                wrong.append((minus + key, got.stderr[:200], shown[:6]))
    judge(name + ": --sort by each column", not wrong, wrong[:2])
    one = [l for l in rg(command, *args, "--json", "--limit", "1").stdout.splitlines() if json.loads(l).keys() == rows[0].keys()]
    judge(name + ": --limit 1", command in ("diff",) or len(one) == 1, one[:3])  # with the line of the total
    bad = rg(command, *args, "--columns", "nonsense")
    judge(name + ": an unknown column is named", bad.returncode == 2 and "no column 'nonsense'; there are: " in bad.stderr, bad.stderr)


def try_table(command, args):
    """On a small dump, each column; on that of the program the first, where the small one has nothing to show."""
    swap = {"p1.rgd": "life1.rgd", "p2.rgd": "life2.rgd", "p3.rgd": "life2.rgd", "Session": "Request", "Session[0]": "Request[0]",
            "Session[5]": "Request[5]", "Session[7]": "Request[7]"}
    for small in True, False:
        try_with = [swap.get(a, a) for a in args] if small else args
        rows = [json.loads(l) for l in rg(command, *try_with, "--json").stdout.splitlines()]
        rows = [r for r in rows if not (command in SUMMARIES and "record" in r)]
        if rows:
            judge_table(command, try_with, rows, small)
            return
    fail("schema: %s has rows" % command, args)


def main():
    dumps()
    schemas = {}
    for line in rg("schema").stdout.splitlines():
        s = json.loads(line)
        schemas[s["title"].split()[1]] = s
    equal("schema: one command", rg("schema", "count").stdout, [l for l in rg("schema").stdout.splitlines(True) if "refgraph count --json" in l][0])
    judge("schema: no --json", rg("schema", "mark").returncode == 2 and "mark has no --json" in rg("schema", "mark").stderr)
    helped = [l.split()[0] for l in rg("help").stdout.splitlines() if l.startswith("  ") and not l.startswith("   ")]
    with_json = {c for c in helped if c != "help" and "  -j, --json" in options_of(c)}
    equal("schema: every command with --json has one", sorted(with_json ^ set(schemas)), [])
    equal("schema: every one of them is tried here", sorted(set(schemas) - set(LINES) - PROCESSES), [])
    address = json.loads(rg("by-type", "Session", "p1.rgd", "--json", "--limit", "1").stdout)["address"]
    for command, lines in sorted(LINES.items()):
        if command not in schemas:
            continue
        seen, wrong, count = set(), [], 0
        for line in lines:
            args = words(line, address)
            p = rg(command, *args, "--json")
            rows = [json.loads(l) for l in p.stdout.splitlines()]
            if (p.returncode not in (0, 1) and command != "check") or not rows:
                wrong.append("%s: status %d, %s" % (line, p.returncode, p.stderr[:200] or "no line"))
            for r in rows:
                count += 1
                wrong += json_schema.faults(r, schemas[command])[:3]
                seen.add(json_schema.kind(r, schemas[command]))
            if rows and line == lines[0] and "columns: " in options_of(command):
                try_table(command, args)
        unseen = set(range(len(schemas[command]["anyOf"]))) - seen
        judge("schema: %s, %d lines" % (command, count), not wrong and not unseen, "%s; never seen: %s" % (wrong[:3], unseen))
    # rows come as they are found: an endless query has a beginning
    endless = "with recursive c(x) as (select 1 union all select x+1 from c) select x, 'a' from c"
    for format, want in ("--json", '{"x":1,"\'a\'":"a"}'), ("--csv", "x,'a'"):
        p = subprocess.Popen([REFGRAPH, "query", endless, "life1.rgd", format], stdout=subprocess.PIPE, universal_newlines=True)
        first = p.stdout.readline().rstrip()
        p.stdout.close()
        p.wait()
        equal("streaming: the first line of an endless query, " + format, (first, p.returncode), (want, -13))
    equal("streaming: as many as are wanted", rg("query", endless, "life1.rgd", "--csv", "--limit", "3").stdout, "x,'a'\n1,a\n2,a\n3,a\n")
    equal("streaming: none", rg("query", "select id limit 0", "life1.rgd", "--csv").stdout, "id\n")
    # the shell knows the columns, also behind a comma and a minus
    complete = lambda *w: rg("complete", "--", *w).stdout.split()
    equal("completion: a column", complete("typestats", "--columns", "t"), ["type"])
    equal("completion: the next one", complete("typestats", "--columns", "count,t"), ["count,type"])
    equal("completion: a descending one", complete("typestats", "--sort", "bytes,-t"), ["bytes,-type"])
    equal("completion: with an equals sign, as bash splits it", complete("typestats", "--columns", "=", "ty"), ["type"])
    equal("completion: of each of its tables, once", [complete("diff", "--columns", n) for n in ("state", "cou", "retained_")],
          [["state"], ["count", "counts"], ["retained_delta"]])


main()
sys.exit(status())
