"""Differences between two moments, values of a column, sums of a selection: held against plain counting."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests_support import HOUSES, SURVEY, houses

from api.state import Twin
from pipelines import figures
from twin.model import Delivery

EARLY, BEFORE, LATE = "2025-01-01T00:00:00Z", "2025-08-01T00:00:00Z", "2026-06-01T00:00:00Z"
CHANGED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def changed(twin: Twin) -> None:
    """From 2026 on: H000 to H002 are gone, H003 has another name, H025 is new."""
    names = ["renamed", *(f"house {i}" for i in range(4, 26))]
    batch = houses(names, first=3)
    heights = 3.0 * np.arange(4, 27)
    columns = {"height": heights, "storeys": np.arange(4, 27)}
    table = batch.table
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    twin.store.write(HOUSES, [type(batch)(crs=None, table=table)], Delivery(source="survey", at=CHANGED))


def differences(client: TestClient, **said: str) -> dict:
    answer = client.get("/api/differences", params={"layers": "houses", **said})
    assert answer.status_code == 200, answer.text
    (layer,) = answer.json()["layers"]
    return layer


@pytest.mark.usefixtures("changed")
def test_what_began_ended_and_changed_between_two_moments(client: TestClient) -> None:
    found = differences(client, **{"from": BEFORE, "to": LATE})
    assert (found["added"], found["removed"], found["changed"]) == (1, 3, 1)
    by_id = {d["id"]: d for d in found["differences"]}
    assert by_id["H003"]["columns"] == {"name": ["house 3", "renamed"]}
    assert by_id["H025"]["kind"] == "added"
    assert {i for i, d in by_id.items() if d["kind"] == "removed"} == {"H000", "H001", "H002"}
    assert by_id["H000"]["bbox"] == pytest.approx([116.4, 39.9, 116.4002, 39.9002])


@pytest.mark.usefixtures("changed")
def test_the_other_way_round_is_the_other_way_round(client: TestClient) -> None:
    found = differences(client, **{"from": LATE, "to": BEFORE})
    assert (found["added"], found["removed"], found["changed"]) == (3, 1, 1)
    renamed = next(d for d in found["differences"] if d["kind"] == "changed")
    assert renamed["columns"] == {"name": ["renamed", "house 3"]}


@pytest.mark.usefixtures("changed")
def test_nothing_changed_within_a_period_and_everything_came_at_the_survey(client: TestClient) -> None:
    quiet = differences(client, **{"from": BEFORE, "to": "2025-12-01T00:00:00Z"})
    assert (quiet["added"], quiet["removed"], quiet["changed"]) == (0, 0, 0)
    first = differences(client, **{"from": EARLY, "to": BEFORE}, limit="4")
    assert (first["added"], first["removed"], first["changed"]) == (25, 0, 0)
    assert len(first["differences"]) == 4


@pytest.mark.usefixtures("changed")
def test_what_was_known_on_either_side_is_asked_for_too(client: TestClient, twin: Twin) -> None:
    known = twin.store.reports("houses", twin.policy)[-1].at.isoformat()
    found = differences(client, **{"from": LATE, "to": LATE, "known_from": known})
    assert (found["added"], found["removed"], found["changed"]) == (1, 3, 1)


@pytest.mark.usefixtures("changed")
def test_a_box_narrows_the_differences(client: TestClient) -> None:
    found = differences(client, **{"from": BEFORE, "to": LATE, "bbox": "116.3999,39.8,116.4012,40"})
    assert (found["added"], found["removed"], found["changed"]) == (0, 2, 0)


def test_what_cannot_be_compared_is_refused(client: TestClient) -> None:
    for said in ({"from": "yesterday"}, {"layers": "nowhere"}, {"colour": "red"}, {"bbox": "1,2,3"}):
        assert client.get("/api/differences", params=said).status_code in (400, 404), said


def test_sums_are_those_of_the_rows_that_a_filter_holds(client: TestClient) -> None:
    ring = "116.3999 39.8, 116.4041 39.8, 116.4041 40, 116.3999 40, 116.3999 39.8"
    said = {"filter": f"S_INTERSECTS(geom, POLYGON(({ring})))", "limit": "2", "datetime": SURVEY.isoformat()}
    answer = client.get("/api/layers/houses/sums", params=said).json()
    assert (answer["count"], answer["ids"]) == (5, ["H000", "H001"])
    height = next(c for c in answer["columns"] if c["name"] == "height")
    assert (height["sum"], height["min"], height["max"], height["unit"]) == (45.0, 3.0, 15.0, "m")


def test_values_of_a_column(client: TestClient) -> None:
    answer = client.get("/api/layers/houses/values", params={"column": "name", "limit": "3"}).json()
    assert (len(answer["values"]), answer["distinct"], answer["missing"]) == (3, 25, 0)
    steps = {"column": "height", "steps": "5", "method": "equal"}
    assert client.get("/api/layers/houses/values", params=steps).json()["breaks"] == [17.4, 31.8, 46.2, 60.6]


@pytest.mark.parametrize(
    "said",
    [{}, {"column": "nope"}, {"column": "height", "steps": "1"}, {"column": "height", "method": "jenks2"}],
)
def test_values_that_cannot_be_are_refused(client: TestClient, said: dict[str, str]) -> None:
    assert client.get("/api/layers/houses/values", params=said).status_code == 400


numbers = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60)


@given(numbers, st.integers(2, 9), st.sampled_from(figures.METHODS))
def test_limits_rise_and_lie_within_the_values(values: list[float], steps: int, method: str) -> None:
    found = figures.breaks(pa.chunked_array([values], pa.float64()), steps, method)
    assert found == sorted(set(found))
    assert len(found) < steps
    assert all(min(values) < limit <= max(values) for limit in found)


@given(st.lists(st.integers(0, 12), min_size=3, max_size=9, unique=True))
def test_natural_breaks_are_the_best_of_all(values: list[int]) -> None:
    """Against every way of cutting."""
    ordered = np.sort(np.array(values, float))

    def spread(cut: int) -> float:
        return float(sum(((part - part.mean()) ** 2).sum() for part in (ordered[:cut], ordered[cut:])))

    (limit,) = figures.natural(ordered, 2)
    mine = spread(int(np.searchsorted(ordered, limit)))
    assert mine == pytest.approx(min(spread(cut) for cut in range(1, len(ordered))))


@pytest.mark.parametrize("line", ["", "1,2", "1,2,3", "a,b,c,d", "1,2,1,2", "1,2,1,95"])
def test_a_profile_wants_a_line(client: TestClient, line: str) -> None:
    assert client.get("/api/profile", params={"line": line}).status_code == 400


def test_a_profile_without_terrain_says_so_with_nulls(client: TestClient) -> None:
    answer = client.get("/api/profile", params={"line": "116.4,39.9,116.41,39.9"}).json()
    assert answer["length"] == pytest.approx(855, abs=2)
    assert set(answer["ground"]["height"]) == {None}
