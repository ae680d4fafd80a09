"""Querysets and managers that read entries: by user, and by user and time."""

import datetime as dt
from typing import ClassVar, TypeVar

from django.db import models
from django.utils import timezone

from models.immutable import ImmutableModel, ImmutableQuerySet

DEBIT = "D"
CREDIT = "C"


class SidedModel(ImmutableModel):
    """An entry; ``posts`` is the side and currency that its class posts, or ``None`` if it posts none."""

    posts: ClassVar[tuple[str, str] | None] = None

    class Meta:
        abstract = True


EntryT_co = TypeVar("EntryT_co", bound=SidedModel, covariant=True)


class EntryQuerySet(ImmutableQuerySet[EntryT_co]):
    """Entries, oldest first when selected by user."""

    def get_all_by_user(self, user: models.Model | int) -> "EntryQuerySet[EntryT_co]":
        """Return the user's entries in the order in which they were recorded."""
        return self.filter(user=user).order_by("recorded_at", "id")

    def get_by_user_in_date_range(
        self, user: models.Model | int, start: dt.date, end: dt.date
    ) -> "EntryQuerySet[EntryT_co]":
        """Return the user's entries recorded at or after ``start`` and before ``end``.

        Both are aware datetimes, or dates, which are whole days in the current time zone: a range of
        dates includes its last day.

        Raises:
            ValueError: a datetime has no time zone, or the start is after the end.
        """
        first, limit = _moment(start), _moment(end, whole_day=True)
        # Only a datetime can be both start and end; a date covers a whole day.
        if first > limit or (first == limit and not isinstance(end, dt.datetime)):
            raise ValueError(f"The range ends before it starts: it starts at {start} and ends at {end}.")
        return self.get_all_by_user(user).filter(recorded_at__gte=first, recorded_at__lt=limit)


class EntryManager(models.Manager[EntryT_co]):
    """Manager of all entries, including those of the platform."""

    def get_queryset(self) -> EntryQuerySet[EntryT_co]:
        return EntryQuerySet(self.model, using=self._db)

    def get_all_by_user(self, user: models.Model | int) -> EntryQuerySet[EntryT_co]:
        """Return the user's entries in the order in which they were recorded."""
        return self.get_queryset().get_all_by_user(user)

    def get_by_user_in_date_range(
        self, user: models.Model | int, start: dt.date, end: dt.date
    ) -> EntryQuerySet[EntryT_co]:
        """Return the user's entries of a time range; see the method of ``EntryQuerySet``."""
        return self.get_queryset().get_by_user_in_date_range(user, start, end)


class SidedManager(EntryManager[EntryT_co]):
    """Manager of the entries on users' accounts with the side and currency of the class."""

    def get_queryset(self) -> EntryQuerySet[EntryT_co]:
        assert self.model.posts is not None  # noqa: S101 - Entry itself has another manager
        side, currency = self.model.posts
        return super().get_queryset().filter(user__isnull=False, side=side, currency=currency)


def _moment(value: dt.date, *, whole_day: bool = False) -> dt.datetime:
    if isinstance(value, dt.datetime):
        if timezone.is_naive(value):
            raise ValueError(f"{value} has no time zone, but a datetime needs one.")
        return value
    if whole_day and value == dt.date.max:  # no day follows it
        return timezone.make_aware(dt.datetime.combine(value, dt.time.max))
    day = value + dt.timedelta(days=1) if whole_day else value
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))
