"""Programs from npm, for the tests that use them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

NOT_INSTALLED: Final = "node and npm are not installed"
NOT_REACHABLE: Final = "npm cannot reach its registry"

_is_network_error = re.compile(
    r"\b(EAI_AGAIN|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b"
).search


def install(folder: Path) -> None:
    """Install the packages of a folder's `package-lock.json` into the folder.

    Skips the test without npm, or if its registry cannot be reached. Any other failure fails it.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(NOT_INSTALLED)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and _is_network_error(done.stderr):
        pytest.skip(NOT_REACHABLE)
    assert done.returncode == 0, done.stderr
