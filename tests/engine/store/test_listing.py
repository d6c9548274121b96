"""Documents and memories of a bank, page by page, and what becomes of the lists when somebody edits a memory."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.documents import Batch, Passage, Query, Scope, Span
from threadline.engine.bank import Bank
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.store.base import Entity, Item
from threadline.engine.store.curation import Change, Curation
from threadline.engine.store.listing import Listing, MemoryFilter
from threadline.engine.store.pages import Span as Part
from threadline.engine.store.sources import Sources
from threadline.errors import InputError
from threadline.tags import AllOf, AnyOf, NotOf, TagFilter, Tags

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
ALL = Part(1_000)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    opened = Bank(tmp_path / "bank", FakeEmbedder())
    yield opened
    opened.close()


@pytest.fixture
def listing(bank: Bank) -> Listing:
    return Listing(bank.shelf)


@pytest.fixture
def sources(bank: Bank) -> Sources:
    return Sources(bank.shelf)


def item(source: str, *texts: str, hours: float = 0, **more: Any) -> Item:
    moment = NOON + timedelta(hours=hours)
    return Item(source, tuple((text,) for text in texts), moment, more.pop("stored_at", moment), **more)


def put(bank: Bank, *items: Item, **more: Any) -> None:
    assert bank.put(items, f"key-{secrets.token_hex(8)}", **more)


def say(bank: Bank, session: str, *turns: tuple[str, str]) -> None:
    passages = [
        Passage(turn, position, role, text, NOON + timedelta(minutes=turn), None, None)
        for turn, pair in enumerate(turns, start=1)
        for position, (role, text) in enumerate(zip(("user", "assistant"), pair, strict=True))
    ]
    document = f"session:{session}"
    bank.retain(Batch("bank", document, f"{document}-{len(turns)}", tuple(passages), retained_at=NOON))


def texts(listing: Listing, span: Part = ALL, **wanted: Any) -> list[str]:
    return [unit.text for unit in listing.memories(MemoryFilter(**wanted), span).items]


def found(bank: Bank, text: str) -> list[str]:
    return [hit.memory.text for hit in bank.recall(Query(text))]


def unit_of(listing: Listing, text: str) -> str:
    return next(unit.id for unit in listing.memories(MemoryFilter(), ALL).items if unit.text == text)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    opened = Bank(tmp_path_factory.mktemp("tagged"))
    sets = ["", "x", "y", "xy", "yz", "xyz"]
    opened.put([item(f"d-{names}", f"text {names}", tags=tuple(names)) for names in sets], "all")
    opened.put([item("d-", "more"), item("d-x", "more", tags=("z",))], "appended")
    yield opened
    opened.close()


class TestMemories:
    def test_those_said_last_come_first_and_those_without_a_time_last(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("a", "early"), item("b", "late", hours=2), item("c", "ever", hours=9, extra={"timeless": True}))
        say(bank, "s", ("asked", "answered"))
        assert texts(listing) == ["late", "answered", "asked", "early", "ever"]

    def test_a_time_in_another_zone_is_the_moment_it_is(self, bank: Bank, listing: Listing) -> None:
        there = datetime.fromisoformat("2026-03-05T23:00:00+12:00")  # an hour before noon in UTC
        put(bank, item("a", "noon"), Item("b", (("before",),), there, there))
        assert texts(listing) == ["noon", "before"]

    def test_pages_follow_each_other_and_say_how_many_there_are(self, bank: Bank, listing: Listing) -> None:
        put(bank, *[item(f"d{number}", f"text {number}") for number in range(7)])
        pages = [listing.memories(MemoryFilter(), Part(3, offset)) for offset in (0, 3, 6, 9)]
        assert [page.total for page in pages] == [7] * 4
        assert [unit.text for page in pages for unit in page.items] == [f"text {number}" for number in range(6, -1, -1)]
        assert listing.memories(MemoryFilter(), Part(0)).items == ()

    def test_filters(self, bank: Bank, listing: Listing) -> None:
        put(
            bank,
            item("a", "Über den Wolken", entities=(Entity("Lima"),), tags=("x",)),
            item("b", "nothing", "something", context="On a Cloud"),
        )
        say(bank, "s", ("asked", "answered"))
        lima = bank.shelf.parse_entity(bank.shelf.entity_ids(["Lima"])["Lima"])
        assert texts(listing, type="experience") == ["answered"]
        assert texts(listing, type="world", document="session:s") == ["asked"]
        assert texts(listing, type="nonsense") == []
        assert texts(listing, document="b", chunk=1) == ["something"]
        assert texts(listing, entity=lima) == ["Über den Wolken"]
        assert texts(listing, text="ÜBER DEN") == ["Über den Wolken"]
        assert texts(listing, text="on a cloud") == ["something", "nothing"]
        assert texts(listing, text="%") == []
        assert texts(listing, tags=Tags("x")) == ["Über den Wolken"]

    def test_a_window_of_time_is_about_the_field_asked_for(self, bank: Bank, listing: Listing) -> None:
        put(
            bank,
            item("a", "old", stored_at=NOON + timedelta(days=9)),
            item("b", "new", hours=48, stored_at=NOON),
            item("c", "told", extra={"occurred_start": "2020-01-01T00:00:00+00:00"}, stored_at=NOON),
        )
        day = Part(10, 0, NOON + timedelta(days=1), NOON + timedelta(days=10))
        assert texts(listing, day) == ["old"]
        assert texts(listing, day, time_field="created_at") == ["old"]
        assert texts(listing, day, time_field="mentioned_at") == ["new"]
        assert texts(listing, time_field="occurred_start") == ["told"]
        assert texts(listing, time_field="occurred_end") == []
        edge = Part(10, 0, NOON, NOON + timedelta(days=9))
        assert texts(listing, edge) == ["told", "new"]  # from the first moment on, before the last

    def test_counts_and_the_series_of_time(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("a", "one", "two"), item("b", "three", hours=30))
        say(bank, "s", ("asked", "answered"))
        counts = listing.counts()
        assert (counts.documents, counts.memories) == (3, {"world": 4, "experience": 1})
        assert counts.written_at == NOON + timedelta(hours=30)
        midnight = NOON.replace(hour=0)
        series = listing.timeseries("created_at", "day", midnight)
        assert series == {
            midnight: {"world": 3, "experience": 1},
            midnight + timedelta(days=1): {"world": 1},
        }
        assert listing.timeseries("occurred_start", "hour", NOON + timedelta(hours=1)) == {
            NOON + timedelta(hours=30): {"world": 1}
        }


class TestTags:
    def test_the_most_used_first_whatever_the_case(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("a", "one", "two", tags=("User:Ann", "b")), item("b", "three", tags=("b", "a[1]?")))
        assert listing.tags(None, ALL).items == (("b", 3), ("User:Ann", 2), ("a[1]?", 1))
        assert listing.tags("user:*", ALL).items == (("User:Ann", 2),)
        assert listing.tags("A[1]?", ALL).items == (("a[1]?", 1),)
        assert listing.tags("ann", ALL).items == ()
        assert listing.tags(None, Part(1, 1)).total == 3

    conditions = st.recursive(
        st.builds(
            lambda names, match: Tags(*names, match=match),
            st.lists(st.sampled_from("xyz"), max_size=2),
            st.sampled_from(["any", "all", "any_strict", "all_strict", "exact"]),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
            st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
            inner.map(NotOf),
        ),
        max_leaves=6,
    )

    @given(condition=conditions)
    def test_sql_says_what_the_filter_says(self, tagged: Bank, condition: TagFilter) -> None:
        units = Listing(tagged.shelf).memories(MemoryFilter(), ALL).items
        of_document: dict[str, set[str]] = {}
        for unit in units:
            of_document.setdefault(unit.document, set()).update(unit.tags)
        wanted = {unit.id for unit in units if condition.passes(frozenset(unit.tags))}
        listed = Listing(tagged.shelf).memories(MemoryFilter(tags=condition), ALL)
        assert {unit.id for unit in listed.items} == wanted
        assert listed.total == len(wanted)
        documents = Sources(tagged.shelf).page(ALL, tags=condition).items
        assert {each.id for each in documents} == {
            name for name, tags in of_document.items() if condition.passes(frozenset(tags))
        }

    def test_thousands_of_groups_are_no_trouble(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("a", "one", tags=("t7",)))
        many = AnyOf(tuple(Tags(f"t{number}", match="any_strict") for number in range(5_000)))
        assert texts(listing, tags=many) == ["one"]


class TestEntities:
    def test_how_many_memories_mention_them_alone_and_together(self, bank: Bank, listing: Listing) -> None:
        ann, bob, lima = (Entity(name) for name in ("Ann", "Bob", "Lima"))
        put(
            bank,
            item("a", "one", "two", entities=(ann, bob), tags=("t",)),
            item("b", "three", hours=1, entities=(ann, lima)),
        )
        ids = bank.shelf.entity_ids(["Ann", "Bob", "Lima"])
        assert [(each.name, each.count) for each in listing.entities(ALL).items] == [
            ("Ann", 3),
            ("Bob", 2),
            ("Lima", 1),
        ]
        only = listing.entity(ids["Ann"], Tags("t"))
        assert only is not None
        assert (only.count, only.last_seen) == (2, NOON)
        assert listing.entity(ids["Lima"], Tags("t")) is None
        pairs = [(each.first, each.second, each.count) for each in listing.together(10)]
        assert pairs == [(ids["Ann"], ids["Bob"], 2), (ids["Ann"], ids["Lima"], 1)]
        assert len(listing.together(10, least=2)) == len(listing.together(1)) == 1


class TestDocuments:
    def test_a_document_is_all_of_its_items(self, bank: Bank, sources: Sources) -> None:
        put(bank, item("doc", "first. ", "second", tags=("a",), metadata={"k": "v"}, extra={"params": {"p": 1}}))
        put(bank, item("doc", "third", hours=3, tags=("b",), metadata={"k": "w"}))
        document = sources.get("doc")
        assert document is not None
        assert sources.text("doc") == "first. second\nthird"
        assert (document.length, document.tags, document.metadata) == (19, ("a", "b"), {"k": "w"})
        assert (document.created_at, document.updated_at) == (NOON, NOON + timedelta(hours=3))
        assert document.memories == {"world": 3}
        chunks = sources.chunks("doc", ALL)
        assert chunks is not None
        assert [(chunk.index, chunk.text) for chunk in chunks.items] == [(0, "first. "), (1, "second"), (2, "third")]
        assert sources.chunk("doc", 2) == chunks.items[2]
        missing = [sources.chunk("doc", 3), sources.get("no"), sources.text("no"), sources.chunks("no", ALL)]
        assert missing == [None] * 4
        assert [event.kind for event in sources.events("doc", ALL).items] == ["append", "retain"]

    def test_a_session_is_a_document_whose_turns_are_its_chunks(self, bank: Bank, sources: Sources) -> None:
        say(bank, "s", ("How?", "So."), ("And?", "No."))
        assert sources.text("session:s") == "user: How?\nassistant: So.\nuser: And?\nassistant: No."
        chunk = sources.chunk("session:s", 1)
        assert chunk is not None
        assert chunk.text == "user: And?\nassistant: No."

    def test_the_one_written_last_comes_first(self, bank: Bank, sources: Sources) -> None:
        put(bank, item("a", "x"), item("b", "y", hours=1))
        put(bank, item("a", "z", hours=2))
        assert [each.id for each in sources.page(ALL).items] == ["a", "b"]
        assert [each.id for each in sources.page(ALL, time_field="created_at").items] == ["b", "a"]
        assert [each.id for each in sources.page(Part(9, 0, NOON + timedelta(minutes=1))).items] == ["b"]
        assert sources.page(Part(1, 1)).total == 2

    def test_what_is_looked_for_is_in_the_id_or_in_the_text(self, bank: Bank, sources: Sources) -> None:
        put(bank, item("report", "ÖL"), item("b", "a Report"), item("c", "none"))
        matched = {each.id: each.matched for each in sources.page(ALL, text="rEPORT").items}
        assert matched == {"report": ("id",), "b": ("original_text",)}
        assert [each.id for each in sources.page(ALL, text="öl").items] == ["report"]


class TestCuration:
    def test_an_edited_memory_keeps_its_id_and_is_found_by_its_new_text(
        self, bank: Bank, listing: Listing, sources: Sources
    ) -> None:
        put(bank, item("doc", "Ann moved to Oslo. ", "She likes it.", tags=("t",), entities=(Entity("Ann"),)))
        unit = unit_of(listing, "Ann moved to Oslo.")
        assert bank.curate(unit, Change(text="Ann moved to Bergen.", context="letters"))
        after = listing.memory(unit)
        assert after is not None
        assert (after.id, after.text, after.context, after.chunk) == (unit, "Ann moved to Bergen.", "letters", 0)
        assert (after.tags, after.entities, after.document) == (("t",), ("Ann",), "doc")
        assert after.edited_at is not None
        assert "Ann moved to Bergen." in found(bank, "Bergen")
        assert not any("Oslo" in text for text in found(bank, "Oslo"))
        assert sources.text("doc") == "Ann moved to Oslo. She likes it."  # the document is what was handed in
        assert sorted(texts(listing, document="doc")) == ["Ann moved to Bergen.", "She likes it."]
        assert bank.curate(unit, Change(text="Ann moved to Lima."))
        assert [entry["text"] for entry in Curation(bank.shelf).history(unit)] == [
            "Ann moved to Oslo.",
            "Ann moved to Bergen.",
        ]
        assert sources.page(ALL).total == 1

    def test_an_invalid_memory_is_not_found_and_comes_back(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("doc", "The gate is red.", tags=("t",), entities=(Entity("gate"),)))
        unit = unit_of(listing, "The gate is red.")
        assert bank.curate(unit, Change(state="invalidated", reason="it was painted"))
        assert found(bank, "gate") == texts(listing) == []
        assert listing.entities(ALL).total == 0
        gone = listing.memory(unit)
        assert gone is not None
        assert (gone.state, gone.reason, gone.text) == ("invalidated", "it was painted", "The gate is red.")
        assert texts(listing, state="invalidated") == ["The gate is red."]
        assert texts(listing, state="invalidated", tags=Tags("u")) == []
        assert texts(listing, state="invalidated", text="GATE", document="doc") == ["The gate is red."]
        with pytest.raises(InputError, match="revert it"):
            bank.curate(unit, Change(text="The gate is blue."))
        assert bank.shelf.retag("doc", ["u"])
        assert bank.curate(unit, Change(state="valid"))
        back = listing.memory(unit)
        assert back is not None
        assert (back.state, back.tags, back.entities) == ("valid", ("u",), ("gate",))
        assert found(bank, "gate") == ["The gate is red."]

    def test_everything_else_of_a_memory_can_be_changed_too(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("doc", "It rained.", entities=(Entity("rain"),)))
        unit = unit_of(listing, "It rained.")
        day = "2020-02-02T00:00:00+00:00"
        assert bank.curate(unit, Change(type="experience", mentioned_at="", occurred_start=day, entities=("Oslo",)))
        after = listing.memory(unit)
        assert after is not None
        assert (after.type, after.mentioned_at, after.entities) == ("experience", None, ("Oslo",))
        assert after.occurred("start") == datetime.fromisoformat(day)
        assert bank.curate(unit, Change(mentioned_at=day, occurred_start=""))
        again = listing.memory(unit)
        assert again is not None
        assert (again.mentioned_at, again.occurred("start")) == (datetime.fromisoformat(day), None)

    def test_a_piece_of_a_long_message_of_a_session(self, bank: Bank, listing: Listing, sources: Sources) -> None:
        long = "\n\n".join(f"Part {number} is about {word} " + "and so on " * 60 for number, word in enumerate("abc"))
        say(bank, "s", (long, "I see."))
        pieces = listing.memories(MemoryFilter(type="world"), ALL).items
        assert len(pieces) > 2
        before = {unit.id: unit.text for unit in pieces}
        whole = sources.text("session:s")
        assert bank.curate(pieces[1].id, Change(text="Another text."))
        after = {unit.id: unit.text for unit in listing.memories(MemoryFilter(type="world"), ALL).items}
        assert after == {**before, pieces[1].id: "Another text."}
        assert sources.text("session:s") == whole
        say(bank, "s", (long, "I see."), ("More?", "No."))  # what the journal says again is not doubled
        assert len(texts(listing)) == len(before) + 3

    def test_what_is_forgotten_is_forgotten_with_its_edits(self, bank: Bank, listing: Listing, tmp_path: Path) -> None:
        say(bank, "s", ("The code is swordfish.", "Yes."), ("Go.", "On."))
        put(bank, item("doc", "The key is marlin."))
        for old, new in (("The code is swordfish.", "The code is tuna."), ("The key is marlin.", "The key is cod.")):
            assert bank.curate(unit_of(listing, old), Change(text=new))
        bank.forget("session:s", [1])
        assert sorted(texts(listing)) == ["Go.", "On.", "The key is cod."]
        assert bank.shelf.delete("doc") == 1
        bank.forget("session:s")
        assert texts(listing) == []
        left = b"".join(file.read_bytes() for file in (tmp_path / "bank").rglob("*") if file.is_file())
        assert [word for word in (b"swordfish", b"tuna", b"marlin", b"cod.") if word in left] == []

    def test_a_rebuild_keeps_what_was_edited(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("doc", "one", "two"))
        unit, other = unit_of(listing, "one"), unit_of(listing, "two")
        bank.curate(unit, Change(text="uno"))
        bank.curate(other, Change(state="invalidated"))
        bank.rebuild()
        assert {each.id: each.text for each in listing.memories(MemoryFilter(), ALL).items} == {unit: "uno"}

    def test_an_edit_that_dies_before_it_is_written_changed_nothing(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("doc", "The gate is red."))
        unit = unit_of(listing, "The gate is red.")

        def die(moment: str, names: tuple[str, ...]) -> None:
            if moment == "commit" and "engine.curate" in names:
                raise KeyboardInterrupt

        bank.shelf.database.observer = die
        for change in (Change(text="The gate is blue."), Change(state="invalidated")):
            with pytest.raises(KeyboardInterrupt):
                bank.curate(unit, change)
        bank.shelf.database.observer = None
        assert found(bank, "gate") == ["The gate is red."]
        assert listing.memories(MemoryFilter(state="invalidated"), ALL).total == 0
        assert Curation(bank.shelf).history(unit) == []

    def test_edits_at_the_same_time_are_all_kept(self, bank: Bank, listing: Listing) -> None:
        put(bank, item("doc", "0"))
        unit = unit_of(listing, "0")
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda number: bank.curate(unit, Change(text=f"{number}")), range(1, 17)))
        history = [entry["text"] for entry in Curation(bank.shelf).history(unit)]
        assert history[0] == "0"
        assert sorted(map(int, [*history, *texts(listing)])) == list(range(17))

    def test_there_is_no_such_memory(self, bank: Bank) -> None:
        put(bank, item("doc", "one"))
        assert not bank.curate(bank.shelf.public_id(1, 5), Change(text="x"))
        assert not bank.curate("00000000-0000-0000-0000-000000000007", Change(text="x"))

    def test_a_session_sees_what_was_edited_of_it_as_far_as_it_sees_the_turn(
        self, bank: Bank, listing: Listing
    ) -> None:
        say(bank, "s", ("The gate is red.", "Noted."), ("Hm.", "Well."))
        unit = unit_of(listing, "The gate is red.")
        bank.curate(unit, Change(text="The gate is blue."))

        def seen(scope: Scope) -> list[str]:
            return [hit.memory.text for hit in bank.recall(Query("Which colour is the gate?", scope))]

        blue = "The gate is blue."
        assert blue in seen(Scope({"session:s": Span(2)}))
        assert blue in seen(Scope({"session:s": Span(None)}))
        assert blue not in seen(Scope({"session:s": Span(2, frozenset({1}))}))
        assert blue not in seen(Scope({"session:s": Span(0)}))
        assert blue not in seen(Scope({"session:t": Span(None)}))
        assert blue not in seen(Scope(hidden={"session:s": frozenset({1})}))
        hit = next(hit for hit in bank.recall(Query("gate")) if hit.memory.text == blue)
        assert (hit.memory.document, hit.memory.passage.turn, hit.memory.passage.position) == ("session:s", 1, 0)
        bank.retract("session:s", [1])
        assert blue not in found(bank, "gate")
