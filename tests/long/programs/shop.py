"""Two small services with the state of a busy one: a cache of sessions that is full from the start, and drops the oldest for each new
one. shop.py flask|asyncio PORT SESSIONS: prints "ready" and serves until SIGTERM, which ends it with status 0.

GET /cart/USER?item=N   adds to that user's cart; answers with the user, the last lines (the new one at their end), and a line
                        with the number of visits and the total
"""
import asyncio
import collections
import hashlib
import json
import os
import signal
import sys
import threading
import urllib.parse


class Cart:
    def __init__(self, user):
        self.user = user
        self.visits = 0
        self.items = collections.deque(maxlen=8)
        self.seen = {}

    def add(self, item):
        self.visits += 1
        self.items.append({"item": item, "name": "item %d" % item, "price": item * 7 % 1000, "tags": ["t%d" % (item % 10), str(item)]})
        self.seen["k%d" % (item % 5)] = (item, self.visits)

    def total(self):
        return sum(i["price"] for i in self.items)


class Carts:
    """The most recently used ones."""

    def __init__(self, limit):
        self.limit, self.carts, self.lock = limit, collections.OrderedDict(), threading.Lock()
        for user in range(limit):
            for item in range(user % 5):
                self.visit("u%d" % user, item)

    def visit(self, user, item):
        with self.lock:
            cart = self.carts.get(user) or Cart(user)
            self.carts[user] = cart
            self.carts.move_to_end(user)
            if len(self.carts) > self.limit:
                self.carts.popitem(last=False)
            cart.add(item)
            return cart.visits, cart.total(), list(cart.items)


def stop(*_):
    os._exit(0)


def serve_flask(port, carts):
    import flask
    import logging
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = flask.Flask("shop")
    page = "{{ user }}{% for i in items %}\n{{ i.price }} {{ i.tags|join(',') }} {{ i.name }}{% endfor %}\n{{ visits }} {{ total }}"

    @app.route("/cart/<user>")
    def cart(user):
        visits, total, items = carts.visit(user, int(flask.request.args["item"]))
        return flask.render_template_string(page, user=user, visits=visits, total=total, items=items)

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    app.run(port=port, threaded=True)


def serve_asyncio(port, carts):
    jobs = collections.deque(maxlen=100)

    async def price(line):
        await asyncio.sleep(0)
        return hashlib.sha256(json.dumps(line).encode()).hexdigest()[:8]

    async def answer(reader, writer):
        try:
            target = (await reader.readline()).split()[1].decode()
            while (await reader.readline()).strip():
                pass
            parts = urllib.parse.urlsplit(target)
            user = parts.path.split("/")[2]
            visits, total, items = carts.visit(user, int(urllib.parse.parse_qs(parts.query)["item"][0]))
            sums = await asyncio.gather(*[price(line) for line in items])
            jobs.append((target, sums))
            body = "%s\n%s %s\n%d %d" % (user, " ".join(sums), items[-1]["name"], visits, total)
            writer.write(("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)).encode())
            await writer.drain()
        finally:
            writer.close()

    async def main():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        server = await asyncio.start_server(answer, "127.0.0.1", port)
        print("ready", flush=True)
        await server.serve_forever()

    asyncio.run(main())


if __name__ == "__main__":
    kind, port, sessions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.stdout.reconfigure(line_buffering=True)
    {"flask": serve_flask, "asyncio": serve_asyncio}[kind](port, Carts(sessions))
