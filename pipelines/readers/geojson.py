"""GeoJSON (RFC 7946) and GeoJSON text sequences (RFC 8142), read by ourselves.

GDAL reads a row with NaN, closes open rings and drops what it does not like; here a fault is found where
it lies. Two passes over the file: the first finds features, faults and types, the second builds rows.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyproj
from numpy.typing import NDArray

from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.stated import crs_of
from pipelines.readers.vectors import geojson_rows as rows
from pipelines.readers.vectors import json_scan
from twin import space
from twin.errors import TooLarge, UnknownCRS, UnreadableFile, UnsafeContent
from twin.table import Batch

VERTICES: Final = 1_000_000
ROWS: Final = 20_000
BOM: Final = b"\xef\xbb\xbf"
RECORD: Final = b"\x1e"
LONE: Final = 64 << 20
"""Largest text that is not an array of features."""
GEOMETRIES: Final = (*rows.POSITIONS, "GeometryCollection")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file's text and where its features lie in it."""

    name: str
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    depths: NDArray[np.int32]
    head: dict[str, Any]
    """The root's members other than the features."""

    def text(self, i: int) -> bytes:
        """The text of a feature."""
        return bytes(self.data[self.starts[i] : self.ends[i]])


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The features as one part.

    Raises:
        UnreadableFile: truncated or no GeoJSON; names the byte. TooLarge: a geometry beyond the limit.
        UnsafeContent: something else in disguise. UnknownCRS: a `crs` member that PROJ does not know.
    """
    for path in paths:
        source = _sequence(path) if _is_sequence(path) else _collection(path)
        stated = stated_crs(source.head.get("crs"))
        crs, notes = crs_of(path.name, stated, options, standard="OGC:CRS84")
        types, ids = _first_pass(source)
        shape = rows.Shape(types=types, ids=ids, crs=crs)
        yield Part(
            batches=_batches(source, shape),
            rows=len(source.starts),
            vertical=space.vertical_of(crs),
            notes=notes,
        )


def stated_crs(member: Any) -> pyproj.CRS | None:
    """The CRS of a `crs` member (GeoJSON 2008); None without one.

    Raises:
        UnknownCRS: PROJ does not know it, or it is a link.
    """
    if member is None:
        return None
    properties = member.get("properties") if isinstance(member, dict) else None
    if not isinstance(properties, dict):
        raise UnknownCRS("the crs member names nothing; leave it out for CRS84, or name one with --crs")
    if member.get("type") == "link" or "href" in properties:
        raise UnknownCRS("the crs member is a link, which is not followed; name the CRS with --crs")
    return space.crs(str(properties.get("name")))


def _mapped(path: Path) -> NDArray[np.uint8]:
    """The file's bytes, unread until they are touched, past a byte order mark."""
    if path.stat().st_size == 0:
        raise UnreadableFile(f"{path.name} is empty")
    with path.open("rb") as file:
        data = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    return data[len(BOM) :] if bytes(data[:3]) == BOM else data


def _collection(path: Path) -> Source:
    data = _mapped(path)
    _plausible(path, bytes(data[:4096]))
    found = json_scan.members(data, path.name, limit=VERTICES)
    start, end = found.array
    if end == 0:
        return _lone(path, data)
    head = rows.parsed(bytes(data[: start + 1]) + bytes(data[end:]), path.name, 0)
    if head.get("type") != "FeatureCollection":
        raise UnreadableFile(
            f"{path.name}: its type is {str(head.get('type'))[:50]!r}, not FeatureCollection"
        )
    _separated(path, data, found)
    return Source(
        name=path.name, data=data, starts=found.starts, ends=found.ends, depths=found.depths, head=head
    )


def _plausible(path: Path, start: bytes) -> None:
    first = start.lstrip(json_scan.SPACE)[:1]
    if first == b"<":
        raise UnsafeContent(f"{path.name} holds XML, not GeoJSON; nothing in it was opened")
    if first != b"{":
        raise UnreadableFile(f"{path.name} does not begin as JSON does, with an object")


def _separated(path: Path, data: NDArray[np.uint8], found: json_scan.Members) -> None:
    """Between two features there is a comma, and nothing else."""
    edges = zip(
        [found.array[0] + 1, *found.ends.tolist()], [*found.starts.tolist(), found.array[1]], strict=True
    )
    last = len(found.starts)
    for i, (start, end) in enumerate(edges):
        wanted = b"," if 0 < i < last else b""
        if bytes(data[start:end]).strip(json_scan.SPACE) != wanted:
            raise UnreadableFile(f"{path.name}: not JSON at byte {start}")


