#!/usr/bin/env python3
"""Runs narthex beside Prometheus and VictoriaMetrics on the same load and prints ratios.

    compare.py --narthex build/narthex --load build/bench/bench_load
               [--prometheus /usr/bin/prometheus] [--victoria-metrics /usr/bin/victoria-metrics]
               [--only scrape,write,query] [--targets 100] [--seconds 30] [--hosts 40] [--hours 6]

One server at a time, the load generator beside it, everything on loopback. CPU is what
the kernel charged the server process; memory is its resident set. Queries are asked over
one connection, each several times, and the median counts; VictoriaMetrics' result cache
is switched off. Prints one line per measure, and narthex' ratio to each of the others
(how many times less it needs).
"""
import argparse
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

PORT, PAGES_PORT = 19390, 19391
STEP_S = 15
QUERIES = [
    ("sum by (mode) rate", "sum by (mode) (rate(node_cpu_seconds_total[5m]))"),
    ("rate by instance", "sum by (instance) (rate(http_requests_total[5m]))"),
    ("error ratio", 'sum by (route) (rate(http_requests_total{code="500"}[5m])) / sum by (route) (rate(http_requests_total[5m]))'),
    ("p99 by route", "histogram_quantile(0.99, sum by (route, le) (rate(http_request_duration_seconds_bucket[5m])))"),
    ("topk", "topk(5, sum by (instance) (rate(node_network_receive_bytes_total[5m])))"),
    ("avg_over_time 1h", "avg by (instance) (avg_over_time(node_memory_bytes_1[1h]))"),
    ("max_over_time", "max(max_over_time(node_memory_bytes_2[30m]))"),
    ("join", "sum by (instance) (rate(node_disk_read_bytes_total[5m])) / on (instance) sum by (instance) (rate(node_disk_written_bytes_total[5m]))"),
    ("one host", 'rate(node_cpu_seconds_total{instance="host-00003:9100"}[5m])'),
    ("long window", "sum(rate(http_requests_total[3h]))"),
]


class Server:
    def __init__(self, name, binary, workdir):
        self.name, self.binary, self.dir = name, binary, os.path.join(workdir, name)
        os.makedirs(self.dir, exist_ok=True)
        self.process = None

    def command(self, config):
        if self.name == "victoria-metrics":
            return [self.binary, "-httpListenAddr=127.0.0.1:%d" % PORT, "-storageDataPath=" + self.dir + "/data",
                    "-retentionPeriod=100y", "-promscrape.config=" + config, "-search.latencyOffset=0s",
                    "-search.maxPointsPerTimeseries=100000"]
        return [self.binary, "--config.file=" + config, "--storage.tsdb.path=" + self.dir + "/data",
                "--web.listen-address=127.0.0.1:%d" % PORT, "--web.enable-remote-write-receiver",
                "--storage.tsdb.retention.time=100y"]

    def start(self, config_text="global: {}\n"):
        config = os.path.join(self.dir, "config.yml")
        with open(config, "w") as f:
            f.write(config_text)
        began = time.monotonic()
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(self.command(config), stdout=self.log, stderr=self.log, cwd=self.dir)
        path = "/health" if self.name == "victoria-metrics" else "/-/ready"
        while time.monotonic() - began < 120:
            if self.process.poll() is not None:
                sys.exit("%s ended at start; see %s/log" % (self.name, self.dir))
            try:
                if get(path)[0] == 200:
                    return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.005)
        sys.exit(self.name + " did not get ready")

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, key):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(key + r":\s+(\d+) kB", f.read()).group(1)) * 1024


def get(path, params=None):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    c.request("GET", path + ("?" + urllib.parse.urlencode(params) if params else ""))
    r = c.getresponse()
    body = r.read()
    c.close()
    return r.status, body


