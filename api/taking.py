"""Taking deliveries in from the command line, through the running server or here, and asking for their reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import typer

from pipelines import ingest as intake
from pipelines import reporting
from pipelines.reading import Request
from twin.model import Report
from twin.policy import Policy
from twin.settings import Settings


def take(settings: Settings, request: Request, *, quiet: bool) -> list[Report]:
    """Take a request's files in; one report a layer.

    Raises:
        TwinError: nothing went in. StoreBusy: another process has the store, and it takes no deliveries.
    """
    if intake.listening(settings):
        return intake.send([request], settings)
    return _here(settings, request, intake.quiet if quiet else _progress)


def _here(settings: Settings, request: Request, progress: Callable[..., None]) -> list[Report]:
    from api.access.opening import delivery, record
    from api.home import opened
    from twin.audit import Action

    with opened(settings) as store:
        known = replace(request, known_kind=intake.kinds(store).get(request.layer))
        reports = intake.ingest(store, [known], settings, progress)
    for report in reports:
        record(settings, Action.WRITE, delivery(report), layer=report.layer, rows=report.accepted)
    if progress is _progress and sys.stderr.isatty():
        typer.echo(err=True)
    return reports


def _progress(layer: str, rows: int, expected: int | None) -> None:
    if sys.stderr.isatty():
        share = f" of {expected:,}" if expected else ""
        typer.echo(f"\r  {layer}: {rows:,}{share} rows", nl=False, err=True)


def report(settings: Settings, layer: str, number: int | None) -> dict[str, Any]:
    """The report of a delivery as a document (`pipelines.reporting`), from the server where one runs.

    Raises:
        LayerNotFound, NotFound: there is no such layer or report.
    """
    if intake.listening(settings):
        found: dict[str, Any] = intake.command(settings, "report", {"layer": layer, "n": number})
        return found
    from api.home import opened

    with opened(settings) as store:
        return reporting.document(store, Policy.open(), layer, number, now=datetime.now(UTC))


def address(settings: Settings) -> str | None:
    """Where the running server of this home listens; None where none does."""
    try:
        said = (settings.home / "address").read_text("utf-8").strip() if intake.listening(settings) else ""
    except OSError:
        return None
    return said or None
