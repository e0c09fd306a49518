#!/bin/sh
# Holds narthex against recorded answers of Prometheus 3.14: queries over a messy data set,
# the HTTP API, and scrapes.  The records and the tools that compare are not part of this
# tree: they are looked for in $NARTHEX_DIFFERENTIAL, then in ../shared/differential.
#
# The numbers below are what must agree at least; raise them, never lower them.
set -eu
MESSY_DIFFER=0
# An unknown path under /api/v2/ is answered by the API of Alertmanager: JSON, not plain text.
API_DIFFER=2
SCRAPE_DIFFER=0

source=${NARTHEX_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
narthex=${NARTHEX:-$source/build/narthex}
python=${PYTHON3:-python3}
records=${NARTHEX_DIFFERENTIAL:-$source/../shared/differential}

[ -f "$records/promdiff.py" ] || { echo "SKIP: no records in $records"; exit 77; }
"$python" -c 'import snappy, yaml' 2>/dev/null ||
    { echo "SKIP: Debian's python3-snappy and python3-yaml are not installed"; exit 77; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/narthex-differential-XXXXXX")
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
failed=0

# agrees NAME ALLOWED FILE: "agree N of M" in FILE says at most ALLOWED differ.
agrees() {
    said=$(sed -n 's/^agree \([0-9]*\) of \([0-9]*\).*/\1 \2/p' "$3" | tail -1)
    differ=$((${said#* } - ${said% *}))
    echo "$1: ${said% *} of ${said#* } agree, $2 may differ"
    if [ "$differ" -gt "$2" ]; then
        cat "$3"
        echo "FAIL: $1"
        failed=1
    fi
}

echo 'global: {}' >"$dir/empty.yml"
"$narthex" --config.file="$dir/empty.yml" --storage.tsdb.path="$dir/data" --web.listen-address="127.0.0.1:$port" \
    --storage.tsdb.retention.time=100y --web.enable-remote-write-receiver --web.enable-admin-api \
    --web.enable-lifecycle \
    --enable-feature=promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers \
    >"$dir/log" 2>&1 &
server=$!
tries=0
until curl -sf "$url/-/ready" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { cat "$dir/log"; echo "FAIL: narthex does not get ready"; exit 1; }
    sleep 0.1
done
"$python" "$records/messy.py" "$url/api/v1/write" 1760054400 120
"$python" "$records/promdiff.py" check --url "$url" --gold "$records/messy-1.jsonl.gz" --annotations -v 20 \
    >"$dir/messy" 2>&1 || true
agrees queries "$MESSY_DIFFER" "$dir/messy"
"$python" "$records/apidiff.py" check --url "$url" --gold "$records/api-1.jsonl.gz" -v 20 >"$dir/api" 2>&1 || true
agrees API "$API_DIFFER" "$dir/api"
kill "$server"
wait "$server" || { cat "$dir/log"; echo "FAIL: narthex ended badly"; failed=1; }
server=
"$python" "$records/scrapediff.py" check --bin "$narthex" --gold "$records/scrape-1.jsonl.gz" -v 20 \
    >"$dir/scrape" 2>&1 || true
agrees scrapes "$SCRAPE_DIFFER" "$dir/scrape"
exit "$failed"