def measure_scrape(server, load, args, out):
    pages = subprocess.Popen([load, "serve", str(PAGES_PORT), "240"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    series = int(pages.stdout.readline().split()[1])
    pages.stdout.readline()
    config = "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n- job_name: fleet\n  enable_compression: false\n  relabel_configs:\n"
    if server.name == "victoria-metrics":
        config = config.replace("enable_compression: false", "disable_compression: true")
    config += "  - {source_labels: [__path], target_label: __metrics_path__}\n  - {source_labels: [__host], target_label: instance}\n  static_configs:\n"
    for t in range(args.targets):
        config += "  - targets: ['127.0.0.1:%d']\n    labels: {__path: /t/%d/metrics, __host: 'host-%05d:9100'}\n" % (PAGES_PORT, t, t)
    server.start(config)
    time.sleep(10)
    cpu, began = server.cpu_seconds(), time.monotonic()
    time.sleep(args.seconds)
    cpu, took = server.cpu_seconds() - cpu, time.monotonic() - began
    samples = args.targets * series * took
    out["scrape: CPU s per M samples"] = cpu / samples * 1e6
    out["scrape: resident bytes per series"] = server.memory("VmRSS") / (args.targets * series)
    up = json.loads(get("/api/v1/query", {"query": "sum(up)"})[1])["data"]["result"]
    if not up or float(up[0]["value"][1]) != args.targets:
        out["scrape: note"] = "only %s of %d targets are up" % (up and up[0]["value"][1], args.targets)
    server.stop()
    pages.stdin.close()
    pages.wait()
    shutil.rmtree(server.dir + "/data", ignore_errors=True)


def measure_write(server, load, args, out):
    steps = args.hours * 3600 // STEP_S
    start_ms = (int(time.time()) - args.hours * 3600 - 60) // STEP_S * STEP_S * 1000
    server.start()
    base = server.cpu_seconds()
    r = subprocess.run([load, "write", "http://127.0.0.1:%d/api/v1/write" % PORT, str(args.hosts), str(steps),
                        str(STEP_S * 1000), str(start_ms)], capture_output=True, text=True)
    if r.returncode:
        sys.exit(server.name + ": " + r.stderr)
    said = dict(l.split() for l in r.stdout.splitlines())
    samples = float(said["samples"])
    out["write: CPU s per M samples"] = (server.cpu_seconds() - base) / samples * 1e6
    out["write: seconds"] = float(said["seconds"])
    out["write: peak resident bytes per series"] = server.memory("VmHWM") / float(said["series"])
    if server.name == "victoria-metrics":
        # What it has not written out yet a kill would lose, and the queries below would miss.
        get("/internal/force_flush")
        time.sleep(6)
    server.stop(signal.SIGKILL)
    out["ready after kill -9, s"] = server.start()
    return start_ms, start_ms + steps * STEP_S * 1000


def measure_query(server, span, args, out):
    end = span[1] // 1000
    start = end - min(args.hours, 6) * 3600 + 3600
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    points = {}
    for name, query in QUERIES:
        times = []
        params = {"query": query, "start": start, "end": end, "step": 60}
        if server.name == "victoria-metrics":
            params["nocache"] = 1
        for _ in range(5):
            began = time.perf_counter()
            c.request("POST", "/api/v1/query_range", urllib.parse.urlencode(params),
                      {"Content-Type": "application/x-www-form-urlencoded"})
            r = c.getresponse()
            body = r.read()
            times.append(time.perf_counter() - began)
        if r.status != 200:
            out["query: note"] = "%s: %d %s" % (name, r.status, body[:200])
            continue
        points[name] = len(json.loads(body)["data"]["result"])
        out["query: " + name + ", ms"] = statistics.median(times) * 1000
    out["series"] = points


def measure_disk(server, out):
    total = samples = 0
    for d in os.listdir(server.dir + "/data"):
        meta = os.path.join(server.dir, "data", d, "meta.json")
        if os.path.exists(meta):
            samples += json.load(open(meta))["stats"]["numSamples"]
            for base, _, files in os.walk(os.path.dirname(meta)):
                total += sum(os.path.getsize(os.path.join(base, f)) for f in files)
    if samples:
        out["disk: block bytes per sample"] = total / samples


def print_table(results):
    names = [n for n in results]
    keys = []
    for r in results.values():
        keys += [k for k in r if k not in keys and isinstance(r[k], float)]
    others = [n for n in names if n != "narthex"]
    print("| measure | " + " | ".join(names) + " | " + " | ".join("narthex vs " + o for o in others) + " |")
    print("|" + " --- |" * (1 + len(names) + len(others)))
    for k in keys:
        row = ["%.4g" % results[n][k] if k in results[n] else "–" for n in names]
        for o in others:
            ratio = results[o].get(k, 0) / results["narthex"][k] if results["narthex"].get(k) else 0
            row.append("%.2f×" % ratio if ratio else "–")
        print("| " + k + " | " + " | ".join(row) + " |")
    for o in others:
        ratios = [results[o][k] / results["narthex"][k] for k in keys if k.startswith("query: ") and k in results[o]]
        if ratios:
            print("\nqueries, geometric mean: narthex is %.1f times as fast as %s" % (statistics.geometric_mean(ratios), o))
    for n in names:
        for k, v in results[n].items():
            if k.endswith("note"):
                print("%s: %s: %s" % (n, k, v))
    counts = [r.get("series") for r in results.values() if "series" in r]
    if any(c != counts[0] for c in counts):
        print("\nanswers differ in size:", {n: r.get("series") for n, r in results.items()})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--narthex", default="build/narthex")
    p.add_argument("--load", default="build/bench/bench_load")
    p.add_argument("--prometheus", default=shutil.which("prometheus"))
    p.add_argument("--victoria-metrics", default=shutil.which("victoria-metrics"))
    p.add_argument("--only", default="scrape,write,query")
    p.add_argument("--targets", type=int, default=100)
    p.add_argument("--seconds", type=int, default=30)
    p.add_argument("--hosts", type=int, default=40)
    p.add_argument("--hours", type=int, default=6)
    args = p.parse_args()
    binaries = {"narthex": args.narthex, "prometheus": args.prometheus, "victoria-metrics": args.victoria_metrics}
    parts, results = args.only.split(","), {}
    with tempfile.TemporaryDirectory(prefix="narthex-bench-") as work:
        for name, binary in binaries.items():
            if not binary:
                print("%s: not installed, left out" % name)
                continue
            server, out = Server(name, os.path.abspath(binary), work), {}
            try:
                if "scrape" in parts:
                    measure_scrape(server, args.load, args, out)
                if "write" in parts or "query" in parts:
                    span = measure_write(server, args.load, args, out)
                    if "query" in parts:
                        measure_query(server, span, args, out)
                    time.sleep(5)
                    measure_disk(server, out)
            finally:
                server.stop()
                shutil.rmtree(server.dir + "/data", ignore_errors=True)
            results[name] = out
    print_table(results)


if __name__ == "__main__":
    main()
