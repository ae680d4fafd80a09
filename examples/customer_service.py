"""A program for customer service and finance: coupons, holds, refunds, payouts and more over HTTP.

    API_KEY=… SECOND_API_KEY=… python -m examples.customer_service TICKETS --url http://HOST:PORT

Each line of the file `TICKETS` is a request. The first key needs the scopes ledger:write and ledger:admin;
the second is the own key of a person who approves, with ledger:approve. The id of a ticket is its idempotency
key: sent again, it gets the same answer and changes nothing.
"""

import argparse
import json
import os
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from examples.session import read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A request. `{operation}` in `path` is replaced by the operation of the ticket `about`."""

    id: str
    path: str
    body: dict[str, Any]
    about: str | None = None
    expires_in: float | None = None
    """Seconds from the request until the requested thing expires."""
    when_expired: str | None = None
    """The ticket whose expiry is awaited first."""
    second: bool = False
    """Sent with the second key, by the person who approves or declines."""


def main() -> None:
    """Send the tickets of a file."""
    parser = argparse.ArgumentParser(description="Send requests over HTTP that go beyond the nine kinds.")
    parser.add_argument("tickets", type=Path)
    parser.add_argument("--url", required=True, metavar="http://HOST:PORT")
    arguments = parser.parse_args()
    service = CustomerService(arguments.url, os.environ["API_KEY"], os.environ["SECOND_API_KEY"])
    print("customer service:", service.serve(read_lines(arguments.tickets, Ticket)))


class CustomerService:
    """Sends tickets one after the other, because one may refer to another."""

    def __init__(self, url: str, key: str, second_key: str) -> None:
        self._url = url
        self._key = key
        self._second_key = second_key
        self._operations: dict[str, str] = {}
        self._expiries: dict[str, datetime] = {}

    def serve(self, tickets: Iterable[Ticket]) -> str:
        """Send the tickets and return a line with their results. Raises `RuntimeError`."""
        answers: Counter[str] = Counter()
        for ticket in tickets:
            if ticket.when_expired is not None:
                self._wait_until(self._expiries[ticket.when_expired])
            answers[self._send(ticket)] += 1
        counts = ", ".join(f"{count} {answer}" for answer, count in sorted(answers.items()))
        return f"{answers.total()} requests sent, {counts}"

    def _send(self, ticket: Ticket) -> str:
        body, path = ticket.body, ticket.path
        if ticket.expires_in is not None:
            expires_at = datetime.now(UTC) + timedelta(seconds=ticket.expires_in)
            self._expiries[ticket.id] = expires_at
            body = {**body, "expires_at": expires_at.isoformat()}
        if ticket.about is not None:
            path = path.format(operation=self._operations[ticket.about])
        request = urllib.request.Request(  # noqa: S310 (the address is this program's own setting)
            self._url + path,
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._second_key if ticket.second else self._key}",
                "Content-Type": "application/json",
                "Idempotency-Key": ticket.id,
            },
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 (the same)
                self._operations[ticket.id] = json.load(response)["id"]
                return "recorded"
        except urllib.error.HTTPError as error:
            with error:
                problem = json.load(error)
            # A rejection is a result. Everything else is an error of this program or of the server.
            if error.code != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise RuntimeError(f"{ticket.id} to {path}: {problem}") from error
            return "rejected"

    def _wait_until(self, moment: datetime) -> None:
        time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.05)


if __name__ == "__main__":
    main()
