"""A prefork pool whose workers leak at different rates.

The bug       Each worker keeps its finished jobs in `done`. Worker n has finished 100 * n; the parent none. Looking at one
              process does not show it: every child must be asked under its own pid.

The command   refgraph run -- /usr/bin/python3 samples/worker_pool.py        (prints "worker N PID" for each child, then
              refgraph ps                                                     "ready PID"; a line ends it)
              refgraph snapshot PID -o N.rgd                                  for each pid
              refgraph count Job N.rgd

The answer    refgraph ps lists the parent and its 3 workers. Jobs: 0 in the parent; 100, 200 and 300 in the workers; `info`
              shows each worker's own pid, and the parent's as its parent.
"""
import os
import sys

done = []


class Job:
    def __init__(self, number):
        self.number = number


def worker(number, report, stop):
    for i in range(100 * number):
        done.append(Job(i))
    os.write(report, b"worker %d %d\n" % (number, os.getpid()))
    os.read(stop, 1)  # until the parent closes its end
    os._exit(0)


def main():
    report_read, report_write = os.pipe()
    stop_read, stop_write = os.pipe()
    pids = []
    for number in (1, 2, 3):
        pid = os.fork()
        if pid == 0:
            os.close(stop_write)
            worker(number, report_write, stop_read)
        pids.append(pid)
    os.close(report_write)
    reports = b""
    while reports.count(b"\n") < 3:
        reports += os.read(report_read, 4096)
    for line in sorted(reports.decode().splitlines()):
        print(line)
    print("ready", os.getpid(), flush=True)
    sys.stdin.readline()
    os.close(stop_write)
    for pid in pids:
        status = os.waitpid(pid, 0)[1]
        if status:
            sys.exit("worker %d ended with status %#x" % (pid, status))


main()
