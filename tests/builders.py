"""Readable builders: users, machines, submissions and funds, for every room of the tests.

Submissions are made through the wire contract, so a test cannot send what a service could not. `PureDomain`
runs the pure domain alone, in memory; `post_one`, `fund` and the rest need the database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone

from easyautoml_ledger.operations import OPERATION_ADAPTER
from events.message import StoredEvent
from ledger.domain.adjustments import Adjust, Adjustment
from ledger.domain.chart import USER_ACCOUNTS, user_account
from ledger.domain.decide import decide, plan
from ledger.domain.known import Known
from ledger.domain.locked_state import Account, LockedState
from ledger.domain.money import AMOUNT_MAX
from ledger.domain.operations import MachineTerms
from ledger.domain.proposals import Tier
from ledger.domain.recording import event_data
from ledger.domain.tariff import DEFAULT_TERMS, Tariff
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission
from ledger.requests.operations import submission_of
from models import Machine, User

SOURCE: Final = "/services/tests"
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

_numbers = count(1)


def amount(value: str | int | Decimal) -> Decimal:
    """An amount with its 8 decimals: `amount("0.2")` is 0.20000000."""
    return Decimal(value).quantize(Decimal("0.00000001"))


# Users and machines, in the database.


def make_user(**fields: Any) -> User:
    """A user with an address of his own and no password."""
    user: User = User.objects.create_user(
        email=f"user{next(_numbers)}-{uuid4().hex[:8]}@example.com", **fields
    )
    return user


def make_machine(
    owner: User,
    *,
    columns: int = 2,
    api: str | None = None,
    data_source: str | None = None,
    copy: str | None = None,
    copy_update: str | None = None,
) -> Machine:
    """A machine of so many columns. A price offers what it is the price of; None: not for sale."""
    return Machine.objects.create(
        machine_name=f"machine {next(_numbers)}",
        machine_owner_user=owner,
        dfr_columns_type_user_df={f"column {n}": "FLOAT" for n in range(columns)},
        machine_api_solving_is_public=api is not None,
        machine_api_solving_price_usd=None if api is None else Decimal(api),
        machine_data_source_is_public=data_source is not None,
        machine_data_source_price_usd=None if data_source is None else Decimal(data_source),
        machine_copy_price_usd=None if copy is None else Decimal(copy),
        machine_copy_update_price_usd=None if copy_update is None else Decimal(copy_update),
    )


# Submissions, one function a kind. Users and machines may be rows or numbers.


def training(machine: Machine | int, *, user: User | int, lines: int = 1000, **more: Any) -> Submission:
    """`lines` rows trained on the machine; its owner pays."""
    return submission("training", user, machine=_id(machine), count_of_lines=lines, **more)


def solving(machine: Machine | int, *, user: User | int, lines: int = 1000, **more: Any) -> Submission:
    """`lines` rows predicted; the user pays."""
    return submission("solving", user, machine=_id(machine), count_of_lines=lines, **more)


def solving_with_api(
    machine: Machine | int, *, user: User | int, lines: int = 1000, **more: Any
) -> Submission:
    """`lines` rows predicted through an API of one's own; the user pays."""
    return submission("solving_with_api", user, machine=_id(machine), count_of_lines=lines, **more)


def api_market(machine: Machine | int, *, user: User | int, lines: int = 1, **more: Any) -> Submission:
    """`lines` rows predicted on somebody else's machine; the user pays its owner."""
    return submission("solving_with_api_market", user, machine=_id(machine), count_of_lines=lines, **more)


def data_source(machine: Machine | int, *, user: User | int, **more: Any) -> Submission:
    """The machine's data, bought from its owner."""
    return submission("buy_data_source", user, machine=_id(machine), **more)


def machine_copy(machine: Machine | int, *, user: User | int, **more: Any) -> Submission:
    """A copy of the machine, bought from its owner."""
    return submission("machine_copy", user, machine=_id(machine), **more)


def copy_update(machine: Machine | int, *, user: User | int, **more: Any) -> Submission:
    """An update of a copy, bought from the machine's owner."""
    return submission("machine_copy_update", user, machine=_id(machine), **more)


