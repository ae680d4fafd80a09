"""Reads the results of the demo from the ledger's tables, and finds the status of each message."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Self

import psycopg2

from easyautoml_ledger.topics import PLATFORM_SERVICE
from examples.demo.accounts import ZERO, Balances, exact
from examples.demo.expectation import UNREADABLE, Status
from examples.demo.topics import Message

Offset = tuple[str, int, int]
Key = tuple[str, str]

_STATUS_OF_TYPE: Final[Mapping[str, Status]] = {
    "operation.recorded": "recorded",
    "operation.rejected": "rejected",
    "hold.placed": "recorded",
    "hold.captured": "recorded",
    "hold.voided": "recorded",
    "hold.refused": "rejected",
}


class LedgerReader:
    """Reads the ledger's tables with the role of the service."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg2.connect(database_url)
        self._connection.autocommit = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def waiting(self, names: Sequence[str] | None = None) -> int:
        """Return the number of waiting messages, or of those that wait for `names` such as `user:42`."""
        if names is None:
            return int(self._value("select count(*) from events_waiting"))
        return int(self._value("select count(*) from events_waiting where waits_for = any(%s)", list(names)))

    def end_waiting(self, names: Sequence[str]) -> int:
        """Let the waiting time of messages that wait for `names` be over now; return their number."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "update events_waiting set deadline = now() where waits_for = any(%s) and deadline > now()",
                [list(names)],
            )
            return int(cursor.rowcount)

    def consumed(self) -> int:
        """Return the number of messages that were read from the incoming topics."""
        return int(self._value("select coalesce(sum(next_offset), 0) from events_kafka_position"))

    def dead_letters(self) -> dict[Offset, str]:
        """Return the codes of dead letters by topic, partition and offset."""
        rows = self._rows('select topic, partition, "offset", code from events_dead_letter')
        return {(topic, partition, offset): code for topic, partition, offset, code in rows}

    def answers(self) -> dict[Key, tuple[Status, str]]:
        """Return status and rejection code of every decided message, by source and id."""
        rows = self._rows(
            """select k.source, k.request_id, e.type, e.data -> 'rejection' ->> 'code'
               from events_key k join events_event e on e.id = k.event_id
               where e.type = any(%s)""",
            list(_STATUS_OF_TYPE),
        )
        return {
            (source, request_id): (_STATUS_OF_TYPE[event_type], code or "")
            for source, request_id, event_type, code in rows
        }

    def published_by_type(self) -> Counter[str]:
        """Return the number of events on `billing.operations` by type, according to the log."""
        rows = self._rows(
            """select type, count(*) from events_event
               where type ~ '^(operation[.]re|hold[.]|payout[.])' group by type"""
        )
        return Counter(dict(rows))

    def other_events(self) -> Counter[tuple[str, str]]:
        """Return the number of events from HTTP and from expiry, by type and kind."""
        rows = self._rows(
            """select type, data ->> 'kind', count(*) from events_event
               where metadata ->> 'source' in (%s, '/ledger/expiry')
                  or metadata ->> 'source' like '/users/%%' group by 1, 2""",
            PLATFORM_SERVICE,
        )
        return Counter({(event_type, kind): count for event_type, kind, count in rows})

    def balances(self) -> dict[int, Balances]:
        """Return the balances by user."""
        rows = self._rows(
            """select user_id,
                      coalesce(sum(balance) filter (where kind = 'user:usd'), 0),
                      coalesce(sum(balance) filter (where kind = 'user:eaml'), 0),
                      coalesce(sum(balance) filter (where kind = 'user:coupon'), 0),
                      coalesce(sum(balance) filter (where kind = 'user:due:usd'), 0),
                      coalesce(sum(balance) filter (where kind = 'user:due:eaml'), 0)
               from ledger_account where user_id is not null group by user_id"""
        )
        return {
            user: Balances(
                usd=exact(usd),
                eaml=exact(eaml),
                coupon=exact(coupon),
                due_usd=exact(due_usd),
                due_eaml=exact(due_eaml),
            )
            for user, usd, eaml, coupon, due_usd, due_eaml in rows
        }

    def platform(self) -> dict[str, Decimal]:
        """Return the balances of the platform's accounts, summed over the journal on their normal side."""
        rows = self._rows(
            """select a.code, sum(case when e.side = a.normal_side then e.amount else -e.amount end)
               from models_entry e join ledger_account a on a.id = e.account_id
               where a.user_id is null group by a.code"""
        )
        return {code: exact(amount) for code, amount in rows if amount}

    def debits_minus_credits(self) -> dict[str, Decimal]:
        """Return debits minus credits of the whole journal by currency."""
        rows = self._rows(
            """select currency, sum(case when side = 'D' then amount else -amount end)
               from models_entry group by currency"""
        )
        return {"USD": ZERO, "EAML": ZERO, **{currency: exact(amount) for currency, amount in rows}}

    def _value(self, sql: str, *parameters: Any) -> Any:
        return self._rows(sql, *parameters)[0][0]

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall()


@dataclass(slots=True)
class MessageStatuses:
    """The statuses of the messages on the incoming topics."""

    statuses: Counter[tuple[str, Status]] = field(default_factory=Counter)
    codes: Counter[tuple[Status, str]] = field(default_factory=Counter)
    lost: list[Message] = field(default_factory=list)
    """Messages without a status."""

    def total(self, status: Status) -> int:
        """Return the number of messages with this status."""
        return sum(count for (_, found), count in self.statuses.items() if found == status)


def find_statuses(messages: Sequence[Message], ledger: LedgerReader) -> MessageStatuses:
    """Return the statuses of the messages: parked at their offset, decided, or duplicates."""
    found = MessageStatuses()
    dead_letters, answers = ledger.dead_letters(), ledger.answers()
    for message, kind, status, code in _find_each(messages, dead_letters, answers):
        if status is None:
            found.lost.append(message)
            continue
        found.statuses[kind, status] += 1
        if code:
            found.codes[status, code] += 1
    return found


def _find_each(
    messages: Sequence[Message],
    dead_letters: Mapping[Offset, str],
    answers: Mapping[Key, tuple[Status, str]],
) -> Iterator[tuple[Message, str, Status | None, str]]:
    seen: set[Key] = set()
    for message in messages:
        kind = message.kind or UNREADABLE
        offset = (message.topic, message.partition, message.offset)
        if offset in dead_letters:
            yield message, kind, "parked", dead_letters[offset]
        elif message.key is None or message.key not in answers:
            yield message, kind, None, ""
        elif message.key in seen:
            yield message, kind, "duplicate", ""
        else:
            seen.add(message.key)
            yield message, kind, *answers[message.key]
