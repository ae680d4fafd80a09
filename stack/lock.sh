#!/bin/sh
# Resolves pyproject.toml into the lock files, with hashes, for every platform and Python from 3.11 on.
# The larger ones are held to what the smaller ones chose. UV names another uv.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
command -v "$uv" >/dev/null || { echo 'lock: uv was not found; install it, or name it with UV=/path/to/uv.' >&2; exit 2; }

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
