"""1,000 funded users a worker, 100 machines, and the operations that the cases post."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import uuid4

USERS: Final = 1000
MACHINES: Final = 100

Spread: Final = ("users", "one user", "owners", "one owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ids of the users and machines of one worker's operations, in order."""

    users: tuple[int, ...]
    machines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many operations in batches of so many, by whom, made from a seed."""

    operations: int
    batch: int
    by: Literal["users", "one user", "owners", "one owner"] = "users"
    seed: int = 0


def make_worlds(count: int) -> list[World]:
    """Make so many worlds of 1,000 users each, on the same machines, and give each user a million EAML.

    Runs in a worker process.
    """
    from django.utils import timezone

    from ledger.domain.adjustments import Adjust, Adjustment
    from ledger.domain.proposals import Tier
    from ledger.engine.posting import post
    from ledger.engine.submission import Sender, Submission
    from models import Machine, User

    users = User.objects.bulk_create(
        [
            User(email=f"user{number}@bench.example", password="!")  # noqa: S106 (fits nothing)
            for number in range(USERS * count)
        ]
    )
    machines = [
        Machine.objects.create(
            machine_name=f"machine {number}",
            machine_owner_user=users[number],
            dfr_columns_type_user_df={f"column {n}": "FLOAT" for n in range(10)},
            machine_api_solving_is_public=True,
            machine_api_solving_price_usd=Decimal("0.0001"),
        )
        for number in range(MACHINES)
    ]
    post(
        [
            Submission(
                sender=Sender(
                    source="/benchmarks",
                    request_id=str(uuid4()),
                    received_at=timezone.now(),
                    actor="benchmarks",
                ),
                command=Adjust(
                    adjustment=Adjustment(
                        user=user.pk,
                        account="eaml",
                        direction="up",
                        amount=Decimal("1000000.00000000"),
                    ),
                    occurred_at=timezone.now(),
                    actor="benchmarks",
                    role="staff",
                    tier=Tier(alone_max=Decimal(10) ** 11, approve_max=None),
                    reason_code="benchmark",
                ),
                sent={"type": "adjustment", "operation_user": user.pk, "account": "eaml"},
            )
            for user in users
        ]
    )
    ids = [user.pk for user in users]
    return [
        World(users=tuple(ids[number::count]), machines=tuple(machine.pk for machine in machines))
        for number in range(count)
    ]


def payloads(world: World, load: Load) -> list[dict[str, Any]]:
    """Return what a service would send: charges of random users or of one, on random machines or on one."""
    chance = random.Random(load.seed)  # noqa: S311 (a load that can be made again)
    made = []
    for _ in range(load.operations):
        user = world.users[0] if load.by == "one user" else chance.choice(world.users)
        machine = world.machines[0] if load.by == "one owner" else chance.choice(world.machines)
        made.append(
            {
                "type": "training" if load.by in {"owners", "one owner"} else "solving",
                "operation_user": user,
                "machine": machine,
                "count_of_lines": chance.randrange(1, 2000),
            }
        )
    return made
