"""A tileset looked over before it is taken in: every tile, every tileset below, every content's header.

Nothing is changed. What could reach outside, run in a circle or break a client refuses the whole tileset, with the
tile's place; what is only odd (files that are not there, contents outside of their volumes) is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import numpy as np
import orjson
import pyproj
from numpy.typing import NDArray

from pipelines.bundle import Bundle, plain
from tiles import contents, subtree, volume
from tiles.volume import Volume
from twin.errors import ForbiddenReference, TileNotFound, TooLarge, UnreadableFile

Floats = NDArray[np.float64]
DEEPEST: Final = 128
"""Most tiles from the root of all to a leaf, tilesets below counted in."""
TILES: Final = 20_000_000
SHOWN: Final = 5
"""Examples named in a note."""
SLACK: Final = 0.02
"""The share of its radius by which a content may reach out of its volume: rounding of float32 and of quantisation."""
TURN: Final = np.array([np.pi / 180, np.pi / 180, 1.0])
GEOCENTRIC: Final = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)


@dataclass
class Seen:
    """What was found on the way."""

    bundle: Bundle
    tiles: int = 0
    contents: int = 0
    measured: int = 0
    points: int = 0
    forms: set[str] = field(default_factory=set)
    absent: int = 0
    missing: list[str] = field(default_factory=list)
    """Some of the files that are named and not there."""
    outside: list[str] = field(default_factory=list)
    """Tiles whose content lies outside of their volume."""
    wrong: int = 0
    low: Floats = field(default_factory=lambda: np.full(3, np.inf))
    high: Floats = field(default_factory=lambda: np.full(3, -np.inf))
    """Of all that was measured, in the root's frame."""
    visited: set[str] = field(default_factory=set)

    def named(self, name: str, where: str) -> None:
        """Remember a file that something refers to."""
        if self.bundle.has(name):
            self.visited.add(name)
        else:
            self.lacks(name, where)

    def lacks(self, name: str, where: str) -> None:
        """Remember a file that is not there."""
        self.absent += 1
        if len(self.missing) < SHOWN:
            self.missing.append(f"{name[:150]} ({where[:100]})")

    def notes(self) -> Iterator[str]:
        """What the report says."""
        yield f"{self.tiles:,} tiles with {self.contents:,} contents ({', '.join(sorted(self.forms)) or 'none'})"
        if self.absent:
            yield f"WARNING: {self.absent:,} files that the tileset names are not in it: {'; '.join(self.missing)}"
        if self.wrong:
            few = "; ".join(self.outside)
            yield (
                f"WARNING: {self.wrong:,} of {self.measured:,} contents lie outside of their bounding volume, so that "
                f"clients may not show them: {few}"
            )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A tile on the way down."""

    tile: dict[str, Any]
    where: str
    file: str
    matrix: Floats
    depth: int
    chain: tuple[str, ...]
    """The tilesets that lead here."""
    up: str


def walk(bundle: Bundle, entry: str) -> tuple[dict[str, Any], Seen]:
    """The root tileset's JSON, and what is below it.

    Raises:
        UnreadableFile: a tileset, subtree or content is broken; names the tile.
        ForbiddenReference: a URI leads out of the tileset.
        TooLarge: deeper or larger than the limits.
    """
    seen = Seen(bundle)
    said = tileset(bundle, entry)
    up = str(said["asset"].get("gltfUpAxis", "Y")).upper()
    seen.visited.add(entry)
    _schema(seen, said, entry)
    waiting = [
        _Place(
            tile=said["root"],
            where=f"{entry} root",
            file=entry,
            matrix=np.eye(4),
            depth=1,
            chain=(entry,),
            up=up,
        )
    ]
    while waiting:
        waiting.extend(_look(seen, waiting.pop()))
    return said, seen


def tileset(bundle: Bundle, name: str) -> dict[str, Any]:
    """A tileset JSON.

    Raises:
        UnreadableFile: it is none.
    """
    said = _json(plain(bundle.read(name), name), name)
    if (
        not isinstance(said, dict)
        or not isinstance(said.get("asset"), dict)
        or not isinstance(said.get("root"), dict)
    ):
        raise UnreadableFile(f"{name} is no 3D Tiles tileset: it needs asset, geometricError and root")
    version = said["asset"].get("version")
    if version not in ("0.0", "1.0", "1.1"):
        raise UnreadableFile(f"{name}: asset.version is {version!r}; there are 1.0 and 1.1")
    _error(said, name)
    return said


def _json(data: bytes, name: str) -> Any:
    try:
        return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(f"{name} is no JSON that can be read: {error}") from error


def _error(said: dict[str, Any], where: str) -> None:
    found = said.get("geometricError")
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < float("inf"):
        raise UnreadableFile(f"{where}: geometricError is {found!r}; it must be a number of metres from 0 up")


def _look(seen: Seen, place: _Place) -> Iterator[_Place]:
    """Check one tile; what is below it."""
    seen.tiles += 1
    if place.depth > DEEPEST:
        raise TooLarge(f"{place.where[:300]}: more than {DEEPEST} tiles deep")
    if seen.tiles > TILES:
        raise TooLarge(f"{place.file}: more than {TILES:,} tiles")
    tile = place.tile
    if not isinstance(tile, dict):
        raise UnreadableFile(f"{place.where[:300]} is no tile")
    _error(tile, place.where[:300])
    matrix = place.matrix @ transform(tile, place.where)
    bound = volume.read(tile.get("boundingVolume"), place.where)
    implicit = tile.get("implicitTiling") or tile.get("extensions", {}).get("3DTILES_implicit_tiling")
    if implicit:
        _implicit(seen, place, implicit, bound, matrix)
    else:
        for uri in uris(tile, place.where):
            yield from _content(seen, place, uri, bound, matrix)
    children = tile.get("children", [])
    if not isinstance(children, list):
        raise UnreadableFile(f"{place.where[:300]}: its children are no list")
    for number, child in enumerate(children):
        yield _Place(
            tile=child, where=f"{place.where}/{number}", file=place.file, matrix=matrix, depth=place.depth + 1,
            chain=place.chain, up=place.up,
        )  # fmt: skip


def transform(tile: dict[str, Any], where: str) -> Floats:
    """A tile's own 4 x 4 matrix."""
    said = tile.get("transform")
    if said is None:
        return np.eye(4)
    try:
        found = np.array(said, np.float64).reshape(4, 4).T
    except (ValueError, TypeError) as error:
        raise UnreadableFile(f"{where[:300]}: its transform is no list of 16 numbers") from error
    if not np.isfinite(found).all():
        raise UnreadableFile(f"{where[:300]}: its transform is no list of 16 finite numbers")
    return found


