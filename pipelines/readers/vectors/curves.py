"""WKB with arcs in it as WKB without: circular strings, compound curves, curve polygons and what holds them.

An arc becomes chords of at most one degree, which lie within 4e-5 of its radius: 4 mm at 100 m.

See: ISO 19125-1 / OGC 06-103r4 clause 8, ISO/IEC 13249-3 (SQL/MM) for the curved types.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

STEP: Final = math.radians(1.0)
CURVED: Final = (8, 9, 10, 11, 12)
"""CircularString, CompoundCurve, CurvePolygon, MultiCurve, MultiSurface."""
DEPTH: Final = 8
MULTI: Final = {
    "Point": shapely.MultiPoint,
    "LineString": shapely.MultiLineString,
    "Polygon": shapely.MultiPolygon,
}


def straightened(blobs: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of WKB in which curved geometries are stroked; what cannot be read stays as it is."""
    return pa.chunked_array([_chunk(chunk) for chunk in blobs.chunks], blobs.type)


def _chunk(chunk: pa.Array) -> pa.Array:
    found = chunk.to_pylist()
    curved = [n for n, blob in enumerate(found) if blob is not None and _code(blob) in CURVED]
    if not curved:
        return chunk
    for n in curved:
        try:
            found[n] = shapely.to_wkb(stroked(found[n]), flavor="iso")
        except (struct.error, ValueError, shapely.errors.GEOSException):
            continue  # refused later as a geometry that cannot be read
    return pa.array(found, chunk.type)


def _code(blob: bytes) -> int:
    """The type without dimensions; 0 where there is none."""
    if len(blob) < 5:
        return 0
    return int.from_bytes(blob[1:5], "little" if blob[0] else "big") % (1 << 28) % 1000


@dataclass
class Reading:
    """A place in a blob."""

    blob: bytes
    at: int = 0

    def take(self, layout: str) -> tuple[int, ...]:
        """The next values."""
        values = struct.unpack_from(layout, self.blob, self.at)
        self.at += struct.calcsize(layout)
        return values

    def places(self, order: str, size: int) -> NDArray[np.float64]:
        """The next counted positions, (n, size)."""
        (count,) = self.take(f"{order}I")
        if self.at + count * size * 8 > len(self.blob):
            raise ValueError("more positions announced than there are bytes")
        found = np.frombuffer(self.blob, f"{order}f8", count * size, self.at).reshape(count, size)
        self.at += count * size * 8
        return found.astype(np.float64)


def stroked(blob: bytes) -> shapely.Geometry:
    """The geometry of a WKB, its arcs as chords; M is left out.

    Raises:
        ValueError, struct.error: it is cut off or of a type that no curve consists of.
    """
    return _geometry(Reading(blob), 0)


def _geometry(reading: Reading, depth: int) -> shapely.Geometry:
    if depth > DEPTH:
        raise ValueError(f"nested more than {DEPTH} deep")
    order = "<" if reading.take("B")[0] else ">"
    (code,) = reading.take(f"{order}I")
    flags, plain = code >> 29, code % (1 << 28)
    has_z, has_m = plain // 1000 in (1, 3) or bool(flags & 4), plain // 1000 in (2, 3) or bool(flags & 2)
    size = 2 + has_z + has_m
    keep = 3 if has_z else 2
    kind = plain % 1000
    if kind == 1:
        return shapely.Point(np.array(reading.take(f"{order}{size}d"))[:keep])
    if kind in (2, 8):
        places = reading.places(order, size)[:, :keep]
        return shapely.LineString(places if kind == 2 else arcs(places))
    (count,) = reading.take(f"{order}I")
    if count > len(reading.blob):
        raise ValueError("more parts announced than there are bytes")
    if kind == 3:
        rings = [reading.places(order, size)[:, :keep] for _ in range(count)]
        return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
    return _joined(kind, [_geometry(reading, depth + 1) for _ in range(count)])


def _joined(kind: int, parts: list[shapely.Geometry]) -> shapely.Geometry:
    if kind == 9:
        runs = [np.array(p.coords) for p in parts]
        return shapely.LineString(np.concatenate([runs[0], *(r[1:] for r in runs[1:])]))
    if kind == 10:
        rings = [np.array(p.coords) for p in parts]
        return shapely.Polygon(rings[0], rings[1:])
    kinds = {p.geom_type for p in parts}
    only = kinds.pop() if len(kinds) == 1 else ""
    return MULTI[only](parts) if only in MULTI else shapely.GeometryCollection(parts)


def arcs(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, 2 or 3) the chords of (n, 2 or 3) start, middle, end, middle, end …; three on a line stay a line.

    A start that is the end again is a whole circle, whose middle lies opposite.

    Raises:
        ValueError: an even number of positions.
    """
    if len(places) < 3 or len(places) % 2 == 0:
        raise ValueError(f"{len(places)} positions do not make arcs")
    runs = [arc(*places[n : n + 3]) for n in range(0, len(places) - 2, 2)]
    return np.concatenate([runs[0], *(r[1:] for r in runs[1:])])


def arc(
    start: NDArray[np.float64], middle: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, 2 or 3) the chords of one arc; z runs evenly."""
    a, b, c = (complex(*p[:2]) for p in (start, middle, end))
    if a == c:
        centre, turn = (a + b) / 2, math.tau
    else:
        side = (b - a).real * (c - a).imag - (b - a).imag * (c - a).real
        if abs(side) <= 1e-12 * abs(b - a) * abs(c - a):
            return np.stack([start, middle, end])
        u, v = b - a, c - a
        centre = a - 1j * (v * abs(u) ** 2 - u * abs(v) ** 2) / (2 * side)
        angle = math.remainder(_phase(c - centre) - _phase(a - centre), math.tau)
        turn = angle % math.tau if side > 0 else -(-angle % math.tau)
    share = np.linspace(0, 1, max(2, math.ceil(abs(turn) / STEP)) + 1)
    run = centre + (a - centre) * np.exp(1j * turn * share)
    out = start + share[:, None] * (end - start)
    out[:, 0], out[:, 1] = run.real, run.imag
    out[0], out[-1] = start, end
    return out


def _phase(value: complex) -> float:
    return math.atan2(value.imag, value.real)
