"""An aerial picture of the county, painted from its own shapes: fields, pans, streets, roofs and their shadows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin

from data_samples import files, manifest, noise, offices, place, plan, terrain
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.blocks import Blocks
    from data_samples.buildings import Buildings
    from data_samples.cover import Cover
    from data_samples.streets import Streets
    from data_samples.terrain import Ground

CELL = 3.0
SHAPE = (int(place.HEIGHT / CELL), int(place.WIDTH / CELL))
GRASS, ROAD, TREES, PAVED, YARD, FIELD, ROOF, PAN, POND, TURF, CLAY = 0, 1, 2, 3, 4, 10, 40, 60, 70, 5, 6
SEA, RIVER, WOOD, PARK, ORCHARD, WORKS, LAKE = 80, 81, 7, 8, 9, 30, 82
COLOURS = {
    GRASS: (150, 148, 108),
    ROAD: (128, 128, 127),
    TREES: (74, 96, 58),
    PAVED: (176, 172, 160),
    YARD: (168, 156, 134),
    TURF: (116, 132, 88),
    CLAY: (172, 98, 76),
    WOOD: (72, 92, 58),
    PARK: (114, 130, 86),
    ORCHARD: (104, 122, 72),
    WORKS: (164, 160, 150),
    SEA: (96, 124, 132),
    RIVER: (104, 126, 114),
    LAKE: (86, 122, 122),
}
FIELDS = (
    (134, 148, 86),
    (152, 158, 98),
    (118, 138, 78),
    (164, 158, 112),
    (142, 132, 92),
    (176, 166, 124),
    (126, 146, 92),
    (148, 140, 104),
    (110, 130, 74),
    (158, 164, 110),
    (170, 154, 116),
    (138, 150, 94),
)
ROOFS = (
    (176, 164, 150),
    (162, 150, 140),
    (184, 176, 168),
    (150, 84, 70),
    (168, 100, 82),
    (140, 140, 144),
    (196, 192, 186),
    (124, 134, 146),
    (92, 124, 160),
    (178, 186, 190),
)
PANS = ((176, 178, 172), (206, 200, 194), (196, 168, 160), (140, 152, 150), (120, 140, 142), (160, 160, 148))
PONDS = ((84, 106, 96), (92, 114, 100), (76, 98, 92), (100, 116, 104))
REACH = np.array([32.0, 0.0])
"""Half the straight of a running track."""
LOW = 5.0
"""Height, metres, below which a shadow is less than a cell."""
LIGHT = np.array([0.22, 0.74])
"""Where a shadow falls, metres east and north for a metre of height: an early afternoon in spring."""


def paint(
    blocks: Blocks,
    graph: Streets,
    green: Cover,
    houses: Buildings,
    marks: NDArray[np.object_],
    ground: Ground,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """(3, rows, columns) uint8 picture; row 0 is north, cells of 3 m. `marks` are the landmarks' outlines."""
    transform = from_origin(0, place.HEIGHT, CELL, CELL)
    stood = (houses.year < 2025) & (houses.gone >= 2025)
    footprints, height = houses.shapes[stood], (houses.storeys * houses.storey)[stood]
    sort = np.zeros(SHAPE, dtype=np.uint8)
    for shapes, values in _layers(blocks, graph, green, rng):
        rasterize(zip(shapes, values, strict=True), out=sort, transform=transform)
    tall = height > LOW
    shade = rasterize(
        _shadows(footprints[tall], height[tall]), out_shape=SHAPE, transform=transform, dtype="uint8"
    ).astype(bool)
    rasterize(
        zip(footprints, _roof_colours(houses.use[stood], rng).tolist(), strict=True),
        out=sort,
        transform=transform,
    )
    rasterize(
        zip(marks, [ROOF + 3 + k % 2 for k in range(len(marks))], strict=True), out=sort, transform=transform
    )
    roofs = (sort >= ROOF) & (sort < ROOF + len(ROOFS))
    picture = _lookup()[sort].astype(np.float32)
    picture *= (_texture(sort, rng) * _relief(ground) * np.where(shade & ~roofs, 0.6, 1.0))[..., None].astype(
        np.float32
    )
    picture = _sea(picture, sort)
    return np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8).transpose(2, 0, 1))


