"""OpenStreetMap extracts (`.osm.pbf`): roads as a routable graph, and buildings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.streets import osm_buildings, osm_roads
from twin.errors import InvalidParameter, UnreadableFile

KINDS: Final = ("roads", "buildings")
LICENCE: Final = "data © OpenStreetMap contributors, ODbL 1.0"


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """Roads and buildings as two parts, or the one that the caller names as the main part.

    Raises:
        UnreadableFile: no PBF, or broken. InvalidParameter: another kind was asked for.
    """
    if options.kind not in (None, *KINDS):
        raise InvalidParameter(f"an OSM extract gives {' and '.join(KINDS)}, not {options.kind!r}")
    for path in paths:
        for kind in (options.kind,) if options.kind else KINDS:
            name = "" if options.kind else kind
            yield _roads(path, name) if kind == "roads" else _buildings(path, name)


def _roads(path: Path, name: str) -> Part:
    found = _osmium(osm_roads.collect, path)
    notes = (
        f"{found.service} service ways (driveways, car parks) are no part of the road graph",
        f"{found.clipped} ways reach beyond the extract and end where its nodes end",
    )
    return Part(name=name, kind="roads", batches=osm_roads.batches(found), notes=(LICENCE, *notes))


def _buildings(path: Path, name: str) -> Part:
    found = _osmium(osm_buildings.collect, path)
    return Part(
        name=name,
        kind="buildings",
        batches=osm_buildings.batches(found),
        rows=len(found.ids) + len(found.rejected),
        notes=(LICENCE, *_heights(found)),
    )


def _heights(found: osm_buildings.Found) -> tuple[str, ...]:
    tagged = sum("height" in t for t in found.tags)
    levels = sum("building:levels" in t for t in found.tags)
    clipped = (
        f"{sum(found.clipped)} at the extract's edge lack nodes and are drawn from those here (`clipped`)"
    )
    folded = (
        (f"{found.folded} outlines are tagged as their relation is: one building each",)
        if found.folded
        else ()
    )
    return (f"{len(found.ids)} buildings: {tagged} with a height, {levels} with levels; {clipped}", *folded)


def _osmium(collect: Callable[[Path], Any], path: Path) -> Any:
    try:
        return collect(path)
    except RuntimeError as error:
        raise UnreadableFile(f"{path.name}: {str(error).replace(str(path.parent), '')[:200]}") from error


READER = Reader(name="osm", title="OpenStreetMap", suffixes=(".osm.pbf", ".pbf"), read=read)
