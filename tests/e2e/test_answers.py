"""Whoever sends data gets the report that `twin ingest` names, with a server and without."""

from __future__ import annotations

import json
import re
from pathlib import Path

import openpyxl
from servers import start, stop, twin

POINT = {
    "type": "Feature",
    "id": "a",
    "geometry": {"type": "Point", "coordinates": [118, 38]},
    "properties": {},
}
LOST = {**POINT, "id": "b", "geometry": {"type": "Point", "coordinates": [400, 38]}}


def collection(folder: Path) -> Path:
    path = folder / "井点.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [POINT, LOST]}))
    return path


def test_the_report_is_had_without_a_server_and_at_the_address_that_is_printed(tmp_path: Path) -> None:
    home, path = tmp_path / "home", collection(tmp_path)
    (tmp_path / "layer.toml").write_text('layer = "wells"\nowner = "水务局"\ndue = "P1Y"\n', "utf-8")
    done = twin(home, "ingest", str(path))
    assert re.search(r"^report: twin report wells \d+", done.stdout, re.MULTILINE)
    assert "layer.toml beside the data says due, layer, owner" in done.stdout
    twin(
        home,
        "report",
        "wells",
        "--xlsx",
        str(tmp_path / "r.xlsx"),
        "--html",
        str(tmp_path / "r.html"),
        "--lang",
        "en",
    )
    assert openpyxl.load_workbook(tmp_path / "r.xlsx").sheetnames[1] == "Refused rows"
    assert "水务局" in (tmp_path / "r.html").read_text("utf-8")
    server = start(home)
    try:
        said = server.twin("ingest", str(path), "--accuracy", "±5 cm").stdout
        (address,) = re.findall(r"^report: (http\S+)$", said, re.MULTILINE)
        assert "<svg" not in server.get(address.removeprefix(server.address)).text
        document = json.loads(server.twin("report", "wells").stdout)
        assert document["report"]["unchanged"] == 1
        assert (document["card"]["owner"], document["card"]["accuracy"]) == ("水务局", "±5 cm")
        (tmp_path / "drop" / "wells").mkdir(parents=True)
        collection(tmp_path / "drop" / "wells")
        server.twin("watch", str(tmp_path / "drop"), "--once", "--settle", "0", "--every", "0.1")
        assert list((tmp_path / "drop" / "done" / "wells").glob("*/report.xlsx"))
        assert len(server.json("/api/layers/wells")["reports"]) == 3
    finally:
        stop(server)
