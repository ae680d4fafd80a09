"""Restores lost operations, entries and tariffs from the log.

Existing rows are never changed, because they are append-only: `verify` reports those that differ.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db import connection, transaction

from events import store
from events.copying import write_rows
from events.message import StoredEvent
from events.settler import settle_all
from ledger.domain.chart import PLATFORM_IDS, id_of, is_user_account
from ledger.domain.decide import OPERATION_TYPES
from ledger.engine.rows import ENTRY_COLUMNS, OPERATION_COLUMNS
from projections.derived_rows import UNKNOWN_ACCOUNT, Records, account_ids

_CHUNK: Final = 2000
_LINKS: Final = ("credit", "debit", "credit_ixioo", "debit_ixioo")


def rebuild_records(
    *, progress: Callable[[int, int], None] = lambda _position, _settled: None
) -> tuple[int, int]:
    """Insert the operations, entries and tariff versions that the tables lack.

    Return the numbers of operations and entries.
    """
    upto = settle_all()
    operations, entries, position = 0, 0, 0
    with connection.cursor() as cursor:
        _insert_missing_tariffs(cursor, upto)
        _note_links(cursor, upto)
        try:
            while events := store.read(after=position, upto=upto, limit=_CHUNK):
                with transaction.atomic():
                    added = _insert_missing(cursor, events)
                operations, entries = operations + added[0], entries + added[1]
                position = events[-1].position
                progress(position, upto)
        finally:
            if not connection.needs_rollback:
                cursor.execute("drop table pg_temp.rebuilt_link")
    return operations, entries


def _insert_missing_tariffs(cursor: Any, upto: int) -> None:
    cursor.execute(
        """insert into ledger_tariff (version, effective_from, published_at, terms, user_id, team_id)
           select (data ->> 'version')::int, (data ->> 'effective_from')::timestamptz, recorded_at,
                  data -> 'terms', (data ->> 'user')::bigint, (data ->> 'team')::bigint
           from events_event where type = 'tariff.published' and position <= %s
           on conflict do nothing""",
        [upto],
    )


def _note_links(cursor: Any, upto: int) -> None:
    cursor.execute(
        """create temporary table rebuilt_link as
           select (e.data ->> 'operation')::uuid as operation, link.key as name, link.value::bigint as entry
           from events_event e cross join jsonb_each_text(e.data -> 'links') link
           where e.type = 'operation.linked' and e.position <= %s""",
        [upto],
    )
    cursor.execute("create index on pg_temp.rebuilt_link (operation)")


def _insert_missing(cursor: Any, events: Sequence[StoredEvent]) -> tuple[int, int]:
    recorded = [event for event in events if event.type in OPERATION_TYPES]
    codes = {code for event in recorded for code in event.data["accounts"]}
    ids: defaultdict[str, int] = defaultdict(lambda: UNKNOWN_ACCOUNT, PLATFORM_IDS)
    ids.update(account_ids(cursor, codes))
    records = Records()
    for event in recorded:
        records.add(event, ids)
    records.empty_references(cursor, {id_of(code) for code in codes if is_user_account(code)})
    links = ", ".join(
        f"coalesce(r.{link}_id, (select l.entry from rebuilt_link l "  # noqa: S608 (fixed names)
        f"where l.operation = r.id and l.name = '{link}'))"
        for link in _LINKS
    )
    others = [name for name in OPERATION_COLUMNS if name.removesuffix("_id") not in _LINKS]
    operations = _insert(
        cursor,
        "models_operation",
        OPERATION_COLUMNS,
        records.operations,
        f"{', '.join(others)}, {', '.join(f'{link}_id' for link in _LINKS)}",
        f"{', '.join(f'r.{name}' for name in others)}, {links}",
    )
    names = ", ".join(ENTRY_COLUMNS)
    entries = _insert(cursor, "models_entry", ENTRY_COLUMNS, records.entries, names, names)
    return operations, entries


def _insert(
    cursor: Any,
    table: str,
    columns: Sequence[str],
    rows: Sequence[str],
    names: str,
    values: str,
) -> int:
    cursor.execute(f"create temporary table rebuilt_row (like {table}) on commit drop")
    write_rows(cursor, "rebuilt_row", columns, rows)
    cursor.execute(
        f"""insert into {table} ({names}) select {values} from rebuilt_row r
            where not exists (select from {table} t where t.id = r.id)""",  # noqa: S608 (fixed names)
    )
    inserted = int(cursor.rowcount)
    cursor.execute("drop table rebuilt_row")
    return inserted
