"""Lines of data that were added to a machine."""

from django.core.exceptions import ValidationError
from django.db import models

from models.validation import ValidatedModel


class DataLinesOperation(ValidatedModel):
    """Lines added, for learning or for solving.

    The machine is a plain number: the lines are in a table of the machine's own, and what
    was added is remembered when the machine is gone.
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
        """Refuse lines that are added for both purposes at once."""
        super().clean()
        if self.is_added_for_learning and self.is_added_for_solving:
            raise ValidationError("Lines are added for learning or for solving, not for both.")
