"""The wiring of the HTTP server: what answers which path."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

import threadline
from threadline.server import errors, sessions, wire
from threadline.server.document import Documented
from threadline.server.house import House
from threadline.server.mcp import mount

_GZIP_BYTES = 1_000
# The quickest level: a processor is dearer here than bytes on a loopback.
_GZIP_LEVEL = 1


def create_app(house: House) -> FastAPI:
    """The app that serves a house. Whoever made the house closes it."""

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        del app
        yield
        await mcp.close()

    mcp = mount.McpMount(house)
    app = Documented(
        title="Threadline",
        version=threadline.__version__,
        description="Long-term memory for AI agents, over the HTTP API of Hindsight and a session API of its own.",
        lifespan=live,
    )
    app.state.house = house
    errors.install(app)
    for package, names in (("wire", wire.MODULES), ("sessions", sessions.MODULES)):
        for (
            name
        ) in names:  # as they are: what includes a router makes each route once more, and looks through each router
            app.router.routes.extend(importlib.import_module(f"threadline.server.{package}.{name}").router.routes)
    app.router.routes.extend(mount.routes(mcp))
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_BYTES, compresslevel=_GZIP_LEVEL)
    return app
