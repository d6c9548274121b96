"""The tools as a client of the official SDK reaches them: over streamable HTTP and over stdio."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
import uvicorn
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.server.guarded import bearer, guarded
from threadline.server.app import create_app
from threadline.server.house import House
from threadline.server.keys import Keys

T = TypeVar("T")
MODES = ("legacy", "auto")


def run(body: Callable[[], Awaitable[T]]) -> T:
    """Run it, for half a minute at most."""

    async def bounded() -> T:
        return await asyncio.wait_for(body(), 30.0)

    return asyncio.run(bounded())


@pytest.fixture
def url(house: House) -> Iterator[str]:
    """A server of its own port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(house), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10.0)


async def told(client: Client, tool: str, **given: Any) -> Any:
    result = await client.call_tool(tool, given)
    assert not result.is_error, result
    assert json.loads(result.content[0].text) == result.structured_content  # type: ignore[union-attr]
    return result.structured_content


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_use_several_banks_over_http(url: str, mode: str, path: str) -> None:
    async def body() -> None:
        async with Client(url + path, mode=mode) as client:
            tools = {each.name: each for each in (await client.list_tools()).tools}
            assert "bank_id" in tools["recall"].input_schema["properties"]
            assert tools["recall"].annotations is not None
            assert tools["recall"].annotations.read_only_hint is True
            await told(client, "sync_retain", content="Ada keeps bees.", bank_id="other")
            found = await told(client, "recall", query="bees", bank_id="other")
            assert found["results"][0]["text"] == "Ada keeps bees."
            assert [each["bank_id"] for each in (await told(client, "list_banks"))["banks"]] == ["other"]
            failed = await client.call_tool("recall", {"query": "bees"})
            assert failed.is_error
            assert failed.structured_content == {"error": "Bank 'default' not found"}

    run(body)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", ["/mcp/my%20bank", "/mcp/my%20bank/"])
def test_use_one_bank_over_http(url: str, house: House, mode: str, path: str) -> None:
    async def body() -> None:
        async with Client(url + path, mode=mode) as client:
            tools = {each.name: each for each in (await client.list_tools()).tools}
            assert "list_banks" not in tools
            assert "bank_id" not in tools["recall"].input_schema["properties"]
            await told(client, "sync_retain", content="Ada keeps bees.", bank_id="other")

    run(body)
    assert [room.id for room in house.tenant().rooms()] == ["my bank"]


def test_a_header_names_the_bank(url: str, house: House) -> None:
    async def body() -> None:
        async with (
            httpx2.AsyncClient(headers={"X-Bank-Id": "theirs"}) as http,
            Client(streamable_http_client(f"{url}/mcp/", http_client=http)) as client,
        ):
            await told(client, "sync_retain", content="Ada keeps bees.")

    run(body)
    assert [room.id for room in house.tenant().rooms()] == ["theirs"]


def test_serve_a_client_that_says_little(url: str) -> None:
    """No `Accept`, no session, no `initialize`, as some clients begin; and a look whether somebody is there."""
    assert httpx2.get(f"{url}/mcp/").json() == {}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = httpx2.post(f"{url}/mcp/one", json=asked, headers={"accept": "*/*"})
    assert answer.status_code == 200
    assert "recall" in [each["name"] for each in answer.json()["result"]["tools"]]
    broken = httpx2.post(f"{url}/mcp/one", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_web_page_cannot_call_a_tool(url: str, house: House, kind: str) -> None:
    """What a page may send without asking first is no call."""
    call = {"name": "sync_retain", "arguments": {"content": "x"}}
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    assert httpx2.post(f"{url}/mcp/one/", content=asked.encode(), headers={"content-type": kind}).status_code == 400
    assert house.tenant().rooms() == []


def test_the_sdk_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys; import threadline.server.app; sys.exit('mcp' in sys.modules or 'mcp_types' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0


def stdio(home: Path, *more: str) -> Any:
    arguments = ["-m", "threadline", "mcp", "--home", str(home), "--embedder", "none", *more]
    return stdio_client(StdioServerParameters(command=sys.executable, args=arguments))


def test_several_programs_use_one_home_over_stdio(tmp_path: Path) -> None:
    async def body() -> None:
        async with (
            Client(stdio(tmp_path / "home"), mode="legacy") as one,
            Client(stdio(tmp_path / "home", "--bank", "work")) as other,
        ):
            await told(one, "sync_retain", content="Ada keeps bees.", bank_id="work")
            assert (await told(other, "recall", query="bees"))["results"][0]["text"] == "Ada keeps bees."
            assert "list_banks" not in [each.name for each in (await other.list_tools()).tools]
            await told(other, "retain", content="Bob sails.", document_id="b")
            while not (await told(one, "list_operations", bank_id="work", status="completed"))["total"]:
                await asyncio.sleep(0.05)
            assert (await told(one, "get_document", document_id="b", bank_id="work"))["original_text"] == "Bob sails."

    run(body)


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("http://127.0.0.1:1", "No server answers at http://127.0.0.1:1/mcp/"),
        ("nonsense", "nonsense/mcp/"),
        ("{url}/v1/none/mcp", "is no Threadline server (status 404)"),
    ],
)
def test_say_that_no_server_is_there(url: str, where: str, error: str) -> None:
    line = [sys.executable, "-m", "threadline", "mcp", "--url", where.format(url=url)]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert error in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ask_for_the_key_that_everything_asks_for(house: House, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    _, read = keys.create(banks=("one",), scope="read")
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with guarded(house, keys) as client:
        assert client.post("/mcp/one/", json=asked).status_code == 401
        assert client.get("/mcp/").status_code == 401
        answer = client.post("/mcp/one/", json=asked, headers=bearer(read))
        tools = [each["name"] for each in answer.json()["result"]["tools"]]
        assert "recall" in tools
        assert "retain" not in tools
        call = {**asked, "method": "tools/call", "params": {"name": "recall", "arguments": {"query": "bees"}}}
        refused = client.post("/mcp/two/", json=call, headers=bearer(read)).json()["result"]
        assert refused["structuredContent"] == {"error": "Bank 'two' not found"}
    keys.close()


def test_hand_calls_to_a_server(url: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with Client(stdio(tmp_path / "none", "--url", url, "--bank", "work")) as client:
            await told(client, "sync_retain", content="Ada keeps bees.")
            assert (await told(client, "recall", query="bees"))["results"][0]["text"] == "Ada keeps bees."
            failed = await client.call_tool("get_memory", {"memory_id": "x"})
            assert failed.is_error

    run(body)
    assert not (tmp_path / "none").exists()
