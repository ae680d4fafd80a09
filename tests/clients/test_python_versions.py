"""The client runs on older Pythons than the service."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import easyautoml_ledger

ROOT = Path(easyautoml_ledger.__file__).parent
OLDEST = (3, 9)
# Modules and names that are newer than the oldest Python.
NEWER = {"tomllib", "StrEnum", "UTC", "assert_never", "Self", "override", "TypeAlias", "ParamSpec"}


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_the_source_runs_on_the_oldest_python(file: Path) -> None:
    """It has no `match`, no newer import, and no `X | Y` in evaluated annotations."""
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=OLDEST)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module != "typing_extensions":
            assert not {alias.name for alias in node.names} & NEWER
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(annotation, ast.AST):
            unions = [part for part in ast.walk(annotation) if isinstance(part, ast.BitOr)]
            assert not unions, ast.unparse(annotation)


def test_the_core_needs_pydantic_only() -> None:
    """Reading contracts imports no Kafka client, which is an extra."""
    code = (
        "import sys, easyautoml_ledger.payloads, easyautoml_ledger.schemas; "
        "print({name.partition('.')[0] for name in sys.modules} & {'kafka', 'django', 'cloudevents'})"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
