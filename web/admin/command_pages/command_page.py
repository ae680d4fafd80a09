"""The base class of command pages. A command page gives one command to the ledger.

It is a form. Its fields are those of the request's body over HTTP, whose pydantic model validates them, and
the parameters that the API has in the URL. Its submission goes through `ledger.engine.posting.post` like
any other.

# Note [Once a page]
A command page carries an idempotency key, made when the page is first shown. Preview, going back to change
something, and confirmation keep it; so a double click, a reload or a second tab with the same page post
once. A page that shows a rejection gets a new key, because the rejection is the final answer to the old one.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.urls import reverse
from pydantic import BaseModel, ValidationError
from typing_extensions import override

from easyautoml_ledger.errors import contract_errors
from events.identifiers import uuid7
from ledger.engine.submission import Submission
from models import User
from web.admin.command_pages.fields import ReadableField
from web.admin.search import uuid_or_none

SOURCE: Final = "/ledger/admin"


class CommandPage(forms.Form):
    """The form of a command page. The docstring of a subclass is the text on top of its page."""

    name: ClassVar[str]
    """The last part of the page's URL."""
    title: ClassVar[str]
    permission: ClassVar[str]
    """The Django permission that the page requires."""
    body: ClassVar[type[BaseModel]]
    """The model of the request's body."""

    key = forms.UUIDField(widget=forms.HiddenInput)  # Note [Once a page]

    parsed: Any = None
    """The body, an instance of `body`, once the form is valid."""

    def __init__(self, person: User, *data: Any, **options: Any) -> None:
        super().__init__(*data, **options)
        self.person = person
        """The signed-in user who gives the command."""

    @classmethod
    def url(cls, **initial: str) -> str:
        """Return the URL of the page with these fields filled in."""
        return f"{reverse('command_page', args=[cls.name])}?{urlencode(initial)}".rstrip("?")

    def submission(self, *, now: datetime, **context: Any) -> Submission:
        """Return the submission of a valid form. `context` are further fields of `Submission`."""
        raise NotImplementedError

    def body_values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the body's JSON values from cleaned fields, without those that were left empty."""
        named = {*self.body.model_fields} & {*cleaned}
        return {name: cleaned[name] for name in named if cleaned[name] not in (None, "")}

    @classmethod
    def initial_values(cls, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the initial values of fields for the parameters of the page's URL."""
        return dict(query)

    def field_for(self, path: str) -> str:
        """Return the name of the field that fills in this path of the body."""
        return path.partition(".")[0]

    @property
    def description(self) -> Iterable[str]:
        """The paragraphs on top of the page: the docstring of the class."""
        return (" ".join(part.split()) for part in (inspect.getdoc(type(self)) or "").split("\n\n"))

    @property
    def target(self) -> Iterable[tuple[str, object]]:
        """Labels and values of what the command is about, such as a hold; empty if it is unknown."""
        return ()

    def uuid_in(self, field: str) -> UUID | None:
        """Return the id in a field, initial or submitted; None if it is not one."""
        return uuid_or_none(str(self[field].value()))

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
            self.parsed = self.body.model_validate(self.body_values(cleaned))
        except ValidationError as error:
            for fault in contract_errors(error):
                name = self.field_for(fault.field or "")
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, fault.message)
        return cleaned


def new_key() -> str:
    """Return the idempotency key of a new page."""
    return uuid7()
