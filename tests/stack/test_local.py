"""The stack as one object."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from stack import Stack, StackError
from stack.broker import speaks_kafka
from stack.pids import started_at
from stack.ports import is_free, wait_until
from stack.state import PROJECT
from stack.workers import programs, worker_environment


def test_it_starts_the_servers_and_leaves_nothing() -> None:
    """Ports and directory are free and deleted afterwards."""
    with Stack(durable=False, environment={"LEDGER_LOG_LEVEL": "WARNING"}) as stack:
        directory, port = stack.directory, stack.postgres.port if stack.postgres else 0
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
            psycopg2.connect(stack.environment[name]).close()
        assert speaks_kafka(int(stack.environment["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2]))
        assert len(stack.environment["LEDGER_SECRET_KEY"]) >= 32
        assert stack.environment["LEDGER_LOG_LEVEL"] == "WARNING"
        assert stack.web_url == f"http://127.0.0.1:{stack.environment['LEDGER_WEB_PORT']}"
    assert not directory.exists()
    assert is_free(port)


@pytest.mark.parametrize("quit_is", ["SIG_DFL", "SIG_IGN"])
def test_it_is_cleaned_up_after_its_owner_is_killed(quit_is: str) -> None:
    """The servers are stopped and the directory is deleted, also if SIGQUIT is ignored."""
    code = f"""
import os, signal
from stack import Stack
signal.signal(signal.SIGQUIT, signal.{quit_is})
stack = Stack(durable=False).open()
print(stack.directory, stack.postgres._child.pid, stack.broker._child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    directory, *pids = killed.stdout.split()
    assert wait_until(lambda: not Path(directory).exists(), seconds=15)
    assert wait_until(lambda: [started_at(int(pid)) for pid in pids] == ["", ""], seconds=15)


def test_a_given_directory_stays(directory: Path) -> None:
    """The next stack in the directory finds the data."""
    for expected in ("", "7"):
        with Stack(directory, kafka=None, durable=False) as stack:
            assert stack.postgres is not None
            stack.postgres.sql("create table if not exists kept (at int)")
            assert stack.postgres.sql("select max(at) from kept") == expected
            stack.postgres.sql("insert into kept values (7)")


def test_without_a_broker_there_is_no_address() -> None:
    """There is one after `start_kafka`."""
    with Stack(postgres=False, kafka=None) as stack:
        with pytest.raises(StackError, match="without a broker"):
            _ = stack.bootstrap_servers
        assert stack.start_kafka() == stack.bootstrap_servers == stack.environment["KAFKA_BOOTSTRAP_SERVERS"]


def test_a_failed_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL is stopped if the broker does not start."""
    opened: list[Stack] = []

    def fail(self: Stack, *_: object) -> str:
        opened.append(self)
        raise StackError("no broker today")

    monkeypatch.setattr(Stack, "start_kafka", fail)
    with pytest.raises(StackError, match="no broker today"):
        Stack(durable=False).open()
    assert opened[0].postgres is None
    assert not opened[0].directory.exists()


def test_workers_stop_in_order() -> None:
    """The processes that accept requests are first."""
    assert list(programs({})) == ["web", "ingest", "relay", "expire", "project"]


def test_the_web_server_listens_on_the_configured_address() -> None:
    """An IPv6 address is in brackets."""
    argv = programs({"LEDGER_WEB_HOST": "::1", "LEDGER_WEB_PORT": "81"})["web"].argv
    assert argv[argv.index("--bind") + 1] == "[::1]:81"


def test_with_the_embedded_broker_ingest_uses_no_group_and_drains_the_topics() -> None:
    """That broker assigns partitions slowly, and loses unread messages when it stops."""
    assert programs({})["ingest"].argv[-1] == "ingest"
    assert programs({}, embedded_broker=True)["ingest"].argv[-4:] == ("ingest", "--alone", "--drain", "7")


def test_no_worker_has_the_owners_password() -> None:
    """Only setup needs it."""
    given = {"DATABASE_URL": "service", "DATABASE_OWNER_URL": "owner", "PATH": os.defpath}
    assert worker_environment(given) == {"DATABASE_URL": "service", "PATH": os.defpath}


def test_an_instance_is_named_after_its_program() -> None:
    """The name decides when it is stopped."""
    with Stack(postgres=False, kafka=None) as stack, pytest.raises(StackError, match="ingest-something"):
        stack.start("ingest", instance="second")


def test_a_failed_command_raises_with_its_output() -> None:
    """With `check=False` it returns instead."""
    with Stack(postgres=False, kafka=None, environment={"DATABASE_URL": "mysql://x/y"}) as stack:
        with pytest.raises(StackError, match=r"(?s)`manage.py check` failed:.*postgresql://"):
            stack.manage("check")
        assert stack.manage("check", check=False).returncode != 0


def test_the_stack_needs_no_django() -> None:
    """It imports none of the ledger's dependencies."""
    code = "import sys, stack.__main__; print({'django', 'psycopg2', 'kafka'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
