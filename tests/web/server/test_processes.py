"""Several processes of the web server: they share the limits, replace each other and stop gracefully."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import psycopg2
import pytest

from stack import Stack
from stack.ports import is_free, wait_until
from tests.web.server.conftest import Answer, Server, is_closed, serve

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: anything\r\n\r\n"
THREE = {"WEB_CONCURRENCY": "3", "LEDGER_CONNECTIONS_PER_ADDRESS_MAX": "12"}


def processes(parent: int) -> list[int]:
    """Return the children of a process."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(number) for number in found.split()]


def test_processes_share_the_limit_of_an_address(stack: tuple[Stack, str]) -> None:
    """Whichever accepts a connection counts it for all; the connections of a killed process are forgotten."""
    server = serve(stack, "three", THREE)
    parent = stack[0].workers["web-three"].pid
    first = processes(parent)
    assert len(first) == 3
    with ExitStack() as opened:
        mine = [opened.enter_context(server.connect("127.0.0.2")) for _ in range(12)]
        for connection in mine:
            connection.sendall(LIVEZ)
            assert Answer.read(connection).status == 200
        assert server.ask(LIVEZ, "127.0.0.2").code == "overloaded"
        assert server.ask(LIVEZ, "127.0.0.3").status == 200

        for process in first:
            os.kill(process, signal.SIGKILL)
        assert all(is_closed(connection) for connection in mine)
        assert wait_until(lambda: not set(processes(parent)) & set(first), seconds=30)
    assert wait_until(lambda: len(processes(parent)) == 3, seconds=60)
    assert server.ask(LIVEZ, "127.0.0.2").status == 200
    assert server.ask(server.posting(server.top_up())).status == 201


def test_requests_that_have_arrived_are_answered_before_a_process_stops(stack: tuple[Stack, str]) -> None:
    """A new connection is refused meanwhile. What is posted is answered, so no client has to ask again."""
    server = serve(stack, "stopped", {"LEDGER_LOCK_TIMEOUT_ALONE_MS": "60000"})
    worker = stack[0].workers["web-stopped"]
    assert server.ask(server.posting(server.top_up())).status == 201
    answers: list[int] = []
    posted = "select count(*) from events_event"
    before = server.query(posted)
    asking = Thread(target=lambda: answers.append(server.ask(server.posting(server.top_up())).status))
    locking = psycopg2.connect(stack[0].environment["DATABASE_OWNER_URL"])
    with locking, locking.cursor() as cursor:
        cursor.execute("lock table events_key in share mode")
        asking.start()
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        assert wait_until(lambda: server.query(waiting) == 1, seconds=30)
        worker.request_stop()
        assert wait_until(lambda: is_free(server.port), seconds=30)
        assert answers == []
    locking.close()
    asking.join()
    assert answers == [201]
    assert server.query(posted) == before + 1
    assert worker.wait(30) == 0


def test_a_body_that_only_trickles_is_refused(stack: tuple[Stack, str]) -> None:
    """Long before its time is over: it must arrive at 1 KiB/s at least. One that does is waited for."""
    server: Server = serve(stack, "trickle", {"LEDGER_BODY_SECONDS": "3600", "LEDGER_IDLE_SECONDS": "3600"})
    with server.connect() as slow, server.connect() as steady:
        slow.sendall(server.posting(b"x", length=1_000_000))
        steady.sendall(server.posting(b"x", length=4_000_000))
        slow.settimeout(0.2)
        answer = b""
        while not answer:
            steady.sendall(b"x" * 10_000)
            try:
                slow.sendall(b"x")
                answer = slow.recv(1 << 20)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"request_timeout" in answer
        steady.settimeout(0.2)
        with pytest.raises(TimeoutError):  # it is neither answered nor closed
            steady.recv(1 << 20)
