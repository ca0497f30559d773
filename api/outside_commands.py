"""`twin background …`: maps of others, fetched through the server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from pipelines.outside import backgrounds, capabilities
from pipelines.outside.fetching import client, fetched
from twin.errors import InvalidParameter, OutsideFailed
from twin.settings import load

Home = Annotated[
    Path | None, typer.Option("--home", envvar="TWIN_HOME", help="the folder that everything lives in")
]
background = typer.Typer(no_args_is_help=True, help="Maps of others as a background: add, list, remove.")
LARGEST = 16 << 20
"""Bytes of a capabilities document."""


@background.command()
def add(
    name: Annotated[str, typer.Argument(help="a-z, 0-9, _ and -")],
    url: Annotated[
        str,
        typer.Argument(help="of tiles with {z} {x} {y} (and {s}, {key}), or of a WMTS capabilities document"),
    ],
    home: Home = None,
    layer: Annotated[str | None, typer.Option(help="of a WMTS: the layer's identifier")] = None,
    matrix_set: Annotated[str | None, typer.Option("--set", help="of a WMTS: the TileMatrixSet")] = None,
    crs: Annotated[str | None, typer.Option(help="of tiles: EPSG:3857 (the default), 4490 or 4326")] = None,
    levels: Annotated[str | None, typer.Option(help="of tiles: first-last as the service counts")] = None,
    zero: Annotated[
        int | None,
        typer.Option(help="of tiles: its number of the level that shows the world in 1 tile (3857) or 2"),
    ] = None,
    subdomains: Annotated[str, typer.Option(help="what {s} stands for, a character each: 01234567")] = "",
    key: Annotated[
        str, typer.Option(envvar="TWIN_BACKGROUND_KEY", help="what {key} stands for; - asks for it")
    ] = "",
    title: Annotated[str, typer.Option(help="Chinese title")] = "",
    title_en: Annotated[str, typer.Option(help="English title")] = "",
    attribution: Annotated[str, typer.Option(help="whose it is, shown on the map")] = "",
) -> None:
    """Add a background: by the address of its tiles, or by a WMTS that says where they are."""
    key = typer.prompt("key", hide_input=True) if key == "-" else key
    said: dict[str, Any] = {"url": url, "subdomains": subdomains, "key": key}
    said |= {"title": title, "title_en": title_en, "attribution": attribution}
    tiles = {"crs": crs, "levels": _levels(levels), "zero": zero}
    if "{x}" in url:
        if layer or matrix_set:
            raise InvalidParameter("--layer and --set are of a WMTS; the address is one of tiles")
        said |= {k: v for k, v in tiles.items() if v is not None}
    else:
        if any(v is not None for v in tiles.values()):
            raise InvalidParameter("--crs, --levels and --zero are of an address with {z}, {x} and {y}")
        document = asyncio.run(_document(url, subdomains, key))
        found = capabilities.background(document, url, layer=layer, chosen=matrix_set)
        said = found | {k: v for k, v in said.items() if v and k != "url"}
    made = backgrounds.add(load(home=home).home, name, {k: v for k, v in said.items() if v not in ("", None)})
    first, last = made.range
    typer.echo(
        f"{made.name}: {made.crs}, levels {first} to {last}, from {made.host}; off until somebody turns it on"
    )


def _levels(text: str | None) -> list[int] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise InvalidParameter(f"--levels {text[:50]!r}; it takes first-last, for example 1-18")
    return [int(first), int(last)]


async def _document(url: str, subdomains: str, key: str) -> bytes:
    """The capabilities of a service.

    Raises:
        OutsideFailed: it does not answer; the message holds no address.
    """
    plain = backgrounds.filled(url, subdomains[:1], key)
    if "?" not in plain and not plain.lower().endswith(".xml"):
        plain += "?SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0"
    elif "?" in plain and "request=" not in plain.lower():
        plain += "&SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0"
    async with client() as by:
        status, body = await fetched(by, plain, largest=LARGEST)
    if status != 200:
        raise OutsideFailed(f"the service answered with status {status}")
    return body


@background.command("list")
def listed(
    home: Home = None, *, as_json: Annotated[bool, typer.Option("--json", help="facts for machines")] = False
) -> None:
    """List the backgrounds, without addresses and keys."""
    found = backgrounds.load(load(home=home).home)
    facts = [
        {"name": b.name, "title": b.title, "crs": b.crs, "levels": list(b.range), "host": b.host}
        for b in found.values()
    ]
    if as_json:
        typer.echo(orjson.dumps(facts).decode())
        return
    for fact in facts:
        typer.echo("  ".join(str(v) for v in fact.values()))


@background.command()
def remove(name: Annotated[str, typer.Argument()], home: Home = None) -> None:
    """Remove a background; what was kept of its tiles goes by and by."""
    backgrounds.remove(load(home=home).home, name)
    typer.echo(f"{name} is removed")
