"""What the tests of a backend, an embedder or a host need: fakes, and the contracts that every one keeps.

A backend of your own is held to it like this, with pytest:

    from threadline.testing import BackendContract

    class TestMine(BackendContract):
        @pytest.fixture
        def backend(self):
            backend = MyBackend(...)   # with none of the bank `contract` in it
            yield backend
            backend.close()

Each test uses banks of its own. What the capabilities leave out is not asked for. An embedder of your own is held to
`EmbedderContract` in the same way, with a fixture `embedder`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from threadline.backends.base import Backend
from threadline.backends.fake import FakeBackend, FakeState, Fault
from threadline.documents import Batch, Passage, Query, Removal, Run, Scope, Span
from threadline.engine.models.base import Embedder
from threadline.engine.models.fake import FakeEmbedder
from threadline.errors import BackendRefusedError
from threadline.tags import Tags

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["BackendContract", "EmbedderContract", "FakeBackend", "FakeEmbedder", "FakeState", "Fault"]

_BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def batch(
    bank: str, document: str, *texts: str, first: int = 1, tags: Sequence[str] = (), key: str | None = None
) -> Batch:
    """A batch of one-message turns: turn `first` says the first text, and so on."""
    kind, _, name = document.partition(":")
    passages = tuple(
        Passage(turn, 0, "user", text, _BEGAN + timedelta(minutes=turn)) for turn, text in enumerate(texts, first)
    )
    return Batch(
        bank=bank,
        document=document,
        key=key or f"{document}/{first}-{first + len(texts) - 1}",
        passages=passages,
        tags=tuple(tags),
        metadata={"session": name} if kind == "session" else {},
        first=first,
        last=first + len(texts) - 1,
        session=name if kind == "session" else None,
        retained_at=_BEGAN,
    )


class BackendContract:
    """What delivery and recall rely on. Subclass it and give it a fixture `backend`."""

    @staticmethod
    def new_bank() -> str:
        """The name of a bank that nobody used before."""
        return f"contract-{uuid.uuid4().hex[:12]}"

    @staticmethod
    def count(backend: Backend, bank: str, word: str, scope: Scope = Scope()) -> int:  # noqa: B008 - immutable
        """How often a word is told by what a recall for it finds. One that finds by meaning finds others, too."""
        return sum(one.text.count(word) for one in backend.recall(bank, Query(word, scope)))

    def test_recall_what_was_retained(self, backend: Backend) -> None:
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "Alice keeps bees in Lisbon"))
        (found,) = backend.recall(bank, Query("bees"))
        assert "Alice keeps bees in Lisbon" in found.text
        assert (found.document, found.session, found.turn) == ("session:s", "s", 1)
        assert found.tokens > 0

    def test_find_nothing_in_an_unknown_bank(self, backend: Backend) -> None:
        assert backend.recall(self.new_bank(), Query("anything")) == []

    def test_keep_what_a_later_batch_does_not_say_again(self, backend: Backend) -> None:
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "the first cormorant"))
        first = 2 if backend.capabilities.appends else 1
        texts = ("the second cormorant",) if first == 2 else ("the first cormorant", "the second cormorant")
        backend.retain(batch(bank, "session:s", *texts, first=first, key="second"))
        assert self.count(backend, bank, "cormorant") == 2

    def test_change_nothing_when_a_batch_is_sent_again(self, backend: Backend) -> None:
        if not backend.capabilities.idempotent_retain:
            return
        bank = self.new_bank()
        sent = batch(bank, "session:s", "one heron", "another heron")
        backend.retain(sent)
        backend.retain(sent)
        if backend.capabilities.appends:
            backend.retain(batch(bank, "session:s", "a third heron", first=3))
            backend.retain(sent)
        assert self.count(backend, bank, "heron") == (3 if backend.capabilities.appends else 2)

    def test_keep_banks_apart(self, backend: Backend) -> None:
        one, other = self.new_bank(), self.new_bank()
        backend.retain(batch(one, "session:s", "a secret otter"))
        backend.retain(batch(other, "session:s", "a public badger"))
        assert self.count(backend, other, "otter") == 0
        assert self.count(backend, one, "otter") == 1

    def test_see_no_other_document_than_the_scope_names(self, backend: Backend) -> None:
        bank = self.new_bank()
        backend.retain(batch(bank, "session:mine", "my plover"))
        backend.retain(batch(bank, "session:theirs", "their plover"))
        found = backend.recall(bank, Query("plover", Scope(documents={"session:mine": Span()})))
        assert {one.session for one in found} == {"mine"}

    def test_see_a_document_up_to_the_fork(self, backend: Backend) -> None:
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "before the wren"))
        first = 2 if backend.capabilities.appends else 1
        texts = ("after the wren",) if first == 2 else ("before the wren", "after the wren")
        backend.retain(batch(bank, "session:s", *texts, first=first, key="second"))
        scope = Scope(documents={"session:s": Span(last_turn=1)})
        found = backend.recall(bank, Query("wren", scope))
        assert not any("after" in one.text for one in found)
        if backend.capabilities.appends:
            assert [one.turn for one in found] == [1]
        assert backend.recall(bank, Query("wren", Scope(documents={"session:s": Span(last_turn=0)}))) == []

    def test_hide_a_turn_that_was_taken_back_before_it_is_gone(self, backend: Backend) -> None:
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "a shy rail"))
        hidden = frozenset({1})
        assert self.count(backend, bank, "rail", Scope(hidden={"session:s": hidden})) == 0
        assert self.count(backend, bank, "rail", Scope(documents={"session:s": Span(hidden=hidden)})) == 0

    def test_recall_by_tags(self, backend: Backend) -> None:
        bank = self.new_bank()
        backend.retain(batch(bank, "session:a", "a red kite", tags=["travel", "food"]))
        backend.retain(batch(bank, "session:b", "a black kite", tags=["travel"]))
        found = backend.recall(bank, Query("kite", tags=Tags("travel", "food")))
        assert [one.session for one in found] == ["a"]
        assert set(found[0].tags) == {"travel", "food"}
        assert (
            len(
                backend.recall(
                    bank,
                    Query(
                        "kite",
                        tags=Tags("travel"),
                    ),
                )
            )
            == 2
        )

    def test_keep_within_limit_and_budget(self, backend: Backend) -> None:
        bank = self.new_bank()
        for number in range(1, 6):
            backend.retain(batch(bank, f"session:s{number}", f"gull number {number}"))
        assert len(backend.recall(bank, Query("gull", limit=2))) == 2
        found = backend.recall(bank, Query("gull", max_tokens=9))
        assert sum(one.tokens for one in found) <= 9

    def test_answer_from_what_the_scope_sees(self, backend: Backend) -> None:
        if not backend.capabilities.reflects:
            return
        bank = self.new_bank()
        backend.retain(batch(bank, "session:mine", "my avocet nests in May", tags=["birds"]))
        backend.retain(batch(bank, "session:theirs", "their avocet nests in June", tags=["birds"]))
        try:
            answer = backend.reflect(bank, Query("avocet", Scope(documents={"session:mine": Span()})))
            untagged = backend.reflect(
                bank,
                Query(
                    "avocet",
                    tags=Tags("fish"),
                ),
            )
        except BackendRefusedError:
            return  # it answers with a language model and was given none
        assert answer.text
        assert {one.session for one in answer.memories} <= {"mine"}
        assert "June" not in answer.text
        assert untagged.memories == ()

    def test_quote_nothing_but_its_memories(self, backend: Backend) -> None:
        if not backend.capabilities.reflects:
            return
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "The avocet nests in May.", "The avocet left in August."))
        try:
            answer = backend.reflect(bank, Query("avocet", max_tokens=200))
        except BackendRefusedError:
            return
        if answer.extractive:
            assert len(answer.memories) == 2
            assert all(one.text in answer.text for one in answer.memories)

    def test_retract_a_turn(self, backend: Backend) -> None:
        if not backend.capabilities.deletes:
            return
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "a kept tern", "a tern taken back"))
        left = batch(bank, "session:s", "a kept tern")
        backend.retract(Removal(bank, "session:s", (2,), (Run(1, 2, left),)))
        assert self.count(backend, bank, "tern") == 1
        assert not any("taken back" in one.text for one in backend.recall(bank, Query("tern")))

    def test_retract_all_that_a_batch_said(self, backend: Backend) -> None:
        if not backend.capabilities.deletes:
            return
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "a fleeting swift"))
        removal = Removal(bank, "session:s", (1,), (Run(1, 1, None),))
        backend.retract(removal)
        backend.retract(removal)
        assert self.count(backend, bank, "swift") == 0

    def test_retract_what_is_not_there(self, backend: Backend) -> None:
        if backend.capabilities.deletes:
            backend.retract(Removal(self.new_bank(), "session:none", (1,)))

    def test_forget_a_document_and_nothing_else(self, backend: Backend) -> None:
        if not backend.capabilities.deletes:
            return
        bank = self.new_bank()
        backend.retain(batch(bank, "session:s", "a lost crane"))
        backend.retain(batch(bank, "session:s-2", "another crane"))
        backend.retain(batch(bank, "note:n", "a noted crane"))
        backend.forget(Removal(bank, "session:s"))
        backend.forget(Removal(bank, "session:unknown"))
        assert sorted(one.document for one in backend.recall(bank, Query("crane"))) == ["note:n", "session:s-2"]

    def test_forget_a_bank(self, backend: Backend) -> None:
        if not backend.capabilities.deletes:
            return
        bank = self.new_bank()
        sent = batch(bank, "session:s", "a lone stork")
        backend.retain(sent)
        backend.forget_bank(bank)
        backend.forget_bank(bank)
        assert backend.recall(bank, Query("stork")) == []
        backend.retain(sent)
        assert self.count(backend, bank, "stork") == 1, "begun anew, it takes what it had before"

    def test_take_any_id_and_any_text(self, backend: Backend) -> None:
        bank = self.new_bank()
        for at, name in enumerate(("a/b", "../x", "a%2Fb", "ü ñ 日本", "a#1", "a?b=c")):
            backend.retain(
                batch(bank, f"session:{name}", f"pipit number {at} said \N{GRINNING FACE} 'so' \"there\" \\")
            )
        found = {one.session for one in backend.recall(bank, Query("pipit"))}
        assert found == {"a/b", "../x", "a%2Fb", "ü ñ 日本", "a#1", "a?b=c"}
        if backend.capabilities.deletes:
            for session in found:
                backend.forget(Removal(bank, f"session:{session}"))
            assert backend.recall(bank, Query("pipit")) == []

    def test_close_twice(self, backend: Backend) -> None:
        backend.close()
        backend.close()


class EmbedderContract:
    """What retain and recall rely on. Subclass it and give it a fixture `embedder`, used by one test after another."""

    #: How far apart the components of two vectors of one text may lie: models that round are not exact.
    tolerance = 1e-3

    @staticmethod
    def check(vectors: npt.NDArray[np.float32], count: int, embedder: Embedder) -> None:
        """So many rows of unit length; a row of zeros is one that says nothing."""
        import numpy as np

        assert vectors.shape == (count, embedder.dimensions)
        assert vectors.dtype == np.float32
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.all(np.isclose(lengths, 1, atol=1e-4) | (lengths == 0)), lengths

    def alike(self, one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
        """Whether two arrays hold the same vectors."""
        import numpy as np

        return one.shape == other.shape and bool(np.allclose(one, other, atol=self.tolerance))

    def test_say_what_it_is(self, embedder: Embedder) -> None:
        assert isinstance(embedder.name, str)
        assert embedder.name.strip()
        assert isinstance(embedder.dimensions, int)
        assert embedder.dimensions > 0

    def test_give_a_unit_row_for_each_text(self, embedder: Embedder) -> None:
        vectors = embedder.embed(["I moved to Lisbon in May.", "The bees are doing well.", "Trains, not planes."])
        self.check(vectors, 3, embedder)
        assert vectors.any(axis=1).all()

    def test_put_like_meanings_near_each_other(self, embedder: Embedder) -> None:
        near, nearer, far = embedder.embed(
            ["the cat sat on the mat", "a cat sat down on the mat", "quarterly report about value added tax"]
        )
        assert near @ nearer > near @ far

    def test_embed_no_texts(self, embedder: Embedder) -> None:
        self.check(embedder.embed([]), 0, embedder)

    def test_take_a_text_of_nothing(self, embedder: Embedder) -> None:
        texts = ["", " \n\t ", "not nothing"]
        vectors = embedder.embed(texts)
        self.check(vectors, 3, embedder)
        assert vectors[2].any()
        for text in texts:
            self.check(embedder.embed_query(text)[None], 1, embedder)

    def test_take_a_very_long_text(self, embedder: Embedder) -> None:
        long = ["the heron waits by the river " * 5_000, "x" * 100_000]
        self.check(embedder.embed([*long, "short"]), 3, embedder)
        self.check(embedder.embed_query(long[0])[None], 1, embedder)

    def test_take_any_language(self, embedder: Embedder) -> None:
        texts = ["Я переехал в Лиссабон", "里斯本的蜜蜂", "انتقلت إلى لشبونة", "\N{HONEYBEE} \N{SLEEPING FACE}", "a\0b"]
        self.check(embedder.embed(texts), len(texts), embedder)

    def test_embed_a_text_alike_in_any_company(self, embedder: Embedder) -> None:
        texts = [f"on day {number} the harbour was {'very ' * (number % 9)}quiet" for number in range(150)]
        vectors = embedder.embed(texts)
        self.check(vectors, len(texts), embedder)
        for place in (0, 1, 63, 64, 65, 127, 128, 149):
            assert self.alike(embedder.embed([texts[place]])[0], vectors[place]), place
        assert self.alike(embedder.embed(texts[::-1])[::-1], vectors)

    def test_embed_a_question(self, embedder: Embedder) -> None:
        question = "who moved to Lisbon?"
        vector = embedder.embed_query(question)
        self.check(vector[None], 1, embedder)
        assert self.alike(embedder.embed_query(question), vector)
        assert not self.alike(embedder.embed_query("what do the bees do?"), vector)
        texts = ["he moved to Lisbon", "quarterly report about value added tax"]
        assert (embedder.embed(texts) @ vector).argmax() == 0

    def test_work_in_several_threads(self, embedder: Embedder) -> None:
        texts = [f"{word} number {number}" for word in ("gull", "heron") for number in range(20)]
        alone, question = embedder.embed(texts), embedder.embed_query("heron")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(embedder.embed, [texts] * 8))
            questions = list(pool.map(embedder.embed_query, ["heron", "gull"] * 8))
        assert all(self.alike(vectors, alone) for vectors in found)
        assert all(self.alike(vector, question) for vector in questions[::2])

    def test_work_again_after_close(self, embedder: Embedder) -> None:
        texts = ["the first", "the second"]
        name, vectors, question = embedder.name, embedder.embed(texts), embedder.embed_query("which?")
        embedder.close()
        embedder.close()
        assert self.alike(embedder.embed(texts), vectors)
        assert self.alike(embedder.embed_query("which?"), question)
        assert embedder.name == name
