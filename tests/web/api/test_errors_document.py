"""docs/errors.md lists every error code with its status, and no other."""

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import ledger
from easyautoml_ledger.errors import CODES, ContractError
from ledger.domain.errors import Busy, LedgerError, Rejected
from models.errors import ModelsError
from web.api.problems import document, title_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "errors.md").read_text()

C = TypeVar("C")


def section(title: str) -> list[list[str]]:
    """Return the rows of the table under a heading, without the backticks around the code."""
    text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def subclasses(base: type[C]) -> Iterator[type[C]]:
    for kind in base.__subclasses__():
        yield kind
        yield from subclasses(kind)


def ledger_errors() -> list[type[LedgerError]]:
    """Return every error of the service, from all its modules."""
    for module in pkgutil.walk_packages(ledger.__path__, "ledger."):
        if ".migrations" not in module.name:
            import_module(module.name)
    return list(subclasses(LedgerError))


def as_row(error: type[LedgerError]) -> tuple[str, str, str]:
    return error.code, str(error.status), "yes" if error.retryable else "no"


def test_every_error_is_listed_with_its_status_and_retryability() -> None:
    """Each in its section: rejections, commands that are not decided, errors of the API itself."""
    found = ledger_errors()
    rejections = {as_row(error) for error in found if issubclass(error, Rejected)}
    api = {as_row(error) for error in found if error.__module__.startswith("web.api")}
    others = {as_row(error) for error in found} - rejections - api
    for title, expected in (
        ("Rejections", rejections),
        ("Not decided", others),
        ("HTTP requests", api),
    ):
        assert {(row[0], row[1], row[2]) for row in section(title)} == expected


def test_every_code_has_one_class_and_a_title() -> None:
    """Otherwise a code would have two meanings. The title of a problem is the class's first sentence."""
    found = ledger_errors()
    # A kind of `busy` means the same to callers; only the engine's callers distinguish them.
    codes = [error.code for error in found if error is Busy or not issubclass(error, Busy)]
    assert len(set(codes)) == len(codes)
    for error in found:
        assert re.fullmatch(r"[A-Z].*[.]", title_of(error)), error
        assert "code" in vars(error) or issubclass(error, Busy), error


def test_every_contract_code_is_listed_with_its_status() -> None:
    """These are the answers to bodies and messages that cannot be read."""
    listed = {row[0]: int(row[1]) for row in section("Invalid messages and bodies")}
    assert listed == {code: document(ContractError(code, "why"))["status"] for code in CODES}


def test_the_codes_that_are_raised_are_the_contracts_own() -> None:
    """Neither the ledger nor the API raises a contract error with a code that the client does not know."""
    raised = set()
    for folder in ("ledger", "web"):
        for module in (ROOT / folder).rglob("*.py"):
            raised |= set(re.findall(r'ContractError\(\s*"(\w+)"', module.read_text()))
    assert raised
    assert raised <= CODES


def test_every_code_of_dead_letters_is_listed() -> None:
    """These codes have no error class."""
    raised = {
        argument.value
        for folder in ("ledger", "events")
        for module in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(module.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("Parked", "MessageRefused"))
        for argument in call.args[:2]  # the code may be followed by a reason for people
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and " " not in argument.value
    }
    listed = {row[0] for row in section("Only in dead letters")}
    assert listed == raised - {error.code for error in ledger_errors()} - CODES


def test_every_code_of_the_tables_is_listed() -> None:
    """These are the errors that `models` raises."""
    expected = {ModelsError.code, *(error.code for error in subclasses(ModelsError))}
    assert {row[0] for row in section("Only in Python")} == expected


def test_no_table_repeats_a_code_and_every_code_is_explained() -> None:
    """Every section has a table, and every row an explanation."""
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert len(titles) == 6
    for title in titles:
        rows = section(title)
        assert rows, title
        codes = [row[0] for row in rows]
        assert codes == list(dict.fromkeys(codes))
        assert all(len(row[-1]) > 10 for row in rows)
