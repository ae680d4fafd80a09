"""Where people are taken after something was done: to the page of what came of it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from django.db.models import Model
from django.urls import reverse

from events.message import StoredEvent
from events.models import Event
from ledger.domain.decide import OPERATION_TYPES
from ledger.models import BookPeriod, CouponCode, HeldFunds, ProposedChange, PublishedTariff, RequestedPayout
from models import User
from models.billing import Operation

_OF_STREAM: Final[Mapping[str, type[Model]]] = {
    "hold": HeldFunds,
    "proposal": ProposedChange,
    "payout": RequestedPayout,
    "period": BookPeriod,
    "tariff": PublishedTariff,
    "coupon_code": CouponCode,
    "user": User,
}


class Landing(NamedTuple):
    """A row's page, and what the link to it says."""

    model: type[Model]
    key: object
    shown: str

    @property
    def url(self) -> str:
        """The page's address."""
        name = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_change"
        return reverse(name, args=[self.key])


def landing(event: StoredEvent) -> Landing:
    """The page of what an event did: of the operation or the hold, else of what its stream is about."""
    if event.type in OPERATION_TYPES:
        return Landing(Operation, event.id, f"{event.data['kind']} {event.id}".replace("_", " "))
    kind, _, name = event.stream.partition(":")
    model = _OF_STREAM.get(kind)
    if model is None:
        return Landing(Event, event.position, f"event {event.position}")
    return Landing(model, name, f"{model._meta.verbose_name} {name}")
