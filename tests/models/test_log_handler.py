"""The log handler fills the table and has no effect on its callers."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction

from models import EasyAutoMLLogger
from models.log_handler import DatabaseLogHandler
from tests.models.children import ROOT, finish, start

pytestmark = pytest.mark.django_db


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("not to be printed")


class Chatty:
    def __init__(self, log: logging.Logger) -> None:
        self.log = log

    def __str__(self) -> str:
        self.log.error("I am being printed")
        return "chatty"


@pytest.fixture
def handler() -> Iterator[DatabaseLogHandler]:
    made = DatabaseLogHandler()
    yield made
    made.close()
    # The lines were committed by another connection, so another connection has to delete them.
    cleaning = threading.Thread(target=_remove_lines)
    cleaning.start()
    cleaning.join()


@pytest.fixture
def log(handler: DatabaseLogHandler) -> logging.Logger:
    """A logger without parents, so that no other handlers take part."""
    logger = logging.Logger("ledger.test")  # noqa: LOG001 - it must not have a parent
    logger.addHandler(handler)
    return logger


def _remove_lines() -> None:
    EasyAutoMLLogger.objects.all().delete()
    connection.close()


def lines(handler: DatabaseLogHandler) -> list[EasyAutoMLLogger]:
    """Return the lines in the table after everything is written."""
    handler.flush()
    return list(EasyAutoMLLogger.objects.order_by("id"))


def test_a_line_is_stored_with_its_origin(log: logging.Logger, handler: DatabaseLogHandler) -> None:
    """All nine columns are filled."""
    log.warning("%s of %d", "three", 7)
    (line,) = lines(handler)
    assert (line.level, line.logger, line.message) == ("WARNING", "ledger.test", "three of 7")
    assert line.main_module == "test_log_handler"
    assert line.main_function == "test_a_line_is_stored_with_its_origin"
    assert line.traceback == ""
    assert line.host_name != ""
    assert line.timestamp.tzinfo is not None
    assert str(line) == "WARNING ledger.test: three of 7"


def test_an_exception_is_stored_with_its_traceback(log: logging.Logger, handler: DatabaseLogHandler) -> None:
    """So is a stack that was asked for."""
    try:
        int("nothing")
    except ValueError:
        log.exception("failed")
    log.error("here", stack_info=True)
    failed, here = lines(handler)
    assert "ValueError: invalid literal" in failed.traceback
    assert "test_an_exception_is_stored_with_its_traceback" in here.traceback


def test_lines_are_stored_in_order(log: logging.Logger, handler: DatabaseLogHandler) -> None:
    """There are more lines than the writer stores at once."""
    for number in range(450):
        log.error("%d", number)
    assert [line.message for line in lines(handler)] == [str(number) for number in range(450)]


def test_a_line_is_kept_when_the_transaction_is_rolled_back(
    log: logging.Logger, handler: DatabaseLogHandler
) -> None:
    """The transaction fails in Python or in the database."""
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012 - logged, then failed
        log.error("before it failed")
        raise ZeroDivisionError
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            cursor.execute("select * from no_such_table")
        except DatabaseError:
            log.exception("in a broken transaction")
        transaction.set_rollback(True)
    assert [line.message for line in lines(handler)] == ["before it failed", "in a broken transaction"]


def test_a_message_that_cannot_be_formatted_does_not_fail_the_caller(
    log: logging.Logger, handler: DatabaseLogHandler
) -> None:
    """The stored line says so."""
    log.error("%d", "no number")
    log.error("value: %s", Unprintable())
    log.error(Unprintable())
    assert [line.message for line in lines(handler)] == [
        "%d (its arguments could not be printed: TypeError)",
        "value: %s (its arguments could not be printed: RuntimeError)",
        "Unprintable (its arguments could not be printed: RuntimeError)",
    ]


def test_characters_that_the_database_cannot_store_are_replaced(
    log: logging.Logger, handler: DatabaseLogHandler
) -> None:
    """NUL and lone surrogates are replaced, and the other lines of the batch are stored too."""
    log.error("before")
    log.error("a\x00b\ud800c")
    log.error("after")
    assert [line.message for line in lines(handler)] == ["before", "a\ufffdb?c", "after"]


def test_an_argument_that_logs_does_not_recurse(log: logging.Logger, handler: DatabaseLogHandler) -> None:
    """While it is formatted, its own records are dropped."""
    log.error("%s", Chatty(log))
    assert [line.message for line in lines(handler)] == ["chatty"]


def test_writing_does_not_log_itself(handler: DatabaseLogHandler, settings: LazySettings) -> None:
    """Django logs every query here, but not those of the writer."""
    settings.DEBUG = True
    root, queries = logging.getLogger(), logging.getLogger("django.db.backends")
    level = queries.level
    root.addHandler(handler)
    queries.setLevel(logging.DEBUG)
    try:
        logging.getLogger("elsewhere").error("once")
        handler.flush()
        handler.flush()
    finally:
        root.removeHandler(handler)
        queries.setLevel(level)
    messages = list(EasyAutoMLLogger.objects.values_list("message", flat=True))
    assert messages.count("once") == 1
    assert not [message for message in messages if "INSERT" in message]


def test_a_full_queue_drops_lines_and_does_not_block(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the table is locked the caller continues; dropped lines are printed and counted."""
    small = DatabaseLogHandler(capacity=2)
    log.addHandler(small)
    log.removeHandler(log.handlers[0])
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("lock table models_easyautomllogger in access exclusive mode")
            # The writer takes some lines from the queue before it has to wait for the table.
            for number in range(500):
                log.error("%d", number)
            transaction.set_rollback(True)
        small.flush()
        stored = EasyAutoMLLogger.objects.count()
    finally:
        log.removeHandler(small)
        small.close()
    assert small.lost > 0
    assert stored + small.lost == 500
    assert capsys.readouterr().err.count("not in the log table (the queue is full)") == small.lost


