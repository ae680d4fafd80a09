#!/bin/sh
# Resolves pyproject.toml into the lock files, with hashes, for every platform and Python 3.11 and later.
# The larger files use the versions of the smaller ones. UV is the path of another uv.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
command -v "$uv" >/dev/null || { echo 'lock: uv was not found; install it, or give its path with UV=/path/to/uv.' >&2; exit 2; }

resolve() { # file, further arguments
    file=$1
    shift
    "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --only-binary :all: \
        --fork-strategy fewest --generate-hashes --no-annotate --no-header \
        --no-emit-index-url --no-emit-find-links --no-emit-package easyautoml-ledger-client \
        --output-file "$file" "$@"
    echo "lock: $file, $(grep -c '==' "$file") packages"
}

resolve requirements.lock "$@"
resolve requirements-embedded.lock --extra embedded --constraint requirements.lock
resolve requirements-dev.lock --extra embedded --group dev --constraint requirements-embedded.lock
