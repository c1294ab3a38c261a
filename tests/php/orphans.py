#!/usr/bin/env python3
"""Objects that nothing refers to but the objects store (programs/orphans.php): their root, what they hold, and that garbage and what has
another root get none. And native blocks: the engine's own are held, as `leaks` sees it, and the one that is lost is told."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from phptest import *

ROOT_NAME = "objects store: orphan"


def main():
    if not shutil.which("php8.2") or not shutil.which("php-config8.2") or not os.path.isdir(os.path.join(O, "adapters")):
        say("skip orphans: php8.2, its headers or the adapter for it are not there")
        return 0
    extension = os.path.join(TMP, "truth.so")
    flags = subprocess.run(["php-config8.2", "--includes"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout.split()
    subprocess.run(["gcc", "-O1", "-g", "-shared", "-fPIC", *flags, "-o", extension, os.path.join(PROGRAMS, "truth.c")], check=True)
    dump = dump_path("orphans")
    done = shimmed(os.path.join(PROGRAMS, "orphans.php"), "orphans", dump, ini=["extension=posix", "extension=" + extension], signal="USR2")
    equal("orphans: the program ends as ever", (done.returncode, done.stdout, done.stderr), (0, "", ""))
    roots = [r for r in ask("roots", "--limit", "0", dump) if r["root"] == ROOT_NAME]
    equal("orphans: which", sorted(r["type"] for r in roots), ["Last", "Leaked", "Waiting"])
    equal("orphans: of which kind", {(r["class"], r["kind"]) for r in roots}, {("runtime", "internal")})
    paths = {}
    for type_name in ("Leaked", "Held", "Cycle", "Waiting", "Last"):
        for i in range(int(words("count", type_name, dump))):
            line = words("why", "%s[%d]" % (type_name, i), dump).splitlines()[1:2]
            paths[type_name] = sorted(paths.get(type_name, []) + (line or ["unreachable"]))
    equal("orphans: paths", paths, {
        "Leaked": ["$GLOBALS['known']", "(%s)" % ROOT_NAME],
        "Held": ["$GLOBALS['known']->held", "(%s)->held" % ROOT_NAME, "(%s)->held" % ROOT_NAME, "unreachable"],
        "Cycle": ["unreachable"], "Waiting": ["(%s)" % ROOT_NAME], "Last": ["(%s)" % ROOT_NAME]})
    lost = [(r["type"], r["references"]) for r in ask("audit", dump) if r.get("verdict") == "lost"]
    equal("orphans: the lost counts stay lost", lost, [("Leaked", 1), ("Leaked", 1)])
    text = words("leaks", dump)
    equal("leaks: nothing of the engine's own", [line.strip() for line in text.splitlines() if "ly lost: " in line],
          ["definitely lost: 1,000 bytes in 1 blocks", "indirectly lost: 0 bytes in 0 blocks", "possibly lost: 640 bytes in 1 blocks"])
    judge("leaks: what is held by tables is told of", re.search(r"^ +phptable +: [\d,]+ bytes", text, re.M), text)
    without = [r for r in ask("leaks", "--limit", "0", "--leak-check-heuristics", "multipleinheritance", dump) if r.get("kind") == "possible"]
    judge("leaks: without the heuristic, the blocks of both tables are possibly lost",
          sum(r["blocks"] for r in without if "truth" in r["site"]) >= 40 and sum(r["bytes"] for r in without) > 200000, without[:5])
    judge("leaks: the block that is lost", "truth_lose" in text or "truth.so" in text, text)
    return status()


sys.exit(main())
