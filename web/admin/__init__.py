"""The administration pages: records to look at, and the few things that people edit here."""

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
