"""What a bench is and what it says, and environments of their own for the peers it runs against."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".cache" / "bench"


class PeerMissing(Exception):
    """A peer cannot be run here; the bench says so and goes on without it."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number."""

    what: str
    value: float | str
    unit: str = ""
    goal: str = ""
    """What the project wants of it, in words; empty where nothing is wanted."""
    met: bool | None = None
    """Whether it is as wanted; None where nothing is."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One bench: a module `bench_*.py` has it as BENCH."""

    name: str
    title: str
    run: Callable[[bool], Iterator[Figure]]
    """Takes whether to be quick (small sizes); gives figures as they come."""


def at_least(what: str, value: float, unit: str, least: float) -> Figure:
    """A figure with a goal below which it is missed."""
    return Figure(what=what, value=value, unit=unit, goal=f"≥ {least:g}", met=value >= least)


def below(what: str, value: float, unit: str, most: float) -> Figure:
    """A figure with a goal above which it is missed."""
    return Figure(what=what, value=value, unit=unit, goal=f"< {most:g}", met=value < most)


def environment(name: str, *packages: str) -> Path:
    """The Python of a peer's own environment, made by uv at the first time.

    Raises:
        PeerMissing: uv is not there, or the packages cannot be had.
    """
    python = ENVIRONMENTS / name / "bin" / "python"
    ready = ENVIRONMENTS / name / ".ready"
    if ready.exists() and ready.read_text() == "\n".join(packages):
        return python
    own = ROOT / ".tools" / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    if uv is None:
        raise PeerMissing(f"no uv to make an environment for {name}")
    base = str(Path(sys.executable).resolve())
    _done(
        [uv, "venv", "-q", "--clear", "--no-managed-python", "--python", base, str(python.parents[1])], name
    )
    _done([uv, "pip", "install", "-q", "--python", str(python), *packages], name)
    ready.write_text("\n".join(packages))
    return python


def versions(python: Path, *packages: str) -> str:
    """The packages of an environment with their versions, in words."""
    code = (
        "import sys; from importlib.metadata import version;"
        "print(*(f'{p} {version(p)}' for p in sys.argv[1:]), sep=', ')"
    )
    return said([python, "-c", code, *packages]).strip()


def said(command: list[str | Path]) -> str:
    """What a peer's command prints.

    Raises:
        PeerMissing: it failed; with the end of what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissing(f"{Path(command[0]).parents[1].name} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


def _done(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissing(f"{name} cannot be installed: {done.stderr.strip()[-300:]}")
