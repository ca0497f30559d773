"""Sensors: tables of stations and tables of what they measured, given together or each by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyproj
import shapely

from layers import naming
from layers.sensors import KIND
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.stated import crs_of
from pipelines.readers.tables import coordinates, delimited, series
from pipelines.readers.tables.coordinates import Where
from pipelines.readers.tables.delimited import Text
from pipelines.readers.tables.series import Read
from twin import space
from twin.errors import InvalidParameter, MissingPart
from twin.model import Rejected
from twin.table import Batch

STATION: Final = ("站点", "测站", "站号", "STCD", "SITE_ID", "THING", "SENSOR", "设备", "监测点")
"""Further names, beside the kind's for `id`, by which series name their station."""


@dataclass(frozen=True, kw_only=True)
class Stations:
    """The stations: a table with `geom` and `row`, and the column that is their id."""

    table: pa.Table
    key: str
    crs: pyproj.CRS
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()

    def ids(self) -> pa.Array:
        """Their ids as text."""
        return pc.utf8_trim_whitespace(self.table[self.key].combine_chunks().cast(pa.string()))


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The stations as one part, with the series of all files as its observations.

    Raises:
        MissingPart: nothing says where the stations are. InvalidParameter: several stations and one `--at`,
        or no column that names the station.
    """
    texts = [delimited.read(path, options) for path in paths]
    placed = [_is_stations(t) for t in texts]
    found = [
        _series(path, text, options)
        for path, text, is_place in zip(paths, texts, placed, strict=True)
        if not is_place
    ]
    lists = [text for text, is_place in zip(texts, placed, strict=True) if is_place]
    stations = _stations(lists, found, options)
    notes = dict.fromkeys((*stations.notes, *(n for f in found for n in f.notes), *_counts(found)))
    yield Part(
        kind="sensors",
        batches=iter([Batch(table=stations.table, crs=stations.crs, rejected=stations.rejected)]),
        rows=len(stations.table) + len(stations.rejected),
        vertical=space.vertical_of(stations.crs),
        observations=(lambda: _observations(found, stations, options)) if found else None,
        notes=tuple(notes),
    )


def _is_stations(text: Text) -> bool:
    names = text.table.column_names
    return coordinates.find(names) is not None and series.recognise(names, "") is None


def _series(path: Path, text: Text, options: Options) -> Read:
    names = text.table.column_names
    columns = series.recognise(names, _station_column(names, options))
    if columns is None:
        named = ", ".join(n for n in names if n != "row")[:300]
        raise MissingPart(f"{path.name}: neither coordinates nor times among its columns {named}")
    return series.read(text, columns, alone=path.stem, tz=options.tz)


def _station_column(names: list[str], options: Options) -> str:
    """The column of a series that names the station; empty where there is none."""
    said = options.columns.get("id")
    if said in names:
        return str(said)
    wanted = [naming.plain(w) for w in (*KIND.synonyms["id"], *STATION)]
    by = {naming.plain(n): n for n in reversed(names)}
    return next((by[w] for w in wanted if w in by), "")


def _stations(lists: list[Text], found: list[Read], options: Options) -> Stations:
    if lists:
        return _listed(lists, options, needed=bool(found))
    if options.at is not None:
        return _alone(found, options.at)
    tables = [f for f in found if coordinates.find(f.text.table.column_names)]
    if not tables:
        raise MissingPart(
            "no file says where the stations are; give their table too, or --at LON,LAT for one"
        )
    return _inside(tables, options)


def _listed(lists: list[Text], options: Options, *, needed: bool) -> Stations:
    tables = [t.table for t in lists]
    table = pa.concat_tables(tables, promote_options="default") if len(tables) > 1 else tables[0]
    table = table.set_column(table.column_names.index("row"), "row", pa.array(np.arange(len(table))))
    where, crs = _where(table, options)
    known = {t: s for t, s in options.columns.items() if s in table.column_names}
    key = naming.plan(table.column_names, KIND, known).get("id", "")
    if needed and not key:
        raise InvalidParameter("no column of the stations is their id; name it with --column COLUMN=id")
    notes = tuple(n for t in lists for n in t.notes)
    codes = (key,) if key else ()
    table = delimited.typed(table, keep=(*where.columns(), *codes))
    if key and "id" not in options.columns:
        table, doubled = _told_apart(table, key)
        notes = (*notes, *doubled)
    short = tuple(r for t in lists for r in t.rejected)
    placed, refused, told = _placed(table, where, crs)
    return Stations(table=placed, key=key, crs=crs, rejected=(*short, *refused), notes=(*notes, *told))


def _told_apart(table: pa.Table, key: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Stations of one name told apart: `FR04014`, `FR04014#2`; observations are the first one's.

    Only where the caller did not say which column is the id: a list of stations often names the same one
    twice, a few metres apart, and neither row is wrong.
    """
    seen: Counter[str] = Counter()
    names: list[str | None] = []
    for name in table[key].cast(pa.string()).to_pylist():
        seen[name] += name is not None
        names.append(f"{name}#{seen[name]}" if name is not None and seen[name] > 1 else name)
    twice = [name for name, count in seen.items() if count > 1]
    if not twice:
        return table, ()
    told = f"{len(twice)} names in {key} stand more than once and are told apart by #2 …: {', '.join(twice[:10])}"
    return table.set_column(table.column_names.index(key), key, pa.array(names, pa.string())), (told,)


