"""A seeded grammar of PromQL over the data of data(), and the comparison of answers.

Only what Prometheus 2.42 and 3 define alike.  They differ in
  - whether a window's left edge belongs to it: no sample is where an edge can fall (see
    data()), and no subquery is inside another, whose edges would meet its steps;
  - how far a counter is extrapolated whose window begins without samples: counters have
    no gaps, and no window begins before the data;
  - the deviation of a single infinity or NaN: stddev is of selectors only.
"""
import math
import random

COUNTERS = ["shop_requests_total", "shop_bytes_total"]
GAUGES = ["shop_queue_length", "shop_temperature_celsius"]
BUCKETS = "shop_latency_seconds_bucket"
LABELS = {"instance": ["i-0", "i-1", "i-2"], "zone": ["east", "west"], "code": ["200", "404", "500"]}
BOUNDS = ["0.05", "0.1", "0.5", "1", "5", "+Inf"]
WINDOWS = ["1m", "2m", "5m", "7m30s", "13m"]
OVER_TIME = ["avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time",
             "stddev_over_time", "last_over_time", "present_over_time", "changes", "resets", "delta", "idelta", "deriv"]
ELEMENT = ["abs", "ceil", "floor", "exp", "ln", "sqrt", "sgn", "round", "-", "clamp_min_1"]
AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group"]
ARITHMETIC = ["+", "-", "*", "/", "%"]
COMPARISON = ["==", "!=", ">", "<", ">=", "<="]
STEP_MS = 15000


def data(start_ms, minutes, seed):
    """[(labels, [(t_ms, value)])]: counters that reset, gauges, a classic histogram, a series
    with a gap that a stale marker opens.  Sample times end in 1 to 499 ms, evaluation times
    and so window edges in 789, inside subqueries in 0."""
    r = random.Random(seed)
    steps = minutes * 60000 // STEP_MS
    out = []

    def times():
        offset = r.randrange(0, 14000, 1000)
        return [start_ms + offset + k * STEP_MS + r.randrange(1, 500) for k in range(steps)]

    def counter():
        value, points = 0.0, []
        for t in times():
            value = 0.0 if r.random() < 0.005 else value + r.choice([0, 1, 5, 100 * r.random()])
            points.append((t, value))
        return points

    for instance in LABELS["instance"]:
        for zone in LABELS["zone"]:
            base = {"instance": instance, "zone": zone, "job": "shop"}
            for code in LABELS["code"]:
                out.append((dict(base, __name__=COUNTERS[0], code=code), counter()))
            out.append((dict(base, __name__=COUNTERS[1]), counter()))
            out.append((dict(base, __name__=GAUGES[0]), [(t, float(r.randrange(1, 40)) + r.random()) for t in times()]))
            level, points = 20.0, []
            for t in times():
                level += r.gauss(0, 0.5)
                points.append((t, round(level, 3)))
            out.append((dict(base, __name__=GAUGES[1]), points))
            counts, rows = [0] * len(BOUNDS), [[] for _ in BOUNDS]
            for t in times():
                for _ in range(r.randrange(10)):
                    x = r.lognormvariate(-1.5, 1.2)
                    for i, b in enumerate(BOUNDS):
                        counts[i] += x <= float(b)
                for i, row in enumerate(rows):
                    row.append((t, float(counts[i])))
            for b, row in zip(BOUNDS, rows):
                out.append((dict(base, __name__=BUCKETS, le=b), row))
    return out


def with_gap(series, stale):
    """The first gauge pauses for a while after a stale marker."""
    at = next(i for i, (labels, _) in enumerate(series) if labels["__name__"] == GAUGES[0])
    labels, points = series[at]
    half = len(points) // 2
    gap = points[:half] + [(points[half][0], stale)] + points[half + 30:]
    return series[:at] + [(labels, gap)] + series[at + 1:]


