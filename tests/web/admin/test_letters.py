"""Mending, replaying and dismissing dead letters on their pages, and who may."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from easyautoml_ledger import topics
from easyautoml_ledger.envelope import CloudEvent, to_kafka
from events.models import DeadLetter, Event, LetterAct
from models import User
from tests.projections.world import World


@pytest.fixture
def letter(world: World) -> DeadLetter:
    """A solving whose lines are a word."""
    data = {
        "type": "solving",
        "operation_user": world.buyer.pk,
        "machine": world.machine.pk,
        "count_of_lines": "many",
    }
    event = CloudEvent(
        id=uuid4().hex,
        source=topics.TRAINING_SERVICE,
        type=topics.OPERATION,
        data=json.dumps(data).encode(),
        time=datetime.now(UTC),
    )
    headers, value = to_kafka(event)
    return DeadLetter.objects.create(
        topic_id=uuid4(),
        topic=topics.TRAINING_OPERATIONS,
        partition=0,
        offset=1,
        key=b"\xff",
        value=value,
        headers=[[name, base64.b64encode(content).decode()] for name, content in headers],
        timestamp=datetime.now(UTC),
        code="not_an_integer",
        reason="count_of_lines: must be a whole number",
    )


def _url(act: str, letter: DeadLetter) -> str:
    return reverse(f"admin:events_deadletter_{act}", args=[letter.pk])


def _form(admin: Client, letter: DeadLetter) -> dict[str, Any]:
    """What a browser would send back of the form for mending."""
    form = admin.get(_url("mend", letter)).context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def _told(admin: Client, url: str, **data: Any) -> str:
    page = admin.post(url, data, follow=True)
    assert page.redirect_chain
    return " ".join(str(message) for message in page.context["messages"])


def test_a_letter_is_mended_and_replayed_on_its_page(admin: Client, letter: DeadLetter) -> None:
    """What stands in the form is the message; what came of it is linked to."""
    data = _form(admin, letter)
    assert data["key"] == "base64:/w=="
    data["value"] = data["value"].replace('"many"', "1000")
    assert "is kept" in _told(admin, _url("mend", letter), **data | {"words": "a word"})
    assert "1000" in admin.get(_url("replay", letter)).content.decode()
    assert _told(admin, _url("replay", letter)) == "Replayed: recorded."
    event = Event.objects.latest("position")
    page = admin.get(_url("change", letter)).content.decode()
    assert reverse("admin:events_event_change", args=[event.position]) in page
    assert "a word" in page
    actor = f"user:{admin.session['_auth_user_id']}"
    assert list(LetterAct.objects.values_list("kind", "actor")) == [("mended", actor), ("replayed", actor)]
    kept = LetterAct.objects.get(kind="mended")
    assert bytes(kept.key or b"") == b"\xff"


def test_a_letter_that_was_dealt_with_has_no_buttons(admin: Client, letter: DeadLetter) -> None:
    """Whoever pressed one before reads that he came too late."""
    mend = _url("mend", letter)
    assert mend in admin.get(_url("change", letter)).content.decode()
    assert _told(admin, _url("dismiss", letter), words="theirs") == "Dismissed."
    assert mend not in admin.get(_url("change", letter)).content.decode()
    for act in ("replay", "mend", "dismiss"):
        told = _told(admin, _url(act, letter), words="again", key="", headers="[]", value="")
        assert told == f"dead letter {letter.pk} was dismissed before"
    assert LetterAct.objects.count() == 1


def test_a_letter_that_fails_again_says_so(admin: Client, letter: DeadLetter) -> None:
    """And is still open."""
    assert "parked again" in _told(admin, _url("replay", letter))
    letter.refresh_from_db()
    assert letter.state == "open"


@pytest.mark.parametrize(
    ("act", "data", "wrong"),
    [
        ("dismiss", {"words": " "}, "words"),
        ("mend", {"headers": "{}"}, "headers"),
        ("mend", {"headers": '[["ce_id", 1]]'}, "headers"),
        ("mend", {"headers": "[", "value": "base64:?"}, "headers"),
        ("mend", {"headers": "[]", "value": "base64:?"}, "value"),
        ("mend", {"headers": "[]", "key": "base64:a"}, "key"),
    ],
)
def test_a_form_that_cannot_be_read_is_shown_again(
    act: str, data: dict[str, str], wrong: str, admin: Client, letter: DeadLetter
) -> None:
    """With what is wrong, and nothing is kept."""
    page = admin.post(_url(act, letter), data)
    assert page.status_code == 200
    assert wrong in page.context["form"].errors
    assert not LetterAct.objects.exists()


def test_only_who_may_change_dead_letters_acts(letter: DeadLetter) -> None:
    """Others of the staff see them, if they may, without buttons; asking all the same is forbidden."""
    member = User.objects.create_user(f"{uuid4().hex}@example.com", "secret", is_staff=True)
    client = Client()
    client.force_login(member)
    assert client.get(_url("change", letter)).status_code == 403
    member.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    page = client.get(_url("change", letter))
    assert page.status_code == 200
    for act in ("mend", "replay", "dismiss"):
        assert _url(act, letter) not in page.content.decode()
        assert client.get(_url(act, letter)).status_code == 403
        assert client.post(_url(act, letter), {"words": "no"}).status_code == 403
    assert not LetterAct.objects.exists()
    member.user_permissions.add(Permission.objects.get(codename="change_deadletter"))
    assert client.post(_url("dismiss", letter), {"words": "no"}).status_code == 302
    assert LetterAct.objects.get().actor == f"user:{member.pk}"


def test_a_letter_that_is_none_has_no_page(admin: Client, letter: DeadLetter) -> None:
    """Nor one whose number is none."""
    del letter
    for number in ("0", "x", "9" * 30):
        for act in ("mend", "replay", "dismiss"):
            assert admin.get(reverse(f"admin:events_deadletter_{act}", args=[number])).status_code == 404
