"""apache.py - an Apache of its own for a test: prefork with mod_php, its configuration and processes live in the test's folder and end
with it."""
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time

from fpm import Lost

MODULES = "/usr/lib/apache2/modules"
BINARY = shutil.which("apache2") or "/usr/sbin/apache2"


def installed():
    return os.path.exists(BINARY) and os.path.exists(MODULES + "/libphp8.2.so")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Apache:
    """A parent and its workers. `more`: lines of the configuration; `ini`: of php.ini."""

    def __init__(self, folder, documents, env=None, more="", ini=(), workers=2):
        self.folder, self.port = folder, free_port()
        self.log = os.path.join(folder, "error.log")
        user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        loads = "".join("LoadModule %s_module %s/mod_%s.so\n" % (m, MODULES, m) for m in ("mpm_prefork", "authz_core", "mime", "dir"))
        with open(os.path.join(folder, "php.ini"), "w") as out:
            out.write("".join(line + "\n" for line in ini))
        with open(os.path.join(folder, "apache.conf"), "w") as out:
            out.write("ServerRoot %s\nServerName test\nPidFile %s/pid\nMutex file:%s\nErrorLog %s\nListen 127.0.0.1:%d\nDocumentRoot %s\n" %
                      (folder, folder, folder, self.log, self.port, documents) + loads +
                      "LoadModule php_module %s/libphp8.2.so\nTypesConfig /etc/mime.types\nPHPIniDir %s\n%s" % (MODULES, folder, user) +
                      "StartServers %d\nMinSpareServers %d\nMaxSpareServers %d\nMaxRequestWorkers %d\n" % (workers, workers, workers, workers if workers == 1 else 4 * workers) +
                      "<FilesMatch \\.php$>\nSetHandler application/x-httpd-php\n</FilesMatch>\n<Directory />\nRequire all granted\n</Directory>\n" + more)
        clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("REFGRAPH")}
        self.out = open(os.path.join(folder, "out"), "w")
        self.process = subprocess.Popen([BINARY, "-DFOREGROUND", "-f", os.path.join(folder, "apache.conf")], env={**clean, **(env or {})},
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, cwd=folder,
                                        start_new_session=True)  # it ends by a signal to its whole process group
        end = time.time() + 60
        while not os.path.exists(os.path.join(folder, "pid")) and time.time() < end and self.process.poll() is None:
            time.sleep(0.02)
        if not os.path.exists(os.path.join(folder, "pid")):
            raise RuntimeError("Apache did not start: " + self.text())

    def text(self):
        return "".join(open(path, errors="replace").read() for path in (self.log, self.out.name) if os.path.exists(path))

    def workers(self):
        """Pids of the children that exist now."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as f:
            return [int(p) for p in f.read().split()]

    def get(self, path, timeout=60):
        """(status, body); Lost when the answer is not whole."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request("GET", path)
            answer = c.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as why:
            raise Lost(repr(why))
        finally:
            c.close()

    def reload(self):
        """Graceful: the workers finish what they have; the parent unloads its modules and loads them anew, then new workers come."""
        self.process.send_signal(signal.SIGUSR1)

    def stop(self, seconds=30):
        """Exit status of the parent."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.out.close()
        return self.process.returncode
