"""A layer's own offset to another vertical datum, with who says so and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from twin import vertical
from twin.errors import InvalidParameter
from twin.model import Delivery, Mode, Report
from twin.moments import text
from twin.policy import Policy
from twin.store import Store
from twin.table import Batch, no_rows


@dataclass(frozen=True, kw_only=True)
class Offset:
    """What somebody says of a layer's heights."""

    layer: str
    metres: float
    """To add to its z."""
    to: str | None = None
    """The datum that they are of then; None is that of the terrain."""
    author: str
    reason: str


def offset_from(said: Mapping[str, Any]) -> Offset:
    """The offset of a JSON object."""
    return Offset(**said)


def state(store: Store, said: Offset) -> Report:
    """Write the offset into the layer's catalogue row, and what was said into its history.

    Raises:
        LayerNotFound: there is no such layer. InvalidParameter: author, reason or metres are missing or absurd,
            or nothing says which datum it leads to. UnknownCRS: that is no datum.
    """
    layer = store.layer(said.layer, Policy.open()).layer
    for name in ("author", "reason"):
        if not getattr(said, name).strip():
            raise InvalidParameter(f"--{name} is empty; an offset has an author and a reason")
    if not (math.isfinite(said.metres) and abs(said.metres) <= vertical.HIGHEST):
        raise InvalidParameter(f"--offset {said.metres:g}: metres, at most {vertical.HIGHEST:g}")
    target = vertical.code(said.to, "--to") if said.to else _terrain(store)
    if target in (vertical.UNKNOWN, layer.vertical):
        raise InvalidParameter(
            f"--to {target}: an offset leads from {vertical.title(layer.vertical)} to another, known datum"
        )
    before = layer.extra.get(vertical.OFFSET)
    own = {
        "metres": said.metres,
        "from": layer.vertical,
        "to": target,
        "author": said.author.strip()[:200],
        "reason": said.reason.strip()[:1000],
        "at": text(datetime.now(UTC)),
    }
    note = f"heights {said.metres:+g} m to {vertical.title(target)}, by {own['author']}: {own['reason']}" + (
        f"; before {before['metres']:+g} m to {before['to']}" if before else ""
    )
    delivery = Delivery(source="vertical", mode=Mode.UPSERT, reader="vertical", notes=(note,))
    described = replace(layer, extra={**layer.extra, vertical.OFFSET: own})
    return store.write(described, [Batch(table=no_rows(), crs=None)], delivery)


def _terrain(store: Store) -> str:
    """The one datum of all terrain layers."""
    found = {s.layer.vertical for s in store.layers(Policy.open()) if s.layer.kind == "terrain"}
    if len(found) != 1 or found <= {vertical.UNKNOWN}:
        said = ", ".join(sorted(map(vertical.title, found))) or "no terrain"
        raise InvalidParameter(
            f"--to is needed, for example --to 1985: the terrain has no one known datum ({said})"
        )
    return found.pop()
