"""The command line: `twin …`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from api import outside_commands, reception, survey
from api.access import commands
from twin import moments
from twin.errors import InvalidParameter, StoreBusy, TwinError
from twin.model import LayerState, Mode, Report
from twin.policy import Policy
from twin.settings import Settings, load
from twin.store import Store

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="城市一张图 Onemap Twin: one map of a city, in space and time. Everything lives in TWIN_HOME.",
)
app.command(name="check")(survey.check)
app.command(name="vertical")(survey.offset)
app.command(name="report")(reception.report)
app.command(name="watch")(reception.watch)
app.add_typer(outside_commands.background, name="background")
app.add_typer(commands.key, name="key")
app.add_typer(commands.rules, name="rules")
app.add_typer(commands.audit, name="audit")
Home = Annotated[
    Path | None, typer.Option("--home", envvar="TWIN_HOME", help="the folder that everything lives in")
]
Json = Annotated[bool, typer.Option("--json", help="facts for machines")]
Port = Annotated[int, typer.Option(envvar="PORT", help="the port to listen on; 0 takes a free one")]
Host = Annotated[str, typer.Option(help="the address to listen on")]
Open = Annotated[bool, typer.Option("--open", help="serve other machines although there are no rules")]


def main() -> None:
    """The `twin` command; an error of ours is one line and exit code 1. What it writes is its owner's alone."""
    os.umask(0o077)
    try:
        app()
    except TwinError as error:
        if "--json" in sys.argv:
            typer.echo(_text({"error": {"type": error.slug, "detail": str(error)}}))
        else:
            typer.secho(f"twin: {error}", err=True, fg="red")
        sys.exit(1)


@app.command()
def demo(home: Home = None, port: Port = 8000, host: Host = "127.0.0.1", *, anywhere: Open = False) -> None:
    """Serve the sample county; builds it first where it is not there."""
    from api import demo as county

    _serve(load(home=home), host, port, anywhere=anywhere, begin=lambda twin: county.start(twin, typer.echo))


@app.command()
def serve(home: Home = None, port: Port = 8000, host: Host = "127.0.0.1", *, anywhere: Open = False) -> None:
    """Serve what is in TWIN_HOME."""
    from api.upkeep import ready

    _serve(load(home=home), host, port, anywhere=anywhere, begin=ready)


def _serve(settings: Settings, host: str, port: int, *, anywhere: bool, begin: Callable[[Any], None]) -> None:
    from api.home import STATIC, served
    from api.serve import listen, loopback, run
    from twin.rules import Rules

    ruled = Rules.load(settings.home).any

    if not (STATIC / "index.html").exists():
        typer.secho(
            "the viewer is not built (make viewer); the APIs work all the same", err=True, fg="yellow"
        )
    listener = listen(host, port, anywhere=anywhere or ruled)
    with listener, served(settings) as twin:

        def started(address: str) -> None:
            typer.secho(f"Onemap Twin: {address}", bold=True)
            (settings.home / "address").write_text(address, "utf-8")
            typer.echo(f"  {_rights(settings, host)}")
            if not loopback(host):
                typer.echo(f"  asked by {_names(settings)}")
            begin(twin)

        named = anywhere or (ruled and not loopback(host))
        run(twin, listener, anywhere=named, static=STATIC, started=started)


def _names(settings: Settings) -> str:
    """By which names, in a line."""
    from api.access import hosts
    from api.limits import machine

    if named := hosts(settings):
        return ", ".join(sorted(named))
    return f"its addresses and {', '.join(sorted(machine()))}; other names are listed in TWIN_HOSTS"


def _rights(settings: Settings, host: str) -> str:
    """Who sees what, in a line."""
    from api.serve import loopback
    from twin.rules import Rules

    rules = Rules.load(settings.home)
    if rules.problem:
        return f"NOTHING IS SHOWN TO ANYBODY: {rules.problem}"
    if rules.any:
        return f"rules: {len({role for rule in rules.rules for role in rule.roles})} roles"
    if loopback(host):
        return "open: anyone on this machine sees everything"
    return "OPEN TO OTHER MACHINES: anyone who reaches this address sees and changes everything"


@app.command()
def init(home: Home = None) -> None:
    """Make an empty TWIN_HOME."""
    from api.home import opened

    settings = load(home=home)
    with opened(settings):
        typer.echo(f"{settings.home} is ready; next: twin ingest FILE --layer ID")


