"""An oblique mesh (实景三维) of one block, made of its own houses: a 3D Tiles folder of textured triangles.

Two levels: the block in plain colours, and four quarters with pictures of facades, roofs and yards. As in a
flight's mesh, ground and houses are one skin without ids.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mapbox_earcut
import numpy as np
import orjson
import shapely
from PIL import Image, ImageDraw, ImageFilter

from data_samples import buildings, frame, glb, manifest, offices, place
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.blocks import Blocks
    from data_samples.buildings import Buildings
    from data_samples.frame import Frame
    from data_samples.glb import Patch
    from data_samples.terrain import Ground

FOLDER = "oblique_block"
WHERE = (-1480.0, -1310.0)
"""A block of six-storey slabs in the seat, town frame."""
DAY = "2025-07-01"
CELL = 8.0
"""Metres between the ground's vertices."""
PIXEL = 0.4
"""Metres a pixel of the yard's picture."""
BAY, STOREY = 3.3, 2.9
"""Metres that one tile of a facade's picture is wide and high."""
SUN = np.array([-0.35, -0.75])
WALLS = ((214, 196, 168), (198, 176, 150), (222, 214, 200), (186, 150, 124))
ROOF = (176, 92, 74)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What was flown over: local metres."""

    face: shapely.Polygon
    land: shapely.Geometry
    shapes: NDArray[np.object_]
    top: NDArray[np.float64]
    foot: NDArray[np.float64]
    colour: NDArray[np.int64]


def seen(blocks: Blocks, houses: Buildings, ground: Ground) -> Scene:
    """The block and what stood on it on the day of the flight."""
    slabs = np.flatnonzero(blocks.use == "slab")
    away = np.hypot(*(blocks.town[slabs] - np.array(WHERE)).T)
    k = int(slabs[away.argmin()])
    stood, columns = buildings.survey(houses, DAY)
    shapes = houses.shapes[stood]
    mine = shapely.contains_properly(blocks.face[k], shapely.centroid(shapes))
    shapes = shapes[mine]
    foot = np.array([ground.at(shapely.get_coordinates(shape)[:, :2]).min() for shape in shapes])
    height = np.asarray(columns["height"], dtype=np.float64)[mine]
    return Scene(
        face=blocks.face[k],
        land=blocks.land[k],
        shapes=shapes,
        top=foot + height,
        foot=foot - 0.5,
        colour=np.asarray(columns["storeys"], dtype=np.int64)[mine] % len(WALLS),
    )


def write(scene: Scene, ground: Ground, folder: Path) -> Entry:
    """Write the tileset; returns the manifest's line."""
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    middle = shapely.get_coordinates(scene.face.centroid)[0]
    about = frame.about(middle)
    quarters = _quarters(scene.face, middle)
    owner = np.argmax(
        [shapely.contains_xy(q, shapely.get_coordinates(shapely.centroid(scene.shapes))) for q in quarters],
        axis=0,
    )
    coarse = [*_walls(scene, np.arange(len(scene.shapes)), about, fine=False), _roofs(scene, None, about)]
    coarse.append(_ground(scene, scene.face, ground, about, fine=False))
    (target / "block.glb").write_bytes(glb.encode(coarse))
    children = []
    for k, quarter in enumerate(quarters):
        mine = np.flatnonzero(owner == k)
        patches = [
            *_walls(scene, mine, about, fine=True),
            *([_roofs(scene, mine, about)] if len(mine) else []),
        ]
        patches.append(_ground(scene, quarter, ground, about, fine=True))
        (target / f"quarter_{k + 1}.glb").write_bytes(glb.encode(patches))
        children.append(_tile(f"quarter_{k + 1}.glb", patches, 0.0))
    root = _tile("block.glb", coarse, 12.0) | {
        "transform": about.matrix,
        "refine": "REPLACE",
        "children": children,
    }
    tileset = {
        "asset": {"version": "1.1", "extras": {"notice": "虚构数据"}},
        "geometricError": 60.0,
        "root": root,
    }
    (target / "tileset.json").write_bytes(orjson.dumps(tileset, option=orjson.OPT_INDENT_2))
    return Entry(
        files=(FOLDER,),
        layer="oblique_block",
        kind="mesh",
        vertical=place.VERTICAL,
        valid_from=manifest.moment(DAY),
        title={"zh": "实景三维（一个街坊）", "en": "Oblique mesh of one block"},
        theme="buildings",
        department=offices.NATURE,
        visible=False,
    )


