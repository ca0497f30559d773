"""Who asks: credentials become a principal, every request is written down.

`credentials` reads the headers, `identity` finds whose they are (`oidc` for the county's own sign-on), `throttle`
slows guessing, `gate` stands before every route, `journal` writes the audit log, `routes` and `commands` are what
people and machines see of it.
"""

from __future__ import annotations

from api.access.opening import delivered, hosts, opened, told

__all__ = ["delivered", "hosts", "opened", "told"]
