"""What an operation's event says that its row does not: prices, coupons, what is left, who and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from events.message import StoredEvent
from events.models import Event, Note
from ledger.domain.money import USD
from ledger.domain.reversals import Reversed
from ledger.models import CouponGrant, HeldFunds, ProposedChange, PublishedTariff
from ledger.queries import operations
from ledger.queries.kept import reversed_so_far
from models import User
from models.access import may_see_user_statement
from models.billing import Operation
from web.admin.pages import amount, link_to


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    event: StoredEvent
    open: bool
    """Whether the viewer may know what is the payer's own affair."""
    reversed: Reversed | None
    texts: SafeString | str


_TERMS = ("unit_price", "quantity", "columns", "commission_rate", "eaml_per_usd")


class DecisionColumns:
    """Fields of an operation's page that are read from its event, once a page."""

    decided_fields = ("priced", "coupons", "left", "about", "approved", "texts", "sent")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The operation with what its event says."""
        operation = super().get_object(request, object_id, from_field)  # type: ignore[misc]  # the admin's
        if operation is not None:
            operation.told = _told(request, operation)
        return operation

    @admin.display(description="priced by")
    def priced(self, operation: Any) -> SafeString | str:
        pricing: Mapping[str, Any] = operation.told.event.data.get("pricing") or {}
        if "tariff" not in pricing:
            return "–"
        tariff = link_to(PublishedTariff, pricing["tariff"], f"tariff {pricing['tariff']}")
        terms = [f"{name.replace('_', ' ')}: {value}" for name, value in pricing.items() if name in _TERMS]
        if overrides := pricing.get("overrides"):
            terms.insert(0, f"with overrides {', '.join(map(str, overrides))}")
        terms += [
            f"above {band['above']}: {band['quantity']} × {band['unit_price']}"
            for band in pricing.get("bands", ())
        ]
        return _lines([tariff, *terms])

    @admin.display(description="paid by coupons")
    def coupons(self, operation: Any) -> SafeString | str:
        spent = operation.told.event.data.get("spent") if operation.told.open else None
        return _lines(
            format_html("{} of {}", amount(Decimal(each["amount"]), USD), _grant(each["grant"]))
            for each in spent or ()
        )

    @admin.display(description="left to reverse")
    def left(self, operation: Any) -> SafeString | str:
        found, transfers = operation.told.reversed, operation.told.event.data["transfers"]
        if found is None or not transfers:
            return "–"
        currency = transfers[0]["currency"]
        return format_html("{} of {}", amount(found.left, currency), amount(found.total, currency))

    @admin.display(description="belongs to")
    def about(self, operation: Any) -> SafeString | str:
        data = operation.told.event.data
        lines = []
        if "reverses" in data:
            shown = f"{data['reversed_kind'].replace('_', ' ')} {data['reverses']}"
            lines.append(format_html("reverses {}", link_to(Operation, data["reverses"], shown)))
        if data.get("hold"):
            lines.append(format_html("captures {}", link_to(HeldFunds, data["hold"], f"hold {data['hold']}")))
        if "to_promotions" in data and operation.told.open:
            back = amount(Decimal(data["to_promotions"]), USD)
            lines.append(format_html("{} went back to promotions: the coupon had expired", back))
        return _lines(lines)

    @admin.display(description="approved")
    def approved(self, operation: Any) -> SafeString | str:
        data = operation.told.event.data
        if "proposal" not in data:
            return "–"
        proposal = link_to(ProposedChange, data["proposal"], "proposal")
        return format_html("{} of {}, approved by {}", proposal, data["proposer"], data["resolver"])

    @admin.display(description="texts")
    def texts(self, operation: Any) -> SafeString | str:
        told: _Told = operation.told
        return told.texts

    @admin.display(description="sent by")
    def sent(self, operation: Any) -> SafeString | str:
        event = operation.told.event
        who = event.metadata.get("actor") or "–"
        link = link_to(Event, event.position, f"event {event.position}")
        key = event.metadata.get("request_id", "")
        return format_html("{} through {}, key {}, {}", who, event.metadata.get("source", "–"), key, link)


def texts_of(*events: object) -> SafeString | str:
    """The free texts beside events, as far as they were not erased."""
    ids = [UUID(str(event)) for event in events if event is not None]
    found = texts_by_event(ids)
    return _lines(found[event] for event in ids if event in found)


def texts_by_event(events: Sequence[UUID]) -> Mapping[UUID, SafeString | str]:
    """The same of many events at once, by their ids."""
    found: dict[UUID, list[SafeString]] = {}
    for note in Note.objects.filter(event_id__in=events).order_by("event_id", "name"):
        text = "(erased)" if note.text is None else note.text
        found.setdefault(note.event_id, []).append(format_html("{}: {}", note.name.replace("_", " "), text))
    return {event: _lines(lines) for event, lines in found.items()}


def _lines(lines: Any) -> SafeString | str:
    return format_html_join("", '<span class="block">{}</span>', ((line,) for line in lines)) or "–"


def _grant(grant: str) -> SafeString:
    return link_to(CouponGrant, grant, f"coupon {grant}")


def _told(request: HttpRequest, operation: Operation) -> _Told:
    found = operations.find(operation.pk)
    if found is None:
        raise RuntimeError(f"operation {operation.pk} has no event")
    event = found.event
    payer = event.data["payer"]
    open_ = payer is None or may_see_user_statement(request.user, User(pk=payer))
    return _Told(
        event=event,
        open=open_,
        reversed=reversed_so_far(event),
        texts=texts_of(event.data.get("proposal"), event.id) if open_ else "–",
    )
