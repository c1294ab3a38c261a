"""native_groups.py - the groups of tests/bench/run about snapshots of native heaps. Each function gets the module of tests/bench/run as `b`.

Budgets are issue 5's: 20 ms of pause at 1 GB and 8 threads; 10 M blocks dumped and judged within 5 s, judged alone within DESIGN.md's 2."""
import os
import signal
import subprocess
import time


class Program:
    """A program that says "ready"; stopped while nothing is asked of it, so that it takes no time from what is measured beside it."""

    def __init__(self, command, env):
        clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("REFGRAPH")}
        self.p = subprocess.Popen(command, env={**clean, **env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.p.stdout.readline().strip() != "ready":
            raise RuntimeError("%s did not start" % command[0])
        self.p.send_signal(signal.SIGSTOP)

    def __enter__(self):
        self.p.send_signal(signal.SIGCONT)
        time.sleep(0.5)  # it writes to some of its pages again, as it would between two snapshots
        return self

    def __exit__(self, *why):
        self.p.send_signal(signal.SIGSTOP)

    def ask(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip()

    def kill(self):
        self.p.kill()
        self.p.wait()


def pause(b):
    """What the program waits for is above all the kernel's copy of its page tables: its own fork() is the peer."""
    b.title("pause: 1 GB of native blocks, 8 threads that allocate", "medians of 7; the plain program forks itself in turn")
    program = b.compile_c("standstill.c", "standstill", "-lpthread")
    if not program:
        return
    command = [program, "8", "1024"]
    shimmed, plain = Program(command, b.shim()), Program(command, {})
    try:
        shots, forks = [], []
        for _ in range(7):
            with shimmed:
                shots.append(b.shoot(shimmed.p.pid, os.path.join(b.TMP, "pause.rgd")))
            with plain:
                forks.append(float(plain.ask("fork")))
    finally:
        shimmed.kill()
        plain.kill()
    pauses = [s[3] for s in shots]
    b.row("pause-1G", "pause", b.statistics.median(pauses), "ms", 20, "%.1f to %.1f ms" % (min(pauses), max(pauses)))
    b.row("pause-1G", "fork() of the plain program", b.statistics.median(forks), "ms", None, "%.1f to %.1f ms; peer" % (min(forks), max(forks)))


def leaks_at(b, group, path, budget, note):
    """Wall clock of `refgraph leaks`, the median of three."""
    runs = []
    for _ in range(3):
        start = time.perf_counter()
        p = subprocess.Popen([b.REFGRAPH, "leaks", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        runs.append((time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1048576))
    took, processor, peak = (b.statistics.median(column) for column in zip(*runs))
    b.row(group, "leaks", took, "s", budget, "%sCPU %s" % (note, b.show(processor, "s")))
    b.row(group, "its peak memory", peak, "GiB", 1.5)
    return took


def leaks(b):
    b.title("10 M native blocks: load and leaks", "wall clock of the whole command; medians of 3")
    path = b.gen("native", 10000000, 5)
    leaks_at(b, "leaks-10M", path, 2, "50 M references, chap 30.6 s and 1.9 GB; ")
    os.unlink(path)


def dump_and_leaks(b):
    b.title("10 M blocks of a program: the dump and its leaks", "wall clock of the whole commands; medians of 3")
    program = b.compile_c("chains.c", "chains")
    if not program:
        return
    path = os.path.join(b.TMP, "chains.rgd")
    chains = Program([program, "10000000"], b.shim())
    try:
        with chains:
            shots = [b.shoot(chains.p.pid, path) for _ in range(3)]
    finally:
        chains.kill()
    shot = [b.statistics.median(column) for column in zip(*shots)]
    b.row("blocks-10M", "snapshot", shot[5], "s", None, "%d objects, %d edges, paused for %.1f ms" % (shot[0], shot[1], shot[3]))
    took = leaks_at(b, "blocks-10M", path, None, "")
    b.row("blocks-10M", "both", shot[5] + took, "s", 5)
    os.unlink(path)


GROUPS = [("pause-1G", pause), ("leaks-10M", leaks), ("blocks-10M", dump_and_leaks)]
