from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.guarded import BANK, bearer, guarded, retain
from threadline.server.house import House
from threadline.server.keys import Keys, ServerToken

RECALL = f"{BANK}/memories/recall"


@pytest.fixture
def keys(house: House) -> Iterator[Keys]:
    opened = Keys(house.settings.home)
    yield opened
    opened.close()


def test_ask_for_nothing_on_loopback_until_there_is_a_key(house: House, keys: Keys) -> None:
    with guarded(house, keys) as client:
        assert retain(client).status_code == 200
        _, token = keys.create()
        refused = retain(client)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert set(refused.json()) == {"detail"}
        assert retain(client, headers=bearer(token)).status_code == 200
        assert retain(client, headers={"authorization": token}).status_code == 200, "as Hindsight takes it, too"


@pytest.mark.parametrize(("auth", "status"), [("off", 200), ("required", 401), ("auto", 401)])
def test_ask_as_it_is_set(house: House, keys: Keys, auth: str, status: int) -> None:
    keys.create()
    with guarded(house, keys, auth=auth) as client:
        assert retain(client).status_code == status


def test_refuse_revoked_wrong_and_missing_keys_alike(house: House, keys: Keys) -> None:
    key, token = keys.create()
    with guarded(house, keys) as client:
        keys.revoke(key.id)
        for shown in (token, token[:-1], "tl_x_y", "\xe9\xe9", "Bearer Bearer"):
            refused = client.get("/metrics", headers=[(b"authorization", shown.encode("latin-1"))])
            assert (refused.status_code, refused.json()) == (401, {"detail": "Invalid API key"}), shown


def test_let_the_server_token_in(house: House, keys: Keys) -> None:
    with guarded(house, keys, ServerToken("a-long-server-token")) as client:
        assert retain(client).status_code == 401
        assert retain(client, headers=bearer("a-long-server-token")).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/version", "/openapi.json", "/docs"])
def test_say_how_it_is_without_a_key(house: House, keys: Keys, path: str) -> None:
    keys.create()
    with guarded(house, keys) as client:
        assert client.get(path).status_code == 200


def test_hold_a_key_to_its_scope(house: House, keys: Keys) -> None:
    _, admin = keys.create()
    _, read = keys.create(scope="read")
    with guarded(house, keys) as client:
        retain(client, headers=bearer(admin))
        refused = retain(client, headers=bearer(read))
        assert refused.status_code == 403
        assert "scope write" in refused.json()["detail"]
        found = client.post(RECALL, json={"query": "door"}, headers=bearer(read))
        assert found.json()["results"][0]["text"] == "The door is green."


def test_answer_for_a_bank_of_others_as_for_one_that_is_not_there(house: House, keys: Keys) -> None:
    """The body, the status and the headers: nothing tells the one from the other, whose bank ever it is."""
    _, admin = keys.create()
    _, other = keys.create("acme")
    _, narrow = keys.create(banks=["mine"])
    with guarded(house, keys) as client:
        retain(client, headers=bearer(admin))
        retain(client, bank="/v1/default/banks/mine", headers=bearer(narrow))

        def ask(token: str, bank: str) -> tuple[Any, ...]:
            asked = client.post(f"/v1/default/banks/{bank}/memories/recall", json={"query": "x"}, headers=bearer(token))
            plain = {k: v for k, v in asked.headers.items() if k != "x-request-id"}
            return asked.status_code, asked.text.replace(bank, "?"), plain

        assert ask(admin, "b")[0] == 200
        for token in (other, narrow):
            there, nowhere = ask(token, "b"), ask(token, "z")
            assert there == nowhere
            assert there[0] == 404
        assert retain(client, bank="/v1/default/banks/new", headers=bearer(narrow)).status_code == 404
        assert (
            client.post("/v1/default/banks/new/memories/recall", json={"query": "x"}, headers=bearer(admin)).status_code
            == 404
        )


def test_keep_tenants_apart_that_have_a_bank_of_one_name(house: House, keys: Keys) -> None:
    _, ours = keys.create()
    _, theirs = keys.create("acme")
    with guarded(house, keys) as client:
        retain(client, "Ours is green.", headers=bearer(ours))
        retain(client, "Theirs is blue.", headers=bearer(theirs))
        for token, text in ((ours, "Ours is green."), (theirs, "Theirs is blue.")):
            found = client.post(RECALL, json={"query": "what is ours or theirs"}, headers=bearer(token)).json()
            assert [each["text"] for each in found["results"]] == [text]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8888", "127.0.0.1.evil.example", "[::2]:8888", "", "localhost.:1"]
)
def test_refuse_a_name_that_somebody_has_point_here(house: House, keys: Keys, host: str) -> None:
    with guarded(house, keys) as client:
        refused = client.get("/version", headers={"host": host})
        assert refused.status_code == 403
        assert "allowed_hosts" in refused.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8888", "127.0.0.1:1", "[::1]:8888", "memory.local"])
def test_answer_on_names_of_this_machine(house: House, keys: Keys, host: str) -> None:
    with guarded(house, keys, allowed_hosts=("memory.local",)) as client:
        assert client.get("/version", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_refuse_web_pages_of_others(house: House, keys: Keys, origin: str) -> None:
    with guarded(house, keys) as client:
        refused = client.post(RECALL, json={"query": "x"}, headers={"origin": origin})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


def test_let_the_pages_in_that_are_set(house: House, keys: Keys) -> None:
    asks = {"origin": "https://app.example", "access-control-request-method": "POST"}
    keys.create()
    with guarded(house, keys, cors_origins=("https://app.example",)) as client:
        asked = client.options(RECALL, headers=asks)
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://app.example")
        refused = client.options(RECALL, headers={**asks, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in refused.headers
    with guarded(house, keys) as client:
        assert client.get("/docs", headers={"origin": "http://127.0.0.1:8888"}).status_code == 200, "its own page"


def test_slow_a_caller_down_that_asks_too_often(house: House, keys: Keys) -> None:
    _, one = keys.create()
    _, other = keys.create()
    with guarded(house, keys, requests_per_second=0.01, burst=2) as client:
        statuses = [retain(client, headers=bearer(one)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert int(retain(client, headers=bearer(one)).headers["retry-after"]) > 1
        assert retain(client, headers=bearer(other)).status_code == 200, "each key has its own"


def test_write_down_when_a_key_was_used(house: House, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = keys.create()
    monkeypatch.setattr("threadline.server.keys._USED_SECONDS", 0.0)
    with guarded(house, keys) as client:
        retain(client, headers=bearer(token))
    assert [key.used_at is None for key in keys.list()] == [False]


def test_open_no_bank_by_a_path(house: House, keys: Keys, tmp_path: Path) -> None:
    with guarded(house, keys) as client:
        for bank in ("..%2f..%2fescape", "%2e%2e", "a%00b", "%2fetc"):
            retain(client, bank=f"/v1/default/banks/{bank}")
    assert {path.name for path in tmp_path.iterdir()} == {"home"}
