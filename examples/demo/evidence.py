"""What really happened, read from where it stands: the topics and the ledger's own tables."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Self

import psycopg2

from easyautoml_ledger.topics import PLATFORM_SERVICE
from examples.demo.books import ZERO, Balances, exact
from examples.demo.expectation import UNREADABLE, Fate
from examples.demo.topics import Message

Place = tuple[str, int, int]
Key = tuple[str, str]

_FATE_OF_TYPE: Final[Mapping[str, Fate]] = {
    "operation.recorded": "recorded",
    "operation.rejected": "rejected",
    "hold.placed": "recorded",
    "hold.captured": "recorded",
    "hold.voided": "recorded",
    "hold.refused": "rejected",
}


class Ledger:
    """Reads the ledger's tables as its own role."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg2.connect(database_url)
        self._connection.autocommit = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def waiting(self, names: Sequence[str] | None = None) -> int:
        """How many messages wait, for one of these (`user:42`) or for anything."""
        if names is None:
            return int(self._value("select count(*) from events_waiting"))
        return int(self._value("select count(*) from events_waiting where waits_for = any(%s)", list(names)))

    def consumed(self) -> int:
        """How many messages were taken from the incoming topics."""
        return int(self._value("select coalesce(sum(next_offset), 0) from events_kafka_position"))

    def dead_letters(self) -> dict[Place, str]:
        """The codes of parked messages by topic, partition and offset."""
        rows = self._rows('select topic, partition, "offset", code from events_dead_letter')
        return {(topic, partition, offset): code for topic, partition, offset, code in rows}

    def answers(self) -> dict[Key, tuple[Fate, str]]:
        """What was decided, by source and id: recorded or rejected, and the rejection's code."""
        rows = self._rows(
            """select k.source, k.request_id, e.type, e.data -> 'rejection' ->> 'code'
               from events_key k join events_event e on e.id = k.event_id
               where e.type = any(%s)""",
            list(_FATE_OF_TYPE),
        )
        return {
            (source, request_id): (_FATE_OF_TYPE[event_type], code or "")
            for source, request_id, event_type, code in rows
        }

    def told(self) -> Counter[str]:
        """How many events of each type there are to be told on `billing.operations`."""
        rows = self._rows(
            """select type, count(*) from events_event
               where type ~ '^(operation[.]re|hold[.]|payout[.])' group by type"""
        )
        return Counter(dict(rows))

    def beyond(self) -> Counter[tuple[str, str]]:
        """How many events of each type and kind came from the desk, and from the clock."""
        rows = self._rows(
            """select type, data ->> 'kind', count(*) from events_event
               where metadata ->> 'source' in (%s, '/ledger/expiry') group by 1, 2""",
            PLATFORM_SERVICE,
        )
        return Counter({(event_type, kind): count for event_type, kind, count in rows})

    def balances(self) -> dict[int, Balances]:
        """What is on the accounts, by user."""
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
        """The balances of the platform's accounts, each on its normal side, summed over the journal."""
        rows = self._rows(
            """select a.code, sum(case when e.side = a.normal_side then e.amount else -e.amount end)
               from models_entry e join ledger_account a on a.id = e.account_id
               where a.user_id is null group by a.code"""
        )
        return {code: exact(amount) for code, amount in rows if amount}

    def debits_minus_credits(self) -> dict[str, Decimal]:
        """By currency, over the whole journal."""
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
class Found:
    """What has become of the messages that are on the incoming topics."""

    fates: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    codes: Counter[tuple[Fate, str]] = field(default_factory=Counter)
    lost: list[Message] = field(default_factory=list)
    """Messages that nothing is known of."""

    def total(self, fate: Fate) -> int:
        """How many messages came to this."""
        return sum(count for (_, found), count in self.fates.items() if found == fate)


def account_for(messages: Sequence[Message], ledger: Ledger) -> Found:
    """What has become of each message: parked at its place, or decided, or decided before."""
    found = Found()
    dead_letters, answers = ledger.dead_letters(), ledger.answers()
    for message, kind, fate, code in _fates(messages, dead_letters, answers):
        if fate is None:
            found.lost.append(message)
            continue
        found.fates[kind, fate] += 1
        if code:
            found.codes[fate, code] += 1
    return found


def _fates(
    messages: Sequence[Message],
    dead_letters: Mapping[Place, str],
    answers: Mapping[Key, tuple[Fate, str]],
) -> Iterator[tuple[Message, str, Fate | None, str]]:
    seen: set[Key] = set()
    for message in messages:
        kind = message.kind or UNREADABLE
        place = (message.topic, message.partition, message.offset)
        if place in dead_letters:
            yield message, kind, "parked", dead_letters[place]
        elif message.key is None or message.key not in answers:
            yield message, kind, None, ""
        elif message.key in seen:
            yield message, kind, "duplicate", ""
        else:
            seen.add(message.key)
            yield message, kind, *answers[message.key]
