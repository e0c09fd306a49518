#!/usr/bin/env python3
"""The whole story: two services fail, someone is told, narthex is killed, they heal, someone
is told once.

Debian's node exporter and two small services are scraped; RED rules see the errors; the
alerts go pending, fire, and reach stand-ins for Slack, PagerDuty and a webhook, each
exactly once.  Then kill -9; one service heals while narthex is down, the other after it is
back.  Each stand-in hears of each resolve exactly once, and of nothing else.
"""
import subprocess
import sys
import time

import receivers
import server
import shop

RULES = """
groups:
  - name: red-recordings
    interval: 1s
    rules:
      - record: job:http_requests:rate10s
        expr: sum by (job) (rate(http_requests_total[10s]))
      - record: job:http_requests_errors:rate10s
        expr: sum by (job) (rate(http_requests_total{code=~"5.."}[10s]))
      - record: job:http_requests_errors:ratio_rate10s
        expr: job:http_requests_errors:rate10s / job:http_requests:rate10s
      - record: job:http_request_duration_seconds:p99_10s
        expr: histogram_quantile(0.99, sum by (job, le) (rate(http_request_duration_seconds_bucket[10s])))
  - name: red-alerts
    interval: 1s
    rules:
      - alert: HighErrorRatio
        expr: job:http_requests_errors:ratio_rate10s > 0.05 and job:http_requests:rate10s > 0.1
        for: 2s
        labels: {severity: critical}
        annotations:
          summary: "{{ $value | humanizePercentage }} of the requests to {{ $labels.job }} fail"
"""

CONFIG = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels: {site: here}
rule_files: [red.yml]
scrape_configs:
  - job_name: node
    static_configs: [{targets: ['127.0.0.1:%(node)d']}]
  - job_name: shop
    static_configs: [{targets: ['127.0.0.1:%(shop)d']}]
  - job_name: cart
    static_configs: [{targets: ['127.0.0.1:%(cart)d']}]
alerting:
  route:
    receiver: team
    group_by: [alertname, job]
    group_wait: 1s
    group_interval: 2s
    repeat_interval: 1h
  receivers:
    - name: team
      slack_configs:
        - {api_url: '%(slack)s', channel: '#alerts', send_resolved: true}
      pagerduty_configs:
        - {url: '%(pagerduty)s', routing_key: %(key)s}
      webhook_configs:
        - {url: '%(webhook)s'}
