"""Readable builders of users, machines, submissions and funds, for all tests.

Submissions are made through the wire contract, so a test cannot send what a service could not.
`PureDomain` runs the pure domain alone, in memory; `post_one`, `fund` and the rest need the database.
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
from ledger.engine.submission import Outcome, Sender, Submission
from ledger.requests.operations import operation_submission
from models import Machine, User

SOURCE: Final = "/services/tests"
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

_numbers = count(1)


def amount(value: str | int | Decimal) -> Decimal:
    """Return an amount with 8 decimals: `amount("0.2")` is 0.20000000."""
    return Decimal(value).quantize(Decimal("0.00000001"))


# Users and machines, in the database.


def make_user(**fields: Any) -> User:
    """Create a user with a new address and no password."""
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
    """Create a machine with that number of columns. A price of None: not for sale."""
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


# Submissions, one function a kind. Users and machines may be rows or ids.


def training(machine: Machine | int, *, user: User | int, lines: int = 1000, **more: Any) -> Submission:
    """Train `lines` rows on the machine; its owner pays."""
    return submission("training", user, machine=_id(machine), count_of_lines=lines, **more)


def solving(machine: Machine | int, *, user: User | int, lines: int = 1000, **more: Any) -> Submission:
    """Predict `lines` rows; the user pays."""
    return submission("solving", user, machine=_id(machine), count_of_lines=lines, **more)


def solving_with_api(
    machine: Machine | int, *, user: User | int, lines: int = 1000, **more: Any
) -> Submission:
    """Predict `lines` rows through the user's own API; the user pays."""
    return submission("solving_with_api", user, machine=_id(machine), count_of_lines=lines, **more)


def api_market(machine: Machine | int, *, user: User | int, lines: int = 1, **more: Any) -> Submission:
    """Predict `lines` rows on another user's machine; the user pays its owner."""
    return submission("solving_with_api_market", user, machine=_id(machine), count_of_lines=lines, **more)


def data_source(machine: Machine | int, *, user: User | int, **more: Any) -> Submission:
    """Buy the machine's data from its owner."""
    return submission("buy_data_source", user, machine=_id(machine), **more)


def machine_copy(machine: Machine | int, *, user: User | int, **more: Any) -> Submission:
    """Buy a copy of the machine from its owner."""
    return submission("machine_copy", user, machine=_id(machine), **more)


def copy_update(machine: Machine | int, *, user: User | int, **more: Any) -> Submission:
    """Buy an update of a copy from the machine's owner."""
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
    """Pay in USD, under a payment reference that follows from the key unless one is given."""
    key = key or str(uuid4())
    paid: dict[str, Any] = {"amount": str(usd), "payment_reference": reference or f"{source} {key}"[:200]}
    return submission("credit_from_user", user, key=key, source=source, **paid, **more)


def bill(user: User | int, usd: str | int, **more: Any) -> Submission:
    """Pay a bill: turn USD of the user into tokens."""
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
    """Return an operation as a service would send it, under `key` or a new key.

    `at` is when it occurred. None leaves it out of the command, which means now.
    """
    sent = {"type": kind, "operation_user": _id(user), **fields}
    if at is not None:
        sent["occurred_at"] = at
    sender = Sender(
        source=source, request_id=key or str(uuid4()), received_at=timezone.now(), refuse_early=refuse_early
    )
    return operation_submission(OPERATION_ADAPTER.validate_python(sent), sender, out_of_time=out_of_time)