def top_up(
    user: User | int,
    usd: str | int,
    *,
    reference: str | None = None,
    key: str | None = None,
    source: str = SOURCE,
    **more: Any,
) -> Submission:
    """USD that the user pays in, under a reference that goes with the key."""
    key = key or str(uuid4())
    paid: dict[str, Any] = {"amount": str(usd), "payment_reference": reference or f"{source} {key}"[:200]}
    return submission("credit_from_user", user, key=key, source=source, **paid, **more)


def bill(user: User | int, usd: str | int, **more: Any) -> Submission:
    """USD of the user turned into tokens."""
    return submission("pay_a_bill", user, amount=str(usd), **more)


def submission(
    kind: str,
    user: User | int,
    *,
    key: str | None = None,
    source: str = SOURCE,
    at: datetime | None = None,
    refuse_early: bool = False,
    out_of_time: bool = False,
    **fields: Any,
) -> Submission:
    """An operation as a service would send it, under `key` or a key of its own.

    `at` is when it occurred; left out of the command where it is None, and then now.
    """
    sent = {"type": kind, "operation_user": _id(user), **fields}
    if at is not None:
        sent["occurred_at"] = at
    return submission_of(
        OPERATION_ADAPTER.validate_python(sent),
        source=source,
        request_id=key or str(uuid4()),
        now=timezone.now(),
        refuse_early=refuse_early,
        out_of_time=out_of_time,
    )


def adjustment(user: User | int, account: str, change: str | int, *, key: str | None = None) -> Submission:
    """`change` put on a user's account `usd` or `eaml`, or taken off if it is negative.

    By an actor of its own, so that nobody has to approve it.
    """
    value, actor = amount(change), f"actor {uuid4()}"
    adjustment = Adjustment(
        user=_id(user),
        account="usd" if account == "usd" else "eaml",
        direction="up" if value > 0 else "down",
        amount=abs(value),
    )
    command = Adjust(
        adjustment=adjustment,
        occurred_at=timezone.now(),
        actor=actor,
        role="staff",
        tier=Tier(alone_max=AMOUNT_MAX, approve_max=None),
        reason_code="test",
    )
    sent = {
        "type": "adjustment",
        "operation_user": _id(user),
        **adjustment.body(),
        "reason_code": "test",
    }
    return Submission(source=SOURCE, request_id=key or str(uuid4()), command=command, sent=sent, actor=actor)


# Posting, and what is there afterwards.


def post_one(submission: Submission) -> Outcome:
    """The outcome of a batch of one."""
    (outcome,) = post([submission])
    return outcome


def recorded(submission: Submission) -> StoredEvent:
    """The event of a submission that must be recorded."""
    outcome = post_one(submission)
    assert outcome.status == "recorded", outcome
    assert outcome.event is not None
    return outcome.event


def code_of(outcome: Outcome) -> str:
    """The code of a refusal, or how it went: `insufficient_funds`, `undecided`, `recorded`."""
    if outcome.status == "rejected" and outcome.event is not None:
        return str(outcome.event.data["rejection"]["code"])
    return outcome.error.code if outcome.error is not None else outcome.status


def fund(user: User, *, usd: str | int = 0, eaml: str | int = 0) -> User:
    """Put USD and tokens on a user's accounts."""
    post([adjustment(user, name, value) for name, value in (("usd", usd), ("eaml", eaml)) if Decimal(value)])
    return user


def balances(*users: User | int) -> dict[str, Decimal]:
    """What is on the users' accounts, by code, zeros left out; of everybody if none is named."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select code, balance from ledger_account
               where balance <> 0 and user_id is not null and (%(all)s or user_id = any(%(users)s))""",
            {"all": not users, "users": [_id(user) for user in users]},
        )
        return dict(cursor.fetchall())


def on_user(user: User) -> tuple[Decimal, Decimal, Decimal]:
    """The three balances on the user's row: USD, EAML, coupons."""
    user.refresh_from_db()
    return user.user_balance, user.user_ixioo_balance, user.coupon_balance


def counts() -> dict[str, int]:
    """How many rows the log and the journal have: two equal answers mean that nothing was written."""
    tables = ("events_event", "events_key", "events_note", "models_operation", "models_entry")
    with connection.cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f"select count(*) from {table}")
            found[table] = cursor.fetchone()[0]
        return found


