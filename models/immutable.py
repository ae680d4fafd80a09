"""Tables that the ORM reads and never writes.

Their rows are copies of what the log says, so every writing door of a model, its managers,
querysets and related managers is shut here, once: proxies and related managers inherit it.
On PostgreSQL the ledger's triggers shut the doors that do not lead through the ORM.
"""

# ruff: noqa: ARG002 - the doors keep the signatures that Django calls them by

from collections.abc import Iterable
from typing import Any, ClassVar, NoReturn, Self, TypeVar

from django.db import models

from models.errors import ImmutableRecord

RowT_co = TypeVar("RowT_co", bound=models.Model, covariant=True)


class ImmutableQuerySet(models.QuerySet[RowT_co]):
    """Reads. ``create()`` stays: what it does is up to the model's ``save()``."""

    def update(self, **kwargs: Any) -> int:
        self._refuse("update()")

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        self._refuse("delete()")

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("bulk_create()")

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        self._refuse("bulk_update()")

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def get_or_create(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("get_or_create()")

    get_or_create.alters_data = True  # type: ignore[attr-defined]

    def update_or_create(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("update_or_create()")

    update_or_create.alters_data = True  # type: ignore[attr-defined]

    # The three private doors behind the public ones. Django decides by `queryset_only`
    # whether a manager has them too; here it must be as it is in Django.

    def _raw_delete(self, using: str | None) -> int:
        self._refuse("_raw_delete()")

    def _insert(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("_insert()")

    _insert.queryset_only = False  # type: ignore[attr-defined]

    def _update(self, values: Any) -> int:
        self._refuse("_update()")

    _update.queryset_only = False  # type: ignore[attr-defined]

    def _refuse(self, action: str) -> NoReturn:
        raise refusal(self.model, action)


class CascadeQuerySet(ImmutableQuerySet[RowT_co]):
    """What deleting a user or a machine may do: empty the reference to it, nothing else.

    Django's deletion works through a model's base manager, and so it is the only one that
    has this door. The database decides whether the row referred to is really going.
    """

    def update(self, **kwargs: Any) -> int:
        if not kwargs or not all(
            value is None and self._may_be_emptied(name) for name, value in kwargs.items()
        ):
            self._refuse("update()")
        return models.QuerySet.update(self, **kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def _may_be_emptied(self, name: str) -> bool:
        field = self.model._meta.get_field(name)
        return isinstance(field, models.ForeignKey) and field.remote_field.on_delete is models.SET_NULL


class ImmutableModel(models.Model):
    """A row of such a table; ``instead`` tells what to do instead of changing it."""

    instead: ClassVar[str]

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise refusal(type(self), "save()")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise refusal(type(self), "delete()")

    def _save_table(self, *args: Any, **kwargs: Any) -> bool:
        # Every way of storing one object ends here, loading a fixture included.
        raise refusal(type(self), "storing a row")

    def changes(self, stored: Self, names: Iterable[str] | None) -> list[str]:
        """The columns that differ from the stored row, as far as they are loaded and named."""
        wanted = None if names is None else frozenset(names)
        deferred = self.get_deferred_fields()
        return [
            field.attname
            for field in self._meta.concrete_fields
            if field.attname not in deferred
            and (wanted is None or {field.name, field.attname} & wanted)
            and getattr(self, field.attname) != getattr(stored, field.attname)
        ]


def refusal(model: type[models.Model], action: str) -> ImmutableRecord:
    """The error for an action that the model's table does not take."""
    instead: str = getattr(model, "instead", "")
    return ImmutableRecord(model._meta.object_name or model.__name__, action, instead)
