"""Installing a newer chart of accounts on an existing database."""

import pytest
from django.db import connection

from ledger.domain.chart import ALLOWED_PAIRS, PLATFORM_ACCOUNTS
from ledger.install import install

pytestmark = pytest.mark.django_db


def test_pairs_and_accounts_that_are_missing_are_added() -> None:
    """Missing pairs and accounts are added, and existing ones stay as they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from ledger_allowed_pair where operation_kind ~ '^(payout|chargeback|consulting)'"
        )
        assert cursor.rowcount > 0
        cursor.execute("delete from ledger_account where code = 'platform:losses:usd'")
        for _ in range(2):
            install(cursor)
            cursor.execute("select operation_kind, debit_kind, credit_kind from ledger_allowed_pair")
            assert set(cursor.fetchall()) == set(ALLOWED_PAIRS)
            cursor.execute("select id, code from ledger_account where user_id is null")
            assert set(cursor.fetchall()) == {(account.id, account.code) for account in PLATFORM_ACCOUNTS}
