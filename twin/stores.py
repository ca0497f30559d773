"""The store of a site: the embedded one, or the database that its settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from twin.errors import InvalidParameter
from twin.relational.standing import Writer
from twin.settings import Settings
from twin.store import Store

SCHEMES = ("postgresql", "postgres")


def opened(settings: Settings, writer: Writer | None = None) -> Store:
    """The store; whoever opens it closes it.

    Args:
        writer: how features are written that it may keep as text, for whoever asks for `Query.written`.

    Raises:
        InvalidParameter: `store` names something that there is no store for.
        StoreBusy: another process has the embedded store; says which.
        StoreDown: the file does not open, or the database does not answer or cannot hold a twin.
    """
    if not settings.store:
        from twin.duckdb.store import DuckDBStore

        return DuckDBStore(
            settings.database, memory_mb=settings.memory_mb, seconds=settings.query_seconds, writer=writer
        )
    if urlsplit(settings.store).scheme not in SCHEMES:
        raise InvalidParameter(
            "TWIN_STORE is to be postgresql://user:password@host/database, or empty for the file in TWIN_HOME"
        )
    from twin.postgis.store import PostGISStore

    return PostGISStore(settings.store, seconds=settings.query_seconds, writer=writer)


def exists(settings: Settings) -> bool:
    """Whether there is a store to look into; a database is asked when it is opened."""
    return bool(settings.store) or settings.database.exists()
