"""Two counties that differ in hidden things alone answer alike, byte for byte, at every door."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import shapely
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import Message

from api.app import create_app
from api.home import INCIDENTS, described
from api.live import backlog, connect, event, visible
from api.state import Twin, over
from twin.memory.store import MemoryStore
from twin.model import Column, Delivery, Layer, Mode, Query, Titles
from twin.policy import Policy, Principal
from twin.rules import Rules, parse
from twin.settings import Settings
from twin.table import TIMESTAMP, Batch

START = datetime(2026, 1, 1, tzinfo=UTC)
BUILDINGS = Layer(
    id="buildings",
    kind="buildings",
    title=Titles(zh="建筑", en="Buildings"),
    geometry="Polygon",
    columns=(
        Column(name="name"),
        Column(name="height", type="number", unit="m"),
        Column(name="owner"),
        Column(name="level", type="integer"),
    ),
)
SENSORS = Layer(
    id="sensors",
    kind="sensors",
    title=Titles(zh="传感器", en="Sensors"),
    geometry="Point",
    columns=(Column(name="name"), Column(name="level", type="integer")),
)
SECRET = replace(BUILDINGS, id="secret", title=Titles(zh="秘密", en="Secret"))
DISTRICT = "POLYGON ((116.3 39.8, 116.6 39.8, 116.6 40, 116.3 40, 116.3 39.8))"
LAWS = {
    "rows": 'rows = "level = 1"\ncolumns = { owner = "hidden" }',
    "masked": 'rows = "level = 1"\ncolumns = { owner = { masked = "***" } }',
    "snapped": 'rows = "level = 1"\ncolumns = { owner = "hidden" }\nsnap = 200',
    "clipped": 'rows = "level = 1"\ncolumns = { owner = "masked" }\narea = "' + DISTRICT + '"\narea_mode = "clip"',
    "generalised": 'rows = "level = 1"\ncolumns = { owner = "hidden" }\ngeneralise = 5\ntime = ["2020-01-01", ".."]',
}  # fmt: skip


@dataclass(frozen=True)
class Hidden:
    """What one county hides: other owners, other rows, another layer, other readings."""

    owners: str
    rows: tuple[tuple[str, float], ...]
    """Height and place of each hidden building."""
    reading: float


def rows(owner: str, hidden: Hidden, later: int) -> pa.Table:
    seen = [(f"B{n}", f"楼 {n}", 10.0 + n + later, f"{owner} {n}", 1, 116.40 + 0.001 * n) for n in range(6)]
    unseen = [
        (f"X{n}", f"secret {n}", h, owner, 2, 116.40 + place) for n, (h, place) in enumerate(hidden.rows)
    ]
    ids, names, heights, owners, levels, places = (list(c) for c in zip(*seen, *unseen, strict=True))
    squares = [shapely.box(x, 39.9, x + 0.0004, 39.9003) for x in places]
    return pa.table(
        {
            "id": ids,
            "geom": pa.array(shapely.to_wkb(squares), pa.binary()),
            "valid_from": pa.nulls(len(ids), TIMESTAMP),
            "valid_to": pa.nulls(len(ids), TIMESTAMP),
            "dated": ["survey"] * len(ids),
            "row": list(range(len(ids))),
            "name": names,
            "height": heights,
            "owner": owners,
            "level": pa.array(levels, pa.int64()),
        }
    )


class Clock:
    """Stands still between deliveries, so that no answer depends on the hour of the test."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def county(folder: Path, hidden: Hidden, policy: Policy) -> Twin:
    clock = Clock()
    store = MemoryStore(now=clock)
    settings_ = Settings(home=folder, max_limit=100)
    store.describe(described(INCIDENTS))
    for later in (0, 1):
        delivery = Delivery(source="survey", at=datetime(2025, 1 + later, 1, tzinfo=UTC), mode=Mode.SNAPSHOT)
        clock.now += timedelta(hours=1)
        store.write(BUILDINGS, [Batch(crs=None, table=rows(hidden.owners, hidden, later))], delivery)
    clock.now += timedelta(hours=1)
    store.write(SECRET, [Batch(crs=None, table=rows(hidden.owners, hidden, 0))], delivery)
    clock.now += timedelta(hours=1)
    points = rows("", hidden, 0).select(
        ["id", "geom", "valid_from", "valid_to", "dated", "row", "name", "level"]
    )
    places = shapely.to_wkb(shapely.centroid(shapely.from_wkb(points["geom"].to_numpy())))
    points = points.set_column(1, "geom", pa.array(places, pa.binary()))
    store.write(SENSORS, [Batch(crs=None, table=points)], delivery)
    things = points["id"].to_pylist()
    count = len(things)
    same = {"layer": "sensors", "observed_property": "level", "unit": "m"}
    named = {"thing": things, "name": things, **{k: [v] * count for k, v in same.items()}}
    declared = store.declare(pa.table(named))
    values = [hidden.reading if t.startswith("X") else 1.5 for t in things]
    times = [datetime(2025, 12, 31, tzinfo=UTC)] * len(things)
    clock.now += timedelta(hours=1)
    store.observe(
        pa.table({"datastream": declared["id"], "time": pa.array(times, TIMESTAMP), "value": values}),
        source="x",
    )
    clock.now += timedelta(hours=1)
    twin = over(store, settings_, policy=policy, now=clock)
    for name in ("buildings", "secret", "sensors"):
        twin.index.update(store, name, None, store.last())
    twin.ready.set()
    return twin


