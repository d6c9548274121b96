"""MCP over streamable HTTP: `/mcp/{bank}/` for one bank, `/mcp/` for several.

The SDK is imported with the first request: a server that nobody asks for MCP spends nothing on it. Each request stands
for itself, there is no session: so a restart of the server is not noticed, and none can be taken over.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from threadline.server.access import caller_of
from threadline.server.house import DEFAULT, House

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from threadline.server.mcp.tools import Visitor

PREFIX = "/mcp"

#: What these requests are called in logs and figures: no bank is named there.
_NAMED = SimpleNamespace(path=f"{PREFIX}/{{bank_id}}/")

_MAX_BODY = 1 << 30  # bytes: how much a request may be is for the server to say, and it has said so before

_ACCEPTED = b"application/json, text/event-stream"


class McpMount:
    """What answers below `/mcp`.

    Args:
        house: whose banks are served.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._starting = asyncio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope["route"] = _NAMED
        if scope["method"] == "GET":
            # Some clients look whether somebody is there before they begin. There is no stream to open.
            await JSONResponse({})(scope, receive, send)
            return
        manager = await self._ready()
        await manager.handle_request(_with_accept(scope), receive, send)

    async def close(self) -> None:
        """End what is under way."""
        if self._running is not None:
            self._stop.set()
            await self._running

    async def _ready(self) -> StreamableHTTPSessionManager:
        async with self._starting:
            if self._manager is None:
                self._manager = await asyncio.to_thread(self._make)
                started = asyncio.Event()
                self._running = asyncio.create_task(self._run(self._manager, started))
                await started.wait()
            return self._manager

    def _make(self) -> StreamableHTTPSessionManager:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from threadline.server.mcp.protocol import mcp_server

        server = mcp_server(lambda context: self._visitor(context.request))
        return StreamableHTTPSessionManager(server, json_response=True, stateless=True, max_request_body_size=_MAX_BODY)

    async def _run(self, manager: StreamableHTTPSessionManager, started: asyncio.Event) -> None:
        async with manager.run():
            started.set()
            await self._stop.wait()

    def _visitor(self, request: Any) -> Visitor:
        from threadline.server.mcp.tools import Visitor

        caller = caller_of(request)
        bank = str(request.path_params.get("rest", "")).partition("/")[0]
        chosen = bank or request.headers.get("x-bank-id") or DEFAULT
        return Visitor(self._house.tenant(caller.tenant), caller, chosen, many=not bank)


def routes(mount: McpMount) -> list[Route]:
    """Where it answers: with and without a slash at the end, as its clients write it."""
    return [
        Route(PREFIX, mount, include_in_schema=False),
        Route(f"{PREFIX}/{{rest:path}}", mount, include_in_schema=False),
    ]


def _with_accept(scope: Scope) -> Scope:
    """The request as one that accepts what MCP answers: some clients forget to say so."""
    headers = scope["headers"]
    accepted = b",".join(value for name, value in headers if name == b"accept")
    if b"text/event-stream" in accepted and b"application/json" in accepted:
        return scope
    return {**scope, "headers": [*(each for each in headers if each[0] != b"accept"), (b"accept", _ACCEPTED)]}
