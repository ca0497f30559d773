"""EPANET `.inp` networks: links (pipes, valves, pumps) as the main part, nodes as `nodes`.

See: EPANET 2.2 User Manual, appendix C.3 (input file format).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.readers.models import inp, schematic
from pipelines.readers.models.epanet_rows import read_links, read_nodes, units_note, units_of
from pipelines.readers.models.placed import batch
from pipelines.readers.reader import Options, Part, Reader
from twin.errors import UnreadableFile
from twin.model import Titles

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
    names = inp.names(path)
    return b"[PIPE" in names or (b"[JUNC" in names and not names & {b"[COND", b"[SUBC"})


def _network(path: Path, options: Options) -> Iterator[Part]:
    crs = inp.crs(path, options.crs, "an EPANET")
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


READER = Reader(name="epanet", title="EPANET network", suffixes=(".inp",), read=read, claims=claims)
