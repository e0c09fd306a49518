#!/usr/bin/env python3
"""promtool's queries work against narthex, and Debian's Prometheus answers as narthex does.

The same data go to both servers by remote write; promtool asks both and says the same;
then a seeded grammar asks instant and range queries.
"""
import json
import os
import subprocess
import sys

import queries
import remote_write
import server

START_MS, MINUTES, COUNT = 1760054400000, 90, 200
END_S = START_MS // 1000 + MINUTES * 60 - 30 + 0.789


def feed(both, data):
    by_minute = {}
    for labels, points in data:
        for t, v in points:
            by_minute.setdefault(t // 60000, {}).setdefault(tuple(sorted(labels.items())), []).append((t, v))
    for minute in sorted(by_minute):
        batch = [(dict(labels), points) for labels, points in by_minute[minute].items()]
        for s in both:
            status, answer = remote_write.post(s, batch)
            server.check(status // 100 == 2, "%s refused a write: %d %s" % (s.name, status, answer[:300]))


def promtool(s, *args):
    r = subprocess.run(["promtool", "query", args[0], "http://127.0.0.1:%d" % s.port, *args[1:]],
                       capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def same_by_promtool(ours, theirs):
    end = "--end=%.3f" % END_S
    start = "--start=%.3f" % (END_S - 3600)
    at = "--time=%.3f" % END_S
    for args in (
            ["instant", at, "sum by (zone) (rate(shop_requests_total[5m]))"],
            ["instant", at, "shop_temperature_celsius"],
            ["instant", at, "1 + 1"],
            ["range", start, end, "--step=1m", "max(shop_queue_length)"],
            ["series", "--match=shop_bytes_total", start, end],
            ["series", "--match=shop_requests_total{code=\"500\"}", "--match=shop_bytes_total", start, end],
            ["labels", start, end, "instance"],
            ["labels", start, end, "__name__"]):
        a, b = promtool(ours, *reorder(args)), promtool(theirs, *reorder(args))
        server.check(a[0] == 0, "promtool %s fails: %s" % (args, a[2]))
        server.check(a[1] and same_words(a[1], b[1]),
                     "promtool %s:\n%s\nbut Prometheus:\n%s" % (args, a[1][:1500], b[1][:1500]))
    a, b = promtool(ours, "instant", "sum("), promtool(theirs, "instant", "sum(")
    server.check(a[0] == b[0] != 0 and "parse error" in a[2], "promtool with a bad query: %s | %s" % (a, b))
    as_json = promtool(ours, "instant", "-o", "json", "vector(1)")
    if as_json[0] == 0:
        json.loads(as_json[1])


def same_words(a, b):
    """Line by line in any order, numbers as near as sums in another order may be."""
    for x, y in zip(sorted(a.splitlines()), sorted(b.splitlines())):
        v, w = x.split(), y.split()
        if len(v) != len(w) or not all(p == q or is_number(p) and is_number(q) and queries.near(p, q)
                                       for p, q in zip(v, w)):
            return False
    return a.count("\n") == b.count("\n")


def is_number(word):
    try:
        return float(word) == float(word)
    except ValueError:
        return False


def reorder(args):
    return [args[0]] + [a for a in args[1:] if not a.startswith("--")] + [a for a in args[1:] if a.startswith("--")]


def ask(s, path, params):
    status, body = s.get("/api/v1/" + path, params)
    try:
        return json.loads(body)
    except ValueError:
        server.fail("%s answers %s %s with %d and no JSON: %s" % (s.name, path, params, status, body[:200]))


def same_by_grammar(ours, theirs, seed):
    bad = errors = empty = 0
    for i, q in enumerate(queries.generate(seed, COUNT)):
        if i % 2:
            path, params = "query", {"query": q, "time": "%.3f" % END_S}
        else:
            path, params = "query_range", {"query": q, "start": "%.3f" % (END_S - 3000), "end": "%.3f" % END_S, "step": "60"}
        mine, reference = ask(ours, path, params), ask(theirs, path, params)
        errors += reference["status"] != "success"
        empty += reference["status"] == "success" and reference["data"]["result"] == []
        apart = queries.difference(mine, reference)
        if apart:
            bad += 1
            print("%s %s\n    %s" % (path, q, apart))
    server.say("%d queries: %d differ; %d errors and %d empty answers among them" % (COUNT, bad, errors, empty))
    server.check(bad == 0, "%d queries differ (here | there)" % bad)
    server.check(errors < COUNT / 5 and empty < COUNT / 4, "the grammar asks too little")


def main():
    server.need_narthex()
    server.need("prometheus", "promtool")
    seed = int(os.environ.get("NARTHEX_SEED", "7"))
    server.say("NARTHEX_SEED=%d" % seed)
    config = server.write_file("empty.yml", "global: {}\n")
    flags = ["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y"]
    ours, theirs = server.narthex(config, *flags).start(), server.prometheus(config, *flags).start()
    feed((ours, theirs), queries.with_gap(queries.data(START_MS, MINUTES, seed), remote_write.STALE))
    server.say("fed")
    same_by_promtool(ours, theirs)
    server.say("promtool agrees")
    same_by_grammar(ours, theirs, seed)
    ours.stop()


if __name__ == "__main__":
    sys.exit(main())