def _lookup() -> NDArray[np.uint8]:
    table = np.zeros((256, 3), dtype=np.uint8)
    for code, colour in COLOURS.items():
        table[code] = colour
    for first, colours in ((FIELD, FIELDS), (ROOF, ROOFS), (PAN, PANS), (POND, PONDS)):
        table[first : first + len(colours)] = colours
    return table


type _Layer = tuple[NDArray[np.object_], list[int]]


def _layers(blocks: Blocks, graph: Streets, green: Cover, rng: np.random.Generator) -> list[_Layer]:
    """Shapes and colour codes from the bottom up."""

    def one(shapes: NDArray[np.object_], code: int) -> _Layer:
        kept = shapes[~shapely.is_empty(shapes)]
        return kept, [code] * len(kept)

    def some(shapes: NDArray[np.object_], first: int, count: int) -> _Layer:
        return shapes, (first + rng.integers(0, count, len(shapes))).tolist()

    land = plan.land()
    built = ~np.isin(blocks.use, ["farmland", "sea", "park", "shore"])
    works = np.array([shapely.box(*plan.SALT).buffer(12), shapely.box(*plan.FISH).buffer(12)])
    half = graph.widths() / 2
    tree_lined = np.isin(graph.grade, ["trunk", "primary", "secondary", "tertiary"])
    pans, ponds = np.array(land.pans), np.array(land.ponds)
    salt = np.where(
        shapely.area(pans) < 20_000, PAN + rng.integers(0, 3, len(pans)), PAN + rng.integers(3, 6, len(pans))
    )
    water = [
        np.array([shape], dtype=object)
        for shape in (land.sea, land.river, land.canal, land.reservoir, land.lake)
    ]
    return [
        some(green.shapes[green.sort == "farmland"], FIELD, len(FIELDS)),
        one(green.shapes[green.sort == "orchard"], ORCHARD),
        one(green.shapes[green.sort == "forest"], WOOD),
        one(green.shapes[green.sort == "windbreak"], TREES),
        one(green.shapes[green.sort == "park"], PARK),
        one(works, WORKS),
        (pans, salt.tolist()),
        some(ponds, POND, len(PONDS)),
        one(blocks.land[built & (blocks.use != "village")], PAVED),
        one(blocks.land[blocks.use == "village"], YARD),
        one(_lawns(blocks), TURF),
        *_tracks(blocks),
        one(water[0], SEA),
        one(water[1], RIVER),
        one(water[2], RIVER),
        one(water[3], LAKE),
        one(water[4], LAKE),
        one(
            shapely.buffer(
                graph.lines[tree_lined & ~graph.bridge], (half + 5)[tree_lined & ~graph.bridge], quad_segs=2
            ),
            TREES,
        ),
        one(shapely.buffer(graph.lines, np.maximum(half, 2.6), quad_segs=2), ROAD),
    ]


def _lawns(blocks: Blocks) -> NDArray[np.object_]:
    """Green hearts of the housing estates."""
    homes = np.isin(blocks.use, ["slab", "newslab", "tower", "office", "government", "culture", "hospital"])
    return np.asarray(shapely.buffer(blocks.land[homes], -19, join_style="mitre"), dtype=object)


def _tracks(blocks: Blocks) -> list[_Layer]:
    """Each school's running track: clay about turf, in the south of its grounds."""
    schools = blocks.land[blocks.use == "school"]
    west, south, east, north = shapely.bounds(schools).T
    middle = np.column_stack(((west + east) / 2, south + (north - south) * 0.3))
    spine = shapely.linestrings(np.stack((middle - REACH, middle + REACH), axis=1))
    return [
        (shapely.buffer(spine, 34), [CLAY] * len(spine)),
        (shapely.buffer(spine, 25), [TURF] * len(spine)),
    ]


