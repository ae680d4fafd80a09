"""Tables that the ORM reads but never writes.

Their rows are copies of the log, so every writing method of a model, its managers and its querysets is
overridden here to raise an error. Proxies and related managers inherit these methods. On PostgreSQL the
ledger's triggers refuse writes that bypass the ORM.
"""

# ruff: noqa: ARG002 - the methods keep the signatures that Django calls them with

from collections.abc import Iterable
from typing import Any, ClassVar, NoReturn, Self, TypeVar

from django.db import models

from models.errors import ImmutableRecord

RowT_co = TypeVar("RowT_co", bound=models.Model, covariant=True)


class ImmutableQuerySet(models.QuerySet[RowT_co]):
    """A queryset that only reads, except for ``create()``, which calls the model's ``save()``."""

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

    # The three private methods that the public ones call. `queryset_only` decides whether a manager gets
    # a method too; the values are those of Django.

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
    """A queryset that can also set references to null, which deleting a user or a machine needs.

    Only base managers use it, because Django's deletion goes through a model's base manager. The database
    checks that the referenced row is really deleted.
    """

    def update(self, **kwargs: Any) -> int:
        if not kwargs or not all(
            value is None and self._may_be_nulled(name) for name, value in kwargs.items()
        ):
            self._refuse("update()")
        return models.QuerySet.update(self, **kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def _may_be_nulled(self, name: str) -> bool:
        field = self.model._meta.get_field(name)
        return isinstance(field, models.ForeignKey) and field.remote_field.on_delete is models.SET_NULL


class ImmutableModel(models.Model):
    """A row of such a table; ``instead`` says what to do instead of changing it."""

    instead: ClassVar[str]

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise refusal(type(self), "save()")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise refusal(type(self), "delete()")

    def _save_table(self, *args: Any, **kwargs: Any) -> bool:
        # Every method that stores one object ends here, including the loading of fixtures.
        raise refusal(type(self), "storing a row")

    def changes(self, stored: Self, names: Iterable[str] | None) -> list[str]:
        """Return the columns that differ from the stored row.

        Columns that are not loaded, or not in ``names`` if it is given, are left out.
        """
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
    """Return the error for an action that the model's table does not allow."""
    instead: str = getattr(model, "instead", "")
    return ImmutableRecord(model._meta.object_name or model.__name__, action, instead)
