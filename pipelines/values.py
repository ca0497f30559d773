"""The latest values of a layer's things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twin.model import Datastream
from twin.moments import text
from twin.policy import Policy
from twin.store import Streams

FEW = 50
"""Things whose values are small enough to travel with an event."""


def latest(
    store: Streams, layer: str, policy: Policy, *, things: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The last value of each thing's first Datastream (all Datastreams when `things` are named)."""
    if things is not None:
        return [
            value(d) for thing in things for d in store.datastreams(layer=layer, thing=thing, policy=policy)
        ]
    first: dict[str, Datastream] = {}
    for datastream in store.datastreams(layer=layer, policy=policy):
        kept = first.setdefault(datastream.thing, datastream)
        if kept.latest_time is None and datastream.latest_time is not None:
            first[datastream.thing] = datastream
    return [value(d) for d in first.values()]


def value(datastream: Datastream) -> dict[str, Any]:
    """One Datastream's last value as JSON."""
    return {
        "id": datastream.thing,
        "datastream": datastream.id,
        "name": datastream.name,
        "observed_property": datastream.observed_property,
        "unit": datastream.unit,
        "time": text(datastream.latest_time),
        "value": datastream.latest_value,
        "count": datastream.count,
    }
