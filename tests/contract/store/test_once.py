"""A delivery that is to be taken once: the look at what came before and the commit are one step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from postgres_support import database
from store_support import LAYER, OPEN_POLICY, batch, day, delivered, ids, query

from twin.errors import Repeated
from twin.model import Delivery, Mode
from twin.postgis.store import PostGISStore
from twin.store import Store


def once(block: str, **more: object) -> Delivery:
    return delivered(mode=Mode.UPSERT, source="posted", once=("key", block.encode()), **more)


def racing(stores: list[Store]) -> tuple[list[str], list[str]]:
    """Each store's thread writes a row of its own under one name: ids that went in, blocks of those refused."""
    begin = threading.Barrier(len(stores))

    def write(n: int) -> tuple[str, str]:
        begin.wait()
        try:
            stores[n].write(LAYER, [batch([{"id": f"r{n}"}])], once(f"r{n}", expected={f"r{n}": 0}))
        except Repeated as error:
            return "", error.block.decode()
        return f"r{n}", ""

    with ThreadPoolExecutor(len(stores)) as pool:
        done = list(pool.map(write, range(len(stores))))
    return [i for i, _ in done if i], [b for _, b in done if b]


def test_of_equal_deliveries_at_the_same_moment_one_goes_in(store: Store) -> None:
    store.describe(LAYER)
    last = store.last()
    written, refused = racing([store] * 6)
    assert len(written) == 1
    assert refused == written * 5
    assert ids(store) == written
    assert store.kept("key") == written[0].encode()
    assert store.last() == last + 1
    assert len(store.reports("buildings", OPEN_POLICY)) == 1


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Store]]:
    """Two stores over one database, as two servers have them."""
    url = database(tmp_path)
    stores = [PostGISStore(url) for _ in range(2)]
    yield [*stores]
    for each in stores:
        each.close()


def test_of_equal_deliveries_at_two_servers_one_goes_in(pair: list[Store]) -> None:
    pair[0].describe(LAYER)
    written, refused = racing(pair * 3)
    assert len(written) == 1
    assert refused == written * 5
    for each in pair:
        assert ids(each) == written


def test_it_is_said_before_what_the_delivery_expects(store: Store) -> None:
    store.write(LAYER, [batch([{"id": "a"}])], once("first", expected={"a": 0}))
    with pytest.raises(Repeated) as error:
        store.write(LAYER, [batch([{"id": "a"}])], once("second", expected={"a": 0}))
    assert error.value.block == b"first"
    other = delivered(mode=Mode.UPSERT, source="posted", once=("other", b""))
    assert store.write(LAYER, [batch([{"id": "b"}])], other).added == 1
    assert store.count(query()) == 2


def test_nothing_is_kept_of_a_delivery_that_did_not_go_in(store: Store) -> None:
    ended = {"id": "a", "valid_from": day(2022), "valid_to": day(2021)}
    assert store.write(LAYER, [batch([ended])], once("first")).quarantined == 1
    assert store.kept("key") is None
    assert store.write(LAYER, [batch([{"id": "a"}])], once("second")).added == 1
    assert store.kept("key") == b"second"
