"""What a WMTS says of itself (OGC 07-057r7, 7.1): a layer of it as a background."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from lxml import etree

from twin.errors import InvalidParameter, UnreadableFile

NS: Final = {
    "w": "http://www.opengis.net/wmts/1.0",
    "o": "http://www.opengis.net/ows/1.1",
    "x": "http://www.w3.org/1999/xlink",
}
CODES: Final = {
    "3857": "EPSG:3857",
    "900913": "EPSG:3857",
    "4490": "EPSG:4490",
    "4326": "EPSG:4326",
    "CRS84": "EPSG:4326",
}
PIXEL: Final = 0.00028
"""Metres that a pixel is meant to be wide (6.1)."""
DEGREE: Final = 111_319.49079327358
"""Metres of a degree by which scales of geographic sets are told (WGS 84)."""
AROUND: Final = 40_075_016.68557849
"""Metres around the equator."""
NEARLY: Final = 0.1
"""Levels by which a stated scale may miss: some services (天地图) write that of mercator for geographic sets."""
FORMATS: Final = ("image/png", "image/jpeg", "image/webp", "image/jpg")
OURS: Final = ("service", "request", "version", "acceptversions", "layer")


def background(document: bytes, asked: str, *, layer: str | None, chosen: str | None) -> dict[str, Any]:
    """The section of `backgrounds.toml` for a layer of a WMTS.

    Args:
        document: the capabilities.
        asked: the address that they came from, placeholders unfilled.
        layer: its identifier; may be left out where there is one only.
        chosen: a TileMatrixSet; the first that fits when left out, mercator before others.

    Raises:
        UnreadableFile: it is no capabilities document.
        InvalidParameter: there is no such layer or set, or none that fits; says which there are.
    """
    root = _parsed(document)
    found = _layer(root, layer)
    name, crs, matrices, zero, size = _set(root, found, chosen)
    first = min(matrices)
    names = [matrices[z] for z in range(first, first + len(matrices))]
    plain = [str(z + zero) for z in range(first, first + len(matrices))]
    title = found.findtext("o:Title", "", NS) or found.findtext("o:Identifier", "", NS)
    said: dict[str, Any] = {
        "url": _address(root, found, name, asked),
        "crs": crs,
        "levels": [first + zero, first + zero + len(names) - 1],
        "zero": zero,
        "size": size,
        "title": title,
        "attribution": root.findtext("o:ServiceProvider/o:ProviderName", "", NS),
    }
    return said | ({"matrices": names} if names != plain else {}) | _box(found)


def _parsed(document: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableFile(f"what came is no XML: {str(error)[:200]}") from None
    if root.tag != f"{{{NS['w']}}}Capabilities":
        raise UnreadableFile(f"what came is no WMTS 1.0 capabilities document but {str(root.tag)[:100]!r}")
    return root


def _layer(root: Any, wanted: str | None) -> Any:
    layers = {e.findtext("o:Identifier", "", NS): e for e in root.findall("w:Contents/w:Layer", NS)}
    if wanted is None and len(layers) == 1:
        return next(iter(layers.values()))
    if wanted in layers:
        return layers[wanted]
    few = ", ".join(list(layers)[:20]) + (" …" if len(layers) > 20 else "")
    said = "several layers; name one with --layer" if wanted is None else f"no layer {wanted[:80]!r}"
    raise InvalidParameter(f"the service has {said}: {few or 'it has none'}")


def _set(root: Any, layer: Any, chosen: str | None) -> tuple[str, str, dict[int, str], int, int]:
    """Name, CRS, matrices by level, number of level 0 and tile size of the set to take."""
    linked = [e.text or "" for e in layer.findall("w:TileMatrixSetLink/w:TileMatrixSet", NS)]
    if chosen is not None and chosen not in linked:
        raise InvalidParameter(f"the layer has no set {chosen[:80]!r}; it has {', '.join(linked)}")
    sets = {e.findtext("o:Identifier", "", NS): e for e in root.findall("w:Contents/w:TileMatrixSet", NS)}
    fits, wrong = [], []
    for name in [chosen] if chosen else linked:
        try:
            fits.append((name, *_matrices(sets[name])))
        except (KeyError, ValueError) as error:
            wrong.append(f"{name}: {error}")
    if not fits:
        raise InvalidParameter(
            "no set of the layer is a pyramid of the world in EPSG:3857, 4490 or 4326: "
            + "; ".join(wrong)[:800]
        )
    return min(fits, key=lambda f: f[1] != "EPSG:3857")


def _matrices(said: Any) -> tuple[str, dict[int, str], int, int]:
    """CRS, matrices by level, number of level 0 and tile size. Raises ValueError where it is no such pyramid."""
    code = re.findall(r"CRS84|\d+", said.findtext("o:SupportedCRS", "", NS))
    crs = CODES.get(code[-1] if code else "")
    if crs is None:
        raise ValueError("another CRS")
    levels = dict(_level(m, crs) for m in said.findall("w:TileMatrix", NS))
    sizes = {m.findtext("w:TileWidth", "", NS) for m in said.findall("w:TileMatrix", NS)}
    if not levels or len(sizes) != 1 or len(levels) != max(levels) - min(levels) + 1:
        raise ValueError("levels or tile sizes that do not follow one another")
    numbered = [(z, int(name)) for z, name in levels.items() if name.isdigit()]
    shifts = {n - z for z, n in numbered}
    zero = shifts.pop() if len(numbered) == len(levels) and len(shifts) == 1 else 0
    return crs, levels, zero, int(sizes.pop())


def _level(matrix: Any, crs: str) -> tuple[int, str]:
    """Which level a matrix is, the world being 0, and its name."""
    name = matrix.findtext("o:Identifier", "", NS)
    width = float(matrix.findtext("w:ScaleDenominator", "nan", NS)) * PIXEL
    width *= int(matrix.findtext("w:TileWidth", "0", NS))
    corner = sorted(float(v) for v in matrix.findtext("w:TopLeftCorner", "", NS).split())
    flat = crs == "EPSG:3857"
    world, edges = (AROUND, [-AROUND / 2, AROUND / 2]) if flat else (180 * DEGREE, [-180.0, 90.0])
    near = 10.0 if flat else 1e-3
    if len(corner) != 2 or any(abs(a - b) > near for a, b in zip(corner, edges, strict=True)):
        raise ValueError("does not begin at the world's corner")
    exact = math.log2(world / width) if width > 0 else math.nan
    level = round(exact) if math.isfinite(exact) else -1
    if level < 0 or abs(exact - level) > NEARLY:
        raise ValueError(f"the scale of level {name[:40]!r} is none that halves the world")
    return level, name


def _address(root: Any, layer: Any, chosen: str, asked: str) -> str:
    """The address of tiles, on the host that was asked."""
    style = next(
        (s for s in layer.findall("w:Style", NS) if s.get("isDefault") == "true"), layer.find("w:Style", NS)
    )
    named = "default" if style is None else style.findtext("o:Identifier", "default", NS)
    values = {"style": named, "tilematrixset": chosen, **_dimensions(layer)}
    rest = [r for r in layer.findall("w:ResourceURL", NS) if r.get("resourceType") == "tile"]
    if rest:
        best = min(rest, key=lambda r: _rank(r.get("format", "")))
        return _joined(_filled(best.get("template", ""), values), asked)
    return _joined(f"{_operation(root)}{_query(layer, values)}", asked)


def _rank(format_: str) -> int:
    return FORMATS.index(format_) if format_ in FORMATS else len(FORMATS)


def _dimensions(layer: Any) -> dict[str, str]:
    found = layer.findall("w:Dimension", NS)
    return {d.findtext("o:Identifier", "", NS).lower(): d.findtext("w:Default", "", NS) for d in found}


def _filled(template: str, values: Mapping[str, str]) -> str:
    """A REST template with all but level, row and column filled in."""
    tile = {"tilematrix": "{z}", "tilerow": "{y}", "tilecol": "{x}"}

    def one(found: re.Match[str]) -> str:
        name = found[1].lower()
        if name not in values and name not in tile:
            raise InvalidParameter(
                f"the service's template asks for {found[0][:40]}, which it does not explain"
            )
        return tile.get(name) or quote(values[name], safe=":")

    return re.sub(r"\{([^{}]*)\}", one, template)


def _operation(root: Any) -> str:
    path = "o:OperationsMetadata/o:Operation[@name='GetTile']/o:DCP/o:HTTP/o:Get"
    hrefs = (e.get(f"{{{NS['x']}}}href") for e in root.findall(path, NS))
    found = next((h for h in hrefs if h), None)
    if found is None:
        raise InvalidParameter("the service names no address of tiles")
    href = str(found)
    return href if href.endswith(("?", "&")) else href + ("&" if "?" in href else "?")


def _query(layer: Any, values: Mapping[str, str]) -> str:
    formats = [e.text or "" for e in layer.findall("w:Format", NS)] or ["image/png"]
    said = {
        "SERVICE": "WMTS",
        "REQUEST": "GetTile",
        "VERSION": "1.0.0",
        "LAYER": layer.findtext("o:Identifier", "", NS),
        "STYLE": values["style"],
        "FORMAT": min(formats, key=_rank),
        "TILEMATRIXSET": values["tilematrixset"],
        **{k.upper(): v for k, v in values.items() if k not in ("style", "tilematrixset")},
    }
    pairs = "&".join(f"{k}={quote(v, safe=':')}" for k, v in said.items())
    return f"{pairs}&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}"


def _joined(tiles: str, asked: str) -> str:
    """The address of tiles on the host that was asked, with what else was asked with (a key).

    A document must not send us to hosts that nobody named. Behind a proxy it often names another port or scheme.
    """
    there, here = urlsplit(tiles), urlsplit(asked)
    like = re.escape(here.hostname or "").replace(r"\{s\}", r"[\w-]*")
    if not re.fullmatch(like, there.hostname or ""):
        raise InvalidParameter(
            f"the service's tiles are on another host, {str(there.hostname)[:100]!r}; if it is to be asked, add the"
            " background with the address of its tiles ({z}, {x}, {y})"
        )
    given = {k.lower() for k, _ in parse_qsl(there.query, keep_blank_values=True)}
    more = [
        f"{k}={quote(v, safe='{}:')}"
        for k, v in parse_qsl(here.query, keep_blank_values=True)
        if k.lower() not in OURS and k.lower() not in given
    ]
    query = "&".join(part for part in (there.query, *more) if part)
    return f"{here.scheme}://{here.netloc}{there.path}" + (f"?{query}" if query else "")


def _box(layer: Any) -> dict[str, list[float]]:
    corners = [layer.findtext(f"o:WGS84BoundingBox/o:{c}Corner", "", NS).split() for c in ("Lower", "Upper")]
    values = list(_numbers(corners))
    if len(values) != 4:
        return {}
    west, south, east, north = (
        max(min(v, limit), -limit) for v, limit in zip(values, (180, 90, 180, 90), strict=True)
    )
    return {"bbox": [west, south, east, north]} if west < east and south < north else {}


def _numbers(corners: list[list[str]]) -> Iterator[float]:
    for text in (t for corner in corners for t in corner):
        try:
            value = float(text)
        except ValueError:
            return
        if math.isfinite(value):
            yield value
