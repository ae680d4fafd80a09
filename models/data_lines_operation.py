"""Data lines that were added to machines."""

from django.core.exceptions import ValidationError
from django.db import models

from models.validation import ValidatedModel


class DataLinesOperation(ValidatedModel):
    """Lines that were added to a machine, for learning or for solving.

    The machine is a plain number, not a reference, so that the row is kept when the machine is deleted. The
    lines themselves are in a table of the machine.
    """

    machine_id = models.IntegerField(db_index=True)
    is_added_for_learning = models.BooleanField(null=True, blank=True)
    is_added_for_solving = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(is_added_for_learning=True, is_added_for_solving=True),
                name="data_lines_for_one_purpose",
            ),
        )

    def __str__(self) -> str:
        return f"lines of machine {self.machine_id}"

    def clean(self) -> None:
        """Check that the lines are not added for both purposes."""
        super().clean()
        if self.is_added_for_learning and self.is_added_for_solving:
            raise ValidationError("Lines can be added for learning or for solving, not for both.")
