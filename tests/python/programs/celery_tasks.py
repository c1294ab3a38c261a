"""Celery's app of tests/python/workers.py: leak keeps three Records with 1000 bytes each, clean keeps nothing."""
import os

from celery import Celery

url = "redis://127.0.0.1:%s/" % os.environ["REDIS_PORT"]
app = Celery("celery_tasks", broker=url + "0", backend=url + "1")
last = None


class Record:
    __slots__ = ("previous", "payload")

    def __init__(self, previous):
        self.previous = previous
        self.payload = bytes(1000)


@app.task
def leak(n):
    global last
    for i in range(3):
        last = Record(last)
    return n


@app.task
def clean(n):
    kept = None
    for i in range(3):
        kept = Record(kept)
    return n
