"""What a format is: a name, a media type, an encoder. A module in `tiles/` with `FORMAT` is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyproj


@dataclass(frozen=True, kw_only=True)
class Page:
    """What an encoder is told beside the rows."""

    layer: str = "items"
    """The layer's id, for formats that name their content."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Links, counts and time of the answer; a format without a place for them leaves them to the headers."""
    crs: pyproj.CRS | None = None
    """The CRS of `geom`; None is CRS84."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """An encoding of feature rows, offered by every items door as `f=<name>`."""

    name: str
    media_type: str
    encode: Callable[[Iterable[pa.Table], Page], Iterable[bytes]]
    """Tables (as a store reads them; at least one, which may be empty; all of one schema) to chunks of bytes."""
    suffix: str = ""
    """Of a file that holds it, with the dot."""
    bulk: bool = False
    """Whether it is written piece by piece, so that `limit` may be far above a page's."""
    body_links: bool = False
    """Whether the body carries `members`; otherwise links and counts travel in headers."""
    x_first: bool = False
    """Whether the format itself orders axes (x, then y, whatever the CRS says)."""
