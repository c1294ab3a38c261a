"""python_programs.py NAME - one allocation-heavy program a name, some tenths of a second each: json, strings, instances, ast, web."""
import ast
import collections
import inspect
import io
import json
import sys


def documents():
    """Documents are written and read, one is kept of each."""
    text = json.dumps([{"id": i, "name": "row %d" % i, "tags": ["t%d" % (i % 7)] * 3, "inner": {"a": i, "b": [i, i + 1]}} for i in range(4000)])
    return [len(json.loads(text)) for _ in range(14)]


def strings():
    words = collections.Counter()
    for i in range(120000):
        words.update(("line %d of file %d" % (i, i % 500)).split())
    return len(words), len("".join(sorted(words)))


class Node:
    def __init__(self, key):
        self.key, self.left, self.right, self.notes = key, None, None, [key]


def instances():
    """A search tree, unbalanced as its keys fall."""
    root, seed = Node(0), 1
    for _ in range(60000):
        seed = seed * 1103515245 + 12345 & 0x7fffffff
        at = root
        while True:
            side = "left" if seed < at.key else "right"
            below = getattr(at, side)
            if below is None:
                setattr(at, side, Node(seed))
                break
            at = below
    return root.right.key


def trees():
    """Syntax trees of standard modules: parsed, walked, compiled."""
    import argparse
    import difflib
    import typing
    sources = [inspect.getsource(m) for m in (argparse, typing, difflib, inspect)]
    count = 0
    for text in sources * 3:
        tree = ast.parse(text)
        count += sum(1 for _ in ast.walk(tree))
        compile(tree, "source", "exec")
    return count


def web():
    """The request loop of a web application; flask's when it is installed, else wsgiref's."""
    try:
        from flask import Flask, jsonify, request
    except ImportError:
        from wsgiref.util import setup_testing_defaults
        from wsgiref.validate import validator

        def application(environ, start):
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({k: str(v) for k, v in environ.items()}).encode()]
        checked, done = validator(application), 0
        for i in range(4000):
            environ = {"PATH_INFO": "/%d" % i, "QUERY_STRING": "", "wsgi.input": io.BytesIO()}
            setup_testing_defaults(environ)
            answer = checked(environ, lambda status, headers, error=None: None)
            done += len(b"".join(answer))
            answer.close()
        return done
    application = Flask("bench")

    @application.route("/item/<int:n>")
    def item(n):
        return jsonify(n=n, args=dict(request.args), body="x" * (n % 100))
    client, done = application.test_client(), 0
    for i in range(900):
        done += len(client.get("/item/%d?a=%d" % (i, i % 10)).data)
    return done


print({"json": documents, "strings": strings, "instances": instances, "ast": trees, "web": web}[sys.argv[1]]())
