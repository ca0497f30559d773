"""`twin report` and `twin watch`: the answer to whoever sent data, and a folder to drop them in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from twin.errors import InvalidParameter
from twin.settings import load

Home = Annotated[
    Path | None, typer.Option("--home", envvar="TWIN_HOME", help="the folder that everything lives in")
]
Json = Annotated[bool, typer.Option("--json", help="facts for machines")]


def report(
    layer: Annotated[str, typer.Argument(help="the layer's id")],
    number: Annotated[
        int | None, typer.Argument(help="the report's number; the newest when left out")
    ] = None,
    home: Home = None,
    xlsx: Annotated[Path | None, typer.Option(help="write it as a workbook")] = None,
    html: Annotated[Path | None, typer.Option(help="write it as a page")] = None,
    lang: Annotated[str, typer.Option(help="of page and workbook: zh or en")] = "zh",
    *,
    as_json: Json = False,
) -> None:
    """Show the report of a delivery, or write it as a page or a workbook for its sender."""
    from api import pages, reports, taking
    from pipelines import reporting_xlsx
    from pipelines.reporting_words import WORDS

    if lang not in pages.LANGUAGES:
        raise InvalidParameter(f"--lang {lang[:20]!r}; there are {', '.join(pages.LANGUAGES)}")
    found = taking.report(load(home=home), layer, number)
    made: list[tuple[Path, bytes]] = []
    if xlsx:
        made.append((xlsx, reporting_xlsx.workbook(found, lang)))
    if html:
        made.append((html, pages.alone("report", reports.drawn(found), lang, WORDS)))
    for path, data in made:
        _write(path, data)
        typer.echo(f"{path}: report {found['n']} of {layer}", err=as_json)
    if as_json or not (xlsx or html):
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidParameter(f"{path} cannot be written: {error.strerror}") from error


def watch(
    folder: Annotated[
        Path, typer.Argument(help="where data are dropped, in a folder named after their layer")
    ],
    home: Home = None,
    every: Annotated[float, typer.Option(help="seconds between two looks")] = 2.0,
    settle: Annotated[float, typer.Option(help="seconds in which a file must stand still")] = 5.0,
    *,
    once: Annotated[bool, typer.Option("--once", help="take in what is there, then end")] = False,
) -> None:
    """Take in what is dropped into a folder; it goes to done/ or refused/ there, its report beside it."""
    from api.watching import Watch

    settings = load(home=home)
    if not folder.is_dir():
        raise InvalidParameter(f"there is no folder {str(folder)[:200]!r}")
    if not (every > 0 and settle >= 0):
        raise InvalidParameter("--every and --settle are seconds, above 0")
    with Watch(folder, settings, settle=settle, say=typer.echo) as watching:
        watching.run(every, once=once)
