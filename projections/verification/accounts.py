"""Compares stored accounts and users with the states that the log leaves."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from ledger.domain.chart import (
    ESCROW,
    FAMILIES,
    PLATFORM_ACCOUNTS,
    family_of,
    id_of,
    is_escrow,
    is_user_account,
    owner_of,
    user_account,
)
from ledger.domain.money import text
from projections.account_replay import State, States
from projections.verification.findings import Findings

_CHUNK: Final = 5000
_PLATFORM: Final = {account.code: account for account in PLATFORM_ACCOUNTS}
_ON_USER: Final = (("user_balance", "usd"), ("user_ixioo_balance", "eaml"), ("coupon_balance", "coupon"))
_COLUMNS: Final = """id, code, kind, user_id, currency, normal_side, balance, held, version, position,
    recorded_at, credit_limit"""
_NEW: Final = State()


def check_accounts(cursor: Any, states: States, findings: Findings) -> None:
    """Compare every account with the chart and with its state in the log."""
    missing = set(_PLATFORM)
    for rows in _chunks(cursor, f"select {_COLUMNS} from ledger_account"):  # noqa: S608
        known = states.peek(row[1] for row in rows)
        clients = _clients(cursor, [row[1] for row in rows])
        for row in rows:
            _check_account(row, known.get(row[1], _NEW), clients, findings)
            missing.discard(row[1])
    for code in sorted(missing):
        findings.add(f"account {code}", "ledger_account", expected="a row", found="no row")
    for codes in states.codes():
        cursor.execute("select code from ledger_account where code = any(%s)", [codes])
        for code in sorted(set(codes) - {row[0] for row in cursor.fetchall()}):
            findings.add(f"account {code}", "ledger_account", expected="a row", found="no row")


def check_users(cursor: Any, states: States, findings: Findings) -> int:
    """Compare the three balances on every user with the log; return the number of users."""
    count = 0
    columns = ", ".join(column for column, _ in _ON_USER)
    for rows in _chunks(cursor, f"select id, {columns} from models_user"):  # noqa: S608
        count += len(rows)
        known = states.peek(user_account(row[0], name) for row in rows for _, name in _ON_USER)
        for user, *balances in rows:
            for (column, name), balance in zip(_ON_USER, balances, strict=True):
                expected = known.get(user_account(user, name), _NEW).balance
                if balance != expected:
                    findings.add(
                        f"user {user}",
                        f"models_user.{column}",
                        expected=text(expected),
                        found=text(balance),
                    )
    return count


def _check_account(
    row: tuple[Any, ...], state: State, clients: Mapping[str, int], findings: Findings
) -> None:
    account_id, code, kind, user, currency, side, balance, held, version, position, recorded_at, limit = row
    where = f"account {code}"
    chart: tuple[Any, ...]
    if code in _PLATFORM:
        platform = _PLATFORM[code]
        chart = (platform.id, None, platform.kind, platform.currency, platform.normal_side)
    elif is_escrow(code):
        chart = (account_id, clients.get(code), ESCROW.kind, ESCROW.currency, ESCROW.normal_side)
    else:
        known = FAMILIES.get(family_of(code))
        if known is None or not is_user_account(code) or not id_of(code).isdecimal():
            findings.add(where, "ledger_account.code", expected="an account of the chart", found=code)
            return
        owner = owner_of(code)
        chart = (account_id, owner, known.kind, known.currency, known.normal_side)
    for column, expected, found in zip(
        ("id", "user_id", "kind", "currency", "normal_side", "version", "position"),
        (*chart, state.version, state.position),
        (account_id, user, kind, currency, side, version, position),
        strict=True,
    ):
        if expected != found:
            findings.add(where, f"ledger_account.{column}", expected=expected, found=found)
    for column, amount, found in (("balance", state.balance, balance), ("held", state.held, held)):
        if amount != found:
            findings.add(where, f"ledger_account.{column}", expected=text(amount), found=text(found))
    if limit != (None if state.credit_limit is None else Decimal(state.credit_limit)):
        findings.add(where, "ledger_account.credit_limit", expected=state.credit_limit, found=limit)
    if recorded_at != state.recorded_at:
        findings.add(where, "ledger_account.recorded_at", expected=state.recorded_at, found=recorded_at)


def _clients(cursor: Any, codes: Iterable[str]) -> dict[str, int]:
    """Return the clients of the contracts whose escrows are among the codes."""
    escrows = [code for code in codes if is_escrow(code)]
    if not escrows:
        return {}
    cursor.execute(
        "select code, user_id from (select 'escrow:' || id as code, user_id from ledger_contract) contract"
        " where code = any(%s)",
        [escrows],
    )
    return dict(cursor.fetchall())


def _chunks(cursor: Any, select: str) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all rows of a table by id, one chunk at a time."""
    last = -1
    while True:
        cursor.execute(f"{select} where id > %s order by id limit %s", [last, _CHUNK])
        rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        last = rows[-1][0]
