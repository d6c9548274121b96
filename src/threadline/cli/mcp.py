"""`threadline mcp`: memory as tools, for a host that speaks MCP."""

from __future__ import annotations

from urllib.parse import quote

import click

from threadline.cli.options import Options, command


@command("mcp", "mcp --bank work", "mcp --url http://127.0.0.1:8888")
@click.option(
    "--url", metavar="URL", help="A Threadline server to hand all calls to; else the data directory is opened."
)
@click.option("--token", metavar="TOKEN", envvar="THREADLINE_TOKEN", help="The server's key. [THREADLINE_TOKEN]")
@click.pass_obj
def mcp(options: Options, url: str | None, token: str | None) -> None:
    """Serve memory as MCP tools over stdin and stdout.

    A host that speaks MCP starts this itself: docs/mcp.md has what to write into its configuration. With --bank the
    tools are for that bank alone; without, each call may name one. Several may run on one data directory.
    """
    from threadline.cli.extras import need_server

    need_server()
    from threadline.server.mcp import stdio

    if url is None:
        stdio.serve_home(options.settings(), many=options.bank is None)
        return
    stdio.forward(_endpoint(url, options.bank), {"authorization": f"Bearer {token}"} if token else {})


def _endpoint(url: str, bank: str | None) -> str:
    """Where a server's MCP is: it may be named itself, or only the server."""
    base = url.rstrip("/")
    if not base.endswith("/mcp"):
        if "/mcp/" in base:
            return f"{base}/"
        base = f"{base}/mcp"
    return f"{base}/{quote(bank, safe='')}/" if bank else f"{base}/"
