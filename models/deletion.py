"""Deleting rows together with the rows that belong only to them."""

from collections import Counter
from collections.abc import Iterable

from django.db import models


class DeletedAsQuerySet(models.Model):
    """A model whose ``delete()`` calls that of its queryset, so that there is only one implementation."""

    class Meta:
        abstract = True

    def delete(
        self,
        using: str | None = None,
        keep_parents: bool = False,  # noqa: ARG002, FBT001, FBT002 - Django's signature
    ) -> tuple[int, dict[str, int]]:
        """Delete the row as its queryset does, with the same errors."""
        if self.pk is None:
            raise ValueError(f"A {self._meta.verbose_name} that was never saved cannot be deleted.")
        rows = type(self)._default_manager.using(using or self._state.db)
        deleted = rows.filter(pk=self.pk).delete()
        self.pk = None
        return deleted


def total_deleted(parts: Iterable[tuple[int, dict[str, int]]]) -> tuple[int, dict[str, int]]:
    """Return the sum of the results of several ``delete()`` calls, in the shape of one result."""
    counted: Counter[str] = Counter()
    for _, by_table in parts:
        counted.update(by_table)
    return counted.total(), dict(counted)
