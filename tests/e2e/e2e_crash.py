#!/usr/bin/env python3
"""Acknowledged is durable: kill -9 at random moments under remote write.

Writers keep a witness of the batches that were answered with success.  After each kill
and restart every sample of the witness is there with its value, and a batch that got no
answer is there whole or not at all.
"""
import os
import random
import sys
import threading
import time

import remote_write
import server

ROUNDS = int(os.environ.get("NARTHEX_CRASH_ROUNDS", "5"))
WRITERS, SERIES = 4, 40
START_MS = 1760054400000


class Writer(threading.Thread):
    """Sends batch after batch, one sample of each of its series, until the server is gone."""

    def __init__(self, to, number, first):
        super().__init__()
        self.to, self.number, self.next = to, number, first
        self.acknowledged, self.unsure, self.refused = [], None, None

    def batch(self, n):
        return [({"__name__": "crash_test", "writer": str(self.number), "series": str(s)},
                 [(START_MS + n * 100, float(n * SERIES + s))]) for s in range(SERIES)]

    def run(self):
        while True:
            try:
                status, answer = remote_write.post(self.to, self.batch(self.next))
            except OSError:
                self.unsure = self.next
                return
            if status // 100 != 2:
                self.refused = "%d %s" % (status, answer[:200])
                return
            self.acknowledged.append(self.next)
            self.next += 1


def stored(s, number, first, last):
    """{batch: {series: value}} of a writer's batches first to last."""
    out = {}
    # Asked in parts: a range selector's window begins after its left edge.
    for lo in range(first, last + 1, 5000):
        hi = min(lo + 4999, last)
        result = s.api("query", query='crash_test{writer="%d"}[%dms]' % (number, (hi - lo) * 100 + 50),
                       time="%.3f" % ((START_MS + hi * 100) / 1000))["result"]
        for one in result:
            for t, v in one["values"]:
                n = round((t * 1000 - START_MS) / 100)
                out.setdefault(n, {})[int(one["metric"]["series"])] = float(v)
    return out


def verify(s, writers):
    for w in writers:
        if w.refused:
            server.fail("a write was refused: " + w.refused)
        if w.unsure is None:
            continue
        first = w.acknowledged[0] if w.acknowledged else w.unsure
        there = stored(s, w.number, first, w.unsure)
        for n in w.acknowledged:
            want = {i: float(n * SERIES + i) for i in range(SERIES)}
            server.check(there.get(n) == want,
                         "writer %d: acknowledged batch %d has %d of %d samples" %
                         (w.number, n, len(there.get(n, {})), SERIES))
        half = there.get(w.unsure, {})
        server.check(len(half) in (0, SERIES), "writer %d: batch %d without an answer is there by half: %d of %d" %
                     (w.number, w.unsure, len(half), SERIES))
        # A batch without an answer may be there, so it is not sent again with other times.
        w.next = w.unsure + 1


def main():
    server.need_narthex()
    seed = int(os.environ.get("NARTHEX_SEED", "0")) or random.randrange(1, 1 << 31)
    server.say("NARTHEX_SEED=%d" % seed)
    r = random.Random(seed)
    s = server.narthex(server.write_file("crash.yml", "global: {}\n"), "--web.enable-remote-write-receiver",
                       "--storage.tsdb.retention.time=100y")
    s.start()
    all_acknowledged, first = {}, [0] * WRITERS
    for round_ in range(ROUNDS):
        writers = [Writer(s, i, first[i]) for i in range(WRITERS)]
        for w in writers:
            w.start()
        time.sleep(r.uniform(0.1, 2.0))
        s.kill()
        for w in writers:
            w.join()
        began = time.monotonic()
        s.start()
        took = time.monotonic() - began
        verify(s, writers)
        for i, w in enumerate(writers):
            all_acknowledged.setdefault(i, []).extend(w.acknowledged)
            first[i] = w.next
        server.say("round %d: %d batches acknowledged, back after %.2f s" %
                   (round_ + 1, sum(len(w.acknowledged) for w in writers), took))
    s.stop()
    s.start()
    total = 0
    for i, batches in all_acknowledged.items():
        there = stored(s, i, 0, first[i])
        for n in batches:
            server.check(len(there.get(n, {})) == SERIES, "writer %d: batch %d is lost in the end" % (i, n))
        total += len(batches)
    server.check(total > 0, "no batch was ever acknowledged")
    s.stop()
    server.say("all %d acknowledged samples are there" % (total * SERIES))


if __name__ == "__main__":
    sys.exit(main())
