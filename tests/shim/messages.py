#!/usr/bin/env python3
"""A message of the shim on a standard error that takes none: a file at RLIMIT_FSIZE, a pipe that nobody reads or that is full,
another group's terminal. The program runs on as if there were nothing to say."""
import fcntl
import os
import pty
import resource
import subprocess
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "tools"))
from verdict import *

COMPLAINT = "REFGRAPH_EVERY"  # a value that is not understood: one line at the start


def run(name, stderr, before=None):
    """The program's words, its status and the signals that it finds pending, blocked and ignored."""
    script = "sed -n 's/^\\(SigPnd\\|ShdPnd\\|SigBlk\\|SigIgn\\)://p' /proc/self/status | tr -d '\\n\\t'"
    want = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    env = dict(os.environ, LD_PRELOAD=SHIM, REFGRAPH_DIR=TMP, **{COMPLAINT: "often"})
    p = subprocess.Popen(["sh", "-c", script], env=env, stdout=subprocess.PIPE, stderr=stderr, preexec_fn=before)
    try:
        out = p.communicate(timeout=30)[0]
        equal(name, (out, p.returncode), (want, 0))
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        fail(name, "it hangs")


def pipe_end():
    r, w = os.pipe()
    os.close(r)
    return w


path = os.path.join(TMP, "err")
with open(path, "wb") as f:
    run("messages: they come", f)
judge("messages: one line for each program", open(path).read().count(COMPLAINT) == 3, open(path).read())
with open(path, "wb") as f:
    run("messages: a file at its limit", f, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
end = pipe_end()
run("messages: a pipe that nobody reads", end)
os.close(end)
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
os.write(w, b"x" * 4096)
run("messages: a full pipe", w)


def background():
    """The terminal belongs to another group, and stops whoever writes to it."""
    os.setsid()
    fcntl.ioctl(2, termios.TIOCSCTTY, 0)
    attributes = termios.tcgetattr(2)
    attributes[3] |= termios.TOSTOP
    termios.tcsetattr(2, 0, attributes)
    child = os.fork()
    if child:
        status = os.waitpid(child, os.WUNTRACED)[1]
        os._exit(os.waitstatus_to_exitcode(status) if not os.WIFSTOPPED(status) else 99)
    os.setpgid(0, 0)


master, slave = pty.openpty()
run("messages: a terminal that others have", slave, background)
sys.exit(status())
