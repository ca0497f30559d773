"""Landmarks as CityJSON 2.0 solids with roofs: the old street, pavilions, the culture centre, villas by the lake."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import shapely

from data_samples import manifest, offices, place
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.blocks import Blocks
    from data_samples.terrain import Ground

SCALE = 0.001


@dataclass(frozen=True, kw_only=True)
class House:
    """A house on a rectangle: where, how turned, how high, which roof."""

    name: str
    use: str
    east: float
    north: float
    width: float
    depth: float
    angle: float
    eaves: float
    """Height of the eaves above the ground, metres."""
    ridge: float
    """Height of the ridge or tip above the ground, metres; of no matter to a flat roof."""
    roof: str
    """flat | gabled | hipped | pyramid"""
    storeys: int
    year: int


@dataclass(kw_only=True)
class Model:
    """A CityJSON file as it grows: shared vertices and objects."""

    vertices: list[tuple[int, int, int]] = field(default_factory=list)
    index: dict[tuple[int, int, int], int] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)

    def vertex(self, at: NDArray[np.float64]) -> int:
        """The number of a vertex at (x, y, z) in EPSG:4548 and metres."""
        shifted = (at - [place.EAST, place.NORTH, 0]) / SCALE
        key = (round(float(shifted[0])), round(float(shifted[1])), round(float(shifted[2])))
        if key not in self.index:
            self.index[key] = len(self.vertices)
            self.vertices.append(key)
        return self.index[key]


def houses(blocks: Blocks, rng: np.random.Generator) -> list[House]:
    """Every landmark, on blocks that no other building stands on."""
    found: list[House] = []
    found += _old_street(_block(blocks, "望海古街"), rng)
    found += _culture(_block(blocks, "望海市民文化中心"))
    for park in ("人民公园", "文昌公园", "盐韵公园", "新区中央公园", "锦绣公园", "科技公园"):
        found += _pavilions(_block(blocks, park), park, rng)
    return found


def _block(blocks: Blocks, name: str) -> shapely.Polygon:
    return max(
        shapely.get_parts(blocks.land[np.flatnonzero(blocks.name == name)[0]]), key=lambda part: part.area
    )


def _frame(
    land: shapely.Polygon,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Middle, half width and half depth of the block as vectors, and its angle."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(land))[:4]
    a, b = corners[1] - corners[0], corners[2] - corners[1]
    across, up = (a, b) if abs(a[0]) >= abs(b[0]) else (b, a)
    across, up = across * np.sign(across[0]), up * np.sign(up[1])
    return corners.mean(axis=0), across / 2, up / 2, float(np.arctan2(across[1], across[0]))


def _at(land: shapely.Polygon, x: float, y: float) -> tuple[float, float, float]:
    """East, north and angle at x, y (-1..1 each) of the block."""
    middle, across, up, angle = _frame(land)
    east, north = middle + across * x + up * y
    return float(east), float(north), angle


def _old_street(land: shapely.Polygon, rng: np.random.Generator) -> list[House]:
    """Two rows of gabled houses that face each other across a lane, a hall and a gate tower at its ends."""
    made = []
    for row, y in enumerate((-0.68, -0.22, 0.22, 0.68)):
        for k, x in enumerate(np.linspace(-0.78, 0.78, 10)):
            east, north, angle = _at(land, float(x), y)
            two = bool(rng.random() < 0.4)
            eaves = 6.4 if two else 3.5
            roof = "hipped" if k in {0, 9} else "gabled"
            made.append(
                House(
                    name=f"望海古街{row * 10 + k + 1}号",
                    use="commercial",
                    east=east,
                    north=north,
                    width=float(rng.uniform(11.0, 13.4)),
                    depth=float(rng.uniform(9, 11.5)),
                    angle=angle,
                    eaves=eaves,
                    ridge=eaves + float(rng.uniform(2.6, 3.3)),
                    roof=roof,
                    storeys=1 + two,
                    year=int(rng.integers(1905, 1936)),
                )
            )
    for name, end, width, high in (
        ("望海楼", 0.0, 20.0, 15.0),
        ("古街东阁", 0.93, 9.0, 8.0),
        ("古街西阁", -0.93, 9.0, 8.0),
    ):
        east, north, angle = _at(land, end, 0.0)
        made.append(
            House(
                name=name,
                use="culture",
                east=east,
                north=north,
                width=width,
                depth=width * 0.8,
                angle=angle,
                eaves=high,
                ridge=high + 6,
                roof="pyramid" if end else "hipped",
                storeys=3,
                year=1898,
            )
        )
    return made


def _culture(land: shapely.Polygon) -> list[House]:
    rows = (
        ("望海县博物馆", -0.56, 0.45, 64, 40, 16, 22, "hipped", 3, 2016),
        ("望海县图书馆", 0.56, 0.45, 60, 40, 18, 18, "flat", 4, 2016),
        ("望海大剧院", 0.0, -0.1, 58, 58, 20, 34, "pyramid", 3, 2018),
        ("望海县档案馆", -0.62, -0.55, 44, 26, 17, 17, "flat", 4, 2017),
        ("青少年宫", 0.62, -0.55, 44, 28, 12, 18, "gabled", 3, 2017),
        ("规划展览馆", 0.0, 0.72, 48, 22, 13, 13, "flat", 2, 2019),
    )
    made = []
    for name, x, y, width, depth, eaves, ridge, roof, storeys, year in rows:
        east, north, angle = _at(land, x, y)
        made.append(
            House(
                name=name,
                use="culture",
                east=east,
                north=north,
                width=width,
                depth=depth,
                angle=angle,
                eaves=eaves,
                ridge=ridge,
                roof=roof,
                storeys=storeys,
                year=year,
            )
        )
    return made


def _pavilions(land: shapely.Polygon, park: str, rng: np.random.Generator) -> list[House]:
    """A pavilion or two and a tea house in each park."""
    made = []
    for k, (x, y, roof) in enumerate(
        ((0.4, 0.35, "pyramid"), (-0.45, -0.3, "pyramid"), (-0.3, 0.5, "gabled"))
    ):
        east, north, angle = _at(land, x, y)
        size = 7.0 if roof == "pyramid" else 16.0
        made.append(
            House(
                name=park + ("听涛亭", "望海亭", "茶室")[k],
                use="culture",
                east=east,
                north=north,
                width=size,
                depth=min(size, 9.0),
                angle=angle + float(rng.uniform(-0.2, 0.2)),
                eaves=3.4,
                ridge=6.2,
                roof=roof,
                storeys=1,
                year=int(rng.integers(1995, 2020)),
            )
        )
    return made


def footprint(house: House) -> shapely.Polygon:
    """The house's outline, local metres."""
    x, y = house.width / 2, house.depth / 2
    cos, sin = np.cos(house.angle), np.sin(house.angle)
    corners = np.array([(-x, -y), (x, -y), (x, y), (-x, y)]) @ np.array([[cos, sin], [-sin, cos]])
    return shapely.Polygon(corners + np.array([house.east, house.north]))


