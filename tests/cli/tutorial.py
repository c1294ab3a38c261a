#!/usr/bin/env python3
"""refgraph-tutorial(7): its commands are run as they stand there, and print what it says, but for numbers that no two runs share."""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

MARK = "\x01"


def sections():
    """[(title, [(command, expected lines)])]"""
    found, inside = [], False
    for line in open(os.path.join(ROOT, "man", "refgraph-tutorial.7"), encoding="utf8"):
        line = line.rstrip("\n").replace("\\e", "\\")
        if line.startswith(".Sh "):
            found.append((line[4:], []))
        elif line.startswith(".Bd -literal"):
            inside = True
        elif line == ".Ed":
            inside = False
        elif inside and line.startswith("$ "):
            found[-1][1].append((line[2:], []))
        elif inside:
            found[-1][1][-1][1].append(line[2:] if line.startswith("\\&") else line)
    return [(title, commands) for title, commands in found if commands]


def same_in_each_run(text):
    """Numbers of objects, addresses, what the interpreter itself counts, sizes with units, seconds, and which of the sessions it is and so its age, are left out; so are widths."""
    text = re.sub(r"#\d+", "#N", text)
    text = re.sub(r"\+?-?\d+(\.\d+)? (KiB|MiB|bytes)", "SIZE", text)
    text = re.sub(r"\d+\.\d s later", "T later", text)
    text = re.sub(r": \d objects?, (\d+ bytes|SIZE) would go", ": N objects would go", text)
    text = re.sub(r"born in epoch \d( \(\d ago\))?", "born", text)
    text = re.sub(r"'s\d+'", "'sN'", text)
    text = re.sub(r"->\+0x[0-9a-f]{2,}|~\+0x[0-9a-f]{2,}", "+OFFSET", text)
    text = re.sub(r"0x[0-9a-f]{3,}", "0xN", text)
    text = re.sub(r"^(1\.rgd -> .*later: \+)\d+ objects .*", r"\1N objects", text)
    text = re.sub(r"^\d+ (reference counts|references of the interpreter).*", r"N \1", text)
    # how many fit into a memory_limit depends on the environment
    text = re.sub(r"\d+ objects are alive", "N objects are alive", text)
    text = re.sub(r"\b\d+( items| x Order)", r"N\1", text) if "rder" in text else text
    text = re.sub(r"\$orders\[\d+\]|^\[\d+\]", "[N]", text)
    text = re.sub(r"alive, \d+\.\d %", "alive, P %", text)
    text = re.sub(r"^array \d+ items|::\$orders array \d+", "array N items", text.strip())
    text = re.sub(r" \d+$", " N", text) if text.startswith("['sN']") else text
    return " ".join(text.split())


def run(title, commands):
    folder = os.path.join(TMP, title.replace(" ", "-").lower())
    os.mkdir(folder)
    for name in "samples", "include":
        os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
    script = "".join("printf '%s\\n'\n%s\n" % (MARK, command) for command, expected in commands)
    shell = subprocess.Popen(["bash", "-s"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=dict(os.environ, PATH=O + ":/usr/bin:/bin", LC_ALL="C.UTF-8"), start_new_session=True)
    try:
        out, err = shell.communicate(script, timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        out, err = shell.communicate()
        fail(title + ": ends", err)
    parts = out.split(MARK + "\n")[1:]
    equal(title + ": all commands ran", len(parts), len(commands))
    for (command, expected), got in zip(commands, parts):
        lines = [same_in_each_run(line.replace(folder + "/", "").replace(ROOT + "/", "")) for line in got.rstrip("\n").split("\n")]
        want = [same_in_each_run(line) for line in expected] or [""]
        name = "%s: %s" % (title, command)
        if lines == want:
            ok(name)
        else:
            fail(name, "got «%s», want «%s»; %s" % ("\n".join(lines), "\n".join(want), err[-300:]))


for title, commands in sections():
    run(title, commands)
sys.exit(status())
