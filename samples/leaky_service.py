"""A small web service that never forgets a session.

The bug       Every request without a cookie opens a Session; App.sessions has no expiry. `make demo` uses this one.

The command   refgraph run -- /usr/bin/python3 samples/leaky_service.py     (prints "ready PID PORT"; serves until its
              for i in $(seq 200); do curl -s localhost:PORT/; done          standard input ends)
              refgraph snapshot PID -o 1.rgd
              (200 requests more)
              refgraph snapshot PID -o 2.rgd
              refgraph show-growth 1.rgd 2.rgd
              refgraph find-backref-chain 'Session[0]' 2.rgd

The answer    show-growth: Session 400 +200, Cart 400 +200. The chain: module __main__ -> app, an App -> its sessions, a
              dict -> one Session.
"""
import http.server
import os
import sys
import threading


class Cart:
    def __init__(self):
        self.items = ("apple", "pear")


class Session:
    def __init__(self, number):
        self.user = "user-%d" % number
        self.cart = Cart()


class App:
    def __init__(self):
        self.sessions = {}

    def session(self):
        number = len(self.sessions)
        return self.sessions.setdefault("s%d" % number, Session(number))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("hello %s\n" % app.session().user).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


app = App()
if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", os.getpid(), server.server_address[1], flush=True)
    sys.stdin.read()
    server.shutdown()
