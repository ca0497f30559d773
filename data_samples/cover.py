"""What covers the ground: waters, greens, fields, works; the polygons of the drawn map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from data_samples import files, manifest, offices, place, plan, shapes
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.blocks import Blocks
    from data_samples.streets import Streets

LAND_USE = {
    "slab": "residential",
    "newslab": "residential",
    "tower": "residential",
    "oldtown": "residential",
    "renewal": "residential",
    "village": "village",
    "cbd": "commercial",
    "market": "commercial",
    "heritage": "commercial",
    "office": "commercial",
    "industrial": "industrial",
    "chemical": "industrial",
    "port": "port",
    "utility": "utility",
    "school": "education",
    "hospital": "health",
    "government": "government",
    "culture": "culture",
    "stadium": "sports",
    "station": "transport",
    "park": "park",
    "shore": "park",
}
"""What the land-use map says of each use of a block."""
USES_ZH = {
    "residential": "城镇住宅用地",
    "village": "农村宅基地",
    "commercial": "商业服务业用地",
    "industrial": "工业用地",
    "port": "港口码头用地",
    "utility": "公用设施用地",
    "education": "教育用地",
    "health": "医疗卫生用地",
    "government": "机关团体用地",
    "culture": "文化用地",
    "sports": "体育用地",
    "transport": "交通场站用地",
    "park": "公园绿地",
    "farmland": "耕地",
    "orchard": "园地",
    "forest": "林地",
    "saltpan": "盐田",
    "fishpond": "坑塘水面",
    "windbreak": "防护林",
}


@dataclass(frozen=True, kw_only=True)
class Cover:
    """Polygons with a class each; rows of one class stand together."""

    shapes: NDArray[np.object_]
    sort: NDArray[np.object_]
    name: NDArray[np.object_]


def _cover(parts: list[tuple[NDArray[np.object_], str, list[str] | str]]) -> Cover:
    return Cover(
        shapes=np.concatenate([shape for shape, _, _ in parts]),
        sort=np.concatenate([np.full(len(shape), sort, dtype=object) for shape, sort, _ in parts]),
        name=np.concatenate(
            [np.broadcast_to(np.array(name, dtype=object), len(shape)) for shape, _, name in parts]
        ),
    )


def waters() -> Cover:
    """Sea, river, canal, reservoir, lake, salt pans and fish ponds."""
    land = plan.land()
    single = [
        (land.sea, "sea", "渤海湾（虚构海域）"),
        (land.river, "river", "望海河"),
        (land.canal, "canal", "幸福渠"),
        (land.reservoir, "reservoir", "南山水库"),
        (land.lake, "lake", "海天湖"),
    ]
    parts: list[tuple[NDArray[np.object_], str, list[str] | str]] = [
        (np.array([shape], dtype=object), sort, name) for shape, sort, name in single
    ]
    parts.append(
        (np.array(land.pans, dtype=object), "saltpan", [f"盐田{k + 1}号池" for k in range(len(land.pans))])
    )
    parts.append(
        (np.array(land.ponds, dtype=object), "fishpond", [f"养殖{k + 1}号池" for k in range(len(land.ponds))])
    )
    return _cover(parts)


def greens(blocks: Blocks, graph: Streets, rng: np.random.Generator) -> Cover:
    """Parks, fields, orchards, woods on the hills and windbreaks along roads and dykes."""
    parks = np.isin(blocks.use, ["park", "shore"]) & (shapely.area(blocks.land) > 0)
    names = np.where(blocks.use == "shore", "滨河公园", np.where(blocks.name == "", "街心公园", blocks.name))[
        parks
    ]
    open_land = _countryside(blocks)
    belts = _windbreaks(graph, open_land)
    woods = _woods(open_land)
    open_land = open_land.difference(shapely.union_all([*belts, *woods]))
    fields, orchard = _fields(open_land, rng)
    return _cover(
        [
            (blocks.land[parks], "park", names.tolist()),
            (fields[~orchard], "farmland", ""),
            (fields[orchard], "orchard", "冬枣园"),
            (belts, "windbreak", ""),
            (woods, "forest", "南山林场"),
        ]
    )


def _countryside(blocks: Blocks) -> shapely.Geometry:
    """Open land: what is neither built nor road nor water nor works."""
    return shapely.union_all(blocks.land[blocks.use == "farmland"])


def _windbreaks(graph: Streets, open_land: shapely.Geometry) -> NDArray[np.object_]:
    """Rows of trees along rural roads and the motorway."""
    rural = graph.lines[np.isin(graph.grade, ["tertiary", "motorway"]) & ~graph.bridge & ~graph.oneway]
    strip = shapely.union_all(rural).simplify(2).buffer(24, cap_style="flat").intersection(open_land)
    parts = shapely.get_parts(strip)
    return np.asarray(parts[shapely.area(parts) > 400], dtype=object)


def _woods(open_land: shapely.Geometry) -> NDArray[np.object_]:
    """The hills' woods."""
    hills = [
        shapely.Point(east, north).buffer(radius * 0.95, quad_segs=10)
        for east, north, radius, _ in plan.HILLS
    ]
    wavy = shapely.union_all(hills).segmentize(60)
    bent = shapely.transform(
        wavy, lambda at: at + np.column_stack((34 * np.sin(at[:, 1] / 97), 34 * np.sin(at[:, 0] / 83)))
    )
    parts = shapely.get_parts(shapely.make_valid(bent).intersection(open_land))
    return np.asarray(parts[shapely.get_type_id(parts) == 3], dtype=object)


