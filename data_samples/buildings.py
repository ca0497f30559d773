"""The county's buildings: every block built up, then three surveys of what stood."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import shapely

from data_samples import estates, files, manifest, offices, place, shapes, works
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.blocks import Blocks
    from data_samples.streets import Streets

PLACES = [
    "海韵",
    "碧海",
    "金湾",
    "丽景",
    "阳光",
    "锦绣",
    "翠湖",
    "书香",
    "盛世",
    "龙湾",
    "银滩",
    "滨河",
    "望海",
    "福泽",
    "祥和",
    "观澜",
    "东方",
    "凤凰",
    "紫金",
    "明珠",
    "星河",
    "盐韵",
    "枣林",
    "海丰",
    "润泽",
    "天悦",
    "和美",
    "春晖",
    "秋实",
    "听涛",
]
PATTERNS = {**estates.PATTERNS, "chemical": works.chemical}
KINDS = ["花园", "小区", "家园", "新苑", "名居", "华府", "雅苑", "公馆", "里", "佳园"]
RAISED = 0.006
"""Share of low buildings that got another storey between two surveys."""


@dataclass(frozen=True, kw_only=True)
class Buildings:
    """Every building that any survey saw; one row each, local metres."""

    shapes: NDArray[np.object_]
    use: NDArray[np.object_]
    name: NDArray[np.object_]
    storeys: NDArray[np.int64]
    storey: NDArray[np.float64]
    year: NDArray[np.int64]
    gone: NDArray[np.int64]
    """The year in which it was pulled down; 9999 where it stands."""
    raised: NDArray[np.int64]
    """The year in which it got one more storey; 9999 where it did not."""
    renamed: NDArray[np.int64]
    address: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.shapes)


def build(blocks: Blocks, graph: Streets, seed: int) -> Buildings:
    """The buildings of all blocks, in the order of the blocks."""
    parts = [
        part
        for k in range(len(blocks.face))
        for part in _block(blocks, k, np.random.default_rng([seed, 40, k]))
    ]
    rng = np.random.default_rng([seed, 41])
    joined = {field: np.concatenate([part[field] for part in parts]) for field in parts[0]}
    clear = ~_blocked(joined["shapes"], joined["gone"])
    joined = {field: column[clear] for field, column in joined.items()}
    count = len(joined["shapes"])
    low = (joined["storeys"] < 8) & (joined["use"] != "industrial")
    fate = rng.random(count)
    raised = np.where(low & (fate < RAISED), 2022, np.where(low & (fate > 1 - RAISED), 2024, 9999))
    named = joined["use"] != "residential"
    renamed = np.where(named & (rng.random(count) < 0.012), 2022, 9999)
    return Buildings(**joined, raised=raised, renamed=renamed, address=_addresses(joined["shapes"], graph))


def _block(blocks: Blocks, k: int, rng: np.random.Generator) -> Iterator[dict[str, NDArray[np.generic]]]:
    use, land = (
        str(blocks.use[k]),
        max(shapely.get_parts(blocks.land[k]), key=lambda part: part.area, default=None),
    )
    if land is None or use not in PATTERNS:
        return
    angle, about = _square(land)
    name = str(blocks.name[k]) or PLACES[rng.integers(len(PLACES))] + KINDS[rng.integers(len(KINDS))]
    site = estates.Site(land=shapes.turned(np.array([land]), -angle, about)[0], rng=rng, name=name)
    ages = _ages(use, float(blocks.town[k, 1]))
    if use == "renewal":
        # The quarter that was pulled down in 2022, and the towers that stand there since 2024.
        yield from (_rows(group, angle, about, rng, gone=2022) for group in estates.oldtown(site))
        fresh = partial(estates.tower, years=(2024, 2025))
        yield from (_rows(group, angle, about, rng) for group in fresh(replace(site, name="盐韵新城")))
        return
    for group in PATTERNS[use](site):
        yield _rows(
            replace(group, years=ages) if ages and group.use in {"residential", "commercial"} else group,
            angle,
            about,
            rng,
        )


def _blocked(footprints: NDArray[np.object_], gone: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which footprints touch an earlier one of their own time (shops that meet at a block's blunt corner)."""
    one, other = shapely.STRtree(footprints).query(footprints, predicate="intersects")
    clash = (one > other) & (gone[one] == gone[other])
    blocked = np.zeros(len(footprints), dtype=bool)
    blocked[one[clash]] = True
    return blocked


def _ages(use: str, north: float) -> tuple[int, int] | None:
    """The years in which the block as a whole went up, where the quarter decides and not the pattern."""
    if north > -2460 or use not in {"tower", "newslab"}:
        return None
    # The new quarter grows southward: what lies along the river came first.
    start = 2016 + int(7.5 * np.clip((-2460 - north) / 1700, 0, 1))
    return start, start + 2