def adjustment(user: User | int, account: str, change: str | int, *, key: str | None = None) -> Submission:
    """Put `change` on a user's account `usd` or `eaml`, or take it off if it is negative.

    Each adjustment has a new actor, so that none needs an approval.
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
    sender = Sender(
        source=SOURCE, request_id=key or str(uuid4()), received_at=command.occurred_at, actor=actor
    )
    return Submission(sender=sender, command=command, sent=sent)


# Posting, and reading the results.


def post_one(submission: Submission) -> Outcome:
    """Post a batch of one submission; return its outcome."""
    (outcome,) = post([submission])
    return outcome


def recorded(submission: Submission) -> StoredEvent:
    """Post a submission that must be recorded; return its event."""
    outcome = post_one(submission)
    assert outcome.status == "recorded", outcome
    assert outcome.event is not None
    return outcome.event


def code_of(outcome: Outcome) -> str:
    """Return the code of an error, or else the status: `insufficient_funds`, `undecided`, `recorded`."""
    if outcome.status == "rejected" and outcome.event is not None:
        return str(outcome.event.data["rejection"]["code"])
    return outcome.error.code if outcome.error is not None else outcome.status


def fund(user: User, *, usd: str | int = 0, eaml: str | int = 0) -> User:
    """Put USD and tokens on a user's accounts."""
    post([adjustment(user, name, value) for name, value in (("usd", usd), ("eaml", eaml)) if Decimal(value)])
    return user


def balances(*users: User | int) -> dict[str, Decimal]:
    """Return the balances of the users, or of all users, by account code, without zeros."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select code, balance from ledger_account
               where balance <> 0 and user_id is not null and (%(all)s or user_id = any(%(users)s))""",
            {"all": not users, "users": [_id(user) for user in users]},
        )
        return dict(cursor.fetchall())


def on_user(user: User) -> tuple[Decimal, Decimal, Decimal]:
    """Return the three balances on the user's row: USD, EAML, coupons."""
    user.refresh_from_db()
    return user.user_balance, user.user_ixioo_balance, user.coupon_balance


def counts() -> dict[str, int]:
    """Return the numbers of rows of log and journal. Equal numbers mean that nothing was written."""
    tables = ("events_event", "events_key", "events_note", "models_operation", "models_entry")
    with connection.cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f"select count(*) from {table}")
            found[table] = cursor.fetchone()[0]
        return found


# The pure domain, in memory.


def tariff(version: int = 1, *, since: datetime = LONG_AGO, **terms: Any) -> Tariff:
    """Return the tariff of a fresh installation, with the named terms changed."""
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
    """Return a machine's terms like those of `make_machine`, without a row."""

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
    """The pure domain over accounts in memory: decides like the engine, without a database.

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
        """Decide; return the data of the event. Raises `Rejected` or `Undecided`, with nothing changed."""
        planned = plan(submission.command, self.known)
        decision = decide(planned, self.locked, now=self.now, event_id=f"event {self.decided}")
        self.decided += 1
        self.locked.apply(decision)
        return event_data(decision, submission.sent, self.locked)

    def balances(self) -> dict[str, Decimal]:
        """Return the balances by account code, without zeros."""
        return {code: account.balance for code, account in self.locked.accounts.items() if account.balance}

    def accounts_of(self, user: int) -> list[Account]:
        """Return all accounts of a user."""
        return [self.locked.accounts[user_account(user, account.name)] for account in USER_ACCOUNTS]


def transfers(data: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the transfers of an event's data as `(debit, credit, amount)`, without trailing zeros."""
    return [(pair["debit"], pair["credit"], short(pair["amount"])) for pair in data["transfers"]]


def short(value: str | Decimal) -> str:
    """Return an amount without trailing zeros: `short("0.50000000")` is "0.5"."""
    return f"{Decimal(value).normalize():f}"


def minutes_ago(minutes: float) -> datetime:
    """Return a time in the past that a submission may have occurred at."""
    return timezone.now() - timedelta(minutes=minutes)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back everything that is posted within, for tests that try many worlds in one.

    The engine insists on its own transaction; here it accepts a savepoint, as in Django's test cases.
    """
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    with atomic:
        try:
            yield
        finally:
            transaction.set_rollback(True)


def journal() -> list[tuple[Any, ...]]:
    """Return all entries in order: `(operation key, account, side, amount, balance after, version)`."""
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