def policy_of(law: str) -> Policy:
    area = "" if "area" in law else 'area = "POLYGON ((116 39, 117 39, 117 41, 116 41, 116 39))"\n'
    text = f'[[rule]]\nrole = "r"\nlayers = ["buildings", "sensors", "incidents"]\n{area}{law}\n'
    sensors = "\n".join(
        line for line in text.splitlines() if not line.startswith(("columns", "snap", "generalise"))
    )
    grants = parse(
        text.replace('"buildings", "sensors", "incidents"', '"buildings"')
        + sensors.replace('"buildings", "sensors", "incidents"', '"sensors"')
    )
    return Policy.of(tuple(rule.grant for rule in grants))


DOORS = [
    "/api/site",
    "/api/layers",
    "/api/layers/buildings",
    "/api/layers/sensors",
    "/api/layers/secret",
    "/api/layers/buildings/quarantine",
    "/api/layers/secret/quarantine",
    "/api/changes",
    "/api/changes?after=1&limit=2",
    "/api/differences?layers=buildings&from=2020-01-01T00:00:00Z",
    "/api/profile?line=116.4,39.9,116.41,39.9001",
    "/api/differences?layers=secret&from=2020-01-01T00:00:00Z",
    "/api/layers/buildings/values?column=height",
    "/api/layers/buildings/sums",
    "/api/layers/secret/sums",
    "/api/search?q=secret",
    "/api/search?q=%E6%A5%BC",
    "/api/search?q=X0",
    "/api/search?q=alpha",
    "/api/search?q=b",
    "/api/pick?lon=116.4002&lat=39.9001&radius=500",
    "/api/here?lon=116.4002&lat=39.9001&radius=500",
    "/ogc",
    "/ogc/conformance",
    "/ogc/api",
    "/ogc/collections",
    "/ogc/collections/secret",
    "/ogc/collections/secret/items",
    "/ogc/collections/buildings",
    "/ogc/collections/buildings/queryables",
    "/ogc/collections/buildings/sortables",
    "/ogc/collections/buildings/schema",
    "/ogc/collections/buildings/items",
    "/ogc/collections/buildings/items?limit=2",
    "/ogc/collections/buildings/items?sortby=-height",
    "/ogc/collections/buildings/items?sortby=-owner",
    "/ogc/collections/buildings/items?owner=alpha",
    "/ogc/collections/buildings/items?filter=owner%3D%27alpha%27",
    "/ogc/collections/buildings/items?filter=nowhere%3D%27alpha%27",
    "/ogc/collections/buildings/items?filter=height%3E11",
    "/ogc/collections/buildings/items?bbox=116,39,116.42,40",
    "/ogc/collections/buildings/items?datetime=2025-01-15T00:00:00Z",
    "/ogc/collections/buildings/items?datetime=../..",
    "/ogc/collections/buildings/items?f=csv",
    "/ogc/collections/buildings/items?f=html",
    "/ogc/collections/buildings/items?properties=owner",
    "/ogc/collections/buildings/items/B1",
    "/ogc/collections/buildings/items/X0",
    "/ogc/collections/buildings/items/X0/versions",
    "/ogc/collections/buildings/items/B1/versions",
    "/ogc/collections/sensors/items",
    "/tiles/buildings/tileset.json",
    "/tiles/secret/tileset.json",
    "/tiles/buildings/@2025-01-15T00:00:00Z/tileset.json",
    "/tiles/buildings/0/0/0.mvt",
    "/tiles/buildings/14/13489/6208.mvt",
    "/tiles/buildings/16/53958/24834.mvt",
    "/tiles/sensors/14/13489/6208.mvt",
    "/tiles/secret/14/13489/6208.mvt",
    "/tiles/map/14/13489/6208.png",
    "/tiles/map/17/107916/49668.png",
    "/tiles/ground/layer.json",
    "/sta/v1.1/Datastreams",
    "/sta/v1.1/Datastreams?$count=true",
    "/sta/v1.1/Datastreams(1)",
    "/sta/v1.1/Datastreams(7)",
    "/sta/v1.1/Datastreams(7)/Observations",
    "/sta/v1.1/Datastreams(1)/Observations",
    "/ogc/processes",
    "/ogc/collections/buildings/items?f=geojsonseq",
    "/ogc/collections/buildings/items?f=arrow",
    "/ogc/collections/buildings/items?crs=http://www.opengis.net/def/crs/EPSG/0/4490",
    "/ogc/collections/buildings/tiles/WebMercatorQuad",
    "/ogc/collections/buildings/tiles/WebMercatorQuad?f=tilejson",
    "/ogc/collections/buildings/tiles/WebMercatorQuad/14/6208/13489",
    "/ogc/collections/buildings/tiles/WebMercatorQuad/14/6208/13489?filter=height%3E11",
    "/ogc/collections/secret/tiles/WebMercatorQuad/14/6208/13489",
    "/ogc/tiles/WebMercatorQuad/14/6208/13489",
    "/ogc/tiles/WebMercatorQuad/14/6208/13489?collections=buildings,secret",
]


