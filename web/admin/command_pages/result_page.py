"""The page that shows the result of a command, to which the browser is redirected."""

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
from web.admin.formatting import spaced

_MODEL_OF_STREAM: Final[Mapping[str, type[Model]]] = {
    "hold": HeldFunds,
    "proposal": ProposedChange,
    "payout": RequestedPayout,
    "period": BookPeriod,
    "tariff": PublishedTariff,
    "coupon_code": CouponCode,
    "user": User,
}


class ResultPage(NamedTuple):
    """The page of a row, with the text of a link to it."""

    model: type[Model]
    key: object
    link_text: str

    @property
    def url(self) -> str:
        """The URL of the page."""
        name = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_change"
        return reverse(name, args=[self.key])


def result_page_of(event: StoredEvent) -> ResultPage:
    """Return the page of the operation that an event records, or else of the row that its stream is about.

    It is the page of the event itself if there is no such row.
    """
    if event.type in OPERATION_TYPES:
        return ResultPage(Operation, event.id, f"{spaced(event.data['kind'])} {event.id}")
    kind, _, name = event.stream.partition(":")
    model = _MODEL_OF_STREAM.get(kind)
    if model is None:
        return ResultPage(Event, event.position, f"event {event.position}")
    return ResultPage(model, name, f"{model._meta.verbose_name} {name}")
