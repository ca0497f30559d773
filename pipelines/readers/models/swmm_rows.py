"""Lines of a SWMM `.inp` file as rows: nodes, links and subcatchments, each line judged by itself.

Everything is given in metres: with US flow units (CFS, GPM, MGD) the file's lengths and diameters are feet
and its areas acres, with metric ones (CMS, LPS, MLD) metres and hectares. Heights are those of inverts.

See: EPA SWMM 5.2 User's Manual, appendix D.2 (input file format) and A.1 (units).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from pipelines.readers.models import inp
from pipelines.readers.models.epanet_rows import (
    FOOT,
    LITRES,
    Rows,
    Units,
    coordinates,
    ends,
    line_string,
    number,
    positive,
    reason_of_ends,
    reason_of_place,
    refuse_twins,
    refuse_without,
    tags_of,
    vertices_of,
    with_errors,
)
from pipelines.readers.models.inp import Line
from twin.errors import UnreadableFile

ACRE: Final = 4046.8564224
HECTARE: Final = 10_000.0
US: Final = ("CFS", "GPM", "MGD")
METRIC: Final = ("CMS", "LPS", "MLD")
ROUND: Final = ("CIRCULAR", "FORCE_MAIN", "FILLED_CIRCULAR")
"""Shapes whose first figure is a diameter."""
OfLine = Callable[[Line, Units], dict[str, Any]]
Place = tuple[float, float, float]


def units_of(lines: list[Line]) -> Units:
    """What the figures are multiplied by.

    Raises:
        UnreadableFile: SWMM has no such flow unit.
    """
    name = inp.options(lines).get("FLOW_UNITS", "CFS").upper()
    if name not in (*US, *METRIC):
        raise UnreadableFile(f"[OPTIONS] FLOW_UNITS {name!r}; SWMM's are {', '.join((*US, *METRIC))}")
    length = FOOT if name in US else 1.0
    return Units(name=name, length=length, diameter=length, flow=LITRES[name])


def units_note(units: Units) -> str:
    """What the file's figures were."""
    was = "feet and acres" if units.name in US else "metres and hectares"
    return f"flow units {units.name}: the file's figures are {was}; here they are metres and square metres"


def read_nodes(found: Mapping[str, list[Line]], units: Units) -> Rows:
    """Junctions, outfalls, storages and dividers that have a position; `place` is x, y, z of the invert."""
    rows = Rows()
    positions, doubtful = coordinates(found.get("COOR", []), rows)
    tags = tags_of(found, "NODE")
    kinds = (
        ("JUNC", "junction", 2),
        ("OUTF", "outfall", None),
        ("STOR", "storage", 2),
        ("DIVI", "divider", None),
    )
    for section, role, depth in kinds:
        for line in found.get(section, []):
            with_errors(rows, line, partial(_node, role, depth, units))
    refuse_twins(rows, "node")
    refuse_without(rows, lambda row: reason_of_place(row, positions, doubtful), column="geometry")
    for row in rows.rows:
        row |= {"class": "PS", "z_ref": "invert", "tag": tags.get(row["id"])}
        row["place"] = (*positions[row["id"]], row["elevation"])
    return rows


def _node(role: str, depth: int | None, units: Units, line: Line) -> dict[str, Any]:
    """`id invert depth …`; an outfall has its type where others have their depth."""
    elevation = number(line, 1, "invert") * units.length
    deep = positive(line, depth, "maximum depth") * units.length if depth and line.word(depth) else None
    return {
        "id": line.words[0],
        "line": line,
        "role": role,
        "elevation": elevation,
        "depth": deep,
        "ground_z": elevation + deep if deep else None,
        "outfall_type": line.word(2) if role == "outfall" else None,
    }


