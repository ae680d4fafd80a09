"""Rows that these tests start from, and the selection of tests for each environment.

The tests of this folder run in the service (PostgreSQL, the real ledger), and again on the tables alone
(SQLite, a small ledger behind the port), started by `test_standalone.py`.
"""

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password

from models import Machine, Team, User

STANDALONE = settings.SETTINGS_MODULE == "tests.models.standalone_settings"

# On the tables alone, tests are left out that need a server (for triggers or concurrent processes) or that
# start processes themselves. In the service, tests are left out that need the small ledger.
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

# The password is not hashed, because hashing is slow on purpose.
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
