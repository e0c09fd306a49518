#!/usr/bin/env python3
"""Holds the tree against the rules of the house: `make tidy`.

Floors      an #include looks only to its own floor or below; inside server/ one way too
Doors       a third-party library is included by its one door only
Lengths     files of at most 800 lines, functions of at most 70
Banned      calls that base/ replaces, outside base/
Magic       each object's magic number is unique
Alone       every header compiles by itself
Words       no unfinished work left in comments

Prints one line per finding (file:line: what) and exits 1 if there is any.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FLOORS = ["base", "model", "storage", "query", "server", "web", "cli"]
# Inside server/: a folder sees those of a lower number (and itself).
SERVER = {"config": 0, "net": 1, "template": 1, "discovery": 2, "scrape": 3, "notify": 3,
          "rules": 4, "remote": 4}
# What query/ may see of storage/.
QUERY_SEES = {"storage/tsdb.h", "storage/select.h", "storage/append.h"}
DOORS = {
    "microhttpd.h": ["web/http"],
    "curl/curl.h": ["server/net/"],
    "ares.h": ["server/discovery/dns"],
    "yaml.h": ["base/yaml"],
    "jansson.h": ["base/json"],
    "pcre2.h": ["base/regex"],
    "lz4.h": ["base/compress"], "snappy-c.h": ["base/compress"], "zstd.h": ["base/compress"],
    "libdeflate.h": ["base/compress"],
    "jemalloc/jemalloc.h": ["base/mem"],
    "xxhash.h": ["base/hash"],
    "crypt.h": ["web/auth"],
    "openssl/": ["base/hash", "server/", "web/"],
}
BANNED = {
    "malloc": "mem_alloc", "calloc": "mem_zalloc", "realloc": "mem_realloc", "free": "mem_free",
    "strdup": "mem_cstr", "strcpy": "memcpy of a str", "strcat": "struct buf",
    "sprintf": "buf_printf", "vsprintf": "buf_vprintf", "strtok": "str_find_char",
    "atoi": "num_parse_i64", "atol": "num_parse_i64", "atof": "num_parse_go",
    "strtod": "num_parse_go", "strtol": "num_parse_i64", "strtoul": "num_parse_u64",
    "time": "clock_now_ms", "gettimeofday": "clock_now_ms", "clock_gettime": "clock_mono_ns",
    "rand": "rng_next", "random": "rng_next", "srand": "rng_seed",
    "open": "io_open", "fopen": "io_read_file", "assert": "CHECK", "alloca": "an arena",
    "system": "nothing", "popen": "nothing", "sleep": "clock_sleep_ms", "usleep": "clock_sleep_ms",
    "pthread_create": "thread_start", "pthread_mutex_lock": "mutex_lock",
}
FILE_LINES, FUNCTION_LINES = 800, 70
findings = []


def find(path, line, what):
    findings.append(f"{path}:{line}: {what}")


def sources():
    out = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.cc", "*.def"], cwd=ROOT,
                         capture_output=True, text=True)
    names = out.stdout.split()
    if not names:  # a release tarball has no git
        for d, _, files in os.walk(ROOT):
            names += [os.path.relpath(os.path.join(d, f), ROOT) for f in files
                      if f.endswith((".c", ".h", ".cc", ".def"))]
    return [n for n in names if os.path.isfile(os.path.join(ROOT, n))]


def strip(text):
    """Comments and literals blanked out, line structure kept."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def check_includes(path, lines):
    parts = path.split("/")
    floor = parts[0]
    for i, l in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^">]+)[">]', l)
        if not m:
            continue
        target = m.group(2)
        if m.group(1) == "<":
            for lib, doors in DOORS.items():
                if (target == lib or (lib.endswith("/") and target.startswith(lib))) and \
                        floor in FLOORS and not any(path.startswith(d) for d in doors):
                    find(path, i, f"<{target}> belongs behind {doors[0]}")
            continue
        to = target.split("/")
        if floor not in FLOORS or to[0] not in FLOORS:
            continue
        if FLOORS.index(to[0]) > FLOORS.index(floor):
            find(path, i, f"looks up to {target}")
        if floor == "query" and to[0] == "storage" and target not in QUERY_SEES:
            find(path, i, f"query/ sees only {', '.join(sorted(QUERY_SEES))}")
        if floor == "server" and to[0] == "server" and len(parts) > 2 and len(to) > 2 and parts[1] != to[1]:
            if SERVER.get(to[1], 99) >= SERVER.get(parts[1], -1):
                find(path, i, f"server/{parts[1]} may not see server/{to[1]}")
        if target.endswith("_priv.h") and os.path.dirname(target) != os.path.dirname(path):
            find(path, i, f"{target} is private to its folder")


def check_functions(path, code):
    start = None
    for i, l in enumerate(code.split("\n"), 1):
        if l.startswith("{"):
            start = i
        elif l.startswith("}") and start:
            if i - start - 1 > FUNCTION_LINES:
                find(path, start, f"function of {i - start - 1} lines, at most {FUNCTION_LINES}")
            start = None


def check_banned(path, code):
    floor = path.split("/")[0]
    if floor not in FLOORS or floor == "base":
        return
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for i, l in enumerate(code.split("\n"), 1):
        for m in pattern.finditer(l):
            find(path, i, f"{m.group(1)}() is banned here; use {BANNED[m.group(1)]}")


def check_words(path, lines):
    for i, l in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", l):
            find(path, i, "unfinished work in a comment")


def check_magic(texts):
    seen = {}
    for path, text in texts.items():
        for m in re.finditer(r"#define\s+(\w+_MAGIC)\s+(0x[0-9a-fA-F]+)", text):
            value = int(m.group(2), 16)
            if value in seen and seen[value] != m.group(1):
                find(path, text[:m.start()].count("\n") + 1, f"{m.group(1)} repeats {seen[value]}")
            seen[value] = m.group(1)


def check_headers_alone(paths, build):
    cc = os.environ.get("CC", "cc").split()
    flags = os.environ.get("TIDY_CPPFLAGS", "").split()
    for p in paths:
        if not p.endswith(".h") or p.split("/")[0] not in FLOORS:
            continue
        cmd = cc + ["-std=gnu11", "-fsyntax-only", "-D_GNU_SOURCE", "-I" + ROOT, "-I" + build,
                    "-Wno-pragma-once-outside-header", "-x", "c", os.path.join(ROOT, p)] + flags
        r = subprocess.run(cmd, capture_output=True, text=True)
        errors = [l for l in r.stderr.split("\n") if "error:" in l]
        if r.returncode:
            find(p, 1, "does not compile alone: " + (errors[0] if errors else r.stderr[:200]))


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else ROOT
    paths = sources()
    texts = {p: open(os.path.join(ROOT, p), encoding="utf-8", errors="replace").read() for p in paths}
    for p, text in texts.items():
        lines = text.split("\n")
        if len(lines) - 1 > FILE_LINES and not p.endswith(".def"):
            find(p, 1, f"{len(lines) - 1} lines, at most {FILE_LINES}")
        check_includes(p, lines)
        check_words(p, lines)
        if not p.endswith(".def"):
            code = strip(text)
            check_functions(p, code)
            check_banned(p, code)
    check_magic(texts)
    check_headers_alone(paths, build)
    for f in sorted(findings):
        print(f)
    print(f"tidy: {len(paths)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
