"""What WKB says in its first bytes (OGC 06-103r4, 8.2)."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

CLASSES: Final = (
    "Geometry", "Point", "LineString", "Polygon", "Point", "LineString", "Polygon", "GeometryCollection",
)  # fmt: skip
"""Classes by the codes of table 7; single and multi are one."""


def classes(values: pa.ChunkedArray) -> Counter[str]:
    """Class of geometry -> how many rows of a WKB column have it; rows without one count nowhere."""
    found: Counter[str] = Counter()
    for head in pc.value_counts(pc.binary_slice(values, 0, 5)).to_pylist():
        if head["values"]:
            code = int.from_bytes(head["values"][1:], "little" if head["values"][0] else "big")
            code = (code & 0xFFFF) % 1000
            found[CLASSES[code] if code < len(CLASSES) else "Geometry"] += head["counts"]
    return found