def faces(house: House, foot: float) -> list[tuple[str, NDArray[np.float64]]]:
    """Surface type and ring of each face; `foot` is the height of the floor.

    Rings are (n, 3), local metres, counter-clockwise seen from outside.
    """
    floor = np.column_stack((shapely.get_coordinates(footprint(house))[:4], np.full(4, foot)))
    edge = floor + np.array([0, 0, house.eaves])
    top = foot + max(house.ridge, house.eaves)
    west, east = (edge[0] + edge[3]) / 2, (edge[1] + edge[2]) / 2
    west[2] = east[2] = top
    ground = ("GroundSurface", floor[::-1])
    south, right, north, left = (
        np.array([floor[k], floor[(k + 1) % 4], edge[(k + 1) % 4], edge[k]]) for k in range(4)
    )
    walls = [("WallSurface", wall) for wall in (south, right, north, left)]
    if house.roof == "flat":
        return [ground, *walls, ("RoofSurface", edge)]
    if house.roof == "pyramid":
        tip = edge.mean(axis=0)
        tip[2] = top
        return [
            ground,
            *walls,
            *(("RoofSurface", np.array([edge[k], edge[(k + 1) % 4], tip])) for k in range(4)),
        ]
    slopes = [
        ("RoofSurface", np.array([edge[0], edge[1], east, west])),
        ("RoofSurface", np.array([edge[2], edge[3], west, east])),
    ]
    if house.roof == "gabled":
        right, left = np.vstack((right[:3], [east], right[3:])), np.vstack((left[:3], [west], left[3:]))
        return [
            ground,
            ("WallSurface", south),
            ("WallSurface", right),
            ("WallSurface", north),
            ("WallSurface", left),
            *slopes,
        ]
    inset = min(house.depth / 2, house.width * 0.4) / house.width
    west, east = west + (east - west) * inset, east - (east - west) * inset
    return [
        ground,
        *walls,
        ("RoofSurface", np.array([edge[0], edge[1], east, west])),
        ("RoofSurface", np.array([edge[1], edge[2], east])),
        ("RoofSurface", np.array([edge[2], edge[3], west, east])),
        ("RoofSurface", np.array([edge[3], edge[0], west])),
    ]


