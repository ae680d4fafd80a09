"""Rows that these tests start from, and which tests run where.

The tests of this folder run in the service (PostgreSQL, the real ledger), and once more on the
tables alone (SQLite, a small ledger behind the door), started by `test_standalone.py`.
"""

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password

from models import Machine, Team, User

STANDALONE = settings.SETTINGS_MODULE == "tests.models.standalone_settings"

# Not on the tables alone: what only a server has (triggers, processes side by side), and what makes
# processes of its own anyway. Not in the service: what only the small ledger can show.
collect_ignore = (
    [
        "test_standalone.py",
        "test_imports.py",
        "test_processes.py",
        "test_raw_sql.py",
        "test_migrations.py",
        "test_log_handler.py",
    ]
    if STANDALONE
    else ["test_ledger_port.py"]
)

# Hashing a password is slow on purpose; these tests are about other things.
PASSWORD = "correct horse"


def new_user(name: str, **fields: object) -> User:
    user = User(email=f"{name}@example.org", password=make_password(None), **fields)
    user.save()
    return user


def new_machine(owner: User, **fields: object) -> Machine:
    columns = {"customer_id": "LABEL", "age": "FLOAT", "income": "FLOAT", "churn": "LABEL"}
    values = {"machine_name": "Churn", "dfr_columns_type_user_df": columns, **fields}
    return Machine.objects.create(machine_owner_user=owner, **values)


@pytest.fixture
def owner(db: None) -> User:
    return new_user("owner")


@pytest.fixture
def buyer(db: None) -> User:
    return new_user("buyer")


@pytest.fixture
def stranger(db: None) -> User:
    return new_user("stranger")


@pytest.fixture
def team(owner: User) -> Team:
    return owner.create_team("Data Science Team")


@pytest.fixture
def machine(owner: User) -> Machine:
    return new_machine(owner)
