"""What stores share about observations: which of a batch count, the report, the feed entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from twin.model import Change, Report
from twin.table import TIMESTAMP

TICK = timedelta(microseconds=1)
"""Recorded times of commits differ at least by this."""


def last_of_each(observations: pa.Table) -> pa.Table:
    """The observations of a batch, typed, with only the last of each datastream and time."""
    table = pa.table(
        {
            "datastream": observations["datastream"].cast(pa.int64()),
            "time": observations["time"].cast(TIMESTAMP),
            "value": observations["value"].cast(pa.float64()),
        }
    )
    numbered = table.append_column("n", pa.array(np.arange(table.num_rows)))
    kept = numbered.group_by(["datastream", "time"], use_threads=False).aggregate([("n", "max")])
    return table.take(np.sort(kept["n_max"].to_numpy()))


def reported(
    observations: pa.Table,
    source: str,
    commit: int,
    at: datetime,
    *,
    layers: Sequence[str],
    refused: int,
    counts: Mapping[str, int],
) -> Report:
    """What became of observations: a corrected value counts as a changed attribute.

    Refused are those without a time, or of a datastream that is not there.
    """
    return Report(
        commit=commit,
        at=at,
        layer=", ".join(layers),
        source=source,
        reader="",
        read=observations.num_rows,
        accepted=observations.num_rows - refused,
        quarantined=refused,
        added=counts.get("added", 0),
        changed_attributes=counts.get("changed", 0),
        unchanged=counts.get("unchanged", 0),
    )


def entries(
    commit: int, at: datetime, things: Mapping[str, Sequence[str] | set[str]], numbers: Mapping[str, int]
) -> list[Change]:
    """One feed entry a layer, each with a number of its own.

    Args:
        commit, at: of the first; the others follow.
        things: layer to the ids of its things with new values.
        numbers: layer to how many observations are new or changed.
    """
    return [
        Change(
            version=commit + n,
            at=at + n * TICK,
            layer=layer,
            kind="observations",
            ids=tuple(sorted(things[layer])) if len(things[layer]) <= 1000 else None,
            count=numbers[layer],
            bbox=None,
        )
        for n, layer in enumerate(sorted(things))
    ]
