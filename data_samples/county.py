"""Wanghai, the county that does not exist: written out as the files that a real county would send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from data_samples import files, manifest, offices, plan, streets, terrain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from data_samples.manifest import Entry, Manifest

    Progress = Callable[[str], None]


def write(folder: Path, *, seed: int = 7, until: datetime | None = None, progress: Progress | None = None) -> Manifest:
    """Write the whole county into the folder and return what to ingest, in order.

    The same seed and `until` (when the 30 days of observations end; default: this hour) give the same files.
    `progress` is told the name of each part as it begins.
    """
    folder.mkdir(parents=True, exist_ok=True)
    end = (until or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    tell = progress or (lambda _: None)
    entries: list[Entry] = []
    tell("terrain")
    ground = terrain.form(np.random.default_rng([seed, 1]))
    files.raster(folder / "dem_5m.tif", ground.heights[None], cell=terrain.CELL)
    entries.append(
        manifest.Entry(
            file="dem_5m.tif", layer="terrain", kind="terrain", crs="EPSG:4548", vertical="EPSG:5737", valid_from="2021-07-01",
            title={"zh": "数字高程模型", "en": "Terrain"}, theme="base", department=offices.NATURE,
        )
    )  # fmt: skip
    tell("roads")
    graph = streets.lay()
    streets.write(graph, folder / "roads.gpkg")
    entries.append(streets.entry("roads.gpkg"))
    contents = manifest.Manifest(entries=tuple(entries), site=manifest.site(), seed=seed, until=end.isoformat())
    manifest.save(contents, folder)
    return contents
