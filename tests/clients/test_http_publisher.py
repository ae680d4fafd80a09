"""The HTTP publisher, against a server with prepared answers."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from typing_extensions import override

from easyautoml_ledger import PayABill
from easyautoml_ledger.http_publisher import HttpPublisher, LedgerProblem

BILL = PayABill.model_validate({"operation_user": 43, "amount": "12.50"})
Answer = tuple[int, dict[str, str], bytes]
RECORDED: Answer = (201, {}, b'{"operation": "0198", "amount": 1.5}')
BUSY: Answer = (503, {}, b'{"code": "busy", "detail": "Later.", "retryable": true}')


class Server:
    """Returns its answers one after the other, and stores the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), json.loads(body)))
                status, headers, content = outer.answers.pop(0)
                if status == 0:  # the connection breaks after the request has arrived
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            @override
            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def publisher(server: Server) -> HttpPublisher:
    return HttpPublisher(url=server.url + "/", api_key="key", first_pause_seconds=0.001)


def test_an_operation_is_recorded(server: Server, publisher: HttpPublisher) -> None:
    """The request has its id as Idempotency-Key and the API key as bearer token."""
    server.answers = [RECORDED]
    outcome = publisher.publish(BILL)
    assert (outcome.replayed, outcome.body["operation"]) == (False, "0198")
    [(path, headers, body)] = server.requests
    assert path == "/v1/operations"
    assert headers["Idempotency-Key"] == f'"{outcome.request_id}"'
    assert headers["Authorization"] == "Bearer key"
    assert headers["Content-Type"] == "application/json"
    assert body == {"type": "pay_a_bill", "operation_user": 43, "amount": "12.50000000"}


def test_a_replay_is_marked(server: Server, publisher: HttpPublisher) -> None:
    """`replayed` is true if the operation had been recorded before."""
    server.answers = [(200, {"Idempotency-Replayed": "true"}, b"{}")]
    assert publisher.publish(BILL, id="mine").replayed


@pytest.mark.parametrize("failure", [BUSY, (0, {}, b""), (502, {}, b"<html>"), (429, {}, b"")])
def test_a_failed_request_is_sent_again_with_the_same_id(
    server: Server, publisher: HttpPublisher, failure: Answer
) -> None:
    """A request that did arrive is then found and not recorded twice."""
    server.answers = [failure, failure, RECORDED]
    outcome = publisher.publish(BILL)
    assert {headers["Idempotency-Key"] for _, headers, _ in server.requests} == {f'"{outcome.request_id}"'}
    assert len(server.requests) == 3
    assert len({json.dumps(body) for _, _, body in server.requests}) == 1


def test_the_last_failure_is_raised_with_the_id(server: Server, publisher: HttpPublisher) -> None:
    """The caller can retry with that id."""
    server.answers = [BUSY] * 4
    with pytest.raises(LedgerProblem) as caught:
        publisher.publish(BILL, id="mine")
    assert (caught.value.code, caught.value.status, caught.value.retryable) == ("busy", 503, True)
    assert caught.value.request_id == "mine"
    assert len(server.requests) == 4


def test_a_refused_connection_is_no_answer(server: Server, publisher: HttpPublisher) -> None:
    """The problem is retryable."""
    server.close()
    with pytest.raises(LedgerProblem) as caught:
        publisher.publish(BILL)
    assert (caught.value.code, caught.value.status, caught.value.retryable) == ("no_answer", 0, True)


REJECTED = {
    "code": "insufficient_funds",
    "detail": "12.50000000 USD are needed.",
    "retryable": False,
    "operation": "0198",
    "details": {"needed": "12.50000000"},
}


@pytest.mark.parametrize(
    ("status", "answer", "code", "retryable"),
    [
        (422, REJECTED, "insufficient_funds", False),
        (409, {"code": "undecided", "detail": "x", "retryable": True}, "undecided", True),
        (409, {"code": "conflict", "detail": "x", "retryable": False, "field": "amount"}, "conflict", False),
        (401, {}, "http_401", False),
        (301, [], "http_301", False),
    ],
)
def test_a_refusal_is_raised_without_a_retry(
    server: Server, publisher: HttpPublisher, status: int, answer: Any, code: str, retryable: bool
) -> None:
    """Even a retryable refusal is left to the caller."""
    server.answers = [(status, {"Location": "http://127.0.0.1:1/"}, json.dumps(answer).encode())]
    with pytest.raises(LedgerProblem) as caught:
        publisher.publish(BILL)
    problem = caught.value
    assert (problem.status, problem.code, problem.retryable) == (status, code, retryable)
    expected = answer if isinstance(answer, dict) else {}
    assert (problem.operation, problem.field) == (expected.get("operation"), expected.get("field"))
    assert problem.details == expected.get("details", {})
    assert len(server.requests) == 1


def test_an_unreadable_answer_is_no_answer(server: Server, publisher: HttpPublisher) -> None:
    """A proxy's HTML page with status 200 is not an answer of the ledger."""
    server.answers = [(200, {}, b"<html>")] * 4
    with pytest.raises(LedgerProblem, match="no_answer"):
        publisher.publish(BILL)


def test_a_quote_records_nothing(server: Server, publisher: HttpPublisher) -> None:
    """The request has no Idempotency-Key."""
    server.answers = [(200, {}, b'{"outcome": "recorded"}')]
    assert publisher.quote(BILL) == {"outcome": "recorded"}
    [(path, headers, _)] = server.requests
    assert path == "/v1/operations/quote"
    assert "Idempotency-Key" not in headers


@pytest.mark.parametrize(
    "make",
    [
        lambda: HttpPublisher(url="file:///etc/passwd", api_key="x"),
        lambda: HttpPublisher(url="ledger.example", api_key="x"),
        lambda: HttpPublisher(url="https://ledger.example", api_key=""),
        lambda: HttpPublisher(url="https://ledger.example", api_key="a\nb"),
    ],
)
def test_an_invalid_url_or_key_is_refused(make: Callable[[], HttpPublisher]) -> None:
    """A `file:` URL, for example, would be read without error."""
    with pytest.raises(ValueError, match=r"http|API key"):
        make()
