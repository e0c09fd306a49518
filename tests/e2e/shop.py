"""A small service with RED metrics, and its users: requests go over HTTP, some fail on demand."""
import http.client
import http.server
import threading
import time

BOUNDS = [0.005, 0.05, 0.5, 5]


class Shop:
    def __init__(self):
        self.mu = threading.Lock()
        self.failing = False
        self.codes = {"200": 0, "500": 0}
        self.buckets, self.count, self.sum = [0] * len(BOUNDS), 0, 0.0
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                code, text = shop.answer(self.path)
                self.send_response(code)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        threading.Thread(target=self._use, daemon=True).start()

    def answer(self, path):
        if path == "/metrics":
            return 200, self.metrics()
        began = time.monotonic()
        code = 500 if self.failing else 200
        took = time.monotonic() - began
        with self.mu:
            self.codes[str(code)] += 1
            self.count += 1
            self.sum += took
            for i, bound in enumerate(BOUNDS):
                self.buckets[i] += took <= bound
        return code, "sorry\n" if code == 500 else "welcome\n"

    def metrics(self):
        with self.mu:
            name = "http_request_duration_seconds"
            lines = ["# TYPE http_requests_total counter"]
            lines += ['http_requests_total{code="%s"} %d' % c for c in self.codes.items()]
            lines += ["# TYPE %s histogram" % name]
            lines += ['%s_bucket{le="%g"} %d' % (name, b, n) for b, n in zip(BOUNDS, self.buckets)]
            lines += ['%s_bucket{le="+Inf"} %d' % (name, self.count), "%s_sum %f" % (name, self.sum),
                      "%s_count %d" % (name, self.count)]
        return "\n".join(lines) + "\n"

    def _use(self):
        """About twenty requests a second."""
        c = http.client.HTTPConnection("127.0.0.1", self.port)
        while True:
            try:
                c.request("GET", "/buy")
                c.getresponse().read()
            except OSError:
                c.close()
            time.sleep(0.05)
