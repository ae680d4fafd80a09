"""The chart of accounts: fixed ids, known pairs, and codes that can be read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import chart
from ledger.domain.chart import (
    ALLOWED_PAIRS,
    ESCROW,
    FAMILIES,
    PLATFORM_ACCOUNTS,
    PLATFORM_IDS,
    USER_ACCOUNT_IDS_FROM,
    USER_ACCOUNTS,
    PlatformAccount,
    UserAccount,
    escrow_account,
    user_account,
)
from ledger.domain.operations import Kind

KINDS_OF_ACCOUNT = {account.kind: account for account in FAMILIES.values()}
IDS = st.integers(min_value=0, max_value=2**63 - 1)


def test_platform_accounts_have_ids_of_their_own_below_the_users() -> None:
    """Entries are written with these ids without a look-up."""
    assert len(PLATFORM_IDS) == len(PLATFORM_ACCOUNTS) == len({account.id for account in PLATFORM_ACCOUNTS})
    assert max(PLATFORM_IDS.values()) < USER_ACCOUNT_IDS_FROM


@given(IDS, st.sampled_from(USER_ACCOUNTS))
def test_the_code_of_a_users_account_reads_back(user: int, account: UserAccount) -> None:
    """Owner, name, kind, currency and side are those that the code was built from."""
    code = user_account(user, account.name)
    assert (chart.owner_of(code), chart.id_of(code), chart.name_of(code)) == (user, str(user), account.name)
    assert FAMILIES[chart.family_of(code)] is account
    assert (chart.kind_of(code), chart.currency_of(code), chart.side_of(code)) == account[1:]
    assert chart.currency_of_name(account.name) == account.currency
    assert chart.is_user_account(code)
    assert not chart.is_escrow(code)
    assert chart.is_coupon_account(code) is (account.name == "coupon")
    assert chart.is_due(account.name) is (account.normal_side == chart.DEBIT)


@given(IDS)
def test_the_code_of_an_escrow_reads_back(contract: int) -> None:
    """It names the contract and has no owner."""
    code = escrow_account(contract)
    assert (chart.owner_of(code), chart.id_of(code), chart.name_of(code)) == (None, str(contract), "escrow")
    assert FAMILIES[chart.family_of(code)] is ESCROW
    assert (chart.kind_of(code), chart.currency_of(code), chart.side_of(code)) == ESCROW[1:]
    assert chart.is_escrow(code)
    assert not chart.is_user_account(code)
    assert not chart.is_coupon_account(code)


@pytest.mark.parametrize("account", PLATFORM_ACCOUNTS, ids=lambda account: account.code)
def test_the_code_of_a_platform_account_is_its_own_family(account: PlatformAccount) -> None:
    """It has no owner and no name."""
    code = account.code
    assert chart.owner_of(code) is None
    assert FAMILIES[chart.family_of(code)] is account
    assert (chart.kind_of(code), chart.currency_of(code), chart.side_of(code)) == account[2:]
    assert not any(read(code) for read in (chart.is_user_account, chart.is_escrow, chart.is_coupon_account))
    with pytest.raises(ValueError, match="is not an account of a user or a contract"):
        chart.name_of(code)


@pytest.mark.parametrize(
    "code", ["", "user", "user:", "user:5", "user:usd", "user:5:gold", "escrow", "platform:usd"]
)
def test_codes_outside_the_chart_have_no_kind(code: str) -> None:
    """Neither a part of a code nor a name that does not exist is taken for an account."""
    assert chart.family_of(code) not in FAMILIES
    for read in (chart.kind_of, chart.currency_of, chart.side_of):
        with pytest.raises(KeyError):
            read(code)


def test_account_codes_name_their_currency() -> None:
    """USD and EAML never share an account."""
    for family, account in FAMILIES.items():
        currencies = {"usd": "USD", "coupon": "USD", "escrow": "USD", "eaml": "EAML"}
        assert account.currency == currencies[family.rpartition(":")[2]]


def test_accounts_that_are_named_by_currency_are_in_it() -> None:
    """Funds and dues are users' accounts, manual and losses are the platform's."""
    for names in (chart.FUNDS, chart.DUES):
        assert {chart.currency_of_name(name): name for name in names.values()} == names
    for codes in (chart.MANUAL, chart.LOSSES):
        assert {chart.currency_of(code): code for code in codes.values()} == codes


def test_pairs_name_operations_and_accounts_that_exist() -> None:
    """A misspelt kind would refuse transfers that are needed."""
    for operation, debit, credit in ALLOWED_PAIRS:
        assert operation in set(Kind)
        assert debit in KINDS_OF_ACCOUNT
        assert credit in KINDS_OF_ACCOUNT


def test_no_operation_pays_a_user_from_another_users_coupons() -> None:
    """Coupons pay the platform and no user."""
    from_coupons = {credit for _, debit, credit in ALLOWED_PAIRS if debit == "user:coupon"}
    assert not {credit for credit in from_coupons if credit.startswith("user:")}


def test_dues_have_the_other_normal_side_than_balances() -> None:
    """A debit raises a due and lowers a balance."""
    sides = {account.name: account.normal_side for account in USER_ACCOUNTS}
    assert sides == {"usd": "C", "eaml": "C", "coupon": "C", "due:usd": "D", "due:eaml": "D"}
