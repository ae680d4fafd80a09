"""The state directory: its location, its lock, and the files in it.

    data and programs of the servers        postgres/  kafka/
    output of every process                 logs/<name>.log
    process ids of the started processes    run/<name>.pid
    passwords and the secret key            secrets.json (0600)
    addresses of the running servers        environment.json (0600, only while they run)

No permission is changed outside this directory, and its own only when it is created here.
"""

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from stack.errors import StackError

PROJECT = Path(__file__).resolve().parent.parent

# Other users may pass through the directory, so that a server can run as another user, but not list it.
_PASSABLE = 0o711


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The secrets of a state directory, generated once. They never leave this machine."""

    owner_password: str
    service_password: str
    secret_key: str


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return `LEDGER_STATE_DIR`, or else `.state` in the project; for root, a directory under /var/lib.

    The default for root is outside the project, because PostgreSQL refuses to run as root, and another
    user cannot reach files in a home directory that only root may enter.
    """
    given = environ.get("LEDGER_STATE_DIR")
    if given:
        return Path(given).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/easyautoml-ledger") / hashlib.sha256(bytes(PROJECT)).hexdigest()[:12]
    return PROJECT / ".state"


def make_directory(directory: Path) -> Path:
    """Create the directory if it is missing, passable for other users, and check that it is writable.

    Raises `StackError`.
    """
    try:
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o755, exist_ok=True)
            path.chmod(_PASSABLE if path == directory else 0o755)
        with tempfile.TemporaryFile(dir=directory):
            pass
        for name in ("logs", "run"):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StackError(
            f"the state directory {directory} cannot be used: {reason}; "
            "choose another with LEDGER_STATE_DIR.",
        ) from error
    return directory


def make_temporary_directory() -> Path:
    """Create a temporary directory that a server of another user can pass through."""
    base = Path(tempfile.gettempdir())
    if os.geteuid() == 0 and not _everyone_can_pass(base):
        base = Path("/tmp")  # noqa: S108 (TMPDIR is in a home directory that only root may enter)
    directory = Path(tempfile.mkdtemp(prefix="ledger-", dir=base))
    directory.chmod(_PASSABLE)
    return make_directory(directory)


def _everyone_can_pass(directory: Path) -> bool:
    resolved = directory.resolve()
    return all(path.stat().st_mode & 0o001 for path in (resolved, *resolved.parents))


def acquire_lock(directory: Path) -> IO[str]:
    """Lock the state directory until the file is closed or the process ends. Raises `StackError`."""
    lock = (directory / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StackError(
            f"the ledger is already running from {directory} (process {holder}); stop it first, "
            "or choose another directory with LEDGER_STATE_DIR.",
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def read_secrets(directory: Path) -> Secrets:
    """Return the secrets of this state directory; the first call generates them. Raises `StackError`."""
    path = directory / "secrets.json"
    if not path.exists():
        if (directory / "postgres" / "data").exists():
            raise StackError(
                f"{path} is missing, and the database cannot be opened without it; "
                "restore it, or choose another directory with LEDGER_STATE_DIR.",
            )
        generated = Secrets(
            owner_password=secrets.token_urlsafe(24),
            service_password=secrets.token_urlsafe(24),
            secret_key=secrets.token_urlsafe(48),
        )
        _write_private(path, asdict(generated))
        return generated
    try:
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StackError(
            f"{path} cannot be read; restore it, or choose another directory with LEDGER_STATE_DIR."
        ) from error


def write_environment(directory: Path, environment: Mapping[str, str]) -> None:
    """Store the settings of the running ledger, so that `manage.py` works from another terminal."""
    _write_private(directory / "environment.json", dict(environment))


def delete_environment(directory: Path) -> None:
    (directory / "environment.json").unlink(missing_ok=True)


def running_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the ledger that `make run` started here; empty if it is not running."""
    try:
        content = (state_directory(environ) / "environment.json").read_text(encoding="utf-8")
    except OSError:
        return {}
    found: dict[str, str] = json.loads(content)
    return found


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
    new.replace(path)