# The pure domain, in memory.


def tariff(version: int = 1, *, since: datetime = LONG_AGO, **terms: Any) -> Tariff:
    """The tariff of a fresh installation, with other terms where they are named."""
    return Tariff.from_terms(version, since, {**DEFAULT_TERMS, **terms})


def machine_terms(
    machine: int = 7,
    *,
    owner: int,
    columns: int = 2,
    since: datetime = LONG_AGO,
    api: str | None = None,
    data_source: str | None = None,
    copy: str | None = None,
    copy_update: str | None = None,
) -> MachineTerms:
    """A machine's terms: as `make_machine`, without a row."""

    def price(value: str | None) -> Decimal | None:
        return None if value is None else amount(value)

    return MachineTerms(
        machine=machine,
        effective_from=since,
        owner=owner,
        columns=columns,
        data_source_is_public=data_source is not None,
        data_source_price=price(data_source),
        api_solving_is_public=api is not None,
        api_solving_price=price(api),
        copy_price=price(copy),
        copy_update_price=price(copy_update),
    )


@dataclass(slots=True, kw_only=True)
class PureDomain:
    """The pure domain over accounts in memory: what the engine does, without a database.

    `start` gives opening balances: `{1: {"usd": "10", "due:eaml": "3"}}`.
    """

    users: Iterable[int]
    machines: Sequence[MachineTerms] = ()
    tariffs: Sequence[Tariff] = field(default_factory=lambda: (tariff(),))
    start: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    now: datetime = field(default_factory=timezone.now)
    decided: int = 0
    locked: LockedState = field(init=False)
    known: Known = field(init=False)

    def __post_init__(self) -> None:
        self.users = sorted(self.users)
        terms: dict[int, list[MachineTerms]] = {}
        for one in self.machines:
            terms.setdefault(one.machine, []).append(one)
        self.known = Known(users=frozenset(self.users), machines=terms, tariffs=self.tariffs)
        self.locked = LockedState.empty(self.users)
        for user, accounts in self.start.items():
            for name, balance in accounts.items():
                account = self.locked.accounts[user_account(user, name)]
                account.balance, account.version = amount(balance), 1

    def decide(self, submission: Submission) -> dict[str, Any]:
        """The data of the event. Raises `Rejected` or `Undecided`, with nothing changed."""
        planned = plan(submission.command, self.known)
        decision = decide(planned, self.locked, now=self.now, event_id=f"event {self.decided}")
        self.decided += 1
        self.locked.apply(decision)
        return event_data(decision, submission.sent, self.locked)

    def balances(self) -> dict[str, Decimal]:
        """What is on the accounts, by code, zeros left out."""
        return {code: account.balance for code, account in self.locked.accounts.items() if account.balance}

    def accounts_of(self, user: int) -> list[Account]:
        """All accounts of a user."""
        return [self.locked.accounts[user_account(user, account.name)] for account in USER_ACCOUNTS]


def transfers(data: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The transfers of an event's data, short: `(debit, credit, amount)`, the amount without its zeros."""
    return [(pair["debit"], pair["credit"], short(pair["amount"])) for pair in data["transfers"]]


def short(value: str | Decimal) -> str:
    """An amount without the zeros at its end: `short("0.50000000")` is "0.5"."""
    return f"{Decimal(value).normalize():f}"


def minutes_ago(minutes: float) -> datetime:
    """A moment of the past that a submission may have occurred at."""
    return timezone.now() - timedelta(minutes=minutes)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Whatever is posted within is gone afterwards: for tests that try many worlds in one.

    The engine insists on a transaction of its own; here it is content with a savepoint, as it is in
    Django's own test cases.
    """
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    with atomic:
        try:
            yield
        finally:
            transaction.set_rollback(True)


def journal() -> list[tuple[Any, ...]]:
    """Every entry as `(key of the operation, account, side, amount, balance after, version)`, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select v.metadata ->> 'request_id', a.code, e.side, e.amount, e.balance_after,
                      e.account_version
               from models_entry e
               join ledger_account a on a.id = e.account_id
               join events_event v on v.position = e.position
               order by e.position, e.transfer, e.side"""
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _id(row: User | Machine | int) -> int:
    return row if isinstance(row, int) else row.pk
