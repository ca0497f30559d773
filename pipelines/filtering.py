"""One filter asked of several layers."""

from __future__ import annotations

from collections.abc import Iterable

from twin import cql2
from twin.errors import InvalidFilter, UnknownProperty
from twin.model import Filter, LayerState


def fitting(filter_: Filter | None, states: Iterable[LayerState]) -> dict[str, str]:
    """The layers that a filter cannot be asked of, with the reason: no such property, or of another type.

    Raises:
        UnknownProperty, InvalidFilter: it fits none of the layers; of two reasons the one that lies in the
            filter rather than in a layer.
    """
    if filter_ is None:
        return {}
    wrong: dict[str, UnknownProperty | InvalidFilter] = {}
    fits = False
    for state in states:
        try:
            cql2.checked(filter_, cql2.queryables(state.layer.columns))
            fits = True
        except (UnknownProperty, InvalidFilter) as error:
            wrong[state.layer.id] = error
    if wrong and not fits:
        first = min(wrong, key=lambda layer: isinstance(wrong[layer], UnknownProperty))
        raise type(wrong[first])(f"the filter fits none of {', '.join(wrong)}; of {first}: {wrong[first]}")
    return {layer: str(error) for layer, error in wrong.items()}
