"""A changed cursor is refused and never causes an internal error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import User
from tests.web.api.conftest import Api, refused, top_up
from web.api import cursors
from web.api.errors import InvalidCursor


@given(st.text())
def test_a_text_that_is_not_a_cursor_is_refused(text: str) -> None:
    """A cursor cannot be made up."""
    with pytest.raises(InvalidCursor):
        cursors.read(text, {"of": "operations"})


@given(st.data())
def test_a_cursor_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    """The signature covers every character."""
    made = cursors.make([12345], {"of": "operations"})
    place = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.characters(exclude_characters=made[place]))
    with pytest.raises(InvalidCursor):
        cursors.read(made[:place] + other + made[place + 1 :], {"of": "operations"})


def test_a_cursor_is_valid_for_its_own_query_only() -> None:
    """Another filter or another user's statement refuses it."""
    made = cursors.make([7], {"of": "operations", "user": 1})
    assert cursors.read(made, {"user": 1, "of": "operations"}) == [7]
    for query in ({"of": "operations"}, {"of": "operations", "user": 2}, {"of": "statement of 1"}):
        with pytest.raises(InvalidCursor):
            cursors.read(made, query)


@pytest.mark.parametrize(
    "cursor", ["o=-1", "p=abc", "MQ==", "W10:", ":", "W10:AAAA", "\x00", "WzFd:\ud7ff", "[1]", "🙂"]
)
def test_a_tampered_cursor_is_a_bad_request(api: Api, user: User, cursor: str) -> None:
    """Both lists answer 400, never 500."""
    refused(api.get("/v1/operations", cursor=cursor), 400, "invalid_cursor", "cursor")
    refused(api.get(f"/v1/users/{user.pk}/statement", cursor=cursor), 400, "invalid_cursor", "cursor")


def test_an_empty_cursor_is_refused(api: Api) -> None:
    """Otherwise it would silently return the first page."""
    refused(api.get("/v1/operations", cursor=""), 422, "text_too_short", "cursor")


def test_a_cursor_of_one_list_is_refused_by_the_other(api: Api, user: User) -> None:
    """A cursor of operations does not work for a statement."""
    for _ in range(3):
        api.record(top_up(user))
    cursor = api.get("/v1/operations", limit=1).json()["next"]
    refused(api.get(f"/v1/users/{user.pk}/statement", cursor=cursor), 400, "invalid_cursor", "cursor")
    refused(api.get("/v1/operations", cursor=cursor, user=user.pk), 400, "invalid_cursor", "cursor")
