"""Compares tariffs, notes and the status of consulting requests with the log, and terms with machines."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from events.message import StoredEvent
from ledger.engine.consulting import wrong_statuses
from projections.verification.findings import Findings

_WRONG_TERMS: Final = """
    select m.id, each.name, each.expected, each.found
    from models_machine m
    left join lateral (
        select * from ledger_machine_terms t
        where t.machine_id = m.id order by t.effective_from desc, t.id desc limit 1) newest on true
    cross join lateral (values
        ('machine_id', m.id::text, newest.machine_id::text),
        ('effective_from', least(newest.effective_from, now())::text, newest.effective_from::text),
        ('owner_id', m.machine_owner_user_id::text, newest.owner_id::text),
        ('columns', case jsonb_typeof(m.dfr_columns_type_user_df)
            when 'object' then (select count(*) from jsonb_object_keys(m.dfr_columns_type_user_df))
            when 'array' then jsonb_array_length(m.dfr_columns_type_user_df)
            else 0 end::text, newest.columns::text),
        ('data_source_is_public', m.machine_data_source_is_public::text, newest.data_source_is_public::text),
        ('data_source_price', m.machine_data_source_price_usd::text, newest.data_source_price::text),
        ('api_solving_is_public', m.machine_api_solving_is_public::text, newest.api_solving_is_public::text),
        ('api_solving_price', m.machine_api_solving_price_usd::text, newest.api_solving_price::text),
        ('copy_price', m.machine_copy_price_usd::text, newest.copy_price::text),
        ('copy_update_price', m.machine_copy_update_price_usd::text, newest.copy_update_price::text)
    ) each (name, expected, found)
    where each.expected is distinct from each.found and (newest.id is not null or each.name = 'machine_id')
    order by m.id"""
_COLUMNS: Final = ("effective_from", "published_at", "terms", "user_id", "team_id")


class Tariffs:
    """Checks that the published versions of the tariff are those of the events, and no others."""

    def __init__(self, cursor: Any, findings: Findings) -> None:
        self._findings = findings
        cursor.execute(
            "select version, effective_from, published_at, terms::text, user_id, team_id from ledger_tariff"
        )
        self._stored = {row[0]: (row[1], row[2], json.loads(row[3]), *row[4:]) for row in cursor.fetchall()}

    def check(self, events: Sequence[StoredEvent]) -> None:
        """Compare the tariffs with the events that published them."""
        for event in events:
            if event.type != "tariff.published":
                continue
            version = event.data["version"]
            where = f"tariff {version} (event {event.position})"
            effective_from = datetime.fromisoformat(event.data["effective_from"])
            if version != 1 and effective_from < event.recorded_at:
                expected = f"{event.recorded_at.isoformat()} or later, as it was published"
                self._findings.add(where, "effective_from", expected=expected, found=effective_from)
            stored = self._stored.pop(version, None)
            if stored is None:
                self._findings.add(where, "ledger_tariff", expected="a row", found="no row")
                continue
            said = (
                effective_from,
                event.recorded_at,
                event.data["terms"],
                event.data.get("user"),
                event.data.get("team"),
            )
            for column, expected, found in zip(_COLUMNS, said, stored, strict=True):
                if expected != found:
                    self._findings.add(where, f"ledger_tariff.{column}", expected=expected, found=found)

    def finish(self) -> None:
        """Report the remaining versions: no event published them."""
        for version in sorted(self._stored):
            self._findings.add(f"tariff {version}", "ledger_tariff", expected="no row", found="a row")


def check_consulting(cursor: Any, findings: Findings) -> None:
    """Check that every consulting request has the status of its contract."""
    for request, state in wrong_statuses(cursor):
        where = f"consulting request {request}"
        findings.add(where, "status", expected=f"that of a contract that is {state}", found="another one")


def check_machines(cursor: Any, findings: Findings) -> None:
    """Check that the newest terms of every machine are the machine's own, and are in force."""
    cursor.execute(_WRONG_TERMS)
    for machine, column, expected, found in cursor.fetchall():
        findings.add(f"machine {machine}", f"ledger_machine_terms.{column}", expected=expected, found=found)


def check_notes(cursor: Any, events: Sequence[StoredEvent], findings: Findings) -> None:
    """Check that every note that an event names exists, and is erased or has the text of the event."""
    noted = {event.id: event for event in events if event.data.get("notes")}
    if not noted:
        return
    cursor.execute(
        "select event_id::text, name, salt, text from events_note where event_id = any(%s::uuid[])",
        [list(noted)],
    )
    stored = {(row[0], row[1]): (row[2], row[3]) for row in cursor.fetchall()}
    for event in noted.values():
        for name, mac in event.data["notes"].items():
            where = f"event {event.position}, note {name}"
            note = stored.pop((event.id, name), None)
            if note is None:
                findings.add(where, "events_note", expected="a row", found="no row")
                continue
            salt, text = note
            if salt is None and text is None:
                continue
            made = hmac.new(bytes(salt or b""), (text or "").encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(made, mac):
                findings.add(where, "events_note.text", expected=f"a text of HMAC {mac}", found=made)
    for event_id, name in stored:
        where = f"event {noted[event_id].position}, note {name}"
        findings.add(where, "events_note", expected="no row", found="a row")