@contextmanager
def opened(hidden: Hidden, policy: Policy) -> Iterator[tuple[Twin, TestClient]]:
    with TemporaryDirectory() as folder:
        twin = county(Path(folder), hidden, policy)
        with TestClient(create_app(twin, static=Path(folder)), raise_server_exceptions=False) as client:
            yield twin, client


def told(client: TestClient, path: str) -> tuple[int, dict[str, str], bytes]:
    answer = client.get(path)
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id", "server-timing")}
    return answer.status_code, headers, answer.content


def tiles_below(client: TestClient) -> Iterator[tuple[str, tuple[int, dict[str, str], bytes]]]:
    waiting = ["/tiles/buildings/tileset.json"]
    while waiting:
        path = waiting.pop()
        answer = told(client, path)
        yield path, answer
        if path.endswith(".json"):
            waiting += uris(json.loads(answer[2]).get("root", {}))


def uris(tile: dict[str, Any]) -> list[str]:
    own = [tile["content"]["uri"]] if "content" in tile else []
    return own + [u for child in tile.get("children", []) for u in uris(child)]


def everything(twin: Twin, client: TestClient) -> dict[str, Any]:
    said: dict[str, Any] = {path: told(client, path) for path in DOORS}
    said |= dict(tiles_below(client))
    path = "/ogc/collections/buildings/items?limit=2"
    for n in itertools.count():
        body = client.get(path).json()
        said[f"page {n}"] = body
        path = next((link["href"] for link in body["links"] if link["rel"] == "next"), "")
        if not path:
            break
    place = {"geometry": {"type": "Point", "coordinates": [116.4002, 39.9001]}, "radius": 800}
    for narrowed in ({}, {"filter": "height > 11"}, {"filter": "owner = 'alpha'"}):
        answer = client.post("/ogc/processes/impact/execution", json={"inputs": {**place, **narrowed}})
        assert answer.status_code == 200 or narrowed
        said[f"impact {narrowed}"] = answer.status_code, answer.content
    said["live"] = [e.encode() for e in backlog(twin, 0)]
    whole = twin.store.changes(policy=Policy.open())
    events = (visible(twin, event(twin.store, replace(twin, policy=Policy.open()), c)) for c in whole)
    said["live now"] = [e.encode() for e in events if e]
    return said


