"""Who is let in: the door before every route."""

from __future__ import annotations

import asyncio
import math
import time
from typing import cast
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from threadline.errors import AccessError, StorageError
from threadline.server.access import Caller
from threadline.server.keys import Keys, ServerToken
from threadline.server.limits import Rates, Refusal
from threadline.server.logs import LOG
from threadline.server.settings import ServerSettings

#: What says nothing about anybody, for whoever watches the server or reads what it can do.
OPEN = frozenset(
    (
        *("/health", "/health/live", "/health/ready", "/version", "/v1/version"),
        *("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"),
    )
)

_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class Guard:
    """Middleware: finds out who asks, and refuses who may not.

    The caller is in `scope["state"]["caller"]` from here on; `threadline.server.access` holds routes to it.

    Args:
        keys: those of the data directory.
        token: the server's own, which may do everything in the tenant `default`.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, keys: Keys, token: ServerToken | None) -> None:
        self._app = app
        self._settings = settings
        self._keys = keys
        self._token = token
        self._rates = Rates(settings.requests_per_second, settings.burst, time.monotonic)
        self._hosts = _LOOPBACK | {name.lower() for name in settings.allowed_hosts}
        self._origins = frozenset(origin.lower() for origin in settings.cors_origins)
        self._loopback = settings.loopback
        self._has_key = False
        self._keeping: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on who may come in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = self._of_web(headers) or self._of_caller(scope, headers)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            unread = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
            await refusal.answer(receive, send, unread=unread)
        self._keep_used()

    def _of_web(self, headers: dict[bytes, bytes]) -> Refusal | None:
        """A web page must not reach a server of this machine through the browser of whoever visits it.

        Neither by a name of its own that it has point here (DNS rebinding: `Host` tells), nor across sites (`Origin`).
        """
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self._loopback and _name(host) not in self._hosts:
            return Refusal(403, "This server answers on loopback names only; the setting allowed_hosts adds others.")
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if not origin or origin in self._origins or "*" in self._origins or urlsplit(origin).netloc == host:
            return None
        return Refusal(403, "Web pages of other origins may not call this server; cors_origins allows them.")

    def _of_caller(self, scope: Scope, headers: dict[bytes, bytes]) -> Refusal | None:
        if scope["path"] in OPEN:
            return None
        try:
            caller = self._caller(headers.get(b"authorization", b"").decode("latin-1"))
        except AccessError as error:
            return Refusal(error.status, str(error), ((b"www-authenticate", b"Bearer"),))
        scope.setdefault("state", {})["caller"] = caller
        address = cast("tuple[str, int] | None", scope.get("client"))
        wait = self._rates.wait(caller.key or (address[0] if address else ""))
        if wait:
            seconds = str(math.ceil(wait)).encode()
            return Refusal(429, "Too many requests; try again later.", ((b"retry-after", seconds),))
        return None

    def _caller(self, authorization: str) -> Caller:
        """Who asks. The token may stand alone in the header, as Hindsight takes it."""
        if not self.asks():
            return Caller()
        scheme, _, rest = authorization.strip().partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else authorization.strip()
        if not token:
            raise AccessError("This server asks for a key: send it as Authorization: Bearer <key>.")
        if self._token is not None and self._token.matches(token):
            return Caller(key="token")
        key = self._keys.find(token)
        if key is None:
            raise AccessError("Invalid API key")
        return Caller(key.tenant, key.id, key.banks, key.scope)

    def asks(self) -> bool:
        """Whether a key is asked for. The first one that is made closes the door, and it is never opened again."""
        if self._settings.auth != "auto":
            return self._settings.auth == "required"
        self._has_key = self._has_key or self._token is not None or not self._loopback or self._keys.any()
        return self._has_key

    def _keep_used(self) -> None:
        """Write down now and then when keys were used, beside the requests."""
        if self._keys.due() and not self._keeping:
            kept = asyncio.get_running_loop().run_in_executor(None, self._keys.keep_used)
            self._keeping.add(kept)
            kept.add_done_callback(self._kept)

    def _kept(self, kept: asyncio.Future[None]) -> None:
        self._keeping.discard(kept)
        error = kept.exception()
        if isinstance(error, StorageError):
            LOG.warning("When keys were used could not be written down", exc_info=error)
        elif error is not None:
            raise error


def _name(host: str) -> str:
    """The name in a `Host` header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
