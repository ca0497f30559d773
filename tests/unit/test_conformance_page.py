"""docs/conformance.md holds to the tests and to what is declared."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from api.ogc import conformance

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conformance.md").read_text("utf-8")
ABSTRACT = sorted((ROOT / "tests" / "contract").glob("test_*_abstract.py"))
IDENTIFIER = re.compile(r"(?<![\w.])/conf/[\w-]+/[\w-]+")


def functions(path: Path) -> dict[str, str]:
    """Tests of a file by name, with their docstrings."""
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


TESTS = {
    name: text
    for path in (ROOT / "tests").glob("[cu]*/**/test_*.py")
    for name, text in functions(path).items()
}
BEARING = {name: text for path in ABSTRACT for name, text in functions(path).items()}
ROWS = [
    row
    for row in re.findall(r"^\| `(/conf/[^`]+)` \| (`test_.*) \|$", PAGE, re.MULTILINE)
    if "…" not in row[0]
]
BORNE = [row for row in ROWS if re.fullmatch(r"(`test_\w+`(, )?)+", row[1])]
"""Rows that name nothing but tests; others say why there is none of that identifier."""


@pytest.mark.parametrize(("identifier", "tests"), BORNE, ids=[row[0] for row in BORNE])
def test_an_identifier_is_borne_by_its_tests(identifier: str, tests: str) -> None:
    for name in re.findall(r"`(test_\w+)`", tests):
        assert identifier in IDENTIFIER.findall(BEARING[name]), name


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 50
    assert named <= set(TESTS)


def test_every_identifier_that_a_test_bears_is_on_the_page() -> None:
    borne = {found for text in BEARING.values() for found in IDENTIFIER.findall(text)}
    assert len(borne) > 150
    assert {one for one in borne if f"`{one}`" not in PAGE} == set()


@pytest.mark.parametrize("said", conformance.SERVER)
def test_every_class_that_is_declared_is_on_the_page(said: str) -> None:
    short = said.partition("/spec/")[2]
    assert f"| `{short}` | " in PAGE


def test_the_page_claims_no_class_that_is_not_declared() -> None:
    listed = re.findall(r"^\| `([\w.-]+/[\d.]+/conf/[\w-]+)` \|", PAGE, re.MULTILINE)
    assert [f"{conformance.SPEC}/{one}" for one in listed] == conformance.SERVER
