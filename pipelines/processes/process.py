"""What an analysis is. A module in `pipelines/processes/` that defines `PROCESS` is one.

It appears by itself at `/ogc/processes`, as `twin run <id>`, and as a form in the viewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twin.model import Titles
from twin.policy import Policy
from twin.store import Store


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an analysis may use: the store as somebody may see it, at a moment."""

    store: Store
    policy: Policy
    at: datetime | None = None
    known: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Process:
    """An analysis."""

    name: str
    """The process id."""
    title: Titles
    description: Titles
    inputs: type
    """A frozen dataclass; each field's type, default and metadata (title_zh, title_en, unit, minimum,
    maximum, format) become its JSON Schema. `dict` with format `geojson-geometry` is a GeoJSON geometry."""
    run: Callable[[Any, Context], dict[str, Any]]
    """Inputs and context to a JSON object."""
