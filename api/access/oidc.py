"""Bearer tokens of the county's own sign-on (OpenID Connect): signature, issuer, audience and time are checked.

Discovery and keys come from the issuer alone, never from where a token points. Only asymmetric algorithms are taken.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx2
import jwt
import orjson

from twin.errors import InvalidParameter, StoreDown, Unauthorized
from twin.policy import ANONYMOUS, Principal
from twin.settings import Settings

ALGORITHMS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
"""Each with the type of its keys."""
ELSEWHERE: Final = ("jku", "jwk", "x5u", "x5c", "crit")
"""Headers by which a token would choose its own key, or asks for what we do not do."""
KID: Final = re.compile(r"[\w.~=+:@-]{1,200}", re.ASCII)
LEEWAY: Final = 60
"""Seconds that two clocks may differ."""
OLD: Final = 3600.0
"""Seconds after which keys are fetched again."""
AGAIN: Final = 30.0
"""Seconds between two fetches, whatever tokens ask for."""
LARGEST: Final = 1 << 20
"""Bytes of a document of the issuer."""
RSA_BITS: Final = 2048
OWN_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def issuer(settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Issuer | None:
    """The issuer of the settings; None where none is named.

    Raises:
        InvalidParameter: the settings are not enough to check a token by.
    """
    url = settings.oidc_issuer
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in OWN_MACHINE):
        raise InvalidParameter(
            f"TWIN_OIDC_ISSUER is {url[:200]!r}; it must be https (http on this machine only): who changes the "
            "keys on the way could sign anything"
        )
    if not settings.oidc_audience.strip():
        raise InvalidParameter(
            "TWIN_OIDC_ISSUER is set without TWIN_OIDC_AUDIENCE: tokens meant for other systems would be taken"
        )
    return Issuer(url=url, audience=settings.oidc_audience, claim=settings.oidc_roles, now=now)


@dataclass
class Issuer:
    """Who signs tokens, and its keys as they were last fetched."""

    url: str
    audience: str
    claim: str = "roles"
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    clock: Callable[[], float] = time.monotonic
    _keys: tuple[Mapping[str, Any], ...] | None = None
    _fetched: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def principal(self, token: str) -> Principal:
        """Whom a token speaks of. Blocks where keys must be fetched.

        Raises:
            Unauthorized: it is not to be believed; says why. StoreDown: the issuer has no answer to check it by.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = self._key(header)
            claims = self._claims(token, key)
        except jwt.PyJWTError as error:
            raise Unauthorized(f"the token is not to be believed: {error}") from error
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise Unauthorized("the token's sub is no text of 1 to 255 characters")
        return Principal(
            id=f"oidc:{self.url}#{subject}",
            roles=frozenset({ANONYMOUS, *roles(claims, self.claim)}),
            until=datetime.fromtimestamp(claims["exp"], UTC),
        )

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        must = {
            "require": ["exp", "sub", "iss", "aud"],
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
        }
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=self.audience,
            issuer=self.url,
            options=cast("Any", must),
        )
        _in_time(claims, self.now().timestamp())
        return claims

    def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise Unauthorized(f"tokens are signed with {', '.join(ALGORITHMS)}, not {str(algorithm)[:20]!r}")
        if there := [name for name in ELSEWHERE if name in header]:
            raise Unauthorized(
                f"a token with the header {there[0]} is not taken; keys come from the issuer alone"
            )
        if kid is not None and not (isinstance(kid, str) and KID.fullmatch(kid)):
            raise Unauthorized("the token's kid is not the name of a key")
        found = self._fitting(algorithm, kid, self._known(fresh=False))
        if not found:
            found = self._fitting(algorithm, kid, self._known(fresh=True))
        if len(found) != 1:
            raise Unauthorized(
                "the issuer has no such key" if kid else "the token does not name its key (kid)"
            )
        key = jwt.PyJWK(dict(found[0]), algorithm)
        if ALGORITHMS[algorithm] == "RSA" and key.key.key_size < RSA_BITS:
            raise Unauthorized(f"the issuer's RSA key is shorter than {RSA_BITS} bits")
        return key

    @staticmethod
    def _fitting(
        algorithm: str, kid: str | None, keys: tuple[Mapping[str, Any], ...]
    ) -> list[Mapping[str, Any]]:
        """Keys of the name that may sign so (RFC 7517, 4); without a name a single key counts (OIDC Core, 10.1)."""
        return [
            k
            for k in keys
            if (kid is None or k.get("kid") == kid)
            and k.get("kty") == ALGORITHMS[algorithm]
            and k.get("alg", algorithm) == algorithm
            and k.get("use", "sig") == "sig"
            and "verify" in k.get("key_ops", ["verify"])
        ]

    def _known(self, *, fresh: bool) -> tuple[Mapping[str, Any], ...]:
        with self._lock:
            age = self.clock() - self._fetched
            if age > (AGAIN if fresh or self._keys is None else OLD):
                self._fetched = self.clock()
                try:
                    self._keys = fetch(self.url)
                except StoreDown:
                    # Keys of an hour ago are better than nobody's work stopping with the issuer.
                    if self._keys is None:
                        raise
            if self._keys is None:
                raise StoreDown(f"{self.url} did not give its keys; tokens cannot be checked")
            return self._keys


