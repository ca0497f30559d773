"""The policy is the table that one sees: every store against a table worked out in plain Python first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from store_support import LAYER, OPEN_POLICY, START, STORES, Clock, batch, day, delivered

from twin.cql2 import parse as cql2
from twin.errors import LayerNotFound, UnknownProperty
from twin.model import OPEN, BBox, Interval, Mode, Query, Sort
from twin.policy import Policy, Principal
from twin.rules import parse, united
from twin.store import Store

Row = dict[str, Any]
COLUMNS = {"height": "integer", "owner": "string", "use": "string"}
WHO = Principal(id="test", roles=frozenset({"anonymous", "r"}))
AREA = shapely.box(118.0, 38.0, 118.05, 38.05)
CORNER = shapely.box(118.03, 38.03, 118.10, 38.10)


@dataclass(frozen=True)
class Said:
    """A condition in CQL2 and in Python."""

    text: str
    holds: Callable[[Row], bool]
    names: frozenset[str]


def said(text: str, holds: Callable[[Row], bool], *names: str) -> Said:
    return Said(text, holds, frozenset(names))


CONDITIONS = [
    said("height > 4", lambda r: r["height"] is not None and r["height"] > 4, "height"),
    said("height IS NULL", lambda r: r["height"] is None, "height"),
    said("owner = 'x'", lambda r: r["owner"] == "x", "owner"),
    said("owner <> 'x'", lambda r: r["owner"] is not None and r["owner"] != "x", "owner"),
    said(
        "use = 'home' OR height < 2",
        lambda r: r["use"] == "home" or (r["height"] is not None and r["height"] < 2),
        "use",
        "height",
    ),
    said("id < 'd'", lambda r: r["id"] < "d"),
    said(
        "S_INTERSECTS(geom, POLYGON((118.03 38.03, 118.1 38.03, 118.1 38.1, 118.03 38.1, 118.03 38.03)))",
        lambda r: r["geom"] is not None and shapely.intersects(r["geom"], CORNER),
        "geom",
    ),
]


@dataclass(frozen=True)
class Law:
    """A rule in the file's words and as the table is worked out from it."""

    rows: Said | None
    columns: tuple[tuple[str, Any], ...]
    area: Any
    clip: bool
    time: tuple[datetime, datetime] | None
    snap: int | None

    def toml(self) -> str:
        lines = ["[[rule]]", 'role = "r"', 'layers = ["kind:buildings"]']
        if self.rows:
            lines.append(f'rows = "{self.rows.text}"')
        if self.columns:
            cells = (
                f"{n} = {{ masked = {v[1]!r} }}" if isinstance(v, tuple) else f'{n} = "{v}"'
                for n, v in self.columns
            )
            lines.append(f"columns = {{ {', '.join(cells)} }}")
        if self.area is not None:
            lines += [f'area = "{self.area.wkt}"', f'area_mode = "{"clip" if self.clip else "intersect"}"']
        if self.time:
            lines.append(f"time = [{', '.join(repr(t.isoformat()) for t in self.time)}]")
        if self.snap:
            lines.append(f"snap = {self.snap}")
        return "\n".join(lines) + "\n"

    def right(self, name: str) -> Any:
        return dict(self.columns).get(name, "read-write")

    def admits(self, row: Row, at: Any) -> bool:
        if self.rows and not self.rows.holds(row):
            return False
        if self.area is not None:
            if row["geom"] is None or not shapely.intersects(row["geom"], self.area):
                return False
            if self.clip and shapely.touches(row["geom"], self.area):
                return False
        if not self.time:
            return True
        begin, end = self.time
        if isinstance(at, datetime) and not begin <= at <= end:
            return False
        return bool(row["valid_from"] <= end and row["valid_to"] > begin)

    def geometry(self, shape: Any) -> Any:
        if shape is None:
            return None
        if self.area is not None and self.clip:
            shape = shapely.intersection(shape, self.area)
        if self.snap:
            tall = self.snap / 110_574.0
            x, y = round(shape.x / (2 * tall)) * 2 * tall, round(shape.y / tall) * tall
            shape = shapely.Point(x, y)
        return shape


