"""When a server wants to be asked again: the header `Retry-After` (RFC 9110, 10.2.3)."""

from __future__ import annotations

#: What a server asks for beyond this is not waited for, in seconds.
LONGEST = 3_600.0


def retry_after(value: str) -> float:
    """Seconds, from either form of the header, at most `LONGEST`; 0 where there is none that can be read."""
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST)