def _shadows(footprints: NDArray[np.object_], height: NDArray[np.float64]) -> NDArray[np.object_]:
    """What each building shades: its outline swept along the light."""
    points, owner = shapely.get_coordinates(footprints, return_index=True)
    moved = points + height[owner, None] * LIGHT
    both = np.vstack((points, moved))
    index = np.concatenate((owner, owner))
    order = np.argsort(index, kind="stable")
    return np.asarray(
        shapely.convex_hull(shapely.multipoints(shapely.points(both[order]), indices=index[order])),
        dtype=object,
    )


def _roof_colours(use: NDArray[np.object_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Grey flats, red farmhouses, blue and pale sheds."""
    lot = rng.integers(0, 1_000, len(use))
    sheds = np.isin(use, ["industrial", "warehouse"])
    return np.asarray(ROOF + np.select([sheds, use == "residential"], [7 + lot % 3, lot % 6], lot % 7))


def _texture(sort: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Brightness about 1: grain everywhere, crowns among trees, slow swells on open land."""
    grain = rng.standard_normal(SHAPE, dtype=np.float32)
    leafy = np.isin(sort, [TREES, WOOD, PARK, ORCHARD, TURF])
    swell = noise.surface(rng, shape=SHAPE, cells=(130, 124))
    clumps = np.where(
        sort == PARK, np.clip(noise.surface(rng, shape=SHAPE, cells=(300, 284)) * 2.5, -0.28, 0.1), 0
    ).astype(np.float32)
    rough = np.where(leafy, 0.11, 0.022).astype(np.float32)
    return np.asarray(
        1
        + clumps
        + rough * grain
        + np.where((sort >= SEA) & (sort <= LAKE), 0.012, 0.05).astype(np.float32) * swell,
        dtype=np.float32,
    )


def _relief(ground: Ground) -> NDArray[np.float32]:
    """Light on slopes, so that hills and dykes show."""
    north = np.gradient(ground.heights, terrain.CELL, axis=0)
    east = np.gradient(ground.heights, terrain.CELL, axis=1)
    light = np.asarray(np.clip(1 + 1.4 * (east + north), 0.55, 1.35), dtype=np.float32)
    rows = np.minimum((np.arange(SHAPE[0]) * CELL / terrain.CELL).astype(np.int64), terrain.SHAPE[0] - 1)
    columns = np.minimum((np.arange(SHAPE[1]) * CELL / terrain.CELL).astype(np.int64), terrain.SHAPE[1] - 1)
    return np.asarray(light[np.ix_(rows, columns)], dtype=np.float32)


def _sea(picture: NDArray[np.float32], sort: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The sea grows from silty to blue-green away from the shore."""
    step = CELL * 8
    x, y = np.meshgrid(
        np.arange(SHAPE[1] // 8 + 1) * step, place.HEIGHT - np.arange(SHAPE[0] // 8 + 1) * step
    )
    coast = plan.land().coast.simplify(15)
    shapely.prepare(coast)
    away = shapely.distance(coast, shapely.points(x, y))
    fade = np.exp(-noise.upsample(away, 8)[: SHAPE[0], : SHAPE[1]] / 420)
    wet = sort == SEA
    silt, deep = np.array([166, 156, 128], dtype=np.float32), np.array([84, 118, 128], dtype=np.float32)
    tone = deep + (silt - deep) * fade[wet][:, None]
    picture[wet] = tone * (picture[wet].mean(axis=1, keepdims=True) / np.mean(COLOURS[SEA]))
    return picture


def write(picture: NDArray[np.uint8], folder: Path) -> Entry:
    """Write the picture as a GeoTIFF; returns the manifest's line."""
    files.raster(folder / "ortho_3m.tif", picture, cell=CELL, photo=True)
    return Entry(
        files=("ortho_3m.tif",),
        layer="imagery",
        kind="imagery",
        crs=place.CRS,
        valid_from=manifest.moment("2025-07-01"),
        title={"zh": "航空影像（绘制）", "en": "Aerial picture (painted)"},
        theme="base",
        department=offices.NATURE,
        visible=False,
    )
