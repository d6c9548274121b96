"""Keys: what a caller shows to be let in, and what each may do.

A token is `tl_<id>_<secret>`. Its secret is 256 random bits, of which keys.db has the SHA-256 alone: nobody can try
that many, so that a slow hash, made for what people think up, would protect nothing and cost each request its time.
Whether a key holds is looked up for each request, which takes some microseconds: one that is revoked, by whichever
process, is refused from then on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast, get_args

from threadline.database import Database, Schema, named_queries
from threadline.errors import InputError, SettingsError, UnknownItemError
from threadline.session.checks import check_bank

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

#: The file's name, in the data directory.
NAME = "keys.db"

_SQL = MappingProxyType(named_queries(files(__package__).joinpath("keys.sql").read_text("utf-8")))
_SCHEMA = Schema(application_id=0x544C4B31, version=1, create=_SQL["create"])

_PREFIX = "tl"
_USED_SECONDS = 60.0
_NO_DIGEST = bytes(32)
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Key:
    """One key, without its secret.

    Attributes:
        id: what names it; it is part of its token, and no secret.
        tenant: whose banks it is for.
        banks: those it may see; None: all of the tenant.
        scope: what it may do: `read`; `write`: also the contents of banks; `admin`: also banks themselves.
        used_at: when it was last used, to a minute or so.
    """

    id: str
    tenant: str
    banks: frozenset[str] | None
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether it is neither expired nor revoked."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Keys:
    """The keys of a data directory; keys.db is made when missing.

    Args:
        home: the data directory.

    Raises:
        StorageError: the file cannot be used.
    """

    def __init__(self, home: Path) -> None:
        self._database = Database(home / NAME, _SCHEMA)
        self._used: dict[str, datetime] = {}
        self._kept_at = datetime.now(UTC)
        self._lock = threading.Lock()

    def create(
        self,
        tenant: str = "default",
        banks: Sequence[str] = (),
        scope: str = "admin",
        expires_at: datetime | None = None,
    ) -> tuple[Key, str]:
        """Make a key; returns it, and its token, which is nowhere else.

        Args:
            banks: those it may see; none: all of the tenant.
            expires_at: from when on it is refused; None: never.

        Raises:
            InputError: one of them cannot be used.
        """
        now = datetime.now(UTC)
        if scope not in SCOPES:
            raise InputError(f"There is no scope {scope!r}; there are {', '.join(SCOPES)}.")
        if expires_at is not None and expires_at <= now:
            raise InputError(f"A key that expires at {expires_at.isoformat()} would never have held.")
        seen = frozenset(check_bank(bank) for bank in banks) or None
        key = Key(secrets.token_hex(6), check_bank(tenant), seen, scope, now, expires_at, None, None)
        secret = secrets.token_urlsafe(32)
        row = {
            "id": key.id,
            "digest": _digest(secret),
            "tenant": key.tenant,
            "banks": None if seen is None else json.dumps(sorted(seen)),
            "scope": scope,
            "created_at": now.isoformat(),
            "expires_at": None if expires_at is None else expires_at.astimezone(UTC).isoformat(),
        }
        self._database.write("keys.create", lambda connection: connection.execute(_SQL["add"], row))
        return key, f"{_PREFIX}_{key.id}_{secret}"

    def list(self) -> list[Key]:
        """Every key there ever was, in the order in which they were made."""
        return [_key(*row) for row in self._database.rows(_SQL["list"])]

    def any(self) -> bool:
        """Whether any key was ever made. A revoked one counts: without it, the server would be open again."""
        return self._database.row(_SQL["any"]) is not None

    def revoke(self, key: str) -> None:
        """Refuse a key from now on, also in a server that runs. Doing it again is no error.

        Args:
            key: its id, or its whole token.

        Raises:
            UnknownItemError: there is none.
        """
        bindings = {"id": _parts(key)[0] or key, "now": datetime.now(UTC).isoformat()}
        found = self._database.write(
            "keys.revoke", lambda connection: list(connection.execute(_SQL["revoke"], bindings))
        )
        if not found:
            raise UnknownItemError(f"There is no key {bindings['id']!r}; `threadline keys list` has them all.")

    def find(self, token: str) -> Key | None:
        """The key whose token this is, if it holds. It takes the same time whether there is such a key or not."""
        name, secret = _parts(token)
        row = self._database.row(_SQL["find"], (name,))
        stored = _NO_DIGEST if row is None else row[-1]
        if not hmac.compare_digest(stored, _digest(secret)) or row is None:
            return None
        key, now = _key(*row[:-1]), datetime.now(UTC)
        if not key.holds(now):
            return None
        self._used[key.id] = now
        return key

    def due(self) -> bool:
        """Whether it is time to `keep_used`."""
        return bool(self._used) and (datetime.now(UTC) - self._kept_at).total_seconds() >= _USED_SECONDS

    def keep_used(self) -> None:
        """Write down when keys were last used: not for each request, but for many at once.

        Raises:
            StorageError: it cannot be written; what is not is written next time.
        """
        with self._lock:
            self._kept_at = datetime.now(UTC)
            used = dict(self._used)
            rows = [{"id": name, "used_at": at.isoformat()} for name, at in used.items()]
            if rows:
                self._database.write("keys.use", lambda connection: connection.executemany(_SQL["use"], rows))
            for name, at in used.items():
                if self._used.get(name) == at:
                    del self._used[name]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


class ServerToken:
    """The one token of a server that needs no keys.db: from a file or the environment."""

    def __init__(self, token: str) -> None:
        self._digest = _digest(token)

    @classmethod
    def load(cls, path: Path | None, variable: str | None) -> ServerToken | None:
        """The token in a file, else that in a variable; None where there is neither.

        Raises:
            SettingsError: the file cannot be read, or it is no token.
        """
        if path is None and not variable:
            return None
        source = str(path) if path else "THREADLINE_TOKEN"
        try:
            token = (path.read_text("utf-8") if path else variable or "").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"The token in {path} cannot be read ({type(error).__name__}).") from error
        if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError(
                f"{source}: a token has at least {_SHORTEST_TOKEN} printable ASCII characters, without spaces; "
                "`openssl rand -base64 32` makes one."
            )
        return cls(token)

    def matches(self, token: str) -> bool:
        """Whether this is the token; it takes the same time for each."""
        return hmac.compare_digest(self._digest, _digest(token))


def parse_expiry(text: str, now: datetime | None = None) -> datetime:
    """When something ends: a time in ISO 8601, or how long from now: `90d`, `12h`, `30m`.

    Raises:
        InputError: it is neither.
    """
    units = {"d": "days", "h": "hours", "m": "minutes"}
    try:
        if text[-1:] in units:
            return (now or datetime.now(UTC)) + timedelta(**{units[text[-1]]: float(text[:-1])})
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{text!r} is no time: write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h or 30m.") from error


def _parts(token: str) -> tuple[str, str]:
    """The id and the secret of a token, empty where it is none."""
    parts = token.split("_", 2)
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == _PREFIX else ("", "")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _key(
    name: str,
    tenant: str,
    banks: str | None,
    scope: str,
    created_at: str,
    expires_at: str | None,
    revoked_at: str | None,
    used_at: str | None,
) -> Key:
    times = [None if each is None else datetime.fromisoformat(each) for each in (expires_at, revoked_at, used_at)]
    seen = None if banks is None else frozenset(json.loads(banks))
    return Key(name, tenant, seen, cast(Scope, scope), datetime.fromisoformat(created_at), *times)
