"""Compares the results of the demo with the expectation, and formats them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from easyautoml_ledger.operations import KINDS
from easyautoml_ledger.reference import User
from examples.catalogue import Catalogue
from examples.demo.accounts import NOTHING
from examples.demo.expectation import HOLD, STATUSES, UNREADABLE, Expectation, Status
from examples.demo.ledger_reader import MessageStatuses
from examples.demo.running import Results


def differences(results: Results, expected: Expectation, catalogue: Catalogue) -> list[str]:
    """Return one sentence for each number that is not as expected."""
    answers = expected.total("recorded") + expected.total("rejected")
    users = [user.id for user in catalogue.everyone]
    accounts = {user: expected.accounts.balances(user) for user in users}
    compared: list[tuple[str, Any, Any]] = [
        ("messages sent", expected.sent, results.sent),
        ("published", answers, results.published),
        ("dead letters published", expected.total("parked"), results.dead_letters_published),
        ("messages without a status", [], results.found.lost[:5]),
        ("debits minus credits", {"USD": 0, "EAML": 0}, results.debits_minus_credits),
    ]
    compared += [
        *_each("messages", expected.statuses, results.found.statuses),
        *_each("messages", expected.codes, results.found.codes),
        *_each("events from HTTP and expiry", expected.other_events, results.other_events),
        *_each("received", results.published_by_type, results.received),
        *_each("balances of user", accounts, {user: results.balances.get(user, NOTHING) for user in users}),
        *_each(
            "received balances of user",
            accounts,
            {user: results.balances_received.get(user, NOTHING) for user in users},
        ),
        *_each("balance of", expected.accounts.platform(), results.platform),
    ]
    wrong = [
        f"{what}: expected {wanted}, found {found}" for what, wanted, found in compared if wanted != found
    ]
    return wrong if results.verified else [*wrong, f"verify printed: {results.verify}"]


def tables(results: Results, catalogue: Catalogue) -> Iterator[str]:
    """Yield the lines of all tables."""
    yield from _by_kind(results.found)
    yield from _by_code(results.found, "rejected")
    yield from _by_code(results.found, "parked")
    yield from _other_events(results)
    yield from _balances(results, catalogue)
    yield from _outgoing(results)


def closing_line(results: Results) -> str:
    """Return the last line, which is for scripts."""
    totals = " ".join(f"{status}={results.found.total(status)}" for status in STATUSES)
    usd, eaml = (results.debits_minus_credits[currency] for currency in ("USD", "EAML"))
    verify = "ok" if results.verified else "failed"
    return (
        f"demo: sent={results.sent} {totals} published={results.published} "
        f"usd={usd:.8f} eaml={eaml:.8f} verify={verify}"
    )


def _each(what: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[tuple[str, Any, Any]]:
    nothing = 0 if isinstance(expected, Counter) else None
    for key in sorted(expected.keys() | found.keys(), key=str):
        shown = " ".join(map(str, key)) if isinstance(key, tuple) else key
        yield f"{what} {shown}", expected.get(key, nothing), found.get(key, nothing)


def _by_kind(found: MessageStatuses) -> Iterator[str]:
    yield ""
    yield f"{'kind':<24}{'sent':>9}" + "".join(f"{status:>11}" for status in STATUSES)
    for kind in (*KINDS, HOLD, UNREADABLE):
        yield _row(kind, [found.statuses[kind, status] for status in STATUSES])
    yield _row("all", [found.total(status) for status in STATUSES])


def _row(name: str, counts: list[int]) -> str:
    return f"{name:<24}{sum(counts):>9,}" + "".join(f"{count or '·':>11}" for count in counts)


def _by_code(found: MessageStatuses, status: Status) -> Iterator[str]:
    codes = Counter({code: count for (of, code), count in found.codes.items() if of == status})
    yield from _columns(f"{status} by code", codes, width=32, columns=3)


def _other_events(results: Results) -> Iterator[str]:
    counts = Counter({f"{kind} · {event}": count for (event, kind), count in results.other_events.items()})
    yield from _columns("events from HTTP and expiry", counts, width=48, columns=2)


def _columns(title: str, counts: Counter[str], *, width: int, columns: int) -> Iterator[str]:
    yield ""
    yield title
    shown = [f"{count:>7,} {name}" for name, count in sorted(counts.items(), key=lambda it: (-it[1], it[0]))]
    for start in range(0, len(shown), columns):
        yield "".join(f"{each:<{width}}" for each in shown[start : start + columns]).rstrip()


def _balances(results: Results, catalogue: Catalogue) -> Iterator[str]:
    yield ""
    yield _amounts("balances of a few users", "USD", "EAML", "coupons, USD", "owed, USD", "owed, EAML")
    for user in _some_users(catalogue):
        found = results.balances.get(user.id, NOTHING)
        amounts = [
            f"{it:,.8f}" for it in (found.usd, found.eaml, found.coupon, found.due_usd, found.due_eaml)
        ]
        yield _amounts(f"  {user.id} {user.first_name} {user.last_name}", *amounts)
    yield ""
    yield "accounts of the platform"
    for code, amount in sorted(results.platform.items()):
        yield f"  {code:<34}{amount:>20,.8f} {'EAML' if code.endswith('eaml') else 'USD'}"


def _amounts(name: str, *amounts: str) -> str:
    return f"{name:<28}" + "".join(f"{amount:>18}" for amount in amounts)


def _some_users(catalogue: Catalogue) -> list[User]:
    # Some prepaid users, those who may owe, and those who joined later.
    users = catalogue.everyone
    return [*users[:4], *users[-10:-6], *users[-2:]]


def _outgoing(results: Results) -> Iterator[str]:
    yield from _columns("received on billing.operations", results.received, width=32, columns=3)
    users = len(results.balances_received)
    yield ""
    yield f"received on billing.balances: {results.balance_changes:,} changes of {users} users"
    yield f"received on billing.dead-letters: {results.dead_letters_published:,} messages"
    yield ""
    yield results.verify
