"""Who asks, and what may be seen. Until there are rules it is `Policy.open()`, said out loud at every query.

A policy is the table that one sees: for each layer a tuple of grants, each of which admits some rows and
shows them in some way; `twin/seen.py` makes the table. `docs/decisions/rights.md` has the algebra.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:  # queries carry a policy, so the nouns of queries come after this module
    from twin.model import Interval, Layer

Access = Literal["hidden", "masked", "read-only", "read-write"]
EVERY: Final = "*"
ANONYMOUS: Final = "anonymous"
"""The role that everybody has."""
SCALE_SNAP: Final = 0.0005
"""Metres on paper: what is given up to a largest scale lies on a grid of half a millimetre at it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who asks."""

    id: str
    """`anonymous`, `key:…`, `oidc:<issuer>#<subject>`."""
    roles: frozenset[str]
    """`anonymous` is always among them."""
    until: datetime | None = None
    """When the credential expires."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Right:
    """What one may do with a column."""

    access: Access
    mask: str | float | bool | None = None
    """What a masked column says instead."""


CLEAR: Final = Right(access="read-write")


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """Where rows are seen."""

    geometry: bytes
    """WKB of a valid polygon or multipolygon in CRS84, degrees."""
    clip: bool = False
    """Whether a row that reaches out of it is cut; otherwise it is shown whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """One right to a layer: which rows, and how they look."""

    layers: tuple[str, ...] = (EVERY,)
    """Layer ids, `kind:<kind>` or `*`."""
    write: bool = False
    rows: Any = None
    """A CQL2 condition (`twin.model.Op` or bool); None admits every row."""
    columns: tuple[tuple[str, Right], ...] = ()
    """By name; `*` is every other column. A column that is not named is clear."""
    area: Area | None = None
    time: Interval | None = None
    """Valid time: versions that do not overlap it are not there; moments outside it are empty."""
    snap: float | None = None
    """Metres of the grid that every vertex is moved to."""
    generalise: float | None = None
    """Metres of tolerance that lines and outlines are simplified by."""
    scale: float | None = None
    """The denominator of the largest scale, 5,000 for 1:5,000."""

    def covers(self, layer: Layer) -> bool:
        """Whether the grant is of this layer."""
        return bool({EVERY, layer.id, f"kind:{layer.kind}"} & set(self.layers))

    def right(self, column: str) -> Right:
        """What one may do with a column."""
        named = dict(self.columns)
        return named.get(column, named.get(EVERY, CLEAR))

    def fits(self, layer: Layer) -> bool:
        """Whether the layer can be shown as the grant has it: pixels are neither cut nor moved nor masked."""
        if layer.geometry != "Raster":
            return True
        shown = all(self.right(c.name).access in ("read-only", "read-write") for c in layer.columns)
        return shown and not self.reshapes

    @property
    def grid(self) -> float:
        """Metres of the grid that the geometry is given on; 0 is as it is."""
        return max(self.snap or 0.0, SCALE_SNAP * (self.scale or 0.0))

    @property
    def coarseness(self) -> float:
        """Metres by which the geometry may be off; the finer of two grants shows it."""
        return max(self.grid, self.generalise or 0.0)

    @property
    def reshapes(self) -> bool:
        """Whether geometry is shown otherwise than it is."""
        return self.coarseness > 0 or (self.area is not None and self.area.clip)

    @property
    def admits_all(self) -> bool:
        """Whether every row is seen, whatever the time."""
        return self.rows in (None, True) and self.area is None and self.time is None

    @property
    def whole(self) -> bool:
        """Whether the layer is seen as it is."""
        shown = all(r.access in ("read-only", "read-write") for _, r in self.columns)
        return self.admits_all and shown and not self.reshapes and self.scale is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a principal's rights compile to; its key is part of every cache key, ETag and page token."""

    grants: tuple[Grant, ...] | None
    """None is open: no rules exist. Nothing is seen of a layer without a grant."""
    key: str
    """A hash of the grants; empty when open."""

    @staticmethod
    def open() -> Policy:
        """No rules exist: everything may be seen."""
        return _OPEN

    @staticmethod
    def of(grants: tuple[Grant, ...]) -> Policy:
        """The policy of some grants; of none: nothing may be seen."""
        return Policy(grants=grants, key=hashlib.sha256(repr(grants).encode()).hexdigest()[:16])

    @property
    def ruled(self) -> bool:
        """Whether there are rules."""
        return self.grants is not None

    def of_layer(self, layer: Layer) -> tuple[Grant, ...]:
        """The grants of a layer; one that is whole stands alone. Empty: the layer is hidden."""
        if self.grants is None:
            return (Grant(write=True),)
        found = tuple(g for g in self.grants if g.covers(layer) and g.fits(layer))
        return next(((g,) for g in found if g.whole), found)

    def writes(self, layer: Layer) -> tuple[Grant, ...]:
        """The grants under which a layer's rows may be written."""
        if self.grants is None:
            return (Grant(write=True),)
        return tuple(g for g in self.grants if g.write and g.covers(layer))

    def draws(self, layer: Layer, denominator: float) -> bool:
        """Whether a layer is drawn at a scale: up to the largest that one of its grants allows."""
        return denominator >= 0.999 * min((g.scale or 0.0 for g in self.of_layer(layer)), default=0.0)


_OPEN: Final = Policy(grants=None, key="")
