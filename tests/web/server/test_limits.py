"""What a client cannot do to the web server: hold it by connecting, by sending slowly, or by not reading."""

import re
import socket
from contextlib import ExitStack
from select import select
from threading import Thread

import psycopg2
import pytest

from stack.ports import wait_until
from tests.web.server.conftest import Answer, Server, is_closed

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: anything\r\n\r\n"
UNKNOWN_KEY = b"ledger_00000000_" + b"x" * 43  # it is looked up each time
HALF_HEADERS = b"GET /livez HTTP/1.1\r\nHost: loc"


def test_connections_above_the_limits_are_refused(few: Server) -> None:
    """The client reads 503 `overloaded`; a connection that closes makes room. Both limits count."""
    with ExitStack() as opened:
        mine = [opened.enter_context(few.connect("127.0.0.2")) for _ in range(70)]
        for connection in mine:
            connection.sendall(LIVEZ)
            assert Answer.read(connection).status == 200
        refused = few.ask(LIVEZ, "127.0.0.2")
        assert (refused.status, refused.code) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["connection"] == "close"

        for _ in range(20):
            other = opened.enter_context(few.connect("127.0.0.3"))
            other.sendall(LIVEZ)
            assert Answer.read(other).status == 200
        assert few.ask(LIVEZ, "127.0.0.4").code == "overloaded"

        mine[0].close()
        assert wait_until(lambda: few.ask(LIVEZ, "127.0.0.4").status == 200, seconds=30)
        mine[1].sendall(LIVEZ)
        assert Answer.read(mine[1]).status == 200


def test_bodies_that_are_held_together_are_limited(few: Server) -> None:
    """65 of 1,023 bytes are more than 64 KiB: the last is refused, although each is small enough."""
    with ExitStack() as opened:
        held = [opened.enter_context(few.connect("127.0.0.5")) for _ in range(65)]
        for connection in held:
            connection.sendall(few.posting(b"x" * 1023, length=1024))
        ready, _, _ = select(held, [], [], 30)
        assert {Answer.read(connection).code for connection in ready} == {"overloaded"}
    assert wait_until(lambda: few.ask(few.posting(few.top_up())).status == 201, seconds=30)


def test_an_answer_that_takes_too_long_is_given_up(few: Server) -> None:
    """503 `answer_timeout`, which says that the request may be sent again with its key."""
    locking = psycopg2.connect(few.stack.environment["DATABASE_OWNER_URL"])
    with locking, locking.cursor() as cursor:
        cursor.execute("lock table ledger_api_key")
        answer = few.ask(few.posting(b"{}").replace(few.key.encode(), UNKNOWN_KEY))
    locking.close()
    assert (answer.status, answer.code) == (503, "answer_timeout")


def test_a_client_that_does_not_read_its_answers_loses_its_connection(few: Server) -> None:
    """Answers that fill all buffers on the way, which is seen by the limit of its address."""
    request = b"GET /v1/asyncapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as opened:
        for _ in range(70):
            connection = opened.enter_context(few.connect("127.0.0.6"))
            connection.sendall(request * 50)
        assert few.ask(LIVEZ, "127.0.0.6").code == "overloaded"
        assert wait_until(lambda: few.ask(LIVEZ, "127.0.0.6").status == 200, seconds=60)


@pytest.mark.parametrize("sent", [b"", b"G", HALF_HEADERS, b"\r\n\r\n"])
def test_a_client_that_sends_no_whole_request_is_cut_off(short: Server, sent: bytes) -> None:
    """408 if it began one; closed without a word if it did not."""
    with short.connect() as connection:
        connection.sendall(sent)
        if sent.strip():
            answer = Answer.read(connection)
            assert (answer.status, answer.code) == (408, "request_timeout")
        assert is_closed(connection)


def test_a_body_that_does_not_arrive_in_time_is_refused(short: Server) -> None:
    """408, and nothing is posted."""
    before = short.query("select count(*) from events_event")
    body = short.top_up()
    with short.connect() as connection:
        connection.sendall(short.posting(body)[:-1])
        answer = Answer.read(connection)
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert is_closed(connection)
    assert short.query("select count(*) from events_event") == before


