"""A server with accounts, a log and, where a test wants them, rules and an issuer of tokens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.testclient import TestClient

from api.access import oidc
from api.access.identity import Access
from api.access.journal import Journal
from api.app import create_app
from api.state import Twin
from twin.accounts import Scope, SQLiteKeys
from twin.audit import Row, SQLiteLog
from twin.rules import FILE, Rules
from twin.settings import Settings

AUDIENCE = "onemap"
ALGORITHMS = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "PS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


@dataclass
class County:
    """An issuer: its keys by name, and what was asked of it."""

    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    about: dict[str, Any] = field(default_factory=dict)

    def jwks(self) -> dict[str, Any]:
        found = []
        for kid, (algorithm, key) in self.keys.items():
            public = json.loads(ALGORITHMS[algorithm].to_jwk(key.public_key()))
            found.append({**public, "kid": kid, "alg": algorithm, "use": "sig"})
        return {"keys": found}

    def answer(self, path: str) -> dict[str, Any] | None:
        self.asked.append(path)
        about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.about}
        return {"/.well-known/openid-configuration": about, "/keys": self.jwks()}.get(path)

    def token(self, kid: str = "r1", *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        algorithm, key = self.keys[kid]
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "li.na", "exp": time.time() + 300, **claims}
        said = {k: v for k, v in said.items() if v is not None}
        return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid, **(headers or {})})


@pytest.fixture(scope="session")
def key_pairs() -> dict[str, tuple[str, Any]]:
    return {
        "r1": ("RS256", rsa.generate_private_key(65537, 2048)),
        "p1": ("PS256", rsa.generate_private_key(65537, 2048)),
        "e1": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        "d1": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    }


@pytest.fixture
def county(key_pairs) -> Iterator[County]:
    """A real issuer on a port of its own."""
    made = County(keys=dict(key_pairs))

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = made.answer(self.path)
            body = json.dumps(found or {}).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@dataclass
class Door:
    """A client of a server with accounts, and the server's parts."""

    client: TestClient
    twin: Twin
    access: Access
    home: Path

    def key(
        self, *roles: str, scopes: tuple[Scope, ...] = tuple(Scope), expires: datetime | None = None
    ) -> str:
        """A new key's text."""
        _, text = self.access.keys.create(
            "test", roles=roles or ("water",), scopes=scopes, expires=expires, now=datetime.now(UTC)
        )
        return text

    def get(self, path: str, credential: str | None = None, **headers: str) -> Any:
        given = {"Authorization": f"Bearer {credential}"} if credential is not None else {}
        return self.client.get(path, headers={**given, **headers})

    def log(self) -> list[Row]:
        """The log, once everything is in it."""
        self.access.journal.close()
        return self.access.journal.log.read(limit=10_000)


Make = Callable[..., Door]


@pytest.fixture
def make(twin: Twin, tmp_path: Path) -> Iterator[Make]:
    """Makes a server: `rules` as the text of rules.toml, `issuer` by its address, `clock` for the throttle."""
    ends = []

    def made(*, rules: str | None = None, issuer: str = "", **given: Any) -> Door:
        if rules is not None:
            (tmp_path / FILE).write_text(rules, "utf-8")
        keys, log = SQLiteKeys(tmp_path / "accounts.sqlite"), SQLiteLog(tmp_path / "audit.sqlite")
        settings = Settings(home=tmp_path, oidc_issuer=issuer, oidc_audience=AUDIENCE)
        journal = Journal(log)
        access = Access(
            keys=keys, rules=Rules.load(tmp_path), journal=journal, issuer=oidc.issuer(settings), **given
        )
        server = replace(twin, access=access)
        client = TestClient(create_app(server, static=tmp_path / "static"), raise_server_exceptions=False)
        client.__enter__()
        ends.extend([keys.close, log.close, journal.close, lambda: client.__exit__(None, None, None)])
        return Door(client=client, twin=server, access=access, home=tmp_path)

    yield made
    for end in reversed(ends):
        end()


@pytest.fixture
def door(make: Make) -> Door:
    """A server without rules."""
    return make()
