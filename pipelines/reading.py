"""From a source to deliveries: which reader, which kind, which place; then conformed batches.

Runs as a process of its own (`python -m pipelines.reading`, requests as JSON on standard input, frames
on standard output) with limits on memory and time, so that a hostile file hurts nobody else.
"""

from __future__ import annotations

import errno
import itertools
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import orjson
import shapely

from layers import naming
from layers.conform import conform
from layers.kind import Kind
from pipelines import frames
from pipelines.frames import Prepared
from pipelines.readers.reader import Options, Part, Reader
from pipelines.shifting import shifted
from twin import own_systems, registry, vertical
from twin.errors import (
    ForbiddenReference,
    InvalidParameter,
    MissingPart,
    StorageFull,
    TooLarge,
    UnsupportedFormat,
)
from twin.model import Column, Delivery, Geometry, Layer, Mode, Titles
from twin.own_systems import SHIFTS, OwnSystem
from twin.place import to_crs84
from twin.table import Batch, columns_of
from twin.wkb import classes

CLASSES: dict[int, Geometry] = {
    0: "Point", 4: "Point", 1: "LineString", 5: "LineString", 3: "Polygon", 6: "Polygon",
}  # fmt: skip
"""Shapely's geometry types."""
SOURCE = "survey"
"""The source that a file's rows belong to unless `--source` names another."""

SPARE = 1 << 20
"""A disk with fewer bytes free is full."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks to be taken in."""

    paths: tuple[str, ...]
    layer: str
    kind: str | None = None
    known_kind: str | None = None
    """The kind of the layer when it is there already."""
    crs: str | None = None
    vertical: str | None = None
    valid_from: datetime | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    nodata: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.SNAPSHOT
    source: str = SOURCE
    at: tuple[float, ...] | None = None
    offset: float | None = None
    shift: tuple[float, float, float] | None = None
    tz: str | None = None
    encoding: str | None = None
    repair: str | None = None
    join: tuple[str, str] | None = None
    """The table's column and the layer's, where rows are attributes of features that are there."""
    title: Titles = field(default_factory=Titles)
    theme: str | None = None
    department: Titles | None = None
    invented: bool = False
    order: int | None = None
    due: str | None = None
    owner: str | None = None
    accuracy: str | None = None
    lineage: str | None = None
    notes: tuple[str, ...] = ()
    """Sentences for the report."""
    licence: str | None = None
    attribution: str | None = None
    visible: bool | None = None


def prepare(request: Request) -> Iterator[Prepared]:
    """The deliveries that a request's files make, one a layer.

    Raises:
        TwinError: nothing can be read at all; a row that cannot is in the batches' `rejected`.
    """
    paths = tuple(_local(path) for path in request.paths)
    reader = reader_for(paths[0], request)
    _fitting(reader, request)
    if request.join:
        from pipelines import joining

        yield from joining.read(paths, reader, _options(request), request, request.join)
        return
    groups = [paths] if reader.together else [(path,) for path in paths]
    for group in groups:
        for part in reader.read(group, _options(request)):
            yield _prepared(part, reader, group, request)


def _fitting(reader: Reader, request: Request) -> None:
    """Raises InvalidParameter for what this reader would not look at."""
    if not reader.placed and (request.offset is not None or len(request.at or ()) > 2):
        raise InvalidParameter(
            f"--offset and a height in --at are for meshes and point clouds, not for {reader.title}"
        )


def _local(name: str) -> Path:
    if name.startswith("/vsi") or "://" in name or (":" in name and not Path(name).exists()):
        raise ForbiddenReference(
            f"{name[:200]!r} is not a file of this machine; copy it here and name its path"
        )
    path = Path(name)
    if not path.exists():
        raise MissingPart(f"there is no file {name[:200]!r}")
    return path


def readers() -> dict[str, Reader]:
    """Every reader by name."""
    return cast("dict[str, Reader]", registry.entries("pipelines.readers", "READER"))


