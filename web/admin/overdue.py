"""Database expressions for what has expired but was not swept yet.

Rows still include it until the sweep, so pages subtract it: Note [Overdue] in `ledger.queries.balances`.
"""

from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Now

from ledger.models import CouponGrant, HeldFunds


def _amount() -> "DecimalField[Decimal | str, Decimal]":
    return DecimalField(max_digits=20, decimal_places=8)


def expired_coupons(user_id: str) -> Coalesce:
    """Return the USD of a user's expired coupons. `user_id` names a column of the outer query."""
    grants = CouponGrant.objects.filter(user_id=OuterRef(user_id), remaining__gt=0, expires_at__lte=Now())
    return _sum(grants, Sum("remaining"))


def expired_holds(user_id: str) -> Coalesce:
    """Return the EAML of a user's expired holds. `user_id` names a column of the outer query."""
    holds = HeldFunds.objects.filter(user_id=OuterRef(user_id), state="open", expires_at__lte=Now())
    return _sum(holds, Sum(Cast(KT("kept__remaining"), _amount())))


def _sum(rows: QuerySet[Any], remaining: Sum) -> Coalesce:
    total = rows.order_by().values("user_id").annotate(total=remaining).values("total")
    return Coalesce(Subquery(total), Value(Decimal(0)), output_field=_amount())
