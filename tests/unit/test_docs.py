"""Every command, option, setting, kind and reader is in the documentation."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import typer

from api.cards import kinds
from api.cli import app
from api.ogc.processes import processes
from pipelines.reading import readers
from twin.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
TOP = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = {
    f"{name} {below}".strip(): leaf
    for name, command in TOP.items()
    for below, leaf in getattr(command, "commands", {"": command}).items()
}
OBVIOUS = {"--help", "--home", "--port", "--layer", "--title", "--title-en"}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_told_of(command: str) -> None:
    assert f"twin {command}" in TEXT or f"make {command}" in TEXT


OPTIONS = sorted(
    {o for c in COMMANDS.values() for p in c.params for o in p.opts if o.startswith("--")} - OBVIOUS
)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_told_of(option: str) -> None:
    assert option in TEXT


@pytest.mark.parametrize("name", [f.name for f in fields(Settings)])
def test_every_setting_is_told_of(name: str) -> None:
    assert f"`{name}`" in TEXT or f"TWIN_{name.upper()}" in TEXT


@pytest.mark.parametrize("name", sorted(kinds()))
def test_every_kind_is_told_of(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", sorted(processes()))
def test_every_analysis_is_told_of(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("suffix", sorted({s for r in readers().values() for s in r.suffixes}))
def test_every_suffix_is_told_of(suffix: str) -> None:
    assert f"`{suffix}`" in TEXT


def test_links_between_pages_lead_somewhere() -> None:
    import re

    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
