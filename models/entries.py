"""How entries are read: by user, and by user and time."""

import datetime as dt
from typing import TYPE_CHECKING, TypeVar

from django.db import models
from django.utils import timezone

from models.immutable import ImmutableQuerySet

if TYPE_CHECKING:
    from models.billing import Entry
    from models.user import User

DEBIT = "D"
CREDIT = "C"

EntryT = TypeVar("EntryT", bound="Entry", covariant=True)


class EntryQuerySet(ImmutableQuerySet[EntryT]):
    """Entries, oldest first where a user is asked for."""

    def get_all_by_user(self, user: "User | int") -> "EntryQuerySet[EntryT]":
        """The user's entries in the order in which they were recorded."""
        return self.filter(user=user).order_by("recorded_at", "id")

    def get_by_user_in_date_range(
        self, user: "User | int", start: dt.date, end: dt.date
    ) -> "EntryQuerySet[EntryT]":
        """The user's entries recorded from ``start`` on and before ``end``.

        Both are aware datetimes, or dates, which stand for whole days in the current time
        zone: a range of dates includes the day it ends with.

        Raises:
            ValueError: a datetime without a time zone, or a start after the end.
        """
        first, limit = _moment(start), _moment(end, whole_day=True)
        if first > limit:
            raise ValueError(f"The range starts at {start} and ends before that, at {end}.")
        return self.get_all_by_user(user).filter(recorded_at__gte=first, recorded_at__lt=limit)


class EntryManager(models.Manager.from_queryset(EntryQuerySet)[EntryT]):  # type: ignore[misc]
    """All entries, the platform's too."""


class SidedManager(EntryManager[EntryT]):
    """The entries on users' accounts of the side and currency that the class stands for."""

    def get_queryset(self) -> EntryQuerySet[EntryT]:
        side, currency = self.model.posts
        found: EntryQuerySet[EntryT] = super().get_queryset()
        return found.filter(user__isnull=False, side=side, currency=currency)


def _moment(value: dt.date, *, whole_day: bool = False) -> dt.datetime:
    if isinstance(value, dt.datetime):
        if timezone.is_naive(value):
            raise ValueError(f"{value} has no time zone; a moment needs one.")
        return value
    day = value + dt.timedelta(days=1) if whole_day else value
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))
