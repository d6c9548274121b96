"""Tenants, banks, tags and keys driven at random over HTTP, against a model of dictionaries.

Everything kept holds a word that is nowhere else. No answer to anybody - neither a field, a header, an error, a figure
nor a line of the log - may hold a word of what its caller may not see, and every count is that of what they may see.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from threadline.server.house import House
from threadline.server.keys import Keys
from threadline.settings import Settings

from .guarded import bearer, guarded

TENANTS = ("default", "north", "south")
BANKS = ("alpha", "beta")
TAGS = ("red", "blue", "green")
DOCUMENTS = ("d1", "d2", "d3")
ALIASES = ("nick", "handle")
MATCHES = ("any", "all", "any_strict", "all_strict", "exact")

#: Set, it is the number of examples, and they are new ones each time.
EXAMPLES = os.environ.get("THREADLINE_EXAMPLES")

TENANT = st.sampled_from(TENANTS)
BANK = st.sampled_from(BANKS)
TAGGED = st.sets(st.sampled_from(TAGS), max_size=2)
DOCUMENT = st.sampled_from(DOCUMENTS)
PICK = st.integers(0, 99)


@dataclass(frozen=True)
class Said:
    """One memory."""

    word: str
    tags: frozenset[str]

    @property
    def text(self) -> str:
        return f"The door of {self.word} is green."

    def passes(self, tags: set[str], match: str) -> bool:
        """Whether a filter lets it through."""
        if not tags or (not self.tags and match in ("any", "all")):
            return True
        if match == "exact":
            return self.tags == tags
        return bool(self.tags & tags) if match.startswith("any") else self.tags >= tags


@dataclass
class Bank:
    """What the model knows of a bank that exists."""

    documents: dict[str, list[Said]] = field(default_factory=dict)
    aliases: set[str] = field(default_factory=set)
    directives: dict[str, str] = field(default_factory=dict)  # ids and words
    operations: set[str] = field(default_factory=set)
    name: str | None = None  # a word, too

    def said(self) -> list[Said]:
        return [one for said in self.documents.values() for one in said]

    def words(self) -> set[str]:
        named = {self.name} if self.name else set()
        return {one.word for one in self.said()} | set(self.directives.values()) | named


class Caller:
    """A key: its tenant, and the banks that it may see."""

    def __init__(self, keys: Keys, tenant: str, banks: tuple[str, ...] = (), scope: str = "admin") -> None:
        _, self.token = keys.create(tenant, banks, scope)
        self.tenant, self.banks, self.scope = tenant, banks or BANKS, scope


class Isolation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        home = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="threadline-isolation-")))
        house = House(Settings(home=home, redact=False), embedder=lambda: None)
        self.stack.callback(house.close, 5.0)
        self.keys = Keys(home)
        self.stack.callback(self.keys.close)
        self.log = self.stack.enter_context(_logged())
        self.client = self.stack.enter_context(guarded(house, self.keys))
        self.banks: dict[tuple[str, str], Bank] = {}
        self.words: set[str] = set()  # every one there ever was
        self.seen_ids: dict[tuple[str, str], dict[str, str]] = {}  # kinds of ids of banks, also of those that are gone

    @initialize()
    def begin(self) -> None:
        self.admins = {tenant: Caller(self.keys, tenant) for tenant in TENANTS}
        self.narrow = {tenant: Caller(self.keys, tenant, ("alpha",), "write") for tenant in TENANTS}
        self.readers = {tenant: Caller(self.keys, tenant, ("beta",), "read") for tenant in TENANTS}
        self.tokens = {one.token for group in (self.admins, self.narrow, self.readers) for one in group.values()}
        for tenant in TENANTS:
            for bank in BANKS:
                self._retain(tenant, bank, {"red"}, "d1")
                self._direct(tenant, bank)

    def teardown(self) -> None:
        try:
            for tenant in TENANTS:
                self._look_over(tenant)
            self._figures()
        finally:
            self.stack.close()

    # What is kept

    @rule(tenant=TENANT, bank=BANK, tags=TAGGED, document=DOCUMENT, append=st.booleans(), later=st.booleans())
    def retain(self, tenant: str, bank: str, tags: set[str], document: str, append: bool, later: bool) -> None:
        self._retain(tenant, bank, tags, document, append, later)

    def _retain(
        self, tenant: str, bank: str, tags: set[str], document: str, append: bool = False, later: bool = False
    ) -> None:
        one = Said(self._word(), frozenset(tags))
        item = {"content": one.text, "tags": sorted(tags), "document_id": document}
        if append:
            item["update_mode"] = "append"
        body = {"items": [item], "async": later}
        known = self.banks.setdefault((tenant, bank), Bank())
        answer = self._ask(self.admins[tenant], "POST", f"{bank}/memories", 200, json=body)
        if later:
            known.operations.add(answer["operation_id"])
            self._settle(tenant, bank, answer["operation_id"])
        before = known.documents.get(document, []) if append else []
        known.documents[document] = [*before, one]
        self._collect(tenant, bank)

    @rule(tenant=TENANT, bank=BANK)
    def direct(self, tenant: str, bank: str) -> None:
        self._direct(tenant, bank)

    def _direct(self, tenant: str, bank: str) -> None:
        if (tenant, bank) in self.banks:
            word = self._word()
            body = {"name": "tone", "content": f"Mind {word}."}
            made = self._ask(self.admins[tenant], "POST", f"{bank}/directives", 200, json=body)
            self.banks[tenant, bank].directives[made["id"]] = word

    @rule(tenant=TENANT, bank=BANK)
    def rename(self, tenant: str, bank: str) -> None:
        if (tenant, bank) in self.banks:
            self.banks[tenant, bank].name = word = self._word()
            self._ask(self.admins[tenant], "PATCH", bank, 200, json={"name": word})

    @rule(tenant=TENANT, bank=BANK, alias=st.sampled_from(ALIASES))
    def call_it(self, tenant: str, bank: str, alias: str) -> None:
        owner = self._owner(tenant, alias)
        if (tenant, bank) not in self.banks or owner is not None:
            return
        self._ask(self.admins[tenant], "POST", f"{bank}/aliases", (200, 201), json={"alias": alias})
        self.banks[tenant, bank].aliases.add(alias)

    # What is taken away

    @rule(tenant=TENANT, bank=BANK, document=DOCUMENT)
    def delete_document(self, tenant: str, bank: str, document: str) -> None:
        known = self.banks.get((tenant, bank))
        if known is None:
            return
        there = known.documents.pop(document, None)
        status = 404 if there is None else 200
        answer = self._ask(self.admins[tenant], "DELETE", f"{bank}/documents/{document}", status)
        assert there is None or answer["memory_units_deleted"] == len(there)

    @rule(tenant=TENANT, bank=BANK, again=st.booleans())
    def delete_bank(self, tenant: str, bank: str, again: bool) -> None:
        """What has its name afterwards is another bank."""
        self.banks.pop((tenant, bank), None)
        self._ask(self.admins[tenant], "DELETE", bank, 200)
        if again:
            self._retain(tenant, bank, {"blue"}, "d2")
            self._compare(tenant, bank, self.banks[tenant, bank])

    @rule(tenant=TENANT, bank=BANK)
    def clear(self, tenant: str, bank: str) -> None:
        if (tenant, bank) in self.banks:
            self.banks[tenant, bank].documents.clear()
            self._ask(self.admins[tenant], "DELETE", f"{bank}/memories", 200)

    @rule(tenant=TENANT, bank=BANK, alias=st.sampled_from(ALIASES))
    def forget_alias(self, tenant: str, bank: str, alias: str) -> None:
        known = self.banks.get((tenant, bank))
        if known is not None:
            status = (200, 204) if alias in known.aliases else 404
            self._ask(self.admins[tenant], "DELETE", f"{bank}/aliases/{alias}", status)
            known.aliases.discard(alias)

    # What is asked

    @rule(tenant=TENANT, bank=BANK, tags=TAGGED, match=st.sampled_from(MATCHES), pick=PICK, narrow=st.booleans())
    def recall(self, tenant: str, bank: str, tags: set[str], match: str, pick: int, narrow: bool) -> None:
        """By a word of anybody's: only what the bank has of it is found."""
        caller = self.narrow[tenant] if narrow else self.admins[tenant]
        known = self.banks.get((tenant, bank)) if bank in caller.banks else None
        word = sorted(self.words)[pick % len(self.words)] if self.words else "door"
        body: dict[str, Any] = {
            "query": f"What is green about {word}?",
            "tags": sorted(tags) or None,
            "tags_match": match,
            "include": {"chunks": {}, "entities": {}},
        }
        answer = self._ask(caller, "POST", f"{bank}/memories/recall", 404 if known is None else 200, json=body)
        if known is not None:
            allowed = {one.text for one in known.said() if one.passes(tags, match)}
            found = [result["text"] for result in answer["results"]]
            assert set(found) <= allowed
            assert len(found) == len(set(found))
            assert {text for text in allowed if word in text} <= set(found)

    @rule(tenant=TENANT, alias=st.sampled_from(ALIASES), narrow=st.booleans())
    def recall_by_alias(self, tenant: str, alias: str, narrow: bool) -> None:
        caller = self.narrow[tenant] if narrow else self.admins[tenant]
        owner = self._owner(tenant, alias)
        seen = owner is not None and owner in caller.banks
        answer = self._ask(caller, "GET", f"{alias}/memories/list", 200 if seen else 404)
        if seen and owner is not None:
            assert answer["total"] == len(self.banks[tenant, owner].said())

    @rule(tenant=TENANT, bank=BANK, tags=TAGGED, match=st.sampled_from(MATCHES))
    def list_by_tags(self, tenant: str, bank: str, tags: set[str], match: str) -> None:
        known = self.banks.get((tenant, bank))
        if known is not None:
            query = {"tags": sorted(tags), "tags_match": match, "limit": 100}
            answer = self._ask(self.admins[tenant], "GET", f"{bank}/memories/list", 200, params=query)
            expected = sorted(one.text for one in known.said() if one.passes(tags, match))
            assert (sorted(item["text"] for item in answer["items"]), answer["total"]) == (expected, len(expected))

    @rule(tenant=TENANT, other=TENANT, bank=BANK, pick=PICK)
    def ask_for_an_id_of_another(self, tenant: str, other: str, bank: str, pick: int) -> None:
        """An id of another tenant's bank is answered as one that nobody has."""
        ids = self.seen_ids.get((other, bank))
        mine = next((name for name in BANKS if (tenant, name) in self.banks), None)
        if not ids or mine is None or (tenant == other and mine == bank):
            return
        kind = sorted(ids)[pick % len(ids)]
        path = {
            "memory": f"{mine}/memories/{{}}",
            "operation": f"{mine}/operations/{{}}",
            "directive": f"{mine}/directives/{{}}",
        }[kind]
        nobodys = str(uuid.uuid4())
        answers = [self._raw(self.admins[tenant], "GET", path.format(one)) for one in (ids[kind], nobodys)]
        there, nowhere = answers
        assert there.status_code == nowhere.status_code == (200 if kind == "operation" else 404), there.text
        assert there.text.replace(ids[kind], "*") == nowhere.text.replace(nobodys, "*")

    @rule(tenant=TENANT, bank=BANK)
    def ask_without_a_right(self, tenant: str, bank: str) -> None:
        """A bank that a key may not see, and one that is not there, are the same to it."""
        for caller in (self.narrow[tenant], self.readers[tenant]):
            hidden = next(name for name in BANKS if name not in caller.banks)
            for what in ("memories/list", "documents", "stats", "tags", "config", "operations", "directives"):
                one, other = self._raw(caller, "GET", f"{hidden}/{what}"), self._raw(caller, "GET", f"nobody/{what}")
                assert one.status_code == other.status_code
                assert one.text.replace(hidden, "*") == other.text.replace("nobody", "*")
        reader = self.readers[tenant]
        assert self._raw(reader, "POST", "beta/memories", json={"items": []}).status_code in (403, 404)
        assert self._raw(reader, "DELETE", "beta").status_code in (403, 404)

    @rule(tenant=TENANT, bank=BANK)
    def count(self, tenant: str, bank: str) -> None:
        known = self.banks.get((tenant, bank))
        if known is None:
            for what in ("memories/list", "stats", "documents", "tags"):
                self._ask(self.admins[tenant], "GET", f"{bank}/{what}", 404)
        else:
            self._compare(tenant, bank, known)

    @rule()
    def look_at_the_figures(self) -> None:
        self._figures()

    @invariant()
    def the_log_tells_nothing(self) -> None:
        told = self.log.getvalue()
        self.log.seek(0)
        self.log.truncate()
        assert not {word for word in self.words if word in told}
        assert not {token for token in getattr(self, "tokens", ()) if token in told}

    # How

    def _word(self) -> str:
        word = f"zq{len(self.words):03}x"
        self.words.add(word)
        return word

    def _owner(self, tenant: str, alias: str) -> str | None:
        owners = [name for (owner, name), bank in self.banks.items() if owner == tenant and alias in bank.aliases]
        return owners[0] if owners else None

    def _visible(self, caller: Caller) -> set[str]:
        own = [bank for (tenant, name), bank in self.banks.items() if tenant == caller.tenant and name in caller.banks]
        return {word for bank in own for word in bank.words()}

    def _raw(self, caller: Caller, method: str, path: str, **request: Any) -> Any:
        """Ask; whatever the answer is, it tells nothing that the caller may not see."""
        whole = path if path.startswith("/") else f"/v1/default/banks/{path}"
        answer = self.client.request(method, whole, headers=bearer(caller.token), **request)
        told = answer.text + str(answer.headers)
        asked = str(request) + path
        leaked = {word for word in self.words - self._visible(caller) if word in told and word not in asked}
        assert not leaked, f"{method} {path} tells {leaked}: {told}"
        assert answer.status_code < 500, told
        return answer

    def _ask(self, caller: Caller, method: str, path: str, status: int | tuple[int, ...], **request: Any) -> Any:
        answer = self._raw(caller, method, path, **request)
        assert answer.status_code in ((status,) if isinstance(status, int) else status), answer.text
        return answer.json() if answer.content else None

    def _settle(self, tenant: str, bank: str, operation: str) -> None:
        pause = threading.Event()
        for _ in range(1000):
            found = self._ask(self.admins[tenant], "GET", f"{bank}/operations/{operation}", 200)
            if found["status"] not in ("pending", "processing"):
                assert found["status"] == "completed", found
                return
            pause.wait(0.01)
        raise AssertionError(f"{operation} does not end")

    def _collect(self, tenant: str, bank: str) -> None:
        """Keep an id of each kind, to be asked for elsewhere."""
        known = self.banks[tenant, bank]
        listed = self._ask(self.admins[tenant], "GET", f"{bank}/memories/list", 200)["items"]
        ids = self.seen_ids.setdefault((tenant, bank), {})
        ids["memory"] = listed[0]["id"]
        for kind, those in (("operation", known.operations), ("directive", known.directives)):
            if those:
                ids[kind] = sorted(those)[0]

    def _compare(self, tenant: str, bank: str, known: Bank) -> None:
        """Everything that is told of a bank, in all its lists and counts."""
        admin, said = self.admins[tenant], known.said()
        listed = self._ask(admin, "GET", f"{bank}/memories/list", 200, params={"limit": 1000})
        assert sorted(item["text"] for item in listed["items"]) == sorted(one.text for one in said)
        assert listed["total"] == len(said)
        documents = self._ask(admin, "GET", f"{bank}/documents", 200)
        counts = {one["id"]: one["memory_unit_count"] for one in documents["items"]}
        assert counts == {name: len(kept) for name, kept in known.documents.items()}
        assert documents["total"] == len(known.documents)
        tags = {one["tag"]: one["count"] for one in self._ask(admin, "GET", f"{bank}/tags", 200)["items"]}
        assert tags == {tag: number for tag in TAGS if (number := sum(tag in one.tags for one in said))}
        stats = self._ask(admin, "GET", f"{bank}/stats", 200, params={"refresh": True})
        assert (stats["total_nodes"], stats["total_documents"]) == (len(said), len(known.documents))
        directives = self._ask(admin, "GET", f"{bank}/directives", 200)["items"]
        assert {one["id"] for one in directives} == known.directives.keys()
        operations = self._ask(admin, "GET", f"{bank}/operations", 200)["operations"]
        assert known.operations <= {one["id"] for one in operations}
        aliases = self._ask(admin, "GET", f"{bank}/aliases", 200)["aliases"]
        assert {one["alias"] for one in aliases} == known.aliases

    def _look_over(self, tenant: str) -> None:
        for caller in (self.admins[tenant], self.narrow[tenant], self.readers[tenant]):
            listed = self._ask(caller, "GET", "/v1/default/banks", 200)
            own = {name: bank for (owner, name), bank in self.banks.items() if owner == tenant and name in caller.banks}
            assert {one["bank_id"]: one["fact_count"] for one in listed["banks"]} == {
                name: len(bank.said()) for name, bank in own.items()
            }
        for (owner, name), bank in self.banks.items():
            if owner == tenant:
                self._compare(tenant, name, bank)

    def _figures(self) -> None:
        """The page of figures names nobody."""
        told = self._raw(self.admins["default"], "GET", "/metrics").text
        assert not {word for word in self.words if word in told}
        assert not {name for name in (*BANKS, "north", "south", *ALIASES) if f'"{name}"' in told}


@contextlib.contextmanager
def _logged() -> Iterator[io.StringIO]:
    """Everything that anybody logs, with what each record carries."""
    told = io.StringIO()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith("httpx"):  # the client is the test's own
                told.write(f"{record.getMessage()} {record.__dict__}\n")

    root, listener = logging.getLogger(), Listener(logging.DEBUG)
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield told
    finally:
        root.removeHandler(listener)
        root.setLevel(level)


TestIsolation = Isolation.TestCase
TestIsolation.settings = settings(
    max_examples=int(EXAMPLES or 15),
    stateful_step_count=30,
    derandomize=EXAMPLES is None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
