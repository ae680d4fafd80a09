"""Custom column types."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models


class SizedBinaryField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes up to a limit of 256 to the power of ``size_class``.

    Class 1 holds 256 bytes, class 2 holds 64 KiB, class 3 holds 16 MiB. The limit is validated like any
    other ``max_length``; to have the database enforce it too, add a constraint to the model.
    """

    def __init__(self, *args: Any, size_class: int = 3, **kwargs: Any) -> None:
        if size_class not in {1, 2, 3}:
            raise ImproperlyConfigured(f"size_class must be 1, 2 or 3, not {size_class!r}")
        self.size_class = size_class
        kwargs["max_length"] = 256**size_class
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Return the field as migrations write it: Django's own ``BinaryField`` with the limit.

        A migration cannot name a module of this package, because in every migration the name ``models``
        means ``django.db.models``.
        """
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.BinaryField", args, kwargs

    def clone(self) -> "SizedBinaryField":
        """Return a copy with the same size class."""
        _, _, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return type(self)(*args, size_class=self.size_class, **kwargs)