def visible(versions: list[Row], laws: list[Law], at: Any) -> list[Row]:
    """The table that one sees."""
    exposed = [c for c in COLUMNS if any(law.right(c) != "hidden" for law in laws)]
    table = []
    for row in versions:
        mine = [law for law in laws if law.admits(row, at)]
        if not mine:
            continue
        best = min(mine, key=lambda law: (law.snap or 0, bool(law.area is not None and law.clip)))
        new = {k: v for k, v in row.items() if k not in COLUMNS} | {"geom": best.geometry(row["geom"])}
        for name in exposed:
            rights = [law.right(name) for law in mine]
            new[name] = row[name]
            if not any(r in ("read-only", "read-write") for r in rights):
                new[name] = next(
                    (r[1] if isinstance(r, tuple) else None for r in rights if r != "hidden"), None
                )
                if name == "height" and isinstance(new[name], str):
                    new[name] = None
                if name != "height" and isinstance(new[name], int):
                    new[name] = None
        table.append(new)
    return table


def answered(table: list[Row], query: Query, filter_: Said | None, now: datetime) -> list[Row]:
    """What an open store would say of a table."""
    at = query.at or now
    rows = [
        r
        for r in table
        if (
            r["recorded_to"] == OPEN
            if query.known is None
            else r["recorded_from"] <= query.known < r["recorded_to"]
        )
    ]
    if isinstance(at, Interval):
        last: dict[str, Row] = {}
        for row in sorted(rows, key=lambda r: r["valid_from"]):
            if (at.end is None or row["valid_from"] <= at.end) and (
                at.start is None or row["valid_to"] > at.start
            ):
                last[row["id"]] = row
        rows = list(last.values())
    else:
        rows = [r for r in rows if r["valid_from"] <= at < r["valid_to"]]
    if query.ids is not None:
        rows = [r for r in rows if r["id"] in query.ids]
    if query.bbox:
        box = shapely.box(*query.bbox.astuple())
        rows = [r for r in rows if r["geom"] is not None and shapely.intersects(r["geom"], box)]
    if filter_:
        rows = [r for r in rows if filter_.holds(r)]
    rows.sort(key=lambda r: r["id"])
    for sort in reversed(query.sort):
        there = sorted(
            (r for r in rows if r[sort.column] is not None),
            key=lambda r: r[sort.column],
            reverse=sort.descending,
        )
        rows = there + [r for r in rows if r[sort.column] is None]
    return rows


def plain(table: pa.Table) -> list[Row]:
    rows = table.to_pylist()
    return [{**r, "geom": None if r["geom"] is None else shapely.from_wkb(r["geom"])} for r in rows]


def alike(one: list[Row], other: list[Row]) -> None:
    assert [r["id"] for r in one] == [r["id"] for r in other]
    for a, b in zip(one, other, strict=True):
        assert {k: v for k, v in a.items() if k != "geom"} == {k: b[k] for k in a if k != "geom"}
        if a["geom"] is None or b["geom"] is None:
            assert a["geom"] is b["geom"]
        elif a["geom"].geom_type == "Point":
            assert shapely.equals_exact(a["geom"], b["geom"], 1e-12)
        else:
            assert shapely.symmetric_difference(a["geom"], b["geom"]).area < 1e-12


POINT = st.builds(lambda x, y: shapely.Point(118 + x / 97, 38 + y / 97), st.integers(0, 9), st.integers(0, 9))
BOX = st.builds(
    lambda x, y, s: shapely.box(118 + x / 97, 38 + y / 97, 118 + (x + s) / 97, 38 + (y + s) / 97),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(1, 3),
)


