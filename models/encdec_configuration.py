"""How a machine's columns are encoded for its network, and decoded again."""

from django.db import models

from models.validation import ValidatedModel


class EncDecConfiguration(ValidatedModel):
    """The encoding of one machine's columns."""

    enc_dec_config = models.JSONField(default=dict, blank=True, null=True)

    def __str__(self) -> str:
        return f"encoding {self.pk}"
