"""Remote write 1.0 from Python: the protobuf of a WriteRequest, compressed, posted.

    WriteRequest  { repeated TimeSeries timeseries = 1; }
    TimeSeries    { repeated Label labels = 1; repeated Sample samples = 2; }
    Label         { string name = 1; string value = 2; }
    Sample        { double value = 1; int64 timestamp = 2; }
"""
import struct

import server

snappy = server.need_module("snappy", "python3-snappy")

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
           "X-Prometheus-Remote-Write-Version": "0.1.0"}


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def message(field, body):
    return varint(field << 3 | 2) + varint(len(body)) + body


def sample(t_ms, value):
    # A stale marker is one exact NaN, whose bits a float of Python may not keep.
    bits = struct.pack("<Q", 0x7FF0000000000002) if value is STALE else struct.pack("<d", value)
    return message(2, varint(1 << 3 | 1) + bits + varint(2 << 3) + varint(t_ms))


def series(labels, samples):
    out = b"".join(message(1, message(1, k.encode()) + message(2, v.encode()))
                   for k, v in sorted(labels.items()))
    return message(1, out + b"".join(sample(t, v) for t, v in samples))


def request(batch):
    """The body for [(labels, [(t_ms, value)])]."""
    return snappy.compress(b"".join(series(labels, samples) for labels, samples in batch))


def post(to, batch):
    """Sends a batch to a server; the status and the answer."""
    return to.request("POST", "/api/v1/write", request(batch), HEADERS)
