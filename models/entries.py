"""How entries are read: by user, and by user and time."""

import datetime as dt
from typing import ClassVar, TypeVar

from django.db import models
from django.utils import timezone

from models.immutable import ImmutableModel, ImmutableQuerySet

DEBIT = "D"
CREDIT = "C"


class SidedModel(ImmutableModel):
    """A row of the table of entries."""

    # The side and the currency that an entry of this class posts; `Entry` itself posts none.
    posts: ClassVar[tuple[str, str] | None] = None

    class Meta:
        abstract = True


EntryT_co = TypeVar("EntryT_co", bound=SidedModel, covariant=True)


class EntryQuerySet(ImmutableQuerySet[EntryT_co]):
    """Entries, oldest first where a user is asked for."""

    def get_all_by_user(self, user: models.Model | int) -> "EntryQuerySet[EntryT_co]":
        """The user's entries in the order in which they were recorded."""
        return self.filter(user=user).order_by("recorded_at", "id")

    def get_by_user_in_date_range(
        self, user: models.Model | int, start: dt.date, end: dt.date
    ) -> "EntryQuerySet[EntryT_co]":
        """The user's entries recorded from ``start`` on and before ``end``.

        Both are aware datetimes, or dates, which stand for whole days in the current time
        zone: a range of dates includes the day it ends with.

        Raises:
            ValueError: a datetime without a time zone, or a start after the end.
        """
        first, limit = _moment(start), _moment(end, whole_day=True)
        # A day has room in it, so only a moment can be both start and end.
        if first > limit or (first == limit and not isinstance(end, dt.datetime)):
            raise ValueError(f"The range starts at {start} and ends before that, at {end}.")
        return self.get_all_by_user(user).filter(recorded_at__gte=first, recorded_at__lt=limit)


class EntryManager(models.Manager[EntryT_co]):
    """All entries, the platform's too."""

    def get_queryset(self) -> EntryQuerySet[EntryT_co]:
        return EntryQuerySet(self.model, using=self._db)

    def get_all_by_user(self, user: models.Model | int) -> EntryQuerySet[EntryT_co]:
        """The user's entries in the order in which they were recorded."""
        return self.get_queryset().get_all_by_user(user)

    def get_by_user_in_date_range(
        self, user: models.Model | int, start: dt.date, end: dt.date
    ) -> EntryQuerySet[EntryT_co]:
        """The user's entries of a time; the queryset's method of this name says which."""
        return self.get_queryset().get_by_user_in_date_range(user, start, end)


class SidedManager(EntryManager[EntryT_co]):
    """The entries on users' accounts of the side and currency that the class stands for."""

    def get_queryset(self) -> EntryQuerySet[EntryT_co]:
        assert self.model.posts is not None  # noqa: S101 - Entry itself has another manager
        side, currency = self.model.posts
        return super().get_queryset().filter(user__isnull=False, side=side, currency=currency)


def _moment(value: dt.date, *, whole_day: bool = False) -> dt.datetime:
    if isinstance(value, dt.datetime):
        if timezone.is_naive(value):
            raise ValueError(f"{value} has no time zone; a moment needs one.")
        return value
    day = value + dt.timedelta(days=1) if whole_day else value
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))
