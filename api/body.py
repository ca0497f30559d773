"""JSON bodies, strictly: what RFC 8259 and I-JSON (RFC 7493) forbid is refused with the reason."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from starlette.requests import Request

from twin.errors import InvalidJSON, InvalidParameter, UnsupportedFormat

DEPTH = 32
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
"""Strings (to be passed over) and brackets."""
DIGITS = 400
"""A number longer than this is refused before it is converted."""


async def json_body(request: Request, *media_types: str) -> Any:
    """The request's body, parsed.

    Raises:
        InvalidParameter: it says no media type (Features Part 4, /req/create-replace-delete/post-content-type B).
        UnsupportedFormat: its media type is none of `media_types`.
        InvalidJSON: it is not JSON, has a member twice, is too deep, or holds NaN or a lone surrogate.
    """
    if "content-type" not in request.headers:
        raise InvalidParameter(f"the body has no Content-Type; send {' or '.join(media_types)}")
    given = request.headers["content-type"].partition(";")[0].strip().lower()
    if given not in media_types:
        raise UnsupportedFormat(f"a body of type {given or 'none'!r}; send {' or '.join(media_types)}")
    return parse(await request.body())


def parse(raw: bytes) -> Any:
    """Bytes to JSON values; a UTF-8 byte order mark is passed over."""
    text = _text(raw)
    _depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_members, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except json.JSONDecodeError as error:
        raise InvalidJSON(f"not JSON at character {error.pos}: {error.msg}") from error
    _strings(value)
    return value


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"not UTF-8 at byte {error.start}") from error


def _depth(text: str) -> None:
    """Refuse nesting deeper than DEPTH before a recursive parser sees it."""
    deep = 0
    for token in TOKENS.finditer(text):
        if token[0] in "[{":
            deep += 1
            if deep > DEPTH:
                raise InvalidJSON(f"nested deeper than {DEPTH}")
        elif token[0] in "]}":
            deep -= 1


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidJSON(f"the member {key[:200]!r} stands twice")
        found[key] = value
    return found


def _constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not a JSON number")


def _integer(digits: str) -> float:
    """A whole number; one beyond 64 bits is as near as a double gets (RFC 7493, 2.2)."""
    if len(digits) > DIGITS:
        raise InvalidJSON(f"a number of {len(digits)} digits")
    value = int(digits)
    return value if -(2**63) <= value < 2**63 else _float(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise InvalidJSON(f"the number {digits[:50]} is too large")
    return value


def _strings(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise InvalidJSON("a text holds U+0000 or half of a surrogate pair")
    elif isinstance(value, dict):
        for key, member in value.items():
            _strings(key)
            _strings(member)
    elif isinstance(value, list):
        for item in value:
            _strings(item)