def test_a_connection_is_kept_for_the_next_request_and_closed_when_idle(short: Server) -> None:
    with short.connect() as connection:
        for _ in range(2):
            connection.sendall(LIVEZ)
            assert Answer.read(connection).status == 200
        assert is_closed(connection)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_incomplete_body_is_refused(short: Server, chunked: bool) -> None:
    """400 `incomplete_body` although what arrived is a whole command; nothing is posted."""
    before = short.query("select count(*) from events_event")
    body = short.top_up()
    sent = short.posting(body, length=len(body) + 1)
    if chunked:
        sent = short.posting(b"%x\r\n%b\r\n" % (len(body), body), headers="Transfer-Encoding: chunked\r\n")
    with short.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = Answer.read(connection)
    assert (answer.status, answer.code) == (400, "incomplete_body")
    assert short.query("select count(*) from events_event") == before


def test_a_client_that_only_reads_after_its_request_is_answered(short: Server) -> None:
    """A complete request counts, although the client has closed its side."""
    with short.connect() as connection:
        connection.sendall(short.posting(short.top_up()))
        connection.shutdown(socket.SHUT_WR)
        assert Answer.read(connection).status == 201
        assert is_closed(connection)


def test_a_body_above_the_limit_is_refused_before_it_arrives(short: Server) -> None:
    """413 for a length that is too large, and for chunks that are too many."""
    announced = short.ask(short.posting(b"", length=100_001))
    assert (announced.status, announced.code) == (413, "too_large")
    chunk = b"186a1\r\n" + b"x" * 100_001
    chunked = short.ask(short.posting(chunk, headers="Transfer-Encoding: chunked\r\n"))
    assert (chunked.status, chunked.code) == (413, "too_large")


@pytest.mark.parametrize("headers", [b"A: b\r\n" * 101, b"A: " + b"b" * 70_000])
def test_endless_headers_are_refused(short: Server, headers: bytes) -> None:
    answer = short.ask(
        b"GET /livez HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n"[: 4 if len(headers) < 1000 else 0]
    )
    assert (answer.status, answer.code) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "headers",
    ["Idempotency-Key: other\r\n", "Authorization: Bearer x\r\n", "traceparent: 1\r\nTraceparent: 2\r\n"],
)
def test_a_header_that_has_one_value_is_sent_once(short: Server, headers: str) -> None:
    """Two idempotency keys, joined, would be a third one, and the operation would be charged again."""
    answer = short.ask(short.posting(short.top_up(), headers=headers))
    assert (answer.status, answer.code) == (400, "repeated_header")


def test_a_header_that_is_a_list_is_sent_in_any_number_of_lines(short: Server) -> None:
    answer = short.ask(short.posting(short.top_up(), headers="Accept: */*\r\nAccept: text/html\r\n"))
    assert answer.status == 201


def test_what_is_not_http_is_refused(short: Server) -> None:
    answer = short.ask(b"\x16\x03\x01 hello\r\n\r\n")
    assert (answer.status, answer.code) == (400, "bad_request")


def test_requests_that_arrive_together_are_answered_in_order(short: Server) -> None:
    """What is broken behind them does not take their answers away."""
    with short.connect() as connection:
        connection.sendall(LIVEZ + b"GET /v1/operations HTTP/1.1\r\nHost: localhost\r\n\r\n" + LIVEZ)
        received = b"".join(iter(lambda: connection.recv(1 << 20), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"401", b"200"]
    with short.connect() as connection:
        connection.sendall(short.posting(short.top_up()) + b"broken\r\n\r\n")
        assert Answer.read(connection).status == 201
        assert is_closed(connection)


def test_health_checks_need_no_posting_thread(short: Server) -> None:
    """Every thread waits for a lock in the database, and more requests wait for a thread."""
    locking = psycopg2.connect(short.stack.environment["DATABASE_OWNER_URL"])
    answers: list[int] = []
    unknown = short.posting(b"{}").replace(short.key.encode(), UNKNOWN_KEY)
    asking = [Thread(target=lambda: answers.append(short.ask(unknown).status)) for _ in range(20)]
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    with locking, locking.cursor() as cursor:
        cursor.execute("lock table ledger_api_key")
        for thread in asking:
            thread.start()
        assert wait_until(lambda: short.query(waiting) == 16, seconds=30)
        assert short.ask(LIVEZ).status == 200
        ready = short.ask(b"GET /readyz HTTP/1.1\r\nHost: anything\r\n\r\n")
        assert ready.status == 200
        assert short.query(waiting) == 16
        assert answers == []
    for thread in asking:
        thread.join()
    locking.close()
    assert answers == [401] * 20
