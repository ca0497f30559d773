"""EPANET `.inp` networks: links (pipes, valves, pumps) as the main part, nodes as `nodes`.

See: EPANET 2.2 User Manual, appendix C.3 (input file format).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from pipelines.readers.models import inp, schematic
from pipelines.readers.models.epanet_rows import Rows, read_links, read_nodes, units_note, units_of
from pipelines.readers.reader import Options, Part, Reader
from twin.errors import UnknownCRS, UnreadableFile
from twin.model import Titles
from twin.space import crs as crs_of
from twin.table import Batch

NODE_TYPES: Final = pa.schema(
    [
        ("id", pa.string()),
        ("row", pa.int64()),
        ("class", pa.string()),
        ("role", pa.string()),
        ("elevation", pa.float64()),
        ("diameter", pa.float64()),
        ("height", pa.float64()),
        ("demand", pa.float64()),
        ("pattern", pa.string()),
        ("tag", pa.string()),
    ]
)
LINK_TYPES: Final = pa.schema(
    [
        ("id", pa.string()),
        ("row", pa.int64()),
        ("class", pa.string()),
        ("role", pa.string()),
        ("type", pa.string()),
        ("diameter", pa.float64()),
        ("length", pa.float64()),
        ("from_node", pa.string()),
        ("to_node", pa.string()),
        ("z_ref", pa.string()),
        ("state", pa.string()),
        ("roughness", pa.float64()),
        ("minor_loss", pa.float64()),
        ("valve_type", pa.string()),
        ("setting", pa.string()),
        ("parameters", pa.string()),
        ("tag", pa.string()),
    ]
)


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The links and the nodes of each file.

    Raises:
        UnreadableFile: no nodes or no coordinates.
        UnknownCRS: no CRS was given; the format has no place for one.
    """
    for path in paths:
        yield from _network(path, options)


def claims(path: Path) -> bool:
    """Whether an `.inp` file is EPANET's (SWMM's has the same suffix)."""
    with path.open("rb") as file:
        names = {line.strip().upper()[:5] for line in file if line.lstrip().startswith(b"[")}
    return b"[PIPE" in names or (b"[JUNC" in names and not names & {b"[COND", b"[SUBC"})


def _network(path: Path, options: Options) -> Iterator[Part]:
    if options.crs is None:
        raise UnknownCRS(
            f"{path.name}: an EPANET file cannot state its CRS; pass --crs, for example --crs EPSG:4548"
        )
    crs = crs_of(options.crs)
    found = inp.sections(path, options.encoding)
    units = units_of(found.get("OPTI", []))
    nodes = read_nodes(found, units)
    if not nodes.rows:
        raise UnreadableFile(f"{path.name}: no node with an entry in [COORDINATES]; nothing can be placed")
    places = {row["id"]: row["place"] for row in nodes.rows}
    links = read_links(found, units, places)
    pipes = [(r["line_string"], r["length"]) for r in links.rows if r["role"] == "pipe"]
    xy = np.array([row["place"][:2] for row in nodes.rows])
    move, notes = schematic.placement(xy, schematic.scale(pipes, crs), crs)
    said = (units_note(units), *notes)
    for name, rows, types in (("", links, LINK_TYPES), ("nodes", nodes, NODE_TYPES)):
        yield Part(
            name=name,
            title=Titles(zh="节点", en="Nodes") if name else None,
            kind="networks",
            batches=iter((batch(rows, types, crs, move),)),
            rows=len(rows.rows) + len(rows.rejected),
            schematic=bool(notes),
            notes=said,
        )


def batch(rows: Rows, types: pa.Schema, crs: pyproj.CRS, move: tuple[float, float]) -> Batch:
    """Rows as columns."""
    numbered = [row | {"row": row["line"].number} for row in rows.rows]
    columns = {
        name: pa.array([row.get(name) for row in numbered], types.field(name).type) for name in types.names
    }
    columns["geom"] = pa.array(shapely.to_wkb(geometries(rows.rows, np.array([*move, 0.0]))), pa.binary())
    return Batch(table=pa.table(columns), crs=crs, rejected=tuple(rows.rejected))


def geometries(rows: Iterable[Mapping[str, Any]], move: NDArray[np.float64]) -> NDArray[np.object_]:
    """Points or lines with z, or areas; a link whose ends coincide on the plan is the point where they are."""
    shapes = [_shape(row, move) for row in rows]
    flat = [s.geom_type == "LineString" and s.length == 0 for s in shapes]
    return np.array(
        [shapely.Point(s.coords[0]) if f else s for s, f in zip(shapes, flat, strict=True)], object
    )


def _shape(row: Mapping[str, Any], move: NDArray[np.float64]) -> shapely.Geometry:
    if "ring" in row:
        # Of an area that only is drawn (its size is a figure of its own) a crossed outline is mended.
        return shapely.make_valid(shapely.Polygon(row["ring"] + move[:2]), method="structure")
    if "line_string" in row:
        return shapely.LineString(row["line_string"] + move)
    return shapely.Point(row["place"] + move)


READER = Reader(name="epanet", title="EPANET network", suffixes=(".inp",), read=read, claims=claims)