def _quarters(face: shapely.Polygon, middle: NDArray[np.float64]) -> list[shapely.Geometry]:
    west, south, east, north = face.bounds
    x, y = middle.tolist()
    boxes = [(west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north)]
    return [face.intersection(shapely.box(*box)) for box in boxes]


def _tile(uri: str, patches: list[Patch], error: float) -> dict[str, Any]:
    corners = np.concatenate([patch.corners for patch in patches])
    low, high = corners.min(axis=0), corners.max(axis=0)
    half = (high - low) / 2
    box = [*((low + high) / 2), half[0], 0, 0, 0, half[1], 0, 0, 0, half[2]]
    return {
        "boundingVolume": {"box": [round(float(v), 3) for v in box]},
        "geometricError": error,
        "content": {"uri": uri},
    }


def _linear(colour: tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray((np.array(colour) / 255) ** 2.2)


def _walls(scene: Scene, rows: NDArray[np.int64], about: Frame, *, fine: bool) -> list[Patch]:
    """A patch for each colour of wall: two triangles an edge, the picture repeated bay by bay."""
    return [
        _facade(scene, rows[scene.colour[rows] == c], about, c, fine=fine)
        for c in range(len(WALLS))
        if (scene.colour[rows] == c).any()
    ]


def _facade(scene: Scene, rows: NDArray[np.int64], about: Frame, colour: int, *, fine: bool) -> Patch:
    corners, uv, shade = [], [], []
    for k in rows.tolist():
        for ring in shapely.get_rings(shapely.orient_polygons(scene.shapes[k])):
            at = shapely.get_coordinates(ring)
            a, b = at[:-1], at[1:]
            length = np.hypot(*(b - a).T)
            low, high = np.full(len(a), scene.foot[k]), np.full(len(a), scene.top[k])
            p, q = np.column_stack((a, low)), np.column_stack((b, low))
            r, s = np.column_stack((b, high)), np.column_stack((a, high))
            corners.append(np.stack((p, q, r, p, r, s), axis=1).reshape(-1, 3))
            wide, tall = np.maximum(np.round(length / BAY), 0.5), (high - low) / STOREY
            none = np.zeros(len(a))
            around = [(none, tall), (wide, tall), (wide, none), (none, tall), (wide, none), (none, none)]
            uv.append(np.stack([np.column_stack(each) for each in around], axis=1).reshape(-1, 2))
            out = np.column_stack(((b - a)[:, 1], -(b - a)[:, 0])) / np.maximum(length, 1e-9)[:, None]
            light = 0.62 + 0.38 * np.clip(out @ SUN, 0, 1)
            shade.append(np.repeat(light, 6))
    lit = np.concatenate(shade)[:, None] * (np.ones(3) if fine else _linear(WALLS[colour]))
    return glb.Patch(
        corners=about.of(np.concatenate(corners)),
        uv=np.concatenate(uv),
        shade=lit,
        picture=_facade_picture(WALLS[colour]) if fine else None,
    )


def _roofs(scene: Scene, rows: NDArray[np.int64] | None, about: Frame) -> Patch:
    chosen = range(len(scene.shapes)) if rows is None else rows.tolist()
    parts = [_flat(scene.shapes[k], scene.top[k]) for k in chosen]
    corners = np.concatenate(parts)
    # Roofs differ a little, as they do from the air.
    tone = np.concatenate(
        [np.full(len(part), 0.82 + 0.05 * (k % 5)) for k, part in zip(chosen, parts, strict=True)]
    )
    return glb.Patch(corners=about.of(corners), uv=corners[:, :2] / 4, shade=tone[:, None] * _linear(ROOF))


def _flat(shape: shapely.Polygon, z: float) -> NDArray[np.float64]:
    """(n, 3) triangles that fill an area at a height."""
    rings = [shapely.get_coordinates(ring)[:-1] for ring in shapely.get_rings(shapely.orient_polygons(shape))]
    at = np.concatenate(rings)
    ends = np.cumsum([len(ring) for ring in rings]).astype(np.uint32)
    index = mapbox_earcut.triangulate_float64(at, ends).reshape(-1, 3)
    a, b, c = (at[index[:, k]] for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    index[turn < 0] = index[turn < 0][:, ::-1]
    return np.column_stack((at[index.reshape(-1)], np.full(index.size, z)))


def _ground(scene: Scene, area: shapely.Geometry, ground: Ground, about: Frame, *, fine: bool) -> Patch:
    """The ground of an area in cells of some metres, cut at its edge, with the picture of the yards on it."""
    west, south, east, north = area.bounds
    step = CELL if fine else 4 * CELL
    x, y = np.meshgrid(np.arange(west, east, step), np.arange(south, north, step))
    cells = shapely.intersection(shapely.box(x, y, x + step, y + step).ravel(), area)
    pieces = shapely.get_parts(cells[shapely.area(cells) > 0.05])
    pieces = pieces[shapely.get_type_id(pieces) == 3]
    flat = np.concatenate([_flat(piece, 0.0) for piece in pieces])
    # A hand above the terrain: a mesh lies on nothing, and must not fight with what lies below it.
    flat[:, 2] = ground.at(flat[:, :2]) + 0.15
    uv = (flat[:, :2] - [west, south]) / [east - west, north - south]
    uv[:, 1] = 1 - uv[:, 1]
    shade = np.ones((len(flat), 3)) if fine else np.tile(_linear((150, 152, 140)), (len(flat), 1))
    return glb.Patch(
        corners=about.of(flat), uv=uv, shade=shade, picture=_yards(scene, area.bounds) if fine else None
    )


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _facade_picture(wall: tuple[int, int, int]) -> bytes:
    """One storey of one bay: a window with its frame, a sill, a drain pipe now and then in the repeat."""
    picture = Image.new("RGB", (64, 56), wall)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 52, 63, 55), fill=tuple(int(v * 0.88) for v in wall))
    draw.rectangle((14, 12, 49, 40), fill=(236, 236, 232))
    draw.rectangle((17, 15, 46, 37), fill=(74, 92, 108))
    draw.rectangle((31, 15, 32, 37), fill=(230, 230, 226))
    draw.polygon(((18, 36), (30, 16), (30, 24), (24, 36)), fill=(120, 140, 156))
    draw.rectangle((12, 41, 51, 43), fill=tuple(int(v * 0.8) for v in wall))
    return _jpeg(picture, 85)