def _where(table: pa.Table, options: Options) -> tuple[Where, pyproj.CRS]:
    where = coordinates.find(table.column_names) or Where()
    crs, _ = crs_of("the table of stations", None, options, standard="OGC:CRS84" if where.degrees else None)
    return where, crs


def _placed(
    table: pa.Table, where: Where, crs: pyproj.CRS
) -> tuple[pa.Table, tuple[Rejected, ...], tuple[str, ...]]:
    """The rows with their points, those without, and what was done so that the positions fit the CRS."""
    fit = coordinates.fitted(table, where, crs, "the table of stations")
    shapes, refused = coordinates.points(table, where, fit=fit, metres=not crs.is_geographic)
    kept = np.ones(len(table), bool)
    kept[list(refused)] = False
    placed = coordinates.as_numbers(table, where)
    placed = placed.append_column("geom", pa.array(shapely.to_wkb(shapes), pa.binary()))
    return placed.filter(pa.array(kept)), tuple(refused.values()), fit.notes


def _alone(found: list[Read], at: tuple[float, ...]) -> Stations:
    """The one station of series without coordinates."""
    names = sorted({str(n) for f in found for n in pc.unique(f.things).to_pylist() if n})
    if len(names) != 1:
        raise InvalidParameter(
            f"--at places one station, and there are {len(names)}: {', '.join(names)[:300]}"
        )
    table = pa.table(
        {
            "id": names,
            "name": names,
            "geom": pa.array(shapely.to_wkb([shapely.Point(*at)]), pa.binary()),
            "row": [0],
        }
    )
    return Stations(table=table, key="id", crs=space.crs("OGC:CRS84"), notes=("placed by --at",))


def _inside(found: list[Read], options: Options) -> Stations:
    """The stations of series that carry their coordinates in every row: the first row of each."""
    parts = []
    for one in found:
        ids = one.things.to_numpy(zero_copy_only=False).astype(str)
        _, first = np.unique(ids, return_index=True)
        where = coordinates.find(one.text.table.column_names) or Where()
        rows = one.text.table.select([*where.columns(), "row"]).take(pa.array(np.sort(first)))
        parts.append(rows.append_column("id", one.things.take(pa.array(np.sort(first)))))
    table = pa.concat_tables(parts, promote_options="default")
    where, crs = _where(table, options)
    placed, refused, told = _placed(table, where, crs)
    notes = ("stations are those of the series", *told)
    return Stations(table=placed, key="id", crs=crs, rejected=refused, notes=notes)


def _observations(found: list[Read], stations: Stations, options: Options) -> Iterator[Batch]:
    ids = stations.ids()
    for one in found:
        yield from series.observations(one, ids, dict(options.nodata))


def _counts(found: list[Read]) -> Iterator[str]:
    for one in found:
        rows = len(one.text.table)
        what = f" of {len(one.quantities)} quantities" if one.quantities else ""
        missing = {
            q: int(series.blanked(one.text.table[q]).null_count)
            for q in one.quantities or (one.columns.value,)
        }
        lacking = ", ".join(f"{q} {n}" for q, n in missing.items() if n)
        yield f"{rows} rows{what}" + (f"; missing: {lacking}" if lacking else "")


def claims(path: Path) -> bool:
    """Whether the first line names a time, and values or the parts of a date."""
    names = delimited.header(path)
    found = series.recognise(names, "")
    return found is not None and bool(found.value or found.parts)


READER = Reader(
    name="sensors",
    title="Stations and time series as CSV",
    suffixes=(".csv", ".tsv", ".txt"),
    read=read,
    claims=claims,
    together=True,
)
