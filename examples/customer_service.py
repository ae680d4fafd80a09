"""A customer service desk, as its team would write it: coupons, holds, refunds, payouts and more over HTTP.

    API_KEY=… SECOND_API_KEY=… python -m examples.customer_service TICKETS --url http://HOST:PORT

`TICKETS` is a file with a request a line. The key needs the scopes ledger:write and ledger:admin, and so does
the second one, of whoever approves what the first person may not do alone. A ticket's id is its idempotency
key: sent again, it is answered as the first time and changes nothing.
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

from examples.shift import read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One request. Where `path` says `{operation}`, that of the ticket `about` is meant."""

    id: str
    path: str
    body: dict[str, Any]
    about: str | None = None
    expires_in: float | None = None
    """Seconds: what is asked for expires so long after it was asked for."""
    when_expired: str | None = None
    """The ticket that has to have expired first."""
    second: bool = False
    """Asked by the second person: somebody else approves or declines."""


def main() -> None:
    """Works through the tickets of a file."""
    parser = argparse.ArgumentParser(description="Ask the ledger for what is beyond the nine kinds.")
    parser.add_argument("tickets", type=Path)
    parser.add_argument("--url", required=True, metavar="http://HOST:PORT")
    arguments = parser.parse_args()
    desk = Desk(arguments.url, os.environ["API_KEY"], os.environ["SECOND_API_KEY"])
    print("customer service:", desk.serve(read_lines(arguments.tickets, Ticket)))


class Desk:
    """Answers tickets one after the other, because one may be about another."""

    def __init__(self, url: str, key: str, second_key: str) -> None:
        self._url = url
        self._key = key
        self._second_key = second_key
        self._operations: dict[str, str] = {}
        self._expiries: dict[str, datetime] = {}

    def serve(self, tickets: Iterable[Ticket]) -> str:
        """One line on what became of them. Raises `HTTPError` where the ledger cannot decide."""
        answers: Counter[str] = Counter()
        for ticket in tickets:
            if ticket.when_expired is not None:
                self._wait_until(self._expiries[ticket.when_expired])
            answers[self._ask(ticket)] += 1
        counts = ", ".join(f"{count} {answer}" for answer, count in sorted(answers.items()))
        return f"{answers.total()} requests sent, {counts}"

    def _ask(self, ticket: Ticket) -> str:
        body, path = ticket.body, ticket.path
        if ticket.expires_in is not None:
            expires_at = datetime.now(UTC) + timedelta(seconds=ticket.expires_in)
            self._expiries[ticket.id] = expires_at
            body = {**body, "expires_at": expires_at.isoformat()}
        if ticket.about is not None:
            path = path.format(operation=self._operations[ticket.about])
        request = urllib.request.Request(  # noqa: S310 - the address is this program's own setting
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
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - the same
                self._operations[ticket.id] = json.load(response)["id"]
                return "recorded"
        except urllib.error.HTTPError as error:
            with error:
                problem = json.load(error)
            # A refusal is an answer; everything else is a mistake of this program, or no answer at all.
            if error.code != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise RuntimeError(f"{ticket.id} to {path}: {problem}") from error
            return "rejected"

    def _wait_until(self, moment: datetime) -> None:
        time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.05)


if __name__ == "__main__":
    main()
