"""Notes are stored outside the log: the event has their HMAC, and stays valid when one is erased."""

import hashlib
import hmac

import pytest
from django.db import connection
from django.utils import timezone

from events.models import Event, Note
from models import User
from tests import builders as make
from tests.builders import code_of, post_one, recorded

pytestmark = pytest.mark.django_db


def test_event_holds_the_mac_of_its_note_and_not_the_text(user: User) -> None:
    """The HMAC is HMAC-SHA256 with a salt for each note."""
    event = recorded(make.top_up(user, "5", reference="pi_secret"))
    note = Note.objects.get(event_id=event.id)
    salt = bytes(note.salt or b"")
    assert (note.name, note.text, len(salt)) == ("payment_reference", "pi_secret", 32)
    mac = hmac.new(salt, b"pi_secret", hashlib.sha256).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(
            "select data -> 'notes', data::text || metadata::text from events_event where id = %s", [event.id]
        )
        notes, everything = cursor.fetchone()
    assert mac in notes
    assert "pi_secret" not in everything
    assert event.data["notes"] == {"payment_reference": mac}


def test_same_text_has_another_mac_in_another_event(user: User) -> None:
    """The log does not show that two payments had the same reference."""
    macs = {
        recorded(make.top_up(user, "5", reference="same", payment_provider=provider)).data["notes"][
            "payment_reference"
        ]
        for provider in ("one", "other")
    }
    assert len(macs) == 2


def test_erased_note_leaves_its_event_as_it_was(user: User) -> None:
    """Salt and text are erased; the event and every hash over it stay valid."""
    submission = make.top_up(user, "5", reference="pi_secret")
    event = recorded(submission)
    before = Event.objects.values().get(id=event.id)
    Note.objects.filter(event_id=event.id).update(salt=None, text=None)
    assert Event.objects.values().get(id=event.id) == before
    assert post_one(submission).replayed
    # Nothing is left that another reference could be compared with: it is taken for the same.
    again = make.top_up(user, "5", reference="pi_other", key=submission.sender.request_id)
    assert post_one(again).replayed
    conflicting = make.top_up(user, "6", reference="pi_secret", key=submission.sender.request_id)
    assert code_of(post_one(conflicting)) == "conflict"


def test_rejected_operation_keeps_its_note() -> None:
    """The event of a rejection also has the HMAC of a note."""
    rich = make.make_user()
    most = "999999999999.99999999"
    recorded(make.top_up(rich, most))
    outcome = post_one(make.top_up(rich, "1", reference="pi_refused"))
    assert code_of(outcome) == "amount_too_large"
    assert outcome.event is not None
    assert Note.objects.get(event_id=outcome.event.id).text == "pi_refused"
    assert outcome.event.recorded_at <= timezone.now()
