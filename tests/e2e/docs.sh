#!/bin/sh
# The documents made by the program are those in the tree; `make docs` renews them.
set -eu
source=${NARTHEX_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
narthex=${NARTHEX:-$source/build/narthex}

if ! "$narthex" docs flags | diff -u "$source/docs/flags.md" -; then
    echo "FAIL: docs/flags.md is not what 'narthex docs flags' prints; run make docs"
    exit 1
fi
