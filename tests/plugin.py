"""Starts the embedded servers for the tests, before Django's settings are loaded.

PostgreSQL is started once for a run: with pytest-xdist by the controller, whose workers inherit its
address. The first test that uses the fixture `kafka` starts a broker; each worker has its own, because
topics have fixed names. If DATABASE_URL or KAFKA_BOOTSTRAP_SERVERS is set, the tests use that server; the
database role must be a superuser there.

LEDGER_TEST_KAFKA=apache runs the same tests on Apache Kafka.
"""

import os
import secrets
from collections.abc import Collection, Generator, Iterable, Iterator

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from stack import Stack, StackError
from stack.ports import free_port
from tests.skips import how_to_get, summary

# The address that was chosen here. An xdist worker inherits it and must choose another.
_CHOSEN = "TEST_KAFKA_BOOTSTRAP_SERVERS"

# The fixtures of pytest-django that open the database.
_DATABASE = frozenset({"db", "transactional_db", "django_db_setup", "live_server"})

_stack = pytest.StashKey[Stack]()

settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    parent=settings.get_profile("default"),
    # CI tests every change with the same examples; `nightly` looks for new ones.
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", parent=settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Start servers before pytest-django's own hook, which imports the settings."""
    # xdist's workers must agree on the order of the tests, which may come out of a set. The header shows it.
    os.environ.setdefault("PYTHONHASHSEED", str(secrets.randbelow(2**32)))
    # On a slow machine a transaction may take longer than the usual timeouts: tests of locks set their own.
    os.environ.setdefault("LEDGER_LOCK_TIMEOUT_SHARED_MS", "30000")
    os.environ.setdefault("LEDGER_LOCK_TIMEOUT_ALONE_MS", "30000")
    os.environ.setdefault("LEDGER_SECRET_KEY", "only-for-tests-" + "0" * 32)
    if "DATABASE_URL" not in os.environ:
        try:
            stack = Stack(kafka=None, durable=False).open()
        except StackError as error:
            raise pytest.UsageError(f"the tests' own PostgreSQL: {error}") from error
        early_config.stash[_stack] = stack
        early_config.add_cleanup(stack.close)
        # Tests create and empty databases as the owner. Some tests also try the role of the service.
        os.environ["DATABASE_URL"] = os.environ["DATABASE_OWNER_URL"] = stack.environment[
            "DATABASE_OWNER_URL"
        ]
        os.environ["DATABASE_SERVICE_URL"] = stack.environment["DATABASE_URL"]
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS") == os.environ.get(_CHOSEN):
        # No broker listens there until a test needs it, but the settings already name the address.
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = os.environ[_CHOSEN] = f"127.0.0.1:{free_port()}"
    return (yield)


def pytest_report_header() -> str:
    return f"workers: PYTHONHASHSEED={os.environ['PYTHONHASHSEED']}"


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark each test by how it works, for `-m unit` or `-m "not kafka"`."""
    for item in items:
        for kind in _kinds(item):
            item.add_marker(kind)


def _kinds(item: pytest.Item) -> Iterator[str]:
    fixtures: Collection[str] = getattr(item, "fixturenames", ())
    tests_servers = "kafka" in fixtures or item.get_closest_marker("faults") is not None
    if "kafka" in fixtures:
        yield "kafka"
    if "browser" in fixtures:
        yield "browser"
    test = getattr(item, "obj", None)
    if is_hypothesis_test(test):
        yield "stateful" if hasattr(test, "_hypothesis_state_machine_class") else "property"
    needs_database = not _DATABASE.isdisjoint(fixtures) or item.get_closest_marker("django_db") is not None
    yield "integration" if tests_servers or needs_database else "unit"


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Return the address of a running broker, embedded or Apache Kafka; the settings name the same."""
    address = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    if address != os.environ.get(_CHOSEN):
        yield address
        return
    kind = os.environ.get("LEDGER_TEST_KAFKA") or "embedded"
    if kind not in {"embedded", "apache"}:
        raise pytest.UsageError(f"LEDGER_TEST_KAFKA is {kind!r}, and not `embedded` or `apache`")
    with Stack(postgres=False, kafka=None) as stack:
        yield stack.start_kafka(
            "apache" if kind == "apache" else "embedded", port=int(address.rpartition(":")[2])
        )


@pytest.fixture(autouse=True, scope="session")
def _emptying_may_truncate() -> Iterator[None]:
    """Let Django empty append-only tables between tests that commit.

    Their triggers refuse every TRUNCATE. A superuser may disable triggers within one transaction, which
    the service's own role may not.
    """
    from django.conf import settings as django_settings

    if not django_settings.configured:  # the stack's own tests also run without Django
        yield
        return
    from django.db.backends.postgresql.operations import DatabaseOperations

    original = DatabaseOperations.execute_sql_flush

    def execute(self: DatabaseOperations, sql_list: Iterable[str]) -> None:
        original(self, ["SET LOCAL session_replication_role = replica;", *sql_list])

    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseOperations, "execute_sql_flush", execute)
    yield
    patch.undo()


def _skip_reasons(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of xdist
        return []
    places = [report.longrepr for report in reporter.stats.get("skipped", [])]
    return [str(place[2]).removeprefix("Skipped: ") for place in places if isinstance(place, tuple)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI (TESTS_SKIPS_LISTED=1) if a test was skipped for a reason that is not on the list."""
    if os.environ.get("TESTS_SKIPS_LISTED") and any(
        how_to_get(reason) is None for reason in _skip_reasons(session.config)
    ):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was not tried, and how to get it."""
    for line in summary(_skip_reasons(terminalreporter.config)):
        terminalreporter.write_line(line)
