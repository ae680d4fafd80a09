"""`from models import User` is cheap and lazy, and works in any order that Django allows."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from django.apps import apps

import models

ROOT = Path(models.__file__).resolve().parent.parent
FIRST_OF_MODULE = {getattr(models, name).__module__: name for name in models.__all__}


def run(code: str, *, settings: str | None = "models.settings") -> str:
    """Return the output of the code in a bare interpreter; `settings` is DJANGO_SETTINGS_MODULE."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    if settings is not None:
        environment["DJANGO_SETTINGS_MODULE"] = settings
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_package_alone_imports_nothing_of_django() -> None:
    """It is cheap, and does not read settings."""
    assert run("import sys, models; print('django' in sys.modules)", settings="no.such.module") == "False"


def test_the_first_name_sets_django_up() -> None:
    """In a bare interpreter without settings, the package's own are used."""
    code = (
        "from models import User; from django.conf import settings; from django.apps import apps;"
        "print(User.__module__, settings.SETTINGS_MODULE, apps.ready)"
    )
    assert run(code, settings=None) == "models.user models.settings True"


def test_named_settings_are_used() -> None:
    """The package's own settings are only the default."""
    code = "from models import User; from django.conf import settings; print(settings.SETTINGS_MODULE)"
    assert run(code, settings="tests.models.standalone_settings") == "tests.models.standalone_settings"


@pytest.mark.parametrize("name", sorted(FIRST_OF_MODULE.values()))
def test_every_name_can_be_imported_first(name: str) -> None:
    """The test imports one name of each module."""
    assert run(f"from models import {name}; print({name}.__name__)") == name


@pytest.mark.parametrize(
    "code",
    [
        "import django; django.setup(); from models import User, Operation",
        "import models, django; django.setup(); models.User; models.Operation",
        "from models import Operation; import django; django.setup(); from models import User",
        "from models import User; from models.user import User as same; assert User is same",
        "import models; m = models.User; import models.user; assert models.user.User is m",
        "from models import *; assert User and EasyAutoMLLogger",
        "from models.log_handler import DatabaseLogHandler; DatabaseLogHandler(); from models import User",
    ],
)
def test_names_can_be_imported_in_any_order_that_django_allows(code: str) -> None:
    """Before, after and without django.setup()."""
    assert run(f"{code}; print('ok')") == "ok"


def test_a_table_can_be_imported_by_name_while_apps_are_loading() -> None:
    """Django is not set up a second time."""
    code = (
        "import sys, types\n"
        "shop = types.ModuleType('shop'); shop.__path__ = []; shop.__file__ = '/shop/__init__.py'\n"
        "tables = types.ModuleType('shop.models'); sys.modules |= {'shop': shop, 'shop.models': tables}\n"
        "import importlib.abc\n"
        "class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        from importlib.machinery import ModuleSpec\n"
        "        return ModuleSpec(name, self, origin='/shop/models.py') if name == 'shop.models' else None\n"
        "    def create_module(self, spec): return None\n"
        "    def exec_module(self, module):\n"
        "        from models import User\n"
        "        module.seen = User.__name__\n"
        "del sys.modules['shop.models']; sys.meta_path.insert(0, Finder())\n"
        "from django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=['shop', 'django.contrib.auth', 'django.contrib.contenttypes',"
        " 'models'], AUTH_USER_MODEL='models.User', USE_TZ=True)\n"
        "import django; django.setup(); print(sys.modules['shop.models'].seen)"
    )
    assert run(code, settings=None) == "User"


def test_several_threads_can_import_at_once() -> None:
    """All of them get the same table."""
    code = (
        "import models, threading; found = []\n"
        "threads = [threading.Thread(target=lambda: found.append(models.User)) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(len(found), len(set(found)))"
    )
    assert run(code) == "8 1"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """It is an ImportError for `from`, and does not set Django up."""
    with pytest.raises(AttributeError, match="'models' has no attribute 'Usr'"):
        models.Usr  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test
    code = (
        "import sys, models\n"
        "try: from models import Usr\n"
        "except ImportError as error: print(type(error).__name__, 'django' in sys.modules)"
    )
    assert run(code) == "ImportError False"


def test_the_names_are_listed() -> None:
    """`dir()`, `__all__`, the names for type checkers and the names at run time are the same."""
    assert set(models.__all__) <= set(dir(models))
    tree = ast.parse(Path(models.__file__).read_text())
    imported = {
        alias.asname or "": node.module or ""
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported.keys() == set(models.__all__)
    for name, module in imported.items():
        assert getattr(models, name).__module__ == module


def test_no_imports_go_in_circles() -> None:
    """Imports inside functions and for type checkers count too."""
    imported: dict[str, set[str]] = {}
    for file in Path(models.__file__).parent.glob("[!_]*.py"):
        nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
        imported[file.stem] = {
            name
            for node in nodes
            for name in (
                [alias.name for alias in node.names]
                if node.module == "models"
                else [(node.module or "").removeprefix("models.")]
            )
        }
    order = list(TopologicalSorter(imported).static_order())
    assert order.index("errors") < order.index("billing") < order.index("user") < order.index("access")


def test_every_table_has_a_name_in_the_package() -> None:
    """A new table must be added to the package."""
    tables = {table.__name__ for table in apps.get_app_config("models").get_models()}
    assert tables <= set(models.__all__)
