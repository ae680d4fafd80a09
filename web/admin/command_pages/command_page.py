"""The base class of command pages. A command page gives one command to the ledger.

It is a form whose fields are those of the request's message, which validates them. A subclass adds only what
the message does not say. Its submission goes through `ledger.engine.posting.post` like any other.

# Note [Once a page]
A command page carries an idempotency key, made when the page is first shown. Preview, going back to change
something, and confirmation keep it; so a double click, a reload or a second tab with the same page post
once. A page that shows a rejection gets a new key, because the rejection is the final answer to the old one.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django import forms
from django.urls import reverse
from pydantic import ValidationError
from typing_extensions import override

from easyautoml_ledger.errors import contract_errors
from events.identifiers import uuid7
from ledger.requests.request import Page, Request
from models import User
from web.admin.command_pages.fields import ReadableField, form_fields
from web.admin.command_pages.targets import TARGETS

SOURCE: Final = "/ledger/admin"


class CommandPage(forms.Form):
    """The form of a command page."""

    request: ClassVar[Request[Any]]
    page: ClassVar[Page]

    key = forms.UUIDField(widget=forms.HiddenInput)  # Note [Once a page]

    parsed: Any = None
    """The message of the request, once the form is valid."""

    def __init__(self, person: User, *data: Any, **options: Any) -> None:
        super().__init__(*data, **options)
        self.person = person
        """The signed-in user who gives the command."""
        self.fields = {**form_fields(self.request, self.page), **self.fields}

    def body_values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the values of the message, without those that were left empty.

        An empty field that the message requires is null.
        """
        fields = self.request.message.model_fields
        values = {
            name: cleaned[name] or None
            if fields[name].is_required() and cleaned[name] == ""
            else cleaned[name]
            for name in {*fields} & {*cleaned}
            if fields[name].is_required() or cleaned[name] not in (None, "")
        }
        if self.page.is_key is not None:
            values[self.page.is_key] = cleaned.get("key")
        return values

    @classmethod
    def initial_values(cls, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the initial values of fields for the parameters of the page's URL."""
        return dict(query)

    def field_for(self, path: str) -> str:
        """Return the name of the field that fills in this path of the body."""
        return path.partition(".")[0]

    @property
    def description(self) -> Iterable[str]:
        """The paragraphs on top of the page."""
        return self.page.description.split("\n\n")

    @property
    def target(self) -> Iterable[tuple[str, object]]:
        """Labels and values of what the command is about, such as a hold; empty if it is unknown."""
        for name, describe in TARGETS.items():
            if name in self.fields:
                yield from describe(str(self[name].value()))

    @property
    def summary(self) -> Iterator[tuple[str, str]]:
        """Labels and readable values of a valid form's visible fields."""
        for bound in self.visible_fields():
            value, field = self.cleaned_data[bound.name], bound.field
            is_empty = value in (None, "", [])
            shown = field.readable(value) if isinstance(field, ReadableField) and not is_empty else "–"
            yield str(bound.label), shown

    @override
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        try:
            self.parsed = self.request.message.model_validate(self.body_values(cleaned))
        except ValidationError as error:
            for fault in contract_errors(error):
                name = self.field_for(fault.field or "")
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, fault.message)
        return cleaned


def page_of(request: Request[Any]) -> Page:
    """Return the page of a request that has one."""
    if request.page is None:
        raise ValueError(f"{request.tag} has no page")
    return request.page


def url_of(request: Request[Any], **initial: str) -> str:
    """Return the URL of a request's page with these fields filled in."""
    return f"{reverse('command_page', args=[page_of(request).name])}?{urlencode(initial)}".rstrip("?")


def new_key() -> str:
    """Return the idempotency key of a new page."""
    return uuid7()
