"""The drawn map, a PNG a tile: ground, surfaces, roads, buildings and names out of the twin's own layers."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipelines.bake import Source
from pipelines.drawing import labels, naming, streets
from pipelines.drawing import scene as scenes
from pipelines.drawing.canvas import Canvas, colour
from pipelines.drawing.frame import SIDE, Frame
from pipelines.drawing.naming import REACH, Courses, Speech
from pipelines.drawing.palette import DAY, NIGHT, ORDER, WET, Palette
from pipelines.drawing.relief import Relief, relief
from pipelines.drawing.scene import Moment, Scene, Shelf, Window
from pipelines.ground import Ground
from twin import stamps
from twin.errors import InvalidParameter
from twin.model import LayerState
from twin.moments import microseconds
from twin.policy import Policy
from twin.spread import NEVER

MEDIA_TYPE = "image/png"
REVISION = "m1"
"""Changes when the same layers would give another picture."""
LANGUAGES = ("zh", "en")
FIRST, LAST = 3, 21
"""Levels that are drawn; below, a county is some pixels large."""
CUT = 48
"""Pixels around a tile to which shapes are cut: more than half of the widest line."""
SMALLEST = 24
"""Pixels: a county that is smaller in the tile is not drawn, so that the base globe shows."""
CONTACT = 5.0
"""Metres (standard deviation) of the contact shadow around a building."""
DARK = 0.42
STEPS = 96
"""Steps of light and shadow."""
HOUSES = 14
"""The level from which on houses have a shadow; their outline comes with the next one."""
MARK = {"zh": "虚构数据", "en": "Invented data"}


@dataclass(frozen=True, kw_only=True)
class Style:
    """What somebody wants to see."""

    lang: str = "zh"
    dark: bool = False
    labels: bool = True

    def __post_init__(self) -> None:
        if self.lang not in LANGUAGES:
            raise InvalidParameter(f"lang={self.lang[:40]!r}: the map is drawn in {' and '.join(LANGUAGES)}")

    @property
    def palette(self) -> Palette:
        """Its colours."""
        return NIGHT if self.dark else DAY

    @property
    def key(self) -> str:
        """What tells it from others in a key."""
        return f"{self.lang}{'d' if self.dark else 'l'}{'n' if self.labels else '-'}"


def etag(
    source: Source,
    address: tuple[int, int, int],
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
    style: Style,
) -> str:
    """What names the tile's state: equal as long as nothing that it draws changes."""
    frame = Frame(z=address[0], x=address[1], y=address[2])
    box = frame.box(REACH if style.labels else CUT)
    states = scenes.layers(source.store, policy, frame.z)
    seen = [source.forest.view(s.layer.id, microseconds(at), microseconds(known)).stamp(box) for s in states]
    ground = _ground(source, at, known)
    said = repr(
        ([(s.layer.id, s.layer.kind, s.layer.columns, s.bbox) for s in states], style.key, policy.key)
    )
    recipe = f"{REVISION}.{zlib.crc32(said.encode()):08x}"
    return stamps.key(recipe, stamps.latest([*seen, ground.stamp(box, at, known)]))


def draw(
    source: Source,
    address: tuple[int, int, int],
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
    style: Style,
) -> bytes:
    """The picture of a tile (`twin.tiling.address`), PNG, SIDE x SIDE; transparent where there is nothing."""
    frame = Frame(z=address[0], x=address[1], y=address[2])
    if not FIRST <= frame.z <= LAST:
        return blank()
    moment = Moment(at=at, known=known, policy=policy)
    states = [s for s in scenes.layers(source.store, policy, frame.z) if _large(s, frame)]
    ground = _ground(source, at, known)
    read = SHELF.window(source.store, moment, lambda layer: _state(source, layer, moment))
    scene = scenes.gather(read, states, frame.box(CUT), frame.z)
    picture = painted(frame, scene, states, ground, style.palette)
    if picture is None:
        return blank()
    image = Image.fromarray(picture)
    if style.labels:
        _name(image, source, frame, states, read, moment, style)
    return _png(image)


def _large(state: LayerState, frame: Frame) -> bool:
    """Whether a layer is more than a spot at the level."""
    box = state.bbox
    if box is None:
        return False
    corners = frame.pixels(np.array([[box.west, box.south], [box.east, box.north]]))
    # A single place is a spot at every level.
    return state.count < 3 or float(np.abs(np.diff(corners, axis=0)).max()) >= SMALLEST


