"""`verify` finds no mismatch in a correct ledger, and its command prints the result."""

import io
import re

import pytest
from django.core.management import call_command
from django.db import connection

from ledger.domain.money import ZERO
from tests import builders as make
from tests.projections import world as worlds
from tests.projections.world import World


def test_a_ledger_with_every_event_has_no_mismatch(world: World) -> None:
    """Debits equal credits in both currencies."""
    result, found = worlds.verified()
    assert found == []
    counts = make.counts()
    assert (result.events, result.entries) == (counts["events_event"], counts["models_entry"])
    assert result.delta == {"USD": ZERO, "EAML": ZERO}


@pytest.mark.parametrize("chunk", [1, 2, 7])
def test_the_size_of_the_chunks_makes_no_difference(world: World, chunk: int) -> None:
    """Links, holds and balances are followed across chunks."""
    whole, _ = worlds.verified()
    parts, found = worlds.verified(chunk=chunk)
    assert found == []
    assert parts == whole


def test_an_erased_note_is_no_mismatch(world: World) -> None:
    """Salt and text are erased, and the HMAC in the event stays."""
    with connection.cursor() as cursor:
        cursor.execute("update events_note set salt = null, text = null")
        assert cursor.rowcount > 0
    assert worlds.mismatches() == []


def test_the_last_line_of_the_command_has_the_counts(world: World) -> None:
    """It is `verify: ok events=N entries=N users=N usd=0.00000000 eaml=0.00000000`."""
    out = io.StringIO()
    call_command("verify", stdout=out)
    result, _ = worlds.verified()
    counted = f"events={result.events} entries={result.entries} users={result.users}"
    assert out.getvalue() == f"verify: ok {counted} usd=0.00000000 eaml=0.00000000\n"


def test_the_command_exits_with_1_and_counts_hidden_mismatches(world: World) -> None:
    """`--show` limits the printed mismatches, not the counted ones."""
    worlds.corrupt("update models_operation set count_of_lines = coalesce(count_of_lines, 0) + 1")
    out = io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("verify", "--show", "2", stdout=out)
    assert caught.value.code == 1
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[2] == "further mismatches are only counted"
    counted = re.fullmatch(r"verify: (\d+) mismatches", lines[3])
    assert counted is not None
    assert int(counted[1]) == make.counts()["models_operation"]
