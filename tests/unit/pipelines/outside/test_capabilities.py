"""Capabilities of WMTS services as they are met, each with what it is to become."""

from __future__ import annotations

from typing import Any

import pytest
from morecantile import tms

from pipelines.outside import backgrounds, capabilities
from twin.errors import InvalidParameter, UnreadableFile

MERCATOR = ("urn:ogc:def:crs:EPSG::3857", "-20037508.342789244 20037508.342789244")
LATLON = ("urn:ogc:def:crs:EPSG::4490", "90.0 -180.0")
LONLAT = ("urn:ogc:def:crs:OGC:1.3:CRS84", "-180.0 90.0")


def matrix_set(
    name: str,
    crs: tuple[str, str],
    matrices: list[tuple[str, float]],
    size: int = 256,
    corner: str | None = None,
) -> str:
    levels = "".join(
        f"<TileMatrix><ows:Identifier>{m}</ows:Identifier><ScaleDenominator>{scale!r}</ScaleDenominator>"
        f"<TopLeftCorner>{corner or crs[1]}</TopLeftCorner><TileWidth>{size}</TileWidth><TileHeight>{size}</TileHeight>"
        f"<MatrixWidth>1</MatrixWidth><MatrixHeight>1</MatrixHeight></TileMatrix>"
        for m, scale in matrices
    )
    return (
        f"<TileMatrixSet><ows:Identifier>{name}</ows:Identifier><ows:SupportedCRS>{crs[0]}</ows:SupportedCRS>"
        f"{levels}</TileMatrixSet>"
    )


def document(
    *sets: str, links: list[str], href: str = "http://maps.example.org/wmts", layer: str = ""
) -> bytes:
    linked = "".join(
        f"<TileMatrixSetLink><TileMatrixSet>{n}</TileMatrixSet></TileMatrixSetLink>" for n in links
    )
    return f"""<?xml version="1.0"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1"
  xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">
<ows:ServiceProvider><ows:ProviderName>省地理信息中心</ows:ProviderName></ows:ServiceProvider>
<ows:OperationsMetadata><ows:Operation name="GetTile"><ows:DCP><ows:HTTP>
<ows:Get xlink:href="{href}"/></ows:HTTP></ows:DCP></ows:Operation></ows:OperationsMetadata>
<Contents><Layer><ows:Title>影像</ows:Title>
<ows:WGS84BoundingBox><ows:LowerCorner>114.8 34.3</ows:LowerCorner>
<ows:UpperCorner>122.8 38.5</ows:UpperCorner></ows:WGS84BoundingBox>
<ows:Identifier>img</ows:Identifier><Style isDefault="true"><ows:Identifier>default</ows:Identifier></Style>
{layer or "<Format>tiles</Format>"}{linked}</Layer>{"".join(sets)}</Contents></Capabilities>""".encode()


def scales(identifier: str, first: int, last: int) -> list[float]:
    """Scale denominators of a registered set."""
    known = tms.get(identifier)
    return [known.matrix(z).scaleDenominator for z in range(first, last + 1)]


def read(raw: bytes, asked: str = "https://maps.example.org/wmts?tk={key}", **said: Any) -> dict[str, Any]:
    return capabilities.background(raw, asked, layer=said.get("layer"), chosen=said.get("chosen"))


def test_a_set_that_counts_from_one_and_tells_the_scales_of_mercator() -> None:
    # 天地图 `c`: level 1 has two tiles, and the scale is that of mercator's level 1.
    levels = [(str(z), 2.958293554545656e8 / 2 ** (z - 1)) for z in range(1, 19)]
    found = read(document(matrix_set("c", LATLON, levels), links=["c"]))
    assert (found["crs"], found["levels"], found["zero"]) == ("EPSG:4490", [1, 18], 1)
    assert "matrices" not in found
    made = backgrounds.checked("b", found | {"key": "K"})
    assert backgrounds.address(made, 0, 1, 0) == (
        "https://maps.example.org/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=img&STYLE=default"
        "&FORMAT=tiles&TILEMATRIXSET=c&TILEMATRIX=1&TILEROW=0&TILECOL=1&tk=K"
    )
    assert found["attribution"] == "省地理信息中心"
    assert found["bbox"] == [114.8, 34.3, 122.8, 38.5]


