"""The data of a decision's event, which is everything that is ever known of the decision.

```
{"kind": "training", "command": {as sent}, "payer": 42, "machine_owner": 42,
 "pricing": {"tariff": 1, "unit_price": "0.00001000", "quantity": 4000, …},
 "transfers": [{"debit": "user:42:eaml", "credit": "platform:revenue:eaml",
                "currency": "EAML", "amount": "0.04000000"}],
 "accounts": {"user:42:eaml": {"balance": "9.96000000", "held": "0.00000000", "version": 7}},
 "grants": {…}, "holds": {…}, "reversed": {…}}
```

`accounts` has every account of each user that was locked for the decision, and the escrow of its contract,
with the state after it. Accounts that never had an entry are left out, which means zero. The last three
have the new state of everything that was touched.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.domain import codec
from ledger.domain.consulting import Contract
from ledger.domain.coupons import Code, Grant
from ledger.domain.holds import Hold
from ledger.domain.locked_state import Account, Decision, LockedState
from ledger.domain.money import text
from ledger.domain.payouts import Payout
from ledger.domain.periods import Period
from ledger.domain.proposals import Adjusted, Proposal
from ledger.domain.reversals import Reversed

_KEPT: Final[Mapping[type, tuple[str, str, Callable[[Any], dict[str, Any]]]]] = {
    Grant: ("grants", "id", codec.encode_grant),
    Hold: ("holds", "id", codec.encode_hold),
    Payout: ("payouts", "id", codec.encode_payout),
    Contract: ("contracts", "id", codec.encode_contract),
    Reversed: ("reversed", "operation", codec.encode_reversed),
    Code: ("codes", "code", codec.encode_code),
    Proposal: ("proposals", "id", codec.encode_proposal),
    Adjusted: ("adjusted", "key", codec.encode_adjusted),
    Period: ("periods", "month", codec.encode_period),
}
"""By class of a decision's states: the name in the event, the attribute with the key, and the encoder.

Payment references are left out, because no event has one.
"""


def event_data(decision: Decision, sent: Mapping[str, Any], locked: LockedState) -> dict[str, Any]:
    """Return the data of a decision's event. `locked` is the state after the decision."""
    data: dict[str, Any] = {
        "kind": str(decision.kind),
        "command": sent,
        "payer": decision.payer or None,
        **decision.facts,
        "transfers": [
            {"debit": debit, "credit": credit, "currency": currency, "amount": text(amount)}
            for debit, credit, currency, amount in decision.transfers
        ],
        "accounts": {
            account.code: _account(account)
            for user in decision.users
            for account in locked.user_accounts(user)
            if account.version
        },
    }
    for each in decision.states:
        if type(each) in _KEPT:
            name, key, keep = _KEPT[type(each)]
            data.setdefault(name, {})[str(getattr(each, key))] = keep(each)
        if isinstance(each, Contract):
            escrow = locked.accounts.get(each.account)
            if escrow is not None and escrow.version:
                data["accounts"][escrow.code] = _account(escrow)
    if decision.credit_limits:
        data["credit_limits"] = {
            code: None if limit is None else text(limit) for code, limit in decision.credit_limits.items()
        }
    return data


def _account(account: Account) -> dict[str, Any]:
    return {"balance": text(account.balance), "held": text(account.held), "version": account.version}
