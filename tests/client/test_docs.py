"""The examples of the pages on the client and on sessions over HTTP do what they say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.client.running import Running, running

DOCS = Path(__file__).parent.parent.parent / "docs"
HERE = "http://127.0.0.1:8888"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "home") as server:
        yield server


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def _curl(line: str) -> Any:
    """What a line of curl does, as far as the page uses it."""
    _, _, *rest = shlex.split(line)
    verb = rest[rest.index("-X") + 1] if "-X" in rest else "POST" if "--json" in rest else "GET"
    (url,) = [word for word in rest if word.startswith("http")]
    body = rest[rest.index("--json") + 1] if "--json" in rest else None
    answer = httpx2.request(verb, url, content=body, headers={"content-type": "application/json"})
    assert answer.is_success, f"{line}: {answer.text}"
    return answer.json()


def test_run_the_example_of_the_client(server: Running, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = _blocks("client.md", "python")
    exec(compile(code.replace(HERE, server.url), "client.md", "exec"), {})  # noqa: S102 - our own example
    assert "Lisbon" in capsys.readouterr().out


def test_run_the_example_of_sessions_over_http(server: Running) -> None:
    (block,) = [block for block in _blocks("server.md", "sh") if "/v1/threadline" in block]
    base, *lines = block.strip().splitlines()
    assert base == f"T={HERE}/v1/threadline"
    answers = [_curl(line.replace("$T", f"{server.url}/v1/threadline")) for line in lines]
    proof, status, found = answers[-1], answers[-2], answers[-3]
    assert [one["text"] for one in found] == ["I moved to Lisbon in May."]
    assert (status["turns"], status["taken_back"], status["healthy"]) == (2, 1, True)
    assert (proof["complete"], proof["traces"]) == (True, [])


def test_name_every_route_of_sessions_on_the_page(server: Running) -> None:
    page = (DOCS / "server.md").read_text("utf-8")
    named = set(re.findall(r"/[a-z/-]+", page))
    for group, names in re.findall(r"(/[a-z/]*)\{([a-z,-]+)\}", page):
        named |= {group + name for name in names.split(",")}
    for route in httpx2.get(f"{server.url}/openapi.json").json()["paths"]:
        if route.startswith("/v1/threadline/"):
            assert route.removeprefix("/v1/threadline") in named, route
