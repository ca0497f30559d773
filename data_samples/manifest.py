"""What the county's folder says about itself: the site, and each file with the arguments it goes in with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from data_samples import place

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file and the arguments of its ingest."""

    files: tuple[str, ...]
    """Names inside the folder; several files make one delivery (stations and their readings)."""
    layer: str
    kind: str
    title: Mapping[str, str]
    """{"zh": …, "en": …}."""
    theme: str
    department: Mapping[str, str]
    crs: str | None = None
    """None where the file's format states it (GeoJSON)."""
    vertical: str | None = None
    valid_from: str | None = None
    """RFC 3339 moment of the survey."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """{target: source}: which of the file's columns is the kind's `target`."""
    mode: str = "snapshot"
    invented: bool = True
    visible: bool | None = None
    """Whether a fresh viewer shows the layer; None leaves it to the kind."""
    order: int | None = None
    """Where the layer stands in the tree; the smaller the higher; None leaves it to the kind."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The folder's table of contents, in the order of ingest."""

    layers: tuple[Entry, ...]
    site: Mapping[str, Any]
    seed: int
    until: str
    """RFC 3339: when the observations end."""


def site() -> dict[str, Any]:
    """The site's own facts: name, extent, first view, survey epochs."""
    return {
        "title": {"zh": place.ZH, "en": place.EN},
        "invented": True,
        "notice": {"zh": "虚构数据", "en": "Invented data"},
        "bbox": [118.3008, 38.3012, 118.4192, 38.3986],
        "view": {"lon": 118.3560, "lat": 38.3235, "height": 1500.0, "heading": 8.0, "pitch": -28.0},
        "epochs": [
            {"at": f"{day}T00:00:00Z", "title": {"zh": f"{day[:4]}年普查", "en": f"{day[:4]} survey"}}
            for day in EPOCHS
        ],
    }


EPOCHS = ("2021-07-01", "2023-07-01", "2025-07-01")


def save(manifest: Manifest, folder: Path) -> None:
    """Write `manifest.json` into the folder."""
    text = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / NAME).write_bytes(text)


def load(folder: Path) -> Manifest:
    """The manifest of a folder that `county.write` filled."""
    found = orjson.loads((Path(folder) / NAME).read_bytes())
    return Manifest(**{**found, "layers": tuple(_entry(entry) for entry in found["layers"])})


def _entry(found: Mapping[str, Any]) -> Entry:
    return Entry(**{**found, "files": tuple(found["files"])})


def moment(day: str) -> str:
    """The moment at which a survey's day begins, RFC 3339."""
    return f"{day}T00:00:00+00:00"
