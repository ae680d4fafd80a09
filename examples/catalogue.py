"""The sample catalogue: the users of a platform, their machines and the prices of these."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from easyautoml_ledger.reference import Machine, User

PATH: Final = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulting:
    """A consulting request that the consultant has not answered yet. The amount is in whole USD."""

    id: int
    client: int
    consultant: int
    amount_usd: int
    category: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The users and machines at the start, those that join later, and the price changes."""

    users: tuple[User, ...]
    machines: tuple[Machine, ...]
    users_joining_later: tuple[User, ...]
    machines_joining_later: tuple[Machine, ...]
    repriced: tuple[Machine, ...]
    """Machines of the start with their later prices."""
    consulting: tuple[Consulting, ...]

    @property
    def everyone(self) -> tuple[User, ...]:
        """All users, including those who join later."""
        return self.users + self.users_joining_later


def read_catalogue(path: Path = PATH) -> Catalogue:
    """Read the catalogue from a file. Raises `pydantic.ValidationError` if it breaks the contract."""
    content: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    first = {"version": 1, "changed_at": now}
    machines = {each["id"]: each for each in content["machines"]}
    return Catalogue(
        users=tuple(User.model_validate({**each, **first}) for each in content["users"]),
        machines=tuple(Machine.model_validate({**each, **first}) for each in machines.values()),
        users_joining_later=tuple(
            User.model_validate({**each, **first}) for each in content["users_joining_later"]
        ),
        machines_joining_later=tuple(
            Machine.model_validate({**each, **first}) for each in content["machines_joining_later"]
        ),
        repriced=tuple(
            Machine.model_validate({**machines[change["id"]], **change, "version": 2, "changed_at": now})
            for change in content["price_changes"]
        ),
        consulting=tuple(Consulting(**each) for each in content["consulting"]),
    )
