"""Lines of an EPANET `.inp` file as rows: nodes and links, each line judged by itself.

Everything is given in metres, whatever the file's flow units: with US flow units (GPM, CFS, MGD, IMGD, AFD)
the file's lengths are feet and its pipe diameters inches, with metric ones metres and millimetres.
`length` is the file's own figure, not that of the drawing. Elevations of the nodes are the z of the nodes
and, interpolated, of the links.

See: EPANET 2.2 User Manual, appendices A (units) and C.3 (input file format).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipelines.readers.models import inp
from pipelines.readers.models.inp import Line
from twin.errors import InvalidParameter, UnreadableFile
from twin.model import Rejected

FOOT: Final = 0.3048
INCH: Final = 0.0254
LITRES: Final = {
    "CFS": 28.316846592,
    "GPM": 0.0630901964,
    "MGD": 43.8126363889,
    "IMGD": 52.6168042,
    "AFD": 14.2764101568,
    "LPS": 1.0,
    "LPM": 1 / 60,
    "MLD": 1e6 / 86400,
    "CMH": 1 / 3.6,
    "CMD": 1000 / 86400,
    "CMS": 1000.0,
}
"""Flow units -> litres a second."""
US: Final = ("CFS", "GPM", "MGD", "IMGD", "AFD")


@dataclass(frozen=True, kw_only=True)
class Units:
    """What a file's figures are multiplied by."""

    name: str
    length: float
    """To metres: lengths, elevations, tank diameters."""
    diameter: float
    """To metres: pipe diameters."""
    flow: float
    """To litres a second."""


OfLine = Callable[[Line, Units], dict[str, Any]]
"""What reads the words of one section's lines."""


@dataclass(kw_only=True)
class Rows:
    """Rows and what was refused."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def units_of(lines: list[Line]) -> Units:
    """The units that follow from [OPTIONS] UNITS; without it GPM, as EPANET has it.

    Raises:
        UnreadableFile: EPANET knows no such flow unit.
    """
    name = inp.options(lines).get("UNITS", "GPM").upper()
    if name not in LITRES:
        raise UnreadableFile(f"[OPTIONS] UNITS {name!r}; EPANET's are {', '.join(LITRES)}")
    if name in US:
        return Units(name=name, length=FOOT, diameter=INCH, flow=LITRES[name])
    return Units(name=name, length=1.0, diameter=0.001, flow=LITRES[name])


def units_note(units: Units) -> str:
    """What the file's figures were."""
    was = "feet and inches" if units.name in US else "metres and millimetres"
    return f"flow units {units.name}: the file's lengths and diameters are {was}; here they are metres"


def read_nodes(found: Mapping[str, list[Line]], units: Units) -> Rows:
    """Junctions, reservoirs and tanks that have a position; `place` is x, y, z."""
    rows = Rows()
    positions, doubtful = coordinates(found.get("COOR", []), rows)
    tags = tags_of(found, "NODE")
    demands = demands_of(found.get("DEMA", []), units, rows)
    readers: tuple[tuple[str, str, OfLine], ...] = (
        ("JUNC", "junction", junction),
        ("RESE", "reservoir", reservoir),
        ("TANK", "tank", tank),
    )
    for section, role, read_line in readers:
        for line in found.get(section, []):
            with_errors(rows, line, partial(node, read_line, units, role))
    for row in rows.rows:
        row |= {
            "class": "JS",
            "tag": tags.get(row["id"]),
            "demand": demands.get(row["id"], row.get("demand")),
        }
    refuse_twins(rows, "node")
    refuse_without(rows, lambda row: reason_of_place(row, positions, doubtful), column="geometry")
    for row in rows.rows:
        row["place"] = (*positions[row["id"]], row["elevation"])
    return rows


def junction(line: Line, units: Units) -> dict[str, Any]:
    """`id elevation demand pattern`."""
    return {
        "id": line.words[0],
        "line": line,
        "elevation": number(line, 1, "elevation", default=0.0) * units.length,
        "demand": number(line, 2, "demand", default=0.0) * units.flow,
        "pattern": line.word(3),
    }


def reservoir(line: Line, units: Units) -> dict[str, Any]:
    """`id head pattern`: the surface of the water."""
    return {
        "id": line.words[0],
        "line": line,
        "elevation": number(line, 1, "head") * units.length,
        "pattern": line.word(2),
    }