class Grammar:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.in_subquery = False

    def one(self, of):
        return self.r.choice(of)

    def selector(self, name):
        ms = []
        for label, values in LABELS.items():
            if label == "code" and name != COUNTERS[0] or self.r.random() < 0.65:
                continue
            v = self.one(values)
            ms.append(self.one(['%s="%s"' % (label, v), '%s!="%s"' % (label, v),
                                '%s=~"%s.*"' % (label, v[:1]), '%s=~"%s|none"' % (label, v),
                                '%s!~".*%s"' % (label, v[-1])]))
        return name + ("{%s}" % ",".join(ms) if ms else "")

    def modifier(self):
        k = self.r.random()
        return self.one([" offset 1m", " offset 7m", " offset -90s"]) if k < 0.12 else ""

    def vector(self, depth):
        if depth <= 0:
            return self.selector(self.one(COUNTERS + GAUGES)) + self.modifier()
        k = self.r.random()
        if k < 0.25:
            return "%s(%s[%s]%s)" % (self.one(["rate", "increase", "irate"]), self.selector(self.one(COUNTERS)),
                                     self.one(WINDOWS), self.modifier())
        if k < 0.40:
            return "%s(%s[%s]%s)" % (self.one(OVER_TIME), self.selector(self.one(COUNTERS + GAUGES)),
                                     self.one(WINDOWS), self.modifier())
        if k < 0.45:
            return "quantile_over_time(%s, %s[10m])" % (self.one(["0", "0.5", "0.9"]), self.selector(self.one(GAUGES)))
        if k < 0.57:
            f, v = self.one(ELEMENT), self.vector(depth - 1)
            return "-(%s)" % v if f == "-" else "clamp_min(%s, 1)" % v if f == "clamp_min_1" else "%s(%s)" % (f, v)
        if k < 0.78:
            return self.aggregate(depth)
        if k < 0.93:
            return self.binary(depth)
        return self.subquery(depth)

    def subquery(self, depth):
        if self.in_subquery:
            return self.vector(depth - 1)
        self.in_subquery = True
        v = self.vector(depth - 1)
        self.in_subquery = False
        return "%s((%s)[%s:%s])" % (self.one(["max_over_time", "avg_over_time", "sum_over_time", "count_over_time"]),
                                    v, self.one(["5m", "10m"]), self.one(["30s", "1m"]))

    def aggregate(self, depth):
        v, k = self.vector(depth - 1), self.r.random()
        labels = ", ".join(self.r.sample(list(LABELS) + ["job"], self.r.randrange(3)))
        by = " %s (%s)" % (self.one(["by", "by", "without"]), labels) if self.r.random() < 0.7 else ""
        if k < 0.8:
            return "%s%s (%s)" % (self.one(AGGREGATIONS), by, v)
        if k < 0.9:
            # Which of equal values topk picks is nobody's promise, so gauges that never tie.
            if self.r.random() < 0.3:
                return "%s%s (%s)" % (self.one(["stddev", "stdvar"]), by, self.selector(self.one(GAUGES + COUNTERS)))
            return "%s%s (%s, %s)" % (self.one(["topk", "bottomk"]), by, self.one(["1", "2", "5"]),
                                      self.selector(GAUGES[0]))
        return "quantile%s (%s, %s)" % (by, self.one(["0.5", "0.95", "1"]), v)

    def binary(self, depth):
        k, op = self.r.random(), self.one(ARITHMETIC + COMPARISON)
        is_bool = " bool" if op in COMPARISON and self.r.random() < 0.5 else ""
        if k < 0.4:
            return "(%s) %s%s %s" % (self.vector(depth - 1), op, is_bool, self.one(["1", "2.5", "100", "-3", "time()"]))
        if k < 0.7:
            on = ", ".join(self.r.sample(["instance", "zone"], self.r.randrange(1, 3)))
            return "sum by (%s) (%s) %s%s on (%s) max by (%s) (%s)" % (
                on, self.vector(depth - 1), op, is_bool, on, on, self.vector(depth - 1))
        if k < 0.85:
            return "%s * on (instance, zone) group_left () sum by (instance, zone) (%s)" % (
                self.selector(COUNTERS[0]), self.selector(self.one(GAUGES)))
        return "(%s) %s on (instance, zone) (%s)" % (self.vector(depth - 1), self.one(["and", "or", "unless"]),
                                                      self.selector(self.one(GAUGES)))

    def query(self):
        if self.r.random() < 0.1:
            return "histogram_quantile(%s, sum by (le%s) (rate(%s[%s])))" % (
                self.one(["0.5", "0.9", "0.99"]), self.one(["", ", zone", ", instance"]), BUCKETS, self.one(WINDOWS))
        return self.vector(self.r.randrange(1, 4))


def generate(seed, count):
    g, seen = Grammar(seed), []
    while len(seen) < count:
        q = g.query()
        if q not in seen and len(q) < 500:
            seen.append(q)
    return seen


def near(a, b):
    x, y = float(a), float(b)
    if x == y or math.isnan(x) and math.isnan(y):
        return True
    return abs(x - y) <= 1e-9 * max(abs(x), abs(y), 1e-9)


def difference(mine, theirs):
    """None if two answers of the API say the same, otherwise where they part."""
    if mine["status"] != theirs["status"] or mine.get("errorType") != theirs.get("errorType"):
        return "%s %s | %s %s" % (mine["status"], mine.get("error"), theirs["status"], theirs.get("error"))
    if mine["status"] != "success":
        return None
    a, b = mine["data"], theirs["data"]
    if a["resultType"] != b["resultType"]:
        return "%s | %s" % (a["resultType"], b["resultType"])
    if a["resultType"] in ("scalar", "string"):
        return None if near(a["result"][1], b["result"][1]) else "%s | %s" % (a["result"], b["result"])
    of = lambda d: {tuple(sorted(s["metric"].items())): s.get("values", [s.get("value")]) for s in d["result"]}
    one, two = of(a), of(b)
    for key in sorted(set(one) | set(two)):
        p, q = one.get(key), two.get(key)
        if p is None or q is None:
            return "series %s only %s" % (dict(key), "here" if q is None else "there")
        if len(p) != len(q):
            return "%s has %d | %d points" % (dict(key), len(p), len(q))
        for x, y in zip(p, q):
            if float(x[0]) != float(y[0]) or not near(x[1], y[1]):
                return "%s: %s | %s" % (dict(key), x, y)
    return None
