"""Models that validate their rows before storing them."""

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models.base import ModelBase


class ValidatedModel(models.Model):
    """A model whose ``save()`` validates the columns that it stores: choices, validators and ``clean()``.

    ``save()`` raises ``django.core.exceptions.ValidationError``. Uniqueness and references are left to the
    database, because only the database can check them without a race. Fixtures are loaded unchecked.
    """

    class Meta:
        abstract = True

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        if update_fields is not None:
            update_fields = frozenset(update_fields)
        self.clean_fields(exclude=self._excluded_from_checks(update_fields))
        self.clean()
        super().save(
            force_insert=force_insert,
            force_update=force_update,
            using=using,
            update_fields=update_fields,
        )

    def _excluded_from_checks(self, update_fields: frozenset[str] | None) -> set[str]:
        deferred = self.get_deferred_fields()
        return {
            field.name
            for field in self._meta.concrete_fields
            if field.is_relation
            or field.attname in deferred
            or (update_fields is not None and not {field.name, field.attname} & update_fields)
            or (field.null and _value(self, field) is None)
        }


def _value(row: models.Model, field: "models.Field[Any, Any]") -> object:
    return row.__dict__.get(field.attname)
