"""A consulting contract as it stands."""

from django.db import connection

from ledger.domain.consulting import Contract
from ledger.state import read_contracts


def find(contract: int) -> Contract | None:
    """The contract that came of a consulting request."""
    with connection.cursor() as cursor:
        found = read_contracts(cursor, [contract])
    return found[0] if found else None
