"""The sample catalogue: users, their machines and what these cost, as a platform would know them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from easyautoml_ledger.reference import Machine, User

PATH: Final = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulting:
    """What a client asked a consultant for, who has not answered yet. The amount is whole USD."""

    id: int
    client: int
    consultant: int
    amount_usd: int
    category: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Who and what the ledger knows at the start, who joins later, and which prices change."""

    users: tuple[User, ...]
    machines: tuple[Machine, ...]
    users_joining_later: tuple[User, ...]
    machines_joining_later: tuple[Machine, ...]
    repriced: tuple[Machine, ...]
    """Machines of the start with the prices they have later."""
    consulting: tuple[Consulting, ...]

    @property
    def everyone(self) -> tuple[User, ...]:
        """Also who joins later."""
        return self.users + self.users_joining_later


def read_catalogue(path: Path = PATH) -> Catalogue:
    """The catalogue in a file. Raises `pydantic.ValidationError` where it breaks the contract."""
    kept: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    first = {"version": 1, "changed_at": now}
    machines = {each["id"]: each for each in kept["machines"]}
    return Catalogue(
        users=tuple(User.model_validate({**each, **first}) for each in kept["users"]),
        machines=tuple(Machine.model_validate({**each, **first}) for each in machines.values()),
        users_joining_later=tuple(
            User.model_validate({**each, **first}) for each in kept["users_joining_later"]
        ),
        machines_joining_later=tuple(
            Machine.model_validate({**each, **first}) for each in kept["machines_joining_later"]
        ),
        repriced=tuple(
            Machine.model_validate({**machines[change["id"]], **change, "version": 2, "changed_at": now})
            for change in kept["price_changes"]
        ),
        consulting=tuple(Consulting(**each) for each in kept["consulting"]),
    )
