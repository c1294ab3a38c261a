"""python_heavy.py - Python that does little but make and drop objects: instances, JSON, strings. python_heavy.py [ROUNDS]"""
import json
import sys


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y
        self.tags = [x, y]


def instances(n):
    keep = []
    for i in range(n):
        keep.append(Point(i, float(i)))
        if i % 3 == 0:
            keep[i // 2] = None
    return len(keep)


def documents(n):
    rows = [{"id": i, "name": "row %d" % i, "values": [i, i * 2, str(i)]} for i in range(n)]
    return len(json.loads(json.dumps(rows)))


def strings(n):
    words = {}
    for i in range(n):
        for word in ("w%d and v%d" % (i, i % 100)).split():
            words[word] = words.get(word, "") + "x"
    return len(words)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(sum(instances(150000) + documents(20000) + strings(80000) for _ in range(rounds)))