HIDDEN = st.builds(
    Hidden,
    owners=st.sampled_from(["alpha", "beta"]),
    rows=st.lists(st.tuples(st.floats(1, 300), st.floats(-0.01, 0.01)), max_size=4).map(tuple),
    reading=st.floats(-9, 9),
)


@pytest.mark.parametrize("law", LAWS)
@settings(
    max_examples=1,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@example(
    one=Hidden("alpha", ((250.0, 0.002), (30.0, 0.004)), 1.0), other=Hidden("beta", ((20.0, -0.003),), 2.0)
)
@given(one=HIDDEN, other=HIDDEN)
def test_what_is_hidden_changes_no_answer(law: str, one: Hidden, other: Hidden) -> None:
    policy = policy_of(LAWS[law])
    with opened(one, policy) as first, opened(other, policy) as second:
        here, there = everything(*first), everything(*second)
    assert here.keys() == there.keys()
    for path, answer in here.items():
        assert answer == there[path], path
        assert b"secret" not in repr(answer).replace(path, "").encode() or "secret" in path, path


@pytest.mark.parametrize("law", LAWS)
def test_a_hidden_thing_is_like_one_that_never_was(law: str) -> None:
    hidden = Hidden("alpha", ((250.0, 0.002),), 3.0)
    with opened(hidden, policy_of(LAWS[law])) as (_, client):
        for one, never in (
            ("/ogc/collections/secret", "/ogc/collections/nowhere"),
            ("/tiles/secret/tileset.json", "/tiles/nowhere/tileset.json"),
            ("/tiles/secret/14/13489/6208.mvt", "/tiles/nowhere/14/13489/6208.mvt"),
            ("/api/layers/secret", "/api/layers/nowhere"),
            ("/ogc/collections/buildings/items/X0", "/ogc/collections/buildings/items/Y0"),
            ("/sta/v1.1/Datastreams(7)", "/sta/v1.1/Datastreams(8)"),
        ):
            a, b = client.get(one), client.get(never)
            assert a.status_code == b.status_code == 404
            word = one.rpartition("/")[2] if "items" in one or "sta" in one else "secret"
            other = never.rpartition("/")[2] if "items" in never or "sta" in never else "nowhere"
            numbers = (("(7)", "(8)"), ("7", "8")) if "sta" in one else ((word, other),)
            text = a.text
            for x, y in numbers:
                text = text.replace(x, y)
            assert text == b.text


def written_in_hiding(twin: Twin, height: float, *columns: str) -> None:
    """Changes of nothing but hidden things: a row, another layer, a reading."""
    store = twin.store
    table = rows("gamma", Hidden("gamma", ((height, 0.002),), 1.0), 0)
    table = table.filter(pc.equal(table["id"], "X0"))
    for name in columns:
        table = table.append_column(name, pa.array([str(height)]))
    delivery = Delivery(source="later", mode=Mode.UPSERT)
    store.write(BUILDINGS, [Batch(crs=None, table=table)], delivery)
    store.write(SECRET, [Batch(crs=None, table=table)], delivery)
    (stream,) = store.datastreams(layer="sensors", thing="X0", policy=Policy.open())
    times = pa.array([datetime(2025, 12, 30, 12, int(height), tzinfo=UTC)], TIMESTAMP)
    store.observe(pa.table({"datastream": [stream.id], "time": times, "value": [height]}), source="x")


@pytest.mark.parametrize("law", LAWS)
def test_a_change_of_hidden_things_alone_moves_nothing(law: str) -> None:
    """Neither counts nor versions nor entity tags nor the feed's last number, and no event is sent."""
    with opened(Hidden("alpha", ((250.0, 0.002),), 3.0), policy_of(LAWS[law])) as (twin, client):
        before = everything(twin, client)
        written_in_hiding(twin, 20.0)
        after = everything(twin, client)
    assert before.keys() == after.keys()
    for path, answer in after.items():
        assert answer == before[path], path


def test_a_hidden_column_that_comes_with_hidden_rows_is_no_news_of_the_layer() -> None:
    law = 'rows = "level = 1"\ncolumns = { name = "read-only", height = "read-only", "*" = "hidden" }'
    with opened(Hidden("alpha", ((250.0, 0.002),), 3.0), policy_of(law)) as (twin, client):
        before = everything(twin, client)
        written_in_hiding(twin, 20.0, "wiretap")
        assert everything(twin, client) == before
        assert "wiretap" in {c.name for c in twin.store.layer("buildings", Policy.open()).layer.columns}


def test_who_sees_no_row_of_a_layer_hears_of_its_catalogue_row_alone() -> None:
    law = 'rows = "level = 77"\ncolumns = { name = "read-only", "*" = "hidden" }'
    with opened(Hidden("alpha", ((250.0, 0.002),), 3.0), policy_of(law)) as (twin, client):

        def heard() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.get("/api/changes").json()["changes"]
            return [c for c in found if c["layer"] == "buildings"]

        (made,) = heard()
        assert (made["kind"], made["ids"], made["count"], made["bbox"]) == ("layer", [], 0, None)
        written_in_hiding(twin, 20.0, "wiretap")
        twin.store.describe(replace(BUILDINGS, extra={"private": 1}))
        assert heard() == [made]
        twin.store.describe(replace(BUILDINGS, title=Titles(zh="房子", en="Houses")))
        assert [c["kind"] for c in heard()] == ["layer", "layer"]


async def overheard(twin: Twin, folder: Path) -> bytes:
    """What `/live` sends from its beginning on, over changes of hidden things, until one that is seen is there."""
    sent: list[bytes] = []
    begun, seen = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        await seen.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        begun.set()
        if b"B3" in sent[-1]:
            seen.set()

    scope = {"type": "http", "method": "GET", "path": "/live", "raw_path": b"/live", "query_string": b""}
    scope |= {"headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80)}
    app = create_app(twin, static=folder)
    running = asyncio.create_task(app({**scope, "scheme": "http", "root_path": ""}, receive, send))
    await asyncio.wait_for(begun.wait(), 60)
    for height in (20.0, 21.0):
        await asyncio.to_thread(written_in_hiding, twin, height)
    table = rows("alpha", Hidden("", ((1.0, 0.0),), 0.0), 5)
    row = table.filter(pc.equal(table["id"], "B3"))
    delivery = Delivery(source="later", mode=Mode.UPSERT)
    await asyncio.to_thread(twin.store.write, BUILDINGS, [Batch(crs=None, table=row)], delivery)
    await asyncio.wait_for(seen.wait(), 60)
    await asyncio.wait_for(running, 60)
    return b"".join(sent)


@pytest.mark.parametrize("law", LAWS)
def test_an_open_stream_is_told_of_what_is_seen_alone(law: str, tmp_path: Path) -> None:
    policy = policy_of(LAWS[law])
    streams = []
    for owner, height in (("alpha", 250.0), ("beta", 30.0)):
        folder = tmp_path / owner
        folder.mkdir()
        twin = county(folder, Hidden(owner, ((height, 0.002),), height), policy)
        connect(twin)
        streams.append(asyncio.run(overheard(twin, folder)))
    assert streams[0] == streams[1]
    assert streams[0].count(b"event:") == 1
    assert b"X0" not in streams[0]
    assert b"secret" not in streams[0]


def test_a_cached_tile_of_somebody_else_is_not_there() -> None:
    """T08: the address of a tile of those who see more, guessed or handed on, gives nothing."""
    hidden = Hidden("alpha", ((250.0, 0.002),), 3.0)
    with opened(hidden, Policy.open()) as (twin, client):
        paths = [p for p, _ in tiles_below(client)]
        contents = [p for p in paths if p.endswith(".glb")]
        assert contents
        app = create_app(replace(twin, policy=policy_of(LAWS["rows"])), static=twin.settings.home)
        with TestClient(app, raise_server_exceptions=False) as public:
            for path in contents:
                assert public.get(path).status_code == 404


def test_a_grant_to_two_groups_opens_a_layer_to_nobody_else(tmp_path: Path) -> None:
    """A15."""
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\nroles = ["a", "b"]\nlayers = ["buildings"]\n[[rule]]\nrole = "a"\nlayers = "*"\n', "utf-8"
    )
    rules = Rules.load(tmp_path)
    for roles, there in (({"a"}, True), ({"b"}, True), ({"c"}, False), (set(), False)):
        policy = rules.policy(Principal(id="x", roles=frozenset({"anonymous", *roles})))
        assert bool(policy.of_layer(BUILDINGS)) is there


def edited(law: str) -> tuple[Hidden, Policy]:
    return Hidden("alpha", ((250.0, 0.002),), 3.0), policy_of(f'rights = ["read", "write"]\n{law}')


def test_writing_stays_within_the_right_and_keeps_what_is_not_seen() -> None:
    hidden, policy = edited('rows = "level = 1"\ncolumns = { owner = "masked", level = "read-only" }')
    items = "/ogc/collections/buildings/items"
    with opened(hidden, policy) as (twin, client):
        seen = client.get(f"{items}/B1")
        body = {k: v for k, v in seen.json().items() if k in ("type", "id", "geometry", "properties")}
        for fixed in ("source", "dated", "recorded_from", "recorded_to", "version", "branch"):
            body["properties"].pop(fixed, None)
        held = {"If-Match": seen.headers["etag"], "Content-Type": "application/geo+json"}
        for name, value in (("level", 2), ("owner", "me")):
            wrong = {**body, "properties": {**body["properties"], name: value}}
            assert client.put(f"{items}/B1", json=wrong, headers=held).status_code == 422
        right = {**body, "properties": {**body["properties"], "height": 99.0}}
        answer = client.put(f"{items}/B1", json=right, headers=held)
        assert answer.status_code == 204, answer.text
        (row,) = twin.store.read(Query(layer="buildings", policy=Policy.open(), ids=("B1",))).to_pylist()
        assert (row["height"], row["owner"], row["level"]) == (99.0, "alpha 1", 1)
        everybody = {"If-Match": "*", "Content-Type": "application/geo+json"}
        gone = client.delete(f"{items}/X0", headers=everybody)
        never = client.delete(f"{items}/Y0", headers=everybody)
        assert gone.status_code == never.status_code == 404
        assert gone.text.replace("X0", "Y0") == never.text
        assert client.put(f"{items}/X0", json={**body, "id": "X0"}, headers=everybody).status_code == 404


def test_reading_is_not_writing() -> None:
    hidden, _ = edited("")
    with opened(hidden, policy_of('rows = "level = 1"')) as (_, client):
        answer = client.delete("/ogc/collections/buildings/items/B1", headers={"If-Match": "*"})
        assert answer.status_code == 403


def test_a_right_to_an_area_is_not_widened_by_what_is_asked() -> None:
    """A08."""
    area = "POLYGON ((116.399 39.8, 116.4015 39.8, 116.4015 40, 116.399 40, 116.399 39.8))"
    hidden, _ = edited("")
    items = "/ogc/collections/buildings/items"
    with opened(hidden, policy_of(f'area = "{area}"')) as (_, client):
        wide = client.get(f"{items}?bbox=116,39,117,40").json()
        assert {f["id"] for f in wide["features"]} == {"B0", "B1"}
        assert wide["numberMatched"] == 2
        assert client.get(f"{items}/B5").status_code == 404
        assert client.get(f"{items}?filter=height%3E1").json()["numberMatched"] == 2
        assert client.get("/api/layers/buildings").json()["count"] == 2