def _lone(path: Path, data: NDArray[np.uint8]) -> Source:
    """A file that is one feature or one geometry."""
    if len(data) > LONE:
        raise TooLarge(f"{path.name}: one object of {len(data)} bytes; the limit is {LONE}")
    found = json_scan.marks(data, path.name)
    depth, brackets = int(found.depth.max(initial=0)), int(found.opens.sum())
    if brackets > VERTICES:
        raise TooLarge(f"{path.name}: about {brackets} vertices; the limit is {VERTICES}")
    root = {} if depth > rows.DEPTH else rows.parsed(bytes(data), path.name, 0)
    kind = root.get("type", "Feature")
    if kind in GEOMETRIES:
        text = b'{"type":"Feature","properties":{},"geometry":' + bytes(data) + b"}"
        data = np.frombuffer(text, np.uint8)
    elif kind != "Feature":
        raise UnreadableFile(f"{path.name}: its type is {str(kind)[:50]!r}, which is not of GeoJSON")
    return Source(
        name=path.name, data=data, starts=np.array([0]), ends=np.array([len(data)]),
        depths=np.array([depth], np.int32), head=root if kind == "Feature" else {},
    )  # fmt: skip


def _is_sequence(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(BOM).lstrip(json_scan.SPACE)
    return path.name.lower().endswith(SEQUENCES) or start.startswith(RECORD)


def _sequence(path: Path) -> Source:
    """Features one a line, or one after each record separator."""
    data = _mapped(path)
    _plausible(path, bytes(data[:4096]).lstrip(RECORD))
    found = json_scan.marks(data, path.name)
    begins, closes = np.flatnonzero(found.opens & (found.depth == 1)), np.flatnonzero(found.depth == 0)
    brackets = np.add.reduceat(found.opens, begins)
    if brackets.max() > VERTICES:
        raise TooLarge(
            f"{path.name}: feature {int(np.argmax(brackets))}: more than {VERTICES} vertices, the limit"
        )
    return Source(
        name=path.name, data=data, starts=found.at[begins], ends=found.at[closes] + 1,
        depths=np.maximum.reduceat(found.depth, begins), head={},
    )  # fmt: skip


def _first_pass(source: Source) -> tuple[dict[str, Any], bool]:
    """Types of the properties, and whether features have ids; finds text that is no JSON before any row goes on."""
    types: dict[str, Any] = {}
    ids = False
    for start in range(0, len(source.starts), ROWS):
        features = [f for _, _, f in _features(source, start)]
        types = rows.widen(types, features)
        ids = ids or any(f.get("id") is not None for f in features)
    return types, ids


def _features(source: Source, start: int) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    some = slice(start, start + ROWS)
    view = memoryview(source.data)
    edges = zip(source.starts[some].tolist(), source.ends[some].tolist(), strict=True)
    shallow = (source.depths[some] <= rows.DEPTH).tolist()
    for i, (first, end) in enumerate(edges):
        if shallow[i]:
            text = bytes(view[first:end])
            yield start + i, text, rows.parsed(text, source.name, first)


def _batches(source: Source, shape: rows.Shape) -> Iterator[Batch]:
    for start in range(0, max(len(source.starts), 1), ROWS):
        found = list(_features(source, start))
        numbers = np.array([i for i, _, _ in found], np.int64)
        one = rows.batch([t for _, t, _ in found], [f for _, _, f in found], numbers, shape)
        deep = np.flatnonzero(source.depths[start : start + ROWS] > rows.DEPTH) + start
        why = f"geometry: depth; its JSON nests more than {rows.DEPTH} levels"
        yield rows.joined(one, [rows.refused(int(i), why, source.text(int(i))[:2000]) for i in deep])


def claims(path: Path) -> bool:
    """Whether a `.json` is GeoJSON."""
    with path.open("rb") as file:
        start = file.read(65_536)
    return b'"FeatureCollection"' in start or b'"Feature"' in start


SEQUENCES: Final = (".geojsonl", ".geojsons", ".geojsonseq", ".ndjson", ".jsonl")
READER = Reader(
    name="geojson", title="GeoJSON", suffixes=(".geojson", ".json", *SEQUENCES), read=read, claims=claims
)
