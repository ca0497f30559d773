"""Wanghai, the county that does not exist: written out as the files that a real county would send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from data_samples import (
    blocks,
    buildings,
    cameras,
    cover,
    governance,
    landmarks,
    manifest,
    oblique,
    ortho,
    pipes,
    places,
    scan,
    sensors,
    streets,
    terrain,
    water_model,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from data_samples.manifest import Entry, Manifest

    Progress = Callable[[str], object]


def write(
    folder: Path, *, seed: int = 7, until: datetime | None = None, progress: Progress | None = None
) -> Manifest:
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
    entries.append(terrain.write(ground, folder))
    tell("roads")
    graph = streets.lay()
    block = blocks.divide(graph, np.random.default_rng([seed, 2]))
    tell("land cover")
    green = cover.greens(block, graph, np.random.default_rng([seed, 3]))
    land_use = cover.land_use(block, green)
    entries.append(
        cover.write(cover.waters(), folder, "water", zh="水系", en="Water", kind="features", prefix="W")
    )
    entries.append(
        cover.write(green, folder, "green", zh="绿地与农田", en="Green land", kind="features", prefix="G")
    )
    entries.append(
        cover.write(land_use, folder, "land_use", zh="土地利用现状", en="Land use", kind="zones", prefix="LU")
    )
    entries.append(streets.write(graph, folder))
    tell("buildings")
    houses = buildings.build(block, graph, seed)
    entries += buildings.write(houses, folder)
    marks = landmarks.houses(block, np.random.default_rng([seed, 5]))
    entries.append(landmarks.write(marks, ground, folder))
    tell("aerial picture")
    outlines = np.array([landmarks.footprint(mark) for mark in marks], dtype=object)
    picture = ortho.paint(block, graph, green, houses, outlines, ground, np.random.default_rng([seed, 4]))
    entries.append(ortho.write(picture, folder))
    tell("pipes")
    networks = pipes.lay(graph, ground, seed)
    entries += pipes.write(networks, folder)
    tell("water model")
    entries.append(water_model.write(graph, ground, folder))
    tell("sensors and cameras")
    entries.append(sensors.write(sensors.site(graph, ground, networks), end, folder, seed))
    entries.append(cameras.write(graph, folder))
    tell("places, grid, parcels")
    entries.append(places.write(places.find(block, np.random.default_rng([seed, 6])), folder))
    entries += governance.write(
        governance.areas(block, np.random.default_rng([seed, 7])),
        block,
        folder,
        np.random.default_rng([seed, 8]),
    )
    tell("oblique mesh, point cloud")
    entries.append(oblique.write(oblique.seen(block, houses, ground), ground, folder))
    entries.append(scan.write(graph, houses, ground, folder, np.random.default_rng([seed, 9])))
    contents = manifest.Manifest(
        layers=tuple(entries), site=manifest.site(), seed=seed, until=end.isoformat()
    )
    manifest.save(contents, folder)
    return contents