def uris(tile: dict[str, Any], where: str) -> list[str]:
    """What a tile holds: `content`, `contents`, and how 1.0 and its extension wrote them."""
    multiple = tile.get("extensions", {}).get("3DTILES_multiple_contents", {})
    listed = [tile.get("content"), *(tile.get("contents") or ())]
    listed += multiple.get("contents") or multiple.get("content") or []
    found = []
    for one in listed:
        if one is None:
            continue
        uri = one.get("uri", one.get("url")) if isinstance(one, dict) else None
        if not isinstance(uri, str) or not uri:
            raise UnreadableFile(f"{where[:300]}: a content without a uri")
        found.append(uri)
    return found


def resolved(uri: str, file: str, where: str) -> str:
    """The name in the tileset that a URI in one of its files means.

    Raises:
        ForbiddenReference: it leads out of the tileset.
    """
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme or parts.netloc or path.startswith(("/", "\\")) or "\\" in path or "\0" in path:
        raise ForbiddenReference(
            f"{where[:300]}: {uri[:200]!r} is no relative URI; a tileset may name its own files only"
        )
    steps = file.split("/")[:-1]
    for step in path.split("/"):
        if step == "..":
            if not steps:
                raise ForbiddenReference(f"{where[:300]}: {uri[:200]!r} leads out of the tileset")
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


