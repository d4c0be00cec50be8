"""Times as submissions and results hold them: ISO 8601 in UTC, to the second, such as `2026-03-01T12:00:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def utc_text(time: datetime) -> str:
    """The time as text; one without a zone is taken to be UTC.

    Raises:
        ValueError: It is before 1970 or after the year 9999, as only a forged or mistyped time is.
    """
    try:
        moment = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or moment < EARLIEST:
        raise ValueError(f"{time.isoformat()} is no time from 1970 to 9999 in UTC")
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def moment_of(text: str | None) -> datetime | None:
    """The inverse of `utc_text`; None for what is no time with a zone."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
