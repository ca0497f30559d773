"""The answer sheet: what was planted where, and what a report must say of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "answers.json"
NOTICE = "虚构数据：错误是有意埋设的 · invented data, the faults are planted"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A row that must not go in."""

    row: int | str
    """As the report numbers it: sheets from 1 with their header, tables from 0, entities of a drawing by
    their place, from 0, or their handle."""
    kind: str
    """What is wrong, in a word: duplicate_id, wrong_zone …"""
    says: str
    """Words that the reason holds."""
    cell: str = ""
    """Where a workbook's program shows it, `管点!G17`; empty in files without cells."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that the report must tell of the delivery as a whole."""

    kind: str
    says: str
    fault: bool = True
    """Whether it is one of the planted faults, or only how the file was understood."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A way of handing the delivery in that must be refused as a whole."""

    kind: str
    without: str
    """The argument of `ingest` that is left out."""
    says: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One delivery: its files, how it is handed in, and all that is wrong with it."""

    files: tuple[str, ...]
    title: Mapping[str, str]
    ingest: Mapping[str, Any]
    """Arguments by the names that a request has: layer, kind, crs, vertical, encoding, columns …"""
    rows: int
    """Rows that the report counts as read."""
    faults: tuple[Fault, ...]
    notes: tuple[Note, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    truth: str = ""
    """File of the county that holds the same facts without faults."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """All deliveries."""

    deliveries: tuple[Delivery, ...]
    notice: str = NOTICE
    invented: bool = field(default=True)


def save(sheet: Answers, folder: Path) -> None:
    """Write `answers.json` into the folder."""
    text = orjson.dumps(asdict(sheet), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / NAME).write_bytes(text)


def load(folder: Path) -> Answers:
    """The answer sheet of a folder."""
    found = orjson.loads((folder / NAME).read_bytes())
    return Answers(**{**found, "deliveries": tuple(map(_delivery, found["deliveries"]))})


def _delivery(found: Mapping[str, Any]) -> Delivery:
    return Delivery(
        **{
            **found,
            "files": tuple(found["files"]),
            "faults": tuple(Fault(**each) for each in found["faults"]),
            "notes": tuple(Note(**each) for each in found["notes"]),
            "refusals": tuple(Refusal(**each) for each in found["refusals"]),
        }
    )
