"""The pages of the administration: one module per subject. Most rows are read-only; a few are edited here."""

from web.admin import (
    accounts,
    consulting,
    keys,
    log,
    machines,
    messages,
    operations,
    payouts,
    periods,
    proposals,
    tariffs,
    users,
)

__all__ = [
    "accounts",
    "consulting",
    "keys",
    "log",
    "machines",
    "messages",
    "operations",
    "payouts",
    "periods",
    "proposals",
    "tariffs",
    "users",
]