def rows_of(shape: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    row = st.fixed_dictionaries(
        {
            "id": st.sampled_from("abcdefgh"),
            "height": st.none() | st.integers(0, 9),
            "owner": st.none() | st.sampled_from("xyz"),
            "use": st.none() | st.sampled_from(["home", "shop"]),
            "geom": st.one_of(shape, shape, shape, st.none()),
        }
    )
    return st.lists(row, max_size=8, unique_by=lambda r: r["id"])


def laws_of(*, snap: bool, clip: bool) -> st.SearchStrategy[list[Law]]:
    right = st.sampled_from(["hidden", "masked", "read-only", "read-write", ("m", "***"), ("m", 7)])
    windows = [None, None, (day(2019), day(2021)), (day(2020, 6), day(2040))]
    law = st.builds(
        Law,
        rows=st.none() | st.sampled_from(CONDITIONS),
        columns=st.dictionaries(st.sampled_from([*COLUMNS]), right).map(lambda d: tuple(d.items())),
        area=st.sampled_from([None, AREA, CORNER]),
        clip=st.booleans() if clip else st.just(False),
        time=st.sampled_from(windows),
        snap=st.sampled_from([None, 5000, 2000]) if snap else st.none(),
    )
    return st.lists(law, min_size=1, max_size=3)


QUERIES = st.fixed_dictionaries(
    {
        "at": st.sampled_from(
            [
                None,
                None,
                day(2020, 7),
                day(2022),
                Interval(start=day(2018), end=day(2020, 8)),
                Interval(start=None, end=None),
            ]
        ),
        "known": st.sampled_from([None, None, START + timedelta(hours=1)]),
        "bbox": st.sampled_from([None, None, BBox(west=118.02, south=38.01, east=118.06, north=38.06)]),
        "ids": st.sampled_from([None, None, None, ("a", "c", "e")]),
        "sort": st.lists(
            st.sampled_from([Sort(column=c, descending=d) for c in COLUMNS for d in (True, False)]),
            max_size=2,
            unique_by=lambda s: s.column,
        ).map(tuple),
        "columns": st.sampled_from([None, None, ("height",), ("owner", "use")]),
    }
)


def filled(store: Store, clock: Clock, deliveries: list[list[Row]]) -> list[Row]:
    clock.pass_(hours=0)
    types = {"height": pa.int64(), "owner": pa.string(), "use": pa.string()}
    for n, rows in enumerate(deliveries):
        wkb = [{**r, "geom": None if r["geom"] is None else shapely.to_wkb(r["geom"])} for r in rows]
        empty = [
            {
                "id": f"z{n}",
                "height": 1,
                "owner": "q",
                "use": "none",
                "geom": shapely.to_wkb(shapely.Point(118.5, 38.5)),
            }
        ]
        store.write(LAYER, [batch([*wkb, *empty], **types)], delivered(day(2020 + n), mode=Mode.SNAPSHOT))
        clock.pass_(hours=2)
    return plain(store.read(Query(layer="buildings", policy=OPEN_POLICY, every=True)))


def policy_of(laws: list[Law]) -> Policy:
    rules = parse("\n".join(law.toml() for law in laws))
    return Policy.of(united(tuple(r.grant for r in rules)))


@pytest.mark.parametrize("name", STORES)
@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_what_is_seen_is_the_visible_table(name: str, data: st.DataObject) -> None:
    points = data.draw(st.booleans(), label="points")
    shape = POINT if points else BOX
    deliveries = data.draw(st.lists(rows_of(shape), min_size=1, max_size=3))
    # Laws that differ in nothing but their cut areas are one; the oracle does without them.
    laws = data.draw(laws_of(snap=points, clip=not points))
    with TemporaryDirectory() as folder:
        clock = Clock()
        store = STORES[name](Path(folder), clock)
        try:
            versions = filled(store, clock, deliveries)
            policy = policy_of(laws)
            if len(policy.grants or ()) != len(laws):
                return
            for _ in range(4):
                _one_question(store, versions, laws, policy, clock(), data)
            _the_catalogue(store, versions, laws, policy, clock())
        finally:
            store.close()


def _one_question(
    store: Store, versions: list[Row], laws: list[Law], policy: Policy, now: datetime, data: st.DataObject
) -> None:
    asked = data.draw(QUERIES)
    filter_ = data.draw(st.none() | st.sampled_from(CONDITIONS))
    query = Query(layer="buildings", policy=policy, filter=cql2(filter_.text) if filter_ else None, **asked)
    exposed = {c for c in COLUMNS if any(law.right(c) != "hidden" for law in laws)}
    speaks = {s.column for s in query.sort} | set(query.columns or ()) | (filter_.names if filter_ else set())
    if hidden := speaks - exposed - {"geom"}:
        with pytest.raises(UnknownProperty) as error:
            store.read(query)
        there = str(error.value).split("there are")[1]
        assert not any(h in there.replace(",", " ").split() for h in hidden)
        return
    at = now if query.at is None else query.at
    expected = answered(visible(versions, laws, at), query, filter_, now)
    got = plain(store.read(query))
    alike(got, expected)
    assert store.count(query) == len(expected)
    _pages(store, query, [r["id"] for r in expected], expected)


def _pages(store: Store, query: Query, ids: list[str], expected: list[Row]) -> None:
    found: list[str] = []
    after: tuple[Any, ...] | None = None
    while True:
        rows = plain(store.read(replace(query, limit=2, after=after)))
        found += [r["id"] for r in rows]
        if len(rows) < 2:
            break
        last = expected[len(found) - 1]
        after = (*(last[s.column] for s in query.sort), last["id"])
    assert found == ids


def _the_catalogue(store: Store, versions: list[Row], laws: list[Law], policy: Policy, now: datetime) -> None:
    everything = Query(layer="buildings", policy=policy)
    there = answered(visible(versions, laws, now), everything, None, now)
    state = store.layer("buildings", policy)
    assert state.count == len(there)
    boxes = [r["geom"].bounds for r in there if r["geom"] is not None]
    if boxes:
        assert state.bbox is not None
        wide = (
            min(b[0] for b in boxes),
            min(b[1] for b in boxes),
            max(b[2] for b in boxes),
            max(b[3] for b in boxes),
        )
        assert state.bbox.astuple() == pytest.approx(wide, abs=1e-12)
    else:
        assert state.bbox is None
    ever = visible(versions, laws, None)
    believed = [r for r in ever if r["recorded_to"] == OPEN]
    assert (state.time or (None,))[0] == min((r["valid_from"] for r in believed), default=None)
    for ident in "az":
        mine = sorted(
            (r for r in ever if r["id"] == ident), key=lambda r: (r["recorded_from"], r["valid_from"])
        )
        alike(plain(store.versions("buildings", ident, policy)), mine)
    for change in store.changes(policy=policy):
        touched = {r["id"] for r in ever if change.at in (r["recorded_from"], r["recorded_to"])}
        assert set(change.ids or ()) == touched
        assert change.count == len(touched)
    whole = store.changes(policy=OPEN_POLICY)
    shown = {c.version for c in store.changes(policy=policy)}
    for change in whole:
        touched = {r["id"] for r in ever if change.at in (r["recorded_from"], r["recorded_to"])}
        assert (change.version in shown) == bool(touched or change.kind == "layer")


@pytest.mark.parametrize("name", STORES)
def test_a_layer_without_a_grant_is_not_there(name: str, tmp_path: Path) -> None:
    clock = Clock()
    store = STORES[name](tmp_path, clock)
    try:
        filled(store, clock, [[]])
        store.write(replace(LAYER, id="secret"), [batch([{"id": "s"}])], delivered(day(2020)))
        grants = parse('[[rule]]\nrole = "r"\nlayers = ["buildings"]\n')
        policy = Policy.of(tuple(r.grant for r in grants))
        assert [s.layer.id for s in store.layers(policy)] == ["buildings"]
        with pytest.raises(LayerNotFound) as hidden:
            store.read(Query(layer="secret", policy=policy))
        with pytest.raises(LayerNotFound) as unknown:
            store.read(Query(layer="nowhere", policy=policy))
        assert str(hidden.value).replace("secret", "nowhere") == str(unknown.value)
        assert {c.layer for c in store.changes(policy=policy)} == {"buildings"}
        assert store.reports("buildings", policy) == store.reports("buildings", OPEN_POLICY)
    finally:
        store.close()
