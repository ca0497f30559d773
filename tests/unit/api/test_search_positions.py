"""Coordinates in the search."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient


def test_coordinates_are_found_with_and_without_zone_number(client: TestClient) -> None:
    # The houses lie at 116.4° E: 3-degree zone 39, 117° E.
    for typed in ("4179954.596 558165.990", "4179954.596 39558165.990"):
        answer = client.get("/api/search", params={"q": typed}).json()
        assert answer["hits"] == []
        (place,) = answer["positions"]
        assert (place["lon"], place["lat"]) == pytest.approx((117.66, 37.75), abs=1e-7)
    assert client.get("/api/search", params={"q": "house"}).json()["positions"] == []