def reader_for(path: Path, request: Request) -> Reader:
    """The reader with the longest fitting suffix; where several fit, the one that claims the file.

    Raises:
        UnsupportedFormat: none fits; says which suffixes are read.
    """
    name = path.resolve().name.lower()
    if path.is_dir():
        return _folder_reader(path, name)
    fits = [(s, r) for r in readers().values() for s in r.suffixes if name.endswith(s)]
    if request.kind == "sensors":
        fits = [(s, r) for s, r in fits if r.name == "sensors"] or fits
    if request.join:
        fits = [(s, r) for s, r in fits if r.tables] or fits
    best = max((len(s) for s, _ in fits), default=0)
    candidates = [r for s, r in fits if len(s) == best]
    if not candidates:
        offered = sorted({s for r in readers().values() for s in r.suffixes})
        raise UnsupportedFormat(f"{path.name[:200]!r}: no reader for this; there are {', '.join(offered)}")
    claiming = [r for r in candidates if r.claims is not None and r.claims(path)]
    return (claiming or [r for r in candidates if r.claims is None] or candidates)[0]


def _folder_reader(path: Path, name: str) -> Reader:
    taking = [r for r in readers().values() if r.folders]
    fits = [r for r in taking if any(name.endswith(s) for s in r.suffixes)]
    fits = fits or [r for r in taking if r.claims is not None and r.claims(path)]
    if not fits:
        titles = ", ".join(r.title for r in taking)
        raise UnsupportedFormat(f"the folder {path.name[:200]!r} is no source; folders are read as {titles}")
    return fits[0]


def _options(request: Request) -> Options:
    return Options(
        kind=request.kind or request.known_kind,
        crs=request.crs,
        vertical=request.vertical,
        at=request.at,
        offset=request.offset,
        shift=request.shift,
        tz=request.tz,
        encoding=request.encoding,
        columns=request.columns,
        nodata=request.nodata,
    )


def _prepared(part: Part, reader: Reader, paths: Sequence[Path], request: Request) -> Prepared:
    first = next(part.batches, None)
    if first is None:
        raise MissingPart(f"{paths[0].name}: nothing to read{f' in {part.name}' if part.name else ''}")
    kind, why = _kind(part, first, request)
    columns, nodata, unasked = _said_of(part, first, request)
    if request.repair not in (None, "make-valid"):
        raise InvalidParameter(f"--repair {request.repair!r}; there is make-valid")

    if request.shift and (part.assets or part.observations or first.crs is None):
        raise InvalidParameter(f"--shift moves features of a CRS; {reader.title} has none here")

    def conformed() -> Iterator[Batch]:
        for read in itertools.chain([first], part.batches):
            batch = shifted(read, request.shift) if request.shift else read
            done = conform(
                to_crs84(batch) if batch.crs is not None else batch,
                kind,
                columns=columns,
                nodata=nodata,
                repair=request.repair is not None,
            )
            yield _located(done, batch, part.cell) if part.cell else done

    # The first conformed batch tells the layer's columns; the rest streams.
    rest = counted(conformed()) if kind.geometry == "Geometry" else conformed()
    head = next(rest)
    layer = _layer(part, first, head, kind, request)
    files = ", ".join(path.name for path in paths)
    return Prepared(
        layer=layer,
        delivery=Delivery(
            source=request.source,
            mode=request.mode,
            at=request.valid_from,
            reader=reader.name,
            notes=(f"{files}", why, *request.notes, *part.notes, *unasked),
        ),
        batches=itertools.chain([head], rest),
        observations=part.observations,
        rows=part.rows,
        assets={name: str(path) for name, path in part.assets.items()},
    )


