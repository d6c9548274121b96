"""Every route there is, asked with a key that may not: swept from the app, so that a new one is among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from tests.server.guarded import bearer, guarded, retain
from threadline.server.app import create_app
from threadline.server.guard import OPEN
from threadline.server.house import House
from threadline.server.keys import Keys

SECRET = "the-word-nobody-may-read"  # noqa: S105 - it stands for what somebody said
THEIRS, NOBODYS = "bank-of-theirs", "bank-of-nobody"


def _routes(house: House) -> list[tuple[str, str]]:
    """Each method and path, with parameters other than the bank filled in."""
    found = []
    for route in iter_route_contexts(create_app(house).router.routes):
        path = getattr(route, "path_format", None) or getattr(route, "path", "")
        filled = re.sub(r"\{(?!bank_id|bank)[^}]*\}", "00000000-0000-4000-8000-000000000000", str(path))
        for method in sorted(getattr(route, "methods", None) or ("POST",)):
            if method != "HEAD" and path not in OPEN:
                found.append((method, re.sub(r"\{bank(_id)?(:path)?\}", "{bank}", filled)))
    return found


@pytest.fixture
def keys(house: House) -> Iterator[Keys]:
    opened = Keys(house.settings.home)
    yield opened
    opened.close()


@pytest.fixture
def client(house: House, keys: Keys) -> Iterator[TestClient]:
    """A server where `bank-of-theirs` is a bank of the tenant `default`, with something in it."""
    with guarded(house, keys) as client:
        retain(client, SECRET, f"/v1/default/banks/{THEIRS}")
        yield client


def _ask(client: TestClient, method: str, path: str, bank: str, token: str) -> tuple[int, str]:
    """The status and what is said, without the name that was asked for."""
    json: dict[str, Any] | None = None if method in ("GET", "DELETE") else {}
    answer = client.request(
        method, path.replace("{bank}", bank), params={"bank": bank}, json=json, headers=bearer(token)
    )
    return answer.status_code, re.sub(r"\d\d:\d\d[^\"]*|[0-9a-f-]{32,}", "", answer.text.replace(bank, "?"))


def test_let_nobody_in_without_a_key(house: House, keys: Keys, client: TestClient) -> None:
    keys.create()
    routes = _routes(house)
    assert len(routes) > 50
    for method, path in routes:
        answer = client.request(method, path.replace("{bank}", THEIRS))
        assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize(
    "allowed", [{"banks": ["mine"]}, {"tenant": "acme", "scope": "read"}], ids=["another bank", "another tenant"]
)
def test_answer_for_a_bank_of_others_as_for_none(
    house: House, keys: Keys, client: TestClient, allowed: dict[str, Any]
) -> None:
    _, token = keys.create(**allowed)
    for method, path in _routes(house):
        if path != "/metrics":
            theirs = _ask(client, method, path, THEIRS, token)
            assert theirs == _ask(client, method, path, NOBODYS, token), (method, path)
            assert theirs[0] < 500, (method, path, theirs)
            assert SECRET not in theirs[1], (method, path)


def test_touch_nothing_of_another_tenant(house: House, keys: Keys, client: TestClient) -> None:
    """One that may do everything in its own tenant does it there, to a bank of the same name."""
    _, token = keys.create("acme")
    _, admin = keys.create()
    for method, path in _routes(house):
        if path != "/metrics":
            status, said = _ask(client, method, path, THEIRS, token)
            assert status < 500, (method, path, said)
            assert SECRET not in said, (method, path)
    recall = f"/v1/default/banks/{THEIRS}/memories/recall"
    found = client.post(recall, json={"query": SECRET}, headers=bearer(admin)).json()
    assert [each["text"] for each in found["results"]] == [SECRET]


def test_name_no_bank_of_others_in_a_list(house: House, keys: Keys, client: TestClient) -> None:
    tokens = [keys.create("acme")[1], keys.create(banks=["mine"])[1]]
    for method, path in _routes(house):
        if method == "GET" and "{bank}" not in path and path != "/metrics":
            for token in tokens:
                answer = client.get(path, headers=bearer(token))
                assert THEIRS not in answer.text, path


def test_let_a_reader_change_nothing(house: House, keys: Keys, client: TestClient) -> None:
    """With the scope `read`, only what asks is carried out: everything else is 403."""
    _, token = keys.create(scope="read")
    asks = re.compile(r"/(recall|reflect|explain|prefetch|prefetched|preview|dry-run-extract|llm)$|^/mcp")
    by_body = re.compile(r"/(config|document-transfer|transfer/import)$")  # what is asked for stands in the body
    removed = re.compile(r"/(profile|background)$")  # they answer 410 to everybody
    for method, path in _routes(house):
        changes = method in ("PUT", "PATCH", "DELETE") or (method == "POST" and not asks.search(path))
        if changes and not removed.search(path):
            allowed = (403, 422) if by_body.search(path) else (403,)
            assert _ask(client, method, path, THEIRS, token)[0] in allowed, (method, path)
