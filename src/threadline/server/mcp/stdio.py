"""MCP over stdin and stdout: for a host that starts its memory as a program of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared._httpx_utils import create_mcp_http_client

import threadline
from threadline.errors import AccessError, BackendUnavailableError, SettingsError
from threadline.server.access import Caller
from threadline.server.house import DEFAULT, House
from threadline.server.mcp.protocol import NAME, Context, mcp_server
from threadline.server.mcp.tools import Visitor
from threadline.settings import Settings

_SECONDS = 10.0

if TYPE_CHECKING:
    from collections.abc import Mapping


def serve_home(settings: Settings, *, many: bool) -> None:
    """Serve the banks of a data directory until stdin ends.

    Args:
        settings: those of the data directory; their bank is the one that is meant where a call names none.
        many: whether a call may name another bank.
    """
    house = House(settings, shared=True)  # a host starts one for each of its windows
    try:
        visitor = Visitor(house.tenant(DEFAULT), Caller(), settings.bank, many)
        anyio.run(_serve, mcp_server(lambda _: visitor))
    finally:
        house.close(settings.shutdown_seconds)


def forward(url: str, headers: Mapping[str, str]) -> None:
    """Serve what a server over HTTP serves, until stdin ends.

    Args:
        url: where its MCP is, such as `http://127.0.0.1:8888/mcp/default/`.
        headers: sent with each request.

    Raises:
        AccessError: it does not take the key.
        BackendUnavailableError: it cannot be reached.
        SettingsError: what answers there is none.
    """
    _look(url, headers)
    anyio.run(_forward, url, dict(headers))


def _look(url: str, headers: Mapping[str, str]) -> None:
    """Whether a server is there that takes the key: said now, in one line, and not in the middle of a call."""
    try:
        answer = httpx2.get(url, headers=dict(headers), timeout=_SECONDS)
    except httpx2.InvalidURL as error:
        raise SettingsError(f"{url} is no address: {error}.") from error
    except httpx2.HTTPError as error:
        raise BackendUnavailableError(
            f"No server answers at {url} ({error}); start it, or name its address."
        ) from error
    if answer.status_code in (401, 403):
        raise AccessError(f"The server at {url} does not take this key; name one with --token or THREADLINE_TOKEN.")
    if answer.status_code != 200:
        raise SettingsError(f"What answers at {url} is no Threadline server (status {answer.status_code}).")


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


async def _forward(url: str, headers: dict[str, str]) -> None:
    async with (
        create_mcp_http_client(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):

        async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
            return await client.list_tools()

        async def call_tool(_: Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
            return await client.call_tool(asked.name, asked.arguments or {})

        await _serve(
            Server(
                NAME,
                version=threadline.__version__,
                instructions=client.instructions,
                on_list_tools=list_tools,
                on_call_tool=call_tool,
            )
        )