def _said_of(
    part: Part, first: Batch, request: Request
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """What the caller says of columns and of what means missing, as far as it is for this part.

    The main part must have what is named (`naming.plan` says so); of other parts some may, and a note tells.
    """
    columns = {target: source for target, source in request.columns.items() if target not in part.used}
    nodata = dict(request.nodata)
    if not part.name:
        return columns, nodata, ()
    there = {naming.plain(name) for name in first.table.column_names}
    lacking = {s for s in (*columns.values(), *nodata) if naming.plain(s) not in there}
    columns = {t: s for t, s in columns.items() if s not in lacking}
    nodata = {s: v for s, v in nodata.items() if s not in lacking}
    note = f"no column {', '.join(sorted(lacking))} here; what was said of it was for other parts"
    return columns, nodata, (note,) if lacking else ()


def _located(done: Batch, read: Batch, cell: Callable[[int | str, str], str]) -> Batch:
    """The batch whose refusals since it was read say in which cell; those of the reader say so themselves."""
    new = done.rejected[len(read.rejected) :]
    told = (replace(r, cell=(at := cell(r.row, r.column)), reason=f"{at}: {r.reason}") for r in new)
    return replace(done, rejected=(*read.rejected, *told))


def _kind(part: Part, first: Batch, request: Request) -> tuple[Kind, str]:
    kinds = cast("dict[str, Kind]", registry.entries("layers", "KIND"))
    main = not part.name
    if request.kind and (main or part.kind is None):
        if request.kind not in kinds:
            raise InvalidParameter(f"no kind {request.kind!r}; there are {', '.join(kinds)}")
        return kinds[request.kind], f"kind {request.kind} as told"
    if part.kind:
        return kinds[part.kind], f"kind {part.kind} by the format"
    if request.known_kind and main:
        return kinds[request.known_kind], f"kind {request.known_kind} as the layer is"
    if request.layer in kinds and main:
        return kinds[request.layer], f"kind {request.layer} by the layer's name"
    for kind in kinds.values():
        if kind.signs and sign(kind, first):
            return kind, f"kind {kind.name} by the column {sign(kind, first)}; --kind says otherwise"
    return kinds["features"], "kind features: nothing in the file says more; --kind names another"


def sign(kind: Kind, batch: Batch) -> str | None:
    """The column by which rows are plainly of a kind: geometry fits, and one of the kind's signs is there."""
    if kind.geometry not in ("Geometry", geometry_of(batch)):
        return None
    found = naming.plan(batch.table.column_names, kind, {}, guess=True)
    return next((found[target] for target in kind.signs if target in found), None)


def geometry_of(batch: Batch) -> Geometry:
    """The one class of geometry that all rows have (single and multi are one), else `Geometry`."""
    classes = {CLASSES.get(int(t)) for t in np.unique(shapely.get_type_id(_geometries(batch))) if t >= 0}
    only = classes.pop() if len(classes) == 1 else None
    return only or "Geometry"


def counted(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches; where several classes of geometry went in, a last one without rows says which and how many."""
    found: Counter[str] = Counter()
    for batch in batches:
        found.update(classes(batch.table["geom"]))
        yield batch
    if len(found) > 1:
        said = ", ".join(f"{count:,} {name}" for name, count in found.most_common())
        note = f"geometries of several kinds went in: {said}"
        yield Batch(table=batch.table.slice(0, 0), crs=batch.crs, notes=(note,))


def _geometries(batch: Batch) -> Any:
    return shapely.from_wkb(batch.table["geom"].to_numpy(zero_copy_only=False), on_invalid="ignore")


def _layer(part: Part, raw: Batch, head: Batch, kind: Kind, request: Request) -> Layer:
    own = {c.name: c for c in kind.columns}
    present = columns_of(head.table.schema)
    columns = tuple(_described(c, own) for c in present)
    crs = raw.crs
    name = f"{request.layer}_{part.name}" if part.name else request.layer
    extra: dict[str, Any] = dict(part.extra)
    if request.visible is not None:
        extra["visible"] = request.visible
    if isinstance(crs, OwnSystem) and crs.name in SHIFTS:
        extra["converted_from"] = crs.name
    return Layer(
        id=name,
        kind=kind.name,
        title=_title(part, kind, request, name),
        geometry=_geometry(kind, head),
        columns=columns,
        crs=authority(crs) if crs is not None else "OGC:CRS84",
        vertical=vertical.code(request.vertical) if request.vertical else part.vertical or "unknown",
        theme=request.theme or kind.theme,
        department=request.department,
        invented=request.invented,
        schematic=part.schematic,
        licence=request.licence,
        attribution=request.attribution,
        due=request.due,
        owner=request.owner,
        accuracy=request.accuracy,
        lineage=request.lineage,
        order=request.order if request.order is not None else kind.order,
        extra=extra,
    )


def _title(part: Part, kind: Kind, request: Request, name: str) -> Titles:
    """The caller's title; of a part, with its own title, that of the kind that it is named after, or its name."""
    own = request.title
    if not (own.zh or own.en):
        return Titles(zh=name, en=name)
    if not part.name:
        return own
    plain = kind.title if part.name == kind.name else Titles(zh=part.name, en=part.name)
    what = part.title or plain
    return Titles(zh=f"{own.zh or own.en} · {what.zh}", en=f"{own.en or own.zh} · {what.en}")


def _described(column: Column, own: Mapping[str, Column]) -> Column:
    known = own.get(column.name)
    return replace(column, unit=naming.unit(column.name)) if known is None else known


def _geometry(kind: Kind, head: Batch) -> Geometry:
    return kind.geometry if kind.geometry != "Geometry" else geometry_of(head)


def authority(crs: Any) -> str:
    """The authority code of a CRS, else its name."""
    found = None if isinstance(crs, OwnSystem) else crs.to_authority(min_confidence=70)
    return ":".join(found) if found else str(crs.name)


def main() -> None:
    """The reading process: requests in, frames out."""
    job = orjson.loads(sys.stdin.buffer.read())
    limit(job["memory_mb"], job["seconds"])
    own_systems.use(Path(job["profiles"]))
    out = sys.stdout.buffer
    # GDAL and PROJ print where they like: keep standard output for the frames alone.
    sys.stdout = sys.stderr
    requests = [request(said) for said in job["requests"]]
    for chunk in answer(requests):
        out.write(chunk)
    out.flush()


def answer(requests: Iterable[Request]) -> Iterator[bytes]:
    """The frames of the requests; what this machine has not enough of is told as an error of ours."""
    try:
        yield from frames.encode(part for one in requests for part in prepare(one))
    except MemoryError:
        allowed = resource.getrlimit(resource.RLIMIT_AS)[0] >> 20
        yield frames.failed(
            TooLarge(f"reading took more memory than the {allowed:,} MB that TWIN_READER_MEMORY_MB allows")
        )
    except Exception as error:
        if not full(error):
            raise
        yield frames.failed(
            StorageFull(
                "no room in TWIN_HOME for what reading unpacks or writes aside; free some and try again"
            )
        )


def full(error: BaseException | None) -> bool:
    """Whether the error, or what it came from, is that of a full disk; GDAL says only that writing failed."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return shutil.disk_usage(tempfile.gettempdir()).free < SPARE


def limit(memory_mb: int, seconds: int) -> None:
    """Bound this process's address space and processor time."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def said(one: Request) -> dict[str, Any]:
    """A request as JSON."""
    return asdict(one)


def request(found: Mapping[str, Any]) -> Request:
    """A request from its JSON form."""
    given = dict(found)
    given["paths"] = tuple(given["paths"])
    given["mode"] = Mode(given.get("mode", "snapshot"))
    for name in ("title", "department"):
        if given.get(name):
            given[name] = Titles(**given[name])
    given["title"] = given.get("title") or Titles()
    if given.get("valid_from"):
        given["valid_from"] = datetime.fromisoformat(given["valid_from"])
    given["notes"] = tuple(given.get("notes", ()))
    if given.get("join"):
        given["join"] = tuple(given["join"])
    if given.get("at"):
        given["at"] = tuple(given["at"])
    if given.get("shift"):
        given["shift"] = tuple(given["shift"])
    return Request(**given)


if __name__ == "__main__":
    main()
