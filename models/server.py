"""The servers that train machines and solve with them."""

from django.core.exceptions import ValidationError
from django.db import models

from models.validation import ValidatedModel


class Server(ValidatedModel):
    """A server; ``server_info_ready`` is true once it has reported its resources."""

    server_name = models.CharField(max_length=50, unique=True)
    server_date_time = models.DateTimeField(auto_now_add=True)
    server_info_ready = models.BooleanField(null=True, blank=True, db_index=True)
    server_gpu_ram = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return self.server_name

    def clean(self) -> None:
        """Check that the GPU memory is a list of amounts, one for each GPU."""
        super().clean()
        if not isinstance(self.server_gpu_ram, list):
            raise ValidationError(
                {"server_gpu_ram": "The GPU memory must be a list, with one amount for each GPU."}
            )
        for amount in self.server_gpu_ram:
            if isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0:
                raise ValidationError({"server_gpu_ram": f"{amount!r} is not an amount of memory."})
