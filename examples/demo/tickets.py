"""Collects the tickets for `examples.customer_service`, in order."""

from typing import Any

from examples.customer_service import Ticket
from examples.demo.expectation import World


class Tickets:
    """The tickets of the demo. A later ticket can refer to an earlier one by its id."""

    def __init__(self, world: World) -> None:
        self.all: list[Ticket] = []
        self._world = world

    def add(self, path: str, body: dict[str, Any], *, id_: str | None = None, **options: Any) -> str:
        """Add a ticket and return its id."""
        ticket = Ticket(id=id_ or self._world.new_id("ticket"), path=path, body=body, **options)
        self.all.append(ticket)
        return ticket.id
