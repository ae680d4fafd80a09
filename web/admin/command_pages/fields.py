"""The fields of doors: unfold's widgets, and as little checking as leaves all of it to the bodies."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from ledger.domain.periods import Month
from models import User
from web.admin.pages import as_number, moment


class Shown:
    """A field that says what was filled in."""

    def shown(self, value: Any) -> str:
        """A cleaned value, which is not empty, as people read it."""
        return str(value)


class TextField(Shown, forms.CharField):
    """One line."""

    widget = UnfoldAdminTextInputWidget


class AmountField(TextField):
    """A decimal number with at most 8 places, in a currency that the label says."""

    def __init__(self, currency: str, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget(
            {"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00000000"}
        )
        options.setdefault("label", f"Amount ({currency})" if currency else "Amount")
        super().__init__(widget=widget, **options)


class UserField(TextField):
    """A user by id or address; cleaned, it is the id."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"label": "User", "help_text": "Id, or email address.", **options})

    def clean(self, value: Any) -> int | None:
        """The user's id, known or not: the ledger says so. Only an address has to be somebody's here."""
        term = super().clean(value)
        if not term:
            return None
        if (number := as_number(term)) is not None:
            return number
        found: int | None = User.objects.filter(email__iexact=term).values_list("pk", flat=True).first()
        if found is None:
            raise ValidationError("nobody has this address")
        return found

    def shown(self, value: Any) -> str:
        """With the address, so that one sees who it is."""
        email = User.objects.filter(pk=value).values_list("email", flat=True).first()
        return f"user {value}" + (f" ({email})" if email else "")


class UuidField(Shown, forms.UUIDField):
    """The id of a hold, an operation or a proposal."""

    widget = UnfoldAdminTextInputWidget


class BandsField(Shown, forms.CharField):
    """Bands of prices, a line each: above how many units, and what a unit costs from there."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget({"rows": 2, "placeholder": "1000000 0.00008"})
        text = "A line each: above how many units, and the price of a unit (EAML) from there."
        super().__init__(**{"required": False, "widget": widget, "help_text": text, **options})

    def prepare_value(self, value: Any) -> Any:
        """Bands as they are stored, as lines."""
        return bands_text(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """The bands, as a body has them."""
        lines = [line.split() for line in super().clean(value).splitlines() if line.strip()]
        if any(len(line) != len(("above", "price")) or as_number(line[0]) is None for line in lines):
            raise ValidationError("a line is a whole number of units and a price: 1000000 0.00008")
        return [{"above": int(above), "unit_price": price} for above, price in lines]

    def shown(self, value: Any) -> str:
        """One after the other."""
        return bands_text(value).replace("\n", ", ")


class MonthField(TextField):
    """A calendar month, UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"label": "Month", "help_text": "As in 2026-10, UTC.", **options})

    def clean(self, value: Any) -> Any:
        """The month."""
        try:
            return Month.parse(super().clean(value))
        except ValueError as error:
            raise ValidationError(str(error)) from error


class WholeField(Shown, forms.IntegerField):
    """A whole number."""

    widget = UnfoldAdminIntegerFieldWidget


class MomentField(Shown, forms.DateTimeField):
    """A time in UTC, to the minute."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget({"type": "datetime-local"})
        widget.format = "%Y-%m-%dT%H:%M"
        super().__init__(widget=widget, **options)

    def shown(self, value: Any) -> str:
        """As everywhere."""
        return moment(value)


class ReasonField(Shown, forms.CharField):
    """A text for people. It is kept beside the event and can be erased."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget({"rows": 2})
        options.setdefault("help_text", "Kept beside the event, so that it can be erased.")
        super().__init__(**{"label": "Reason", "widget": widget, **options})


class ChosenField(Shown, forms.ChoiceField):
    """One of a few values, each with what it is called."""

    def __init__(self, named: Mapping[str, str], **options: Any) -> None:
        widget = UnfoldAdminSelectWidget()
        super().__init__(choices=list(named.items()), widget=widget, **options)
        self.named = named

    def shown(self, value: Any) -> str:
        """What it is called."""
        return self.named[value]


class FlagField(Shown, forms.BooleanField):
    """Yes or no."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=UnfoldBooleanWidget(), **options)

    def shown(self, value: Any) -> str:
        """In words."""
        return "yes" if value else "no"


def bands_text(bands: Iterable[Mapping[str, Any]]) -> str:
    """Bands as lines."""
    return "\n".join(f"{band['above']} {band['unit_price']}" for band in bands)
