"""Mapbox Vector Tiles 2.1: features of one layer as protobuf, encoded by columns.

A tile is made of integers on a grid of 4096 x 4096. Rings that the grid makes degenerate are dropped,
exterior rings run clockwise as seen on the screen (y down; spec 4.3.4.4), and cursor moves are deltas
in zig-zag code.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from tiles import mvt_rings, ragged
from tiles.mvt_rings import BUFFER, EXTENT, LINE, POINT, POLYGON, SMALLEST, Rings, points
from tiles.ragged import Ragged

__all__ = ["BUFFER", "EXTENT", "cut", "encode", "grid", "large", "snapped", "straightened"]
MEDIA_TYPE: Final = "application/vnd.mapbox-vector-tile"
MOVE, DRAW, CLOSE = 1, 2, 7
SINGLE: Final = 3
"""The last of shapely's types that are not made of others."""
SHORT: Final = 1 << 14
"""Lengths below it take up to two bytes."""
TOLERANCE: Final = 1.0
"""Grid units by which a line may be straightened."""


def encode(
    name: str, geometries: NDArray[np.object_], properties: pa.Table, rings: Rings | None = None
) -> bytes:
    """A tile of one layer.

    Args:
        name: of the layer.
        geometries: (n,) shapely, in grid units across and down (`grid`); single or multi, of any kind.
        properties: n rows; text, numbers and truth values go in, null stays out.
        rings: polygons of rows that have no geometry, as `tiles.mvt_rings.plain` gives them.

    Returns:
        The tile; no bytes where nothing is left to draw.
    """
    parts, owner = _parts(geometries)
    found = [_features(parts, owner, kind) for kind in (POINT, LINE, POLYGON)]
    found.append((np.empty(0, np.int64), ragged.NONE) if rings is None else _commands(rings, POLYGON))
    owners = np.concatenate([one for one, _ in found])
    order = np.argsort(owners, kind="stable")
    if not len(order):
        return b""
    kinds = np.repeat([POINT, LINE, POLYGON, POLYGON], [len(one) for one, _ in found])[order]
    shapes = ragged.joined([shape for _, shape in found])
    if (np.diff(order) != 1).any():
        shapes = shapes.take(order)
    names, values, tags = _tags(_picked(properties, owners[order]))
    features = ragged.woven([
        b"\x12", _sizes(tags.lengths), tags, b"\x18", ragged.alike(kinds[:, None]),
        b"\x22", _sizes(shapes.lengths), shapes,
    ])  # fmt: skip
    body = [
        _field(1, name.encode()),
        ragged.woven([b"\x12", _sizes(features.lengths), features]).flat.tobytes(),
        *(_field(3, n.encode()) for n in names),
        *values,
        b"\x28" + varint(EXTENT),
        b"\x78\x02",
    ]
    return _field(3, b"".join(body))


