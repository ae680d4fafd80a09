"""COPY's text format: any text is read back unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.copying import escaped


def unescaped(value: str) -> str:
    # Written independently, by the rules of PostgreSQL's manual for a backslash before a letter.
    found, characters = [], iter(value)
    for character in characters:
        if character == "\\":
            following = next(characters)
            found.append({"t": "\t", "n": "\n", "r": "\r"}.get(following, following))
        else:
            found.append(character)
    return "".join(found)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("a\tb", "a\\tb"),
        ("a\nb\r", "a\\nb\\r"),
        ("\\N", "\\\\N"),
        ("\\.", "\\\\."),
        ('{"a":"\\""}', '{"a":"\\\\""}'),
    ],
)
def test_characters_with_a_meaning_for_copy_are_escaped(value: str, written: str) -> None:
    """Tab, line ends and the backslash, and so the markers of NULL and of the end."""
    assert escaped(value) == written


@given(st.text(st.sampled_from("\\\t\n\rN.ab\u2028é"), max_size=20))
def test_escaped_text_is_read_back_unchanged(value: str) -> None:
    """It is one line and one column."""
    written = escaped(value)
    assert "\n" not in written
    assert "\t" not in written
    assert unescaped(written) == value
