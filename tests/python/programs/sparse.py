"""Makes many tuples, keeps one in 500, and tells what the kernel says of its memory before and after a snapshot. argv: answers."""
import ctypes
import json
import sys


def resident():
    with open("/proc/self/smaps_rollup") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Rss:"))


def make(n):
    return [(i, i + 1, i + 2, [i]) for i in range(n)]  # the line of make


def main():
    made = make(400000)
    kept = made[::500]
    del made
    before = resident()
    status = ctypes.CDLL(None).refgraph_snapshot(b"sparse")
    after = resident()
    with open(sys.argv[1], "w") as f:
        json.dump({"before": before, "after": after, "status": status, "kept": len(kept)}, f)


main()
