"""Mending, replaying and dismissing dead letters on their pages, and the permission for it."""

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
from easyautoml_ledger.operations import Operation
from events.models import DeadLetter, Event, LetterAct
from models import User
from tests.projections.world import World


@pytest.fixture
def dead_letter(world: World) -> DeadLetter:
    """A solving whose number of lines is a word."""
    data = {
        "type": "solving",
        "operation_user": world.buyer.pk,
        "machine": world.machine.pk,
        "count_of_lines": "many",
    }
    event = CloudEvent(
        id=uuid4().hex,
        source=topics.TRAINING_SERVICE,
        type=Operation.event_type,
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


def _url(act: str, dead_letter: DeadLetter) -> str:
    return reverse(f"admin:events_deadletter_{act}", args=[dead_letter.pk])


def _form(admin: Client, dead_letter: DeadLetter) -> dict[str, Any]:
    """Return what a browser would send from the unchanged form for mending."""
    form = admin.get(_url("mend", dead_letter)).context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def _messages_after(admin: Client, url: str, **data: Any) -> str:
    page = admin.post(url, data, follow=True)
    assert page.redirect_chain
    return " ".join(str(message) for message in page.context["messages"])


def test_a_dead_letter_is_mended_and_replayed_on_its_page(admin: Client, dead_letter: DeadLetter) -> None:
    """The form contains the message, and the page links to the resulting event."""
    data = _form(admin, dead_letter)
    assert data["key"] == "base64:/w=="
    data["value"] = data["value"].replace('"many"', "1000")
    assert "is saved" in _messages_after(admin, _url("mend", dead_letter), **data | {"words": "a word"})
    own = admin.get(_url("replay", dead_letter)).context["form"]["mend"].value()
    refused = _messages_after(admin, _url("replay", dead_letter), mend=own)
    assert "another person" in refused
    other = Client()
    approver = User.objects.create_superuser(f"{uuid4().hex}@example.com", "secret")
    other.force_login(approver)
    shown = other.get(_url("replay", dead_letter))
    assert "1000" in shown.content.decode()
    assert "mended meanwhile" in _messages_after(other, _url("replay", dead_letter))
    mend = shown.context["form"]["mend"].value()
    assert _messages_after(other, _url("replay", dead_letter), mend=mend) == "Replayed: recorded."
    event = Event.objects.latest("position")
    page = admin.get(_url("change", dead_letter)).content.decode()
    assert reverse("admin:events_event_change", args=[event.position]) in page
    assert "a word" in page
    actor = f"user:{admin.session['_auth_user_id']}"
    assert list(LetterAct.objects.values_list("kind", "actor")) == [
        ("mended", actor),
        ("replayed", f"user:{approver.pk}"),
    ]
    kept = LetterAct.objects.get(kind="mended")
    assert bytes(kept.key or b"") == b"\xff"


def test_a_resolved_dead_letter_has_no_buttons(admin: Client, dead_letter: DeadLetter) -> None:
    """A form that was opened before reports that the dead letter is resolved."""
    mend = _url("mend", dead_letter)
    assert mend in admin.get(_url("change", dead_letter)).content.decode()
    assert _messages_after(admin, _url("dismiss", dead_letter), words="theirs") == "Dismissed."
    assert mend not in admin.get(_url("change", dead_letter)).content.decode()
    for act in ("replay", "mend", "dismiss"):
        shown = _messages_after(admin, _url(act, dead_letter), words="again", key="", headers="[]", value="")
        assert shown == f"dead letter {dead_letter.pk} was already dismissed"
    assert LetterAct.objects.count() == 1


def test_a_dead_letter_that_fails_again_stays_open(admin: Client, dead_letter: DeadLetter) -> None:
    """The page says so after the replay."""
    assert "failed again" in _messages_after(admin, _url("replay", dead_letter))
    dead_letter.refresh_from_db()
    assert dead_letter.state == "open"


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
def test_an_invalid_form_is_shown_again(
    act: str, data: dict[str, str], wrong: str, admin: Client, dead_letter: DeadLetter
) -> None:
    """It shows the errors, and nothing is stored."""
    page = admin.post(_url(act, dead_letter), data)
    assert page.status_code == 200
    assert wrong in page.context["form"].errors
    assert not LetterAct.objects.exists()


def test_the_actions_require_the_permission_to_change_dead_letters(dead_letter: DeadLetter) -> None:
    """With the permission to view, the page has no buttons and the actions answer 403."""
    member = User.objects.create_user(f"{uuid4().hex}@example.com", "secret", is_staff=True)
    client = Client()
    client.force_login(member)
    assert client.get(_url("change", dead_letter)).status_code == 403
    member.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    page = client.get(_url("change", dead_letter))
    assert page.status_code == 200
    for act in ("mend", "replay", "dismiss"):
        assert _url(act, dead_letter) not in page.content.decode()
        assert client.get(_url(act, dead_letter)).status_code == 403
        assert client.post(_url(act, dead_letter), {"words": "no"}).status_code == 403
    assert not LetterAct.objects.exists()
    member.user_permissions.add(Permission.objects.get(codename="change_deadletter"))
    assert client.post(_url("dismiss", dead_letter), {"words": "no"}).status_code == 302
    assert LetterAct.objects.get().actor == f"user:{member.pk}"


def test_an_unknown_dead_letter_is_not_found(admin: Client, dead_letter: DeadLetter) -> None:
    """The answer is 404, also if the id is not a number."""
    del dead_letter
    for number in ("0", "x", "9" * 30):
        for act in ("mend", "replay", "dismiss"):
            assert admin.get(reverse(f"admin:events_deadletter_{act}", args=[number])).status_code == 404
