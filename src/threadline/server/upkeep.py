"""What a server does now and then by itself: it removes records that are old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from threadline.server.store import audit, operations

if TYPE_CHECKING:
    from threadline.server.house import Tenant

#: How often old records are looked for, in seconds.
EVERY_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long records are kept, in days; 0: for ever.

    Attributes:
        operations: those of operations that have ended, webhook deliveries among them.
        audit: the entries of audit logs.
    """

    operations: float = 30.0
    audit: float = 0.0


def tidy(tenant: Tenant, retention: Retention) -> bool:
    """Remove some of the records of a tenant that are too old; returns whether there may be more.

    Raises:
        StorageError: they cannot be removed.
    """
    now = datetime.now(UTC)
    more = False
    if retention.operations:
        more |= operations.prune(tenant.database, now - timedelta(days=retention.operations))
    if retention.audit:
        more |= audit.prune(tenant.database, now - timedelta(days=retention.audit))
    return more
