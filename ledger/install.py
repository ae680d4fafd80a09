"""Prepares a database for operations: the chart of accounts, the first tariff, the service's privileges."""

from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from events import store
from events.identifiers import uuid7
from ledger.domain.chart import ALLOWED_PAIRS, PLATFORM_ACCOUNTS
from ledger.domain.tariff import DEFAULT_TERMS
from ledger.engine import tariffs
from ledger.engine.submission import fingerprint_of

_EPOCH: Final = "1970-01-01T00:00:00+00:00"

# Restrictions of the service's role. It may read everything, and change all tables that are not listed here.
_INSERT_ONLY: Final = (
    "events_event",
    "events_key",
    "events_letter_act",
    "ledger_tariff",
    "ledger_machine_terms",
    "ledger_remaining",
)
_COLUMNS_ONLY: Final = {
    "models_operation": (
        "machine_id, machine_owner_id, operation_user_id, "
        "credit_id, debit_id, credit_ixioo_id, debit_ixioo_id"
    ),
    "models_entry": "user_id",
    "events_note": "salt, text",
    "ledger_account": "balance, held, version, position, recorded_at, credit_limit",
}
_NOT_AT_ALL: Final = ("ledger_allowed_pair", "django_migrations")


def install(cursor: Any) -> None:
    """Prepare a migrated database for operations. Running it again changes nothing."""
    cursor.execute("insert into events_settled (id, position) values (1, 0) on conflict do nothing")
    _install_chart(cursor)
    _publish_first_tariff(cursor)


def grant(cursor: Any, role: str) -> None:
    """Grant the privileges that the service's role needs, and revoke all others."""
    name = '"' + role.replace('"', '""') + '"'
    cursor.execute("select quote_ident(current_database())")
    cursor.execute(f"grant temporary on database {cursor.fetchone()[0]} to {name}")  # for /readyz
    cursor.execute(f"grant usage on schema public to {name}")
    cursor.execute(f"grant usage, select on all sequences in schema public to {name}")
    cursor.execute(f"revoke all on all tables in schema public from {name}")
    cursor.execute(f"grant select, insert, update, delete on all tables in schema public to {name}")
    for table in (*_INSERT_ONLY, *_COLUMNS_ONLY, *_NOT_AT_ALL):
        cursor.execute(f"revoke update, delete on {table} from {name}")
    for table in _NOT_AT_ALL:
        cursor.execute(f"revoke insert on {table} from {name}")
    for table, columns in _COLUMNS_ONLY.items():
        cursor.execute(f"grant update ({columns}) on {table} to {name}")


def service_role() -> str | None:
    """Return the service's database role, or None if it is also the owner of the tables."""
    owner = settings.DATABASES.get("owner")
    service: str = settings.DATABASES["default"]["USER"]
    return service if owner is not None and owner["USER"] != service else None


def _install_chart(cursor: Any) -> None:
    cursor.executemany(
        """insert into ledger_account
               (id, code, kind, currency, normal_side, balance, held, version, position)
           values (%s, %s, %s, %s, %s, 0, 0, 0, 0) on conflict do nothing""",
        list(PLATFORM_ACCOUNTS),
    )
    cursor.executemany(
        """insert into ledger_allowed_pair (operation_kind, debit_kind, credit_kind)
           values (%s, %s, %s) on conflict do nothing""",
        sorted(ALLOWED_PAIRS),
    )


def _publish_first_tariff(cursor: Any) -> None:
    cursor.execute("select exists (select from ledger_tariff)")
    if cursor.fetchone()[0]:
        return
    now = timezone.now()
    event_id = uuid7()
    key = store.Key("/ledger/install", "tariff-1")
    command = {"type": "tariff.install", "effective_from": _EPOCH, "terms": dict(DEFAULT_TERMS)}
    store.claim_keys(cursor, {key: store.Claim(fingerprint_of(command), event_id)})
    # The first tariff is effective from 1970: operations from before the installation, which the bounds on
    # `occurred_at` admit, need a price too.
    fact = store.Fact(
        id=event_id,
        stream="tariff:1",
        type="tariff.published",
        data={
            "kind": "tariff",
            "command": command,
            "payer": None,
            "version": 1,
            "effective_from": _EPOCH,
            "terms": dict(DEFAULT_TERMS),
            "transfers": [],
            "accounts": {},
        },
        metadata={"source": key.source, "request_id": key.request_id, "actor": "install"},
        occurred_at=now,
        recorded_at=now,
    )
    tariffs.write(cursor, store.append_facts(cursor, [fact]))
