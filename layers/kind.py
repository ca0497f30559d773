"""What a kind of layer is: its columns, the names they have in the field, and how it is drawn.

A module in `layers/` that defines `KIND` is a kind; nothing else is edited to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.mesh import Mesh
from twin.model import Column, Geometry, Titles
from twin.table import Batch

Draw = Literal["3dtiles", "terrain", "imagery", "points", "flat", "mesh", "pointcloud", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Legend:
    """One entry: the value of the classifying column (None is everything else), its name and colour."""

    value: str | int | None
    label: Titles
    color: str
    """`#rrggbb`."""
    symbol: str = "area"
    """`area`, `line`, `circle`, or the name of one of the viewer's icons."""


class Ground(Protocol):
    """The ground that the viewer gets."""

    def heights(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float32]:
        """Metres at (n,) degrees; NaN where there is no terrain (the viewer's ground is 0 there)."""
        ...

    @property
    def vertical(self) -> str:
        """Vertical datum of the heights: an EPSG code, `ellipsoid` or `unknown`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """What a mesh needs to know besides the rows."""

    ground: Ground
    vertical: str
    """Vertical datum of the layer's z."""
    schematic: bool = False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of layer."""

    name: str
    title: Titles
    theme: str = "other"
    order: int = 100
    geometry: Geometry = "Geometry"
    """Rows of another geometry go to quarantine; `Geometry` takes all, and single and multi are one."""
    draw: Draw = "flat"
    visible: bool = True
    columns: tuple[Column, ...] = ()
    """The kind's own columns, typed; a source column that maps to none keeps its name and type."""
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Target column -> source names, matched after NFKC, trim, upper case, without spaces, `_`, `-`,
    brackets and units. Targets may be `id`, `valid_from`, `valid_to` too."""
    signs: tuple[str, ...] = ()
    """Target columns by any of which a source of fitting geometry is plainly of this kind."""
    required: tuple[str, ...] = ()
    """Columns that a posted feature must fill; a kind without any takes no posts."""
    conform: Callable[[Batch], Batch] | None = None
    """What the kind adds after the general conform: derived columns, checks; refuses into `rejected`."""
    mesh: Callable[[pa.Table, Placed], Mesh | None] | None = None
    """Rows (with bodies) to a mesh; for `3dtiles`."""
    mesh_columns: tuple[str, ...] = ()
    """Attribute columns that go into a tile's property table."""
    legend_by: str | None = None
    legend: tuple[Legend, ...] = ()
    size: Callable[[pa.Table], NDArray[np.float32]] | None = None
    """Metres by which a feature's home in the tile tree is decided; None is the larger side of its box."""
    label: str = "name"
    """The column that names a feature."""
