"""Backups: a folder that any GeoParquet reader can open, and that any store can be restored from.

    twin.json               catalogue, reports, quarantine, feed, snapshots, datastreams, kept blocks
    layers/0001.parquet     every row version of a layer with its bodies (GeoParquet, CRS84)
    observations.parquet    datastream, time, value, recorded
    corrected.parquet       observations that were corrected later, with `recorded_to`

A backup is written beside its place and moved there whole; an interrupted one leaves nothing behind that
looks like one.
"""

from __future__ import annotations

import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from twin.errors import Conflict, UnreadableFile
from twin.model import Change, Layer, Rejected, Report
from twin.records import change_from, layer_from, moment, rejected_from, report_from
from twin.table import TIMESTAMP

FORMAT: Final = 1
GEO: Final = {
    b"geo": orjson.dumps(
        {
            "version": "1.0.0",
            "primary_column": "geom",
            "columns": {"geom": {"encoding": "WKB", "geometry_types": []}},
        }
    )
}
OBSERVATION: Final = pa.schema(
    [("datastream", pa.int64()), ("time", TIMESTAMP), ("value", pa.float64()), ("recorded", TIMESTAMP)]
)
CORRECTED: Final = OBSERVATION.append(pa.field("recorded_to", TIMESTAMP))


@dataclass(frozen=True, kw_only=True)
class SavedLayer:
    """A layer's catalogue row."""

    layer: Layer
    version: int
    updated: datetime
    bodies: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Saved:
    """All that a store knows apart from rows and observations."""

    commits: tuple[tuple[int, datetime], ...]
    layers: tuple[SavedLayer, ...]
    reports: tuple[Report, ...]
    quarantine: tuple[tuple[int, Rejected], ...]
    """Commit and row, in their order."""
    feed: tuple[Change, ...]
    snapshots: tuple[tuple[str, str, str, datetime], ...]
    """Layer, source, branch, date."""
    datastreams: tuple[tuple[int, str, str, str, str, str], ...]
    """Id, layer, thing, name, observed property, unit."""
    kept: Mapping[str, bytes]


def save(
    folder: Path,
    saved: Saved,
    rows: Mapping[str, Iterable[pa.Table]],
    observations: Iterable[pa.Table],
    corrected: Iterable[pa.Table],
) -> None:
    """Write a backup.

    Args:
        folder: where; must not be there yet, or be empty.
        saved: the records.
        rows: layer to its row versions: as `versions` gives them, and `#size`.
        observations, corrected: tables in the schemas above.

    Raises:
        Conflict: the folder has something in it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty; name a folder that is not there yet")
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "layers").mkdir(parents=True)
    for n, one in enumerate(saved.layers, 1):
        _write(aside / "layers" / f"{n:04}.parquet", rows[one.layer.id], None, GEO)
    _write(aside / "observations.parquet", observations, OBSERVATION, {})
    _write(aside / "corrected.parquet", corrected, CORRECTED, {})
    (aside / "twin.json").write_bytes(orjson.dumps(_record(saved), option=orjson.OPT_UTC_Z))
    if folder.exists():
        folder.rmdir()
    aside.rename(folder)


def load(folder: Path) -> Saved:
    """The records of a backup.

    Raises:
        UnreadableFile: it is none, or of a later format.
    """
    try:
        record = orjson.loads((folder / "twin.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UnreadableFile(f"{folder} holds no backup: {error}") from error
    if record["format"] != FORMAT:
        raise UnreadableFile(f"{folder} is of format {record['format']}; this program reads {FORMAT}")
    return Saved(
        commits=tuple((n, moment(t)) for n, t in record["commits"]),
        layers=tuple(_layer(one) for one in record["layers"]),
        reports=tuple(report_from(r) for r in record["reports"]),
        quarantine=tuple((n, rejected_from(r)) for n, r in record["quarantine"]),
        feed=tuple(change_from(c) for c in record["feed"]),
        snapshots=tuple((a, b, c, moment(t)) for a, b, c, t in record["snapshots"]),
        datastreams=tuple(tuple(d) for d in record["datastreams"]),
        kept={n: b64decode(v) for n, v in record["kept"].items()},
    )


def rows(folder: Path, n: int) -> Iterator[pa.Table]:
    """The row versions of a backup's n-th layer, from 0."""
    yield from _read(folder / "layers" / f"{n + 1:04}.parquet")


def observations(folder: Path) -> Iterator[pa.Table]:
    """A backup's observations."""
    yield from _read(folder / "observations.parquet")


def corrected(folder: Path) -> Iterator[pa.Table]:
    """A backup's observations that were corrected later."""
    yield from _read(folder / "corrected.parquet")


def _read(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(50_000):
            yield pa.Table.from_batches([batch])


def _write(
    path: Path, tables: Iterable[pa.Table], schema: pa.Schema | None, metadata: Mapping[bytes, bytes]
) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            marked = table.schema.with_metadata(metadata)
            writer = writer or pq.ParquetWriter(path, marked, compression="zstd")
            writer.write_table(table.replace_schema_metadata(metadata))
        if writer is None and schema is not None:
            writer = pq.ParquetWriter(path, schema)
    finally:
        if writer is not None:
            writer.close()


def _record(saved: Saved) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "commits": saved.commits,
        "layers": [asdict(one) for one in saved.layers],
        "reports": [asdict(r) for r in saved.reports],
        "quarantine": [(n, asdict(r)) for n, r in saved.quarantine],
        "feed": [asdict(c) for c in saved.feed],
        "snapshots": saved.snapshots,
        "datastreams": saved.datastreams,
        "kept": {n: b64encode(v).decode() for n, v in saved.kept.items()},
    }


def _layer(record: dict[str, Any]) -> SavedLayer:
    return SavedLayer(
        layer=layer_from(record["layer"]),
        version=record["version"],
        updated=moment(record["updated"]),
        bodies=tuple(record["bodies"]),
    )