def painted(
    frame: Frame, scene: Scene, states: list[LayerState], ground: Ground, palette: Palette
) -> NDArray[np.uint8] | None:
    """(SIDE, SIDE, 4) uint8: everything but the names; None when nothing is there."""
    land = relief(ground, frame, palette)
    terrain = shapely.geometrycollections(
        [r.footprint or shapely.box(*r.bbox.astuple()) for r in ground.rasters]
    )
    canvas = Canvas(SIDE)
    pixels = canvas.pixels()
    pixels[:] = base(frame, states, land, terrain, palette)
    _surfaces(canvas, frame, scene, palette, wet=False)
    if land is not None:
        pixels[..., :3] = np.clip(pixels[..., :3] * land.light[..., None], 0, 255)
    # Water lies flat: light on it would only show the steps of the heights.
    _surfaces(canvas, frame, scene, palette, wet=True)
    houses = scenes.of(frame, scene.buildings, 3 * SIDE)
    if len(houses) and frame.z >= HOUSES:
        pixels[..., :3] = _shadowed(pixels[..., :3], houses, frame, palette)
    _lines(canvas, frame, scene, palette)
    _houses(canvas, frame, scene, palette)
    return pixels if pixels[..., 3].any() else None


def base(
    frame: Frame,
    states: list[LayerState],
    land: Relief | None,
    terrain: shapely.Geometry,
    palette: Palette,
) -> NDArray[np.uint8]:
    """(SIDE, SIDE, 4) uint8: the tinted ground where there is terrain, plain ground around layers without."""
    boxes = np.array([shapely.box(*box.astuple()) for box in scenes.extents(states)], object)
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[..., :3] = np.array(colour(palette.ground)[:3]) * 255
    pixels[..., 3] = _within(frame, boxes[~shapely.intersects(boxes, terrain)])
    if land is not None:
        pixels[..., :3] = land.tint
        over = land.cover * _within(frame, shapely.get_parts(terrain))
        pixels[..., 3] = np.maximum(pixels[..., 3], over)
    return pixels


def _within(frame: Frame, shapes: NDArray[np.object_]) -> NDArray[np.uint8]:
    """(SIDE, SIDE) uint8: 255 inside of the areas."""
    whole = shapely.box(*frame.box(1).astuple())
    if not len(shapes) or shapely.contains(shapes, whole).any():
        return np.full((SIDE, SIDE), 255 if len(shapes) else 0, np.uint8)
    mask = Canvas(SIDE)
    mask.fill(frame.placed(shapes, CUT), (0.0, 0.0, 0.0, 1.0))
    return mask.pixels()[..., 3]


def _surfaces(canvas: Canvas, frame: Frame, scene: Scene, palette: Palette, *, wet: bool) -> None:
    for name in (n for n in ORDER if (n in WET) == wet):
        shapes = scenes.of(frame, scene.surfaces.get(name, []), CUT)
        if len(shapes):
            canvas.fill(shapes, colour(palette.surfaces[name], 1.0 if name in WET else 0.86))
            if name in ("saltpan", "pond") and frame.z >= 13:
                canvas.stroke(shapes, colour(palette.ground, 0.8), 1.4 if frame.z < 16 else 2.4)
            if name in ("sea", "water") and frame.z >= 12:
                canvas.stroke(shapes, colour(palette.water_text, 0.28), 1.2)


def _shadowed(
    pixels: NDArray[np.uint8], houses: NDArray[np.object_], frame: Frame, palette: Palette
) -> NDArray[np.uint8]:
    """The ground darkened about the feet of buildings, as the light of the sky leaves it."""
    spread = min(CONTACT * frame.metre, 18.0)
    # The blur is as wide as several pixels: half the pixels are enough to compute it.
    half = 2 if spread > 4 else 1
    margin = (int(3 * spread) + 2) // 2 * 2
    mask = Canvas(SIDE, margin=margin)
    mask.fill(houses, (0.0, 0.0, 0.0, 1.0))
    whole = Image.fromarray(mask.pixels()[..., 3].copy()).reduce(half)
    soft = whole.filter(ImageFilter.GaussianBlur(spread / half)).resize((mask.side, mask.side))
    inner = np.asarray(soft)[margin:-margin, margin:-margin, None].astype(np.float32)
    # Few steps, so that the picture packs well; they are too small to be seen.
    alpha = np.rint(inner * np.float32(DARK / 255 * STEPS)) / np.float32(STEPS)
    dark = np.array(colour(palette.shadow)[:3], np.float32) * 255
    return (pixels * (1 - alpha) + dark * alpha).astype(np.uint8)


