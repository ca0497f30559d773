"""`twin check` and `twin vertical`: whether the twin lies where surveyors say, and what heights it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import shapely
import typer

from twin import own_systems, space, vertical
from twin.errors import InvalidParameter, MissingPart, OutsideCRSArea
from twin.settings import Settings, load

Home = Annotated[
    Path | None, typer.Option("--home", envvar="TWIN_HOME", help="the folder that everything lives in")
]
Json = Annotated[bool, typer.Option("--json", help="facts for machines")]
HEIGHTS = ("h", "H", "高程", "height", "z", "Z")
NAMES = ("name", "点名", "点号", "名称")


def offset(
    layer: Annotated[str, typer.Argument(help="the layer's id")],
    metres: Annotated[float, typer.Option("--offset", help="metres to add to its heights")],
    author: Annotated[str, typer.Option(help="who says so")],
    reason: Annotated[str, typer.Option(help="why, for example a control point")],
    to: Annotated[
        str | None, typer.Option(help="the datum that they are of then; that of the terrain when left out")
    ] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """State the offset of a layer's heights to a vertical datum; it is kept in the layer's card and history."""
    from pipelines import ingest as intake
    from pipelines import offsets

    settings = load(home=home)
    said = offsets.Offset(layer=layer, metres=metres, to=to, author=author, reason=reason)
    if intake.listening(settings):
        notes = intake.command(settings, "vertical", asdict(said))["notes"]
    else:
        notes = list(_state(settings, said))
    typer.echo(
        orjson.dumps({"layer": layer, "notes": notes}).decode() if as_json else f"{layer}: {'; '.join(notes)}"
    )


def _state(settings: Settings, said: Any) -> tuple[str, ...]:
    from api.access.opening import delivery, record
    from api.home import opened
    from pipelines import offsets
    from twin.audit import Action

    with opened(settings) as store:
        report = offsets.state(store, said)
    record(settings, Action.WRITE, delivery(report), layer=report.layer, rows=0)
    return report.notes


def check(
    points: Annotated[Path, typer.Option(help="CSV: name, x, y, h (as in any CSV of points), layer, id")],
    crs: Annotated[
        str | None, typer.Option(help="of the points: EPSG code, profile; longitude and latitude need none")
    ] = None,
    datum: Annotated[
        str, typer.Option("--vertical", help="of the points' heights: 1985, ellipsoid, …")
    ] = "unknown",
    layer: Annotated[
        str | None, typer.Option(help="the layer, where the file has no column of that name")
    ] = None,
    radius: Annotated[
        float, typer.Option(help="metres within which a point without id finds its vertex")
    ] = 5.0,
    tolerance: Annotated[
        float | None, typer.Option(help="metres in plan and in height; beyond it the exit status is 1")
    ] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Compare points that a surveyor knows with the twin, and print the differences."""
    from api.home import opened
    from pipelines import control
    from pipelines import ingest as intake

    settings = load(home=home)
    own_systems.use(settings.profiles)
    if not radius > 0 or (tolerance is not None and not tolerance >= 0):
        raise InvalidParameter("--radius and --tolerance are metres, not below 0")
    known = list(read(points, crs, layer))
    job = {
        "points": [asdict(p) for p in known],
        "datum": vertical.code(datum),
        "radius": radius,
        "tolerance": tolerance,
    }
    if intake.listening(settings):
        found = intake.command(settings, "check", job)
    else:
        with opened(settings) as store:
            found = control.answer(store, settings, job)
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if as_json else _table(found))
    if not found["fine"]:
        raise typer.Exit(1)


def read(path: Path, crs: str | None, layer: str | None) -> Iterator[Any]:
    """The known points of a CSV file, as `pipelines.control.Point`.

    Raises:
        MissingPart: the file, a column of positions, or the layer of a point is not there. OutsideCRSArea: a
            position is none in its CRS. UnknownCRS: x and y without `--crs`.
    """
    from pipelines.control import Point
    from pipelines.readers import csv_points
    from pipelines.readers.reader import Options

    if not path.is_file():
        raise MissingPart(f"there is no file {str(path)[:200]!r}")
    (part,) = csv_points.read((path,), Options(crs=crs))
    for batch in part.batches:
        if batch.rejected:
            raise InvalidParameter(f"{path.name}: row {batch.rejected[0].row}: {batch.rejected[0].reason}")
        table, source = batch.table, batch.crs or space.crs("OGC:CRS84")
        shapes = shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False))
        if not (shapely.get_type_id(shapes) == shapely.GeometryType.POINT).all():
            raise MissingPart(f"{path.name}: every row needs a position")
        xyz = shapely.get_coordinates(shapes, include_z=True)
        lonlat = np.column_stack(space.to_crs84(source).transform(xyz[:, 0], xyz[:, 1]))
        heights = _heights(table, xyz[:, 2])
        for i, row in enumerate(table.to_pylist()):
            name = next((str(row[n]) for n in NAMES if row.get(n) is not None), f"row {row['row']}")
            if not np.isfinite(lonlat[i]).all():
                raise OutsideCRSArea(f"{path.name}: {name} has no position in {source.name}")
            said = row.get("layer") or row.get("图层") or layer
            if not said:
                raise MissingPart(f"{path.name}: {name} names no layer; add a column `layer`, or say --layer")
            yield Point(
                name=name,
                lon=float(lonlat[i, 0]),
                lat=float(lonlat[i, 1]),
                height=None if np.isnan(heights[i]) else float(heights[i]),
                layer=str(said),
                id=str(row["id"]) if row.get("id") not in (None, "") else None,
            )


def _heights(table: Any, z: Any) -> Any:
    """(n,) metres: z where the positions have it, else the column that is called as heights are; NaN for none."""
    column = next((n for n in HEIGHTS if n in table.column_names), None)
    if column is None or np.isfinite(z).any():
        return z
    try:
        return np.array([np.nan if v in (None, "") else float(v) for v in table[column].to_pylist()])
    except ValueError as error:
        raise InvalidParameter(f"{column}: a height is no number ({error})") from error


def _table(found: dict[str, Any]) -> str:
    lines = [f"{'point':16} {'east':>9} {'north':>9} {'plan':>9} {'up':>9}  feature"]
    for p in found["points"]:
        cells = " ".join(
            f"{'' if p[n] is None else f'{p[n]:+.3f}':>9}" for n in ("east", "north", "plan", "up")
        )
        lines.append(f"{p['name'][:16]:16} {cells}  {p['layer']}/{p['id'] or ''} {p['note']}".rstrip())
    lines.append("")
    for name, s in found["summary"].items():
        figures = f"mean {s['mean']:+.3f}, RMSE {s['rmse']:.3f}, largest {s['largest']:.3f} m"
        lines.append(f"{name:6} {s['count']:>5} points: {figures}")
    if found["not_found"]:
        lines.append(f"nothing to compare: {', '.join(found['not_found'])}")
    if found["tolerance"] is not None:
        lines.append(f"{'within' if found['fine'] else 'BEYOND'} the tolerance of {found['tolerance']:g} m")
    return "\n".join(lines)