def test_a_lost_connection_is_replaced(log: logging.Logger, handler: DatabaseLogHandler) -> None:
    """The line is stored on the second attempt."""
    log.error("first")
    handler.flush()
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
            " and query ilike '%%easyautomllogger%%'"
        )
    log.error("second")
    assert [line.message for line in lines(handler)] == ["first", "second"]
    assert handler.lost == 0


def test_the_writer_ends_when_it_is_idle(log: logging.Logger, handler: DatabaseLogHandler) -> None:
    """Its connection is closed, and the next line starts it again."""
    log.error("first")
    handler.flush()
    writer = handler._writer
    assert writer is not None
    writer.join(10)
    assert not writer.is_alive()
    log.error("second")
    assert [line.message for line in lines(handler)] == ["first", "second"]


ATTACH = """
import logging, os
from models.log_handler import DatabaseLogHandler
handler = DatabaseLogHandler(); log = logging.getLogger("child"); log.addHandler(handler)
"""


def test_the_last_lines_are_stored_before_the_process_ends(handler: DatabaseLogHandler) -> None:
    """No call of flush() is needed."""
    finish(start(ATTACH + "log.error('last words')"))
    assert [line.message for line in lines(handler)] == ["last words"]


def test_a_forked_process_writes_its_own_lines(handler: DatabaseLogHandler) -> None:
    """Each line is stored once."""
    code = (
        "log.error('parent'); handler.flush()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    log.error('child'); logging.shutdown(); os._exit(0)\n"
        "os.waitpid(pid, 0); log.error('parent again')\n"
    )
    finish(start(ATTACH + code))
    assert [line.message for line in lines(handler)] == ["parent", "child", "parent again"]


def test_a_database_that_is_down_drops_lines_and_does_not_fail_callers() -> None:
    """The lines go to standard error, and the process succeeds."""
    code = "log.error('lost'); handler.flush(); print(handler.lost)"
    out, err = finish(
        start(ATTACH + code, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    )
    assert out == "1"
    assert "not in the log table (OperationalError" in err
    assert "ERROR child: lost" in err


def test_the_handler_can_be_named_in_the_settings(tmp_path: Path) -> None:
    """Django sets logging up before it loads the table."""
    (tmp_path / "here.py").write_text(
        "from models.settings import *\n"
        f"DATABASES['default']['NAME'] = {str(tmp_path / 'db.sqlite3')!r}\n"
        "LOGGING = {'version': 1,"
        " 'handlers': {'table': {'class': 'models.log_handler.DatabaseLogHandler'}},"
        " 'root': {'handlers': ['table']}}\n"
    )
    code = (
        "import logging\n"
        "from django.core.management import call_command\n"
        "call_command('migrate', verbosity=0)\n"
        "logging.getLogger('x').error('hello')\n"
        "logging.getLogger().handlers[0].flush()\n"
        "from models import EasyAutoMLLogger\n"
        "print(EasyAutoMLLogger.objects.get().message)"
    )
    process = start(code, PYTHONPATH=f"{tmp_path}:{ROOT}", DJANGO_SETTINGS_MODULE="here")
    assert finish(process)[0] == "hello"