def _lines(canvas: Canvas, frame: Frame, scene: Scene, palette: Palette) -> None:
    quiet = scenes.of(frame, scene.others, CUT)
    if len(quiet):
        canvas.stroke(quiet, colour(palette.quiet, 0.45), 1.4)
    rows = {g: scene.roads[g] for g in scene.roads}
    high = {g: [r.where(scenes.bridges(r)) for r in found] for g, found in rows.items()}
    low = {g: [r.where(~scenes.bridges(r)) for r in found] for g, found in rows.items()}
    placed = [{g: scenes.of(frame, found, CUT) for g, found in part.items()} for part in (low, high)]
    streets.draw(canvas, palette, frame.z, *placed)
    borders = scenes.of(frame, scene.boundaries, CUT)
    if len(borders):
        # Neighbours share a border: drawn twice, its dashes would fill each other's gaps.
        lines = np.where(shapely.get_dimensions(borders) == 2, shapely.boundary(borders), borders)
        once = np.array([shapely.line_merge(shapely.union_all(lines))], object)
        paint = colour(palette.boundary, 0.75 if frame.z < 15 else 0.5)
        canvas.stroke(once, paint, 1.8, cap="butt", dashes=(10, 5, 3, 5))


def _houses(canvas: Canvas, frame: Frame, scene: Scene, palette: Palette) -> None:
    for rows in scene.buildings:
        open_ = scenes.public(rows)
        for part, paint in ((rows.where(~open_), palette.building), (rows.where(open_), palette.public)):
            shapes = frame.placed(part.shapes, CUT)
            canvas.fill(shapes, colour(paint))
            if frame.z > HOUSES:
                canvas.stroke(shapes, colour(palette.outline, 0.9), 0.9 if frame.z < 16 else 1.4)


def _name(
    image: Image.Image,
    source: Source,
    frame: Frame,
    states: list[LayerState],
    read: Window,
    moment: Moment,
    style: Style,
) -> None:
    speech = Speech(lang=style.lang, palette=style.palette)
    wide = frame.box(REACH)
    others = [s for s in states if s.layer.kind not in ("roads", "buildings") or frame.z >= 17]
    scene = scenes.gather(read, [s for s in others if s.layer.kind != "roads"], wide, frame.z)
    found = [
        *naming.best(naming.places(scene, frame, speech)),
        *naming.best(naming.waters(scene, frame, speech)),
        *naming.best(naming.houses(scene, frame, speech)),
    ]
    for state in states:
        if state.layer.kind == "roads":
            found += naming.best(
                naming.streets(_courses(source, state, moment, speech).near(frame), frame, speech)
            )
    if frame.z >= 12:
        found += _marks(frame, [s for s in states if s.layer.invented], style)
    labels.paint(image, labels.visible(labels.standing(found)), style.palette.halo)


def _marks(frame: Frame, states: list[LayerState], style: Style) -> list[labels.Name]:
    """A quiet "invented" in the middle of every fourth tile that invented layers reach."""
    columns, rows = ([k for k in range(at - 1, at + 2) if k % 2 == 0] for at in (frame.x, frame.y))
    return [
        labels.Name(
            name=f"{x} {y}",
            rank=1,
            size=19,
            ink=style.palette.quiet,
            pieces=(
                labels.Glyphs(
                    text=MARK[style.lang], x=(x - frame.x + 0.5) * SIDE, y=(y - frame.y + 0.5) * SIDE
                ),
            ),
        )
        for x in columns
        for y in rows
        if _reached(Frame(z=frame.z, x=x, y=y), states)
    ]


def _reached(frame: Frame, states: list[LayerState]) -> bool:
    box = frame.box()
    lon, lat = (box.west + box.east) / 2, (box.south + box.north) / 2
    boxes = [s.bbox for s in states if s.bbox]
    return any(b.west <= lon <= b.east and b.south <= lat <= b.north for b in boxes)


SHELF = Shelf()
COURSES: OrderedDict[tuple[object, ...], Courses] = OrderedDict()
LOCK = threading.Lock()


def _courses(source: Source, state: LayerState, moment: Moment, speech: Speech) -> Courses:
    """The named roads of a layer, joined once for each of its states."""
    stamp = _state(source, state.layer.id, moment)
    key = (id(source.store), state.layer.id, stamp, speech.lang, moment.policy.key)
    with LOCK:
        if key not in COURSES:
            COURSES[key] = naming.courses(scenes.read(source.store, state, None, moment), speech)
            while len(COURSES) > 8:
                COURSES.popitem(last=False)
        return COURSES[key]


def _ground(source: Source, at: datetime, known: datetime) -> Ground:
    """The ground with its rasters, which a picture needs."""
    ground = source.ground(at, known)
    if not isinstance(ground, Ground):
        raise TypeError("the map is drawn on a pipelines.ground.Ground")
    return ground


def _state(source: Source, layer: str, moment: Moment) -> tuple[int, int]:
    """The stamps of a whole layer at a moment."""
    view = source.forest.view(layer, microseconds(moment.at), microseconds(moment.known))
    return int(view.valid.max(initial=NEVER)), int(view.recorded.max(initial=NEVER))


def blank() -> bytes:
    """A tile without anything."""
    return _png(Image.new("LA", (SIDE, SIDE), (0, 0)))


def _png(image: Image.Image) -> bytes:
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    out = BytesIO()
    image.save(out, "PNG", compress_level=4)
    return out.getvalue()
