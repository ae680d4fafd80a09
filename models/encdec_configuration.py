"""Configurations that encode a machine's columns for its network, and decode its results."""

from django.db import models

from models.validation import ValidatedModel


class EncDecConfiguration(ValidatedModel):
    """The encoding of one machine's columns, as JSON."""

    enc_dec_config = models.JSONField(default=dict, blank=True, null=True)

    def __str__(self) -> str:
        return f"encoding {self.pk}"
