"""Trained networks, in a table of their own so that loading a machine does not load its network."""

from django.db import models

from models.validation import ValidatedModel


class NNModel(ValidatedModel):
    """A trained network as bytes."""

    nn_model = models.BinaryField(null=True, blank=True, max_length=750000000)

    def __str__(self) -> str:
        return f"network {self.pk}"
