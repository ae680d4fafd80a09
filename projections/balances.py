"""The balances on User: the only projection written in the posting transaction."""

from collections.abc import Sequence
from typing import Any, Final

from events.arrays import numbers
from events.pipeline import Statement, send_later
from ledger.domain.locked_state import Account

_UPDATE_USERS: Final = Statement(
    "update_users",
    """update models_user u
       set user_balance = b.usd, user_ixioo_balance = b.eaml, coupon_balance = b.coupon
       from (select user_id,
                    sum(balance) filter (where kind = 'user:usd') as usd,
                    sum(balance) filter (where kind = 'user:eaml') as eaml,
                    sum(balance) filter (where kind = 'user:coupon') as coupon
             from ledger_account where user_id = any($1::bigint[]) group by user_id) b
       where u.id = b.user_id""",
)


def project(cursor: Any, accounts: Sequence[Account]) -> None:
    """Copy the balances of users' accounts onto their user rows. `accounts` are the accounts that changed."""
    users = sorted({account.user for account in accounts})
    if not users:
        return
    send_later(cursor, _UPDATE_USERS, numbers(users))
