"""Column types of our own."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models


class SizedBinaryField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes up to a limit, given as the number of bytes that it takes to count them.

    Class 1 holds 256 bytes, 2 holds 64 KiB, 3 holds 16 MiB. The limit is checked like any
    other ``max_length``; a model that wants the database to hold it too adds a constraint.
    """

    def __init__(self, *args: Any, size_class: int = 3, **kwargs: Any) -> None:
        if size_class not in {1, 2, 3}:
            raise ImproperlyConfigured(f"size_class is 1, 2 or 3, not {size_class!r}")
        self.size_class = size_class
        kwargs["max_length"] = 256**size_class
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """What migrations need: bytes and their limit.

        They name Django's own field, because a migration cannot name a module of this package,
        which is called what `django.db.models` is called in every migration.
        """
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.BinaryField", args, kwargs

    def clone(self) -> "SizedBinaryField":
        """A copy, made from the size class."""
        _, _, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return type(self)(*args, size_class=self.size_class, **kwargs)
