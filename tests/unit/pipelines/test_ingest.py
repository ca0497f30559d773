"""A delivery continues the layer that is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import HOUSES, houses

from pipelines.ingest import continued
from twin.errors import InvalidParameter
from twin.memory.store import MemoryStore
from twin.model import Delivery, Titles


def test_what_a_delivery_does_not_say_stays_as_it_was() -> None:
    store = MemoryStore()
    assert continued(store, HOUSES) == HOUSES
    first = replace(HOUSES, vertical="EPSG:5737", theme="planning", invented=True, order=3)
    store.write(first, [houses()], Delivery(source="survey"))
    later = replace(HOUSES, title=Titles(zh="houses", en="houses"), theme="other")
    found = continued(store, later)
    assert (found.vertical, found.theme, found.invented, found.order) == ("EPSG:5737", "planning", True, 3)
    assert found.title.zh == "房屋"
    assert continued(store, replace(later, vertical="ellipsoid")).vertical == "ellipsoid"


def test_a_delivery_of_another_kind_is_refused() -> None:
    store = MemoryStore()
    store.write(HOUSES, [houses()], Delivery(source="survey"))
    with pytest.raises(InvalidParameter, match="kind features"):
        continued(store, replace(HOUSES, kind="buildings"))