def test_levels_with_names_and_mercator_before_others() -> None:
    flat = [(f"EPSG:4326:{z}", s) for z, s in enumerate(scales("WorldCRS84Quad", 0, 5))]
    web = [(f"EPSG:900913:{z}", s) for z, s in enumerate(scales("WebMercatorQuad", 0, 6))]
    raw = document(
        matrix_set("EPSG:4326", LONLAT, flat),
        matrix_set("EPSG:900913", ("urn:ogc:def:crs:EPSG::900913", MERCATOR[1]), web),
        links=["EPSG:4326", "EPSG:900913"],
    )
    found = read(raw)
    assert (found["crs"], found["zero"], found["levels"]) == ("EPSG:3857", 0, [0, 6])
    assert found["matrices"][3] == "EPSG:900913:3"
    other = read(raw, chosen="EPSG:4326")
    assert (other["crs"], other["levels"]) == ("EPSG:4326", [0, 5])


def test_a_set_that_begins_further_in_and_has_larger_tiles() -> None:
    levels = [(str(z), s) for z, s in zip(range(7, 12), scales("WebMercatorQuad", 8, 12), strict=True)]
    found = read(document(matrix_set("w", MERCATOR, levels, size=512), links=["w"]))
    assert (found["levels"], found["zero"], found["size"]) == ([7, 11], 0, 512)


def test_a_rest_template_with_dimensions() -> None:
    layer = """<Format>image/jpeg</Format><Dimension><ows:Identifier>Time</ows:Identifier>
    <Default>2024</Default></Dimension>
    <ResourceURL format="image/jpeg" resourceType="tile"
     template="http://maps.example.org:8080/t/{Time}/{Style}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.jpg"/>"""
    levels = [(str(z), s) for z, s in enumerate(scales("WebMercatorQuad", 0, 3))]
    found = read(document(matrix_set("w", MERCATOR, levels), links=["w"], layer=layer))
    assert found["url"] == "https://maps.example.org/t/2024/default/w/{z}/{y}/{x}.jpg?tk={key}"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (document(links=[]), "no set of the layer"),
        (document(matrix_set("g", ("EPSG:4547", "0 0"), [("0", 1.0)]), links=["g"]), "g: another CRS"),
        (document(matrix_set("w", MERCATOR, [("0", 3e8)]), links=["w"]), "none that halves"),
        (document(matrix_set("w", MERCATOR, [("0", 0.0)]), links=["w"]), "none that halves"),
        (
            document(
                matrix_set("w", MERCATOR, [("0", scales("WebMercatorQuad", 0, 0)[0])], corner="0 0"),
                links=["w"],
            ),
            "world's corner",
        ),
        (
            document(
                matrix_set("w", MERCATOR, [("0", scales("WebMercatorQuad", 0, 0)[0])]),
                links=["w"],
                href="http://169.254.169.254/latest",
            ),
            "another host, '169.254.169.254'",
        ),
    ],
)
def test_what_does_not_fit_is_said(raw: bytes, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words.replace("(", r"\(")):
        read(raw)


def test_a_layer_that_is_not_there_is_said_with_those_that_are() -> None:
    with pytest.raises(InvalidParameter, match="no layer 'vec': img"):
        read(document(links=[]), layer="vec")


@pytest.mark.parametrize("raw", [b"", b"<html>", b"<html/>", b"no", b'{"a": 1}'])
def test_what_is_no_capabilities_is_said(raw: bytes) -> None:
    with pytest.raises(UnreadableFile, match="no "):
        read(raw)


def test_a_document_reads_no_file_of_ours(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    raw = (
        document(links=[])
        .replace(b'<?xml version="1.0"?>', f'<!DOCTYPE a [<!ENTITY e SYSTEM "file://{secret}">]>'.encode())
        .replace(b"<ows:Identifier>img<", b"<ows:Identifier>&e;<")
    )
    with pytest.raises((InvalidParameter, UnreadableFile)) as caught:
        read(raw, layer="x")
    assert "hush" not in str(caught.value)
