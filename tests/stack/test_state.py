"""The state directory: its location, permissions, lock and files."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stack import Stack, StackError
from stack.state import (
    PROJECT,
    acquire_lock,
    delete_environment,
    make_directory,
    read_secrets,
    running_environment,
    state_directory,
    write_environment,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")
not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def test_the_setting_names_the_directory() -> None:
    """LEDGER_STATE_DIR has precedence."""
    assert state_directory({"LEDGER_STATE_DIR": "/somewhere/else"}) == Path("/somewhere/else")


@pytest.mark.parametrize("user", [0, 1000])
def test_without_the_setting_it_depends_on_the_user(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the project, but for root in a directory that another user can reach."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    found = state_directory({})
    if user == 0:
        assert found.parent == Path("/var/lib/easyautoml-ledger")
    else:
        assert found == PROJECT / ".state"


def test_a_file_instead_of_the_directory_raises(tmp_path: Path) -> None:
    """The error names the directory and the setting."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StackError, match=r"state cannot be used: .*LEDGER_STATE_DIR"):
        make_directory(tmp_path / "state")


@not_as_root
def test_a_read_only_directory_raises(tmp_path: Path) -> None:
    """Its permissions are not changed."""
    tmp_path.chmod(0o500)
    with pytest.raises(StackError, match="Permission denied"):
        make_directory(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o500


def test_an_existing_directory_keeps_its_permissions(tmp_path: Path) -> None:
    """Only a new directory is made passable for the server's user."""
    tmp_path.chmod(0o700)
    make_directory(tmp_path)
    made = make_directory(tmp_path / "deeper" / "state")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.stat().st_mode) == 0o711


def test_secrets_are_generated_once_and_are_private(tmp_path: Path) -> None:
    """There are three, and only their owner can read the file."""
    secrets = read_secrets(tmp_path)
    assert len({secrets.owner_password, secrets.service_password, secrets.secret_key}) == 3
    assert read_secrets(tmp_path) == secrets
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_missing_secrets_raise(tmp_path: Path) -> None:
    """New passwords would not open the existing database."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(StackError, match=r"secrets\.json is missing"):
        read_secrets(tmp_path)
    assert not (tmp_path / "secrets.json").exists()


def test_unreadable_secrets_raise(tmp_path: Path) -> None:
    """The file is not overwritten."""
    (tmp_path / "secrets.json").write_text('{"owner_pass')
    with pytest.raises(StackError, match=r"secrets\.json cannot be read"):
        read_secrets(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == '{"owner_pass'


def test_two_supervisors_do_not_share_a_directory(tmp_path: Path) -> None:
    """The error names the process that has the lock."""
    with acquire_lock(tmp_path), pytest.raises(StackError, match=f"already running .*process {os.getpid()}"):
        acquire_lock(tmp_path)
    acquire_lock(tmp_path).close()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    """A killed supervisor does not block the next one."""
    code = f"import os; from pathlib import Path; from stack.state import acquire_lock; x = acquire_lock(Path({str(tmp_path)!r})); os.kill(os.getpid(), 9)"  # noqa: E501
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    acquire_lock(tmp_path).close()


def test_the_environment_can_be_read_while_it_runs(tmp_path: Path) -> None:
    """The file is private and is deleted at the end."""
    environ = {"LEDGER_STATE_DIR": str(tmp_path)}
    assert running_environment(environ) == {}
    write_environment(tmp_path, {"DATABASE_URL": "postgresql://x"})
    assert running_environment(environ) == {"DATABASE_URL": "postgresql://x"}
    assert stat.S_IMODE((tmp_path / "environment.json").stat().st_mode) == 0o600
    delete_environment(tmp_path)
    assert running_environment(environ) == {}


@pytest.fixture
def private(directory: Path) -> Path:
    """A folder that only root may enter, like root's home directory."""
    home = directory / "home"
    home.mkdir(mode=0o700)
    return home


@as_root
def test_a_private_folder_raises_for_root(private: Path) -> None:
    """The user `nobody` cannot reach it, and its permissions are not changed."""
    modes = {path: path.stat().st_mode for path in (private, *private.parents)}
    with (
        pytest.raises(StackError, match=r"`nobody`, which cannot reach .*LEDGER_STATE_DIR"),
        Stack(private / "state", kafka=None, durable=False),
    ):
        pytest.fail("it started")
    assert {path: path.stat().st_mode for path in modes} == modes


@as_root
def test_for_root_the_server_runs_as_another_user(directory: Path) -> None:
    """No permission outside the state directory is changed."""
    outside = [*directory.parents, PROJECT, *PROJECT.parents, *Path(sys.executable).parents, Path.home()]
    modes = {path: path.stat().st_mode for path in outside}
    with Stack(directory / "state", kafka=None, durable=False):
        pid = int((directory / "state" / "run" / "postgres.pid").read_text().split()[0])
        owner = Path(f"/proc/{pid}").stat().st_uid
        assert owner == (directory / "state" / "postgres" / "data").stat().st_uid
        assert owner != 0
    assert {path: path.stat().st_mode for path in outside} == modes
