"""Gunicorn's app of tests/python/workers.py: each request leaves two Records behind."""
last = None


class Record:
    __slots__ = ("previous",)

    def __init__(self, previous):
        self.previous = previous


def app(environ, start_response):
    global last
    last = Record(Record(last))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
