"""Backgrounds over a real server of somebody else: keys stay here, failures are said, nothing leads elsewhere."""

from __future__ import annotations

import gzip
import io
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from api.state import Twin
from pipelines.outside import backgrounds, fetching
from twin.policy import Policy

KEY = "s3cret-k3y"
Answer = tuple[int, dict[str, str], bytes]


def png(colour: tuple[int, int, int] = (10, 20, 30), form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (256, 256), colour).save(out, form)
    return out.getvalue()


class Service:
    """A server whose answers a test sets; what it was asked for is kept."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[str], Answer] = lambda _: (200, {"Content-Type": "image/png"}, png())
        service = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                status, headers, body = service.answer(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def added(service: Service, twin: Twin) -> Service:
    url = f"{service.address}/t?z={{z}}&x={{x}}&y={{y}}&tk={{key}}"
    said = {"url": url, "key": KEY, "crs": "EPSG:4490", "levels": [1, 18], "zero": 1, "title": "影像"}
    backgrounds.add(twin.settings.home, "img", said)
    return service


def test_a_twin_without_backgrounds_lists_none_and_asks_nobody(client: TestClient) -> None:
    assert client.get("/api/backgrounds").json() == {"backgrounds": []}
    assert client.get("/tiles/background/img/0/0/0").status_code == 404


def test_a_tile_comes_through_the_server_once_and_the_key_stays(
    added: Service, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (listed,) = client.get("/api/backgrounds").json()["backgrounds"]
    assert (listed["tiling"], listed["minimum"], listed["maximum"]) == ("geographic", 0, 17)
    answer = client.get(listed["url"].format(z=9, x=849, y=146))
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", png())
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert added.asked == [f"/t?z=10&x=849&y=146&tk={KEY}"]
    assert client.get(listed["url"].format(z=9, x=849, y=146)).content == png()
    assert len(added.asked) == 1
    assert KEY not in repr((listed, answer.headers))
    assert added.address.split("//")[1] not in repr(listed)
    assert KEY not in caplog.text


def test_a_tile_that_many_ask_for_is_fetched_once(added: Service, client: TestClient) -> None:
    go = threading.Event()

    def slow(_: str) -> Answer:
        go.wait(20)
        return 200, {}, png()

    added.answer = slow
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(client.get, "/tiles/background/img/5/1/1") for _ in range(6)]
        go.set()
        assert {a.result().status_code for a in asked} == {200}
    assert len(added.asked) == 1


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "GIF"])
def test_a_picture_is_what_it_begins_with(added: Service, client: TestClient, form: str) -> None:
    added.answer = lambda _: (200, {"Content-Type": "text/html"}, png(form=form))
    answer = client.get("/tiles/background/img/5/1/1")
    assert answer.headers["content-type"] == f"image/{form.lower()}"
    assert answer.content == png(form=form)


FAILURES: list[tuple[Answer, int, str]] = [
    ((404, {}, b"no"), 404, "no such tile"),
    ((204, {}, b""), 404, "no such tile"),
    ((200, {}, b""), 404, "no such tile"),
    ((500, {}, png()), 502, "status 500"),
    ((403, {}, b"key " + KEY.encode()), 502, "refuses (status 403)"),
    ((200, {"Content-Type": "image/png"}, b"<script>alert(1)</script>"), 502, "no picture"),
    ((200, {"Content-Type": "image/svg+xml"}, b"<svg/>"), 502, "no picture"),
    ((302, {"Location": "http://127.0.0.1:1/elsewhere"}, b""), 502, "status 302"),
    ((200, {}, png() + b"x" * fetching.LARGEST), 502, "more than"),
    ((200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(fetching.LARGEST + 1))), 502, "more than"),
    ((200, {"Content-Length": "9999"}, png()), 502, "does not answer"),
]


@pytest.mark.parametrize(("answer", "status", "words"), FAILURES)
def test_what_is_no_tile_is_said(
    added: Service, client: TestClient, answer: Answer, status: int, words: str
) -> None:
    added.answer = lambda _: (answer[0], {**answer[1], "Connection": "close"}, answer[2])
    found = client.get("/tiles/background/img/5/1/1")
    assert found.status_code == status
    assert words in found.json()["detail"]
    assert KEY not in found.text
    assert added.address.split("//")[1] not in found.text


def test_a_redirect_is_not_followed(added: Service, client: TestClient) -> None:
    elsewhere = f"{added.address}/elsewhere"
    added.answer = lambda _: (302, {"Location": elsewhere}, b"")
    assert client.get("/tiles/background/img/5/1/1").status_code == 502
    assert not any("elsewhere" in path for path in added.asked)


def test_a_service_that_refuses_is_left_alone_for_a_while(added: Service, client: TestClient) -> None:
    added.answer = lambda _: (429, {}, b"")
    for x in range(4):
        answer = client.get(f"/tiles/background/img/5/{x}/1")
        assert (answer.status_code, "refuses" in answer.json()["detail"]) == (502, True)
    assert len(added.asked) == 1


def test_a_service_that_is_not_there_does_not_stop_the_rest(added: Service, client: TestClient) -> None:
    added.server.shutdown()
    added.server.server_close()
    answer = client.get("/tiles/background/img/5/1/1")
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/outside-failed")
    assert "does not answer" in answer.json()["detail"]
    assert client.get("/api/layers").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("img/18/0/0", 404),
        ("img/0/2/0", 404),
        ("img/0/0/1", 404),
        ("img/-1/0/0", 404),
        ("img/1/x/0", 404),
        ("img/24/9999999999999999999999/0", 404),
        ("none/0/0/0", 404),
        ("img/0/0/0?tk=1", 400),
    ],
)
def test_an_address_that_is_none_reaches_nobody(
    added: Service, client: TestClient, path: str, status: int
) -> None:
    assert client.get(f"/tiles/background/{path}").status_code == status
    assert added.asked == []


def test_who_sees_nothing_gets_no_background(added: Service, twin: Twin, tmp_path: Path) -> None:
    nobody = replace(twin, policy=Policy.of(()))
    with TestClient(create_app(nobody, static=tmp_path)) as client:
        assert client.get("/api/backgrounds").json() == {"backgrounds": []}
        assert client.get("/tiles/background/img/5/1/1").status_code == 404
    assert added.asked == []


def test_a_slip_in_the_file_is_said_and_the_rest_goes_on(client: TestClient, twin: Twin) -> None:
    (twin.settings.home / backgrounds.FILE).write_text(f'[img]\nurl = "http://h/{{z}}"\nkey = "{KEY}"\n')
    answer = client.get("/api/backgrounds").json()
    assert answer["backgrounds"] == []
    assert "[img] url needs" in answer["problem"]
    assert KEY not in answer["problem"]


def test_a_wmts_is_added_by_its_capabilities(service: Service, tmp_path: Path, twin: Twin) -> None:
    levels = "".join(
        f"<TileMatrix><ows:Identifier>{z}</ows:Identifier>"
        f"<ScaleDenominator>{2.958293554545656e8 / 2 ** (z - 1)!r}</ScaleDenominator>"
        "<TopLeftCorner>90.0 -180.0</TopLeftCorner><TileWidth>256</TileWidth></TileMatrix>"
        for z in range(1, 19)
    )
    document = f"""<Capabilities xmlns="http://www.opengis.net/wmts/1.0"
      xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink">
      <ows:OperationsMetadata><ows:Operation name="GetTile"><ows:DCP><ows:HTTP>
      <ows:Get xlink:href="{service.address}/wmts?"/></ows:HTTP></ows:DCP></ows:Operation></ows:OperationsMetadata>
      <Contents><Layer><ows:Identifier>img</ows:Identifier><Format>tiles</Format><TileMatrixSetLink>
      <TileMatrixSet>c</TileMatrixSet></TileMatrixSetLink></Layer><TileMatrixSet><ows:Identifier>c</ows:Identifier>
      <ows:SupportedCRS>urn:ogc:def:crs:EPSG::4490</ows:SupportedCRS>{levels}</TileMatrixSet></Contents>
      </Capabilities>""".encode()
    service.answer = lambda path: (200, {}, document if "GetCapabilities" in path else png())
    words = ["background", "add", "img", f"{service.address}/wmts?tk={{key}}", "--home", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--title", "影像"], env={"TWIN_BACKGROUND_KEY": KEY})
    assert done.exit_code == 0, done.output
    assert "EPSG:4490, levels 0 to 17" in done.output
    told = CliRunner().invoke(app, ["background", "list", "--home", str(tmp_path)])
    assert "img  影像  EPSG:4490" in told.output
    assert KEY not in done.output + told.output
    with TestClient(create_app(twin, static=tmp_path)) as client:
        assert client.get("/tiles/background/img/9/849/146").content == png()
    assert "TILEMATRIX=10&TILEROW=146&TILECOL=849" in service.asked[-1]
    assert service.asked[-1].endswith(f"&tk={KEY}")
    gone = CliRunner().invoke(app, ["background", "remove", "img", "--home", str(tmp_path)])
    assert gone.exit_code == 0
    assert backgrounds.load(tmp_path) == {}


def test_xyz_is_added_by_its_address(tmp_path: Path) -> None:
    words = ["background", "add", "osm", "https://{s}.example.org/{z}/{x}/{y}.png", "--home", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--subdomains", "abc", "--levels", "0-19"])
    assert done.exit_code == 0, done.output
    found = backgrounds.load(tmp_path)["osm"]
    assert (found.range, found.subdomains, found.crs) == ((0, 19), ("a", "b", "c"), "EPSG:3857")
