"""Text and HTML of the values that pages show: amounts, times, JSON, tables, links."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ledger.domain.money import text

_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Zl", "Zp"})
"""The Unicode categories of characters that are not shown, or that change how others are shown."""


def amount(value: Decimal | None, currency: str) -> SafeString | str:
    """Return an amount with 8 decimals and its currency; a dash for None."""
    return "–" if value is None else _unbroken(f"{text(value)} {currency}")


def amounts(values: Iterable[tuple[str, Decimal | None, str]]) -> SafeString | str:
    """Return those of several labelled amounts that are neither None nor zero; a dash if there are none."""
    shown = [(label, amount(value, currency)) for label, value, currency in values if value]
    return format_html_join(", ", "{}{}", shown) if shown else "–"


def utc_time(value: datetime | None) -> SafeString | str:
    """Return a time in UTC with microseconds, as the log has it; a dash for None."""
    return "–" if value is None else _unbroken(f"{value:%Y-%m-%d %H:%M:%S.%f}Z")


def spaced(name: str) -> str:
    """Return an identifier with spaces for underscores: `machine_copy` as "machine copy"."""
    return name.replace("_", " ")


def visible(written: str) -> str:
    """Return a text of others with its invisible characters as code points: `⟨U+202E⟩`.

    A right-to-left override shows a reader another text than the one that is stored.
    """
    return "".join(map(_visible, written))


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in _HIDDEN and character not in "\n\t"
    return f"⟨U+{ord(character):04X}⟩" if hidden else character


def pretty_json(value: Any) -> SafeString:
    """Return indented JSON in a `pre` element."""
    written = visible(json.dumps(value, indent=2, ensure_ascii=False))
    return format_html('<pre class="overflow-x-auto text-xs leading-5">{}</pre>', written)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> SafeString:
    """Return a small table: names in the first column, amounts in the others."""
    cell = '<{} class="px-3 py-1 font-{} {} first:pl-0 whitespace-nowrap">{}</{}>'

    def line(cells: Sequence[object], tag: str, weight: str) -> SafeString:
        shown = (
            (tag, weight, "text-right" if number else "text-left", each, tag)
            for number, each in enumerate(cells)
        )
        return format_html("<tr>{}</tr>", format_html_join("", cell, shown))

    body = format_html_join("", "{}", ((line(row, "td", "normal"),) for row in rows))
    return format_html(
        '<div class="overflow-x-auto"><table class="text-sm">{}{}</table></div>',
        line(head, "th", "medium"),
        body,
    )


def link_to(model: type[Model], key: Any, link_text: object) -> SafeString:
    """Return a link to the page of the row with this primary key."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])
    return link(url, link_text)


def link(url: str, link_text: object) -> SafeString:
    """Return a link in the colour of the theme."""
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', url, link_text)


def _unbroken(shown: str) -> SafeString:
    return format_html('<span class="whitespace-nowrap tabular-nums">{}</span>', shown)
