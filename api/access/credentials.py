"""What a request brings to show who it is: one API key or one bearer token, in a header, never in the address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers

from twin.accounts import PREFIX
from twin.errors import InvalidParameter, Unauthorized

LONGEST: Final = 8192
"""Characters; nothing longer is looked at."""
SECRET_PARAMETERS: Final = frozenset(
    {"api_key", "apikey", "api-key", "x-api-key", "key", "token", "access_token", "id_token", "authorization"}
    | {"password", "secret", "jwt"}
)


@dataclass(frozen=True, slots=True)
class Credential:
    """The text of a key or a token; it is never printed."""

    text: str

    def __repr__(self) -> str:
        return "Credential(…)"

    @property
    def is_key(self) -> bool:
        """Whether it looks like one of our keys; otherwise it is a token."""
        return self.text.startswith(PREFIX)


def read(headers: Headers) -> Credential | None:
    """The credential of a request; None where no header bears one.

    A header that is there but empty, malformed, given twice or of another scheme is refused: nobody who meant to
    show who they are is quietly answered as anonymous.

    Raises:
        Unauthorized: what is wrong with it.
    """
    bearers, keys = headers.getlist("authorization"), headers.getlist("x-api-key")
    if not bearers and not keys:
        return None
    if len(bearers) + len(keys) > 1:
        raise Unauthorized("more than one credential; send one Authorization or one X-API-Key header")
    text = keys[0].strip() if keys else _bearer(bearers[0])
    if not text or len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise Unauthorized("the credential is empty, too long or has characters that none has")
    return Credential(text)


def _bearer(value: str) -> str:
    scheme, _, text = value.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("Authorization must be `Bearer` and a key or token (RFC 6750)")
    return text.strip()


def refuse_in_address(query: bytes) -> None:
    """Refuse credentials in the address: addresses end up in logs, histories and Referer headers.

    Raises:
        InvalidParameter: a parameter is named like a credential, or a value is one of our keys.
    """
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if secretive(name, value):
            raise InvalidParameter(
                f"{name[:50]}: credentials are not taken from the address; send them as "
                "`Authorization: Bearer …` or `X-API-Key: …`"
            )


def secretive(name: str, value: str) -> bool:
    """Whether a parameter is, or could be, a credential."""
    return name.lower() in SECRET_PARAMETERS or value.startswith((PREFIX, "Bearer ", "eyJ"))