def _add(model: Model, house: House, number: int, ground: Ground) -> None:
    foot = float(ground.at(shapely.get_coordinates(footprint(house))[:4]).min())
    shell = faces(house, foot)
    kinds = ["GroundSurface", "WallSurface", "RoofSurface"]
    move = np.array([place.EAST, place.NORTH, 0.0])
    model.objects[f"LM{number:03d}"] = {
        "type": "Building",
        "attributes": {
            "name": house.name,
            "function": house.use,
            "yearOfConstruction": house.year,
            "storeysAboveGround": house.storeys,
            "measuredHeight": round(max(house.ridge, house.eaves), 2),
            "roofType": house.roof,
        },
        "geometry": [
            {
                "type": "Solid",
                "lod": "2",
                "boundaries": [[[[model.vertex(point + move) for point in ring]] for _, ring in shell]],
                "semantics": {
                    "surfaces": [{"type": kind} for kind in kinds],
                    "values": [[kinds.index(kind) for kind, _ in shell]],
                },
            }
        ],
    }


def write(found: list[House], ground: Ground, folder: Path) -> Entry:
    """Write the landmarks; returns the manifest's line."""
    model = Model()
    for number, house in enumerate(found, start=1):
        _add(model, house, number, ground)
    corners = np.array(model.vertices) * SCALE + [place.EAST, place.NORTH, 0]
    city = {
        "type": "CityJSON",
        "version": "2.0",
        "metadata": {
            "title": f"{place.ZH} landmarks (invented)",
            "referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4548",
            "geographicalExtent": np.round(
                np.concatenate((corners.min(axis=0), corners.max(axis=0))), 3
            ).tolist(),
        },
        "transform": {"scale": [SCALE] * 3, "translate": [place.EAST, place.NORTH, 0.0]},
        "CityObjects": model.objects,
        "vertices": model.vertices,
    }
    (folder / "landmarks.city.json").write_bytes(orjson.dumps(city))
    return Entry(
        files=("landmarks.city.json",),
        layer="landmarks",
        kind="buildings",
        crs=place.CRS,
        vertical=place.VERTICAL,
        valid_from=manifest.moment("2021-07-01"),
        title={"zh": "地标建筑", "en": "Landmarks"},
        theme="buildings",
        department=offices.HOUSING,
        columns={
            "name": "name",
            "use": "function",
            "storeys": "storeysAboveGround",
            "height": "measuredHeight",
            "year_built": "yearOfConstruction",
        },
    )