def _square(land: shapely.Polygon) -> tuple[float, NDArray[np.float64]]:
    """The angle of the block's east-west streets against east, and the block's middle."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(land))
    sides = np.diff(corners[:3], axis=0)
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    angles = (angles + np.pi / 2) % np.pi - np.pi / 2
    about = shapely.get_coordinates(land.centroid)[0]
    return float(angles[np.abs(angles).argmin()]), about


def _rows(
    group: estates.Group,
    angle: float,
    about: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    gone: int = 9999,
) -> dict[str, NDArray[np.generic]]:
    count = len(group.shapes)
    # One year for a housing estate, many for a street that grew.
    together = group.use in {"residential", "office"} and group.years[0] > 1985
    year = rng.integers(group.years[0], group.years[1] + 1, 1 if together else count)
    return {
        "shapes": shapes.turned(group.shapes, angle, about),
        "use": np.full(count, group.use, dtype=object),
        "name": np.array([group.label.replace("{n}", str(n + 1)) for n in range(count)], dtype=object),
        "storeys": np.asarray(group.storeys, dtype=np.int64),
        "storey": np.full(count, group.storey),
        "year": np.broadcast_to(year, count).astype(np.int64),
        "gone": np.full(count, gone),
    }


def _addresses(footprints: NDArray[np.object_], graph: Streets) -> NDArray[np.object_]:
    """A street and a number: numbers rise along the street, odd on one side, even on the other."""
    walked = np.flatnonzero((graph.grade != "motorway") & ~graph.oneway & (graph.name != "河堤路"))
    centre = shapely.centroid(footprints)
    row, near = shapely.STRtree(graph.lines[walked]).query_nearest(centre, all_matches=False)
    edge = walked[near[np.argsort(row, kind="stable")]]
    street = graph.name[edge].astype(str)
    at = shapely.get_coordinates(centre)
    on = shapely.get_coordinates(
        shapely.line_interpolate_point(
            graph.lines[edge], shapely.line_locate_point(graph.lines[edge], centre)
        )
    )
    northward = np.abs((at - on)[:, 0]) > np.abs((at - on)[:, 1])
    side = np.where(northward, (at - on)[:, 0] > 0, (at - on)[:, 1] > 0).astype(np.int64)
    walk = np.where(northward, at[:, 1], at[:, 0])
    order = np.lexsort((walk, side, street))
    _, first = np.unique(np.char.add(street[order], side[order].astype(str)), return_index=True)
    begins = np.zeros(len(order), dtype=np.int64)
    begins[np.sort(first)] = np.sort(first)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = (np.arange(len(order)) - np.maximum.accumulate(begins)) * 2 + 1
    number += side
    return np.asarray(np.char.add(np.char.add(street, number.astype(str)), "号"), dtype=object)


def survey(buildings: Buildings, day: str) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.generic]]]:
    """Which buildings stood on the day of a survey, and their columns as it found them."""
    year = int(day[:4])
    stood = (buildings.year < year) & (buildings.gone >= year)
    raised, renamed = buildings.raised < year, buildings.renamed < year
    storeys = buildings.storeys + raised
    height = np.round(storeys * buildings.storey + np.where(buildings.use == "residential", 0.9, 1.2), 1)
    street = np.array([text.rstrip("0123456789号") for text in buildings.address], dtype=object)
    name = np.array(
        [n.replace("{street}", s) for n, s in zip(buildings.name, street, strict=True)], dtype=object
    )
    columns: dict[str, NDArray[np.generic]] = {
        "id": np.array([f"B{k + 1:05d}" for k in range(len(buildings))]),
        "name": np.where(renamed, np.char.add("新", name.astype(str)), name),
        "use": buildings.use,
        "storeys": storeys,
        "height": height,
        "year_built": buildings.year,
        "address": buildings.address,
    }
    return stood, {key: column[stood] for key, column in columns.items()}


def write(buildings: Buildings, folder: Path) -> list[Entry]:
    """One GeoPackage a survey; returns the manifest's lines."""
    entries = []
    for day in manifest.EPOCHS:
        stood, columns = survey(buildings, day)
        file = f"buildings_{day[:4]}.gpkg"
        files.vector(folder / file, buildings.shapes[stood], columns, geometry="Polygon")
        entries.append(
            Entry(
                files=(file,),
                layer="buildings",
                kind="buildings",
                crs=place.CRS,
                vertical=place.VERTICAL,
                valid_from=manifest.moment(day),
                title={"zh": "建筑", "en": "Buildings"},
                theme="buildings",
                department=offices.HOUSING,
                columns={key: key for key in columns},
            )
        )
    return entries
