"""`threadline serve`: the server."""

from __future__ import annotations

from typing import Any

import click

from threadline.cli.options import Options, command
from threadline.cli.output import say, say_json


@command("serve", "serve --port 9000", "serve --host 0.0.0.0 --token-file /run/secrets/token")
@click.option("--host", metavar="ADDRESS", help="The address that is bound. [THREADLINE_HOST, else 127.0.0.1]")
@click.option("--port", type=int, metavar="NUMBER", help="The port; 0: any that is free. [THREADLINE_PORT, else 8888]")
@click.option(
    "--token-file", metavar="FILE", help="A file with a token that may do everything. [THREADLINE_TOKEN_FILE]"
)
@click.pass_obj
def serve(options: Options, /, **given: Any) -> None:
    """Serve memory over HTTP: Hindsight's API, sessions and MCP.

    Clients of Hindsight need another base URL and nothing else. On loopback no key is asked for until there is one;
    anything else than loopback is not bound without a token or a key, which `threadline keys create` makes. It stops
    in order at SIGTERM and Ctrl-C: what is under way is finished. docs/server.md has every setting.
    """
    from threadline.cli.extras import need_server

    need_server()
    from threadline.server.serving import serve as run
    from threadline.server.settings import ServerSettings

    settings = options.settings()
    server = ServerSettings.load(settings.home, **given)

    def announce(url: str) -> None:
        if options.json:
            say_json({"url": url, "home": settings.home})
        else:
            say(f"Threadline serves {settings.home} at {url}; its routes are at {url}/docs.", err=True)

    run(settings, server, announce)