def _yards(scene: Scene, bounds: tuple[float, ...]) -> bytes:
    """Street, pavement, paths and lawns of a rectangle from above, with the houses' shadows."""
    west, south, east, north = bounds
    size = (int((east - west) / PIXEL), int((north - south) / PIXEL))
    picture = Image.new("RGB", size, (112, 114, 118))
    draw = ImageDraw.Draw(picture)
    _painted(draw, shapely.buffer(scene.land, 6), (158, 156, 150), bounds)
    _painted(draw, shapely.buffer(scene.land, -4), (116, 140, 92), bounds)
    rows = shapely.union_all(shapely.buffer(scene.shapes, 5.0, join_style="mitre"))
    _painted(draw, rows.intersection(scene.land), (170, 166, 156), bounds)
    _painted(draw, shapely.buffer(rows, -2.2), (122, 146, 98), bounds)
    for shape, top, foot in zip(scene.shapes, scene.top, scene.foot, strict=True):
        far = np.array([0.25, 0.6]) * (top - foot)
        shadow = shapely.convex_hull(
            shapely.union_all([shape, shapely.transform(shape, lambda at, far=far: at + far)])
        )
        _painted(draw, shadow, (84, 94, 84), bounds)
    noise = np.random.default_rng(31).normal(0, 7, (size[1], size[0], 1))
    rough = np.clip(np.asarray(picture.filter(ImageFilter.GaussianBlur(0.6)), np.float64) + noise, 0, 255)
    return _jpeg(Image.fromarray(rough.astype(np.uint8)), 78)


def _painted(
    draw: ImageDraw.ImageDraw, area: shapely.Geometry, colour: tuple[int, int, int], bounds: tuple[float, ...]
) -> None:
    west, _, _, north = bounds
    for part in shapely.get_parts(area):
        if part.geom_type == "Polygon" and not part.is_empty:
            at = (shapely.get_coordinates(part.exterior) - [west, north]) * [1 / PIXEL, -1 / PIXEL]
            draw.polygon([tuple(point) for point in at.tolist()], fill=colour)
