"""Stand-ins for Slack, PagerDuty and a webhook: real HTTP servers that judge what they get.

Each keeps what it accepted in `events`, as (job, "trigger" or "resolve", body), and what
was wrong with a request in `faults`.
"""
import http.server
import json
import re
import threading
import time

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
NEVER = "0001-01-01T00:00:00Z"


class Receiver:
    """kind is a function from a parsed body to (job, event), which raises on a bad one."""

    def __init__(self, path, answer, judge):
        self.path, self.answer, self.judge = path, answer, judge
        self.events, self.faults, self.mu = [], [], threading.Lock()
        self.refuse_once, self.refused, self.retried_after = False, None, None
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.mu:
                    code, text, headers = receiver.take(self.path, self.headers, body)
                self.send_response(code)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = "http://127.0.0.1:%d%s" % (self.http.server_port, path)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        try:
            want(path == self.path, "path " + path)
            want(headers.get_content_type() == "application/json", "Content-Type %s" % headers["Content-Type"])
            j = json.loads(body)
            job, event = self.judge(j)
            if self.refuse_once:
                self.refuse_once, self.refused = False, (job, event, time.monotonic())
                return 429, b"slow down", {"Retry-After": "2"}
            if self.refused and self.refused[:2] == (job, event) and self.retried_after is None:
                self.retried_after = time.monotonic() - self.refused[2]
            self.events.append((job, event, j))
        except (KeyError, TypeError, ValueError, AssertionError) as e:
            self.faults.append("%s: %r in %s" % (type(e).__name__, str(e), body[:1500].decode(errors="replace")))
        return self.answer

    def count(self, job, event):
        with self.mu:
            return sum((j, e) == (job, event) for j, e, _ in self.events)

    def last(self, job, event):
        with self.mu:
            return [body for j, e, body in self.events if (j, e) == (job, event)][-1]


def want(truth, what):
    if not truth:
        raise AssertionError(what)


def strings(o, *keys):
    for k in keys:
        want(isinstance(o[k], str), "%s is no string" % k)


def string_map(o, key):
    want(isinstance(o[key], dict) and all(isinstance(v, str) for v in o[key].values()), key)


def judge_webhook(j):
    """Alertmanager's webhook, version 4."""
    want(j["version"] == "4", "version")
    strings(j, "groupKey", "status", "receiver", "externalURL", "notification_reason")
    want(j["truncatedAlerts"] == 0, "truncatedAlerts")
    for key in ("groupLabels", "commonLabels", "commonAnnotations", "routeLabels"):
        string_map(j, key)
    want(j["receiver"] == "team" and j["alerts"], "receiver, alerts")
    want(j["groupLabels"] == {"alertname": "HighErrorRatio", "job": j["groupLabels"]["job"]}, "groupLabels")
    want(j["groupKey"] == '{}:{alertname="HighErrorRatio", job="%s"}' % j["groupLabels"]["job"], "groupKey")
    for a in j["alerts"]:
        want(a["status"] in ("firing", "resolved"), "an alert's status")
        string_map(a, "labels")
        string_map(a, "annotations")
        want(TIME.match(a["startsAt"]) and TIME.match(a["endsAt"]), "times")
        want((a["endsAt"] == NEVER) == (a["status"] == "firing"), "endsAt of a %s alert" % a["status"])
        want(re.match("^[0-9a-f]{16}$", a["fingerprint"]), "fingerprint")
        want("/graph?g0.expr=" in a["generatorURL"], "generatorURL")
        want(re.match(r"^[0-9.]+% of the requests to \w+ fail$", a["annotations"]["summary"]), "summary")
        want(a["labels"]["severity"] == "critical" and a["labels"]["site"] == "here", "labels")
    want(j["status"] == ("firing" if any(a["status"] == "firing" for a in j["alerts"]) else "resolved"), "status")
    return j["groupLabels"]["job"], {"firing": "trigger", "resolved": "resolve"}[j["status"]]


def judge_pagerduty(j):
    """Events API v2."""
    want(j["routing_key"] == ROUTING_KEY, "routing_key")
    want(j["event_action"] in ("trigger", "resolve"), "event_action")
    want(re.match("^[0-9a-f]{64}$", j["dedup_key"]), "dedup_key")
    p = j["payload"]
    strings(p, "summary", "source", "severity")
    want(len(p["summary"]) <= 1024 and p["severity"] in ("critical", "error", "warning", "info"), "payload")
    want("HighErrorRatio" in p["summary"], "summary")
    want(set(j) <= {"routing_key", "event_action", "dedup_key", "client", "client_url", "payload", "links", "images"},
         "keys %s" % list(j))
    want(set(p) <= {"summary", "source", "severity", "timestamp", "class", "component", "group", "custom_details"},
         "payload's keys %s" % list(p))
    return re.search(r"\b(shop|cart)\b", p["summary"]).group(1), j["event_action"]


def judge_slack(j):
    """An incoming webhook's message with one attachment."""
    want(j["channel"] == "#alerts", "channel")
    (a,) = j["attachments"]
    strings(a, "title", "title_link", "fallback", "color")
    want(a["title_link"].startswith("http"), "title_link")
    m = re.match(r"^\[(FIRING:1|RESOLVED)\] HighErrorRatio .*\b(shop|cart)\b", a["title"])
    want(m, "title %r" % a["title"])
    event = "trigger" if m.group(1).startswith("FIRING") else "resolve"
    want(a["color"] == ("danger" if event == "trigger" else "good"), "color")
    return m.group(2), event


def slack():
    return Receiver("/services/T0/B0/secret", (200, b"ok", {}), judge_slack)


def pagerduty():
    answer = json.dumps({"status": "success", "message": "Event processed", "dedup_key": "x"}).encode()
    return Receiver("/v2/enqueue", (202, answer, {"Content-Type": "application/json"}), judge_pagerduty)


def webhook():
    return Receiver("/hook", (200, b"", {}), judge_webhook)