def _content(seen: Seen, place: _Place, uri: str, bound: Volume | None, matrix: Floats) -> Iterator[_Place]:
    """Check a tile's content; the root below it where it is a tileset."""
    name = resolved(uri, place.file, place.where)
    if name in place.chain:
        raise UnreadableFile(f"{place.where[:300]}: a cycle: {' > '.join((*place.chain, name))[:500]}")
    first = name not in seen.visited
    try:
        data = plain(seen.bundle.read(name), name)
    except TileNotFound:
        seen.lacks(name, place.where)
        return
    seen.visited.add(name)
    found = contents.read(data, name, up=place.up)
    if found.form == "json":
        if not first:
            return  # looked over where it first came; its tiles are the same
        said = tileset(seen.bundle, name)
        _schema(seen, said, name)
        yield _Place(
            tile=said["root"], where=f"{name} root", file=name, matrix=matrix, depth=place.depth + 1,
            chain=(*place.chain, name), up=place.up,
        )  # fmt: skip
        return
    seen.contents += 1
    if first:
        seen.forms.add(found.form)
        seen.points += found.points
    for reference in found.uris:
        seen.named(resolved(reference, name, name), name)
    if found.corners is not None and bound is not None:
        _measure(seen, place.where, name, bound, matrix, found.corners)


def _measure(seen: Seen, where: str, name: str, bound: Volume, matrix: Floats, corners: Floats) -> None:
    """Hold a content against its tile's volume."""
    placed = corners @ matrix[:3, :3].T + matrix[:3, 3]
    seen.measured += 1
    seen.low, seen.high = np.minimum(seen.low, placed.min(axis=0)), np.maximum(seen.high, placed.max(axis=0))
    region = bound.form == "region"
    by = volume.beyond(bound, placed if region else corners, geodetic(placed) * TURN if region else None)
    if by > SLACK * bound.radius + 0.01:
        seen.wrong += 1
        if len(seen.outside) < SHOWN:
            seen.outside.append(f"{where[:100]} ({name[:100]}) by {by:,.1f} m")


def geodetic(places: Floats) -> Floats:
    """(n, 3) longitude and latitude in degrees, metres above the ellipsoid, of (n, 3) earth-centred places."""
    return np.column_stack(GEOCENTRIC.transform(places[:, 0], places[:, 1], places[:, 2]))


def _schema(seen: Seen, said: dict[str, Any], name: str) -> None:
    uri = said.get("schemaUri") or said.get("extensions", {}).get("3DTILES_metadata", {}).get("schemaUri")
    if uri is not None:
        seen.named(resolved(str(uri), name, f"{name} schemaUri"), f"{name} schemaUri")


@dataclass(frozen=True, kw_only=True)
class _Implicit:
    """An implicit tileset while its subtrees are read."""

    place: _Place
    bound: Volume
    matrix: Floats
    branches: int
    levels: int
    available: int
    subtrees: str
    contents: tuple[str, ...]


