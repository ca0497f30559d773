"""What `twin ingest` is told, on the command line or by a `layer.toml` beside the data, as a request."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from pipelines.reading import SOURCE, Request
from twin import moments, renewal
from twin.errors import InvalidParameter
from twin.model import Mode, Titles

FILE: Final = "layer.toml"
WORDS: Final = (
    *("layer", "kind", "crs", "vertical", "source", "tz", "encoding", "repair", "join", "title", "title-en"),
    *("owner", "license", "attribution", "accuracy", "lineage", "due", "valid-from", "date", "mode"),
)
"""Options that take a text; of `due`, `valid-from` and `date` a TOML date does too."""
PAIRS: Final = ("column", "nodata")
"""A list of `A=B`, or a table."""
NUMBERS: Final = ("at", "shift")
"""Numbers with commas, or a list of them."""
DAYS: Final = ("due", "valid-from", "date")
NAMES: Final = frozenset({*WORDS, *PAIRS, *NUMBERS, "offset"})
LARGEST: Final = 1 << 20

Said = Mapping[str, Any]
"""Names of options, without their dashes, with what was said."""


def labelled(files: Sequence[str], told: Said) -> dict[str, Any]:
    """What is said of the files: on the command line, else by the `layer.toml` in their folder.

    Raises:
        InvalidParameter: the file does not parse, says what nobody asks for, or is of another layer.
    """
    found = {f for name in files if (f := Path(name).absolute().parent / FILE).is_file()}
    if len(found) > 1:
        raise InvalidParameter(f"these files have several {FILE} beside them; take them folder by folder")
    if not found:
        return dict(told)
    (path,) = found
    said = read(path)
    layer = told.get("layer")
    if layer and said.get("layer", layer) != layer:
        raise InvalidParameter(
            f"--layer {layer}: the {FILE} beside the data is of layer {said['layer']!r}; say one of them"
        )
    if {"date", "valid-from"} & set(told):
        said = {name: value for name, value in said.items() if name not in ("date", "valid-from")}
    used = sorted(set(said) - set(told))
    note = f"{FILE} beside the data says {', '.join(used)}"
    return {**said, **told, **({"notes": (note,)} if used else {})}


def read(path: Path) -> dict[str, Any]:
    """A `layer.toml` in the words of the command line.

    Raises:
        InvalidParameter: it does not parse, names what there is not, or a value is not of its form.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise InvalidParameter(f"{path.name} is larger than {LARGEST} bytes")
        said = tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter(
            f"{path.name} does not parse as TOML in UTF-8: {error}; names that are not ASCII stand in quotes"
        ) from error
    except OSError as error:
        raise InvalidParameter(f"{path.name} cannot be read: {error.strerror}") from error
    if unknown := sorted(set(said) - NAMES):
        raise InvalidParameter(
            f"{path.name}: nothing is called {', '.join(map(repr, unknown))}; there are {', '.join(sorted(NAMES))}"
        )
    return {name: _value(path.name, name, value) for name, value in said.items()}


def _value(file: str, name: str, value: Any) -> Any:
    """A TOML value as the command line would have it."""
    if name in PAIRS and isinstance(value, dict):
        return [f"{a}={b}" for a, b in value.items()]
    if name in PAIRS and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return value
    if name in NUMBERS and isinstance(value, list) and all(map(_number, value)):
        return ",".join(map(repr, value))
    if name in DAYS and isinstance(value, date):
        return value.isoformat()
    if (name == "offset" and _number(value)) or (name in (*WORDS, *NUMBERS) and isinstance(value, str)):
        return value
    raise InvalidParameter(f"{file}: {name} = {str(value)[:80]!r} is not of the form that --{name} takes")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def request(files: Iterable[str], said: Said) -> Request:
    """What is to be taken in.

    Raises:
        InvalidParameter: no layer is named, or a value is not of its form; names the option.
    """
    if not said.get("layer"):
        raise InvalidParameter(
            f'no layer is named; say --layer ID, or layer = "ID" in a {FILE} beside the data'
        )
    if "date" in said and "valid-from" in said:
        raise InvalidParameter("date and valid-from are one thing; say one of them")
    day = said.get("valid-from") or said.get("date")
    plain = ("kind", "crs", "vertical", "offset", "tz", "encoding", "repair", "owner", "attribution")
    texts: dict[str, Any] = {name: said.get(name) for name in plain}
    return Request(
        paths=tuple(files),
        layer=layer_id(said["layer"]),
        valid_from=moments.parse(day, "--valid-from") if day else None,
        columns={target: name for name, target in _pairs(said.get("column"), "--column")},
        nodata=dict(_pairs(said.get("nodata"), "--nodata")),
        mode=_mode(said.get("mode")),
        source=said.get("source") or SOURCE,
        at=_place(said.get("at")),
        shift=_shift(said.get("shift")),
        join=_join(said.get("join")),
        title=Titles(zh=said.get("title", ""), en=said.get("title-en", "")),
        licence=said.get("license"),
        accuracy=said.get("accuracy"),
        lineage=said.get("lineage"),
        due=renewal.checked(said["due"]) if said.get("due") else None,
        notes=tuple(said.get("notes", ())),
        **texts,
    )


def layer_id(name: str) -> str:
    """The name, if it can be a layer's id. Raises InvalidParameter."""
    allowed = name.replace("_", "").replace("-", "")
    if not (allowed.isascii() and allowed.isalnum() and len(name) <= 64):
        raise InvalidParameter(
            f"--layer {name[:80]!r}: letters, digits, _ and -, at most 64; use --title for the name"
        )
    return name


def _mode(said: str | None) -> Mode:
    try:
        return Mode(said or Mode.SNAPSHOT)
    except ValueError as error:
        raise InvalidParameter(f"--mode {str(said)[:50]!r}; there are {', '.join(Mode)}") from error


def _pairs(given: list[str] | None, option: str) -> Iterator[tuple[str, str]]:
    for text in given or []:
        name, equals, value = text.rpartition("=")
        if not equals or not name:
            raise InvalidParameter(f"{option} {text[:80]!r} must be NAME=VALUE")
        yield name, value


def _join(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    table, equals, layer = text.partition("=")
    if not table.strip() or (equals and not layer.strip()):
        raise InvalidParameter(f"--join {text[:80]!r} must be KEY or TABLECOLUMN=LAYERCOLUMN")
    return table.strip(), layer.strip() or table.strip()


def _shift(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        dx, dy, dz = (*(float(v) for v in text.split(",")), *([0.0] * (text.count(",") == 1)))
    except ValueError as error:
        raise InvalidParameter(f"--shift {text[:50]!r} must be DX,DY or DX,DY,DZ") from error
    if not all(map(math.isfinite, (dx, dy, dz))):
        raise InvalidParameter(f"--shift {text[:50]!r} must be finite numbers")
    return dx, dy, dz


def _place(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        lon, lat, *height = (float(v) for v in text.split(","))
    except ValueError as error:
        raise InvalidParameter(f"--at {text[:50]!r} must be LON,LAT or LON,LAT,HEIGHT") from error
    if not (abs(lon) <= 180 and abs(lat) <= 90) or len(height) > 1 or not all(map(math.isfinite, height)):
        raise InvalidParameter(
            f"--at {text[:50]!r} is outside the world; longitude first, then latitude, height"
        )
    return lon, lat, *height
