"""Fields of an operation's page that only its event has: price, coupons, approval, sender, notes."""

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
from web.admin.formatting import amount, link_to, spaced, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    event: StoredEvent
    shows_private: bool
    """True if the viewer may see what is private to the payer: coupons and notes."""
    reversed: Reversed | None
    notes: SafeString | str


_TERMS = ("unit_price", "quantity", "columns", "commission_rate", "eaml_per_usd")


class DecisionColumns:
    """Fields of an operation's page that are read from its event, once per page."""

    decision_fields = ("priced", "coupons", "left", "related", "approved", "notes", "sent")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the operation with its decision as the attribute `decision`."""
        operation = super().get_object(request, object_id, from_field)  # type: ignore[misc]  # the admin's
        if operation is not None:
            operation.decision = _decision(request, operation)
        return operation

    @admin.display(description="priced by")
    def priced(self, operation: Any) -> SafeString | str:
        pricing: Mapping[str, Any] = operation.decision.event.data.get("pricing") or {}
        if "tariff" not in pricing:
            return "–"
        tariff = link_to(PublishedTariff, pricing["tariff"], f"tariff {pricing['tariff']}")
        terms = [f"{spaced(name)}: {value}" for name, value in pricing.items() if name in _TERMS]
        if overrides := pricing.get("overrides"):
            terms.insert(0, f"with overrides {', '.join(map(str, overrides))}")
        terms += [
            f"above {band['above']}: {band['quantity']} × {band['unit_price']}"
            for band in pricing.get("bands", ())
        ]
        return _lines([tariff, *terms])

    @admin.display(description="paid by coupons")
    def coupons(self, operation: Any) -> SafeString | str:
        spent = operation.decision.event.data.get("spent") if operation.decision.shows_private else None
        return _lines(
            format_html("{} of {}", amount(Decimal(each["amount"]), USD), _grant(each["grant"]))
            for each in spent or ()
        )

    @admin.display(description="left to reverse")
    def left(self, operation: Any) -> SafeString | str:
        found, transfers = operation.decision.reversed, operation.decision.event.data["transfers"]
        if found is None or not transfers:
            return "–"
        currency = transfers[0]["currency"]
        return format_html("{} of {}", amount(found.left, currency), amount(found.total, currency))

    @admin.display(description="related to")
    def related(self, operation: Any) -> SafeString | str:
        data = operation.decision.event.data
        lines = []
        if "reverses" in data:
            shown = f"{spaced(data['reversed_kind'])} {data['reverses']}"
            lines.append(format_html("reverses {}", link_to(Operation, data["reverses"], shown)))
        if data.get("hold"):
            lines.append(format_html("captures {}", link_to(HeldFunds, data["hold"], f"hold {data['hold']}")))
        if "to_promotions" in data and operation.decision.shows_private:
            back = amount(Decimal(data["to_promotions"]), USD)
            lines.append(format_html("{} returned to promotions, because the coupon had expired", back))
        return _lines(lines)

    @admin.display(description="approved")
    def approved(self, operation: Any) -> SafeString | str:
        data = operation.decision.event.data
        if "proposal" not in data:
            return "–"
        proposal = link_to(ProposedChange, data["proposal"], "proposal")
        return format_html("{} by {}, approved by {}", proposal, data["proposer"], data["resolver"])

    @admin.display(description="notes")
    def notes(self, operation: Any) -> SafeString | str:
        decision: _Decision = operation.decision
        return decision.notes

    @admin.display(description="sent by")
    def sent(self, operation: Any) -> SafeString | str:
        event = operation.decision.event
        actor = event.metadata.get("actor") or "–"
        link = link_to(Event, event.position, f"event {event.position}")
        key = event.metadata.get("request_id", "")
        return format_html("{} through {}, key {}, {}", actor, event.metadata.get("source", "–"), key, link)


def notes_of(*events: object) -> SafeString | str:
    """Return the notes of events as lines, in the order of the events; "(erased)" for erased ones."""
    ids = [UUID(str(event)) for event in events if event is not None]
    found = notes_by_event(ids)
    return _lines(found[event] for event in ids if event in found)


def notes_by_event(events: Sequence[UUID]) -> Mapping[UUID, SafeString | str]:
    """Return the notes of each of the events that has any, by event id."""
    found: dict[UUID, list[SafeString]] = {}
    for note in Note.objects.filter(event_id__in=events).order_by("event_id", "name"):
        text = "(erased)" if note.text is None else visible(note.text)
        found.setdefault(note.event_id, []).append(format_html("{}: {}", spaced(note.name), text))
    return {event: _lines(lines) for event, lines in found.items()}


def _lines(lines: Any) -> SafeString | str:
    return format_html_join("", '<span class="block">{}</span>', ((line,) for line in lines)) or "–"


def _grant(grant: str) -> SafeString:
    return link_to(CouponGrant, grant, f"coupon {grant}")


def _decision(request: HttpRequest, operation: Operation) -> _Decision:
    found = operations.find(operation.pk)
    if found is None:
        raise RuntimeError(f"operation {operation.pk} has no event")
    event = found.event
    payer = event.data["payer"]
    shows_private = payer is None or may_see_user_statement(request.user, User(pk=payer))
    return _Decision(
        event=event,
        shows_private=shows_private,
        reversed=reversed_so_far(event),
        notes=notes_of(event.data.get("proposal"), event.id) if shows_private else "–",
    )
