"""Several nullable flags of which exactly one is set: the mode or the status of a row.

They are read as one value here, and the database is told the same.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Self, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.base import ModelBase

from models.errors import TransitionRefused
from models.validation import ValidatedModel

RowT_co = TypeVar("RowT_co", bound="StatusModel", covariant=True)


def the_one(row: models.Model, flags: Iterable[str], *, what: str) -> str:
    """The flag that is set.

    Raises:
        django.core.exceptions.ValidationError: none is set, or more than one.
    """
    given = [flag for flag in flags if getattr(row, flag)]
    if len(given) != 1:
        named = ", ".join(given) or "none"
        raise ValidationError(f"Exactly one {what} is set at a time; set here: {named}.")
    return given[0]


def exactly_one(flags: Iterable[str]) -> models.Q:
    """The same as a condition of the database; an empty flag counts as not set."""
    names = tuple(flags)
    condition = models.Q()
    for chosen in names:
        # "Not null" is said as well: a CHECK that comes to NULL would let the row in.
        is_set = models.Q(**{chosen: True, f"{chosen}__isnull": False})
        others = (~models.Q(**{other: True}) for other in names if other != chosen)
        condition |= models.Q(is_set, *others)
    return condition


class StatusQuerySet(models.QuerySet[RowT_co]):
    """Leaves statuses to the rows, which check what may follow on what."""

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
                f"{', '.join(named)}: a status changes row by row, by the methods of "
                f"{self.model.__name__}, which check what it follows on."
            )


class StatusModel(ValidatedModel):
    """A row with a status; ``follows`` says which flag may come after which."""

    follows: ClassVar[Mapping[str, tuple[str, ...]]]
    status_prefix: ClassVar[str]

    # What the row's status was when it was read, if it was read at all.
    _status_read: str | None = None

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any
    ) -> Self:
        row = super().from_db(db, field_names, values, **kwargs)
        row._note_status()
        return row

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._note_status()

    @property
    def status(self) -> str:
        """The name of the flag that is set, without its prefix."""
        return self._short(the_one(self, self.follows, what="status"))

    def clean(self) -> None:
        """Refuse a row without a status, or with more than one."""
        super().clean()
        the_one(self, self.follows, what="status")

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
            django.core.exceptions.ValidationError: not exactly one status.
            TransitionRefused: the status does not follow on the stored one, or somebody else
                has changed it since this row was read.
        """
        if update_fields is not None:
            update_fields = frozenset(update_fields)
        storing = update_fields is None or bool(update_fields & self.follows.keys())
        with transaction.atomic(using=using):
            if storing and not self._state.adding:
                self._refuse_wrong_transition(using)
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )
        if storing:
            self._note_status()

    def _go(self, flag: str, **values: Any) -> None:
        """Change the status to ``flag`` and set the values, in one step or not at all."""
        names = [*self.follows, *values]
        before = {name: getattr(self, name) for name in names}
        try:
            old = the_one(self, self.follows, what="status")
            if flag not in self.follows[old]:
                raise self._refused(old, flag)
            for name, value in {**dict.fromkeys(self.follows, False), flag: True, **values}.items():
                setattr(self, name, value)
            self.save()
        except (TransitionRefused, ValidationError):
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def _refuse_wrong_transition(self, using: str | None) -> None:
        # The lock is held until the new status is stored: nobody slips in between.
        rows = type(self)._base_manager.using(using or self._state.db).select_for_update()
        stored = rows.filter(pk=self.pk).first()
        if stored is None:
            return
        old = the_one(stored, self.follows, what="status")
        new = the_one(self, self.follows, what="status")
        if self._status_read not in {None, old}:
            raise TransitionRefused(
                f"{self._meta.object_name} {self.pk}: somebody has changed the status to "
                f"{self._short(old)} since this was read; read it again."
            )
        if new != old and new not in self.follows[old]:
            raise self._refused(old, new)

    def _refused(self, old: str, new: str) -> TransitionRefused:
        after = " or ".join(self._short(flag) for flag in self.follows[old]) or "nothing"
        return TransitionRefused(
            f"{self._meta.object_name} {self.pk} cannot go from {self._short(old)} to "
            f"{self._short(new)}: after {self._short(old)} comes {after}."
        )

    def _short(self, flag: str) -> str:
        return flag.removeprefix(self.status_prefix)

    def _note_status(self) -> None:
        if self.get_deferred_fields() & self.follows.keys():
            self._status_read = None
            return
        set_flags = [flag for flag in self.follows if getattr(self, flag)]
        self._status_read = set_flags[0] if len(set_flags) == 1 else None
