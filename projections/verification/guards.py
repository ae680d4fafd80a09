"""Checks the triggers that keep records append-only: present, enabled and unmodified."""

import re
from pathlib import Path
from typing import Any, Final

import events
import ledger
from projections.verification.findings import Findings

_PROTECTED: Final = ("append_only_rows", "append_only_truncate")

TRIGGERS: Final = {
    "events_event": _PROTECTED,
    "events_key": _PROTECTED,
    "events_letter_act": _PROTECTED,
    "events_note": ("events_guard_note", "ledger_forget_payment", "append_only_truncate"),
    "ledger_tariff": _PROTECTED,
    "ledger_machine_terms": _PROTECTED,
    "ledger_remaining": _PROTECTED,
    "ledger_period": ("ledger_guard_period", "append_only_truncate"),
    "models_operation": (
        "ledger_guard_operation",
        "ledger_check_emptied",
        "ledger_check_period",
        "append_only_truncate",
    ),
    "models_entry": (
        "ledger_guard_entry",
        "ledger_check_entries",
        "ledger_check_period",
        "ledger_check_emptied",
        "append_only_truncate",
    ),
    "models_user": ("ledger_check_balances_insert", "ledger_check_balances_update", "ledger_guard_user"),
    "models_machine": ("ledger_note_machine_terms", "ledger_guard_machine"),
}

# tgenabled: O fires in ordinary sessions, A in all; D never does, and R only in replicas.
_ON: Final = frozenset({"O", "A"})
_STATES: Final = {"D": "disabled", "R": "enabled in replicas only"}

_FUNCTION: Final = re.compile(r"create or replace function (\w+)\(\).*?as \$\$(.*?)\$\$;", re.DOTALL)


def check_guards(cursor: Any, findings: Findings) -> None:
    """Report triggers that are missing or disabled, and trigger functions that were replaced."""
    cursor.execute(
        """select c.relname, t.tgname, t.tgenabled
           from pg_trigger t join pg_class c on c.oid = t.tgrelid
           where not t.tgisinternal and c.relnamespace = current_schema()::regnamespace""",
    )
    found = {(table, name): state for table, name, state in cursor.fetchall()}
    for table, names in TRIGGERS.items():
        for name in names:
            state = found.get((table, name))
            if state not in _ON:
                what = "missing" if state is None else _STATES.get(state, state)
                findings.add(f"table {table}", f"trigger {name}", expected="enabled", found=what)
    written = _written_functions()
    cursor.execute(
        """select proname, prosrc from pg_proc
           where proname = any(%s) and pronamespace = current_schema()::regnamespace""",
        [list(written)],
    )
    stored = dict(cursor.fetchall())
    for name, source in written.items():
        if stored.get(name) != source:
            found_ = "no function" if name not in stored else "another one"
            findings.add(f"function {name}", "source", expected="the one of this version", found=found_)


def _written_functions() -> dict[str, str]:
    """Return the trigger functions of this version of the ledger, by name."""
    folders = [Path(package.__file__ or "").parent / "sql" for package in (events, ledger)]
    texts = [path.read_text() for folder in folders for path in sorted(folder.glob("*.sql"))]
    return {name: source for text in texts for name, source in _FUNCTION.findall(text)}
