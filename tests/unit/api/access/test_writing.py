"""What several principals may write, and what one may learn or undo of another's writing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from twin.moments import text

ITEMS = "/ogc/collections/incidents/items"
RULES = """
[[rule]]
role = "chief"
layers = "incidents"
rights = ["read", "write"]

[[rule]]
role = "duty"
layers = "incidents"
rights = ["read", "write"]
rows = "level = 'IV'"

[[rule]]
role = "reader"
layers = "incidents"
"""
EARLIER = {"valid_from": "2014-01-01T00:00:00Z", "valid_to": "2016-01-01T00:00:00Z"}


def incident(level: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [116.4, 39.9]},
        "properties": {"title": "x", "level": level, **properties},
    }


def said(credential: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}", "Content-Type": "application/geo+json", **headers}


def patched(door, credential: str, **properties: Any) -> Any:
    """The answer to a patch of incident A by somebody who has just read it."""
    tag = door.get(f"{ITEMS}/A", credential).headers["ETag"]
    headers = {**said(credential), "If-Match": tag, "Content-Type": "application/merge-patch+json"}
    return door.client.patch(f"{ITEMS}/A", json={"properties": properties}, headers=headers)


def test_a_period_of_a_version_that_is_hidden_is_not_written_over(make) -> None:
    door = make(rules=RULES)
    chief, duty = door.key("chief"), door.key("duty")
    first = {**incident("I", valid_from="2010-01-01T00:00:00Z"), "id": "A"}
    assert door.client.post(ITEMS, json=first, headers=said(chief)).status_code == 201
    assert patched(door, chief, level="IV").status_code == 204
    assert door.get(f"{ITEMS}/A?datetime=2015-01-01T00:00:00Z", duty).status_code == 404
    assert patched(door, duty, title="y", **EARLIER).status_code == 404
    then = door.get(f"{ITEMS}/A?datetime=2015-01-01T00:00:00Z", chief).json()["properties"]
    assert (then["level"], then["title"]) == ("I", "x")
    assert patched(door, duty, title="y").status_code == 204
    assert patched(door, chief, title="y", level="I", **EARLIER).status_code == 204


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_announced_version_that_is_hidden_is_not_undone(make, method: str) -> None:
    door = make(rules=RULES)
    chief, duty = door.key("chief"), door.key("duty")
    assert door.client.post(ITEMS, json={**incident("IV"), "id": "A"}, headers=said(chief)).status_code == 201
    later = text(datetime.now(UTC) + timedelta(days=900))
    assert patched(door, chief, level="I", valid_from=later).status_code == 204
    if method == "PATCH":
        assert patched(door, duty, title="y").status_code == 404
    else:
        tag = door.get(f"{ITEMS}/A", duty).headers["ETag"]
        answer = door.client.delete(f"{ITEMS}/A", headers=said(duty, **{"If-Match": tag}))
        assert answer.status_code == 404
    assert door.get(f"{ITEMS}/A?datetime={later}", chief).json()["properties"]["level"] == "I"


def test_nobody_is_answered_with_what_another_sent_under_the_same_idempotency_key(make) -> None:
    door = make(rules=RULES)
    chief, duty, reader = door.key("chief"), door.key("duty"), door.key("reader")

    def sent(credential: str, title: str = "x") -> Any:
        body = incident("IV", title=title)
        return door.client.post(ITEMS, json=body, headers=said(credential, **{"Idempotency-Key": "1"}))

    first, again, other = sent(chief), sent(chief), sent(duty)
    assert first.json() == again.json()
    assert other.status_code == 201
    assert other.json() != first.json()
    assert sent(reader).status_code == sent(reader, "z").status_code == 403


def test_every_answer_to_a_credential_is_for_its_own_caller_alone(make) -> None:
    door = make(rules=RULES)
    reader = door.key("reader")
    for path in ("/api/layers", "/ogc/collections", ITEMS, "/ogc/collections/houses", "/live?after=x"):
        control = door.get(path, reader).headers["Cache-Control"]
        assert "private" in control or "no-store" in control, path


def test_a_period_over_several_versions_keeps_what_is_hidden_in_each(make) -> None:
    rules = RULES + '\n[[rule]]\nrole = "clerk"\nlayers = "incidents"\nrights = ["read", "write"]\n'
    door = make(rules=rules + 'columns = { description = "hidden", level = "read-only" }\n')
    chief, clerk = door.key("chief"), door.key("clerk")
    first = {**incident("I", valid_from="2010-01-01T00:00:00Z", description="first"), "id": "A"}
    assert door.client.post(ITEMS, json=first, headers=said(chief)).status_code == 201
    assert patched(door, chief, description="second", level="II", **EARLIER).status_code == 204
    later = text(datetime.now(UTC) + timedelta(days=900))
    assert patched(door, chief, description="announced", level="III", valid_from=later).status_code == 204
    assert patched(door, clerk, title="now", valid_to=None).status_code == 204
    wide = {"valid_from": "2012-01-01T00:00:00Z", "valid_to": "2018-01-01T00:00:00Z"}
    assert patched(door, clerk, title="then", **wide).status_code == 204
    for year, expected in {
        "2011": ("x", "first", "I"),
        "2013": ("then", "first", "I"),
        "2015": ("then", "second", "II"),
        "2017": ("then", "first", "I"),
        "2019": ("x", "first", "I"),
        "": ("now", "first", "I"),
        later[:4]: ("now", "announced", "III"),
    }.items():
        when = f"?datetime={later if year == later[:4] else f'{year}-06-01T00:00:00Z'}" if year else ""
        answer = door.get(f"{ITEMS}/A{when}", chief)
        assert answer.status_code == 200, (year, answer.text)
        found = answer.json()["properties"]
        assert (found["title"], found["description"], found["level"]) == expected, year