def tank(line: Line, units: Units) -> dict[str, Any]:
    """`id elevation initial minimum maximum diameter …`: the bottom, and levels above it."""
    return {
        "id": line.words[0],
        "line": line,
        "elevation": number(line, 1, "elevation") * units.length,
        "height": number(line, 4, "maximum level", default=0.0) * units.length or None,
        "diameter": number(line, 5, "diameter", default=0.0) * units.length or None,
    }


def read_links(
    found: Mapping[str, list[Line]], units: Units, places: Mapping[str, tuple[float, float, float]]
) -> Rows:
    """Pipes, valves and pumps between nodes that have a position; `places` is the line's x, y, z."""
    rows = Rows()
    vertices = vertices_of(found.get("VERT", []), rows)
    tags = tags_of(found, "LINK")
    states = {line.words[0]: line.words[1] for line in found.get("STAT", []) if len(line.words) > 1}
    readers: tuple[tuple[str, OfLine], ...] = (
        ("PIPE", pipe),
        ("VALV", valve),
        ("PUMP", pump),
    )
    for section, read_line in readers:
        for line in found.get(section, []):
            with_errors(rows, line, partial(link, read_line, units))
    for row in rows.rows:
        row |= {"class": "JS", "z_ref": "unknown", "tag": tags.get(row["id"])}
        row["state"] = state(states.get(row["id"]), row.get("state"))
    refuse_twins(rows, "link")
    refuse_without(rows, lambda row: reason_of_ends(row, places), column="node")
    for row in rows.rows:
        row["line_string"] = line_string(
            places[row["from_node"]], vertices.get(row["id"], []), places[row["to_node"]]
        )
    return rows


def pipe(line: Line, units: Units) -> dict[str, Any]:
    """`id node1 node2 length diameter roughness minor-loss status`; status may stand for minor loss."""
    seventh = line.word(6)
    word = seventh is not None and seventh.upper() in ("OPEN", "CLOSED", "CV")
    return {
        "role": "pipe",
        "length": positive(line, 3, "length") * units.length,
        "diameter": positive(line, 4, "diameter") * units.diameter or None,
        "roughness": number(line, 5, "roughness", default=0.0),
        "minor_loss": 0.0 if word else number(line, 6, "minor loss", default=0.0),
        "state": seventh if word else line.word(7),
    }


def valve(line: Line, units: Units) -> dict[str, Any]:
    """`id node1 node2 diameter type setting minor-loss`."""
    return {
        "role": "valve",
        "diameter": positive(line, 3, "diameter") * units.diameter or None,
        "valve_type": (line.word(4) or "").upper() or None,
        "setting": line.word(5),
        "minor_loss": number(line, 6, "minor loss", default=0.0),
    }


def pump(line: Line, units: Units) -> dict[str, Any]:
    """`id node1 node2 parameters`."""
    del units
    return {"role": "pump", "parameters": " ".join(line.words[3:]) or None}


def ends(line: Line) -> dict[str, Any]:
    """What every link begins with."""
    if len(line.words) < 3:
        raise InvalidParameter("a link needs an id and two nodes")
    return {"id": line.words[0], "line": line, "from_node": line.words[1], "to_node": line.words[2]}


def state(override: str | None, own: str | None) -> str:
    """open, closed or cv; a figure in [STATUS] is a setting of a link that is open."""
    word = (override or own or "open").lower()
    return word if word in ("open", "closed", "cv") else "open"


def number(line: Line, at: int, name: str, *, default: float | None = None) -> float:
    """The finite number at a place of the line.

    Raises:
        InvalidParameter: there is none.
    """
    word = line.word(at)
    if word is None:
        if default is None:
            raise InvalidParameter(f"{name}: missing")
        return default
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidParameter(f"{name}: {word!r} is not a number")
    return value


def positive(line: Line, at: int, name: str) -> float:
    """As `number`, not negative."""
    value = number(line, at, name)
    if value < 0:
        raise InvalidParameter(f"{name}: {value:g} is negative")
    return value


def node(read_line: OfLine, units: Units, role: str, line: Line) -> dict[str, Any]:
    """A node of a role."""
    return read_line(line, units) | {"role": role}


def link(read_line: OfLine, units: Units, line: Line) -> dict[str, Any]:
    """A link with its ends."""
    return ends(line) | read_line(line, units)


