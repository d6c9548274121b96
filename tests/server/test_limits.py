from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.guarded import BANK, guarded, retain
from threadline.server.house import House
from threadline.server.keys import Keys
from threadline.server.limits import Limits, Rates, is_deep

RETAIN = f"{BANK}/memories"


@pytest.fixture
def keys(house: House) -> Iterator[Keys]:
    opened = Keys(house.settings.home)
    yield opened
    opened.close()


def _deep(levels: int) -> bytes:
    return b'{"items":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_refuse_a_body_that_says_it_is_too_large(house: House, keys: Keys) -> None:
    with guarded(house, keys, max_body_megabytes=0.001) as client:
        refused = retain(client, "x" * 2000)
        assert refused.status_code == 413
        assert refused.json() == {"detail": "The body is larger than 1,000 bytes."}
        assert refused.headers["connection"] == "close"
        assert retain(client, "x" * 200).status_code == 200


def test_refuse_a_body_that_turns_out_too_large(house: House, keys: Keys) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [b"x" * 600] * 3

    with guarded(house, keys, max_body_megabytes=0.001) as client:
        for kind in ("application/json", "application/octet-stream", "multipart/form-data; boundary=x"):
            refused = client.post(RETAIN, content=pieces(), headers={"content-type": kind})
            assert refused.status_code == 413, kind


@pytest.mark.parametrize("levels", [66, 1000, 100_000])
def test_refuse_json_that_lies_too_deep(house: House, keys: Keys, levels: int) -> None:
    with guarded(house, keys) as client:
        refused = client.post(RETAIN, content=_deep(levels), headers={"content-type": "application/json"})
        assert refused.status_code == 400
        assert refused.json() == {"detail": "The JSON body lies more than 64 levels deep."}


@pytest.mark.parametrize(
    "content",
    [
        b'{"items": [{"content": "\xff\xfe"}]}',
        b"\xff\xfe\x00\xd8",
        b'{"\\ud800": 1, "items": 3}',
        b'{"items": NaN}',
        b'{"items": [{"content": 1e999}]}',
        b'{"items": ' + b"9" * 5000 + b"}",
        b"[" * 40,
        b'{"items": ' + b"[" * 60 + b"]" * 60 + b"}",
        b"",
        b"null",
    ],
)
def test_answer_json_that_is_none_with_a_fault_of_its_sender(house: House, keys: Keys, content: bytes) -> None:
    with guarded(house, keys) as client:
        refused = client.post(RETAIN, content=content, headers={"content-type": "application/json"})
        assert refused.status_code in (400, 422), refused.text
        assert "detail" in json.loads(refused.content, parse_constant=pytest.fail)


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
async def test_refuse_a_body_that_takes_too_long(kind: str) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if any(message["type"] == "http.response.body" for message in sent):
            return {"type": "http.disconnect"}
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # it never comes

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def route(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    headers = [(b"content-length", b"10"), (b"content-type", kind.encode())]
    await Limits(route, 1000, 64, 0.01)({"type": "http", "headers": headers}, receive, send)
    assert sent[0]["status"] == 408
    assert b"0.01 s" in sent[1]["body"]


async def test_drop_what_comes_after_a_refusal_without_keeping_it() -> None:
    left, sent = 50, []

    async def receive() -> MutableMapping[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": left > 0}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append((left, message))

    async def route(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no route is asked")

    headers = [(b"content-length", b"50000000"), (b"content-type", b"application/json")]
    await Limits(route, 1000, 64, 5)({"type": "http", "headers": headers}, receive, send)
    assert [at for at, _ in sent] == [50, 50, 0], "answered at once; the rest is read, and gone"
    assert sent[0][1]["status"] == 413


async def test_ask_nobody_for_a_body_that_is_too_large() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("who expects 100-continue has not sent it")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-length", b"5000"), (b"expect", b"100-continue")]
    await Limits(None, 1000, 64, 5)({"type": "http", "headers": headers}, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 413


json_values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\[]{}\n'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='a"\\[]{}', max_size=3), inner, max_size=3)
    ),
    max_leaves=20,
)


def _levels(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_levels, inner), default=0)


@given(json_values, st.integers(0, 6))
def test_tell_how_deep_json_lies_as_a_parser_does(value: object, most: int) -> None:
    assert is_deep(json.dumps(value).encode(), most) == (_levels(value) > most)


def test_fill_a_bucket_again_in_time() -> None:
    now = 0.0
    rates = Rates(2.0, 3, lambda: now)
    assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    now = 0.5
    assert [rates.wait("a"), rates.wait("a")] == [0.0, 0.5]
    now = 100.0
    assert [rates.wait("a") for _ in range(4)][-1] == 0.5, "never more at once than the burst"
    assert Rates(0.0, 1, lambda: now).wait("a") == 0.0


def test_remember_only_so_many_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.server.limits._BUCKETS", 2)
    rates = Rates(0.001, 1, lambda: 0.0)
    assert [rates.wait(name) > 0 for name in ("a", "b", "a", "c", "d", "a")] == [
        False,
        False,
        True,
        False,
        False,
        False,
    ]
