"""The table of routes in docs/server.md: what each does, and how far it does what Hindsight's does."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadline.server.app import create_app
from threadline.server.house import House
from threadline.settings import Settings

_BEGIN = "<!-- routes: written by `make docs` -->"
_END = "<!-- end of routes -->"

#: The methods of OpenAPI, in the order of the table.
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Documented:
    """A route as the app's OpenAPI document has it.

    Attributes:
        state: `same`, `partly` or `not`: how far it does what Hindsight's does; `ours`: Hindsight has none.
        why: in what it differs.
    """

    method: str
    path: str
    operation: str
    summary: str
    state: str
    why: str


def documented(document: dict[str, Any]) -> Iterator[Documented]:
    """The routes of an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                found = methods[method]
                told = found.get("x-threadline", {"state": "ours", "why": ""})
                yield Documented(
                    method.upper(), path, found["operationId"], found.get("summary", ""), told["state"], told["why"]
                )


def openapi() -> dict[str, Any]:
    """The OpenAPI document of a server as it comes."""
    with tempfile.TemporaryDirectory() as home:
        house = House(Settings(home=Path(home)), embedder=lambda: None)
        try:
            return create_app(house).openapi()
        finally:
            house.close(0.0)


def table(document: dict[str, Any]) -> str:
    """The two tables, of Hindsight's routes and of our own, in Markdown."""
    routes = list(documented(document))
    theirs = [route for route in routes if route.state != "ours"]
    ours = [route for route in routes if route.state == "ours"]
    lines = ["| Route of Hindsight's | | Here | In what it differs |", "| --- | --- | --- | --- |"]
    lines += [f"| `{each.method} {each.path}` | {each.summary} | {each.state} | {each.why} |" for each in theirs]
    lines += ["", "| Route of our own | |", "| --- | --- |"]
    lines += [f"| `{each.method} {each.path}` | {each.summary} |" for each in ours]
    return "\n".join(lines)


def written(page: str, document: dict[str, Any]) -> str:
    """The page with the table as it is now."""
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return f"{before}{_BEGIN}\n{table(document)}\n{_END}{after}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(written(target.read_text("utf-8"), openapi()), "utf-8")
