"""A store whose every question is answered as its policy has it: the one place where rights enter."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from twin import seen, seen_catalogue, seen_streams
from twin.model import Query
from twin.policy import Policy

ANSWERS: Final[dict[str, Callable[..., Any]]] = {
    "layers": seen_catalogue.layers,
    "layer": seen_catalogue.layer,
    "reports": seen_catalogue.reports,
    "quarantine": seen_catalogue.quarantine,
    "changes": seen_catalogue.changes,
    "read": seen.read,
    "count": seen.count,
    "page": seen.page,
    "swift": seen_catalogue.swift,
    "versions": seen.versions,
    "datastreams": seen_streams.datastreams,
    "observations": seen_streams.observations,
    "buckets": seen_streams.buckets,
}
"""What is asked with a policy, and who answers when it is not open."""


def governed[S](cls: type[S]) -> type[S]:
    """The store with its questions behind their policies; an open one goes straight through."""
    for name, ruled in ANSWERS.items():
        setattr(cls, name, _asked(getattr(cls, name), ruled))
    return cls


def _asked(plain: Callable[..., Any], ruled: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def asked(store: Any, *args: Any, **named: Any) -> Any:
        if _policy(plain.__name__, args, named).ruled:
            return ruled(store, *args, **named)
        return plain(store, *args, **named)

    return asked


def _policy(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Policy:
    for value in (*args, *named.values()):
        if isinstance(value, Policy):
            return value
        if isinstance(value, Query):
            return value.policy
    raise TypeError(f"{name} takes a policy")
