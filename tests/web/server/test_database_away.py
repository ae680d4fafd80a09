"""A database that is away is given up soon: requests are answered 503 instead of being kept waiting."""

import socket
from typing import Any

import psycopg2
import pytest
from django.db.backends.postgresql.base import DatabaseWrapper

from config.setting_values import database
from stack import Stack
from stack.ports import wait_until
from tests.web.server.conftest import Server

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: anything\r\n\r\n"


def parameters(url: str) -> dict[str, Any]:
    """Return the parameters with which the service connects."""
    settings = {**database(url), "TIME_ZONE": "UTC", "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True}
    found: dict[str, Any] = DatabaseWrapper(settings).get_connection_params()
    return found


def test_a_server_that_accepts_a_connection_and_says_nothing_is_given_up() -> None:
    """Without a limit this would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://anyone@127.0.0.1:{silent.getsockname()[1]}/any"
        with pytest.raises(psycopg2.OperationalError, match="timeout expired"):
            psycopg2.connect(**parameters(url))


def test_a_connection_notices_within_seconds_that_its_server_is_gone() -> None:
    """The system sends probes on it, and gives up what is not acknowledged. A URL can say otherwise."""
    found = parameters("postgresql://anyone@127.0.0.1/any?connect_timeout=9")
    assert found["connect_timeout"] == "9"
    assert [found[name] for name in ("tcp_user_timeout", "keepalives_idle", "keepalives_interval")] == [
        "3000",
        "1",
        "1",
    ]


def test_a_killed_database_is_503_and_then_operations_are_recorded_again() -> None:
    """Three times in a row; the web server needs no restart."""
    with Stack(durable=False, kafka=None) as stack:
        key = stack.setup().partition("/services/marketplace: ")[2].split()[0]
        stack.start("web")
        stack.wait_for_web()
        server = Server(stack, int(stack.environment["LEDGER_WEB_PORT"]), key)

        def status() -> int:
            return server.ask(server.posting(server.top_up())).status

        assert wait_until(lambda: status() == 201, seconds=60)
        for _ in range(3):
            assert stack.postgres is not None
            stack.postgres.kill()
            assert status() == 503
            assert server.ask(LIVEZ).status == 200
            stack.postgres.start()
            assert wait_until(lambda: status() == 201, seconds=60)