def _implicit(seen: Seen, place: _Place, said: dict[str, Any], bound: Volume, matrix: Floats) -> None:
    """Look over all subtrees and contents of an implicit tileset (1.1, chapter 8)."""
    scheme = said.get("subdivisionScheme")
    available: Any = said.get("availableLevels", said.get("maximumLevel", -1) + 1)
    levels: Any = said.get("subtreeLevels")
    template: Any = (said.get("subtrees") or {}).get("uri")
    sane = isinstance(levels, int) and isinstance(available, int) and isinstance(template, str)
    if (
        scheme not in ("QUADTREE", "OCTREE")
        or not sane
        or not 0 < levels <= subtree.LEVELS
        or not 0 < available <= 64
    ):
        raise UnreadableFile(
            f"{place.where[:300]}: implicitTiling needs QUADTREE or OCTREE, subtreeLevels (to {subtree.LEVELS}), "
            "availableLevels (to 64) and subtrees.uri"
        )
    if bound.form == "sphere":
        raise UnreadableFile(f"{place.where[:300]}: implicit tiles divide a box or a region, not a sphere")
    whole = _Implicit(
        place=place, bound=bound, matrix=matrix, branches=4 if scheme == "QUADTREE" else 8, levels=levels,
        available=available, subtrees=template, contents=tuple(uris(place.tile, place.where)),
    )  # fmt: skip
    waiting: list[tuple[int, tuple[int, ...]]] = [(0, (0, 0) if whole.branches == 4 else (0, 0, 0))]
    while waiting:
        waiting.extend(_subtree(seen, whole, *waiting.pop()))


def filled(template: str, level: int, at: tuple[int, ...]) -> str:
    """A template URI with a tile's address in it (1.1, 8.7)."""
    for name, value in zip(("level", "x", "y", "z"), (level, *at), strict=False):
        template = template.replace(f"{{{name}}}", str(value))
    return template


def _subtree(
    seen: Seen, whole: _Implicit, level: int, at: tuple[int, ...]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    place = whole.place
    name = resolved(filled(whole.subtrees, level, at), place.file, place.where)
    try:
        data = plain(seen.bundle.read(name), name)
    except TileNotFound:
        seen.lacks(name, place.where)
        return
    seen.visited.add(name)

    def beside(uri: str) -> bytes:
        buffer = resolved(uri, name, name)
        seen.named(buffer, name)
        return plain(seen.bundle.read(buffer), name)

    try:
        found = subtree.read(data, name, levels=whole.levels, branches=whole.branches, external=beside)
    except TileNotFound as error:
        raise UnreadableFile(f"{name}: {error}") from error
    start = 0
    for depth in range(whole.levels):
        count = whole.branches**depth
        there = found.tiles[start : start + count]
        if there.any() and level + depth < whole.available:
            seen.tiles += int(there.sum())
            _contents(seen, whole, found, (start, count), depth, (level, at))
        start += count
    if seen.tiles > TILES:
        raise TooLarge(f"{place.file}: more than {TILES:,} tiles")
    if level + whole.levels < whole.available:
        below = subtree.places(whole.levels, whole.branches)
        for index in np.flatnonzero(found.subtrees).tolist():
            yield level + whole.levels, _deeper(at, below[index].tolist(), whole.levels)


def _deeper(at: tuple[int, ...], inside: list[int], levels: int) -> tuple[int, ...]:
    return tuple((a << levels) + i for a, i in zip(at, inside, strict=True))


def _contents(
    seen: Seen, whole: _Implicit, found: subtree.Subtree, span: tuple[int, int], depth: int,
    root: tuple[int, tuple[int, ...]],
) -> None:  # fmt: skip
    """The contents of one level of a subtree."""
    start, count = span
    places = subtree.places(depth, whole.branches)
    for template, available in zip(whole.contents, found.contents, strict=False):
        for index in np.flatnonzero(available[start : start + count]).tolist():
            at = _deeper(root[1], places[index].tolist(), depth)
            level = root[0] + depth
            bound = volume.divided(whole.bound, level, at)
            tile = _Place(
                tile={}, where=f"{whole.place.where} {level}/{'/'.join(map(str, at))}", file=whole.place.file,
                matrix=whole.matrix, depth=whole.place.depth, chain=whole.place.chain, up=whole.place.up,
            )  # fmt: skip
            if any(_content(seen, tile, filled(template, level, at), bound, whole.matrix)):
                raise UnreadableFile(
                    f"{tile.where[:300]}: an implicit tile must not hold a tileset (1.1, 8.2)"
                )
