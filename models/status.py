"""Nullable flags of which exactly one is set: the mode or the status of a row.

This module reads such flags as one value, and builds the database constraint for them.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Self, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.base import ModelBase

from models.errors import TransitionRefused
from models.validation import ValidatedModel

RowT_co = TypeVar("RowT_co", bound="StatusModel", covariant=True)


def flag_set(row: models.Model, flags: Iterable[str], *, what: str) -> str:
    """Return the flag that is set; ``what`` names the flags in the error message.

    Raises:
        django.core.exceptions.ValidationError: none is set, or more than one.
    """
    given = [flag for flag in flags if getattr(row, flag)]
    if len(given) != 1:
        named = ", ".join(given) or "none"
        raise ValidationError(f"Exactly one {what} must be set; these are set: {named}.")
    return given[0]


def exactly_one(flags: Iterable[str]) -> models.Q:
    """Return the database condition that exactly one flag is set; null counts as not set."""
    names = tuple(flags)
    condition = models.Q()
    for chosen in names:
        # "Not null" is part of the condition, because a CHECK that evaluates to NULL accepts the row.
        is_set = models.Q(**{chosen: True, f"{chosen}__isnull": False})
        others = (~models.Q(**{other: True}) for other in names if other != chosen)
        condition |= models.Q(is_set, *others)
    return condition


class StatusQuerySet(models.QuerySet[RowT_co]):
    """A queryset that refuses to change statuses, because rows check the transitions."""

    def update(self, **kwargs: Any) -> int:
        self._refuse_statuses(kwargs)
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        self._refuse_statuses(kwargs.get("update_fields") or ())
        return super().bulk_create(objs, *args, **kwargs)

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None) -> int:
        names = list(fields)
        self._refuse_statuses(names)
        return super().bulk_update(objs, names, batch_size)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def _refuse_statuses(self, names: Collection[str]) -> None:
        if named := sorted(self.model.follows.keys() & {*names}):
            raise TransitionRefused(
                f"{', '.join(named)}: change a status row by row, with the methods of "
                f"{self.model.__name__}, which check the transition."
            )


class StatusModel(ValidatedModel):
    """A row with a status; ``follows`` maps each status flag to those that can follow it."""

    follows: ClassVar[Mapping[str, tuple[str, ...]]]
    status_prefix: ClassVar[str]

    # The status when the row was loaded, or None if it was not loaded.
    _status_loaded: str | None = None

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any
    ) -> Self:
        row = super().from_db(db, field_names, values, **kwargs)
        row._remember_status()
        return row

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._remember_status()

    @property
    def status(self) -> str:
        """The name of the status flag that is set, without its prefix."""
        return self._short(flag_set(self, self.follows, what="status"))

    def clean(self) -> None:
        """Check that exactly one status is set."""
        super().clean()
        flag_set(self, self.follows, what="status")

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Check and store the row.

        Raises:
            django.core.exceptions.ValidationError: not exactly one status is set.
            TransitionRefused: the status cannot follow the stored one, or the stored one has changed since
                this row was loaded.
        """
        if update_fields is not None:
            update_fields = frozenset(update_fields)
        storing = update_fields is None or bool(update_fields & self.follows.keys())
        with transaction.atomic(using=using):
            if storing and not self._state.adding:
                self._check_transition(using)
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )
        if storing:
            self._remember_status()

    def _change_status(self, flag: str, **values: Any) -> None:
        """Change the status to ``flag`` and set the values in one step; on a refusal, change nothing."""
        names = [*self.follows, *values]
        before = {name: getattr(self, name) for name in names}
        try:
            old = flag_set(self, self.follows, what="status")
            if flag not in self.follows[old]:
                raise self._transition_refused(old, flag)
            for name, value in {**dict.fromkeys(self.follows, False), flag: True, **values}.items():
                setattr(self, name, value)
            self.save()
        except (TransitionRefused, ValidationError):
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def _check_transition(self, using: str | None) -> None:
        # The row stays locked until the new status is stored, so no other change comes in between.
        rows = type(self)._base_manager.using(using or self._state.db).select_for_update()
        stored = rows.filter(pk=self.pk).first()
        if stored is None:
            return
        old = flag_set(stored, self.follows, what="status")
        new = flag_set(self, self.follows, what="status")
        if self._status_loaded not in {None, old}:
            raise TransitionRefused(
                f"{self._meta.object_name} {self.pk}: the status has changed to {self._short(old)} since "
                "this row was loaded; load it again."
            )
        if new != old and new not in self.follows[old]:
            raise self._transition_refused(old, new)

    def _transition_refused(self, old: str, new: str) -> TransitionRefused:
        possible = " or ".join(self._short(flag) for flag in self.follows[old]) or "nothing"
        return TransitionRefused(
            f"{self._meta.object_name} {self.pk} cannot go from {self._short(old)} to "
            f"{self._short(new)}: {self._short(old)} can be followed by {possible}."
        )

    def _short(self, flag: str) -> str:
        return flag.removeprefix(self.status_prefix)

    def _remember_status(self) -> None:
        if self.get_deferred_fields() & self.follows.keys():
            self._status_loaded = None
            return
        set_flags = [flag for flag in self.follows if getattr(self, flag)]
        self._status_loaded = set_flags[0] if len(set_flags) == 1 else None
