"""From a credential to a caller: who it is, in which roles, for which purposes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from api.access.credentials import Credential
from api.access.journal import Journal
from api.access.throttle import Throttle
from twin.accounts import Key, Keys, Scope
from twin.errors import TooMany, Unauthorized
from twin.policy import ANONYMOUS, Policy, Principal
from twin.rules import Rules

if TYPE_CHECKING:  # the command line does without cryptography
    from api.access.oidc import Issuer

ALL: Final = frozenset(Scope)
KEY: Final = "key:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks, and what the credential may be used for."""

    principal: Principal
    scopes: frozenset[Scope] = ALL

    @property
    def known(self) -> bool:
        """Whether a credential was shown."""
        return self.principal.id != ANONYMOUS


NOBODY: Final = Caller(principal=Principal(id=ANONYMOUS, roles=frozenset({ANONYMOUS})))
"""Whoever shows no credential. What they may do, the rules say."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Everything that decides who asks and what they see."""

    keys: Keys
    rules: Rules
    journal: Journal
    issuer: Issuer | None = None
    throttle: Throttle = field(default_factory=Throttle)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def identify(self, credential: Credential, address: str) -> Caller:
        """Whose a credential is. May block: files, the issuer.

        Raises:
            TooMany: the address must wait. Unauthorized: it is nobody's. StoreDown: it cannot be checked just now.
        """
        seconds = self.throttle.waits(address, credential.text)
        if seconds and not credential.is_key:
            raise TooMany(seconds)
        try:
            found = self._key(credential) if credential.is_key else self._token(credential)
        except Unauthorized:
            self.throttle.wrong(address)
            if seconds:
                raise TooMany(seconds) from None
            raise
        self.throttle.right(address, credential.text)
        return found

    def _key(self, credential: Credential) -> Caller:
        key = self.keys.check(credential.text, now=self.now())
        if key is None:
            raise Unauthorized("no such key stands: it is wrong, was revoked, or has expired")
        return Caller(principal=principal(key), scopes=key.scopes)

    def _token(self, credential: Credential) -> Caller:
        if self.issuer is None:
            raise Unauthorized("this twin takes its own keys (twin_…); no issuer of tokens is set")
        return Caller(principal=self.issuer.principal(credential.text))

    def policy(self, caller: Caller) -> Policy:
        """What a caller may see now."""
        return self.rules.policy(caller.principal)

    def still(self, caller: Caller, policy: Policy) -> bool:
        """Whether a caller is who they were and sees what they saw."""
        who, now = caller.principal, self.now()
        if who.until is not None and who.until <= now:
            return False
        if who.id.startswith(KEY) and not self.keys.still(who.id.removeprefix(KEY), now=now):
            return False
        return self.policy(caller).key == policy.key


def principal(key: Key) -> Principal:
    """Whom a key speaks for."""
    return Principal(id=f"{KEY}{key.id}", roles=frozenset({ANONYMOUS, *key.roles}), until=key.expires)