def _fields(
    open_land: shapely.Geometry, rng: np.random.Generator
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Long fields in groups that lie a little askew to each other, with tracks between."""
    west, south, east, north = 0.0, 0.0, place.WIDTH, place.HEIGHT
    cells: list[NDArray[np.object_]] = []
    sort: list[NDArray[np.bool_]] = []
    for x in np.arange(west, east, 640.0):
        for y in np.arange(south, north, 560.0):
            strips = int(rng.integers(5, 11))
            if rng.random() < 0.6:
                edge = np.linspace(y + 4, y + 556, strips + 1)
                group = shapely.box(x + 4, edge[:-1] + 2, x + 636, edge[1:] - 2)
            else:
                edge = np.linspace(x + 4, x + 636, strips + 1)
                group = shapely.box(edge[:-1] + 2, y + 4, edge[1:] - 2, y + 556)
            cells.append(group)
            sort.append(np.full(strips, rng.random() < 0.16))
    askew = shapes.turned(np.concatenate(cells), -0.05, np.array([5_000.0, 5_000.0]))
    shapely.prepare(open_land)
    near = shapely.intersects(open_land, askew)
    cut = shapely.intersection(askew[near], open_land)
    pieces, owner = shapely.get_parts(cut, return_index=True)
    good = (shapely.get_type_id(pieces) == 3) & (shapely.area(pieces) > 900)
    return pieces[good], np.concatenate(sort)[near][owner[good]]


def land_use(blocks: Blocks, green: Cover) -> Cover:
    """The land-use map: built blocks, greens, salt works and ponds."""
    built = np.array([use in LAND_USE and LAND_USE[use] != "park" for use in blocks.use]) & (
        shapely.area(blocks.land) > 0
    )
    water = waters()
    works = np.isin(water.sort, ["saltpan", "fishpond"])
    return Cover(
        shapes=np.concatenate((blocks.land[built], green.shapes, water.shapes[works])),
        sort=np.concatenate(
            (
                np.array([LAND_USE[use] for use in blocks.use[built]], dtype=object),
                green.sort,
                water.sort[works],
            )
        ),
        name=np.concatenate((blocks.name[built], green.name, water.name[works])),
    )


def write(cover: Cover, folder: Path, layer: str, *, zh: str, en: str, kind: str, prefix: str) -> Entry:
    """Write one cover as a layer; returns the manifest's line."""
    columns: dict[str, Any] = {
        "id": np.array([f"{prefix}{k + 1:04d}" for k in range(len(cover.shapes))]),
        "name": files.blanked(cover.name, cover.name == ""),
        "class": cover.sort,
        "class_zh": np.array([USES_ZH.get(sort, sort) for sort in cover.sort], dtype=object),
        "area_m2": np.round(shapely.area(cover.shapes), 1),
    }
    if layer == "water":
        del columns["class_zh"]
    files.vector(folder / f"{layer}.gpkg", files.many(cover.shapes), columns, geometry="MultiPolygon")
    return Entry(
        files=(f"{layer}.gpkg",),
        layer=layer,
        kind=kind,
        crs=place.CRS,
        valid_from=manifest.moment("2021-07-01"),
        title={"zh": zh, "en": en},
        theme="base",
        department=offices.NATURE,
        columns={"id": "id", "name": "name", "class": "class", "use": "class"}
        if kind == "zones"
        else {"id": "id", "name": "name", "class": "class"},
        visible=False,  # the drawn map shows them already
    )
