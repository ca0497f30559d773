"""The query string of an items request, parsed once into a Query (OGC API Features Parts 1 and 2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, cast

import orjson
import pyproj
import shapely
from starlette.datastructures import QueryParams

from api.ogc import crs, filters
from twin import moments
from twin.cql2 import GEOMETRY, Shape
from twin.errors import InvalidParameter, OutsideCRSArea, UnknownParameter, UnknownProperty
from twin.model import BBox, Column, LayerState, Op, Property, Query, Sort
from twin.policy import Policy
from twin.queryables import queryables

PARAMETERS = (
    *filters.PARAMETERS,
    "bbox", "bbox-crs", "datetime", "known", "limit", "sortby", "properties", "skipGeometry", "crs", "f", "lang",
    "page", "offset",
)  # fmt: skip
DEFAULT_LIMIT = 10
MOST_OFFSET = 100_000
"""Rows that `offset` may pass over: they are read, unlike those before the place that a `next` link names."""
ID = "id"
MERCATOR = 3857
"""Projected, and yet its boxes are boxes of longitudes and latitudes."""


@dataclass(frozen=True, kw_only=True)
class Items:
    """An items request: the query and how its answer is to be written."""

    said: Query
    """As the address says it."""
    query: Query
    """The same, or the page of it that was asked for."""
    crs: pyproj.CRS | None
    crs_uri: str
    offset: int = 0
    """How many rows come before the first."""
    matched: int | None = None
    """How many rows match, where a page before this one counted them."""


def parse(params: QueryParams, state: LayerState, policy: Policy, *, most: int) -> Items:
    """The request that a query string makes of a layer; `most` is the highest limit.

    Raises:
        UnknownParameter, InvalidParameter, UnknownProperty, UnknownCRS: what is wrong, and what is possible.
    """
    columns = {name: Column(name=name, type=type_) for name, type_ in queryables(state.layer.columns).items()}
    said = single(params, {*PARAMETERS, *columns})
    target = crs.parse(said["crs"], "crs", vertical=state.layer.vertical) if "crs" in said else None
    box, outline = _box(said)
    query = Query(
        layer=state.layer.id,
        policy=policy,
        bbox=box,
        at=moments.parse_extent(said["datetime"]) if "datetime" in said else None,
        known=moments.parse(said["known"], "known") if "known" in said else None,
        filter=filters.both(outline, filters.both(_equals(said, columns), filters.read(said))),
        ids=(said[ID],) if ID in said else None,
        columns=_properties(said, columns),
        geometry=not _flag(said, "skipGeometry"),
        sort=_sort(said, columns),
        limit=_limit(said, most),
    )
    page, matched = turn(query, said["page"]) if "page" in said else (query, None)
    return Items(
        said=query,
        query=page,
        crs=target,
        crs_uri=said.get("crs", crs.CRS84),
        offset=_offset(said),
        matched=matched,
    )


def single(params: QueryParams, known: set[str]) -> dict[str, str]:
    """Each parameter once.

    Raises:
        UnknownParameter: one that nobody reads (Features Part 1, /req/core/query-param-unknown).
        InvalidParameter: one that stands twice.
    """
    said: dict[str, str] = {}
    for name, value in params.multi_items():
        if name not in known:
            raise UnknownParameter(f"no parameter {name[:200]!r}; there are {', '.join(sorted(known))}")
        if name in said:
            raise InvalidParameter(f"{name} stands twice")
        said[name] = value
    return said


def numbers(text: str, name: str) -> list[float]:
    """Finite numbers between commas."""
    try:
        values = [float(v) for v in text.split(",")]
    except ValueError as error:
        raise InvalidParameter(f"{name}={text[:200]!r} must be numbers between commas") from error
    if not all(map(math.isfinite, values)):
        raise InvalidParameter(f"{name}={text[:200]!r} must be finite")
    return values


def _box(said: Mapping[str, str]) -> tuple[BBox | None, Op | None]:
    """The longitudes and latitudes of a bbox, and the outline that decides where that box alone would hold too much."""
    source = crs.parse(said["bbox-crs"], "bbox-crs") if "bbox-crs" in said else None
    if "bbox" not in said:
        return None, None
    values = numbers(said["bbox"], "bbox")
    if len(values) not in (4, 6):
        raise InvalidParameter(f"bbox has {len(values)} numbers; it takes 4 (or 6 with heights)")
    if len(values) == 6:  # heights do not narrow the answer: features are selected in plan
        values = [*values[:2], *values[3:5]]
    a, b, c, d = values
    found = crs.box((a, b, c, d), source)
    wrong = f"bbox={said['bbox'][:200]!r}"
    if found.south > found.north:
        raise InvalidParameter(f"{wrong}: its south is above its north")
    if abs(found.south) > 90 or abs(found.north) > 90 or abs(found.west) > 180 or abs(found.east) > 180:
        raise InvalidParameter(f"{wrong} reaches outside the world; west,south,east,north in degrees")
    if source is None or not source.is_projected or source.to_epsg() == MERCATOR:
        return found, None
    outline = shapely.segmentize(shapely.box(a, b, c, d), max(c - a, d - b, 1e-9) / 64)
    try:
        there = crs.decode(outline, source)
    except OutsideCRSArea as error:
        raise InvalidParameter(f"{wrong}: {error}") from error
    return found, Op(op="s_intersects", args=(Property(name=GEOMETRY), Shape(wkb=shapely.to_wkb(there))))


def _limit(said: Mapping[str, str], most: int) -> int:
    text = said.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise InvalidParameter(f"limit={text[:50]!r} must be a whole number from 1 to {most}")
    return min(int(text), most)


def _offset(said: Mapping[str, str]) -> int:
    text = said.get("offset", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= MOST_OFFSET):
        raise InvalidParameter(
            f"offset={text[:50]!r} must be a whole number from 0 to {MOST_OFFSET}; follow `next` links beyond"
        )
    if "page" in said and int(text):
        raise InvalidParameter("page says where the page begins; leave offset out")
    return int(text)


def _flag(said: Mapping[str, str], name: str) -> bool:
    value = said.get(name, "false")
    if value not in ("true", "false"):
        raise InvalidParameter(f"{name}={value[:50]!r} must be true or false")
    return value == "true"


def _sort(said: Mapping[str, str], columns: Mapping[str, Column]) -> tuple[Sort, ...]:
    keys = [key for key in said.get("sortby", "").split(",") if key]
    return tuple(_key(key, columns) for key in keys)


def _key(text: str, columns: Mapping[str, Column]) -> Sort:
    name = text.lstrip("+- ")
    if name not in columns:
        raise UnknownProperty(f"sortby: no property {name[:200]!r}; there are {_names(columns)}")
    return Sort(column=name, descending=text.startswith("-"))


def _properties(said: Mapping[str, str], columns: Mapping[str, Column]) -> tuple[str, ...] | None:
    if "properties" not in said:
        return None
    names = [name for name in said["properties"].split(",") if name]
    for name in names:
        if name not in columns:
            raise UnknownProperty(f"properties: no property {name[:200]!r}; there are {_names(columns)}")
    return tuple(names)


def _names(columns: Mapping[str, Column]) -> str:
    return ", ".join(columns)


def _equals(said: Mapping[str, str], columns: Mapping[str, Column]) -> Op | None:
    found = [
        Op(op="=", args=(Property(name=name), literal(said[name], column)))
        for name, column in columns.items()
        if name in said and name not in (*PARAMETERS, ID)
    ]
    if len(found) < 2:
        return found[0] if found else None
    return Op(op="and", args=tuple(found))


def literal(text: str, column: Column) -> Any:
    """A query string's text as a value of a column.

    Raises:
        InvalidParameter: it is none.
    """
    try:
        if column.type == "integer":
            return int(text)
        if column.type == "number":
            return float(text)
    except ValueError as error:
        raise InvalidParameter(f"{column.name}={text[:200]!r} must be a number") from error
    if column.type == "boolean":
        if text not in ("true", "false"):
            raise InvalidParameter(f"{column.name}={text[:200]!r} must be true or false")
        return text == "true"
    if column.type in ("datetime", "date"):
        moment = moments.parse(text, column.name)
        return moment.date() if column.type == "date" else moment
    return text


def token(said: Query, pinned: Query, after: tuple[Any, ...], matched: int) -> str:
    """What a `next` link carries: what the first page knew and counted, and the last row's sort values and id.

    Args:
        said: the query as the address says it, without its page. pinned: the same at one moment, as known at one.
        after: sort values and id of the last row. matched: how many rows match in all.
    """
    known = moments.microseconds(cast("datetime", pinned.known))
    body = orjson.dumps([known, _moment(pinned), matched, [_plain(v) for v in after]])
    return base64.urlsafe_b64encode(_seal(said, body) + body).rstrip(b"=").decode()


def turn(query: Query, page: str) -> tuple[Query, int]:
    """The query of a following page, and how many rows match it in all.

    Raises:
        InvalidParameter: the token was changed, or belongs to another query.
    """
    wrong = InvalidParameter(
        "page is not one that this query gave; follow the `next` link, or leave page out"
    )
    try:
        raw = base64.urlsafe_b64decode(page + "=" * (-len(page) % 4))
    except (binascii.Error, ValueError) as error:
        raise wrong from error
    seal, body = raw[:12], raw[12:]
    canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == page
    if seal != _seal(query, body) or not canonical:
        raise wrong
    known, at, matched, after = orjson.loads(body)
    following = replace(
        query,
        known=moments.from_microseconds(known),
        at=moments.from_microseconds(at) if at is not None else query.at,
        after=tuple(_typed(v) for v in after),
    )
    return following, int(matched)


def _moment(query: Query) -> int | None:
    return moments.microseconds(query.at) if isinstance(query.at, datetime) else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"t": moments.microseconds(value)}
    return {"d": value.isoformat()} if isinstance(value, date) else value


def _typed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return moments.from_microseconds(value["t"]) if "t" in value else date.fromisoformat(value["d"])


def _seal(query: Query, body: bytes) -> bytes:
    where = (query.layer, query.bbox, query.filter, query.ids, query.sort, query.branch, query.policy.key)
    same = (*where, query.at, query.known)
    return hashlib.blake2b(repr(same).encode() + body, digest_size=12).digest()
