"""A door of the administration: a command that a person gives to the ledger, on a page of its own.

A door is a form. Its fields are those of a body of the API, which says what is right, and those that the
API has in the address. What it makes goes through `ledger.engine.posting.post` like everything else.

# Note [Once a page]
The page that asks carries a key, made when it was shown. Trying dry, going back to change something and
confirming keep it; so a double click, a reload or a second tab with the same page post once. A page that
shows a rejection has a new key: the rejection is the old key's answer for ever.
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

from easyautoml_ledger.errors import contract_errors
from events.identifiers import uuid7
from ledger.engine.submission import Submission
from models import User
from web.admin.command_pages.fields import Shown
from web.admin.pages import as_uuid

SOURCE: Final = "/ledger/admin"


class CommandPage(forms.Form):
    """What is shared. The docstring of a door is read by who stands before it."""

    name: ClassVar[str]
    """The last part of its address."""
    title: ClassVar[str]
    permission: ClassVar[str]
    """The Django permission that opens it."""
    body: ClassVar[type[BaseModel]]

    key = forms.UUIDField(widget=forms.HiddenInput)  # Note [Once a page]

    read: Any = None
    """The body as it was read, once the form is valid."""

    def __init__(self, person: User, *data: Any, **options: Any) -> None:
        super().__init__(*data, **options)
        self.person = person
        """Who stands before it."""

    @classmethod
    def address(cls, **filled: str) -> str:
        """The address of the page, with these fields filled in."""
        return f"{reverse('door', args=[cls.name])}?{urlencode(filled)}".rstrip("?")

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """The command of a valid form. `who` are the further fields of `Submission`."""
        raise NotImplementedError

    def values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """The body's JSON values; what was left empty is left out."""
        named = {*self.body.model_fields} & {*cleaned}
        return {name: cleaned[name] for name in named if cleaned[name] not in (None, "")}

    @classmethod
    def filled(cls, given: Mapping[str, str]) -> dict[str, Any]:
        """What the page is filled with at first, by what its address says."""
        return dict(given)

    def field_of(self, path: str) -> str:
        """The field where the place of a body is filled in."""
        return path.partition(".")[0]

    @property
    def said(self) -> str:
        """What the door is for."""
        return inspect.getdoc(type(self)) or ""

    @property
    def about(self) -> Iterable[tuple[str, object]]:
        """What is known of the thing that the command names, to look at before it is given."""
        return ()

    def named(self, field: str) -> UUID | None:
        """The id that stands in a field, filled in or sent, if it is one."""
        return as_uuid(str(self[field].value()))

    @property
    def asked(self) -> Iterator[tuple[str, str]]:
        """What a valid form asks: the names of its fields and their values, as people read them."""
        for bound in self.visible_fields():
            value, field = self.cleaned_data[bound.name], bound.field
            empty = value in (None, "", [])
            yield str(bound.label), field.shown(value) if isinstance(field, Shown) and not empty else "–"

    def clean(self) -> dict[str, Any]:
        """Reads the body; each thing that is wrong is said at its field."""
        cleaned = super().clean() or self.cleaned_data
        try:
            self.read = self.body.model_validate(self.values(cleaned))
        except ValidationError as error:
            for wrong in contract_errors(error):
                name = self.field_of(wrong.field or "")
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, wrong.message)
        return cleaned


def new_key() -> str:
    """A key for a page that asks."""
    return uuid7()
