"""The chart of accounts: fixed numbers, known pairs."""

from ledger.domain.chart import (
    ALLOWED_PAIRS,
    ESCROW,
    PLATFORM_ACCOUNTS,
    PLATFORM_IDS,
    USER_ACCOUNT_IDS_FROM,
    USER_ACCOUNTS,
)
from ledger.domain.operations import Kind

KINDS_OF_ACCOUNT = {account.kind: account for account in (*USER_ACCOUNTS, ESCROW, *PLATFORM_ACCOUNTS)}


def test_platform_accounts_have_ids_of_their_own_below_the_users() -> None:
    """They are written into entries without being looked up."""
    assert len(PLATFORM_IDS) == len(PLATFORM_ACCOUNTS) == len({account.id for account in PLATFORM_ACCOUNTS})
    assert max(PLATFORM_IDS.values()) < USER_ACCOUNT_IDS_FROM


def test_account_codes_name_their_currency() -> None:
    """USD and EAML never share an account."""
    for account in (*USER_ACCOUNTS, *PLATFORM_ACCOUNTS):
        last = (account.name if account in USER_ACCOUNTS else account.code).rpartition(":")[2]  # type: ignore[union-attr]
        assert account.currency == {"usd": "USD", "coupon": "USD", "eaml": "EAML"}[last]


def test_pairs_name_operations_and_accounts_that_exist() -> None:
    """A misspelt kind would refuse what should be posted."""
    for operation, debit, credit in ALLOWED_PAIRS:
        assert operation in set(Kind)
        assert debit in KINDS_OF_ACCOUNT
        assert credit in KINDS_OF_ACCOUNT


def test_no_operation_pays_a_user_from_another_ones_coupons() -> None:
    """Coupons pay what is owed to the platform, and nobody else."""
    from_coupons = {credit for _, debit, credit in ALLOWED_PAIRS if debit == "user:coupon"}
    assert not {credit for credit in from_coupons if credit.startswith("user:")}


def test_what_is_owed_is_on_the_other_side_of_what_one_has() -> None:
    """A debit raises a due and lowers a balance."""
    sides = {account.name: account.normal_side for account in USER_ACCOUNTS}
    assert sides == {"usd": "C", "eaml": "C", "coupon": "C", "due:usd": "D", "due:eaml": "D"}
