"""A service that remembers every request in a module-level list.

The bug       HISTORY was added for debugging and is never cut. Each request leaves a Request, its headers and its path.

The command   refgraph run -- /usr/bin/python3 samples/global_list.py        (prints "ready PID"; each line on its standard
              refgraph snapshot PID -o 1.rgd                                  input serves 100 requests)
              refgraph snapshot PID -o 2.rgd                                  (after one more line)
              refgraph show-growth 1.rgd 2.rgd
              refgraph find-backref-chain 'Request[50]' 2.rgd

The answer    show-growth: Request 200 +100, Headers 200 +100, and no other type with a class of the service.
              The chain: module __main__ -> its HISTORY, a list -> the Request, by its index there.
"""
import gc
import os
import sys

HISTORY = []


class Headers:
    __slots__ = ("host", "agent")

    def __init__(self, host, agent):
        self.host = host
        self.agent = agent


class Request:
    def __init__(self, number):
        self.path = "/item/%d" % number
        self.headers = Headers("example.org", "agent/%d" % number)


def handle(number):
    request = Request(number)
    HISTORY.append(request)
    return len(request.path)


def main():
    served = 0
    while True:
        for number in range(served, served + 100):
            handle(number)
        served += 100
        gc.collect()
        print("ready", os.getpid(), "served", served, flush=True)
        if not sys.stdin.readline():
            return


main()
