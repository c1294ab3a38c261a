"""hook_groups.py - the groups of tests/bench/run about hooks of functions. Each function gets the module of tests/bench/run as `b`.

Budgets are issue 7's: 15 ns a call that is counted only; programs with all rules on at most 1.1 times the program without the shim's rules."""
import os
import re
import subprocess

GST = ["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=3000", "!", "video/x-raw,width=320,height=240", "!", "videoconvert", "!", "fakesink"]


def call(b):
    """The engine alone: one call, hooked in each way; the proof for all exported functions of a library."""
    b.title("hooks: a call", "CPU, the call itself taken off; median of 9 rounds")
    program = b.compile_c("hooks.c", "hooks", "-w", "-D_GNU_SOURCE", "-I" + os.path.join(b.HERE, "..", "..", "preload"), "-ldl")
    if not program:
        return
    for line in subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
        ns = re.match(r"(.*?)\s+(-?[\d.]+) ns$", line)
        if ns:
            b.row("hooks-call", ns[1], float(ns[2]), "ns", 15 if ns[1] == "counted" else None)
        else:
            print("  " + line)


def programs(b):
    b.title("hooks: whole programs", "CPU, ratio to the program under the shim without rules")
    xml = os.path.join(b.TMP, "hooks.xml")
    with open(xml, "w") as out:
        out.write("<r>" + "".join("<a n='%d'><b>text</b></a>" % i for i in range(150000)) + "</r>")
    commands = {
        "GStreamer pipeline": GST,
        "OpenSSL: keys and signatures": ["openssl", "speed", "-seconds", "1", "ecdsap256", "ecdhp256"],
        "xmllint": ["xmllint", "--noout", xml],
    }
    for name, command in commands.items():
        print("  " + name)
        b.overhead("hooks-programs " + name, {"plain": (command, b.shim()), "all rules": (command, b.shim(rules="all"))}, {"all rules": 1.1})


GROUPS = [("hooks-call", call), ("hooks-programs", programs)]
