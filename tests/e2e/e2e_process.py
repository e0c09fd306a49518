#!/usr/bin/env python3
"""narthex as a process: signals, reload, exit codes, one server on a data directory."""
import os
import signal
import subprocess
import sys

import server

GOOD = "global: {scrape_interval: %ds}\nscrape_configs:\n- job_name: self\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n"
BAD = "global: {scrape_interval: 7s}\nscrape_configs:\n- job_name: a\n  no_such_key: 1\n"


def stops(config, how, name):
    s = server.narthex(config, name=name).start()
    status, took = s.stop(how)
    server.check(status == 0, "exit status %d after signal %d" % (status, how))
    server.check(took < 5 * server.PATIENCE, "took %.1f s to stop" % took)
    server.check("See you next time!" in s.log_text(), "says nothing at its end")
    server.say("signal %d stops it in %.2f s" % (how, took))


def interval(s):
    for line in s.api("status/config")["yaml"].splitlines():
        if line.strip().startswith("scrape_interval:"):
            return line.split(":")[1].strip()
    return None


def reloads():
    port = server.free_port()
    path = server.write_file("reload.yml", GOOD % (11, port))
    s = server.narthex(path, "--web.enable-lifecycle", name="reload", port=port).start()
    server.check(interval(s) == "11s", "starts with %s" % interval(s))
    server.write_file("reload.yml", GOOD % (12, port))
    s.process.send_signal(signal.SIGHUP)
    server.wait_until("SIGHUP to reload", lambda: interval(s) == "12s")
    server.write_file("reload.yml", GOOD % (13, port))
    status, body = s.request("POST", "/-/reload")
    server.check(status == 200 and interval(s) == "13s", "/-/reload: %d %s" % (status, body[:300]))
    server.check(s.get("/-/reload")[0] == 405, "GET /-/reload is not refused")

    server.write_file("reload.yml", BAD)
    status, body = s.request("POST", "/-/reload")
    server.check(status == 500 and b"no_such_key" in body, "a bad file: %d %s" % (status, body[:300]))
    server.check(interval(s) == "13s", "a bad file replaced the configuration")
    server.check(metric(s, "prometheus_config_last_reload_successful") == 0, "the metric says all is well")
    before = s.log_text().count("no_such_key")
    s.process.send_signal(signal.SIGHUP)
    server.wait_until("SIGHUP to say why the file is bad", lambda: s.log_text().count("no_such_key") > before)
    server.check(interval(s) == "13s" and s.running(), "a bad file at SIGHUP does harm")
    server.write_file("reload.yml", GOOD % (14, port))
    status, _ = s.request("POST", "/-/reload")
    server.check(status == 200 and interval(s) == "14s", "does not recover from a bad file")
    server.check(metric(s, "prometheus_config_last_reload_successful") == 1, "the metric does not recover")

    status, _ = s.request("POST", "/-/quit")
    server.check(status == 200, "/-/quit: %d" % status)
    server.check(s.process.wait(10 * server.PATIENCE) == 0, "exit status after /-/quit")
    server.say("reloads and quits when told")


def metric(s, name):
    for line in s.get("/metrics")[1].decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    server.fail("/metrics has no " + name)


def lifecycle_is_off(config):
    s = server.narthex(config, name="no-lifecycle").start()
    for path in ("/-/reload", "/-/quit"):
        server.check(s.request("POST", path)[0] == 403, "%s without --web.enable-lifecycle" % path)
    s.stop()


def run(*args):
    return subprocess.run([server.NARTHEX, *args], capture_output=True, text=True, timeout=20 * server.PATIENCE,
                          cwd=server.folder())


def exit_codes(config):
    r = run("--storage.tsdb.pth=x")
    server.check(r.returncode == 2 and "storage.tsdb.path" in r.stderr, "unknown flag: %d %s" % (r.returncode, r.stderr))
    r = run("--query.timeout=soon")
    server.check(r.returncode == 2 and "soon" in r.stderr, "bad duration: %d %s" % (r.returncode, r.stderr))
    bad = server.write_file("bad.yml", BAD)
    r = run("--config.file=" + bad, "--storage.tsdb.path=bad-data", "--web.listen-address=127.0.0.1:%d" % server.free_port())
    server.check(r.returncode == 2 and "no_such_key" in r.stderr and "bad.yml" in r.stderr,
                 "bad file at start: %d %s" % (r.returncode, r.stderr))
    r = run("--config.file=no-such.yml", "--storage.tsdb.path=bad-data")
    server.check(r.returncode == 2 and "no-such.yml" in r.stderr, "missing file: %d %s" % (r.returncode, r.stderr))
    r = run("no-such-command")
    server.check(r.returncode == 2, "unknown command: %d" % r.returncode)
    for words in (["--version"], ["version"], ["--help"], ["help"]):
        r = run(*words)
        server.check(r.returncode == 0 and "narthex" in r.stdout, "%s: %d %s" % (words, r.returncode, r.stderr))
    port = server.free_port()
    taken = server.narthex(config, name="taken", port=port).start()
    r = run("--config.file=" + config, "--storage.tsdb.path=elsewhere", "--web.listen-address=127.0.0.1:%d" % port)
    server.check(r.returncode == 1 and "%d" % port in r.stderr, "port in use: %d %s" % (r.returncode, r.stderr))
    taken.stop()
    server.say("exit codes tell what is wrong")


def one_server_per_directory(config):
    data = os.path.join(server.folder(), "shared-data")
    s = server.narthex(config, name="first", data=data).start()
    r = run("--config.file=" + config, "--storage.tsdb.path=" + data, "--web.listen-address=127.0.0.1:%d" % server.free_port())
    server.check(r.returncode == 1 and "lock" in r.stderr.lower(), "second server: %d %s" % (r.returncode, r.stderr))
    server.check(s.get("/-/healthy")[0] == 200, "the first server suffers")
    s.kill()
    # A lock that outlives a killed server would need a hand to remove it.
    server.narthex(config, name="third", data=data).start().stop()
    server.say("one server on a data directory")


def main():
    server.need_narthex()
    config = server.write_file("empty.yml", "global: {}\n")
    stops(config, signal.SIGTERM, "term")
    stops(config, signal.SIGINT, "int")
    reloads()
    lifecycle_is_off(config)
    exit_codes(config)
    one_server_per_directory(config)


if __name__ == "__main__":
    sys.exit(main())
