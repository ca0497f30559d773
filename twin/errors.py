"""Everything we raise.

Each error has a slug; the front door turns it into a status (`api/errors.py`) and the command line
into an exit code. The message says what was asked, what is possible and what to do next.

TwinError
+-- NotFound           LayerNotFound, FeatureNotFound, TileNotFound
+-- Invalid            InvalidParameter, UnknownParameter, UnknownProperty, InvalidFilter,
|                      InvalidBody, InvalidJSON, InvalidGeometry, OutsideCRSArea, UnknownCRS
+-- Refused            UnreadableFile, MissingPart, UnsafeContent, UnsafeArchive, ForbiddenReference,
|                      TooLarge, UnsupportedFormat
+-- Conflict           StaleVersion, DuplicateId, Repeated, DifferentDatums
+-- Denied             Unauthorized, Forbidden, TooMany
+-- Unavailable        StoreBusy, StoreDown, TimeLimit, StorageFull
+-- OutsideFailed
"""

from __future__ import annotations


class TwinError(Exception):
    """The root; `slug` names the kind of problem for machines."""

    slug = "error"


class NotFound(TwinError):
    """What was asked for is not there, or may not be seen."""

    slug = "not-found"


class LayerNotFound(NotFound):
    """No such layer."""


class FeatureNotFound(NotFound):
    """No such feature at the moment asked for."""


class TileNotFound(NotFound):
    """No such tile."""


class Invalid(TwinError):
    """The request itself is wrong."""

    slug = "invalid-parameter"


class InvalidParameter(Invalid):
    """A parameter's value is not of its form."""


class UnknownParameter(Invalid):
    """A parameter that nobody reads."""

    slug = "unknown-parameter"


class UnknownProperty(Invalid):
    """A property that the layer does not have."""

    slug = "unknown-property"


class InvalidFilter(Invalid):
    """A filter that cannot be evaluated."""

    slug = "invalid-filter"


class InvalidBody(Invalid):
    """A body whose members are wrong."""

    slug = "invalid-body"


class InvalidJSON(Invalid):
    """A body that is not JSON (RFC 8259, I-JSON)."""

    slug = "invalid-json"


class InvalidGeometry(Invalid):
    """A geometry that is not valid."""

    slug = "invalid-geometry"


class OutsideCRSArea(Invalid):
    """A position that its CRS cannot have."""

    slug = "outside-crs-area"


class UnknownCRS(Invalid):
    """A CRS that is not named, or not known."""

    slug = "unknown-crs"


class Refused(TwinError):
    """A file or source that does not go in."""

    slug = "unreadable-file"


class UnreadableFile(Refused):
    """Broken, truncated, or not what it says it is."""


class MissingPart(Refused):
    """A file that belongs to it is not there."""

    slug = "missing-part"


class UnsafeContent(Refused):
    """Content that could reach outside of itself."""

    slug = "unsafe-content"


class UnsafeArchive(UnsafeContent):
    """An archive with names or entries that could land outside of their folder."""

    slug = "unsafe-archive"


class ForbiddenReference(Refused):
    """A name that points where we do not go."""

    slug = "forbidden-reference"


class TooLarge(Refused):
    """Larger than the stated limit."""

    slug = "too-large"


class UnsupportedFormat(Refused):
    """No reader or writer of that name."""

    slug = "unsupported-media-type"


class Conflict(TwinError):
    """It does not fit what is there."""

    slug = "conflict"


class StaleVersion(Conflict):
    """An edit of a version that is no longer the last."""

    slug = "stale-version"


class DuplicateId(Conflict):
    """That id is taken."""

    slug = "duplicate-id"


class DifferentDatums(Conflict):
    """Heights of two vertical datums, or of an unknown one, where no way between them is stated."""

    slug = "different-datums"


class Repeated(Conflict):
    """A delivery that was to be taken once came before."""

    slug = "repeated"

    def __init__(self, name: str, block: bytes) -> None:
        super().__init__(f"what is kept as {name[:200]!r} came before; nothing was written")
        self.block = block
        """What was kept of it."""


class Denied(TwinError):
    """Not for this caller. What is hidden is NotFound, never this."""

    slug = "forbidden"


class Unauthorized(Denied):
    """Credentials that are nobody's, or none where some are needed."""

    slug = "unauthorized"


class Forbidden(Denied):
    """Somebody who is known asks for what the credential is not for."""


class TooMany(Denied):
    """Too many wrong credentials from one address."""

    slug = "too-many-requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong credentials came from your address; try again in {seconds} s")
        self.seconds = seconds


class Unavailable(TwinError):
    """Not now; later."""

    slug = "unavailable"


class StoreBusy(Unavailable):
    """Another process owns the store."""


class StoreDown(Unavailable):
    """The store does not answer."""


class TimeLimit(Unavailable):
    """It took longer than allowed."""

    slug = "time-limit"


class StorageFull(Unavailable):
    """No space is left."""

    slug = "storage-full"


class OutsideFailed(TwinError):
    """A service of somebody else does not answer, or not with what was asked of it."""

    slug = "outside-failed"
