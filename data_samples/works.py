"""Works of the chemical industry: what stands there is round, tall or long, and apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from data_samples import estates, shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data_samples.estates import Group, Site


def chemical(site: Site) -> Iterator[Group]:
    """A chemical works: a tank farm in the west, columns along pipe racks, a control house and a flare."""
    inner = estates.set_back(site, 16)
    west, south, east, north = inner.box
    farm = estates.Site(
        land=shapely.box(west, south, west + (east - west) * 0.5, north).intersection(inner.land),
        rng=site.rng,
        name=site.name,
    )
    if farm.land.geom_type != "Polygon" or farm.land.is_empty:
        return
    tanks = estates.stamped(
        farm, [shapes.disc(11.0), shapes.disc(8.5)], estates.lattice(farm, 32, 32, edge=(13, 13)), drop=0.05
    )
    yield estates.single(farm, tanks, "industrial", 1, 12.0, (2009, 2020), site.name + "{n}号储罐")
    x = west + (east - west) * np.array([0.62, 0.76, 0.90])
    rows = np.arange(south + 34, north - 20, 52.0)
    racks = np.column_stack((np.repeat(x[1], len(rows)), rows))
    long = (east - west) * 0.4
    yield estates.single(
        inner,
        estates.stamped(inner, [shapes.slab(long, 5.0)], racks),
        "industrial",
        1,
        8.0,
        (2009, 2020),
        site.name + "{n}号管廊",
    )
    at = np.stack(np.meshgrid(np.linspace(x[0], x[2], 6), rows + 14), axis=-1).reshape(-1, 2)
    towers = estates.stamped(inner, [shapes.disc(2.4), shapes.disc(3.4), shapes.slab(9, 7)], at, drop=0.12)
    yield estates.single(inner, towers, "industrial", 6, 4.6, (2009, 2020), site.name + "{n}号塔器")
    flare = shapes.stamp([shapes.disc(1.4)], np.zeros(1, np.int64), np.array([[east - 24, north - 24]]))
    yield estates.single(inner, flare, "industrial", 12, 5.0, (2010, 2010), site.name + "火炬")
    house = shapes.stamp([shapes.slab(36, 14)], np.zeros(1, np.int64), np.array([[x[1], south + 20]]))
    yield estates.single(inner, house, "office", 3, 3.6, (2009, 2010), site.name + "中控楼")
