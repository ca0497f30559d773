"""3D tiles of what a filter leaves: the layer's own tree, counted anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from twin.model import Query
from twin.spread import FOREVER, NEVER
from twin.store import Store
from twin.survey import EDGES, Survey, survey
from twin.tree import Tree, homes

PERIODS: Final = {"valid_from": NEVER, "valid_to": FOREVER, "recorded_from": NEVER, "recorded_to": FOREVER}
"""Whatever a store gives for a moment is there at it."""


def narrowed(whole: Survey, tree: Tree, store: Store, query: Query) -> Survey:
    """A survey with the counts, sizes and boxes of a query's rows only.

    The stamps stay those of all rows: a row that comes to pass the filter was written anew.
    """
    rows = store.read(replace(query, columns=(), geometry=False, places=True))
    columns = {name: np.asarray(rows[f"#{name}"]) for name in ("hkey", "size", *EDGES)}
    columns |= {name: np.full(rows.num_rows, moment, np.int64) for name, moment in PERIODS.items()}
    home = homes(tree, columns["hkey"], columns["size"])
    mine = survey(tree, columns, home, 0, 0)
    return replace(whole, count=mine.count, size=mine.size, box=mine.box)