def _picked(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Some rows, most often all."""
    return table if np.array_equal(rows, np.arange(len(table))) else table.take(pa.array(rows))


def grid(geometries: NDArray[np.object_], smallest: float = SMALLEST) -> NDArray[np.object_]:
    """Geometries cut to the tile with its buffer and put on the grid; None where nothing is left.

    What becomes of a vertex depends on the vertex alone, so neighbours that share an edge go on sharing it,
    in one tile and across tiles. Lines, which share only their ends, are straightened as well, before they are cut.

    Args:
        geometries: (n,) shapely in grid units, not rounded.
        smallest: grid units squared a polygon must have to be drawn.
    """
    return snapped(cut(straightened(large(geometries, smallest))))


def large(geometries: NDArray[np.object_], smallest: float = SMALLEST) -> NDArray[np.object_]:
    """The geometries, None where one is too small to be seen: as a whole, not as what a tile holds of it."""
    out = np.array(geometries, object)
    kind = shapely.get_dimensions(out)
    small = ((kind == 2) & (shapely.area(out) < smallest)) | (
        (kind == 1) & (shapely.length(out) < np.sqrt(smallest))
    )
    out[small] = None
    return out


def straightened(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """The geometries, lines without the vertices that are not seen."""
    out = np.array(geometries, object)
    lines = np.flatnonzero((shapely.get_dimensions(out) == 1) & (shapely.get_num_coordinates(out) > 2))
    out[lines] = shapely.simplify(out[lines], TOLERANCE, preserve_topology=False)
    return out


def snapped(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """The geometries on the grid: each vertex at the nearest whole place; what crosses itself there is mended."""
    rounded = np.asarray(shapely.transform(geometries, np.rint), object)
    areas = np.flatnonzero(shapely.get_dimensions(rounded) == 2)
    broken = areas[~shapely.is_valid(rounded[areas])]
    if len(broken):
        rounded[broken] = shapely.set_precision(shapely.make_valid(geometries[broken]), 1.0)
    rounded[shapely.is_empty(rounded)] = None
    return rounded


def cut(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """What the tile and its buffer hold of geometries; None where that is nothing."""
    low, high = -float(BUFFER), float(EXTENT + BUFFER)
    bounds = shapely.bounds(geometries)
    out = np.array(geometries, object)
    out[(bounds[:, 2:] < low).any(axis=1) | (bounds[:, :2] > high).any(axis=1)] = None
    across = np.flatnonzero((bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1))
    if len(across):
        box = shapely.box(low, low, high, high)
        shapely.prepare(box)
        out[across] = shapely.intersection(_mended(out[across]), box)
    out[shapely.is_empty(out)] = None
    return out


def _mended(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    broken = np.flatnonzero(~shapely.is_valid(geometries) & ~shapely.is_missing(geometries))
    geometries[broken] = shapely.make_valid(geometries[broken])
    return geometries


def _parts(geometries: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Points, lines and polygons, and the geometry that each belongs to, ascending; None and what is empty stay out."""
    parts, owner = geometries, np.arange(len(geometries))
    kinds = shapely.get_type_id(parts)
    while (kinds > SINGLE).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owner = owner[index]
        kinds = shapely.get_type_id(parts)
    there = ~(shapely.is_missing(parts) | shapely.is_empty(parts))
    return parts[there], owner[there].astype(np.int64)


def _features(
    parts: NDArray[np.object_], owner: NDArray[np.int64], kind: int
) -> tuple[NDArray[np.int64], Ragged]:
    """Owners of the features of one kind, and the commands of each."""
    mine = shapely.get_dimensions(parts) == kind - 1
    if not mine.any():
        return np.empty(0, np.int64), ragged.NONE
    parts, owner = parts[mine], owner[mine]
    placed = points(parts, owner) if kind == POINT else mvt_rings.rings(parts, owner, kind)
    return _commands(placed, kind)


def _commands(rings: Rings, kind: int) -> tuple[NDArray[np.int64], Ragged]:
    """Owners, and each feature's geometry as the specification's integers (4.3), packed.

    point:    MoveTo(n), n pairs
    line:     MoveTo(1), pair, LineTo(n - 1), n - 1 pairs
    polygon:  MoveTo(1), pair, LineTo(n - 1), n - 1 pairs, ClosePath
    """
    sizes = np.diff(rings.starts)
    if not len(sizes):
        return np.empty(0, np.int64), ragged.NONE
    words = 2 * sizes + {POINT: 1, LINE: 2, POLYGON: 3}[kind]
    at = np.concatenate([[0], np.cumsum(words)])
    out = np.empty(at[-1], np.uint32)
    delta = np.diff(rings.xy, axis=0, prepend=rings.xy[:1])
    delta[0] = rings.xy[0]
    opens = np.concatenate([[True], rings.owner[1:] != rings.owner[:-1]])
    firsts = rings.starts[:-1]
    delta[firsts[opens]] = rings.xy[firsts[opens]]
    coded = ((delta << 1) ^ (delta >> 63)).astype(np.uint32)
    ring = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(coded)) - firsts[ring]
    place = at[ring] + 1 + 2 * within + ((within > 0) if kind != POINT else 0)
    out[place], out[place + 1] = coded[:, 0], coded[:, 1]
    if kind == POINT:
        out[at[:-1]] = (sizes << 3) | MOVE
    else:
        out[at[:-1]] = (1 << 3) | MOVE
        out[at[:-1] + 3] = ((sizes - 1) << 3) | DRAW
    if kind == POLYGON:
        out[at[1:] - 1] = (1 << 3) | CLOSE
    words = np.diff(np.append(at[:-1][opens], at[-1]))
    return rings.owner[opens], _packed(out, words)


