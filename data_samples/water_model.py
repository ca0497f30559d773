"""The new quarter's drinking water as an EPANET model: closed, in litres a second, on the streets it lies under."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from data_samples import files, manifest, offices, place, streets, weather
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.streets import Streets
    from data_samples.terrain import Ground

DIAMETERS = {"trunk": 400, "primary": 300, "secondary": 200, "residential": 150}
DEMAND = 0.0017
"""Litres a second that a metre of street draws, on average: some 50,000 people at 190 l a day, all told."""


def quarter(graph: Streets) -> Streets:
    """The streets of the new quarter that carry mains, as one connected network."""
    p, q = place.to_town(
        shapely.get_coordinates(shapely.line_interpolate_point(graph.lines, 0.5, normalized=True))
    ).T
    inside = (p > -1740) & (p < 2590) & (q > -4190) & (q < -2440)
    part = graph.take(inside & np.isin(graph.grade, list(DIAMETERS)))
    label = streets.components(part)
    return part.take(label[part.start] == np.bincount(label).argmax())


def text(graph: Streets, ground: Ground) -> str:
    """The model as an EPANET 2.2 input file."""
    part = quarter(graph)
    length = shapely.length(part.lines)
    demand = np.bincount(part.start, length, len(part.nodes)) + np.bincount(part.end, length, len(part.nodes))
    demand = demand / 2 * DEMAND
    elevation = ground.at(part.nodes) - 1.1
    town = place.to_town(part.nodes)
    source = int(np.hypot(town[:, 0], town[:, 1] + 2480).argmin())
    tower = int(np.hypot(town[:, 0] - 900, town[:, 1] + 3760).argmin())
    size = [DIAMETERS[grade] for grade in part.grade]
    works, lift, well = (
        part.nodes[source] + np.array([0, 160]),
        part.nodes[source] + np.array([0, 120]),
        part.nodes[tower] + np.array([45, 45]),
    )
    outlet = part.nodes[source] + np.array([0, 40])
    at = np.vstack((part.nodes, [lift, outlet, well, works])) + files.MOVE
    names = [*(f"J{k + 1}" for k in range(len(part.nodes))), "J_PUMP", "J_OUT", "TOWER", "WORKS"]
    sections = {
        "TITLE": ["Wanghai new quarter (invented) EPSG:4548"],
        "JUNCTIONS": [
            *(f"{names[k]} {elevation[k]:.2f} {demand[k]:.3f} DAY" for k in range(len(part.nodes))),
            f"J_PUMP {elevation[source]:.2f} 0",
            f"J_OUT {elevation[source]:.2f} 0",
        ],
        "RESERVOIRS": ["WORKS 6.0"],
        "TANKS": ["TOWER 34.0 3.5 0.5 6.0 22.0 0"],
        "PIPES": [
            *(
                f"P{k + 1} J{part.start[k] + 1} J{part.end[k] + 1} {length[k]:.2f} {size[k]} 125 0 Open"
                for k in range(len(part))
            ),
            "P_OUT J_OUT " + names[source] + " 40 500 130 0 Open",
            "P_TOWER " + names[tower] + " TOWER 64 300 125 0 Open",
        ],
        "PUMPS": ["PU1 WORKS J_PUMP HEAD LIFT"],
        "VALVES": ["V1 J_PUMP J_OUT 500 TCV 2.5 0"],
        "PATTERNS": _rows("DAY", weather.habit(np.arange(24.0))),
        "CURVES": ["LIFT 220 38"],
        "TIMES": [
            "Duration 24:00",
            "Hydraulic Timestep 1:00",
            "Pattern Timestep 1:00",
            "Report Timestep 1:00",
        ],
        "OPTIONS": ["Units LPS", "Headloss H-W", "Accuracy 0.001", "Trials 100", "Unbalanced Continue 10"],
        "COORDINATES": [f"{name} {x:.2f} {y:.2f}" for name, (x, y) in zip(names, at, strict=True)],
        "VERTICES": list(_vertices(part)),
    }
    return "".join(f"[{name}]\n" + "\n".join(rows) + "\n\n" for name, rows in sections.items()) + "[END]\n"


def _rows(name: str, values: NDArray[np.float64]) -> list[str]:
    return [
        f"{name} " + " ".join(f"{value:.3f}" for value in values[k : k + 6]) for k in range(0, len(values), 6)
    ]


def _vertices(part: Streets) -> Iterable[str]:
    """The bends of each pipe between its ends."""
    points, owner = shapely.get_coordinates(part.lines, return_index=True)
    inner = np.concatenate(([False], (owner[1:-1] == owner[:-2]) & (owner[1:-1] == owner[2:]), [False]))
    points = points + files.MOVE
    return (
        f"P{edge + 1} {x:.2f} {y:.2f}"
        for edge, (x, y) in zip(owner[inner].tolist(), points[inner].tolist(), strict=True)
    )


def write(graph: Streets, ground: Ground, folder: Path) -> Entry:
    """Write the model; returns the manifest's line."""
    (folder / "water_model.inp").write_text(text(graph, ground), encoding="utf-8")
    return Entry(
        files=("water_model.inp",),
        layer="water_model",
        kind="networks",
        crs=place.CRS,
        vertical=place.VERTICAL,
        valid_from=manifest.moment("2023-07-01"),
        title={"zh": "新区供水水力模型", "en": "Water model of the new quarter"},
        theme="pipes",
        department=offices.WATER,
        visible=False,
    )
