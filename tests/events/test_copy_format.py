"""COPY's text format: any text is read back unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.copying import escaped


def unescaped(value: str) -> str:
    # By the rules of PostgreSQL's manual, written anew: what a backslash before a letter stands for.
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
def test_what_means_something_to_copy_is_escaped(value: str, written: str) -> None:
    """Tab, line ends and the backslash, and with it the marks of NULL and of the end."""
    assert escaped(value) == written


@given(st.text(st.sampled_from("\\\t\n\rN.ab\u2028é"), max_size=20))
def test_escaped_text_comes_back(value: str) -> None:
    """As one line and one column, complete."""
    written = escaped(value)
    assert "\n" not in written
    assert "\t" not in written
    assert unescaped(written) == value
