"""Constants that SQL names instead of carrying: a database calls our functions with arrays as long as its rows."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Final

KEPT: Final = 1024
"""Far more than statements run at a time, each with the few constants that fit in a filter."""
_MARK: Final = b"\xffconstant:"  # neither WKB nor JSON begins so
_LOCK: Final = threading.Lock()
_kept: OrderedDict[bytes, bytes] = OrderedDict()


def named(constant: bytes) -> bytes:
    """A short name of a constant, good for this process."""
    name = _MARK + hashlib.blake2b(constant, digest_size=16).digest()
    with _LOCK:
        _kept[name] = constant
        _kept.move_to_end(name)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return name


def is_name(value: bytes) -> bool:
    """Whether a value is the name of a constant."""
    return value.startswith(_MARK)


def constant(name: bytes) -> bytes:
    """The constant of a name."""
    with _LOCK:
        return _kept[name]
