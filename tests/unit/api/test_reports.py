"""The report of a delivery at its door: page, JSON and workbook."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from lxml import html
from starlette.testclient import TestClient
from tests_support import HOUSES, SURVEY, houses

from api.app import create_app
from api.state import Twin
from twin.model import Delivery, Rejected
from twin.policy import Policy
from twin.rules import parse

EVIL = (
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-2",
    "@SUM(A1)",
    "http://example.org",
    "<script>alert(1)</script>",
)
PATH = "/api/layers/houses/reports"


@pytest.fixture
def number(twin: Twin) -> int:
    """The report of a delivery with refused rows that look like formulas and markup."""
    refused = tuple(
        Rejected(
            row=n,
            column="名称",
            reason=f"表!B{n}: bad {text}",
            original=text,
            cell=f"表!B{n}",
            place=(116.4, 39.9),
        )
        for n, text in enumerate(EVIL)
    )
    more = replace(houses([f"new {i}" for i in range(5)], first=20), rejected=refused)
    layer = replace(HOUSES, owner="住建局", due="P1Y", licence="https://example.org/licence")
    return twin.store.write(layer, [more], Delivery(source="survey", at=SURVEY, reader="geojson")).commit


def test_the_page_tells_rows_cells_and_changes_in_both_languages(client: TestClient, number: int) -> None:
    for lang, word in (("zh", "未入库的行"), ("en", "Refused rows")):
        answer = client.get(f"{PATH}/{number}", params={"f": "html", "lang": lang})
        assert answer.status_code == 200
        tree = html.fromstring(answer.content)
        assert word in tree.xpath("//h2/text()")
        cells = tree.xpath("//table//td[@class='short']/text()")
        assert cells[: len(EVIL)] == [f"表!B{n}" for n in range(len(EVIL))]
        assert not tree.xpath("//script")
        assert tree.xpath("//svg//g[@class='refused']")
        assert "住建局" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r'(?:src|href)="(?!http://testserver)', answer.text.replace('href="#main"', ""))


def test_json_is_the_default_and_counts_agree(client: TestClient, number: int) -> None:
    document = client.get(f"{PATH}/{number}").json()
    report = document["report"]
    assert report["read"] == report["accepted"] + report["quarantined"]
    assert len(document["refused"]) == report["quarantined"] == len(EVIL)
    assert document["changes"]["changed_attributes"]["count"] == len(
        document["changes"]["changed_attributes"]["ids"]
    )
    assert document["changes"]["removed"]["ids"] == [f"H{i:03}" for i in range(20)]
    assert {link["href"].rpartition("=")[2] for link in document["links"]} == {"json", "html", "xlsx"}


def test_the_workbook_has_no_formula_and_no_link_whatever_was_delivered(
    client: TestClient, number: int
) -> None:
    answer = client.get(f"{PATH}/{number}", params={"f": "xlsx"})
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["入库报告", "未入库的行", "与上一批的差异"]
    rows = list(book["未入库的行"].iter_rows(min_row=2))
    assert [row[4].value for row in rows] == list(EVIL)
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert not any(cell.hyperlink for sheet in book for row in sheet.iter_rows() for cell in row)
    assert [row[1].value for row in rows] == [f"表!B{n}" for n in range(len(EVIL))]
    removed = [r[1].value for r in book["与上一批的差异"].iter_rows(min_row=2) if r[0].value == "减少"]
    assert removed == [f"H{i:03}" for i in range(20)]


def test_what_was_asked_before_is_unchanged(client: TestClient, number: int) -> None:
    for form in ("json", "html", "xlsx"):
        first = client.get(f"{PATH}/{number}", params={"f": form})
        again = client.get(
            f"{PATH}/{number}", params={"f": form}, headers={"If-None-Match": first.headers["etag"]}
        )
        assert again.status_code == 304
    assert (
        client.get(f"{PATH}/{number}", headers={"accept": "text/html"})
        .headers["content-type"]
        .startswith("text/html")
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/layers/houses/reports/999", 404),
        ("/api/layers/houses/reports/0x1", 404),
        ("/api/layers/houses/reports/99999999999999999999", 404),
        ("/api/layers/none/reports/1", 404),
        ("/api/layers/houses/reports/1?f=pdf", 400),
        ("/api/layers/houses/reports/1?lang=fr", 400),
        ("/api/layers/houses/reports/1?limit=3", 400),
    ],
)
def test_what_is_not_there_is_said(client: TestClient, number: int, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "law",
    [
        'layers = ["other"]',
        'layers = ["houses"]\ncolumns = { name = "hidden" }',
        'layers = ["houses"]\nrows = "height > 10"',
    ],
)
def test_who_does_not_see_all_of_a_layer_gets_no_report(
    twin: Twin, number: int, tmp_path: Path, law: str
) -> None:
    grants = parse(f'[[rule]]\nrole = "public"\n{law}\n')
    seen = replace(twin, policy=Policy.of(tuple(rule.grant for rule in grants)))
    with TestClient(create_app(seen, static=tmp_path), raise_server_exceptions=False) as client:
        for form in ("json", "html", "xlsx"):
            answer = client.get(f"{PATH}/{number}", params={"f": form})
            assert answer.status_code == 404
            assert b"\xe5\x90\x8d" not in answer.content


def test_the_card_says_owner_due_date_and_terms(client: TestClient, number: int) -> None:
    card = client.get("/api/layers/houses").json()
    assert (card["owner"], card["date"], card["due"]) == (
        "住建局",
        "2025-07-01T00:00:00Z",
        "2026-07-01T00:00:00Z",
    )
    assert card["overdue"] is (card["age_days"] >= 365)
    assert card["reports"][0]["href"] == f"{PATH}/{number}"
    collection = client.get("/ogc/collections/houses").json()
    assert {"href": "https://example.org/licence", "rel": "license", "type": "text/html"} in collection[
        "links"
    ]
    assert collection["contacts"] == [{"organization": "住建局", "roles": ["owner"]}]
    (summary,) = [s for s in client.get("/api/layers").json()["layers"] if s["id"] == "houses"]
    assert (summary["owner"], summary["due"], summary["overdue"]) == (
        card["owner"],
        card["due"],
        card["overdue"],
    )
