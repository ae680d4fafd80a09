"""docs/errors.md lists every code that there is, with its status, and no other."""

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import ledger
from easyautoml_ledger.errors import CODES, ContractError
from ledger.domain.errors import LedgerError, Rejected
from models.errors import ModelsError
from web.api.problems import document, title_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "errors.md").read_text()

C = TypeVar("C")


def section(title: str) -> list[list[str]]:
    """The rows of the table under a heading, without the marks around the code."""
    text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def below(base: type[C]) -> Iterator[type[C]]:
    for kind in base.__subclasses__():
        yield kind
        yield from below(kind)


def ledger_errors() -> list[type[LedgerError]]:
    """Every refusal of the service, whichever module it is in."""
    for module in pkgutil.walk_packages(ledger.__path__, "ledger."):
        if ".migrations" not in module.name:
            import_module(module.name)
    return list(below(LedgerError))


def as_row(error: type[LedgerError]) -> tuple[str, str, str]:
    return error.code, str(error.status), "yes" if error.retryable else "no"


def test_every_refusal_is_listed_with_status_and_whether_a_retry_helps() -> None:
    """By section: rejections, what is not decided, and what the door itself refuses."""
    found = ledger_errors()
    rejections = {as_row(error) for error in found if issubclass(error, Rejected)}
    door = {as_row(error) for error in found if error.__module__.startswith("web.api")}
    others = {as_row(error) for error in found} - rejections - door
    for title, expected in (
        ("Decided against", rejections),
        ("Not decided", others),
        ("At the HTTP door", door),
    ):
        assert {(row[0], row[1], row[2]) for row in section(title)} == expected


def test_every_code_has_one_class_and_says_what_it_means() -> None:
    """A code would mean two things otherwise, and the title of a problem is the class's first sentence."""
    found = ledger_errors()
    assert len({error.code for error in found}) == len(found)
    for error in found:
        assert re.fullmatch(r"[A-Z].*[.]", title_of(error)), error
        assert "code" in vars(error), error


def test_every_contract_code_is_listed_with_its_status() -> None:
    """What a body or message that cannot be read is answered with."""
    listed = {row[0]: int(row[1]) for row in section("What cannot be read")}
    assert listed == {code: document(ContractError(code, "why"))["status"] for code in CODES}


def test_the_codes_that_are_raised_are_the_contracts_own() -> None:
    """The API makes no contract code of its own."""
    raised = set()
    for module in (ROOT / "ledger").rglob("*.py"):
        raised |= set(re.findall(r'ContractError\(\s*"(\w+)"', module.read_text()))
    assert raised
    assert raised <= CODES


def test_every_code_of_parked_messages_is_listed() -> None:
    """Those that are no class."""
    raised = {
        argument.value
        for folder in ("ledger", "events")
        for module in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(module.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("Parked", "MessageRefused"))
        for argument in call.args[:2]  # a reason for people may come behind the code
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and " " not in argument.value
    }
    listed = {row[0] for row in section("Only in parked messages")}
    assert listed == raised - {error.code for error in ledger_errors()} - CODES


def test_every_code_of_the_tables_is_listed() -> None:
    """What `models` raises."""
    expected = {ModelsError.code, *(error.code for error in below(ModelsError))}
    assert {row[0] for row in section("Only in Python")} == expected


def test_no_code_stands_twice_in_a_table_and_every_one_is_explained() -> None:
    """A page for people."""
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert len(titles) == 6
    for title in titles:
        rows = section(title)
        assert rows, title
        codes = [row[0] for row in rows]
        assert codes == list(dict.fromkeys(codes))
        assert all(len(row[-1]) > 10 for row in rows)
