"""Clients that are generated from docs/openapi.json compile, and the one in Python talks to the API."""

import compileall
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.builders import make_user
from tests.contracts.conftest import DOCS, Run
from tests.web.api.conftest import service

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_client_in_typescript_compiles(run: Run, programs: Path) -> None:
    """`client.ts` leaves optional fields out, reads answers, and cannot send what is not in the contract."""
    made = run("openapi-typescript", DOCS / "openapi.json", "--output", "ledger.ts")
    assert made.returncode == 0, made.stdout + made.stderr
    done = run("tsc", "--project", "tsconfig.json")
    assert done.returncode == 0, done.stdout
    # The compiler did read the types: without one that the program uses, it finds a mistake.
    types = programs / "ledger.ts"
    types.write_text(
        types.read_text(encoding="utf-8").replace("GrantCouponBody:", "Renamed:"), encoding="utf-8"
    )
    assert "GrantCouponBody" in run("tsc", "--project", "tsconfig.json").stdout


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Return the package that openapi-python-client makes."""
    folder = tmp_path_factory.mktemp("generated")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", DOCS / "openapi.json", "--output-path", folder / "generated_ledger"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("generated_ledger")
    sys.path.remove(str(folder))


def test_a_client_in_python_compiles(generated: ModuleType) -> None:
    """Every module of it compiles and can be imported, and every operation has one."""
    assert compileall.compile_dir(generated.__path__[0], quiet=1)
    names = [each.name for each in pkgutil.walk_packages(generated.__path__, "generated_ledger.")]
    for name in names:
        importlib.import_module(name)
    assert "generated_ledger.api.operations.record_operation" in names
    assert "generated_ledger.models.grant_coupon_body" in names


def test_the_names_of_a_generated_client_are_names(generated: ModuleType) -> None:
    """None is made up of a place in the document, such as `DecisionSpentType0Item`."""
    names = [each.name for each in pkgutil.iter_modules([str(Path(generated.__path__[0]) / "models")])]
    assert len(names) > 80
    assert [name for name in names if "_type_" in name or name.endswith("_item")] == []


def test_the_client_in_python_talks_to_the_api(generated: ModuleType, live_server: LiveServer) -> None:
    """It grants a coupon without the optional fields and reads it; a problem has a code."""
    user, token = make_user(), service("ledger:read", "ledger:write", "ledger:admin").token
    client = _module("client").AuthenticatedClient(base_url=live_server.url, token=token)
    models = _module("models")
    body = models.GrantCouponBody(operation_user=user.pk, amount="5.25", reason="welcome")
    granted = _module("api.coupons.grant_coupon").sync(client=client, body=body, idempotency_key="c-1")
    assert (granted.kind, granted.status.value) == ("coupon_grant", "recorded")
    coupons = _module("api.users.get_coupons").sync(user.pk, client=client)
    assert (coupons.live, coupons.items[0].priority) == ("5.25000000", 100)
    conflict = _module("api.coupons.grant_coupon").sync(
        client=client, body=models.GrantCouponBody(user.pk, "6", "welcome"), idempotency_key="c-1"
    )
    assert (type(conflict), conflict.status) == (models.Problem, 409)


def _module(name: str) -> Any:
    return importlib.import_module(f"generated_ledger.{name}")
