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


def recorded(b):
    """A call as a program has it, with the recorder behind it: the loop of tests/hooks/programs/things.c."""
    b.title("hooks: a recorded call", "CPU of ref and unref of one object, by thread count one; the plain pair taken off; median of 5")
    folder = os.path.join(b.HERE, "..", "hooks", "programs")
    program = b.compile_c("../hooks/programs/things.c", "things", "-w", "-rdynamic", "-lpthread")
    calls = 5000000
    rules = os.path.join(folder, "things.rules")
    ways = {"plain": {}, "counted only": b.shim(rules=rules, track_types="Nothing"), "recorded, hot stack": b.shim(rules=rules)}
    samples = b.interleave({name: ([program, "cost", str(calls // 2)], env) for name, env in ways.items()}, 5)
    plain = b.statistics.median(samples["plain"][0])
    for name, budget in ("counted only", 15), ("recorded, hot stack", 60):
        b.row("hooks-recorded", name, (b.statistics.median(samples[name][0]) - plain) * 1e9 / calls, "ns", budget)


def with_packages(b, source, *packages):
    """The program, or None: the packages are not there."""
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *packages], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if flags.returncode:
        print("  %s: %s is not installed" % (source, ", ".join(packages)))
        return None
    return b.compile_c(source, source[:-2], "-w", *flags.stdout.split())


def serve(command):
    """A server that prints one line when it is ready: (process, that line)."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return server, server.stdout.readline().strip()


def real(b):
    """The programs that issue 7 names, with all rules beside the same without the shim; heaptrack and memcheck beside."""
    b.title("hooks: what libraries are for", "CPU of the program alone, ratio to it without refgraph; median of 5")
    gtk, dbus, tls = (with_packages(b, "hooks_gtk.c", "gtk+-3.0"), with_packages(b, "hooks_dbus.c", "dbus-1"),
                      with_packages(b, "hooks_tls.c", "openssl"))
    servers = []
    env = {}
    if b.shutil.which("Xvfb"):
        server, number = serve(["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24"])
        servers.append(server)
        env["DISPLAY"] = ":" + number
    if b.shutil.which("dbus-daemon"):
        server, env["DBUS_SESSION_BUS_ADDRESS"] = serve(["dbus-daemon", "--session", "--nofork", "--print-address"])
        servers.append(server)
    commands = {
        "GTK program's start": gtk and "DISPLAY" in env and [gtk],
        "GStreamer pipeline": GST,
        "D-Bus round trips": dbus and "DBUS_SESSION_BUS_ADDRESS" in env and [dbus],
        "OpenSSL handshakes": tls and [tls],
    }
    for name, command in commands.items():
        if not command or not b.shutil.which(command[0]):
            continue
        print("  " + name)
        group = "hooks-real " + name
        ways = {"plain": (command, env), "shim, no rules": (command, dict(env, **b.shim())),
                "all rules": (command, dict(env, **b.shim(rules="all"))),
                "all rules, one in 16": (command, dict(env, **b.shim(rules="all", track_objects="16"))),
                "all rules, auto": (command, dict(env, **b.shim(rules="all", track_objects="0")))}
        base = b.overhead(group, ways, {"all rules": 1.1, "all rules, one in 16": 1.1, "all rules, auto": 1.1}, rounds=5)
        b.peer(group, "heaptrack", ["heaptrack", "-o", b.TMP + "/heaptrack", *command], env, base, "heaptrack")
        b.peer(group, "valgrind memcheck", ["valgrind", "-q", *command], env, base, "valgrind")
    for server in servers:
        server.kill()
        server.wait()


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


GROUPS = [("hooks-call", call), ("hooks-recorded", recorded), ("hooks-real", real), ("hooks-programs", programs)]