"""


def start_node_exporter():
    port = server.free_port()
    s = server.Server("node-exporter", ["prometheus-node-exporter", "--web.listen-address=127.0.0.1:%d" % port],
                      port, "/")
    return s.start()


def alert_states(s):
    return {a["labels"]["job"]: a["state"] for a in s.api("alerts")["alerts"]}


def situation(s):
    return "\n".join("%s: %s" % (q, s.api("query", query=q)["result"]) for q in
                     ("up", "http_requests_total", "job:http_requests_errors:ratio_rate10s", "ALERTS")) + \
        "\n%s\n%s" % (s.api("targets", state="active"), s.api("rules"))


class Watch:
    """The three stand-ins together."""

    def __init__(self):
        self.all = {"slack": receivers.slack(), "pagerduty": receivers.pagerduty(), "webhook": receivers.webhook()}

    def heard(self, *expected):
        """Each stand-in heard exactly these (job, event), in any order, each once."""
        for name, r in self.all.items():
            server.check(not r.faults, "%s got what it cannot take: %s" % (name, "\n".join(r.faults)))
            with r.mu:
                got = sorted((j, e) for j, e, _ in r.events)
            if got != sorted(expected):
                return False
        return True

    def wait(self, what, *expected, seconds=30):
        server.wait_until(what, lambda: self.heard(*expected) or self.overheard(expected), seconds, self.show)
        server.say(what)

    def show(self):
        return "\n".join("%s heard %s" % (name, [(j, e) for j, e, _ in r.events]) for name, r in self.all.items())

    def overheard(self, expected):
        for name, r in self.all.items():
            with r.mu:
                got = [(j, e) for j, e, _ in r.events]
            for one in got:
                server.check(got.count(one) == 1 and one in expected,
                             "%s heard %s %d times: %s" % (name, one, got.count(one), got))
        return False

    def silent(self, s, seconds, *expected):
        time.sleep(seconds)
        for name, r in self.all.items():
            with r.mu:
                got = sorted((j, e) for j, e, _ in r.events)
            server.check(got == sorted(expected), "%s heard %s\n%s" % (name, got, situation(s)))


def main():
    server.need_narthex()
    server.need("prometheus-node-exporter")
    node, services, watch = start_node_exporter(), {"shop": shop.Shop(), "cart": shop.Shop()}, Watch()
    server.write_file("red.yml", RULES)
    config = server.write_file("story.yml", CONFIG % {
        "node": node.port, "shop": services["shop"].port, "cart": services["cart"].port,
        "slack": watch.all["slack"].url, "pagerduty": watch.all["pagerduty"].url,
        "webhook": watch.all["webhook"].url, "key": receivers.ROUTING_KEY})
    r = subprocess.run([server.NARTHEX, "check", "config", config], capture_output=True, text=True)
    server.check(r.returncode == 0, "check config: " + r.stdout + r.stderr)
    s = server.narthex(config).start()
    server.wait_until("all targets to be up", lambda: s.value("sum(up)") == 3)
    server.check(s.value("count(node_cpu_seconds_total) > 0") and s.value("node_load1") is not None,
                 "the node exporter's page is not there")
    server.wait_until("the recordings", lambda: s.value("count(job:http_requests_errors:ratio_rate10s == 0)") == 2,
                      show=lambda: situation(s))
    server.check(alert_states(s) == {}, "alerts before there is a reason")
    server.say("all is well, and nobody is told")

    # Slack asks for patience first; the retry keeps to what Retry-After says.
    watch.all["slack"].refuse_once = True
    for one in services.values():
        one.failing = True
    server.wait_until("an alert to be pending", lambda: "pending" in alert_states(s).values())
    server.wait_until("both alerts to fire", lambda: alert_states(s) == {"shop": "firing", "cart": "firing"},
                      show=lambda: situation(s))
    server.check(s.value('count(ALERTS{alertname="HighErrorRatio",alertstate="firing"})') == 2, "no ALERTS series")
    triggers = [("shop", "trigger"), ("cart", "trigger")]
    watch.wait("everyone is told of both", *triggers)
    retried = watch.all["slack"].retried_after
    server.check(retried is not None and retried >= 1.9, "Slack was tried again after %s s, not 2" % retried)

    s.kill()
    server.say("kill -9")
    services["shop"].failing = False
    time.sleep(2)
    s.start()
    server.say("back")
    resolves = [("shop", "resolve")]
    watch.wait("everyone is told that the one is well that healed meanwhile", *triggers, *resolves)
    watch.silent(s, 5, *triggers, *resolves)
    server.check(alert_states(s) == {"cart": "firing"}, "alerts are %s" % alert_states(s))
    server.say("nobody is told twice")

    services["cart"].failing = False
    resolves.append(("cart", "resolve"))
    watch.wait("everyone is told that the other is well", *triggers, *resolves)
    server.check(alert_states(s) == {}, "alerts are %s" % alert_states(s))
    for job in services:
        page = watch.all["pagerduty"]
        server.check(page.last(job, "trigger")["dedup_key"] == page.last(job, "resolve")["dedup_key"],
                     "PagerDuty cannot tell what is resolved")
        hook = watch.all["webhook"]
        one, two = (hook.last(job, e)["alerts"][0] for e in ("trigger", "resolve"))
        server.check(one["fingerprint"] == two["fingerprint"] and one["startsAt"] == two["startsAt"],
                     "the resolved alert of %s is another one: %s %s" % (job, one, two))
    watch.silent(s, 4, *triggers, *resolves)
    status, _ = s.stop()
    server.check(status == 0, "exit status %d" % status)
    server.say("the end")


if __name__ == "__main__":
    sys.exit(main())