def read_links(found: Mapping[str, list[Line]], units: Units, places: Mapping[str, Place]) -> Rows:
    """Conduits, pumps, orifices, weirs and outlets between nodes that have a position; z is that of the invert."""
    rows = Rows()
    vertices = vertices_of(found.get("VERT", []), rows)
    tags, sections = tags_of(found, "LINK"), {line.words[0]: line for line in found.get("XSEC", [])}
    readers: tuple[tuple[str, OfLine], ...] = (
        ("COND", _conduit),
        ("PUMP", _pump),
        ("ORIF", partial(_regulator, "orifice", 4)),
        ("WEIR", partial(_regulator, "weir", 4)),
        ("OUTL", partial(_regulator, "outlet", 3)),
    )
    for section, read_line in readers:
        for line in found.get(section, []):
            with_errors(rows, line, partial(_link, read_line, units, sections))
    refuse_twins(rows, "link")
    refuse_without(rows, lambda row: reason_of_ends(row, places), column="node")
    offsets = inp.options(found.get("OPTI", [])).get("LINK_OFFSETS", "DEPTH").upper()
    for row in rows.rows:
        row |= {"class": "PS", "z_ref": "invert", "tag": tags.get(row["id"])}
        start, end = (
            _inlet(places[row[node]], row.pop(offset, None), elevation=offsets == "ELEVATION")
            for node, offset in (("from_node", "from_offset"), ("to_node", "to_offset"))
        )
        row["line_string"] = line_string(start, vertices.get(row["id"], []), end)
    return rows


def _inlet(node: Place, offset: float | None, *, elevation: bool) -> Place:
    """Where a link meets a node: so much above its invert, or at a height of its own; None is at the invert."""
    if offset is None:
        return node
    return (*node[:2], offset if elevation else node[2] + offset)


def _link(read_line: OfLine, units: Units, sections: Mapping[str, Line], line: Line) -> dict[str, Any]:
    row = ends(line) | read_line(line, units)
    section = sections.get(row["id"])
    return row | (_section(section, units) if section is not None else {})


def _section(line: Line, units: Units) -> dict[str, Any]:
    """`id shape height width … barrels`; a street or an irregular shape names a table where others have a height."""
    shape = (line.word(1) or "").upper()
    if shape in ("IRREGULAR", "STREET", "CUSTOM"):
        return {"shape": shape}
    tall = positive(line, 2, "section") * units.length or None
    if shape in ROUND:
        return {"shape": shape, "diameter": tall}
    width = positive(line, 3, "section width") * units.length if line.word(3) else None
    return {"shape": shape, "height": tall, "width": width or None}


def _conduit(line: Line, units: Units) -> dict[str, Any]:
    """`id node1 node2 length roughness offset1 offset2 …`."""
    return {
        "role": "conduit",
        "length": positive(line, 3, "length") * units.length,
        "roughness": number(line, 4, "roughness"),
        "from_offset": _offset(line, 5, units),
        "to_offset": _offset(line, 6, units),
    }


def _offset(line: Line, at: int, units: Units) -> float | None:
    """`*` is at the invert."""
    return None if line.word(at) in (None, "*") else number(line, at, "offset") * units.length


def _pump(line: Line, _units: Units) -> dict[str, Any]:
    """`id node1 node2 curve status …`."""
    return {"role": "pump", "parameters": " ".join(line.words[3:]) or None}


def _regulator(role: str, at: int, line: Line, units: Units) -> dict[str, Any]:
    """`id node1 node2 [type] offset …`."""
    return {
        "role": role,
        "from_offset": _offset(line, at, units),
        "parameters": " ".join(line.words[3:]) or None,
    }


def read_areas(found: Mapping[str, list[Line]], units: Units) -> Rows:
    """Subcatchments that have a polygon; `ring` is its x, y."""
    rows = Rows()
    rings = vertices_of(found.get("POLY", []), rows)
    tags = tags_of(found, "SUBCATCH")
    for line in found.get("SUBC", []):
        with_errors(rows, line, partial(_area, units))
    refuse_twins(rows, "subcatchment")
    refuse_without(rows, lambda row: _no_ring(row["id"], rings), column="geometry")
    for row in rows.rows:
        row |= {"ring": np.array(rings[row["id"]]), "tag": tags.get(row["id"])}
    return rows


def _area(units: Units, line: Line) -> dict[str, Any]:
    """`id raingage outlet area %impervious width %slope …`."""
    square = ACRE if units.name in US else HECTARE
    return {
        "id": line.words[0],
        "line": line,
        "raingage": line.word(1),
        "outlet": line.word(2),
        "area": positive(line, 3, "area") * square,
        "impervious": number(line, 4, "impervious"),
        "width": number(line, 5, "width") * units.length,
        "slope": number(line, 6, "slope"),
    }


def _no_ring(name: str, rings: Mapping[str, list[tuple[float, float]]]) -> str | None:
    count = len(set(rings.get(name, ())))
    return None if count > 2 else f"subcatchment {name!r} has {count} different points in [POLYGONS]"
