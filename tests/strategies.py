"""Hypothesis strategies: operations in a small world, written so that failures are readable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from ledger.domain.operations import MachineTerms
from ledger.domain.tariff import Tariff
from ledger.engine.submission import Submission
from tests import builders as make
from tests.builders import PureDomain

USERS: Final = 4
MACHINES: Final = 3

_ON_MACHINE: Final[dict[str, Callable[..., Submission]]] = {
    "training": make.training,
    "solving": make.solving,
    "solving_with_api": make.solving_with_api,
    "solving_with_api_market": make.api_market,
    "buy_data_source": make.data_source,
    "machine_copy": make.machine_copy,
    "machine_copy_update": make.copy_update,
}
_COUNTED: Final = frozenset({"training", "solving", "solving_with_api", "solving_with_api_market"})
KINDS: Final = (*_ON_MACHINE, "credit_from_user", "pay_a_bill", "up", "down")


@dataclass(frozen=True, slots=True)
class DrawnOperation:
    """An operation to be sent. `user` and `machine` are numbers from 0 in the world that it is sent to.

    `lines` is for kinds that are priced by line, `amount` for kinds with an amount. The kinds `up` and
    `down` are adjustments of the account `usd` or `eaml`.
    """

    kind: str
    user: int
    machine: int = 0
    lines: int = 0
    amount: str = "0"
    account: str = "usd"

    def submission(
        self, users: Sequence[int], machines: Sequence[int], *, key: str | None = None
    ) -> Submission:
        """Return the operation as a service would send it in a world with these users and machines."""
        user = users[self.user]
        if self.kind in _ON_MACHINE:
            counted = {"lines": self.lines} if self.kind in _COUNTED else {}
            return _ON_MACHINE[self.kind](machines[self.machine], user=user, key=key, **counted)
        if self.kind == "credit_from_user":
            return make.top_up(user, self.amount, key=key)
        if self.kind == "pay_a_bill":
            return make.bill(user, self.amount, key=key)
        sign = "-" if self.kind == "down" else ""
        return make.adjustment(user, self.account, sign + self.amount, key=key)


def amounts(largest: int = 10**13) -> st.SearchStrategy[str]:
    """Draw amounts above zero, awkward ones often. `largest` is in the smallest units."""
    awkward = st.sampled_from(
        ["0.00000001", "0.00000003", "0.5", "1", "10", "999.99999999", "123456.78901234"]
    )
    return awkward | st.integers(1, largest).map(lambda units: make.short(Decimal(units).scaleb(-8)))


def drawn_operations(
    kinds: Sequence[str] = KINDS, *, lines: int = 2_000_000
) -> st.SearchStrategy[DrawnOperation]:
    """Draw one operation of one of the kinds."""
    return st.builds(
        DrawnOperation,
        kind=st.sampled_from(kinds),
        user=st.integers(0, USERS - 1),
        machine=st.integers(0, MACHINES - 1),
        lines=st.sampled_from([0, 1, 3, 1000]) | st.integers(0, lines),
        amount=amounts(),
        account=st.sampled_from(["usd", "eaml"]),
    )


_prices = st.none() | st.sampled_from(["0", "0.00000001", "0.00000003", "0.01", "2.5"]) | amounts(10**10)
_fractions = st.integers(0, 10**8).map(lambda units: f"{Decimal(units).scaleb(-8):f}")


@st.composite
def machine_terms(draw: st.DrawFn, machine: int) -> MachineTerms:
    """Draw a machine of one of the users, with some prices."""
    return make.machine_terms(
        machine,
        owner=draw(st.integers(0, USERS - 1)) + 1,
        columns=draw(st.integers(0, 5)),
        api=draw(_prices),
        data_source=draw(_prices),
        copy=draw(_prices),
        copy_update=draw(_prices),
    )


def tariffs() -> st.SearchStrategy[Tariff]:
    """Draw a tariff, from reasonable to strange."""
    unit = st.sampled_from(["0.00000001", "0.00001", "0.0001", "0.33333333", "1"])
    return st.builds(
        make.tariff,
        training_cell_eaml=unit,
        training_counts_epochs=st.booleans(),
        solving_line_eaml=unit,
        solving_with_api_line_eaml=unit,
        commission_rate=st.just("0.2") | _fractions,
        eaml_per_usd=st.sampled_from(["100", "0.00000001", "0.333333333333"]),
        credit_limit_eaml=st.sampled_from(["0", "1000", "0.00000005"]),
        when_short=st.dictionaries(
            st.sampled_from(["training", "solving", "solving_with_api"]), st.sampled_from(["due", "reject"])
        ),
    )


@st.composite
def worlds(draw: st.DrawFn) -> PureDomain:
    """Draw users 1 to 4 with balances, and machines 1 to 3."""
    start = st.dictionaries(st.sampled_from(["usd", "eaml", "due:usd", "due:eaml"]), amounts())
    return PureDomain(
        users=range(1, USERS + 1),
        machines=[draw(machine_terms(number)) for number in range(1, MACHINES + 1)],
        tariffs=[draw(tariffs())],
        start={user: draw(start) for user in range(1, USERS + 1)},
    )


def submission_in(drawn: DrawnOperation) -> Submission:
    """Return the submission of a drawn operation in a drawn world."""
    return drawn.submission(range(1, USERS + 1), range(1, MACHINES + 1))