def _tags(rows: pa.Table) -> tuple[list[str], list[bytes], Ragged]:
    """Keys, value fields (spec 4.4) of one type after the other, and each feature's packed tags."""
    coded = {n: c for n in rows.column_names if (c := _coded(rows[n])) is not None}
    if not coded:
        return [], [], ragged.alike(np.empty((rows.num_rows, 0), np.uint8))
    values, starts, count = [], {}, 0
    for kind in dict.fromkeys(c.dictionary.type for c in coded.values()):
        alike = [n for n, c in coded.items() if c.dictionary.type == kind]
        for name in alike:
            starts[name] = count
            count += len(coded[name].dictionary)
        values.append(_values(pa.concat_arrays([coded[n].dictionary for n in alike])))
    flat = np.empty((rows.num_rows, 2 * len(coded)), np.int64)
    for number, (name, column) in enumerate(coded.items()):
        codes = np.asarray(column.indices.fill_null(-1) if column.indices.null_count else column.indices)
        flat[:, 2 * number] = np.where(codes < 0, -1, number)
        flat[:, 2 * number + 1] = np.where(codes < 0, -1, codes + np.int64(starts[name]))
    held = flat >= 0
    return list(coded), values, _packed(flat[held].astype(np.uint32), held.sum(axis=1))


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray | None:
    """Each row's place among the column's distinct values of text, float64, int64 or truth; None: not for tiles."""
    kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        column = pc.cast(column, pa.float64())
    elif pa.types.is_binary(kind) or pa.types.is_nested(kind):
        return None
    elif pa.types.is_integer(kind):
        column = pc.cast(column, pa.int64())
    elif not pa.types.is_boolean(kind):
        column = pc.cast(column, pa.string())
    return column.combine_chunks().dictionary_encode()


def _values(distinct: pa.Array) -> bytes:
    """Value messages (spec 4.4) as fields of the layer."""
    if not len(distinct):
        return b""
    if pa.types.is_string(distinct.type):
        texts = distinct.cast(pa.binary())
        sizes = np.asarray(pc.binary_length(texts)).astype(np.int64)
        whole = sizes + 1 + _lengths(sizes.astype(np.uint32))
        return ragged.woven([b"\x22", _sizes(whole), b"\x0a", _sizes(sizes), texts]).flat.tobytes()
    numbers = np.asarray(distinct)
    if pa.types.is_floating(distinct.type):
        return _fields(b"\x19", numbers.astype("<f8").view(np.uint8).reshape(-1, 8))
    if pa.types.is_boolean(distinct.type):
        return _fields(b"\x38", numbers.astype(np.uint8)[:, None])
    # sint64 in zig-zag code
    coded = ((numbers << 1) ^ (numbers >> 63)).astype(np.uint64)
    lengths = _lengths(coded)
    if (lengths == lengths[0]).all():
        return _fields(b"\x30", varints(coded).reshape(len(coded), -1))
    mixed = Ragged(flat=varints(coded), lengths=lengths)
    return ragged.woven([b"\x22", _sizes(lengths + 1), b"\x30", mixed]).flat.tobytes()


def _fields(tag: bytes, rows: NDArray[np.uint8]) -> bytes:
    """Value messages of one length: each a row of an (n, k) array, behind its tag."""
    out = np.empty((len(rows), rows.shape[1] + 3), np.uint8)
    out[:, :3] = np.frombuffer(b"\x22" + bytes([rows.shape[1] + 1]) + tag, np.uint8)
    out[:, 3:] = rows
    return out.tobytes()


def _sizes(lengths: NDArray[np.int64]) -> pa.Array:
    """(n,) binary: lengths as varints, most of which are short and looked up."""
    if lengths.max(initial=0) < SHORT:
        return _short().take(pa.array(lengths))
    sizes = lengths.astype(np.uint32)
    return Ragged(flat=varints(sizes), lengths=_lengths(sizes)).array


@cache
def _short() -> pa.Array:
    return pa.array([varint(n) for n in range(SHORT)], pa.binary())


def _packed(values: NDArray[np.uint32], counts: NDArray[np.int64]) -> Ragged:
    """Runs of values as varints."""
    ends = np.concatenate([[0], np.cumsum(_lengths(values))])[np.concatenate([[0], np.cumsum(counts)])]
    return Ragged(flat=varints(values), lengths=np.diff(ends))


def _lengths(values: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    lengths = np.ones(len(values), np.int64)
    for k in range(1, _longest(values)):
        lengths += values >= values.dtype.type(1 << 7 * k)
    return lengths


def _longest(values: NDArray[np.unsignedinteger]) -> int:
    """Bytes that a varint of these values may need."""
    return max((int(values.max(initial=0)).bit_length() + 6) // 7, 1)


def varints(values: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """(n,) uint32 or uint64 as protobuf varints, one after the other."""
    width = _longest(values)
    wide = np.empty((len(values), width), np.uint8)
    for k in range(width):
        wide[:, k] = (values >> values.dtype.type(7 * k)).astype(np.uint8) & 0x7F
    lengths = _lengths(values)
    more = np.arange(1, width + 1)[None, :] < lengths[:, None]
    wide |= more.astype(np.uint8) << 7
    return wide[np.arange(width)[None, :] < lengths[:, None]]


def varint(value: int) -> bytes:
    """One number as a protobuf varint."""
    return bytes([value]) if value < 128 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def _field(number: int, body: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(body)) + body
