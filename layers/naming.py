"""Which source column is which of a kind's: as the caller says, then by the names the field uses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from layers.kind import Kind
from twin.errors import InvalidParameter, UnknownProperty
from twin.model import Column
from twin.table import STORED

BRACKETS: Final = re.compile(r"[(\[{<（【].*?[)\]}>）】]")
"""Brackets and what they hold: units, mostly."""
FILLING: Final = re.compile(r"[\s_\-]+")
TAKEN: Final = ("geom", "row", "dated")
"""Fixed columns that no source column may be."""
PERIODS: Final = ("id", "valid_from", "valid_to")
UNITS: Final = {
    "m": ("米",), "mm": ("毫米",), "cm": ("厘米",), "dm": ("分米",), "km": ("千米", "公里"),
    "m2": ("㎡", "平方米", "平米"), "km2": ("平方公里", "平方千米"), "ha": ("公顷",), "mu": ("亩",),
    "m3": ("立方米", "方"), "m3/h": (), "m3/d": (), "L/s": (), "m/s": (), "mg/L": (),
    "kV": ("千伏",), "V": ("伏",), "MPa": ("兆帕",), "kPa": ("千帕",), "kW": (), "t": ("吨",), "kg": ("千克",),
    "deg": ("°", "度"), "%": (), "℃": ("°c", "摄氏度"), "a": ("年",), "d": ("天",), "h": ("小时",),
}  # fmt: skip
"""Units that names of columns state, and what else they are called."""
METRES: Final = {"mm": 0.001, "cm": 0.01, "dm": 0.1, "km": 1000.0}
_UNITS: Final = {
    unicodedata.normalize("NFKC", word).casefold(): name
    for name, words in UNITS.items()
    for word in (name, *words)
}


def plain(name: str) -> str:
    """A name as names are compared: NFKC, trimmed, upper case, without brackets, spaces, `_` and `-`."""
    return FILLING.sub("", BRACKETS.sub("", unicodedata.normalize("NFKC", name))).strip().upper()


def unit(name: str) -> str | None:
    """The unit that a name states in brackets, as `UNITS` spells it; None where it states none."""
    held = re.search(
        r"[(\[{<【]\s*(?:单位[:：]?)?\s*([^)\]}>】]*?)\s*[)\]}>】]\s*$", unicodedata.normalize("NFKC", name)
    )
    return _UNITS.get(held[1].casefold()) if held else None


def factor(name: str, column: Column) -> float | None:
    """By what values must be multiplied whose name states a smaller or larger unit than the column has."""
    if column.type != "number" or column.unit != "m":
        return None
    return METRES.get(unit(name) or "")


def plan(
    names: Sequence[str], kind: Kind, columns: Mapping[str, str], *, guess: bool = False
) -> dict[str, str]:
    """Target column -> source column.

    Args:
        columns: what the caller says, target -> source; wins over the kind's synonyms.
        guess: only look what kind a source could be; of two columns for one target take the first.

    Raises:
        UnknownProperty: the caller names a source column that is not there.
        InvalidParameter: two source columns mean the same target.
    """
    said = {target: present(source, names) for target, source in columns.items()}
    if "geom" in said:
        raise InvalidParameter("no column can be made the geometry; `geom` is what the reader gives")
    targets = dict.fromkeys((*PERIODS, *(c.name for c in kind.columns), *kind.synonyms))
    used = tuple(said.values())
    found = {t: _meant(t, names, kind, used, guess=guess) for t in targets if t not in said}
    return said | {t: source for t, source in found.items() if source is not None}


def present(source: str, names: Sequence[str]) -> str:
    """The source column of that name, or the one that is that name in other spelling."""
    if source in names:
        return source
    same = [n for n in names if plain(n) == plain(source)]
    if len(same) == 1:
        return same[0]
    shown = ", ".join(n for n in names if n not in TAKEN)
    raise UnknownProperty(f"there is no column {source[:200]!r}; there are {shown}")


def _meant(
    target: str, names: Sequence[str], kind: Kind, used: tuple[str, ...], *, guess: bool
) -> str | None:
    if target in names:
        return target
    free = [n for n in names if n not in used and n not in TAKEN]
    own = [n for n in free if plain(n) == plain(target)]
    wanted = {plain(s) for s in kind.synonyms.get(target, ())}
    meant = own or [n for n in free if plain(n) in wanted]
    if len(meant) > 1 and not guess:
        raise InvalidParameter(
            f"columns {' and '.join(meant)} both mean {target!r}; say which, "
            f"for example --column {meant[0]}={target}"
        )
    return meant[0] if meant else None


def rename_taken(table: pa.Table) -> pa.Table:
    """The table whose source columns keep out of the way of the store's own: `source` becomes `source_`.

    Two names that differ in case only are one to a database; the second gets a `_` too.
    """
    used: set[str] = set()
    names = []
    for name in table.column_names:
        free = name + "_" if _stored(name) else name
        while free.casefold() in used:
            free += "_"
        used.add(free.casefold())
        names.append(free)
    return table.rename_columns(names)


def _stored(name: str) -> bool:
    low = name.casefold()
    return low in STORED or (low in TAKEN and low != name)