@app.command()
def ingest(
    files: Annotated[list[str], typer.Argument(help="files to take in")],
    layer: Annotated[
        str | None, typer.Option(help="the layer's id; else what the layer.toml beside the data says")
    ] = None,
    home: Home = None,
    kind: Annotated[
        str | None, typer.Option(help="buildings, terrain, networks, …; guessed where it is plain")
    ] = None,
    crs: Annotated[
        str | None,
        typer.Option(help="for a file that states none: EPSG code, WKT, PROJ string, a profile; GCJ02, BD09"),
    ] = None,
    vertical: Annotated[
        str | None,
        typer.Option(help="of its heights: 1985, 1956, NAP, EGM96, EGM2008, ellipsoid, unknown, EPSG code"),
    ] = None,
    valid_from: Annotated[
        str | None, typer.Option("--valid-from", "--date", help="the date of the survey; now when left out")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="source=target, for example 建成年代=valid_from")
    ] = None,
    nodata: Annotated[list[str] | None, typer.Option(help="column=value that means missing")] = None,
    mode: Annotated[
        Mode | None, typer.Option(help="what the delivery means for what was there; snapshot when left out")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="whose rows these are, `survey` when left out; a snapshot ends only its own source's"
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="LON,LAT[,HEIGHT] of a station or a model that says of no place")
    ] = None,
    offset: Annotated[
        float | None, typer.Option(help="metres by which a mesh or point cloud is to stand higher")
    ] = None,
    shift: Annotated[
        str | None, typer.Option(help="DX,DY[,DZ] added to the coordinates, in units of their CRS")
    ] = None,
    tz: Annotated[
        str | None, typer.Option(help="zone of times that state none, for example Asia/Shanghai")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="text encoding, for example GB18030")] = None,
    repair: Annotated[
        str | None, typer.Option(help="make-valid: repair invalid geometry, each row flagged")
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(help="KEY or TABLECOLUMN=LAYERCOLUMN: give the layer's features the table's attributes"),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Chinese title")] = None,
    title_en: Annotated[str | None, typer.Option(help="English title")] = None,
    owner: Annotated[str | None, typer.Option(help="who answers for the layer")] = None,
    due: Annotated[
        str | None, typer.Option(help="when it must be renewed: a date, or a duration such as P1Y, P6M")
    ] = None,
    licence: Annotated[str | None, typer.Option("--license", help="a name, SPDX id or address")] = None,
    attribution: Annotated[str | None, typer.Option(help="whom to name")] = None,
    accuracy: Annotated[str | None, typer.Option(help="how well it is known, for example ±5 cm")] = None,
    lineage: Annotated[str | None, typer.Option(help="how it was made, in words")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Take files in as a layer; through the running server where there is one."""
    from api import asking, taking

    settings = load(home=home)
    said = {
        "layer": layer, "kind": kind, "crs": crs, "vertical": vertical, "valid-from": valid_from,
        "column": column, "nodata": nodata, "mode": mode, "source": source, "at": at, "offset": offset,
        "shift": shift, "tz": tz, "encoding": encoding, "repair": repair, "join": join, "title": title,
        "title-en": title_en, "owner": owner, "due": due, "license": licence, "attribution": attribution,
        "accuracy": accuracy, "lineage": lineage,
    }  # fmt: skip
    told = {name: value for name, value in said.items() if value is not None and value != []}
    reports = taking.take(settings, asking.request(files, asking.labelled(files, told)), quiet=as_json)
    if as_json:
        typer.echo(_text([_report(r) for r in reports]))
    else:
        for report in reports:
            _print(report)
        _where(settings, reports)


def _report(report: Report) -> dict[str, Any]:
    from pipelines.reporting import facts

    return facts(report)


def _where(settings: Settings, reports: list[Report]) -> None:
    """Say where each report is to be had."""
    from api import taking

    server = taking.address(settings)
    for r in reports:
        path = f"{server}/api/layers/{r.layer}/reports/{r.commit}?f=html" if server else ""
        typer.echo(f"report: {path or f'twin report {r.layer} {r.commit} --xlsx FILE (or --html, --json)'}")


def _print(r: Report) -> None:
    typer.secho(
        f"{r.layer}: {r.read:,} rows read = {r.accepted:,} accepted + {r.quarantined:,} quarantined",
        bold=True,
    )
    typer.echo(
        f"  {r.added:,} added, {r.removed:,} removed, {r.changed_geometry:,} moved or reshaped, "
        f"{r.changed_attributes:,} changed in attributes, {r.unchanged:,} unchanged"
        + (f", {r.kept:,} left as people edited them" if r.kept else "")
    )
    typer.echo(f"  CRS {r.crs}, vertical datum {r.vertical}")
    if r.extent:
        corners = ", ".join(f"{v:.5f}" for v in r.extent.astuple())
        typer.echo(f"  extent {corners} (west, south, east, north): {r.place}")
    for note in r.notes:
        typer.echo(f"  · {note}")
    if r.quarantined:
        typer.echo(f"  refused rows and reasons: twin layers {r.layer}, or /api/layers/{r.layer}/quarantine")


@app.command()
def layers(
    layer: Annotated[str | None, typer.Argument(help="one layer, with its columns and reports")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """List the layers, or show one."""
    from api import cards

    with _reading(load(home=home)) as store:
        if layer is None:
            states = store.layers(Policy.open())
            typer.echo(_text([_summary(store, s) for s in states]) if as_json else _table(states))
            return
        state = store.layer(layer, Policy.open())
        count, refused = store.quarantine(layer, Policy.open(), limit=20)
        typer.echo(_text(cards.card(state, store.reports(layer, Policy.open()), count, datetime.now(UTC))))
        for row in refused:
            typer.echo(f"  row {row.row}, {row.column}: {row.reason}", err=True)


def _summary(store: Store, state: LayerState) -> dict[str, Any]:
    from api import cards

    return cards.summary(state, store.reports(state.layer.id, Policy.open()), datetime.now(UTC))


@contextmanager
def _reading(settings: Settings) -> Iterator[Store]:
    from api.home import opened

    try:
        with opened(settings) as store:
            yield store
    except StoreBusy as error:
        raise StoreBusy(f"{error}; ask the running server at /api/layers instead") from error


def _table(states: tuple[LayerState, ...]) -> str:
    lines = [f"{'layer':24} {'kind':12} {'rows':>10}  title"]
    lines += [
        f"{s.layer.id:24} {s.layer.kind:12} {s.count:>10,}  {s.layer.title.zh or s.layer.title.en}"
        for s in states
    ]
    return "\n".join(lines)


@app.command()
def run(
    process: Annotated[str, typer.Argument(help="the analysis, for example impact")],
    inputs: Annotated[str, typer.Argument(help="its inputs as JSON, or @FILE")],
    home: Home = None,
    at: Annotated[str | None, typer.Option(help="the moment")] = None,
) -> None:
    """Run an analysis and print its answer as JSON."""
    from api.body import parse
    from api.ogc import schemas
    from api.ogc.processes import processes
    from pipelines.processes.process import Context

    found = processes()
    if process not in found:
        raise InvalidParameter(f"no process {process!r}; there are {', '.join(found)}")
    raw = Path(inputs[1:]).read_bytes() if inputs.startswith("@") else inputs.encode()
    with _reading(load(home=home)) as store:
        moment = moments.parse(at, "--at") if at else None
        context = Context(store=store, policy=Policy.open(), at=moment)
        typer.echo(_text(found[process].run(schemas.read(found[process], parse(raw)), context)))


@app.command()
def backup(folder: Annotated[Path, typer.Argument(help="a new folder")], home: Home = None) -> None:
    """Write the whole twin as GeoParquet, rasters and JSON; a running server goes on serving."""
    from api.home import opened
    from pipelines import archive
    from pipelines import ingest as intake

    settings = load(home=home)
    if intake.listening(settings):
        shutil.move(intake.command(settings, "backup"), folder)
    else:
        with opened(settings) as store:
            archive.backup(store, settings, folder)
    typer.echo(f"{folder}: complete")


@app.command()
def restore(folder: Annotated[Path, typer.Argument(help="a backup")], home: Home = None) -> None:
    """Read a backup into an empty TWIN_HOME."""
    from api.home import opened
    from pipelines import archive

    settings = load(home=home)
    with opened(settings) as store:
        commit = archive.restore(store, settings, folder)
    typer.echo(f"{settings.home}: restored up to commit {commit}")


@app.command()
def doctor(home: Home = None, *, as_json: Json = False) -> None:
    """Look at what the twin needs on this machine and say what is missing."""
    from api.doctor import examine

    findings = examine(load(home=home))
    if as_json:
        typer.echo(_text([asdict(f) for f in findings]))
    else:
        for f in findings:
            typer.secho(
                f"{'ok  ' if f.fine else 'LOOK'} {f.what}: {f.detail}", fg=None if f.fine else "yellow"
            )
    if not all(f.fine for f in findings):
        raise typer.Exit(1)


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


if __name__ == "__main__":
    main()
