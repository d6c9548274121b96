"""A server in the test's own process, with everything that lies around the app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.testclient import TestClient

from threadline.server.app import create_app
from threadline.server.house import House
from threadline.server.keys import Keys, ServerToken
from threadline.server.serving import layers
from threadline.server.settings import ServerSettings

BANK = "/v1/default/banks/b"


@contextmanager
def guarded(house: House, keys: Keys, token: ServerToken | None = None, **settings: Any) -> Iterator[TestClient]:
    """A client of a house with these settings of the server."""
    app, _ = layers(create_app(house), ServerSettings(**settings), keys, token)
    with TestClient(app, base_url="http://127.0.0.1:8888", raise_server_exceptions=False) as client:
        yield client


def retain(client: TestClient, text: str = "The door is green.", bank: str = BANK, **kwargs: Any) -> Any:
    return client.post(f"{bank}/memories", json={"items": [{"content": text}]}, **kwargs)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
