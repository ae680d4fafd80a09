"""Dead letters, told on a topic of their own: for the team that sent the message."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from easyautoml_ledger.topics import BILLING_DEAD_LETTERS
from events.kafka.outgoing import Outgoing
from events.kafka.stored_messages import decode_headers
from events.poison import INTERNAL_ERROR

# With room for the headers: a larger value is left out, and stays in the database.
_VALUE_BYTES_MAX: Final = 900_000
_HEADERS_BYTES_MAX: Final = 100_000
_REASON_MAX: Final = 1_000
_PREFIX: Final = "deadletter-"
_OUR_FAULT: Final = "the ledger itself failed on this message; nothing is wrong with it"


def read_untold(limit: int) -> tuple[list[int], list[Outgoing]]:
    """The next dead letters that were not published yet: their ids, and their messages."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select id, topic, partition, "offset", key, value, headers::text, code, reason, stored_at
               from events_dead_letter where published_at is null order by id limit %s""",
            [limit],
        )
        rows = cursor.fetchall()
    return [row[0] for row in rows], [_message(row) for row in rows]


def note_told(ids: Sequence[int]) -> None:
    """They are published."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update events_dead_letter set published_at = now() where id = any(%s) and published_at is null",
            [list(ids)],
        )


def tell_open_again() -> None:
    """To a topic that is new: everything that nobody has dealt with yet."""
    with connection.cursor() as cursor:
        cursor.execute("update events_dead_letter set published_at = null where state = 'open'")


def bare(letter: Outgoing) -> Outgoing:
    """A dead letter that the broker refused, without what made it large."""
    told = [(name, content) for name, content in letter.headers if name.startswith(_PREFIX)]
    left_out = (f"{_PREFIX}left-out", b"value and headers: the broker refused them")
    return letter._replace(value=b"", headers=[*told, left_out])


def _message(row: Sequence[Any]) -> Outgoing:
    id_, topic, partition, offset, key, value, headers, code, reason, stored_at = row
    told = {
        "id": str(id_),
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "code": code,
        # The database's own words may quote rows that are nobody else's business.
        "reason": _OUR_FAULT if code == INTERNAL_ERROR else reason[:_REASON_MAX],
        "time": stored_at.isoformat(),
    }
    value = b"" if value is None else bytes(value)
    if len(value) > _VALUE_BYTES_MAX:
        told["left-out"] = f"value of {len(value)} bytes"
        value = b""
    original = [(name, content or b"") for name, content in decode_headers(headers)]
    if sum(len(name) + len(content) for name, content in original) > _HEADERS_BYTES_MAX:
        told["left-out"] = f"{len(original)} headers"
        original = []
    return Outgoing(
        BILLING_DEAD_LETTERS,
        None if key is None else bytes(key),
        value,
        original + [(f"{_PREFIX}{name}", content.encode()) for name, content in told.items()],
    )
