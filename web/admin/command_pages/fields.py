"""Form fields with unfold's widgets, and those of a request. Its message does the validation."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import override
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from ledger.domain.periods import Month
from ledger.requests.request import Page, Request, Shown
from models import User
from web.admin.formatting import utc_time
from web.admin.search import number_or_none


class ReadableField:
    """A field whose value can be shown in a preview."""

    def readable(self, value: Any) -> str:
        """Return a cleaned value, which is not empty, as text for people."""
        return str(value)


class TextField(ReadableField, forms.CharField):
    """One line of text."""

    widget = UnfoldAdminTextInputWidget


class AmountField(TextField):
    """A decimal number with at most 8 places. The label names the currency."""

    def __init__(self, currency: str, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget(
            {"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00000000"}
        )
        options.setdefault("label", f"Amount ({currency})" if currency else "Amount")
        super().__init__(widget=widget, **options)


class UserField(TextField):
    """A user, entered by id or email address. The cleaned value is the id."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"label": "User", "help_text": "ID or email address.", **options})

    @override
    def clean(self, value: Any) -> int | None:
        term = super().clean(value)
        if not term:
            return None
        if (number := number_or_none(term)) is not None:
            return number  # An unknown id is for the ledger to refuse.
        found = list(User.objects.with_address(term).values_list("pk", flat=True))
        if len(found) != 1:
            raise ValidationError("no user has this email address")
        return int(found[0])

    @override
    def readable(self, value: Any) -> str:
        email = User.objects.filter(pk=value).values_list("email", flat=True).first()
        return f"user {value}" + (f" ({email})" if email else "")


class UuidField(ReadableField, forms.UUIDField):
    """The id of a hold, an operation, a payout or a proposal."""

    widget = UnfoldAdminTextInputWidget


class BandsField(ReadableField, forms.CharField):
    """Price bands, one per line: the number of units above which a price applies, and that price."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget({"rows": 2, "placeholder": "1000000 0.00008"})
        help_text = (
            "One band per line: a number of units, and the price (EAML) of every unit above that number."
        )
        super().__init__(**{"required": False, "widget": widget, "help_text": help_text, **options})

    @override
    def prepare_value(self, value: Any) -> Any:
        return _bands_text(value) if isinstance(value, list) else value

    @override
    def clean(self, value: Any) -> Any:
        lines = [line.split() for line in super().clean(value).splitlines() if line.strip()]
        if any(len(line) != len(("above", "price")) or number_or_none(line[0]) is None for line in lines):
            raise ValidationError("each line must be a whole number of units and a price: 1000000 0.00008")
        return [{"above": int(above), "unit_price": price} for above, price in lines]

    @override
    def readable(self, value: Any) -> str:
        return _bands_text(value).replace("\n", ", ")


class MonthField(TextField):
    """A calendar month (UTC)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"label": "Month (UTC)", "help_text": "For example 2026-10.", **options})

    @override
    def clean(self, value: Any) -> Any:
        try:
            return str(Month.parse(super().clean(value)))
        except ValueError as error:
            raise ValidationError(str(error)) from error


class WholeNumberField(ReadableField, forms.IntegerField):
    """A whole number."""

    widget = UnfoldAdminIntegerFieldWidget


class UtcTimeField(ReadableField, forms.DateTimeField):
    """A time in UTC, entered to the minute."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget({"type": "datetime-local"})
        widget.format = "%Y-%m-%dT%H:%M"
        super().__init__(widget=widget, **options)

    @override
    def readable(self, value: Any) -> str:
        return utc_time(value)


class ReasonField(ReadableField, forms.CharField):
    """A text for people. It is stored as a note, which can be erased."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget({"rows": 2})
        options.setdefault("help_text", "Stored as a note, which can be erased later.")
        super().__init__(**{"label": "Reason", "widget": widget, **options})


class SelectField(ReadableField, forms.ChoiceField):
    """One of a few values, each with a label."""

    def __init__(self, labels: Mapping[str, str], **options: Any) -> None:
        widget = UnfoldAdminSelectWidget()
        super().__init__(choices=list(labels.items()), widget=widget, **options)
        self.labels = labels

    @override
    def readable(self, value: Any) -> str:
        return self.labels[value]


class CheckboxField(ReadableField, forms.BooleanField):
    """True or false; never required."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "required": False, "widget": UnfoldBooleanWidget()})

    @override
    def readable(self, value: Any) -> str:
        return "yes" if value else "no"


_BY_NAME: Final[Mapping[str, type[forms.Field]]] = {
    "operation_user": UserField,
    "user": UserField,
    "period": MonthField,
    "reason": ReasonField,
}
_BY_TYPE: Final[Mapping[object, type[forms.Field]]] = {
    datetime: UtcTimeField,
    UUID: UuidField,
    bool: CheckboxField,
    int: WholeNumberField,
}


def form_fields(request: Request[Any], page: Page) -> dict[str, forms.Field]:
    """Return the form fields of a request's page, by the names and types of the fields of its message."""
    left_out = {*page.omits, page.is_key}
    return {
        name: _form_field(name, field, page.shown.get(name, _PLAIN), page.currency)
        for name, field in request.message.model_fields.items()
        if name not in left_out
    }


_PLAIN: Final = Shown()


def _form_field(name: str, field: FieldInfo, shown: Shown, currency: str) -> forms.Field:
    type_, may_be_null = _bare(field.annotation)
    options: dict[str, Any] = {"required": field.is_required() and not may_be_null}
    initial = shown.initial if field.is_required() or field.default is None else field.default
    if initial is not None:
        options["initial"] = initial
    if shown.label:
        options["label"] = shown.label
    if shown.help:
        options["help_text"] = shown.help
    if shown.choices:
        return SelectField(shown.choices, **options)
    if type_ is Decimal:
        return AmountField(currency, **options)
    field_class = _BY_NAME.get(name) or _BY_TYPE.get(type_, TextField)
    return field_class(**options)


def _bare(annotation: Any) -> tuple[Any, bool]:
    """Return a type without its constraints, and whether it may also be None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        (type_,) = (each for each in get_args(annotation) if each is not type(None))
        return _bare(type_)[0], True
    return annotation, False


def _bands_text(bands: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(f"{band['above']} {band['unit_price']}" for band in bands)
