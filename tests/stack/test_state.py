"""The state directory: where it is, and what is left alone."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stack import Stack, StackError
from stack.state import (
    PROJECT,
    make_directory,
    publish_environment,
    read_secrets,
    running_environment,
    state_directory,
    take_lock,
    withdraw_environment,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")
as_person = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def test_the_setting_names_the_directory() -> None:
    """LEDGER_STATE_DIR goes before everything."""
    assert state_directory({"LEDGER_STATE_DIR": "/somewhere/else"}) == Path("/somewhere/else")


@pytest.mark.parametrize("user", [0, 1000])
def test_without_the_setting_it_depends_on_who_starts_it(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """People keep it in the project; root keeps it where a server that is not root can reach it."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    found = state_directory({})
    if user == 0:
        assert found.parent == Path("/var/lib/easyautoml-ledger")
    else:
        assert found == PROJECT / ".state"


def test_a_file_in_its_place_is_one_sentence(tmp_path: Path) -> None:
    """The sentence names the directory and the way out."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StackError, match=r"state cannot be used: .*LEDGER_STATE_DIR"):
        make_directory(tmp_path / "state")


@as_person
def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """Nothing is changed to make it work."""
    tmp_path.chmod(0o500)
    with pytest.raises(StackError, match="Permission denied"):
        make_directory(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o500


def test_a_directory_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    """Only what is made here is opened for the server's user to pass through."""
    tmp_path.chmod(0o700)
    make_directory(tmp_path)
    made = make_directory(tmp_path / "deeper" / "state")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.stat().st_mode) == 0o711


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    """Three different ones, the same at the next call, readable by their owner alone."""
    secrets = read_secrets(tmp_path)
    assert len({secrets.owner_password, secrets.service_password, secrets.secret_key}) == 3
    assert read_secrets(tmp_path) == secrets
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_lost_secrets_are_one_sentence(tmp_path: Path) -> None:
    """New passwords would not open the database that is there."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(StackError, match=r"secrets\.json is missing"):
        read_secrets(tmp_path)
    assert not (tmp_path / "secrets.json").exists()


def test_unreadable_secrets_are_one_sentence(tmp_path: Path) -> None:
    """A half-written file is not overwritten."""
    (tmp_path / "secrets.json").write_text('{"owner_pass')
    with pytest.raises(StackError, match=r"secrets\.json cannot be read"):
        read_secrets(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == '{"owner_pass'


def test_two_supervisors_do_not_share_a_directory(tmp_path: Path) -> None:
    """The second is told which process holds it; once that has gone it may."""
    with take_lock(tmp_path), pytest.raises(StackError, match=f"already running .*process {os.getpid()}"):
        take_lock(tmp_path)
    take_lock(tmp_path).close()


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    """A supervisor that was killed does not keep the next one out."""
    code = f"import os; from pathlib import Path; from stack.state import take_lock; x = take_lock(Path({str(tmp_path)!r})); os.kill(os.getpid(), 9)"  # noqa: E501
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    take_lock(tmp_path).close()


def test_another_terminal_finds_what_is_running(tmp_path: Path) -> None:
    """While it runs, and not after."""
    environ = {"LEDGER_STATE_DIR": str(tmp_path)}
    assert running_environment(environ) == {}
    publish_environment(tmp_path, {"DATABASE_URL": "postgresql://x"})
    assert running_environment(environ) == {"DATABASE_URL": "postgresql://x"}
    assert stat.S_IMODE((tmp_path / "environment.json").stat().st_mode) == 0o600
    withdraw_environment(tmp_path)
    assert running_environment(environ) == {}


@pytest.fixture
def private(directory: Path) -> Path:
    """A folder that only root may enter, like root's home."""
    made = directory / "home"
    made.mkdir(mode=0o700)
    return made


@as_root
def test_root_is_told_where_the_server_cannot_reach(private: Path) -> None:
    """Below a private folder PostgreSQL cannot run as nobody, and the folder is not opened for it."""
    modes = {path: path.stat().st_mode for path in (private, *private.parents)}
    with (
        pytest.raises(StackError, match=r"nobody cannot reach .*LEDGER_STATE_DIR"),
        Stack(private / "state", kafka=None, durable=False),
    ):
        pytest.fail("it started")
    assert {path: path.stat().st_mode for path in modes} == modes


@as_root
def test_root_starts_a_server_that_is_not_root_and_changes_no_permission(directory: Path) -> None:
    """The server runs as nobody, and every folder outside of the state directory is as before."""
    outside = [*directory.parents, PROJECT, *PROJECT.parents, *Path(sys.executable).parents, Path.home()]
    modes = {path: path.stat().st_mode for path in outside}
    with Stack(directory / "state", kafka=None, durable=False):
        pid = int((directory / "state" / "run" / "postgres.pid").read_text().split()[0])
        owner = Path(f"/proc/{pid}").stat().st_uid
        assert owner == (directory / "state" / "postgres" / "data").stat().st_uid
        assert owner != 0
    assert {path: path.stat().st_mode for path in outside} == modes