def with_errors(rows: Rows, line: Line, read_line: Callable[[Line], dict[str, Any]]) -> None:
    """A row more, or a refusal more."""
    try:
        rows.rows.append(read_line(line))
    except InvalidParameter as error:
        rows.rejected.append(refusal(line, str(error).split(":", 1)[0], str(error)))


def refusal(line: Line, column: str, reason: str) -> Rejected:
    """A line that did not go in."""
    return Rejected(row=line.number, column=column, reason=reason, original=line.text[:2000])


def refuse_twins(rows: Rows, what: str) -> None:
    """Rows whose id is there twice are refused, all of them: nobody knows which one is meant."""
    counts = Counter(row["id"] for row in rows.rows)
    refuse_without(
        rows,
        lambda row: (
            f"duplicate-id: {counts[row['id']]} {what}s {row['id']!r}" if counts[row["id"]] > 1 else None
        ),
    )


def refuse_without(rows: Rows, reason: Callable[[dict[str, Any]], str | None], column: str = "id") -> None:
    """Rows that have a reason against them are refused."""
    reasons = [reason(row) for row in rows.rows]
    for row, why in zip(rows.rows, reasons, strict=True):
        if why is not None:
            rows.rejected.append(refusal(row["line"], column, why))
    rows.rows = [row for row, why in zip(rows.rows, reasons, strict=True) if why is None]


def reason_of_place(
    row: Mapping[str, Any], positions: Mapping[str, tuple[float, float]], doubtful: set[str]
) -> str | None:
    """Why a node has no position."""
    if row["id"] in doubtful:
        return f"node {row['id']!r} has two different entries in [COORDINATES]"
    return None if row["id"] in positions else f"node {row['id']!r} has no entry in [COORDINATES]"


def reason_of_ends(row: Mapping[str, Any], places: Mapping[str, object]) -> str | None:
    """Why a link has no ends."""
    missing = [n for n in (row["from_node"], row["to_node"]) if n not in places]
    if missing:
        return f"node {missing[0]!r} is not there, or was refused"
    return f"both ends are node {row['from_node']!r}" if row["from_node"] == row["to_node"] else None


def coordinates(lines: list[Line], rows: Rows) -> tuple[dict[str, tuple[float, float]], set[str]]:
    """Node -> x, y, and the nodes that have two."""
    found: dict[str, tuple[float, float]] = {}
    doubtful = set()
    for line in lines:
        try:
            place = number(line, 1, "x"), number(line, 2, "y")
        except InvalidParameter as error:
            rows.rejected.append(refusal(line, "geometry", str(error)))
            continue
        if found.setdefault(line.words[0], place) != place:
            doubtful.add(line.words[0])
    return found, doubtful


def vertices_of(lines: list[Line], rows: Rows) -> dict[str, list[tuple[float, float]]]:
    """Link -> the x, y between its ends, in the file's order."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        try:
            found.setdefault(line.words[0], []).append((number(line, 1, "x"), number(line, 2, "y")))
        except InvalidParameter as error:
            rows.rejected.append(refusal(line, "geometry", str(error)))
    return found


def tags_of(found: Mapping[str, list[Line]], what: str) -> dict[str, str]:
    """Id -> tag, of nodes or links."""
    lines = (line.words for line in found.get("TAGS", []) if len(line.words) > 2)
    return {words[1]: " ".join(words[2:]) for words in lines if words[0].upper() == what}


def demands_of(lines: list[Line], units: Units, rows: Rows) -> dict[str, float]:
    """Junction -> the sum of its entries in [DEMANDS], which stand in place of the one in [JUNCTIONS]."""
    found: dict[str, float] = {}
    for line in lines:
        try:
            found[line.words[0]] = found.get(line.words[0], 0.0) + number(line, 1, "demand") * units.flow
        except InvalidParameter as error:
            rows.rejected.append(refusal(line, "demand", str(error)))
    return found


def line_string(
    start: tuple[float, float, float], between: Sequence[tuple[float, float]], end: tuple[float, float, float]
) -> NDArray[np.float64]:
    """(n, 3) x, y, z: z runs evenly along the way from one end's to the other's."""
    plan = np.array([start[:2], *between, end[:2]], np.float64)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(plan, axis=0).T))])
    share = way / way[-1] if way[-1] > 0 else np.linspace(0, 1, len(way))
    return np.column_stack([plan, start[2] + share * (end[2] - start[2])])
