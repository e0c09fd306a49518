"""Servers under test and their peers: started on a free port, asked over HTTP, stopped.

A test that cannot run here (a peer is not installed) calls skip(), which automake counts
as skipped; a test that fails calls fail(), which shows the logs of all servers started.
"""
import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NARTHEX = os.path.abspath(os.environ.get("NARTHEX", os.path.join(SOURCE, "build", "narthex")))
# Sanitizers make everything slower; deadlines grow with them.
PATIENCE = float(os.environ.get("NARTHEX_TEST_PATIENCE", "1"))

_started = []
_folder = None


def skip(why):
    print("SKIP: " + why)
    sys.exit(77)


def need(*programs):
    for p in programs:
        if shutil.which(p) is None:
            skip("%s is not installed (Debian's %s)" % (p, PACKAGES.get(p, p)))


PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}


def need_narthex():
    if not os.access(NARTHEX, os.X_OK):
        skip("no %s; build it first" % NARTHEX)


def need_module(name, package):
    try:
        return __import__(name)
    except ImportError:
        skip("Python's %s is not installed (Debian's %s)" % (name, package))


def say(text):
    print("%8.2f  %s" % (time.monotonic() - _began, text), flush=True)


_began = time.monotonic()


def fail(why):
    print("FAIL: " + why)
    for s in _started:
        s.show_log()
    sys.exit(1)


def check(truth, why):
    if not truth:
        fail(why)


def folder():
    """A directory of this test, removed at its end."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="narthex-e2e-")
        atexit.register(lambda: shutil.rmtree(_folder, ignore_errors=True))
    return _folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, probe, seconds=20.0, show=None):
    """Calls probe until it yields something true, which is returned; show() says why not."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            fail("waited %.0f s in vain for: %s%s" % (seconds * PATIENCE, what, "\n%s" % (show(),) if show else ""))
        time.sleep(0.05)


class Server:
    """A process with a log, that answers HTTP on 127.0.0.1:port."""

    def __init__(self, name, command, port, ready="/-/ready"):
        self.name, self.command, self.port, self.ready = name, command, port, ready
        self.log = os.path.join(folder(), name + ".log")
        self.process = None
        _started.append(self)
        atexit.register(self.kill)

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=folder(),
                                            stdin=subprocess.DEVNULL)
        if wait:
            wait_until(self.name + " to be ready", self._is_ready, 30)
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            fail("%s ended with %d at its start" % (self.name, self.process.returncode))
        try:
            return self.get(self.ready)[0] == 200
        except OSError:
            return False

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9."""
        if self.running():
            self.process.kill()
            self.process.wait()

    def stop(self, how=signal.SIGTERM, seconds=10):
        """Asks it to stop; its exit status, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(how)
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            fail("%s did not stop within %d s of signal %d" % (self.name, seconds, how))
        return status, time.monotonic() - began

    def request(self, method, path, body=None, headers=None, timeout=30):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout * PATIENCE)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, r.read()
        except http.client.HTTPException as e:
            raise OSError(str(e))
        finally:
            c.close()

    def get(self, path, params=None):
        return self.request("GET", path + ("?" + urllib.parse.urlencode(params, doseq=True) if params else ""))

    def api(self, path, **params):
        """GET /api/v1/path; its data, or the test fails."""
        status, body = self.get("/api/v1/" + path, params)
        answer = json.loads(body)
        if status != 200 or answer["status"] != "success":
            fail("%s: %s %s: %d %s" % (self.name, path, params, status, body[:500]))
        return answer["data"]

    def value(self, query):
        """The value of an instant query with one result, or None."""
        result = self.api("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def show_log(self, lines=40):
        if os.path.exists(self.log):
            print("--- the last lines of %s" % self.log)
            print("\n".join(self.log_text().splitlines()[-lines:]))


def write_file(name, text):
    path = os.path.join(folder(), name)
    with open(path, "w") as f:
        f.write(text)
    return path


def narthex(config, *flags, name="narthex", data=None, port=None):
    """narthex with a configuration file and a data directory of the test's folder."""
    port = port or free_port()
    data = data or os.path.join(folder(), name + "-data")
    return Server(name, [NARTHEX, "--config.file=" + config, "--storage.tsdb.path=" + data,
                         "--web.listen-address=127.0.0.1:%d" % port, *flags], port)


def prometheus(config, *flags, name="prometheus"):
    """Debian's Prometheus, the same way."""
    port = free_port()
    return Server(name, ["prometheus", "--config.file=" + config,
                         "--storage.tsdb.path=" + os.path.join(folder(), name + "-data"),
                         "--web.listen-address=127.0.0.1:%d" % port, *flags], port)
