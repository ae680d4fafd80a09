"""The locked state that decisions look at beside the accounts: all but the references."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ledger.domain.adjustments import Adjust
from ledger.domain.approvals import ResolvingProposal
from ledger.domain.chart import is_coupon_account, name_of
from ledger.domain.closing import ChangePeriod
from ledger.domain.contracting import Ending, Signing
from ledger.domain.decide import Plan
from ledger.domain.granting import CreateCode, RedeemCode
from ledger.domain.holding import Placing, Resolving
from ledger.domain.locked_state import Account, LockedState
from ledger.domain.paying_out import ConfirmPayout, PayingOut, RequestPayout
from ledger.domain.periods import Month
from ledger.domain.pricing import Priced
from ledger.domain.proposals import Proposal
from ledger.domain.reversal_commands import Reversing
from ledger.engine import kept_store, payment_references, periods, tariffs


def needs_accounts_only(plan: Plan | None) -> bool:
    """Whether the accounts are all that a plan looks at: of most batches every one."""
    return isinstance(plan, Priced) and plan.payment is None


def lock_names_of(cursor: Any, plans: Sequence[Plan | None], proposals: Sequence[Proposal]) -> None:
    """Lock by its name what has no row to lock, because it is only being made, and no user's lock."""
    names = [f"code {code}" for code in _codes(plans)]
    names += [f"actor {each.actor}" for each in plans if isinstance(each, Adjust)]
    names += [f"proposal {each.id}" for each in proposals if each.user is None]
    # Nobody's accounts are locked for a payment of a user who is gone.
    names += [
        f"operation {each.original.id}" for each in plans if isinstance(each, Reversing) and not each.users
    ]
    if names:
        kept_store.lock_names(cursor, *names)


def months_closing(plans: Sequence[Plan | None]) -> list[Month]:
    """The months that plans would close."""
    closing = (plan.closes for plan in plans if isinstance(plan, ResolvingProposal))
    return sorted({month for month in closing if month is not None})


def load_periods(
    cursor: Any, plans: Sequence[Plan | None], locked: LockedState, freezing: periods.Freezing
) -> None:
    """Put all periods into the book, where one may change."""
    if any(isinstance(plan, ChangePeriod) or _is_about_periods(plan) for plan in plans):
        locked.add(periods.read_periods(cursor))
        locked.add(freezing.finish(months_closing(plans)))


def load_state(  # noqa: C901 (one read a kind of state)
    cursor: Any,
    plans: Sequence[Plan | None],
    proposals: Sequence[Proposal],
    locked: LockedState,
    *,
    day: date,
) -> None:
    """Put into the book what the decisions on the plans look at. `day` is the day (UTC) of recording.

    The accounts in the book say whether there can be any of it; most batches read nothing here.
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
        # An escrow is written once there is something in it.
        new = [each for each in contracts if each.account not in locked.accounts]
        locked.add_accounts(Account(each.account, each.client, credit_normal=True) for each in new)
    if originals:
        locked.add(kept_store.read_reversed(cursor, [each.id for each in originals]))
    if proposals:
        # Under the lock of their users, or of their own names: as whoever else resolves them.
        locked.add(kept_store.read_proposals(cursor, [each.id for each in proposals]))
    if any(each.subject == "tariff" for each in proposals):
        locked.latest_tariff = tariffs.latest_version(cursor)
    if actors := [each.actor for each in plans if isinstance(each, Adjust)]:
        locked.add(kept_store.read_adjusted(cursor, actors, day))
    if known := _payments(plans):
        locked.add(payment_references.read(cursor, known))
    if codes := _codes(plans):
        users = [each.user for each in plans if isinstance(each, RedeemCode)]
        locked.add(kept_store.read_codes(cursor, codes, users))


def _payments(plans: Sequence[Plan | None]) -> list[str]:
    paid_in = [each.payment for each in plans if isinstance(each, Priced)]
    confirmed = [each.command for each in plans if isinstance(each, PayingOut)]
    paid_out = [command.payment for command in confirmed if isinstance(command, ConfirmPayout)]
    return [payment for payment in paid_in + paid_out if payment is not None]


def _is_about_periods(plan: Plan | None) -> bool:
    return isinstance(plan, ResolvingProposal) and plan.proposal.subject == "period"


def _codes(plans: Sequence[Plan | None]) -> list[str]:
    redeemed = [each.code for each in plans if isinstance(each, RedeemCode)]
    return redeemed + [each.code.code for each in plans if isinstance(each, CreateCode)]
