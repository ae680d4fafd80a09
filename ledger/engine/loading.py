"""Loads what decisions need in addition to accounts, such as holds, grants and periods."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ledger.domain.adjustments import Adjust
from ledger.domain.approvals import ResolvingProposal
from ledger.domain.chart import is_coupon_account, name_of
from ledger.domain.closing import ChangePeriod
from ledger.domain.contracting import Ending, Signing
from ledger.domain.decide import Plan
from ledger.domain.granting import CreateCode, RedeemCode, WithdrawCode
from ledger.domain.holding import Placing, Resolving
from ledger.domain.locked_state import Account, LockedState
from ledger.domain.paying_out import ConfirmPayout, PayingOut, RequestPayout
from ledger.domain.periods import Month
from ledger.domain.pricing import Priced
from ledger.domain.proposals import Proposal
from ledger.domain.reversal_commands import Reversing
from ledger.engine import kept_store, payment_references, periods, tariffs


def needs_accounts_only(plan: Plan | None) -> bool:
    """Return True if a plan needs nothing but accounts, as every plan of most batches does."""
    return isinstance(plan, Priced) and plan.payment is None


def with_proposed(plans: Sequence[Plan | None]) -> list[Plan | None]:
    """Return the plans, with those of the commands that they approve."""
    proposed = (each.proposed for each in plans if isinstance(each, ResolvingProposal))
    return [*plans, *(plan for plan in proposed if plan is not None)]


def lock_names_of(
    cursor: Any, plans: Sequence[Plan | None], proposals: Sequence[Proposal], principals: Sequence[str]
) -> None:
    """Lock names for state that may have no row yet and that no user's lock covers."""
    names = [f"code {code}" for code in _codes(plans)]
    names += [f"actor {name}" for name in (*principals, *_adjusting(plans))]
    names += [f"proposal {each.id}" for each in proposals if each.user is None]
    # If the user of a reversed payment was deleted, the batch locks no accounts for it.
    names += [
        f"operation {each.original.id}" for each in plans if isinstance(each, Reversing) and not each.users
    ]
    if names:
        kept_store.lock_names(cursor, *names)


def months_closing(plans: Sequence[Plan | None]) -> list[Month]:
    """Return the months that the plans would close."""
    closing = (plan.closes for plan in plans if isinstance(plan, ResolvingProposal))
    return sorted({month for month in closing if month is not None})


def load_periods(
    cursor: Any, plans: Sequence[Plan | None], locked: LockedState, freezing: periods.Freezing
) -> None:
    """Add all periods to the locked state, if a plan may change one."""
    if any(isinstance(plan, ChangePeriod) or _is_about_periods(plan) for plan in plans):
        locked.add(periods.read_periods(cursor))
        locked.add(freezing.sum_rest(months_closing(plans)))


def load_state(  # noqa: C901 (one read for each kind of state)
    cursor: Any,
    plans: Sequence[Plan | None],
    proposals: Sequence[Proposal],
    locked: LockedState,
    *,
    principals: Sequence[str] = (),
    day: date,
) -> None:
    """Add to the locked state what the decisions on the plans need. `day` is the day (UTC) of recording.

    The locked accounts show what there can be, such as grants and holds. Most batches read nothing here.
    """
    accounts = locked.accounts.values()
    holds = [each.command.hold for each in plans if isinstance(each, Placing)]
    holds += [each.hold.id for each in plans if isinstance(each, Resolving)]
    originals = [each.original for each in plans if isinstance(each, Reversing)]
    spent = [part["grant"] for each in originals for part in each.data.get("spent", ())]
    with_coupons = [each.user for each in accounts if each.balance and is_coupon_account(each.code)]
    holding = [each.user for each in accounts if each.held and name_of(each.code) == "eaml"]
    payouts = [each.payout for each in plans if isinstance(each, RequestPayout)]
    payouts += [each.payout.id for each in plans if isinstance(each, PayingOut)]
    if with_coupons or spent:
        locked.add(kept_store.read_grants(cursor, with_coupons, spent))
    if holds or holding:
        locked.add(kept_store.read_holds(cursor, holds, holding))
    if payouts:
        locked.add(kept_store.read_payouts(cursor, payouts))
    if contracts := [each.contract for each in plans if isinstance(each, Signing | Ending)]:
        locked.add(kept_store.read_contracts(cursor, [each.id for each in contracts]))
        # An escrow account is stored with its first entry.
        new = [each for each in contracts if each.account not in locked.accounts]
        locked.add_accounts(Account(each.account, each.client, credit_normal=True) for each in new)
    if originals:
        locked.add(kept_store.read_reversed(cursor, [each.id for each in originals]))
    if proposals:
        # The lock of their users, or of their names, keeps others from resolving them.
        locked.add(kept_store.read_proposals(cursor, [each.id for each in proposals]))
    if any(each.subject == "tariff" for each in proposals):
        locked.latest_tariff = tariffs.latest_version(cursor)
    if actors := [*principals, *_adjusting(plans)]:
        locked.add(kept_store.read_adjusted(cursor, actors, day))
    if known := _payments(plans):
        locked.add(payment_references.read(cursor, known))
    if codes := _codes(plans):
        users = [each.user for each in plans if isinstance(each, RedeemCode)]
        locked.add(kept_store.read_codes(cursor, codes, users))


def _adjusting(plans: Sequence[Plan | None]) -> list[str]:
    return [name for each in plans if isinstance(each, Adjust) for name in each.principal.names]


def _payments(plans: Sequence[Plan | None]) -> list[str]:
    """Return the digests of the references under which the plans record payments."""
    paid_in = [each.payment for each in plans if isinstance(each, Priced)]
    confirmed = [each.command for each in plans if isinstance(each, PayingOut)]
    paid_out = [command.payment for command in confirmed if isinstance(command, ConfirmPayout)]
    return [payment.digest for payment in paid_in + paid_out if payment is not None]


def _is_about_periods(plan: Plan | None) -> bool:
    return isinstance(plan, ResolvingProposal) and plan.proposal.subject == "period"


def _codes(plans: Sequence[Plan | None]) -> list[str]:
    named = [each.code for each in plans if isinstance(each, RedeemCode | WithdrawCode)]
    return named + [each.code.code for each in plans if isinstance(each, CreateCode)]
