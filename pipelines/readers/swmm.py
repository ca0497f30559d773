"""SWMM `.inp` models of drainage: links as the main part, nodes and subcatchments beside them.

See: EPA SWMM 5.2 User's Manual, appendix D.2 (input file format).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import shapely

from pipelines.readers.models import inp, schematic
from pipelines.readers.models.placed import batch
from pipelines.readers.models.swmm_rows import read_areas, read_links, read_nodes, units_note, units_of
from pipelines.readers.reader import Options, Part, Reader
from twin.errors import UnreadableFile
from twin.model import Titles

TEXT, NUMBER = pa.string(), pa.float64()
COMMON: Final = {"id": TEXT, "row": pa.int64(), "class": TEXT, "role": TEXT, "z_ref": TEXT, "tag": TEXT}
NODES: Final = pa.schema(
    {**COMMON, "elevation": NUMBER, "depth": NUMBER, "ground_z": NUMBER, "outfall_type": TEXT}
)
LINKS: Final = pa.schema(
    {
        **COMMON,
        **dict.fromkeys(("from_node", "to_node", "shape", "parameters"), TEXT),
        **dict.fromkeys(("length", "diameter", "height", "width", "roughness"), NUMBER),
    }
)
AREAS: Final = pa.schema(
    {
        "id": TEXT,
        "row": pa.int64(),
        **dict.fromkeys(("raingage", "outlet", "tag"), TEXT),
        **dict.fromkeys(("area", "impervious", "width", "slope"), NUMBER),
    }
)
SIGNS: Final = (b"[COND", b"[SUBC", b"[OUTF", b"[XSEC", b"[RAIN")
"""Sections that EPANET does not have."""


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """Links, nodes and subcatchments of each file.

    Raises:
        UnreadableFile: no node has a position.
        UnknownCRS: no CRS was given; the format has no place for one.
    """
    for path in paths:
        yield from _model(path, options)


def claims(path: Path) -> bool:
    """Whether an `.inp` file is SWMM's."""
    names = inp.names(path)
    return b"[PIPE" not in names and any(sign in names for sign in SIGNS)


def _model(path: Path, options: Options) -> Iterator[Part]:
    crs = inp.crs(path, options.crs, "a SWMM")
    found = inp.sections(path, options.encoding)
    units = units_of(found.get("OPTI", []))
    nodes = read_nodes(found, units)
    if not nodes.rows:
        raise UnreadableFile(f"{path.name}: no node with an entry in [COORDINATES]; nothing can be placed")
    links = read_links(found, units, {row["id"]: row["place"] for row in nodes.rows})
    areas = read_areas(found, units)
    conduits = [(r["line_string"], r["length"]) for r in links.rows if r["role"] == "conduit"]
    xy = np.array([row["place"][:2] for row in nodes.rows])
    move, notes = schematic.placement(xy, schematic.scale(conduits, crs), crs)
    crossed = [row["id"] for row in areas.rows if not shapely.is_valid(shapely.Polygon(row["ring"]))]
    mended = f"outlines that cross themselves were mended (they only draw the area): {', '.join(crossed)}"
    parts = (
        ("", None, "networks", links, LINKS),
        ("nodes", Titles(zh="节点", en="Nodes"), "networks", nodes, NODES),
        ("subcatchments", Titles(zh="汇水区", en="Subcatchments"), "features", areas, AREAS),
    )
    for name, title, kind, rows, types in parts:
        if kind == "networks" or rows.rows or rows.rejected:
            yield Part(
                name=name,
                title=title,
                kind=kind,
                batches=iter((batch(rows, types, crs, move),)),
                rows=len(rows.rows) + len(rows.rejected),
                schematic=bool(notes),
                notes=(units_note(units), *notes, *((mended,) if rows is areas and crossed else ())),
            )


READER = Reader(name="swmm", title="SWMM model", suffixes=(".inp",), read=read, claims=claims)
