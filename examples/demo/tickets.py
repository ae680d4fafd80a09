"""The tickets of the customer service desk, in the order they are worked through."""

from typing import Any

from examples.customer_service import Ticket
from examples.demo.expectation import World


class Tickets:
    """Collects tickets; each has an id, by which a later one may be about it."""

    def __init__(self, world: World) -> None:
        self.made: list[Ticket] = []
        self._world = world

    def ask(self, path: str, body: dict[str, Any], *, id_: str | None = None, **how: Any) -> str:
        """Add a ticket; its id."""
        ticket = Ticket(id=id_ or self._world.new_id("ticket"), path=path, body=body, **how)
        self.made.append(ticket)
        return ticket.id