def _in_time(claims: Mapping[str, Any], now: float) -> None:
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e11
        ):
            raise Unauthorized(f"the token's {name} is no time")
    if claims["exp"] + LEEWAY <= now:
        raise Unauthorized("the token has expired")
    if max(claims.get("nbf") or 0, claims.get("iat") or 0) - LEEWAY > now:
        raise Unauthorized("the token is not valid yet")


def roles(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The roles of a token; a claim that is not there names none.

    Raises:
        Unauthorized: the claim is neither a text nor a list of texts.
    """
    found: Any = claims
    # A claim's own name may hold dots (https://county.example/roles).
    for part in (claim,) if claim in claims else claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return frozenset()
    names = found.split() if isinstance(found, str) else found
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unauthorized(f"the token's {claim} is no list of roles")
    return frozenset(names) - {"*"}


def fetch(url: str) -> tuple[Mapping[str, Any], ...]:
    """The issuer's public keys, by OpenID Connect Discovery 1.0, 4.

    Raises:
        StoreDown: it does not answer, or not as an issuer does.
    """
    context = ssl.create_default_context()
    # Neither a proxy of the environment nor a redirect leads elsewhere.
    with httpx2.Client(verify=context, trust_env=False, follow_redirects=False, timeout=5) as client:
        about = _document(client, f"{url.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != url:
            raise StoreDown(
                f"{url} calls itself {str(about.get('issuer'))[:200]!r}; name it so in TWIN_OIDC_ISSUER"
            )
        where = str(about.get("jwks_uri"))
        if urlsplit(where)[:2] != urlsplit(url)[:2]:
            raise StoreDown(
                f"{url} keeps its keys elsewhere ({where[:200]}); they are fetched from the issuer only"
            )
        keys = _document(client, where).get("keys")
    if not isinstance(keys, list):
        raise StoreDown(f"{where} is no set of keys (RFC 7517)")
    return tuple(key for key in keys if isinstance(key, dict))


def _document(client: httpx2.Client, url: str) -> dict[str, Any]:
    try:
        with client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            raw = b""
            for piece in answer.iter_bytes():
                raw += piece
                if len(raw) > LARGEST:
                    raise StoreDown(f"{url} is larger than {LARGEST} bytes")
            if answer.status_code != 200:
                raise StoreDown(f"{url} answered {answer.status_code}")
        found = orjson.loads(raw)
    except (httpx2.HTTPError, orjson.JSONDecodeError) as error:
        raise StoreDown(f"{url} does not answer: {error}") from error
    if not isinstance(found, dict):
        raise StoreDown(f"{url} is no JSON object")
    return found
