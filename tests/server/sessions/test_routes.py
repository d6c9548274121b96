"""The session routes as any language's HTTP library meets them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.server.access import Caller
from threadline.server.house import House

ODD = "chats/2026-11/../été?&#%2F"


class Http:
    """Requests about one bank."""

    def __init__(self, client: TestClient, bank: str = "alice") -> None:
        self.client = client
        self.bank = bank

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = self.client.get(f"/v1/threadline{path}", params={"bank": self.bank, **query})
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 200, **query: Any) -> Any:
        answer = self.client.post(f"/v1/threadline{path}", params={"bank": self.bank, **query}, json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


@pytest.fixture
def http(client: TestClient) -> Http:
    return Http(client)


def test_tell_a_bank_that_is_missing_from_one_that_is_there(http: Http) -> None:
    assert http.get("/bank", 404)["error"]["type"] == "UnknownBankError"
    assert http.client.put("/v1/threadline/bank", params={"bank": "alice"}).json() == {"bank": "alice"}
    assert http.get("/bank") == {"bank": "alice"}
    assert http.get("/banks") == [{"bank": "alice"}]
    assert http.get("/bank/status")["healthy"] is True


@pytest.mark.parametrize("session", [ODD, "..", ".", "a/b", "//", " x ", "x" * 1024])
def test_take_any_id_that_a_host_may_have(http: Http, session: str) -> None:
    assert http.post("/sessions", {"session": session}) == {"session": session}
    turn = http.post("/session/turns", {"user": "The boat is called Marlin"}, session=session)
    assert (turn["session"], turn["number"]) == (session, 1)
    assert http.get("/session", session=session) == {"session": session}
    assert http.get("/session/turns", session=session) == [turn]
    assert [one["id"] for one in http.get("/sessions")] == [session]


def test_know_a_turn_by_its_host_key(http: Http) -> None:
    http.post("/sessions", {"session": "s"})
    first = http.post("/session/turns", {"user": "Once", "host_key": "k/1"}, session="s")
    assert http.post("/session/turns", {"user": "Once, again", "host_key": "k/1"}, session="s") == first
    assert http.get("/session/turn", session="s", host_key="k/1") == first
    assert http.get("/session/turn", session="s", host_key="k/2") is None


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/session/turns", {"user": "hello"}, 404, "UnknownSessionError"),
        ("/sessions", {"session": ""}, 400, "InvalidIdError"),
        ("/sessions", {"session": "a\nb"}, 400, "InvalidIdError"),
        ("/sessions", {"session": "s", "identity": {"usr": "u"}}, 422, "InputError"),
        ("/sessions", {"session": "s", "tags": "travel"}, 422, "InputError"),
        ("/sessions", [], 422, "InputError"),
        ("/recall", {"query": 7}, 422, "InputError"),
        ("/recall", {"query": "x", "limit": 0}, 400, "InputError"),
        ("/recall", {"query": "x", "limit": True}, 422, "InputError"),
        ("/recall", {"query": "x", "limit": 10**30}, 422, "InputError"),
        ("/recall", {"query": "x", "tags": {"nand": []}}, 400, "InputError"),
        ("/recall", {"query": "x", "since": "2026-01-01T00:00:00"}, 422, "InputError"),
        ("/recall", {"query": "x", "outside_context": True}, 400, "InputError"),
        ("/recall", {"query": "x", "min_confidence": 2}, 400, "InputError"),
        ("/recall", {"qery": "x"}, 422, "InputError"),
        ("/deliveries/retry", {"ids": [99]}, 404, "UnknownDeliveryError"),
        ("/deliveries/drop", {}, 400, "InputError"),
        ("/forget", {}, 400, "InputError"),
        ("/forget", {"session": "s", "everything": True}, 400, "InputError"),
        ("/forget", {"session": "s"}, 404, "UnknownSessionError"),
        ("/forget", {"document": "what"}, 400, "InvalidIdError"),
        ("/flush", {"seconds": 1e9}, 422, "InputError"),
    ],
)
def test_refuse_in_our_own_shape(http: Http, path: str, body: Any, status: int, kind: str) -> None:
    http.client.put("/v1/threadline/bank", params={"bank": "alice"})
    query: dict[str, Any] = {"session": "s"} if path.startswith("/session/") else {}
    error = http.post(path, body, status, **query)["error"]
    assert error["type"] == kind
    assert len(error["message"]) > 20


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"session": "\\ud800"}', b"[" * 5000, b""])
def test_refuse_a_body_that_is_no_json(http: Http, body: bytes) -> None:
    answer = http.client.post(
        "/v1/threadline/sessions?bank=alice", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("when", "status"),
    [
        ("0001-01-01T00:00:00+14:00", 400),
        ("0001-01-01T00:00:00Z", 200),
        ("2026-05-01T12:00:00+05:30", 200),
        ("9999-12-31T23:59:59Z", 200),
        ("9999-12-31T23:59:59-14:00", 400),
    ],
)
def test_take_any_time_that_there_is(http: Http, when: str, status: int) -> None:
    """At the ends of time some hours have no name in other zones."""
    http.post("/sessions", {"session": "s"})
    said = {"user": "The boat is called Marlin", "occurred_at": when, "host_key": "k"}
    turn = http.post("/session/turns", said, session="s")
    assert turn["occurred_at"] == when
    assert http.post("/flush")["delivered"] is True
    for name in ("since", "until", "as_of", "asked_at"):
        http.post("/session/recall", {"query": "boat yesterday", name: when}, status, session="s")
    (found,) = http.post("/session/recall", {"query": "boat Marlin"}, session="s")
    assert found["occurred_at"] == when


def test_narrow_a_recall_by_tag_groups(http: Http) -> None:
    for text, tags in (("Ferries leave at noon", ["travel", "sea"]), ("Ferries are white", ["travel"])):
        http.post("/notes", {"text": text, "tags": tags})
    http.post("/flush")
    group = {"and": [{"tags": ["travel"]}, {"not": {"tags": ["sea"]}}]}
    assert [one["text"] for one in http.post("/recall", {"query": "ferries", "tags": group})] == ["Ferries are white"]
    assert len(http.post("/recall", {"query": "ferries", "tags": ["travel"]})) == 2
    assert len(http.post("/recall", {"query": "ferries", "tags": ["travel", "sea"]})) == 1


def test_explain_and_reflect(http: Http) -> None:
    http.post("/sessions", {"session": "s"})
    http.post("/session/turns", {"user": "The boat is called Marlin"}, session="s")
    http.post("/flush")
    wanted = {"document": "session:s", "turn": 1}
    asked = {"query": "What is the boat called?"}
    for explained in (
        http.post("/explain", {**asked, "wanted": wanted}),
        http.post("/session/explain", {**asked, "wanted": wanted}, session="s"),
    ):
        assert explained[0]["returned"] is True
    for answer in (http.post("/reflect", asked), http.post("/session/reflect", asked, session="s")):
        assert "Marlin" in answer["text"]


def test_forget_with_a_proof_that_tells_no_paths_of_the_server(http: Http, house: House) -> None:
    http.post("/sessions", {"session": "s"})
    http.post("/session/turns", {"user": "The quincunxes of the harbour master are secret"}, session="s")
    http.post("/flush")
    stray = house.settings.home / "stray.txt"
    stray.write_text("The quincunxes of the harbour master are secret", "utf-8")
    proof = http.post("/forget", {"session": "s"})
    assert proof["complete"] is True
    assert {trace["path"] for trace in proof["traces"]} == {"stray.txt"}
    stray.unlink()
    assert http.post("/session/turns", {"user": "again"}, 410, session="s")["error"]["type"] == "ForgottenError"
    assert http.get("/sessions") == []


def test_forget_a_whole_bank(http: Http, house: House) -> None:
    http.post("/notes", {"text": "The quincunxes of the harbour master are secret"})
    other = Http(http.client, "bob")
    other.post("/notes", {"text": "Bob has a boat"})
    proof = http.post("/forget", {"everything": True})
    assert (proof["texts"], proof["traces"], proof["complete"]) == (1, [], True)
    assert http.get("/bank", 404)["error"]["type"] == "UnknownBankError"
    assert http.get("/banks") == [{"bank": "bob"}]
    http.post("/notes", {"text": "A new beginning"})
    assert [note["text"] for note in http.get("/notes")] == ["A new beginning"]
    assert [note["text"] for note in other.get("/notes")] == ["Bob has a boat"]


# Who may


@pytest.fixture
def asks(house: House) -> Any:
    """Requests of a given caller."""

    def make(caller: Caller, bank: str = "alice") -> Http:
        from threadline.server.app import create_app

        app = create_app(house)

        async def known(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {})["caller"] = caller
            await app(scope, receive, send)

        return Http(TestClient(known, raise_server_exceptions=False), bank)

    return make


def test_ask_for_the_scope_that_a_request_needs(asks: Any) -> None:
    asks(Caller()).post("/sessions", {"session": "s"})
    reader, writer = asks(Caller(scope="read")), asks(Caller(scope="write"))
    said = {"user": "The boat is called Marlin"}
    assert reader.post("/session/turns", said, 403, session="s")["error"]["type"] == "AccessError"
    assert reader.get("/session/turns", session="s") == []
    assert reader.post("/session/recall", {"query": "boat", "fresh": True}, session="s") == []
    reader.post("/session/prefetch", {"query": "boat"}, 202, session="s")
    writer.post("/session/turns", said, session="s")
    assert writer.post("/rebuild", {}, 403)["error"]["type"] == "AccessError"
    assert writer.post("/forget", {"everything": True}, 403)["error"]["type"] == "AccessError"
    writer.post("/forget", {"session": "s"})


def test_show_a_key_only_its_own_banks(asks: Any) -> None:
    asks(Caller()).post("/notes", {"text": "Alice has a boat"})
    bob = asks(Caller(banks=frozenset({"bob"})))
    hidden = bob.get("/bank/status", 404)["error"]
    asks(Caller(), "carol")
    assert hidden == {
        **hidden,
        "message": asks(Caller(), "alice2").get("/bank", 404)["error"]["message"].replace("2", ""),
    }
    assert bob.get("/banks") == []
    assert bob.post("/notes", {"text": "x"}, 404)["error"] == hidden


def test_keep_tenants_apart_even_in_a_proof(asks: Any) -> None:
    """The files of other tenants lie below those of `default`; its proofs tell nothing of them."""
    ours, theirs = asks(Caller()), asks(Caller(tenant="other"))
    for one in (ours, theirs):
        one.post("/sessions", {"session": "s"})
        one.post("/session/turns", {"user": "The quincunxes of the harbour master are secret"}, session="s")
        assert one.post("/flush")["delivered"] is True
    files = ours.post("/forget", {"document": "session:s"})
    assert (files["traces"], files["complete"]) == ([], True)
    assert len(theirs.post("/session/recall", {"query": "quincunxes"}, session="s")) == 1
    ours.post("/notes", {"text": "The pentagons of the harbour master are secret"})
    before = ours.post("/forget", {"document": f"note:{ours.get('/notes')[0]['id']}"})
    theirs.post("/notes", {"text": "x" * 1_000_000})
    note = ours.post("/notes", {"text": "The hexagons of the harbour master are secret"})
    after = ours.post("/forget", {"document": f"note:{note['id']}"})
    assert after["files"] == before["files"]
    assert after["bytes"] < before["bytes"] + 500_000
