"""What a format is: a name, a media type, an encoder. A module in `tiles/` with `FORMAT` is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Format:
    """An encoding of feature rows, offered by every items door as `f=<name>`."""

    name: str
    media_type: str
    encode: Callable[[Iterable[pa.Table], dict[str, Any]], Iterable[bytes]]
    """Tables (as a store reads them) and the collection's members (links, counts, CRS) to chunks of bytes."""
