"""Making a database ready for a twin: PostGIS, a schema of its own, tables; looked at whenever one is opened."""

from __future__ import annotations

import functools
import hashlib
from typing import Final

import adbc_driver_manager as adbc

from twin.cql2.postgis import statements
from twin.dialects import quoted
from twin.errors import StoreDown
from twin.postgis.dialect import POSTGIS
from twin.postgis.session import PostGISSession
from twin.relational.schema import CATALOGUE, NAMED, definition

SCHEMA: Final = "twin"
"""Where everything is."""
VERSION: Final = 1
"""Of the tables; a later program brings earlier ones up to its own."""
KEYS: Final = {
    "commits": "PRIMARY KEY (version)",
    "layers": "PRIMARY KEY (id)",
    "feed": "PRIMARY KEY (version)",
    "reports": "PRIMARY KEY (version)",
    "quarantine": "PRIMARY KEY (version, n)",
    "datastreams": "PRIMARY KEY (id), UNIQUE (layer, thing, name)",
    "observations": "PRIMARY KEY (datastream, time)",
    "latest": "PRIMARY KEY (datastream)",
}
INDICES: Final = (
    "CREATE INDEX reports_layer ON reports (layer)",
    "CREATE INDEX snapshots_of ON snapshots (layer, source, branch, moment)",
    "CREATE INDEX corrected_of ON corrected (datastream, time)",
)
REFUSED: Final = "42501"
"""insufficient_privilege"""


def lock(schema: str) -> int:
    """The advisory lock of those that write."""
    return int.from_bytes(hashlib.sha256(f"onemap-twin/{schema}".encode()).digest()[:8], signed=True)


def ready(session: PostGISSession, schema: str = SCHEMA) -> str:
    """See to it that everything is there; the search path that reaches it.

    Raises:
        StoreDown: the database cannot hold a twin; says what to run.
    """
    _suitable(session)
    with session.atomic():
        # Two programs that open a new database at once take turns.
        session.rows(f"SELECT pg_advisory_xact_lock({lock(schema)})::text")
        path = f'"{schema}", {_postgis(session)}'
        session.rows(f"SELECT set_config('search_path', {quoted(path)}, false)")
        if not session.rows(f"SELECT 1 FROM pg_namespace WHERE nspname = {quoted(schema)}"):
            _allowed(session, f'CREATE SCHEMA "{schema}"', "GRANT CREATE ON DATABASE … TO the twin's user")
        if not session.rows(f"SELECT 1 FROM pg_tables WHERE schemaname = {quoted(schema)}"):
            _tables(session)
        _version(session)
        _functions(session)
    return path


def _suitable(session: PostGISSession) -> None:
    ((encoding, number),) = session.rows(
        "SELECT current_setting('server_encoding'), current_setting('server_version_num')::int"
    )
    if encoding != "UTF8":
        raise StoreDown(
            f"the database's encoding is {encoding}; make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    if number < 140_000:
        raise StoreDown(f"the server is PostgreSQL {number // 10_000}; the twin needs 14 or later")


def _postgis(session: PostGISSession) -> str:
    """The schema that PostGIS is in, once it is there."""
    where = (
        "SELECT quote_ident(n.nspname::text) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'postgis'"
    )
    found = session.rows(where)
    if not found:
        if not session.rows("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'"):
            raise StoreDown(
                "the database server has no PostGIS; install it there"
                " (Debian: apt install postgresql-<version>-postgis-3)"
            )
        _allowed(session, "CREATE EXTENSION postgis", "CREATE EXTENSION postgis")
        found = session.rows(where)
    return str(found[0][0])


def _allowed(session: PostGISSession, statement: str, remedy: str) -> None:
    try:
        session.run(statement)
    except adbc.Error as error:
        if error.sqlstate != REFUSED:
            raise
        raise StoreDown(
            f"the database's user may not do this: {statement}; have an administrator run in this database: {remedy};"
        ) from error


def _tables(session: PostGISSession) -> None:
    for name, columns in CATALOGUE.items():
        parts = definition(columns, POSTGIS, key=name in NAMED)
        session.run(f"CREATE TABLE {name} ({', '.join(filter(None, (parts, KEYS.get(name))))})")
    for statement in INDICES:
        session.run(statement)
    session.run(f"INSERT INTO meta (name, value) VALUES ('version', '{VERSION}')")


def _functions(session: PostGISSession) -> None:
    """What filters need and PostgreSQL does not have; made anew when the program has them otherwise."""
    digest = _digest()
    if session.rows("SELECT value FROM meta WHERE name = 'functions'") == [(digest,)]:
        return
    for statement in statements():
        session.run(statement)
    session.run(
        "INSERT INTO meta (name, value) VALUES ('functions', $1)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [digest],
    )


@functools.cache
def _digest() -> str:
    return hashlib.sha256("".join(statements()).encode()).hexdigest()


def _version(session: PostGISSession) -> None:
    found = session.rows("SELECT value FROM meta WHERE name = 'version'")
    if not found or int(found[0][0]) > VERSION:
        raise StoreDown(
            f"the twin in this database is of form {found[0][0] if found else 'unknown'};"
            f" this program knows up to {VERSION}: use a later one"
        )
