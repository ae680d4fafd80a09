"""Processes compete for table locks and works: one at a time gets it, and a dead holder loses it."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from models import MachineTableLockWrite, Work
from tests.models.children import finish, start

pytestmark = pytest.mark.django_db

COUNT = """
import datetime as dt, sys, time
from pathlib import Path
from models import MachineTableLockWrite
file, times = Path(sys.argv[1]), int(sys.argv[2])
for _ in range(times):
    with MachineTableLockWrite.hold("counter", wait=dt.timedelta(seconds=60)):
        number = int(file.read_text())
        time.sleep(0.002)
        file.write_text(str(number + 1))
"""

HOLD = """
import time
from models import MachineTableLockWrite
lock = MachineTableLockWrite.take("held")
print("held", flush=True)
time.sleep(600)
"""

TAKE = """
import datetime as dt
from models import MachineTableLockWrite
with MachineTableLockWrite.hold("held", wait=dt.timedelta(seconds=30), stale_after=dt.timedelta(seconds=1)):
    print("taken")
"""


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    """A list of processes that are killed after the test."""
    made: list[subprocess.Popen[str]] = []
    yield made
    for process in made:
        process.kill()
        process.communicate()


def test_processes_write_one_at_a_time(tmp_path: Path, processes: list["subprocess.Popen[str]"]) -> None:
    """Three processes count in one file, and no count is lost."""
    file = tmp_path / "count"
    file.write_text("0")
    code = COUNT.replace("sys.argv[1]", repr(str(file))).replace("sys.argv[2]", "20")
    processes.extend(start(code) for _ in range(3))
    for process in processes:
        finish(process, seconds=120)
    assert file.read_text() == "60"
    assert not MachineTableLockWrite.objects.filter(table_name="counter").exists()


def test_the_lock_of_a_killed_holder_expires(processes: list["subprocess.Popen[str]"]) -> None:
    """The next process breaks its lock once it is stale."""
    holder = start(HOLD)
    processes.append(holder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert MachineTableLockWrite.objects.filter(table_name="held").exists()
    taker = start(TAKE)
    processes.append(taker)
    assert finish(taker)[0] == "taken"
    assert not MachineTableLockWrite.objects.filter(table_name="held").exists()


def test_only_one_of_many_servers_gets_a_work(processes: list["subprocess.Popen[str]"]) -> None:
    """Eight threads try at the same moment."""
    made = start(
        "from models import *\n"
        "owner = User.objects.create_user(email='works@example.org')\n"
        "machine = Machine.objects.create(machine_name='M', machine_owner_user=owner)\n"
        "work = Work.objects.create(machine=machine, is_work_training=True,"
        " is_work_status_wait_for_server_start=True)\n"
        "print(work.pk)"
    )
    number = finish(made)[0]
    code = (
        "import threading\n"
        "from django.db import connection\n"
        "from models import Work\n"
        "from models.errors import TransitionRefused\n"
        "together, got = threading.Barrier(8), []\n"
        "def ask():\n"
        f"    work = Work.objects.get(pk={number})\n"
        "    together.wait()\n"
        "    try: work.start(); got.append(1)\n"
        "    except TransitionRefused: pass\n"
        "    connection.close()\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "print(len(got))\n"
    )
    try:
        assert finish(start(code))[0] == "1"
        assert Work.objects.get(pk=number).status == "server_processing"
    finally:
        finish(
            start(f"from models import *\nWork.objects.get(pk={number}).machine.machine_owner_user.delete()")
        )
    assert connection.vendor == "postgresql"
