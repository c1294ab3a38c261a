"""fpm.py - php-fpm of its own for a test: its configuration, socket and processes live in the test's folder and end with it. And a client
of FastCGI, as a web server in front would be one."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

BINARY = shutil.which("php-fpm8.2") or "/usr/sbin/php-fpm8.2"

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7


class Lost(Exception):
    """A request that got no whole answer."""


def record(kind, content=b""):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def pairs(values):
    out = b""
    for name, value in values.items():
        name, value = name.encode(), value.encode()
        for n in len(name), len(value):
            out += struct.pack(">B", n) if n < 128 else struct.pack(">I", n | 1 << 31)
        out += name + value
    return out


def read_exactly(s, n):
    out = b""
    while len(out) < n:
        more = s.recv(n - len(out))
        if not more:
            raise Lost("the connection ended after %d of %d bytes" % (len(out), n))
        out += more
    return out


def fetch(path, script, uri="/", query="", method="GET", timeout=60):
    """One request. (status, body, stderr); Lost when the answer is not whole."""
    parameters = {"REQUEST_METHOD": method, "SCRIPT_FILENAME": script, "SCRIPT_NAME": "/" + os.path.basename(script), "QUERY_STRING": query,
                  "REQUEST_URI": uri + ("?" + query if query else ""), "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1",
                  "SERVER_NAME": "test", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "DOCUMENT_ROOT": os.path.dirname(script)}
    out = {STDOUT: b"", STDERR: b""}
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        try:
            s.connect(path)
            s.sendall(record(BEGIN, struct.pack(">HB5x", 1, 0)) + record(PARAMS, pairs(parameters)) + record(PARAMS) + record(STDIN))
            while True:
                _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", read_exactly(s, 8))
                content = read_exactly(s, length + padding)[:length]
                if kind == END:
                    break
                out[kind] = out.get(kind, b"") + content
        except OSError as why:
            raise Lost(str(why))
    head, _, body = out[STDOUT].partition(b"\r\n\r\n")
    if not head:
        raise Lost("no header: %r" % out)
    status = [line[8:].strip() for line in head.decode().split("\r\n") if line.lower().startswith("status:")]
    return int(status[0].split()[0]) if status else 200, body.decode(errors="replace"), out[STDERR].decode(errors="replace")


class Fpm:
    """A master and its pool. `pool`: more lines of the pool's section; `ini`: options of php (-d)."""

    def __init__(self, folder, env=None, pool="", ini=(), children=2, wrapper=()):
        self.folder, self.socket = folder, os.path.join(folder, "fpm.sock")
        self.log = os.path.join(folder, "fpm.log")
        config = os.path.join(folder, "fpm.conf")
        with open(config, "w") as out:
            out.write("[global]\nerror_log = %s\npid = %s/fpm.pid\ndaemonize = no\nprocess_control_timeout = 20s\n[www]\nuser = %s\nlisten = %s\nlisten.backlog = 511\npm = static\n"
                      "pm.max_children = %d\ncatch_workers_output = yes\nclear_env = no\n%s\n" %
                      (self.log, folder, "root" if os.getuid() == 0 else "nobody", self.socket, children, pool))
        command = list(wrapper) + [BINARY, "-n", "-R", "-F", "-y", config] + [word for option in ini for word in ("-d", option)]
        clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("REFGRAPH")}
        clean.update(env or {})
        self.out = open(os.path.join(folder, "fpm.out"), "w")
        self.process = subprocess.Popen(command, env=clean, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)
        self.wait_for_socket()

    def wait_for_socket(self, seconds=30):
        end = time.time() + seconds
        while time.time() < end and self.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as s:
                try:
                    s.connect(self.socket)
                    return
                except OSError:
                    time.sleep(0.02)
        raise RuntimeError("php-fpm did not start: " + self.text())

    def text(self):
        found = ""
        for path in self.log, self.out.name:
            if os.path.exists(path):
                found += open(path, errors="replace").read()
        return found

    def workers(self):
        """Pids of the children that exist now."""
        try:
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as f:
                return [int(p) for p in f.read().split()]
        except OSError:
            return []

    def get(self, script, **options):
        return fetch(self.socket, script, **options)

    def reload(self):
        """Graceful: the old workers finish what they have, new ones come."""
        self.process.send_signal(signal.SIGUSR2)

    def stop(self, graceful=True, seconds=30):
        """Exit status of the master."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT if graceful else signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.out.close()
        return self.process.returncode


class Load:
    """`clients` threads that ask one after the other. ask(i) makes request i and returns what is wrong with its answer, or None."""

    def __init__(self, ask, clients):
        self.ask, self.answers, self.bad, self.number = ask, 0, [], 0
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def run(self):
        while not self.ended.is_set():
            with self.lock:
                self.number += 1
                number = self.number
            try:
                wrong = self.ask(number)
            except Lost as why:
                wrong = "lost: %s" % why
            with self.lock:
                self.answers += 1
                if wrong:
                    self.bad.append("request %d: %s" % (number, wrong))

    def until(self, answers, seconds=120):
        """Waits for so many answers; False when they did not come."""
        end = time.time() + seconds
        while self.answers < answers and time.time() < end:
            time.sleep(0.01)
        return self.answers >= answers

    def stop(self):
        self.ended.set()
        for t in self.threads:
            t.join()
